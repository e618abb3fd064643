"""A table in a file within a budget of bytes, and what it evicts (SIEVE).

A hit sets one byte in a file beside the table and changes nothing else. To make room, a hand moves
from the oldest entry to the newest, clears those bytes, and takes an entry without one.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TypeVar

import lmdb

from wsgicache.observe.rows import MOST_ROUTES, OTHER
from wsgicache.stores.environments import PLACES, Opened

__all__ = [
    "add", "cost_of", "drop", "evict", "evicted_by_route", "evictions", "held", "kept_bytes",
    "names_below", "records", "taken", "value_of",
]  # fmt: skip

T = TypeVar("T")

_HEAD = Struct(">dQ")
"""The head of a value: when it ends, and its number."""
_NUMBER = Struct(">Q")
_PAGE = 4096
_ALONE = 2000
"""Bytes of a value from which LMDB gives it pages of its own."""
_BESIDE = 80
"""Bytes of an entry's place in the order."""
_MOST_PASSED = 20_000
"""Most entries that the hand passes at once; then it takes the next, used or not."""
_OF_ROUTE = b"evicted of "
"""What the name of a counter of evicted pages begins with; the route follows."""
_LONGEST_ROUTE = 400
"""Bytes of a route in such a name: LMDB takes names of 511 bytes."""


def value_of(record: bytes | None, opened: Opened, now: float) -> bytes | None:
    """Return the value in *record*, unless it has ended, and mark it as used."""
    if record is None:
        return None
    ends, number = _HEAD.unpack_from(record)
    if ends <= now:
        return None
    place = number % PLACES
    if not opened.used[place]:
        opened.used[place] = 1
    return record[_HEAD.size :]


def held(txn: lmdb.Transaction, opened: Opened, name: bytes) -> bytes | None:
    """Return the record under *name*, or None."""
    record = txn.get(name, db=opened.entries)
    return None if record is None else bytes(record)


def kept_bytes(txn: lmdb.Transaction, opened: Opened) -> int:
    """Return the bytes of the file that all entries take, as counted."""
    return _count(txn, opened, b"bytes")


def evictions(txn: lmdb.Transaction, opened: Opened) -> int:
    """Return how many pages have gone to make room."""
    return _count(txn, opened, b"evicted")


def records(opened: Opened) -> int:
    """Return how many records there are: those of entries, and all that belongs to them."""
    with opened.env.begin() as txn:
        return int(txn.stat(opened.entries)["entries"])


def evicted_by_route(txn: lmdb.Transaction, opened: Opened) -> dict[str, int]:
    """Return how many pages of each route have gone to make room."""
    found: dict[str, int] = {}
    cursor = txn.cursor(opened.about)
    there = cursor.set_range(_OF_ROUTE)
    while there and (name := bytes(cursor.key())).startswith(_OF_ROUTE):
        route = name[len(_OF_ROUTE) :].decode("utf-8", "replace")
        found[route] = int(_NUMBER.unpack(cursor.value())[0])
        there = cursor.next()
    return found


def add(
    txn: lmdb.Transaction,
    opened: Opened,
    name: bytes,
    value: bytes,
    ends: float,
    before: bytes | None,
) -> None:
    """Keep *value* until *ends*, in place of the record *before* if there is one."""
    cost, known = _cost(name, len(value) + _HEAD.size), 0
    if before is None:
        number = _count(txn, opened, b"next")
        _set(txn, opened, b"next", number + 1)
        opened.used[number % PLACES] = 0
    else:
        _, number = _HEAD.unpack_from(before)
        known = _cost(name, len(before))
    txn.put(name, _HEAD.pack(ends, number) + value, db=opened.entries)
    if cost != known:
        place = _NUMBER.pack(number)
        txn.put(place, _NUMBER.pack(cost) + name, db=opened.order)
        _set(txn, opened, b"bytes", kept_bytes(txn, opened) + cost - known)


def drop(txn: lmdb.Transaction, opened: Opened, name: bytes, before: bytes) -> None:
    """Remove the record *before*, which is under *name*."""
    _, number = _HEAD.unpack_from(before)
    txn.delete(name, db=opened.entries)
    txn.delete(_NUMBER.pack(number), db=opened.order)
    _set(txn, opened, b"bytes", kept_bytes(txn, opened) - _cost(name, len(before)))


def evict(
    txn: lmdb.Transaction,
    opened: Opened,
    wanted: int,
    stays: Callable[[bytes], bool],
    page: Callable[[bytes, memoryview], str | None],
) -> None:
    """Make room for *wanted* bytes, as far as possible; *stays* says which names stay.

    *page* returns the route of what is under a name, or None if that is no page. The transaction
    gives memory views.
    """
    total, freed, passed, met = kept_bytes(txn, opened), 0, 0, (-1, -1, b"")
    evicted: dict[str, int] = {}
    cursor = txn.cursor(opened.order)
    hand = bytes(txn.get(b"hand", db=opened.about) or b"\0")
    there = cursor.set_range(hand) or cursor.first()
    while there and freed < wanted:
        number, record = map(bytes, cursor.item())
        place, name = _NUMBER.unpack(number)[0] % PLACES, record[_NUMBER.size :]
        if stays(name):
            if met == (freed, passed, number):
                break  # nothing else is there
            if met[:2] != (freed, passed):
                met = freed, passed, number
            there = cursor.next() or cursor.first()
        elif opened.used[place] and passed < _MOST_PASSED:
            opened.used[place] = 0
            passed += 1
            there = cursor.next() or cursor.first()
        else:
            freed += _NUMBER.unpack_from(record)[0]
            value = txn.get(name, db=opened.entries)
            route = None if value is None else page(name, memoryview(value)[_HEAD.size :])
            if route is not None:
                evicted[route] = evicted.get(route, 0) + 1
            txn.delete(name, db=opened.entries)
            cursor.delete()
            there = bool(cursor.key()) or cursor.first()
    txn.put(b"hand", bytes(cursor.key()) or b"\0", db=opened.about)
    _set(txn, opened, b"bytes", max(0, total - freed))
    _set(txn, opened, b"evicted", evictions(txn, opened) + sum(evicted.values()))
    _note_evicted(txn, opened, evicted)


def _note_evicted(txn: lmdb.Transaction, opened: Opened, evicted: dict[str, int]) -> None:
    """Count pages that were *evicted*, by route."""
    known = len(evicted_by_route(txn, opened)) if evicted else 0
    for route, count in evicted.items():
        name = _OF_ROUTE + route.encode("utf-8", "replace")[:_LONGEST_ROUTE]
        before = _count(txn, opened, name)
        if not before and known >= MOST_ROUTES:
            name = _OF_ROUTE + OTHER.encode("ascii")
            before = _count(txn, opened, name)
        known += not before
        _set(txn, opened, name, before + count)


def names_below(opened: Opened, prefix: str) -> list[str]:
    """Return all names that begin with *prefix*."""
    begin = prefix.encode("ascii")
    found: list[str] = []
    with opened.env.begin() as txn:
        cursor = txn.cursor(opened.entries)
        there = cursor.set_range(begin)
        while there and (name := cursor.key()).startswith(begin):
            found.append(name.decode("ascii"))
            there = cursor.next()
    return found


def taken(
    opened: Opened, prefix: str, place: str, most: int, take: Callable[[float, memoryview], T]
) -> tuple[list[tuple[T, str]], str]:
    """Return what *take* makes of values from *place* on, and the place after each.

    It gets when a value ends, and the value, only for that call. A place is the first name that may
    be there. No value is marked as used.
    """
    begin = prefix.encode("ascii")
    found: list[tuple[T, str]] = []
    with opened.env.begin(buffers=True) as txn:
        cursor = txn.cursor(opened.entries)
        there = cursor.set_range(begin + place.encode("ascii", "replace"))
        while there and bytes(cursor.key()[: len(begin)]) == begin:
            name = bytes(cursor.key()[len(begin) :]).decode("ascii")
            if len(found) == most:
                return found, name
            record = cursor.value()
            made = take(_HEAD.unpack_from(record)[0], record[_HEAD.size :])
            # The next name is not shorter, and not before this one with the smallest character.
            found.append((made, f"{name}!"))
            there = cursor.next()
    return found, ""


def cost_of(length: int, most: int) -> int:
    """Return the bytes of the file for *length* bytes in entries of at most *most*."""
    return -(-length // most) * (most + _PAGE)


def _cost(name: bytes, length: int) -> int:
    """Return the bytes of the file for an entry with a record of *length*, rather too many."""
    if length < _ALONE:
        return (3 * (length + len(name) + _BESIDE)) // 2
    return -(-(length + 16) // _PAGE) * _PAGE + 2 * (len(name) + _BESIDE)


def _count(txn: lmdb.Transaction, opened: Opened, what: bytes) -> int:
    found = txn.get(what, db=opened.about)
    return 0 if found is None else int(_NUMBER.unpack(found)[0])


def _set(txn: lmdb.Transaction, opened: Opened, what: bytes, number: int) -> None:
    txn.put(what, _NUMBER.pack(number), db=opened.about)
