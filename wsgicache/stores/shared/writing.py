"""How an entry goes into a shared store: changed atomically, whatever others do meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress

from wsgicache.rules.entries import Change
from wsgicache.rules.groups import names_of, reviewed, without_late
from wsgicache.rules.keys import Key
from wsgicache.rules.model import NEVER, CacheEntry, LeasedEntry
from wsgicache.stores import StoreError
from wsgicache.stores.shared.generations import Generations, State
from wsgicache.stores.shared.leases import KEPT_SECONDS as EMPTIED_SECONDS
from wsgicache.stores.shared.leases import Asked, Leases
from wsgicache.stores.shared.names import Name, Names
from wsgicache.stores.shared.nodes import LONGEST, Node, Times
from wsgicache.stores.shared.pieces import Contents, Packing
from wsgicache.stores.shared.reading import Reading

__all__ = ["Writing"]

STALE_SECONDS = 24 * 3600
"""How long a stale response is kept, since a validation may make it fresh again."""
_ATTEMPTS = 16


class Writing:
    """The way into one store, whose nodes are known by their *nodes* and *route*."""

    def __init__(
        self,
        nodes: Mapping[str, Generations],
        route: Callable[[str], Node],
        contents: Contents,
        leases: Leases,
        reading: Reading,
        names: Names,
        times: Times,
        secret: bytes,
    ) -> None:
        self._nodes = nodes
        self._route = route
        self._contents = contents
        self._leases = leases
        self._reading = reading
        self._names = names
        self._times = times
        self._secret = secret

    def update(self, key: Key, change: Change) -> None:
        """Replace the entry under *key* by what *change* makes of it.

        It tries again if somebody else changes the entry meanwhile. Raises where the node cannot be
        reached, or does not keep the entry.
        """
        name = self._names.of_entry(key)
        node = self._route(name.text)
        packing = Packing(self._contents, self._names, node, name.echo, self._secret)
        try:
            if self._settled(key, name, change, packing):
                return
            for _ in range(_ATTEMPTS):
                if self._changed(key, name, change, packing):
                    return
        finally:
            packing.tidy()
        raise StoreError(f"{node.name}: an entry changed too often to change it")

    def _settled(self, key: Key, name: Name, change: Change, packing: Packing) -> bool:
        """Return whether *change*, a fill of the entry *name*, was applied and its lease returned.

        It is applied to what the last look has found. So that saves a trip, and another one for the
        lease. False if any of that has changed, or is not known: then `_changed` does it.
        """
        lease, found = self._leases.name(key), self._reading.seen(name)
        held, node = self._leases.held(lease), self._route(name.text)
        generations = self._nodes[node.name]
        last = generations.last
        if held is None or found is None or last is None:
            return False
        token, leased = held
        asked = Asked()
        known = self._reading.opened(key, name, found[0], generations, last.state)
        before = LeasedEntry(known or CacheEntry({}, NEVER, self._reading.salt(name)), asked)
        entry = change(before)
        if entry is None or entry is before or asked.token != token:
            return False
        entry = self._left_of(key, entry, before, generations, last.state)
        if not entry.responses:
            return False
        seconds = seconds_to_keep(entry, self._times.now())
        entry, packed = packing.packed(entry, seconds, self._times.skew())
        guards = {lease.text: leased, generations.name: last.record}
        if not node.settle(name.text, packed, found, seconds, guards, lease.text):
            return False
        self._leases.note_given_back(lease, token)
        self._reading.forget(name)
        packing.keep(before, entry)
        return True

    def _left_of(
        self,
        key: Key,
        entry: CacheEntry,
        before: CacheEntry,
        generations: Generations,
        state: State,
    ) -> CacheEntry:
        """Return what purges leave of *entry*, which is to replace *before*."""
        entry = without_late(entry, before, state.fills)
        for stored in entry.responses.values():
            generations.name_groups(names_of(key, stored.groups), stored.born, state)
        return reviewed(entry, key, state.purged, generations.of)

    def _changed(self, key: Key, name: Name, change: Change, packing: Packing) -> bool:
        """Apply *change* to the entry *name*; return False if another process was faster."""
        node = self._route(name.text)
        generations = self._nodes[node.name]
        lease = self._leases.name(key)
        record, version, leased, state = generations.look(name.text, lease.text)
        found = self._reading.opened(key, name, record, generations, state)
        if found is None:
            found = CacheEntry({}, NEVER, self._reading.salt(name))
        # Other threads may share what was found.
        before = LeasedEntry(found, self._leases.tokens(leased, lease))
        entry = change(before)
        if entry is before:
            return True
        packed, seconds = None, 1
        if entry is not None:
            entry = self._left_of(key, entry, before, generations, state)
            if entry.responses or entry.emptied_at != NEVER:
                seconds = seconds_to_keep(entry, self._times.now())
                entry, packed = packing.packed(entry, seconds, self._times.skew())
        if packed is None and version is None:
            return True
        purged = entry is not None and entry.emptied_at != before.emptied_at
        try:
            # A purge of nothing could fill a full server further, without end.
            full = purged and version is not None
            swapped = node.swap(name.text, packed, version, seconds, full)
        except StoreError:
            if entry is not None and not entry.responses:
                # There is no room for the moment of a purge, but the entry may still be removed.
                with suppress(StoreError):
                    node.remove(name.text)
                    node.remove(lease.text)
            raise
        if swapped and purged:
            node.remove(lease.text)
        if swapped:
            self._reading.forget(name)
            packing.keep(before, None if packed is None else entry)
        return swapped


def seconds_to_keep(entry: CacheEntry, now: float) -> int:
    """Return the seconds for which *entry* can be of use, never more than any store takes."""
    until = now + EMPTIED_SECONDS
    for stored in entry.responses.values():
        window = max(stored.stale_while_revalidate, stored.stale_if_error)
        until = max(until, stored.generated_at + stored.freshness_lifetime + window + STALE_SECONDS)
    return math.ceil(min(until - now, LONGEST))
