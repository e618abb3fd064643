"""A server that does not answer is not asked again and again."""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from wsgicache.stores import StoreError

T = TypeVar("T")

FAILURES = 3
"""Failures, one after the other, after which a server is left alone."""
PAUSE = (0.6, 0.85)
"""Seconds between two attempts then, at least and at most: processes shall not come all at once."""


class Breaker:
    """What stands between us and the server *name*.

    After `FAILURES` failures it is open, and refuses; every `PAUSE` it lets one call through, and
    closes again when that succeeds. It measures time by the monotonic clock.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0
        """How many there have been since the last success."""
        self._retry_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the server is left alone."""
        return self.failures >= FAILURES

    def call(self, do: Callable[[], T], is_outage: Callable[[BaseException], bool]) -> T:
        """What *do* returns. Raises StoreError for what it raises, and where it is not called.

        *is_outage* tells whether an exception means that the server does not answer; others say
        that it did.
        """
        if self.failures >= FAILURES:
            self._probe()
        try:
            result = do()
        except BaseException as error:
            if is_outage(error):
                self._failed()
            else:
                self.failures = 0
            if isinstance(error, StoreError) or not isinstance(error, Exception):
                raise
            raise StoreError(f"{self.name}: {type(error).__name__}: {error}") from error
        if self.failures:
            self.failures = 0
        return result

    def _probe(self) -> None:
        """Let one pass each time (two would do no harm). Raises StoreError for the others."""
        now = monotonic()
        if now < self._retry_at:
            raise StoreError(f"{self.name} does not answer and is left alone for a moment")
        self._retry_at = now + random.uniform(*PAUSE)

    def _failed(self) -> None:
        if self.failures + 1 == FAILURES:
            self._retry_at = monotonic() + random.uniform(*PAUSE)
        self.failures += 1
