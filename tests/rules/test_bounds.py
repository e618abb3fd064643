"""How much is remembered of what clients and apps say."""

from __future__ import annotations

import pytest

from tests.rules.messages import rows
from tests.test_floors import MODULES
from wsgicache.rules.bounds import Remembered


@pytest.mark.parametrize(
    ("asked", "remembered"),
    rows(
        ("as long as is worth it", "a" * 10, True),
        ("one character more", "a" * 11, False),
        ("several", ("a" * 5, None, ("b" * 5, 7)), True),
        ("several, longer together", ("a" * 5, None, ("b" * 6, 7)), False),
        ("no text", 7, True),
    ),
)
def test_what_is_remembered(asked: object, remembered: bool) -> None:
    worked_out: list[object] = []

    def work_out(asked: object) -> int:
        worked_out.append(asked)
        return len(worked_out)

    known: Remembered[object, int] = Remembered(work_out, 3, 10)
    assert known[asked] == 1
    assert known[asked] == (1 if remembered else 2)
    assert worked_out == [asked] * (1 if remembered else 2)
    assert len(known) == remembered


def test_what_is_full_begins_anew() -> None:
    known = Remembered(str, 3)
    for number in range(100):
        assert known[number] == str(number)
        assert 1 <= len(known) <= 3


def test_nothing_is_remembered_without_these_bounds() -> None:
    """What the library has for that bounds how many texts it holds, and not how long they are."""
    for name, path in MODULES.items():
        source = path.read_text("utf-8")
        assert "lru_cache" not in source, name
        assert "import cache\n" not in source, name
