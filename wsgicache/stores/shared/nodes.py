"""What a shared store is built on: places that keep bytes, and the time that all of them have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wsgicache.clock import Clock

__all__ = ["LONGEST", "Node", "Times"]

LONGEST = 30 * 24 * 3600
"""Seconds after which anything is forgotten: memcached takes more for a date, and eviction in
cachelib's own stores begins with what has no end."""


class Node(Protocol):
    """A place that keeps bytes under names. Any method may raise."""

    name: str
    """For people."""
    limit: int
    """Bytes that one value may have."""
    atomic: bool
    """Whether `swap` is one step for all processes that use the place."""

    def read(self, names: Sequence[str]) -> Sequence[bytes | None]:
        """What is kept under *names*, in one round trip where that can be."""

    def look(self, names: Sequence[str]) -> Sequence[tuple[bytes | None, object]]:
        """Return what is kept under *names*, each with its version, in one round trip if possible.

        The version is None where there is nothing.
        """

    def swap(self, name: str, value: bytes | None, version: object, seconds: int) -> bool:
        """Replace what is under *name* by *value* for at most *seconds*, if it still has *version*.

        With None for *value*, remove it. Returns whether the version was still the same.
        """

    def write(self, name: str, value: bytes, seconds: int) -> None:
        """Keep *value* for at most *seconds*. Raises StoreError where it is not kept."""

    def remove(self, name: str) -> None:
        """Keep nothing under *name*."""

    def listed(self, prefix: str) -> list[str]:
        """The names that begin with *prefix*. Raises StoreError where it cannot tell."""

    @property
    def connects(self) -> int:
        """Return how many connections were made.

        A new connection may be to another life of the server.
        """

    def life(self) -> str:
        """Return what tells this life of the server from another, which may lack recent purges.

        It is empty where the node cannot tell, or keeps nothing beyond its life.
        """

    def stats(self) -> dict[str, object]:
        """What the node says of itself."""


class Times:
    """The *clock* of a cache, and what the wall clock is ahead of it.

    The difference counts in quarters of a second, and only when it has changed by more than half
    a second: so a time that is written and read again is the same to the last bit.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._skew = 0.0
        self._looked_at = float("-inf")

    def now(self) -> float:
        """Seconds by the cache's clock."""
        return self._clock.now()

    def skew(self) -> float:
        """Seconds that the wall clock is ahead of it, or was a moment ago."""
        now = self._clock.now()
        if now - self._looked_at >= 1:
            self._looked_at = now
            skew = self._clock.wall() - self._clock.now()
            if abs(skew - self._skew) > 0.5:
                self._skew = round(skew * 4) / 4
        return self._skew

    def wall(self) -> float:
        """Seconds by the wall clock."""
        return self.now() + self.skew()
