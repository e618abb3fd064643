"""Byte ranges as they are written: a row per clause."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.rules.messages import rows
from tests.rules.texts import (
    Parser,
    before_a_line_end,
    check_linear,
    each_parser,
    for_any_text,
    padded_by_no_space,
)
from wsgicache.rules.ranges import parse_content_range, parse_ranges

Spans = list[tuple[int, int]]


@pytest.mark.parametrize(
    ("value", "length", "ranges"),
    rows(
        ("9110 §14.1.2 first and last", "bytes=2-4", 10, [(2, 4)]),
        ("9110 §14.1.2 one byte", "bytes=0-0", 10, [(0, 0)]),
        ("9110 §14.1.2 to the end", "bytes=7-", 10, [(7, 9)]),
        ("9110 §14.1.2 a suffix", "bytes=-3", 10, [(7, 9)]),
        ("9110 §14.1.2 a suffix longer than all", "bytes=-30", 10, [(0, 9)]),
        ("9110 §14.1.2 past the end", "bytes=7-99", 10, [(7, 9)]),
        ("9110 §14.1.2 numbers without end", "bytes=7-" + "9" * 400, 10, [(7, 9)]),
        ("9110 §14.1.2 leading zeros", "bytes=" + "0" * 30 + "1-002", 10, [(1, 2)]),
        ("9110 §14.1.1 the unit in any case", "Bytes=0-1", 10, [(0, 1)]),
        ("9110 §14.1.2 a list", "bytes=0-1,4-5", 10, [(0, 1), (4, 5)]),
        ("9110 §14.1.2 a list with white space", "bytes= 0-1\t, ,4-5 ", 10, [(0, 1), (4, 5)]),
        ("9110 §14.1.2 only some satisfiable", "bytes=0-1,50-60", 10, [(0, 1)]),
        ("9110 §14.1.2 unsatisfiable", "bytes=10-", 10, []),
        ("9110 §14.1.2 an empty suffix", "bytes=-0", 10, []),
        ("9110 §14.1.2 nothing to cut", "bytes=0-", 0, []),
        ("9110 §14.1.2 an empty suffix of nothing", "bytes=-0", 0, []),
        ("9110 §14.4 all of nothing", "bytes=-3", 0, None),
        ("9110 §14.1.2 the only byte", "bytes=0-0", 1, [(0, 0)]),
        ("9110 §14.1.2 a suffix before another", "bytes=-1,0-0", 10, [(9, 9), (0, 0)]),
        ("9110 §14.2 another unit", "items=0-1", 10, None),
        ("9110 §14.2 no unit", "0-1", 10, None),
        ("9110 §14.1.1 reversed", "bytes=4-2", 10, None),
        ("9110 §14.1.1 one of them reversed", "bytes=0-1,4-2", 10, None),
        ("9110 §14.1.1 no numbers", "bytes=-", 10, None),
        ("9110 §14.1.1 letters", "bytes=a-b", 10, None),
        ("9110 §14.1.1 a space within", "bytes=0 -1", 10, None),
        ("9110 §14.1.1 malformed, of nothing", "bytes=a-b", 0, None),
        ("9110 §14.2 more than the whole", "bytes=0-8,1-9", 10, None),
        ("9110 §14.2 one byte more than the whole", "bytes=0-5,5-9", 10, None),
        ("9110 §14.2 as much as the whole", "bytes=5-9,0-4", 10, [(5, 9), (0, 4)]),
        ("9110 §14.2 the whole again and again", "bytes=0-,0-,0-", 10, None),
        ("9110 §14.2 more than allowed", "bytes=0-0,1-1,2-2,3-3", 10, None),
        ("9110 §14.2 as many as allowed", "bytes=0-0,1-1,2-2", 10, [(0, 0), (1, 1), (2, 2)]),
    ),
)
def test_parse_ranges(value: str, length: int, ranges: Spans | None) -> None:
    assert parse_ranges(value, length, 3) == ranges


@pytest.mark.parametrize(
    ("value", "span"),
    rows(
        ("9110 §14.4 complete", "bytes 0-4/10", (0, 4, 10)),
        ("9110 §14.4 of unknown length", "bytes 0-4/*", (0, 4, None)),
        ("9110 §14.4 the unit in any case", "Bytes 0-4/10", (0, 4, 10)),
        ("9110 §14.4 white space", " bytes \t 0-4/10 ", (0, 4, 10)),
        ("9110 §14.4 tabs around it", "\tbytes 0-4/10\t", (0, 4, 10)),
        ("9110 §14.4 one byte", "bytes 0-0/1", (0, 0, 1)),
        ("9110 §14.4 unsatisfied", "bytes */10", None),
        ("9110 §14.4 reversed", "bytes 4-0/10", None),
        ("9110 §14.4 beyond the length", "bytes 0-10/10", None),
        ("9110 §14.4 another unit", "items 0-4/10", None),
        ("9110 §14.4 the form of Range", "bytes=0-4", None),
        ("9110 §14.4 two of them", "bytes 0-4/10, bytes 5-9/10", None),
        ("9110 §14.4 numbers without end", "bytes 0-" + "9" * 30 + "/*", None),
        ("9110 §14.4 empty", "", None),
        ("9110 §14.4 absent", None, None),
    ),
)
def test_parse_content_range(value: str | None, span: tuple[int, int, int | None] | None) -> None:
    assert parse_content_range(value) == span


# ── any text ─────────────────────────────────────────────────────────────────────────────────────

PARSERS: dict[str, Parser] = {
    "ranges": lambda text: parse_ranges(text, 1000, 16),
    "content-range": parse_content_range,
}


@each_parser(PARSERS)
@for_any_text
def test_parsers_are_total_and_say_the_same_twice(parse: Parser, text: str) -> None:
    assert parse(text) == parse(text)


@each_parser(PARSERS)
def test_parsers_are_linear(parse: Parser) -> None:
    check_linear(parse)


@padded_by_no_space
def test_only_space_and_tab_are_space(padded: Callable[[str], str]) -> None:
    assert parse_ranges(padded("bytes=0-0"), 10, 16) is None


@before_a_line_end
def test_nothing_matches_up_to_a_line_end(line_end: str) -> None:
    assert parse_content_range("bytes 0-0/1" + line_end) is None
    assert parse_ranges("bytes=0-0" + line_end, 10, 16) is None
