"""A store of live objects in one process: a hit copies nothing and takes no lock.

Eviction is SIEVE. A hit sets one flag. To make room, a hand moves from the oldest entry to the
newest, clears flags and takes the first entry without one. So a flood of URLs asked once does not
evict what is asked again.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence

from wsgicache import forks
from wsgicache.observe.held import by_route, route_of, tallied
from wsgicache.observe.rows import MOST_ROUTES, within
from wsgicache.observe.stats import Holding
from wsgicache.reporting import tell_of_full_store
from wsgicache.rules.checks import whole
from wsgicache.rules.entries import Change, last_use
from wsgicache.rules.groups import ALWAYS, Generation, reviewed, without_late
from wsgicache.rules.keys import Key
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse
from wsgicache.stores.listing import Listed
from wsgicache.stores.marks import Marks
from wsgicache.stores.searches import Searches
from wsgicache.stores.weights import entry_bytes, response_bytes

__all__ = ["MemoryStore"]

_OF_ONE, _OF_TWO = 1 / 16, 1 / 4
"""The parts of the budget that the variants of one page take together, and two of them."""
_MOST_GROUPS = 10_000
"""Most purged groups that are remembered one by one."""


class _Node:
    """An entry's place in the queue."""

    __slots__ = ("entry", "generation", "key", "newer", "older", "used", "visited")

    def __init__(self, key: Key, entry: CacheEntry, generation: int) -> None:
        self.key = key
        self.entry = entry
        self.generation = generation
        """The generation up to which the entry has been reviewed."""
        self.visited = self.used = False
        """Whether it was asked for since the hand last passed, and ever."""
        self.older: _Node | None = None
        self.newer: _Node | None = None


class MemoryStore(Listed, Marks, Searches):
    """Entries in the memory of this process.

    They take *max_bytes* at most, counted with their overhead. The variants of one page take a
    sixteenth of that at most, or two of them a quarter. The store is safe with threads and after a
    fork. Raises ValueError or TypeError if *max_bytes* is not a positive whole number.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        Marks.__init__(self)
        Searches.__init__(self)
        self.max_bytes = whole("MemoryStore.max_bytes", max_bytes, 1)
        self.share = self.max_bytes * _OF_ONE
        """Most bytes that the variants of one page take."""
        self.bytes = self.evictions = self.unused = 0
        """The bytes that the entries take now, how many entries have had no room, and for how many
        of those nobody had asked again."""
        self._evicted: dict[str, int] = {}
        """How many by route."""
        self._nodes: dict[Key, _Node] = {}
        self._oldest: _Node | None = None
        self._newest: _Node | None = None
        self._hand: _Node | None = None
        self._absent: CacheEntry | None = None
        self._generation = 0
        self._everything = ALWAYS
        self._groups: dict[str, Generation] = {}
        self._grouped = ALWAYS
        """The generation of all other groups: the newest that was forgotten."""
        self._fills, self._is_full = 0, False
        self._lock = threading.Lock()
        _stores.add(self)

    def __len__(self) -> int:
        return len(self._nodes)

    def holding(self) -> Holding:
        """Return what the store holds."""
        with self._lock:
            evicted, nodes = dict(self._evicted), list(self._nodes.values())
        held = [(one.key, one.entry) for one in nodes if one.entry.responses]
        pages = ((route_of(*one), len(one[1].responses)) for one in held)
        routes, entries, widest = by_route(tallied(pages), evicted)
        sizes = entries, self.bytes, self.max_bytes, widest, self.evictions, self.unused
        return Holding(*sizes, routes=routes)

    def get(self, key: Key) -> CacheEntry | None:
        """Return the entry under *key*, or None."""
        node = self._nodes.get(key)
        if node is None:
            return None
        node.visited = True
        if node.generation != self._generation:
            return self._review(key)
        return node.entry

    def _review(self, key: Key) -> CacheEntry | None:
        """Return the entry under *key* after the latest purges of groups or of everything.

        Those purges touched no entry themselves.
        """
        with self._lock:
            node = self._nodes.get(key)
            if node is None:
                return None
            entry = reviewed(node.entry, key, self._everything, self._known)
            if entry is not node.entry:
                self._replace(node, entry, entry_bytes(key, entry))
            # Last, since `get` takes no lock.
            node.generation = self._generation
            return entry

    def content(self, stored: StoredResponse) -> Sequence[bytes] | None:
        """Return the content of *stored*, which is always at hand."""
        return None if stored.content is None else (stored.content,)

    def update(self, key: Key, change: Change) -> None:
        """Replace the entry under *key* by what *change* makes of it, under a lock."""
        with self._lock:
            node = self._nodes.get(key)
            before = self._absent if node is None else node.entry
            if before is not None and self._generation:
                before = reviewed(before, key, self._everything, self._known)
            entry = change(before)
            if entry is before:
                return
            if entry is not None and entry.emptied_at > self._last_emptied:
                self._last_emptied = entry.emptied_at
            if entry is not None and self._generation:
                entry = without_late(entry, before, self._fills)
                entry = reviewed(entry, key, self._everything, self._known)
            size = 0 if entry is None else entry_bytes(key, entry)
            if entry is None or size > self.share:
                if entry is not None and len(entry.responses) > 1:
                    entry, size = self._bounded(entry, size)
                if entry is None or size > self.max_bytes:
                    if node is not None:
                        self._forget(node)
                    if entry is not None:
                        self._note_emptied(entry.emptied_at)
                        self._count_evicted(key, entry)
                        self.unused += 1
                    return
            if node is None:
                node = self._append(key, entry, size)
            else:
                self._replace(node, entry, size)
                node.generation = self._generation
            while self.bytes > self.max_bytes:
                self._evict(node)
        if self.evictions and not self._is_full:
            self._is_full = True
            tell_of_full_store(type(self).__name__, self.max_bytes)

    def _bounded(self, entry: CacheEntry, size: int) -> tuple[CacheEntry | None, int]:
        """Return *entry* without its least recently used variants, and its size.

        So made-up variants evict no other entries. The newest one stays, since a request is about
        it, and so does the one used last, unless it is too large.
        """
        if type(entry) is not CacheEntry:
            return None, 0  # A near cache has all of an entry, or nothing.
        responses = dict(entry.responses)
        *others, _ = responses
        others.sort(key=lambda selector: last_use(responses[selector]))
        for selector in others:
            most = _OF_TWO if selector == others[-1] else _OF_ONE
            if size <= self.max_bytes * most:
                break
            size -= response_bytes(selector, responses.pop(selector))
        return CacheEntry(responses, entry.emptied_at, entry.salt), size

    # ── purging ────────────────────────────────────────────────────────────────────────────────

    def generation(self, key: Key) -> int:
        """Return the generation in which a request that begins now is born."""
        return self._generation

    def bump(self, groups: Sequence[str], moment: float, *, soft: bool = False) -> None:
        """Begin a generation to purge *groups*, or everything.

        Responses born earlier are gone, or stale if *soft*. The cost is the same however many they
        are.
        """
        with self._lock:
            number = self._generation + 1
            if not groups:
                self._everything = self._everything.begun(number, moment, soft)
                if not soft:
                    self._forget_searches()
            for group in groups:
                known = self._groups.pop(group, self._grouped)
                self._groups[group] = known.begun(number, moment, soft)
            while len(self._groups) > _MOST_GROUPS:
                # Better to end too much than too little.
                forgotten = self._groups.pop(next(iter(self._groups)))
                hard = max(forgotten.hard, forgotten.soft, self._grouped.hard)
                self._grouped = Generation(hard)
            self._generation = number

    def refuse_fills(self) -> None:
        """Begin a generation, and refuse fills that were born earlier."""
        with self._lock:
            self._generation += 1
            self._fills = self._generation

    def _known(self, groups: Sequence[str]) -> list[Generation]:
        return [self._groups.get(group, self._grouped) for group in groups]

    # ── places in the queue ────────────────────────────────────────────────────────────────────

    def _append(self, key: Key, entry: CacheEntry, size: int) -> _Node:
        node = self._nodes[key] = _Node(key, entry, self._generation)
        node.older = self._newest
        if self._newest is None:
            self._oldest = node
        else:
            self._newest.newer = node
        self._newest = node
        self.bytes += size
        return node

    def _replace(self, node: _Node, entry: CacheEntry, size: int) -> None:
        self.bytes += size - entry_bytes(node.key, node.entry)
        node.entry = entry

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
        self.bytes -= entry_bytes(node.key, node.entry)

    def _evict(self, spared: _Node) -> None:
        """Evict the next entry that was not used since the hand last passed."""
        node = self._hand or self._oldest
        while node is not None and (node.visited or node is spared):
            node.used, node.visited = node.used or node.visited, False
            node = node.newer or self._oldest
        assert node is not None
        self._hand = node
        self._count_evicted(node.key, node.entry)
        self.unused += not node.used
        self._forget(node)

    def _count_evicted(self, key: Key, entry: CacheEntry) -> None:
        self.evictions += 1
        route = within(self._evicted, route_of(key, entry), MOST_ROUTES)
        self._evicted[route] = self._evicted.get(route, 0) + 1

    def _forget(self, node: _Node) -> None:
        """Remove *node*, but remember when it was emptied.

        Otherwise a slow fill could bring back what was emptied.
        """
        self._remove(node)
        self._note_emptied(node.entry.emptied_at)

    def _note_emptied(self, emptied_at: float) -> None:
        if emptied_at > (NEVER if self._absent is None else self._absent.emptied_at):
            self._absent = CacheEntry({}, emptied_at)


# A fork while another thread changes a store would leave the child half a change and a locked lock.
# So every store is held still during a fork.
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


forks.around(_before_fork, _after_fork)
