"""Try many inputs with few requests: in groups, so that no two others hide one."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import TypeVar

__all__ = ["groups"]

T = TypeVar("T")

_LINES = 3
"""In so many groups is each one. Two of them meet once at most, so two others cannot spoil all."""
_FEW = 9
"""So many are each a group of their own."""


def groups(items: Sequence[T]) -> list[list[T]]:
    """Return groups of about the square root of *items*; each of these is in three of them.

    Whichever two others are named, each item is in a group without them: one input may hide
    another, as an app does that shows all the same page as soon as somebody sends DNT.

    The items are points of a plane, and the groups are its lines in three directions.
    """
    if len(items) <= _FEW:
        return [[one] for one in items]
    side = isqrt(len(items) - 1) + 1
    lines: dict[tuple[int, int], list[T]] = {}
    for number, one in enumerate(items):
        row, column = divmod(number, side)
        for slope in range(_LINES):
            place = row if slope == 0 else column + (slope - 1) * row
            lines.setdefault((slope, place), []).append(one)
    return list(lines.values())
