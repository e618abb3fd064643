"""A table in a file within a budget of bytes, and what it evicts (SIEVE).

A hit sets one byte in a file beside the table and changes nothing else. To make room, a hand moves
from the oldest entry to the newest, clears those bytes, and takes an entry without one.
"""

from __future__ import annotations

from struct import Struct

import lmdb

from wsgicache.stores.environments import PLACES, Opened

__all__ = ["add", "drop", "evict", "held", "kept_bytes", "value_of"]

_HEAD = Struct(">dQ")
"""The head of a value: when it ends, and its number."""
_NUMBER = Struct(">Q")
_PAGE = 4096
_ALONE = 2000
"""Bytes of a value from which LMDB gives it pages of its own."""
_BESIDE = 80
"""Bytes of an entry's place in the order."""
_MOST_SPARED = 20_000
"""Most entries that the hand passes at once; then it takes the next, used or not."""


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


def evict(txn: lmdb.Transaction, opened: Opened, wanted: int) -> None:
    """Make room for *wanted* bytes, as far as possible."""
    total, freed, spared = kept_bytes(txn, opened), 0, 0
    cursor = txn.cursor(opened.order)
    there = cursor.set_range(txn.get(b"hand", db=opened.about) or b"\0") or cursor.first()
    while there and freed < wanted:
        number, record = cursor.item()
        place = _NUMBER.unpack(number)[0] % PLACES
        if opened.used[place] and spared < _MOST_SPARED:
            opened.used[place] = 0
            spared += 1
            there = cursor.next() or cursor.first()
            continue
        freed += _NUMBER.unpack_from(record)[0]
        txn.delete(record[_NUMBER.size :], db=opened.entries)
        cursor.delete()
        there = bool(cursor.key()) or cursor.first()
    txn.put(b"hand", cursor.key() or b"\0", db=opened.about)
    _set(txn, opened, b"bytes", max(0, total - freed))


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
