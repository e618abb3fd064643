"""Which bytes does a range name (RFC 9110 §14)?"""

from __future__ import annotations

import re

__all__ = ["parse_content_range", "parse_ranges"]

_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_UNIT = "bytes="


def parse_ranges(value: str, length: int, most: int) -> list[tuple[int, int]] | None:
    """Return the satisfiable ranges of a Range field as (first, last) bytes (RFC 9110 §14.1).

    *length* is that of the representation. None means that the field is ignored: another unit, a
    malformed or reversed range, more than *most* ranges, or ranges that together are larger than
    the whole. An empty list is unsatisfiable (416).
    """
    if value[: len(_UNIT)].lower() != _UNIT:
        return None
    if value.count(",") >= most:
        return None
    ranges: list[tuple[int, int]] = []
    for member in value[len(_UNIT) :].split(","):
        member = member.strip(" \t")
        if not member:
            continue
        found = _RANGE.fullmatch(member)
        if found is None or found[0] == "-":
            return None
        first, last = map(_position, found.groups())
        if first is None:
            assert last is not None
            if last and not length:
                return None  # The representation is empty, and no Content-Range can say so.
            if last:
                ranges.append((max(0, length - last), length - 1))
            continue
        if last is not None and last < first:
            return None
        if first < length:
            ranges.append((first, length - 1 if last is None else min(last, length - 1)))
    if sum(last - first + 1 for first, last in ranges) > length:
        return None
    return ranges


def _position(digits: str) -> int | None:
    if not digits:
        return None
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= 18 else 10**18


_CONTENT_RANGE = re.compile(
    r"bytes[ \t]+([0-9]{1,18})-([0-9]{1,18})/(\*|[0-9]{1,18})", re.IGNORECASE
)


def parse_content_range(value: str | None) -> tuple[int, int, int | None] | None:
    """Return first, last and complete length of a Content-Range (RFC 9110 §14.4), or None."""
    found = _CONTENT_RANGE.fullmatch(value.strip(" \t")) if value else None
    if found is None:
        return None
    first, last = int(found[1]), int(found[2])
    length = None if found[3] == "*" else int(found[3])
    if last < first or (length is not None and last >= length):
        return None
    return first, last, length
