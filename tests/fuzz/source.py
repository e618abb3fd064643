"""Bytes as a source of choices, so that whatever a fuzzer changes is another well-formed case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_WRITTEN = 128
"""A byte from which on a text is written out; below it is one that is known."""


class Source:
    """Choices made by *data*, one byte each; where it has ended, the first of each."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def byte(self) -> int:
        """0 to 255."""
        self._place += 1
        return self._data[self._place - 1] if self._place <= len(self._data) else 0

    def pick(self, choices: Sequence[T]) -> T:
        """One of *choices*."""
        return choices[self.byte() % len(choices)]

    def text(self, known: Sequence[str]) -> str:
        """One of the *known* texts, or up to 127 characters that stand in the data."""
        first = self.byte()
        if first < _WRITTEN:
            return known[first % len(known)]
        begin = self._place
        self._place += first - _WRITTEN
        return self._data[begin : self._place].decode("latin-1")

    def rest(self) -> bytes:
        """All that is left."""
        begin, self._place = self._place, len(self._data)
        return self._data[begin:]


def chosen(*choices: int | str | bytes) -> bytes:
    """What makes a `Source` choose so: numbers for choices, texts written out, bytes as is."""
    parts: list[bytes] = []
    for one in choices:
        if isinstance(one, int):
            parts.append(bytes((one,)))
        elif isinstance(one, bytes):
            parts.append(one)
        else:
            written = one.encode("latin-1")[: _WRITTEN - 1]
            parts.append(bytes((_WRITTEN + len(written),)) + written)
    return b"".join(parts)
