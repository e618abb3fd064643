"""The clock of a cache. The rules do not use it: they take ``now``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from wsgicache import forks

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock"]

# If the system has one, a clock that counts while the machine sleeps.
_elapsed: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Clock(Protocol):
    """A clock for the cache; tests use one of their own."""

    def now(self) -> float:
        """Return seconds since the epoch that never decrease, for ages and lifetimes."""

    def wall(self) -> float:
        """Return seconds since the epoch as other machines count them, for dates in fields."""


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
        """Begin with a new lock."""
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return seconds since the epoch that never decrease."""
        return _elapsed() + self._offset

    def wall(self) -> float:
        """Return seconds since the epoch by the wall clock."""
        wall = time.time()
        if wall - _elapsed() > self._offset + _JITTER:
            with self._lock:
                self._offset = max(self._offset, wall - _elapsed())
        return wall


SYSTEM_CLOCK = SystemClock()
"""The default clock of caches and stores, so that times mean the same to both."""


forks.renew(SYSTEM_CLOCK)
