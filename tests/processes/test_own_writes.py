"""A client reads its own writes, whichever process it asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.own_writes import CLIENTS, play

ROUNDS = 50


@pytest.mark.parametrize("shared", ["lmdb", "memcached", "redis"], indirect=True)
def test_two_processes_know_of_each_others_writes(shared: str, tmp_path: Path) -> None:
    stale, hits, asked = play(shared, tmp_path, ROUNDS)
    assert asked == CLIENTS * ROUNDS * 6
    assert stale == 0
    assert hits >= asked / 2
