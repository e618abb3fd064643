"""Live objects in one process: a hit copies nothing and takes no lock.

Eviction is SIEVE: a hit sets one flag; where room is needed a hand moves from the oldest entry to
the newest, clears flags and takes the first entry that has none. A flood of URLs asked once passes
through without sweeping out what is asked again.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable

from wsgicache.rules.keys import Key
from wsgicache.rules.model import IMPLIED, NEVER, CacheEntry, StoredResponse

_NODE_BYTES = 900
"""A node, its key and their places in tables, beside what is counted by length."""
_RESPONSE_BYTES = 1100
"""A stored response with its selecting values, beside fields and content."""
_FIELD_BYTES = 170
"""A field line beside its characters: a tuple, two strings, places in two lists."""


def entry_bytes(key: Key, entry: CacheEntry) -> int:
    """Bytes of memory that *entry* takes under *key*, overhead included; rather too many."""
    total = _NODE_BYTES + sum(map(len, key))
    for selector, stored in entry.responses.items():
        total += _RESPONSE_BYTES + (stored.length if stored.content is not None else 0)
        total += 64 * len(selector) + sum(len(one) for one in selector if isinstance(one, str))
        for name, value in stored.fields:
            total += _FIELD_BYTES + len(name) + len(value)
    return total


class _Node:
    """An entry's place in the queue."""

    __slots__ = ("entry", "key", "newer", "older", "size", "visited")

    def __init__(self, key: Key, entry: CacheEntry, size: int) -> None:
        self.key = key
        self.entry = entry
        self.size = size
        self.visited = False
        self.older: _Node | None = None
        self.newer: _Node | None = None


class MemoryStore:
    """Entries of this process, within *max_bytes* of memory counted with their overhead.

    Safe under threads and after fork. Raises ValueError or TypeError for a *max_bytes* that is no
    positive whole number.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool):
            raise TypeError(f"MemoryStore(max_bytes={max_bytes!r}): a whole number is allowed")
        if max_bytes < 1:
            raise ValueError(f"MemoryStore(max_bytes={max_bytes!r}): 1 or more is allowed")
        self.max_bytes = max_bytes
        self.bytes = 0
        """What the entries take now."""
        self._nodes: dict[Key, _Node] = {}
        self._oldest: _Node | None = None
        self._newest: _Node | None = None
        self._hand: _Node | None = None
        self._absent: CacheEntry | None = None
        self._lock = threading.Lock()
        _stores.add(self)

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, key: Key) -> CacheEntry | None:
        """The entry under *key*, or None."""
        node = self._nodes.get(key)
        if node is None:
            return None
        node.visited = True
        return node.entry

    def content(self, stored: StoredResponse) -> bytes | None:
        """The content of *stored*, which is always at hand."""
        return stored.content

    def update(self, key: Key, change: Callable[[CacheEntry | None], CacheEntry | None]) -> None:
        """Replace the entry under *key* by what *change* makes of it, under a lock."""
        with self._lock:
            node = self._nodes.get(key)
            entry = change(self._absent if node is None else node.entry)
            if entry is self._absent or (node is not None and entry is node.entry):
                return
            size = 0 if entry is None else entry_bytes(key, entry)
            if entry is None or size > self.max_bytes:
                if node is not None:
                    self._remove(node)
                return
            if node is None:
                node = self._append(key, entry, size)
            else:
                self.bytes += size - node.size
                node.entry, node.size = entry, size
            while self.bytes > self.max_bytes:
                self._evict(node)

    def _append(self, key: Key, entry: CacheEntry, size: int) -> _Node:
        node = self._nodes[key] = _Node(key, entry, size)
        node.older = self._newest
        if self._newest is None:
            self._oldest = node
        else:
            self._newest.newer = node
        self._newest = node
        self.bytes += size
        return node

    def _remove(self, node: _Node) -> None:
        if self._hand is node:
            self._hand = node.newer
        if node.older is None:
            self._oldest = node.newer
        else:
            node.older.newer = node.newer
        if node.newer is None:
            self._newest = node.older
        else:
            node.newer.older = node.older
        del self._nodes[node.key]
        self.bytes -= node.size

    def _evict(self, spared: _Node) -> None:
        """Take the first entry from the hand on that was not asked for since the hand passed."""
        node = self._hand or self._oldest
        while node is not None and (node.visited or node is spared):
            node.visited = False
            node = node.newer or self._oldest
        assert node is not None
        self._hand = node
        self._remove(node)
        # The moment of a purge outlives its entry: a slow fill must not bring back what it took.
        emptied_at = node.entry.emptied_at
        if emptied_at > (NEVER if self._absent is None else self._absent.emptied_at):
            self._absent = CacheEntry(IMPLIED, {}, emptied_at)


# A fork while another thread changes a store would leave the child half a change and a lock that
# nobody releases: every store is held still for that moment.
_stores: weakref.WeakSet[MemoryStore] = weakref.WeakSet()
_forking = threading.Lock()
_held: list[threading.Lock] = []


def _before_fork() -> None:
    _forking.acquire()
    _held[:] = [store._lock for store in list(_stores)]
    for lock in _held:
        lock.acquire()


def _after_fork() -> None:
    for lock in _held:
        lock.release()
    _held.clear()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
