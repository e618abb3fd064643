"""What time it is, for those who may ask: the rules take ``now``."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the cache has its time from; a test has one of its own."""

    def now(self) -> float:
        """Seconds since the epoch, never less than it said before: ages and lifetimes."""

    def wall(self) -> float:
        """Seconds since the epoch as everybody else counts them: for dates in fields."""


class SystemClock:
    """The machine's clocks: monotonic time, moved to the epoch.

    Set back, the wall clock changes no age; set forward (or after sleep) it moves `now` along at
    the next `wall`, so that nothing stays fresh for longer than it should.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch that never run backwards."""
        return time.monotonic() + self._offset

    def wall(self) -> float:
        """Seconds since the epoch by the wall clock."""
        wall = time.time()
        self._offset = max(self._offset, wall - time.monotonic())
        return wall


SYSTEM_CLOCK = SystemClock()
"""The one that caches and stores have by default: times mean the same to both."""
