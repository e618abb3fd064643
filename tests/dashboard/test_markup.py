"""How texts of strangers and numbers are written."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from wsgicache.dashboard.markup import (
    Column,
    count,
    duration,
    link,
    ratio,
    shown,
    size,
    table,
    token,
)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("/a?b=c", "/a?b=c"),
        ("größe", "größe"),
        ("a\x00b\x1b[31m\x7f\x85", "a\\x00b\\x1b[31m\\x7f\\x85"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("a\u2028b\ufeff\udcff", "a\\u2028b\\ufeff\\udcff"),
        ("a" * 200 + "b" * 101, "a" * 200 + " … " + "b" * 100 + " (301 characters)"),
    ],
)
def test_a_text_of_strangers(text: str, seen: str) -> None:
    assert shown(text) == seen


@pytest.mark.parametrize(
    ("write", "number", "text"),
    [
        (count, 1234567, "1,234,567"),
        (size, 0, "0 B"),
        (size, 1023, "1023 B"),
        (size, 1536, "1.5 KiB"),
        (size, 3 << 40, "3.0 TiB"),
        (ratio, None, "–"),
        (ratio, 0.0, "0 %"),
        (ratio, 0.5, "50 %"),
        (ratio, 0.87349, "87.3 %"),
        (ratio, 0.99999, "99.9 %"),
        (ratio, 1.0, "100 %"),
        (duration, None, "–"),
        (duration, 0.0004, "0.4 ms"),
        (duration, 0.25, "250 ms"),
        (duration, 5.0, "5 s"),
        (duration, 5.26, "5.3 s"),
        (duration, 125.0, "2 min 5 s"),
        (duration, 7200.0, "2 h"),
        (duration, 90_000.0, "1 d 1 h"),
        (duration, -61.0, "-1 min 1 s"),
    ],
)
def test_numbers(write: object, number: float, text: str) -> None:
    assert callable(write)
    assert write(number).replace("\N{NO-BREAK SPACE}", " ") == text


def test_nothing_of_a_stranger_is_markup() -> None:
    hostile = "\"'><script>alert(1)</script>"
    for written in (
        link("entries", hostile, q=hostile),
        token(hostile, hostile),
        table(hostile, [Column(hostile)], [(hostile,)]),
        table(hostile, [Column(hostile)], [], empty=hostile),
    ):
        assert isinstance(written, Markup)
        assert "<script" not in written
        assert '">' not in written.replace('">&', "").replace('scope="col">', "").replace(
            'role="table">', ""
        ).replace('role="rowgroup">', "").replace('role="row">', "").replace('class="empty">', "")
