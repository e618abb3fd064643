"""Whose pages a write ends: a row per clause."""

from __future__ import annotations

import pytest

from tests.rules.messages import answer, date, rows
from wsgicache.rules.own_writes import written


@pytest.mark.parametrize(
    ("cookies", "lines", "ended"),
    rows(
        ("without any", [], [], []),
        ("those of its cookies", ["a=1; b=2"], [], ["a=1; b=2"]),
        ("each once", ["a=1", "b=2", "a=1"], [], ["a=1", "b=2"]),
        ("6265 §5.3 a first cookie", [], ["a=1"], ["a=1"]),
        ("6265 §5.3 a new cookie comes last", ["a=1"], ["b=2; Path=/"], ["a=1", "a=1; b=2"]),
        ("6265 §5.3 a new value", ["a=1; b=2"], [" a = 3 ;Secure"], ["a=1; b=2", "a=3; b=2"]),
        (
            "6265 §5.3 for each that it has",
            ["a=1", "b=2"],
            ["a=3"],
            ["a=1", "b=2", "a=3", "b=2; a=3"],
        ),
        (
            "6265 §5.2 tabs are white space",
            ["a\t=1;\tb=2\t"],
            ["\ta\t=\t3\t;\tPath=/"],
            ["a\t=1;\tb=2\t", "a=3; b=2"],
        ),
        (
            "6265 §5.2 in attributes, too",
            ["a=1"],
            ["b=2", "b=;\tMax-Age\t=\t0"],
            ["a=1"],
        ),
        ("6265 §5.3 two lines", ["a=1"], ["a=2", "a=3"], ["a=1", "a=3"]),
        ("6265 §5.2 Max-Age ends it", ["a=1; b=2"], ["a=; max-AGE = 0"], ["a=1; b=2", "b=2"]),
        ("6265 §5.2 below zero, too", ["a=1; b=2"], ["a=; Max-Age=-1"], ["a=1; b=2", "b=2"]),
        ("6265 §5.2 no number", ["a=1"], ["a=2; Max-Age=x"], ["a=1", "a=2"]),
        ("6265 §5.3 Expires ends it", ["a=1; b=2"], [f"a=; Expires={date()}"], ["a=1; b=2", "b=2"]),
        ("6265 §5.3 later it does not", ["a=1"], [f"a=2; expires={date(1)}"], ["a=1", "a=2"]),
        ("6265 §5.1 no date", ["a=1"], ["a=2; Expires=0"], ["a=1", "a=2"]),
        (
            "6265 §5.3 Max-Age counts more than Expires",
            ["a=1"],
            [f"a=2; Expires={date(-1)}; Max-Age=60"],
            ["a=1", "a=2"],
        ),
        ("6265 §5.4 the last one ends", ["a=1"], ["a=; Max-Age=0"], ["a=1"]),
        ("one that was not there ends", ["a=1"], ["b=; Max-Age=0"], ["a=1"]),
    ),
)
def test_written(cookies: list[str], lines: list[str], ended: list[str]) -> None:
    assert written(cookies, answer(200, set_cookie=lines)) == ended


def test_more_lines_than_are_looked_at() -> None:
    lines = [f"a{number}=1" for number in range(100)]
    assert written([], answer(200, set_cookie=lines)) == ["; ".join(lines[:64])]
