"""Values to text, and back: what is written is read as what was meant."""

from __future__ import annotations

import pytest

from tests.rules.messages import rows
from wsgicache.rules.fields import (
    Directives,
    dictionary,
    parse_cache_control,
    parse_targeted,
    string,
    written,
)


@pytest.mark.parametrize(
    ("directives", "text"),
    rows(
        ("§5.2 none", {}, ""),
        ("§5.2 no argument", {"no-store": None}, "no-store"),
        ("§5.2 a token", {"max-age": "60", "x": "y"}, "max-age=60, x=y"),
        ("§5.2 what is no token", {"x": "a b", "y": 'a"\\'}, 'x="a b", y="a\\"\\\\"'),
        ("§5.2 an empty one", {"x": ""}, 'x=""'),
        ("§5.2.2.4 field names", {"no-cache": "a"}, 'no-cache="a"'),
        ("§5.2.2.7 field names", {"private": "a,b"}, 'private="a,b"'),
    ),
)
def test_written(directives: Directives, text: str) -> None:
    assert written(directives) == text
    assert parse_cache_control(text) == directives


@pytest.mark.parametrize(
    ("directives", "text", "read"),
    rows(
        ("9213 §2.1 a flag", {"no-store": None}, "no-store", True),
        ("9213 §2.1 a number", {"max-age": "60"}, "max-age=60", True),
        ("9213 §2.1 a string", {"private": "a"}, 'private="a"', True),
        ("9213 §2.1 several", {"public": None, "max-age": "0"}, "public, max-age=0", True),
        ("9213 §2.1 what is no number", {"max-age": "x"}, 'max-age="x"', False),
    ),
)
def test_dictionary(directives: Directives, text: str, read: bool) -> None:
    assert dictionary(directives) == text
    assert parse_targeted(text) == (directives if read else None)


def test_string() -> None:
    assert string('a"b\\c') == '"a\\"b\\\\c"'
