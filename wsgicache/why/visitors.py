"""Ask the app for one page as several visitors, and compare what they get. Nothing is stored."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

from wsgicache.rules.cookies import cookie_name
from wsgicache.rules.model import FieldLines
from wsgicache.why.asked import Asked
from wsgicache.why.comparing import decoded
from wsgicache.why.trying import Outcome, Recorded, Recorder, StandingClock, Trial

__all__ = ["Comparison", "Differing", "Line", "Visit", "compare", "visit"]

if TYPE_CHECKING:
    from wsgicache.middleware import CacheMiddleware

_MOST_COMPARED = 256 * 1024
"""More bytes of a content are not compared."""
_MOST_LINES = 600
"""More lines that are not alike are not aligned."""
_MOST_SHOWN = 300
_LONGEST_LINE = 160
_AROUND = 2
"""Lines that are shown before and after a difference."""
_PIECE = re.compile(
    # A line; the beginning of a long one up to a tag, or anywhere.
    rf"[^\n]{{1,{_LONGEST_LINE}}}(?:\n|\Z)|[^\n]{{1,{_LONGEST_LINE}}}?>|[^\n]{{1,{_LONGEST_LINE}}}|\n"
)
_CHARSET = re.compile(r"charset=\"?([\w.:-]{1,40})", re.IGNORECASE)
_TEXTUAL = re.compile(
    r"\s*(?:text/|(?:application|image|multipart)/(?:[\w.-]+\+)?"
    r"(?:json|xml|javascript|x-www-form-urlencoded|yaml|graphql|svg)\b)",
    re.IGNORECASE,
)
_ABOUT_NOW = frozenset({"age", "date", "cache-status", "server-timing"})
"""Fields that differ by themselves."""


class Visit(NamedTuple):
    """What a visitor got."""

    outcome: Outcome
    """What the cache did, with the status and the fields that the visitor got."""
    answer: Recorded
    """What the app answered."""

    def value(self, name: str) -> str:
        """Return the value of the field *name* as the visitor got it, its lines joined."""
        fields = self.outcome.fields
        return ", ".join(_told(one, value) for one, value in fields if one.lower() == name)


class Line(NamedTuple):
    """A line of a difference."""

    sign: str
    """``-`` for the first answer, ``+`` for the second, a space for both; empty for a gap."""
    text: str


class Differing(NamedTuple):
    """A field that differs."""

    name: str
    first: str
    other: str
    """Its values, empty without the field."""
    by_itself: bool
    """Whether it differs between two answers to the same visitor, too."""


@dataclass(frozen=True)
class Comparison:
    """In what an answer differs from that to another visitor."""

    fields: tuple[Differing, ...]
    is_same: bool
    """Whether the contents are the same, byte by byte."""
    differs_by_itself: bool
    """Whether the same visitor got two contents."""
    only_by_itself: bool
    """Whether the contents differ in the same lines only as those to the same visitor."""
    why_not: str
    """Why no lines are compared although the contents differ, or an empty text."""
    lines: tuple[Line, ...]
    """The lines that differ, with what surrounds them."""
    left_out: int
    """How many lines more there are."""


def visit(cache: CacheMiddleware, url: str, fields: FieldLines, remote: str = "") -> Visit:
    """Ask the app of *cache* for *url* with *fields*, as for a page that is not stored.

    The request takes the way of any other, through a cache that keeps nothing. *remote* is the
    address that the app sees.
    """
    changes = (("REMOTE_ADDR", remote),) if remote else ()
    asked = Asked(url, fields, changes=changes)
    recorder = Recorder(cache.app, cache.policy.max_content)
    clock = StandingClock(cache.clock.now(), cache.clock.wall())
    outcome = Trial(asked, recorder, cache.policy, cache._routes.all, clock).walk()
    answer = recorder.recorded or Recorded(outcome.status, list(outcome.fields))
    return Visit(outcome, answer)


def compare(first: Visit, again: Visit, other: Visit) -> Comparison:
    """Compare what *other* got with what another visitor got, *first* and *again*."""
    mine, others, same = decoded(first.answer), decoded(other.answer), decoded(again.answer)
    why_not = "" if mine == others else _why_not(first.answer, other.answer)
    lines: list[Line] = []
    beyond = mine != others
    if mine != others and not why_not:
        pieces, other_pieces = _pieces(first.answer), _pieces(other.answer)
        found = _Alignment(pieces, other_pieces)
        lines = [*found.lines()]
        if not lines:
            why_not = f"they are the same for the first {_MOST_COMPARED:,} bytes"
        beyond = not found.touched <= _Alignment(pieces, _pieces(again.answer)).touched
    return Comparison(
        tuple(_fields(first, again, other)),
        mine == others,
        mine != same,
        mine != others and not beyond and not why_not,
        why_not,
        tuple(lines[:_MOST_SHOWN]),
        max(0, len(lines) - _MOST_SHOWN),
    )


def _fields(first: Visit, again: Visit, other: Visit) -> Iterator[Differing]:
    names = {name.lower(): name for one in (first, other) for name, _ in one.outcome.fields}
    for name in sorted(names.keys() - _ABOUT_NOW):
        mine, others = first.value(name), other.value(name)
        if mine != others:
            yield Differing(names[name], mine, others, mine != again.value(name))


def _told(name: str, value: str) -> str:
    """Return the *value* of a field without what logs a visitor in."""
    if name.lower() != "set-cookie":
        return value
    pair, semicolon, attributes = value.partition(";")
    return f"{cookie_name(pair)}=…{semicolon}{attributes}"


def _why_not(first: Recorded, other: Recorded) -> str:
    """Return why the contents have no lines to compare, or an empty text."""
    for answer in (first, other):
        kind = answer.value("Content-Type") or ""
        content = decoded(answer)
        if content and (not _TEXTUAL.match(kind) or b"\0" in content[:_MOST_COMPARED]):
            kind = kind.partition(";")[0].strip() or "content without a type"
            return f"{kind} is no text ({len(decoded(first)):,} and {len(decoded(other)):,} bytes)"
        if (answer.value("Content-Encoding") or "identity").lower() not in _CODINGS:
            return f"the content is coded as {answer.value('Content-Encoding')}"
    return ""


_CODINGS = ("identity", "gzip", "x-gzip", "deflate")


def _pieces(answer: Recorded) -> list[str]:
    """Return the lines of a content; long ones are cut, behind a tag where there is one."""
    content = decoded(answer)[:_MOST_COMPARED]
    found = _CHARSET.search(answer.value("Content-Type") or "")
    try:
        charset = codecs.lookup(found[1] if found else "utf-8").name
        # Its time grows with the square of the length, and no page is coded so.
        charset = "utf-8" if charset == "punycode" else charset
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):
        text = content.decode("utf-8", "replace")
    return [piece.rstrip("\r\n") for piece in _PIECE.findall(text)]


class _Alignment:
    """Which lines of *mine* are where in *others*."""

    def __init__(self, mine: list[str], others: list[str]) -> None:
        start, least = 0, min(len(mine), len(others))
        while start < least and mine[start] == others[start]:
            start += 1
        end = 0
        while end < least - start and mine[-1 - end] == others[-1 - end]:
            end += 1
        self._begin = max(0, start - _AROUND)
        tail = max(0, end - _AROUND)
        whole = mine[self._begin : len(mine) - tail], others[self._begin : len(others) - tail]
        self._is_cut = max(map(len, whole)) > _MOST_LINES
        self._mine, self._others = (one[:_MOST_LINES] for one in whole)
        self._groups = (
            [*SequenceMatcher(None, self._mine, self._others).get_grouped_opcodes(_AROUND)]
            if self._mine != self._others
            else []
        )

    @property
    def touched(self) -> set[int]:
        """Return the numbers of the lines of *mine* that differ, or before which there are more."""
        return {
            self._begin + number
            for group in self._groups
            for kind, a, b, _, _ in group
            if kind != "equal"
            for number in range(a, max(b, a + 1))
        }

    def lines(self) -> Iterator[Line]:
        """Yield the lines that differ, and a few around them."""
        for number, group in enumerate(self._groups):
            if number or self._begin or group[0][1]:
                yield Line("", "…")
            for kind, a, b, c, d in group:
                if kind == "equal":
                    yield from (Line(" ", text) for text in self._mine[a:b])
                    continue
                yield from (Line("-", text) for text in self._mine[a:b])
                yield from (Line("+", text) for text in self._others[c:d])
        if self._is_cut:
            yield Line("", f"… what follows {_MOST_LINES:,} lines is not compared")
