"""How an entry comes out of a shared store: unpacked, judged, and without what purges ended."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import NamedTuple, Protocol

from wsgicache.rules.entries import softened
from wsgicache.rules.groups import names_of, reviewed, without_unborn
from wsgicache.rules.keys import Key, Selector
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse
from wsgicache.stores import StoreError
from wsgicache.stores.shared.apart import Apart, Variants, parts_in
from wsgicache.stores.shared.generations import Generations, State
from wsgicache.stores.shared.memo import LARGEST, MOST, Memo
from wsgicache.stores.shared.names import Name, Names
from wsgicache.stores.shared.nodes import UNREAD, Found, Times
from wsgicache.stores.shared.records import LateEntry, unpack

__all__ = ["Judge", "Odd", "Reading"]

Judge = Callable[[Key, CacheEntry], CacheEntry]


_MOST_THERE = 4096


class Odd(Protocol):
    """What notes what is odd in a store."""

    def __call__(self, kind: str) -> None:
        """Note a record of this *kind* that is not ours."""

    def note_clock(self, ahead: float) -> None:
        """Note that a clock of another machine is *ahead* by so many seconds."""


class _Seen(NamedTuple):
    """What a look at an entry has found; and the generation then, if it was not there."""

    found: Found
    born: int | None


class Reading:
    """The way out of one store; *odd* notes what is no record of ours, and other clocks."""

    def __init__(self, names: Names, times: Times, secret: bytes, odd: Odd) -> None:
        self._names = names
        self._times = times
        self._secret = secret
        self._odd = odd
        self._memo = Memo()
        self._parts = Memo()
        self._there: set[str] = set()
        """Names of entries that are there."""
        self._seen: dict[str, _Seen] = {}
        """What the last looks have found, by the names of entries."""
        self._judges: tuple[weakref.WeakMethod[Judge], ...] = ()

    def judge_by(self, judge: Judge) -> None:
        """Give out only what *judge*, a method, leaves of each entry."""
        known = [one for one in self._judges if one() is not None]
        self._judges = (*known, weakref.WeakMethod(judge))
        self._memo, self._parts = Memo(), Memo()  # their entries were not judged by *judge*

    # ── what is known without a look ───────────────────────────────────────────────────────────

    def knows(self, name: Name) -> bool:
        """Return whether the entry *name* was there the last time."""
        return name.text in self._there

    def note(self, name: Name, record: bytes | None, version: object, state: State) -> None:
        """Note what a look at the entry *name* has found."""
        there, seen = self._there, self._seen
        if record is None:
            there.discard(name.text)
        else:
            if len(there) >= _MOST_THERE:
                there.clear()
            there.add(name.text)
        if record is not None and len(record) > LARGEST:
            seen.pop(name.text, None)
            return
        if len(seen) >= MOST:
            seen.clear()
        born = state.number if record is None and version is not UNREAD else None
        seen[name.text] = _Seen((record, None if record is None else version), born)

    def seen(self, name: Name) -> Found | None:
        """Return what the last look at the entry *name* has found, if that is remembered."""
        seen = self._seen.get(name.text)
        return None if seen is None else seen.found

    def born(self, name: Name) -> int | None:
        """Return the generation that was read with the entry *name*, which is not there; once."""
        seen = self._seen.get(name.text)
        if seen is None or seen.born is None:
            return None
        self._seen[name.text] = _Seen(seen.found, None)
        return seen.born

    def forget(self, name: Name) -> None:
        """Know nothing of the entry *name*, which was changed."""
        self._there.discard(name.text)
        self._seen.pop(name.text, None)

    # ── entries ────────────────────────────────────────────────────────────────────────────────

    def opened(
        self, key: Key, name: Name, record: bytes | None, generations: Generations, state: State
    ) -> CacheEntry | None:
        """Return the entry in *record*, without what purges known to *state* have ended."""
        if record is None:
            return None
        skew = self._times.skew()
        # PERF: a record that is the same as the last time is not unpacked again: the digest and the
        # head of a page of 4 KiB cost as much as the round trip.
        entry = self._memo.get(name.text, record, (skew, state.number))
        if entry is None:
            salt = self.salt(name)
            entry = self._understood("entry", key, name, record, generations, state, salt)
            if entry is not None:
                if parts_in(entry.responses):
                    whole = partial(self._whole, key, generations, salt)
                    responses = Variants(entry.responses, whole)
                    entry = CacheEntry(responses, entry.emptied_at, salt)
                self._memo.put(name.text, record, (skew, state.number), entry)
        return entry

    def _understood(
        self,
        kind: str,
        key: Key,
        name: Name,
        record: bytes,
        generations: Generations,
        state: State,
        salt: bytes,
    ) -> CacheEntry | None:
        """Return what is left of the entry in *record*, or None if that is no record."""
        skew, now = self._times.skew(), self._times.now()
        found = unpack(record, name.echo, skew, now, salt, self._secret)
        if found is None:
            self._odd(kind)
            return None
        late = found if isinstance(found, LateEntry) else None
        if found.responses and max(one.born for one in found.responses.values()) > state.number:
            # Another process has begun a generation, or the node has lost that one.
            state = generations.current()
            found = without_unborn(found, state.number)
        judges = [judge for reference in self._judges if (judge := reference()) is not None]
        if judges:
            # A response that is apart is judged when it is read.
            aside = {s: one for s, one in found.responses.items() if isinstance(one, Apart)}
            here = {s: one for s, one in found.responses.items() if s not in aside}
            for judge in judges:
                entry = CacheEntry(here, found.emptied_at, salt)
                here = judge(key, entry).responses
            found = CacheEntry({**aside, **here}, found.emptied_at, salt)
        left = reviewed(found, key, state.purged, generations.of)
        if late is None:
            return left
        self._odd.note_clock(late.ahead)
        return LateEntry(left, late.left_out, late.ahead)

    def _whole(
        self, key: Key, generations: Generations, salt: bytes, selector: Selector, apart: Apart
    ) -> StoredResponse | None:
        """Return the whole of the response that is *apart*, or None if its part is lost."""
        state = generations.state or generations.current()
        circumstances = self._times.skew(), state.number, apart.softened_at
        # PERF: a part never changes, so what was read of it saves the round trip.
        entry = self._parts.get(apart.part, b"", circumstances)
        if entry is None:
            name = self._names.of("variant", apart.part)
            try:
                (record,) = generations.node.read((name.text,))
            except StoreError:
                return None
            if record is None:
                return None
            entry = self._understood("part", key, name, record, generations, state, salt)
            if entry is None or parts_in(entry.responses):
                return None
            if apart.softened_at != NEVER:
                softer = {s: softened(one, apart.softened_at) for s, one in entry.responses.items()}
                entry = CacheEntry(softer, NEVER, salt)
            self._parts.put(apart.part, b"", circumstances, entry, len(record))
        return entry.responses.get(selector)

    def ended(
        self, key: Key, name: Name, record: bytes, generations: Generations
    ) -> list[tuple[StoredResponse, list[str]]]:
        """Return the responses in *record* that purges have ended, each with the groups of those.

        Without a group, a purge of everything has ended it.
        """
        found = unpack(record, name.echo, self._times.skew(), self._times.now(), b"", self._secret)
        everything = generations.current().purged
        ended: list[tuple[StoredResponse, list[str]]] = []
        for stored in () if found is None else found.responses.values():
            groups = [
                group
                for group in stored.groups
                for purged in generations.of(names_of(key, (group,)))
                if purged is not None and purged.hard > stored.born
            ]
            if groups or everything.hard > stored.born:
                ended.append((stored, list(dict.fromkeys(groups))))
        return ended

    def salt(self, name: Name) -> bytes:
        """Return the key for digests of selecting values in the entry *name*; each has its own."""
        return blake2b(name.echo, key=self._secret, digest_size=32, person=b"selecting").digest()
