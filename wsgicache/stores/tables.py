"""A node of a shared store whose bytes are in a file that all processes of a machine map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import time
from typing import TypeVar

import lmdb

from wsgicache.reporting import tell_of_full_store
from wsgicache.stores import StoreError, sieve
from wsgicache.stores.environments import MAX_BYTES, Opened, environment_at
from wsgicache.stores.shared.names import FORMAT
from wsgicache.stores.shared.nodes import Found
from wsgicache.stores.shared.survey import page_in
from wsgicache.stores.sieve import add, cost_of, drop, evict, held, kept_bytes, value_of

__all__ = ["LIMIT", "PIECE", "Tables"]

T = TypeVar("T")

LIMIT = 512 * 1024
"""Most bytes of a value."""
PIECE = 64 * 1024
"""Most bytes of a piece. A value needs adjacent pages: where few are, all would go for a large one.
"""
_FILLED = 0.6
"""The part of the file that entries fill. Removed entries free their pages two transactions later,
and not while an older reader is there."""
_LEFT = 0.95
"""The part of that which stays when room is made, so that many entries go at once."""
_ATTEMPTS = 6
_ENTRY = f":{FORMAT}e:".encode("ascii")
"""What the names of entries have."""
_STATE = f":{FORMAT}s:".encode("ascii")
"""What the names of states have: without its state, nothing in a namespace is valid."""


def _route_of(name: bytes, record: memoryview) -> str | None:
    """Return the route of the page in *record*, or None if nothing like that has this *name*."""
    page = page_in(record) if _ENTRY in name else None
    return None if page is None else page[0]


class Tables:
    """The tables of one environment, as a node of a store in a folder."""

    atomic = True
    connects = 0
    limit = LIMIT
    piece = PIECE
    # Records begin with their digest, so their first bytes distinguish them.
    _VERSION = 32

    def __init__(self, path: str, max_bytes: int | None) -> None:
        self.name = f"lmdb {path}"
        self.share = (max_bytes or MAX_BYTES) // 16
        self._environment = environment_at(path, max_bytes)
        self._is_full = False

    def _ask(self, do: Callable[[Opened], T]) -> T:
        """Return what *do* returns for the open environment.

        Raises MapFullError where there is no room, and StoreError where something is wrong with the
        files.
        """
        try:
            try:
                return self._environment.run(do)
            except lmdb.ReadersFullError:
                # Readers of processes that were killed; live ones have fewer than one for each
                # thread.
                self._environment.run(lambda opened: opened.env.reader_check())
                return self._environment.run(do)
        except lmdb.MapFullError:
            raise
        except (lmdb.Error, OSError, ValueError) as error:
            raise StoreError(f"{self.name}: {type(error).__name__}: {error}") from error

    def read(self, names: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept under *names*."""
        wanted, now = [name.encode("ascii") for name in names], time()

        def copied(opened: Opened) -> list[bytes | None]:
            # Copied at once: while a reader is there, no page is used again.
            with opened.env.begin() as txn:
                return [value_of(held(txn, opened, name), opened, now) for name in wanted]

        return self._ask(copied)

    def look(self, names: Sequence[str]) -> Sequence[tuple[bytes | None, object]]:
        """Return what is kept under *names*; the first bytes of each are its version."""
        return [
            (value, None if value is None else value[: self._VERSION]) for value in self.read(names)
        ]

    def swap(
        self, name: str, value: bytes | None, version: object, seconds: int, full: bool = False
    ) -> bool:
        """Keep *value* (None: nothing), if what is kept is still *version*."""
        key, now = name.encode("ascii"), time()

        def swapped(opened: Opened, txn: lmdb.Transaction) -> bool:
            before = held(txn, opened, key)
            found = value_of(before, opened, now)
            if (None if found is None else found[: self._VERSION]) != version:
                return False
            if value is not None:
                add(txn, opened, key, value, now + seconds, before)
            elif before is not None:
                drop(txn, opened, key, before)
            return True

        return self._change(swapped, key)

    def settle(
        self,
        name: str,
        value: bytes,
        found: Found,
        seconds: int,
        guards: Mapping[str, bytes],
        gone: str,
    ) -> bool:
        """Swap, if what is under each of *guards* is still the same, and remove *gone*."""
        key, last, now = name.encode("ascii"), gone.encode("ascii"), time()
        same = {one.encode("ascii"): record for one, record in guards.items()}

        def settled(opened: Opened, txn: lmdb.Transaction) -> bool:
            before = held(txn, opened, key)
            there = value_of(before, opened, now)
            if (None if there is None else there[: self._VERSION]) != found[1]:
                return False
            for one, record in same.items():
                if value_of(held(txn, opened, one), opened, now) != record:
                    return False
            add(txn, opened, key, value, now + seconds, before)
            if (lease := held(txn, opened, last)) is not None:
                drop(txn, opened, last, lease)
            return True

        return self._change(settled, key)

    def write(self, name: str, value: bytes, seconds: int) -> None:
        """Keep *value* for at most *seconds*. Raises StoreError where there is no room."""
        if len(value) > self.limit:
            raise StoreError(f"{self.name} takes at most {self.limit} bytes, got {len(value)}")
        key, ends = name.encode("ascii"), time() + seconds
        self._change(
            lambda opened, txn: add(txn, opened, key, value, ends, held(txn, opened, key)), key
        )

    def make_room(self, length: int) -> None:
        """Make room for pieces of *length* bytes, before one of them is there to be evicted.

        Raises StoreError if all the room is not enough; then nothing goes.
        """
        wanted = cost_of(length, self.piece)

        def known(opened: Opened) -> tuple[int, int]:
            with opened.env.begin() as txn:
                return kept_bytes(txn, opened), int(opened.max_bytes * _FILLED)

        kept, budget = self._ask(known)
        if wanted > budget * _LEFT:
            raise StoreError(f"{self.name} holds {budget} bytes, and a content needs {wanted}")
        if kept + wanted > budget:
            self._make_room(kept + wanted - int(budget * _LEFT))

    def remove(self, name: str) -> None:
        """Remove what is under *name*."""
        key = name.encode("ascii")

        def removed(opened: Opened, txn: lmdb.Transaction) -> None:
            if (before := held(txn, opened, key)) is not None:
                drop(txn, opened, key, before)

        self._change(removed, key)

    def _change(self, change: Callable[[Opened, lmdb.Transaction], T], name: bytes) -> T:
        """Return what *change* returns in a transaction; make room after it, or before a retry.

        What it has kept under *name* is not evicted for that.
        """
        budget = 0

        def changed(opened: Opened) -> tuple[T, int]:
            nonlocal budget
            budget = int(opened.max_bytes * _FILLED)
            with opened.env.begin(write=True) as txn:
                return change(opened, txn), kept_bytes(txn, opened)

        for attempt in range(_ATTEMPTS):
            try:
                result, kept = self._ask(changed)
            except lmdb.MapFullError:
                self._make_room(int(budget * (1 - _LEFT)) * (attempt + 1), name)
                continue
            if kept > budget:
                self._make_room(kept - int(budget * _LEFT), name)
            return result
        raise StoreError(f"{self.name} is full, and its removed pages are still being read")

    def _make_room(self, wanted: int, spared: bytes = b"") -> None:
        """Evict *wanted* bytes in a transaction, but not *spared*, and end another one after it.

        Only then can their pages be used again.
        """

        def stays(name: bytes) -> bool:
            return name == spared or _STATE in name

        def room(opened: Opened) -> None:
            with opened.env.begin(write=True, buffers=True) as txn:
                evict(txn, opened, wanted, stays, _route_of)
            with opened.env.begin(write=True) as txn:
                txn.put(b"room", b"", db=opened.about)
            if not self._is_full:
                self._is_full = True
                tell_of_full_store(self.name, opened.max_bytes)

        with suppress(lmdb.MapFullError):
            self._ask(room)

    def listed(self, prefix: str) -> list[str]:
        """Return the names that begin with *prefix*."""
        return self._ask(lambda opened: sieve.names_below(opened, prefix))

    def begun(
        self, prefix: str, place: str, most: int, length: int
    ) -> tuple[list[tuple[bytes, str]], str]:
        """Return the first *length* bytes of some values, and places (`shared.listing.Begun`)."""
        return self.taken(prefix, place, most, lambda _, value: bytes(value[:length]))

    def taken(
        self, prefix: str, place: str, most: int, take: Callable[[float, memoryview], T]
    ) -> tuple[list[tuple[T, str]], str]:
        """Return what *take* makes of some values, and places (`sieve.taken`)."""
        return self._ask(lambda opened: sieve.taken(opened, prefix, place, most, take))

    def life(self) -> str:
        """Return an empty string: the files go with the machine, and only as a whole."""
        return ""

    def figures(self) -> tuple[int, int, int, dict[str, int]]:
        """Return the bytes, the budget, how many pages had to leave, and how many of each route."""

        def told(opened: Opened) -> tuple[int, int, int, dict[str, int]]:
            with opened.env.begin() as txn:
                gone = sieve.evictions(txn, opened), sieve.evicted_by_route(txn, opened)
                return kept_bytes(txn, opened), opened.max_bytes, *gone

        return self._ask(told)

    def stats(self) -> dict[str, object]:
        """Return what the files hold."""
        kept, budget, gone, _ = self.figures()
        said = {"records": self._ask(sieve.records), "bytes": kept, "evictions": gone}
        readers = self._ask(lambda opened: int(opened.env.info()["num_readers"]))
        return {**said, "readers": readers, "max_bytes": budget}
