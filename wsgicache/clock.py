"""What time it is, for those who may ask: the rules take ``now``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from wsgicache import forks

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock"]

# Where there is one, a clock that goes on while the machine sleeps.
_elapsed: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Clock(Protocol):
    """Where the cache has its time from; a test has one of its own."""

    def now(self) -> float:
        """Seconds since the epoch, never less than it said before: ages and lifetimes."""

    def wall(self) -> float:
        """Seconds since the epoch as everybody else counts them: for dates in fields."""


_JITTER = 0.001
"""Seconds that two clocks, read one after the other, may seem to differ."""


class SystemClock:
    """The machine's monotonic clock, moved to the epoch.

    It counts sleep where the system does. If the wall clock is set back, no age changes. If it is
    set forward, `now` follows at the next `wall`, which is called for every response that may be
    kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = time.time() - _elapsed()

    def begin_in_child(self) -> None:
        """Have a lock that no thread holds."""
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the epoch that never run backwards."""
        return _elapsed() + self._offset

    def wall(self) -> float:
        """Seconds since the epoch by the wall clock."""
        wall = time.time()
        if wall - _elapsed() > self._offset + _JITTER:
            with self._lock:
                self._offset = max(self._offset, wall - _elapsed())
        return wall


SYSTEM_CLOCK = SystemClock()
"""The one that caches and stores have by default: times mean the same to both."""


forks.renew(SYSTEM_CLOCK)
