"""Compare what an app answered, without what differs by itself: times, tokens, counters."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wsgicache.rules.model import FieldLines
from wsgicache.why.trying import Recorded

__all__ = ["Template"]

_WORD = re.compile(rb"[0-9A-Za-z_]+|[^0-9A-Za-z_]")
_BY_ITSELF = frozenset({"date", "age", "cache-status", "server-timing"})
_AROUND = 24
"""Characters that are shown beside a difference."""

Line = list[bytes] | None
"""The words of a line, empty where they differ by themselves; None for a line that does."""


class Template:
    """What answers to the same request have in common."""

    def __init__(self, answers: Sequence[Recorded]) -> None:
        first, *others = answers
        self._status = first.status
        self._names = set(_BY_ITSELF)
        self._fields = self._compared(first.fields)
        self._content = first.content
        self._lines: list[Line] = []
        """The words of each line, once the content has differed by itself."""
        self._is_exact = True
        self.is_comparable = True
        """Whether the contents have anything in common that can be compared."""
        for one in others:
            self.learn(one)

    def learn(self, answer: Recorded) -> None:
        """Take out what differs in another *answer* to the same request."""
        theirs = self._compared(answer.fields)
        for name in self._fields.keys() | theirs.keys():
            if self._fields.get(name) != theirs.get(name):
                self._names.add(name)
        self._fields = {n: v for n, v in self._fields.items() if n not in self._names}
        if answer.content != self._content and self.is_comparable:
            if self._is_exact:
                self._is_exact = False
                self._lines = [_WORD.findall(line) for line in self._content.split(b"\n")]
            self.is_comparable = self._learn(_lines(answer))

    def _compared(self, fields: FieldLines) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in fields:
            if (lower := name.lower()) not in self._names:
                found.setdefault(lower, []).append(value)
        return found

    def _learn(self, lines: list[bytes]) -> bool:
        """Take out what differs in *lines*; return whether anything is left."""
        known = self._lines
        if len(lines) != len(known):
            return False
        for number, line in enumerate(lines):
            words, old = _WORD.findall(line), known[number]
            if old is None or words == old:
                continue
            if len(words) != len(old):
                known[number] = None
            else:
                known[number] = [a if a == b else b"" for a, b in zip(old, words, strict=True)]
        return any(line is not None and any(line) for line in known)

    def difference(self, other: Recorded) -> str | None:
        """Return in what *other* differs, shortly, or None."""
        if other.status != self._status:
            return f"status: {self._status} → {other.status}"
        theirs = self._compared(other.fields)
        for name in sorted(self._fields.keys() | theirs.keys()):
            mine, its = self._fields.get(name), theirs.get(name)
            if mine != its and name != "content-length":
                return f"{name}: {_shown(mine)} → {_shown(its)}"
        if other.content == self._content or not self.is_comparable:
            return None
        if self._is_exact:
            return _first_difference(self._content, other.content)
        lines = _lines(other)
        if len(lines) != len(self._lines):
            return f"content: {len(self._lines)} → {len(lines)} lines"
        for old, line in zip(self._lines, lines, strict=True):
            if old is None:
                continue
            words = _WORD.findall(line)
            if len(words) != len(old):
                return _first_difference(b"".join(old), line)
            for mine_word, word in zip(old, words, strict=True):
                if mine_word and mine_word != word:
                    return f"content: {_text(mine_word)} → {_text(word)}"
        return None


def _lines(answer: Recorded) -> list[bytes]:
    return answer.content.split(b"\n")


def _shown(values: list[str] | None) -> str:
    return "(absent)" if values is None else ", ".join(values)[:80]


def _text(data: bytes) -> str:
    return data[:80].decode("utf-8", "replace")


def _first_difference(mine: bytes, other: bytes) -> str:
    """Return what stands around the first byte in which two contents differ."""
    low, high = 0, min(len(mine), len(other))
    while low < high:  # the longest common beginning, by halves
        middle = (low + high + 1) // 2
        if mine[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    start = max(0, low - 8)
    a, b = mine[start : low + _AROUND], other[start : low + _AROUND]
    return f"content at byte {low}: {_text(a)!r} → {_text(b)!r}"
