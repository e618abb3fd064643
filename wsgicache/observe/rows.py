"""What is counted: rows of requests that came to the same, and the uses of a stored response."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from typing import TYPE_CHECKING

__all__ = [
    "CLASSES",
    "LONGEST_ROUTE",
    "MOST_ROUTES",
    "OTHER",
    "Labels",
    "Row",
    "Uses",
    "path_head",
    "usual",
    "within",
]

OTHER = "other"
"""The route of all requests beyond the routes that have rows of their own."""
LONGEST_ROUTE = 128
MOST_ROUTES = 500
"""Most routes that have rows of their own."""
CLASSES = {"": OTHER, **{first: f"{first}xx" for first in "12345"}}
Labels = tuple[str, str | None, str | None, str, str]
"""Outcome, forward, detail, the first digit of the status, and route."""

if TYPE_CHECKING:
    _Count = count[int]
else:
    _Count = count


class Uses(_Count):
    """The uses of one stored response that come to the same: ``next()`` counts one.

    PERF: 17 ns, and no lock: nothing else happens in the interpreter meanwhile.
    """

    __slots__ = ("is_stale", "length", "others", "row", "saved", "seen")

    row: Row
    length: int
    saved: float
    is_stale: bool
    seen: int
    """How often it was advanced, by what has been taken over."""
    others: dict[str, Uses]
    """Those of answers without content, by the first digit of the status."""

    def begin(self, row: Row, length: int, saved: float, is_stale: bool) -> None:
        """Begin to count for *row*, to which each use gives so many bytes and seconds."""
        self.row = row
        self.length = length
        self.saved = saved
        self.is_stale = is_stale
        self.seen = 0
        self.others = {}


class Row:
    """Requests that came to the same."""

    __slots__ = ("app_bytes", "count", "of", "passed", "saved", "spent", "stale", "stored_bytes")

    def __init__(self, of: Labels) -> None:
        self.of = of
        self.begin()

    def begin(self) -> None:
        """Count from zero."""
        self.count = self.stored_bytes = self.app_bytes = self.stale = 0
        self.spent = self.saved = 0.0
        self.passed: tuple[int, float, float] = (0, 0.0, 0.0)
        """What `newly` has returned of `count`, `spent` and `saved`."""

    def newly(self) -> tuple[int, int, float, float] | None:
        """Return what came since the last call: requests, hits, seconds spent and saved, if any."""
        counted, spent, saved = self.passed
        if self.count == counted and self.spent == spent:
            return None
        self.passed = self.count, self.spent, self.saved
        new = self.count - counted
        return new, new if self.of[0] == "hit" else 0, self.spent - spent, self.saved - saved

    def as_json(self) -> list[object]:
        """Return the row as JSON has it."""
        sums = self.count, self.spent, self.saved, self.stored_bytes, self.app_bytes, self.stale
        outcome, forward, detail, first, route = self.of
        return [outcome, forward, detail, CLASSES[first], route, *sums]


def within(routes: Collection[str], route: str, most: int) -> str:
    """Return *route*, or `OTHER` if there are so many *routes* already."""
    return route if route in routes or len(routes) < most else OTHER


def usual(of: Labels) -> Labels:
    """Return *of* with a class of status that there is, and a short route."""
    first, route = of[3:]
    return *of[:3], first if first in CLASSES else "", route[:LONGEST_ROUTE]


def path_head(mount: str, path: str) -> str:
    """Return where an app is mounted, and the first segment of the *path* below, if not long."""
    end = path.find("/", len(mount) + 1)
    head = ((path or "/") if end < 0 else path[:end])[:LONGEST_ROUTE]
    return head if head.isascii() else head.encode("latin-1", "replace").decode("utf-8", "replace")
