"""A purge on save reaches other processes, and no fill that read before COMMIT undoes it.

``python -m tests.long races`` does it at full size, with PostgreSQL and Redis, too.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.django import races


@pytest.mark.network
def test_no_request_after_a_save_gets_an_older_page() -> None:
    with tempfile.TemporaryDirectory() as folder, races.lmdb() as store, races.sqlite() as database:
        raced = races.race(8, Path(folder), store, database)
    assert raced.lost == []
    assert raced.races == 8
    assert raced.hits > 0


def test_the_judge_sees_a_race_that_is_lost() -> None:
    done = [1.0, 3.0]
    asked = [(0.5, 1.5, 0, False), (1.5, 1.6, 0, True), (2.0, 4.0, 2, False), (3.5, 3.6, 1, True)]
    raced = races.judged(done, asked)
    assert raced.lost == [
        "0 where 1 was saved before, a hit",
        "1 where 2 was saved before, a hit",
    ]
    assert (raced.requests, raced.hits, raced.fills_across) == (4, 2, 1)
