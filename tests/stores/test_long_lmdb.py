"""A few of what `long_lmdb` does at full size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.stores.long_lmdb import (
    MIB,
    WORKERS,
    check_bound,
    check_killed,
    check_memory,
    check_missed,
    check_reads,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


def test_no_process_reads_near_what_another_has_purged(tmp_path: Path) -> None:
    done, purges, older = check_reads(tmp_path, 4_000)
    assert (done, older) == (4_000, 0)
    assert purges


def test_a_killed_writer_leaves_nothing_half(tmp_path: Path) -> None:
    assert [len(took) for took in check_killed(tmp_path, 3)] == [3, 3]


def test_the_files_have_their_bound(tmp_path: Path) -> None:
    _, kept = check_bound(tmp_path, 1_500)
    assert kept


def test_who_waits_for_a_killed_process_goes_on(tmp_path: Path) -> None:
    assert len(check_missed(tmp_path, 1)) == 1


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_workers_have_their_memory_and_little_more(tmp_path: Path) -> None:
    grown = check_memory(tmp_path, 300)
    assert len(grown) == WORKERS
    assert sum(grown) <= (WORKERS * 16 + 64) * MIB
