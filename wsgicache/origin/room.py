"""How much memory may bodies take that are collected to be stored when they are complete?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, runtime_checkable
from weakref import WeakSet

from wsgicache import forks
from wsgicache.rules.policy import Policy
from wsgicache.stores import Store

__all__ = ["Holder", "Room", "room_for"]

UNBUDGETED = 64 * 1024 * 1024
"""Bytes of room beside a store that does not say how much memory it takes."""


@runtime_checkable
class Budgeted(Protocol):
    """A store that says how much memory it takes at most."""

    max_bytes: int


class Holder(Protocol):
    """A body that is being collected."""

    moved_at: float
    """When its last chunk went on to the client."""

    def is_held_up(self, now: float) -> bool:
        """Return whether its client holds it up."""

    def let_go(self) -> object:
        """Collect it no longer, and give back what it holds."""


class Room:
    """Room for *most* bytes, by a clock that tells *now*. No body takes more than *largest*."""

    def __init__(self, most: int, largest: int, now: Callable[[], float]) -> None:
        self.most = most
        self._largest = largest
        self._now = now
        self.begin_in_child()
        forks.renew(self)

    def begin_in_child(self) -> None:
        """Hold nothing: the bodies of the parent process do not go on in the child."""
        # A body that nobody closed gives back its bytes when it is freed, perhaps while this lock
        # is held.
        self._lock = threading.RLock()
        self._holders: WeakSet[Holder] = WeakSet()
        self.taken = 0
        self.tight = self._largest > self.most
        """Whether a body might have no room."""

    def has(self, size: int) -> bool:
        """Return whether *size* bytes more have room now."""
        return self.taken + size <= self.most or self._reclaim(size)

    def take(self, size: int, holder: Holder) -> bool:
        """Take room for *size* bytes more, and return whether there was any."""
        with self._lock:
            if self._change(size):
                self._holders.add(holder)
                return True
        # Outside the lock: letting go may end a flight, which has a lock of its own.
        return self._reclaim(size) and self.take(size, holder)

    def give_back(self, size: int, holder: Holder) -> None:
        """Give back the room for *size* bytes, all that *holder* took."""
        with self._lock:
            self._holders.discard(holder)
            self._change(-size)

    def _change(self, size: int) -> bool:
        if self.taken + size > self.most:
            return False
        self.taken = max(0, self.taken + size)
        self.tight = self.taken + self._largest > self.most
        return True

    def _reclaim(self, size: int) -> bool:
        """Let go of bodies that their clients hold up, the longest first, until there is room."""
        if size > self.most:
            return False
        now = self._now()
        with self._lock:
            held_up = [holder for holder in self._holders if holder.is_held_up(now)]
        for holder in sorted(held_up, key=lambda one: one.moved_at):
            holder.let_go()
            if self.taken + size <= self.most:
                return True
        return False


def room_for(store: Store, policy: Policy, now: Callable[[], float]) -> Room:
    """Return the room that *policy* allows; by default as much as *store* takes in memory."""
    most = policy.max_collecting
    if most is None:
        most = store.max_bytes if isinstance(store, Budgeted) else UNBUDGETED
    return Room(most, policy.max_content, now)
