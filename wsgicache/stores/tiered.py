"""A near cache: what this process has just read from a shared store, read again from memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wsgicache.arguments import has_methods
from wsgicache.clock import SYSTEM_CLOCK, Clock
from wsgicache.rules.checks import must_be, number
from wsgicache.rules.entries import Change
from wsgicache.rules.keys import Key
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse
from wsgicache.stores import Judging, Listing, Marking, Serving, SharedStore, StoreError
from wsgicache.stores.marks import MOST
from wsgicache.stores.memory import MemoryStore

__all__ = ["TieredStore"]

_SHARED = "a store that processes share, such as a MemcachedStore"


class TieredStore:
    """*near* in front of *shared*: an entry is used for *seconds* before it is read again.

    So this process sees a purge or a write by another process that much later; one of groups or of
    everything, that much after the shared store has seen it. What it does itself it sees at once.
    Raises TypeError or ValueError for what makes no sense.
    """

    def __init__(
        self,
        near: MemoryStore,
        shared: SharedStore,
        *,
        seconds: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        if not isinstance(near, MemoryStore):
            raise TypeError(must_be("TieredStore.near", "a MemoryStore", near))
        if not isinstance(shared, SharedStore):
            raise TypeError(must_be("TieredStore.shared", _SHARED, shared))
        number("TieredStore.seconds", seconds, most=3600, above_0=True)
        has_methods("TieredStore.clock", clock, "now", "wall")
        self.near = near
        self.shared = shared
        self.seconds = seconds
        self._now = (SYSTEM_CLOCK if clock is None else clock).now
        self._cleared_at = NEVER
        self._changes = 0
        self._marks: dict[int, tuple[str, float]] = {}
        """Marks of cookies as they were read, and when."""

    def get(self, key: Key) -> CacheEntry | None:
        """The entry under *key*, as it was not longer ago than `seconds`, or None."""
        entry, now = self.near.get(key), self._now()
        if entry is not None and now - self.seconds < entry.read_at > self._cleared_at:
            return entry
        changes = self._changes
        found = self.shared.get(key)
        if found is not None:
            found.read_at = now

        def change(known: CacheEntry | None) -> CacheEntry | None:
            # What was read before a change of this process would outlive it here.
            return found if self._changes == changes else known

        if found is not None or entry is not None:
            self.near.update(key, change)
        return found

    def content(self, stored: StoredResponse) -> Sequence[bytes] | None:
        """The content of *stored*."""
        if stored.content is not None:
            return (stored.content,)
        return self.shared.content(stored)

    def update(self, key: Key, change: Change) -> None:
        """Replace the shared entry under *key* by what *change* makes of it."""
        try:
            self.shared.update(key, change)
        finally:
            self._changes += 1
            self.near.update(key, lambda entry: None)

    def generation(self, key: Key) -> int:
        """The generation in which a request for *key* that begins now is born."""
        return self.shared.generation(key)

    def bump(self, groups: Sequence[str], moment: float, *, soft: bool = False) -> None:
        """Begin a generation of the shared store, and read everything anew."""
        try:
            self.shared.bump(groups, moment, soft=soft)
        finally:
            self._cleared_at = self._now()

    def serve(self, application: str) -> None:
        """Note whose responses the shared store keeps."""
        if isinstance(self.shared, Serving):
            self.shared.serve(application)

    def judge_by(self, judge: Callable[[Key, CacheEntry], CacheEntry]) -> None:
        """Have the shared store give out what *judge* leaves, and read everything anew."""
        if isinstance(self.shared, Judging):
            self.shared.judge_by(judge)
            self._cleared_at = self._now()

    def refuse_fills(self) -> None:
        """Begin a generation of the shared store, and keep nothing that was born earlier."""
        self.shared.refuse_fills()

    def mark(self, cookies: str) -> str:
        """The mark of *cookies*, as it was not longer ago than `seconds`."""
        if not isinstance(self.shared, Marking):
            return self.near.mark(cookies)
        now, changes, marks = self._now(), self._changes, self._marks
        known = marks.get(hash(cookies))
        if known is not None and now - self.seconds < known[1]:
            return known[0]
        mark = self.shared.mark(cookies)
        if len(marks) >= MOST:
            self._marks = marks = {}
        if mark and self._changes == changes:
            # A change of this process takes the whole table away.
            marks[hash(cookies)] = mark, now
        return mark

    def first_mark(self, cookies: str) -> str:
        """A mark for *cookies* that have had none so far; nothing where they have one meanwhile."""
        if not isinstance(self.shared, Marking):
            return self.near.mark(cookies)
        return self.shared.first_mark(cookies)

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* another mark in the shared store."""
        if not isinstance(self.shared, Marking):
            self.near.end_mark(cookies)
            return
        try:
            self.shared.end_mark(cookies)
        finally:
            self._changes += 1
            self._marks = {}

    def lease(self, key: Key, token: str, seconds: float) -> bool:
        """Whether *token* now holds the right to fill *key*, for at most *seconds*."""
        return self.shared.lease(key, token, seconds)

    def release(self, key: Key, token: str) -> None:
        """Give the lease back, if *token* still holds it."""
        self.shared.release(key, token)

    def keys(self, prefix: Key) -> list[Key]:
        """Return the keys in the shared store that begin with *prefix*.

        Raises StoreError if it cannot list them.
        """
        if not isinstance(self.shared, Listing):
            raise StoreError(f"{type(self.shared).__name__} cannot list what it holds")
        return self.shared.keys(prefix)
