"""A breaker: a server that does not answer is left alone for a while."""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from wsgicache.stores import StoreError

__all__ = ["FAILURES", "Breaker"]

T = TypeVar("T")

FAILURES = 3
"""Consecutive failures after which a server is left alone."""
PAUSE = (0.65, 0.9)
"""Least and most seconds between two attempts then: random, so that processes do not retry all at
once."""


class Breaker:
    """A breaker between this process and the server *name*.

    After `FAILURES` failures it is open, and refuses calls. Every `PAUSE` it lets one call through,
    and closes again if that succeeds. It measures time by the monotonic clock.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0
        """The failures since the last success."""
        self._retry_at = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether the server is left alone."""
        return self.failures >= FAILURES

    def call(
        self, weight: Callable[[BaseException], int | None], do: Callable[..., T], *arguments: Any
    ) -> T:
        """Return what *do* returns for *arguments*.

        Raises StoreError where *do* raises, or while the breaker is open. *weight* tells how many
        failures of the server an exception counts for: 0 means that the server did answer, None
        that nothing is known.
        """
        if self.is_open:
            self._probe()
        try:
            result = do(*arguments)
        except BaseException as error:
            self._weigh(weight(error))
            if isinstance(error, StoreError) or not isinstance(error, Exception):
                raise
            raise StoreError(f"{self.name}: {type(error).__name__}: {error}") from error
        if self.failures:
            self.failures = 0
        return result

    def _probe(self) -> None:
        """Let one call pass each time; two would do no harm. Raises StoreError for the others."""
        now = monotonic()
        if now < self._retry_at:
            raise StoreError(f"{self.name} does not answer and is left alone for a moment")
        self._retry_at = now + random.uniform(*PAUSE)

    def _weigh(self, weight: int | None) -> None:
        if weight is None:
            return
        if self.failures < FAILURES <= self.failures + weight:
            self._retry_at = monotonic() + random.uniform(*PAUSE)
        self.failures = self.failures + weight if weight else 0
