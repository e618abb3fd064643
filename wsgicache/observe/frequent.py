"""The most frequent of very many things, in little memory.

Like the Space-Saving algorithm (A. Metwally, D. Agrawal, A. El Abbadi: Efficient Computation of
Frequent and Top-k Elements in Data Streams, 2005), but it makes room for many at once. What makes
up more than one part in *most* of all that came is among what is kept.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

__all__ = ["Frequent"]

T = TypeVar("T", bound=Hashable)
N = TypeVar("N")


class Frequent(Generic[T, N]):
    """The *most* things that came most often, each with the latest note about it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[T, list[Any]] = {}
        """How often each came, by how much that may be too high, and the latest note."""
        self._floor = 0
        """The highest count of what was forgotten."""

    def add(self, thing: T, note: N) -> None:
        """Count *thing* once more."""
        known = self._counts.get(thing)
        if known is not None:
            known[0] += 1
            known[2] = note
            return
        if len(self._counts) >= 2 * self._most:
            ranked = sorted(self._counts.items(), key=_times, reverse=True)
            self._floor = ranked[self._most][1][0]
            self._counts = dict(ranked[: self._most])
        # It may have come before, as often as what was forgotten.
        self._counts[thing] = [self._floor + 1, self._floor, note]

    def most_frequent(self) -> list[tuple[T, int, int, N]]:
        """Return what is kept, the most frequent first.

        Each has the number of times that it came, by how much that may be too high, and its note.
        """
        ranked = sorted(self._counts.items(), key=_times, reverse=True)
        return [(thing, *known) for thing, known in ranked]


def _times(one: tuple[Any, list[Any]]) -> Any:
    return one[1][0]
