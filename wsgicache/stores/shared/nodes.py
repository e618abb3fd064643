"""The nodes of a shared store, which keep bytes; their state; and the time that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from wsgicache.clock import Clock
from wsgicache.rules.groups import Generation

__all__ = [
    "LONGEST", "UNREAD", "Found", "Node", "PurgeStamps", "State", "Times", "settle_in_steps",
    "take_back",
]  # fmt: skip

LONGEST = 30 * 24 * 3600
"""Most seconds that anything is kept. memcached would take more for a date, and eviction in
cachelib's own stores begins with values that never end."""


UNREAD = object()
"""Stands for a version that was not read."""
Found = tuple[bytes | None, object]
"""A value and its version, which is None where there is nothing."""


class Node(Protocol):
    """A place that keeps bytes under names. Any method may raise."""

    name: str
    """The name, for people."""
    limit: int
    """Most bytes of a value."""
    piece: int
    """Most bytes of a piece of a content, with its head."""
    share: int
    """Most bytes of contents in one entry, if it has several responses."""
    atomic: bool
    """Whether `swap` is one step for all processes that use the node."""

    def read(self, names: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept under *names*, in one round trip if possible."""

    def look(self, names: Sequence[str]) -> Sequence[tuple[bytes | None, object]]:
        """Return what is kept under *names*, each with its version, in one round trip if possible.

        The version is None where there is nothing.
        """

    def swap(
        self, name: str, value: bytes | None, version: object, seconds: int, full: bool = False
    ) -> bool:
        """Replace what is under *name* by *value* for at most *seconds*, if it still has *version*.

        With None for *value*, remove it. With *full* a server without room keeps it, too, where
        that can be. Returns whether the version was still the same.
        """

    def settle(
        self,
        name: str,
        value: bytes,
        found: Found,
        seconds: int,
        guards: Mapping[str, bytes],
        gone: str,
    ) -> bool:
        """Swap, if what is under each of *guards* is still the same, and remove *gone*.

        Return whether all that was so, in one round trip if possible. *found* is what was under
        *name*, and its version.
        """

    def write(self, name: str, value: bytes, seconds: int) -> None:
        """Keep *value* for at most *seconds*. Raises StoreError if it is not kept."""

    def make_room(self, length: int) -> None:
        """Make room for pieces of *length* bytes together, if the node has to be asked for that.

        Raises StoreError if it can never hold them.
        """

    def remove(self, name: str) -> None:
        """Remove what is under *name*."""

    def listed(self, prefix: str) -> list[str]:
        """Return the names that begin with *prefix*. Raises StoreError if it cannot list them."""

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
        """Return the figures of the node."""


class State(NamedTuple):
    """A small record: the state of a node, or of one group.

    It has the number of the node's generation (0 in that of a group), how far purges go, the
    generation before which no late fill is kept, the time of writing, the life of the server, the
    application, and what responses say in No-Vary-Search.
    """

    number: int
    purged: Generation
    fills: int
    written: float
    life: str = ""
    application: str = ""
    searches: tuple[str, ...] = ()


class PurgeStamps(Protocol):
    """What each purge by any process changes: after it was made, and before it returns."""

    def noted_purges(self) -> object:
        """Return a note of all purges so far, to be made before the state is read."""

    def none_since(self, noted: object) -> bool:
        """Return whether there was no purge since that note."""


def settle_in_steps(
    node: Node,
    name: str,
    value: bytes,
    found: Found,
    seconds: int,
    guards: Mapping[str, bytes],
    gone: str,
) -> bool:
    """Do what `Node.settle` does, for a node that cannot do it at once.

    A swap that should not have been is taken back: what purges end is there for that moment.
    """
    record, version = found
    if not node.swap(name, value, version, seconds):
        return False
    if list(node.read(list(guards))) == list(guards.values()):
        node.remove(gone)
        return True
    take_back(node, name, value, record, seconds)
    return False


def take_back(node: Node, name: str, value: bytes, record: bytes | None, seconds: int) -> None:
    """Keep *record* under *name* again, if *value* is there."""
    ((there, version),) = node.look((name,))
    if there == value:
        node.swap(name, record, version, seconds)


class Times:
    """The *clock* of a cache, and how far the wall clock is ahead of it.

    The difference is a multiple of a quarter of a second, and changes only if it is wrong by more
    than half a second. So a time that is written and read again is the same to the last bit.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._skew = 0.0
        self._looked_at = float("-inf")

    def now(self) -> float:
        """Return the time by the cache's clock, in seconds."""
        return self._clock.now()

    def skew(self) -> float:
        """Return the seconds that the wall clock is ahead, or was a moment ago."""
        now = self._clock.now()
        if now - self._looked_at >= 1:
            self._looked_at = now
            skew = self._clock.wall() - self._clock.now()
            if abs(skew - self._skew) > 0.5:
                self._skew = round(skew * 4) / 4
        return self._skew

    def wall(self) -> float:
        """Return the time by the wall clock, in seconds."""
        return self.now() + self.skew()
