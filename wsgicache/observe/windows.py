"""What happened in the last 10, 100 and 1,000 seconds: sums that forget, and their history."""

from __future__ import annotations

from array import array

__all__ = ["INTERVAL", "INTERVALS", "MEASURES", "History", "Measures", "Windows"]

MEASURES = 4
"""Requests, hits, seconds spent and seconds saved."""
_WIDTHS = (1, 10, 100)
"""The seconds of one slot of each window."""
_SLOTS = 11
"""Ten slots make a window; the eleventh one leaves it bit by bit."""
Measures = tuple[int, int, float, float]
INTERVAL, INTERVALS = 10, 100
"""The seconds of one interval of the history, and how many it has."""


class Windows:
    """The sums of four measures in three windows, each a ring of slots."""

    __slots__ = ("_latest", "_slots")

    def __init__(self) -> None:
        self._slots = array("d", bytes(8 * MEASURES * _SLOTS * len(_WIDTHS)))
        self._latest = [0] * len(_WIDTHS)

    def add(self, at: float, measures: Measures) -> None:
        """Add *measures*, which were taken *at* that time."""
        self._move(at)
        for window, latest in enumerate(self._latest):
            place = (window * _SLOTS + latest % _SLOTS) * MEASURES
            for number, measure in enumerate(measures, place):
                self._slots[number] += measure

    def sums(self, now: float) -> list[float]:
        """Return the sums of all measures in the first window until *now*, then the next one."""
        self._move(now)
        found: list[float] = []
        for window, latest in enumerate(self._latest):
            begin, leaving = window * _SLOTS, (latest + 1) % _SLOTS
            part = 1 - min(max(now / _WIDTHS[window] - latest, 0.0), 1.0)
            for measure in range(MEASURES):
                every = self._slots[begin * MEASURES + measure :: MEASURES][:_SLOTS]
                found.append(sum(every) - (1 - part) * every[leaving])
        return found

    def _move(self, now: float) -> None:
        """Clear the slots that come into use by *now*."""
        for window, width in enumerate(_WIDTHS):
            latest, reached = self._latest[window], int(now // width)
            for slot in range(max(latest + 1, reached - _SLOTS + 1), reached + 1):
                place = (window * _SLOTS + slot % _SLOTS) * MEASURES
                self._slots[place : place + MEASURES] = array("d", bytes(8 * MEASURES))
            self._latest[window] = max(latest, reached)


class History:
    """Requests and hits of the last 1,000 seconds, by intervals of ten seconds."""

    def __init__(self) -> None:
        self._counts: dict[int, list[int]] = {}

    def add(self, at: float, measures: Measures) -> None:
        """Add *measures*, which were taken *at* that time."""
        counts = self._counts.setdefault(int(at // INTERVAL), [0, 0])
        counts[0] += measures[0]
        counts[1] += measures[1]
        while len(self._counts) > INTERVALS + 1:
            del self._counts[min(self._counts)]

    def counts(self, now: float, wall: float) -> list[list[int]]:
        """Return the numbers of intervals by the *wall* clock, with requests and hits of each."""
        ahead = int(wall // INTERVAL) - int(now // INTERVAL)
        first = int(now // INTERVAL) - INTERVALS
        return [[at + ahead, *of] for at, of in self._counts.items() if at >= first]
