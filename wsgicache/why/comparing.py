"""Compare what an app answered, without what differs by itself: times, tokens, counters."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import chain, groupby

from wsgicache.rules.model import FieldLines
from wsgicache.why.trying import Recorded

__all__ = ["Pattern", "Template", "decoded"]

_WORD = re.compile(rb"[0-9A-Za-z_\x80-\xff]+|\s+|[^0-9A-Za-z_\x80-\xff\s]")
_LETTERS = re.compile(rb"[0-9A-Za-z\x80-\xff]")
_NOT_THE_PAGE = frozenset(
    {
        # They differ by themselves, or follow from the content.
        *("date", "age", "cache-status", "server-timing", "content-length"),
        # They speak to caches.
        *("vary", "cache-control", "expires", "pragma"),
    }
)
"""Fields that are not compared."""
_BEFORE, _AFTER = 8, 24
"""Bytes that are shown beside a difference."""
_MOST_ALIGNED = 20_000
"""More words between two that are the same are not aligned; all of them may differ."""
_FEW = 8
_MOST_DECODED = 64 * 1024 * 1024

Words = list[bytes | None]
"""The words of a text; None where any others may stand."""


class Pattern:
    """What texts have in common: pieces in this order, with anything between them."""

    def __init__(self, text: bytes) -> None:
        self._pieces: list[bytes] = [text]
        self.by_itself = ""
        """In what the texts differed first, if they did."""

    @property
    def is_empty(self) -> bool:
        """Whether the texts have no word in common that could be compared."""
        return len(self._pieces) > 1 and not any(map(_LETTERS.search, self._pieces))

    @property
    def common(self) -> bytes:
        """The pieces, with an ellipsis between them."""
        return "…".encode().join(self._pieces)

    def learn(self, text: bytes) -> None:
        """Take out what differs in another *text*."""
        found = self._where(text)
        if found is None:
            return
        self.by_itself = self.by_itself or shown(*found)
        mine: Words = []
        for piece in self._pieces:
            mine += [*_WORD.findall(piece), None]
        common = _common(mine[:-1], [*_WORD.findall(text)])
        pieces = [b""]
        for is_word, words in groupby(common, lambda word: word is not None):
            if is_word:
                pieces[-1] = b"".join(word for word in words if word is not None)
            else:
                pieces.append(b"")
        # A few signs between two gaps stand there by chance.
        middle = [piece for piece in pieces[1:-1] if _LETTERS.search(piece)]
        self._pieces = [pieces[0], *middle, pieces[-1]]

    def difference(self, text: bytes) -> str | None:
        """Return in what *text* differs, shortly, or None."""
        found = self._where(text)
        return None if found is None else shown(*found)

    def _where(self, text: bytes) -> tuple[bytes, bytes, int] | None:
        """Return what is expected, what stands there instead, and at which byte; or None."""
        first, *others = self._pieces
        if not others:
            return None if text == first else _parted(first, text, 0)
        if not text.startswith(first):
            return _parted(first, text, 0)
        at = len(first)
        for piece in others[:-1]:
            place = text.find(piece, at)
            if place < 0:
                return _parted(piece, text, at)
            at = place + len(piece)
        last = others[-1]
        if not text.endswith(last) or len(text) - len(last) < at:
            return _parted_before(last, text[at:], at)
        return None


def shown(mine: bytes, other: bytes, at: int) -> str:
    """Show a difference in one line."""
    return f"content at byte {at}: {_text(mine)!r} → {_text(other)!r}"


def _parted(mine: bytes, text: bytes, start: int) -> tuple[bytes, bytes, int]:
    """Return where *text*, from *start* on, parts from *mine*: what surrounds that place in both.

    With a *start* above 0, *mine* may begin later in *text*.
    """
    low, high = 0, len(mine)
    while low < high:  # the longest beginning that is there, by halves
        middle = (low + high + 1) // 2
        beginning = mine[:middle]
        if beginning in text[start:] if start else text.startswith(beginning):
            low = middle
        else:
            high = middle - 1
    place = text.find(mine[:low], start) if start else 0
    at = place + low
    shown_from = max(0, low - _BEFORE)
    return (
        mine[shown_from : low + _AFTER],
        text[place + shown_from : at + _AFTER],
        at,
    )


def _parted_before(mine: bytes, text: bytes, start: int) -> tuple[bytes, bytes, int]:
    """Return where *text*, seen from its end, parts from *mine*; *text* begins at byte *start*."""
    low, high = 0, len(mine)
    while low < high:  # the longest end that is there, by halves
        middle = (low + high + 1) // 2
        if text.endswith(mine[len(mine) - middle :]):
            low = middle
        else:
            high = middle - 1
    until, place = len(mine) - low + _BEFORE, len(text) - low + _BEFORE
    at = start + max(0, len(text) - low)
    return mine[max(0, until - _AFTER) : until], text[max(0, place - _AFTER) : place], at


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _common(mine: Words, other: Words) -> Words:
    """Return what two texts have in common, in their order, with None for what they have not."""
    start = 0
    least = min(len(mine), len(other))
    while start < least and mine[start] is not None and mine[start] == other[start]:
        start += 1
    end = 0
    while end < least - start and mine[-1 - end] is not None and mine[-1 - end] == other[-1 - end]:
        end += 1
    inner, others = mine[start : len(mine) - end], other[start : len(other) - end]
    tail = mine[len(mine) - end :]
    if (placed := _in_place(inner, others)) is not None:
        return [*mine[:start], *placed, *tail]
    return [*mine[:start], None, *_aligned(inner, others), None, *tail]


def _in_place(mine: Words, other: Words) -> Words | None:
    """Return what two texts have in common if most words stand in the same places, or None."""
    if len(mine) != len(other):
        return None
    both = [a if a == b else None for a, b in zip(mine, other, strict=True)]
    kept, all_words = (sum(not _is_a_sign(word) for word in words) for words in (both, mine))
    return both if len(both) <= _FEW or 2 * kept >= all_words else None


def _aligned(mine: Words, other: Words) -> Iterator[bytes | None]:
    """Yield what is in both, aligned line by line, and within lines word by word."""
    lines, others = _lines(mine), _lines(other)
    if len(lines) > 1 and len(others) > 1 and max(len(lines), len(others)) <= _MOST_ALIGNED:
        matcher = SequenceMatcher(None, lines, others)
        for kind, a, b, c, d in matcher.get_opcodes():
            if kind == "equal":
                for line in lines[a:b]:
                    yield from line
            else:
                yield from _of_words([*chain(*lines[a:b])], [*chain(*others[c:d])])
    else:
        yield from _of_words(mine, other)


def _of_words(mine: Words, other: Words) -> Words:
    if not mine or not other or max(len(mine), len(other)) > _MOST_ALIGNED:
        return [None]
    if (placed := _in_place(mine, other)) is not None:
        return placed
    found: Words = [None]
    for a, _, size in SequenceMatcher(_is_a_sign, mine, other).get_matching_blocks():
        found += [*mine[a : a + size], None]
    return found


def _is_a_sign(word: bytes | None) -> bool:
    """Return whether *word* is none, so that it is the same in two texts by chance."""
    return word is None or not _LETTERS.search(word)


def _lines(words: Words) -> list[tuple[bytes | None, ...]]:
    """Return *words* in lines; a word that may be any is not the same in two lines."""
    lines: list[list[bytes | None]] = [[]]
    for word in words:
        lines[-1].append(word)
        if word is not None and b"\n" in word:
            lines.append([])
    return [tuple(line) for line in lines if line]


class Template:
    """What answers to the same request have in common."""

    def __init__(self, answers: Sequence[Recorded]) -> None:
        first, *others = answers
        self._status = first.status
        self._names = set(_NOT_THE_PAGE)
        """Fields that are there by chance."""
        self._fields = {name: Pattern(value) for name, value in self._compared(first.fields)}
        self._content = Pattern(decoded(first))
        for one in others:
            self.learn(one)

    @property
    def why_incomparable(self) -> str | None:
        """Why the contents cannot be compared, or None."""
        if not self._content.is_empty:
            return None
        return f"the content is another one each time ({self._content.by_itself})"

    def learn(self, answer: Recorded) -> None:
        """Take out what differs in another *answer* to the same request."""
        theirs = dict(self._compared(answer.fields))
        for name in self._fields.keys() ^ theirs.keys():
            self._names.add(name)
            self._fields.pop(name, None)
        for name, pattern in self._fields.items():
            pattern.learn(theirs[name])
        self._content.learn(decoded(answer))

    def _compared(self, fields: FieldLines) -> Iterator[tuple[str, bytes]]:
        found: dict[str, list[str]] = {}
        for name, value in fields:
            if (lower := name.lower()) not in self._names:
                found.setdefault(lower, []).append(value)
        for name, values in found.items():
            yield name, ", ".join(values).encode("latin-1", "replace")

    def difference(self, other: Recorded, content: bool = True) -> str | None:
        """Return in what *other* differs, shortly, or None.

        Without *content* only the status counts, and the fields that both have.
        """
        if other.status != self._status:
            return f"status: {self._status} → {other.status}"
        theirs = dict(self._compared(other.fields))
        names = self._fields.keys() | theirs.keys() if content else self._fields.keys() & theirs
        if not ("set-cookie" in self._fields and "set-cookie" in theirs):
            # An app sets, renews or removes a cookie by what the client has.
            names = names - {"set-cookie"}
        for name in sorted(names):
            pattern, its = self._fields.get(name), theirs.get(name)
            if pattern is None or its is None or pattern.difference(its) is not None:
                mine = None if pattern is None else pattern.common
                return f"{name}: {_shown(mine)} → {_shown(its)}"
        return self._content.difference(decoded(other)) if content else None


def decoded(answer: Recorded) -> bytes:
    """Return the content of *answer* without gzip and deflate, whose bytes may hold a time."""
    content = answer.content
    if (answer.value("Content-Encoding") or "").strip().lower() in ("gzip", "x-gzip", "deflate"):
        try:
            return zlib.decompressobj(wbits=47).decompress(content, _MOST_DECODED)
        except zlib.error:
            pass
    return content


def _shown(value: bytes | None) -> str:
    return "(absent)" if value is None else _text(value)[:80]
