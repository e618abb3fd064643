"""The clock of a cache in a test."""

from __future__ import annotations

import time

__all__ = ["CacheClock"]


class CacheClock:
    """A clock that a test moves forward.

    It follows ``time.time()``, so freezegun and time-machine move it as well.
    """

    def __init__(self) -> None:
        self._ahead = 0.0
        """By how much the clock is ahead of ``time.time()``."""
        self._behind = 0.0
        """By how much ``time.time()`` was set back, in all."""
        self._last = time.time()

    def advance(
        self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Move the clock forward. Raises ValueError for time that runs backwards."""
        step = seconds + 60 * (minutes + 60 * (hours + 24 * days))
        if step < 0:
            raise ValueError(f"advance() must get 0 seconds or more, got {step!r}")
        self._ahead += step

    def now(self) -> float:
        """Return seconds since the epoch that never decrease, for ages and lifetimes."""
        moment = time.time()
        self._behind += max(0.0, self._last - moment)
        self._last = moment
        return moment + self._behind + self._ahead

    def wall(self) -> float:
        """Return seconds since the epoch, for dates in fields."""
        return time.time() + self._ahead
