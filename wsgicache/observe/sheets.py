"""What a process has counted, in a file: written by one, read by others, who do not trust it.

A sheet has two places, and the writer takes the one that is not the latest. So a reader always
finds one that is whole, whenever the writer stops::

    "wsgicnt2"  2 x [ number (8)  length (4)  digest (4)  JSON, compressed by zlib ]
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from math import isfinite
from operator import itemgetter
from struct import Struct
from typing import Any

from wsgicache.observe.counting import MOST_ROWS, Part
from wsgicache.observe.rows import MOST_ROUTES
from wsgicache.observe.stats import HELD, OF_ROUTE, SPANS
from wsgicache.observe.summing import NOTHING
from wsgicache.observe.windows import INTERVALS, MEASURES

__all__ = ["SIZE", "checked", "no_number", "pieces", "read"]

MAGIC = b"wsgicnt2"
_HEAD = Struct("<QII")
PLACE = 256 * 1024
"""Bytes of one place."""
SIZE = len(MAGIC) + 2 * PLACE
_LARGEST = 4 * 1024 * 1024
"""Most bytes of JSON that are read."""
_SHORT = 256
"""Most characters of a label."""
_LONG = 8192
"""Most characters of a URL."""
_LABELS, _SUMS = 5, 6


def pieces(part: Part, number: int) -> list[tuple[int, bytes]]:
    """Return what to write for *part*, which has that *number*, and where, in this order.

    Parts have the numbers 1, 2, 3 … Raises ValueError if it is too large.
    """
    content = zlib.compress(json.dumps(part, separators=(",", ":")).encode(), 1)
    if len(content) > PLACE - _HEAD.size:
        # Side by side, the rows of a route have its name almost for nothing.
        rows = sorted(part["rows"], key=itemgetter(_LABELS - 1))
        part = {**part, "rows": rows, "rates": {}, "asked": [], "held": {}}
        content = zlib.compress(json.dumps(part, separators=(",", ":")).encode(), 6)
    if len(content) > PLACE - _HEAD.size:
        raise ValueError(f"{len(content)} bytes are too many")
    begin = _places()[number % 2]
    head = _HEAD.pack(number, len(content), zlib.crc32(content))
    return [(0, MAGIC), (begin, bytes(len(head))), (begin + len(head), content), (begin, head)]


def _places() -> tuple[int, int]:
    return len(MAGIC), len(MAGIC) + PLACE


def read(sheet: bytes) -> Part:
    """Return the latest part on *sheet*. Raises ValueError if there is none."""
    if len(sheet) != SIZE or sheet[: len(MAGIC)] != MAGIC:
        raise ValueError("no counters")
    found: list[tuple[int, bytes]] = []
    for begin in _places():
        number, length, digest = _HEAD.unpack(sheet[begin : begin + _HEAD.size])
        content = sheet[begin + _HEAD.size : begin + _HEAD.size + length]
        # The digest of nothing is 0, as where nothing was written.
        fits = number and 0 < length <= PLACE - _HEAD.size
        if fits and zlib.crc32(content) == digest:
            found.append((number, content))
    if not found:
        raise ValueError("no counters yet")
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(max(found)[1], _LARGEST)
        if not unpacking.eof:
            raise ValueError("too long")
        return checked(json.loads(text, parse_constant=no_number))
    except (zlib.error, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def no_number(text: str) -> None:
    """Refuse what JSON does not know: NaN and infinities."""
    raise ValueError(text)


def checked(found: Any) -> Part:
    """Return what was *found*, if it is what a process counts. Raises ValueError and others."""
    rows, rates, asked, purges = found["rows"], found["rates"], found["asked"], found["purges"]
    if len(rows) > 2 * MOST_ROWS or max(len(rates), len(purges)) > 2 * MOST_ROUTES:
        raise ValueError("too many rows")
    for row in rows:
        _texts(row[:_LABELS], _SHORT, optional=(1, 2))
        _numbers(row[_LABELS:], _SUMS)
    for route, sums in rates.items():
        _texts([route], _SHORT)
        _numbers(sums, MEASURES * len(SPANS), least=-1.0)
    for url, *counts, outcome, forward, detail in asked:
        _texts([url], _LONG)
        _texts([outcome, forward, detail], _SHORT, optional=(1, 2))
        _numbers(counts, 2)
    if len(found["history"]) > 2 * INTERVALS:
        raise ValueError("too many intervals")
    for interval in found["history"]:
        _numbers(interval, 3)
    _texts(purges, _SHORT)
    _numbers(list(purges.values()), len(purges))
    _numbers(found["validations"], 3)
    _numbers(found["store"], HELD)
    if len(found["held"]) > 2 * MOST_ROUTES:
        raise ValueError("too many routes")
    for route, sizes in found["held"].items():
        _texts([route], _SHORT)
        _numbers(sizes, OF_ROUTE)
    _numbers([found["since"], found["at"], found["errors"]], 3)
    return {name: found[name] for name in NOTHING}


def _texts(values: Iterable[Any], most: int, optional: tuple[int, ...] = ()) -> None:
    for place, value in enumerate(values):
        if value is None and place in optional:
            continue
        if type(value) is not str or len(value) > most:
            raise ValueError("no label")


def _numbers(values: list[Any], count: int, least: float = 0.0) -> None:
    if type(values) is not list or len(values) != count:
        raise ValueError("not so many numbers")
    for value in values:
        if type(value) not in (int, float) or not isfinite(value) or not least <= value < 1e18:
            raise ValueError("no number")
