"""What the entries of a store come to, by route: for statistics alone, which trust no record.

A survey reads all entries, some at a time. The next one waits a hundred times as long as that took:
so it costs one per cent of a processor at most, and a hit nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from time import monotonic, time
from typing import Protocol, TypeVar

from wsgicache.observe.held import Tally, tallied
from wsgicache.observe.rows import LONGEST_ROUTE, path_head
from wsgicache.rules.model import NEVER
from wsgicache.stores.shared.names import Names, key_of_echo
from wsgicache.stores.shared.records import begun

__all__ = ["Page", "Survey", "page_in"]

T = TypeVar("T")
Page = tuple[str, int]
"""The route of an entry, and how many responses it has."""

_SOME = 500
"""Entries that are read at once."""
_REST = 100
"""How many times as long as a survey took nobody makes another one."""


class Node(Protocol):
    """A node that shows what it keeps, a part at a time."""

    def taken(
        self, prefix: str, place: str, most: int, take: Callable[[float, memoryview], T]
    ) -> tuple[list[tuple[T, str]], str]:
        """Return what *take* makes of values whose names begin with *prefix* (`sieve.taken`)."""


def page_in(record: memoryview) -> Page | None:
    """Return what the entry in *record* is, or None if it has no response."""
    echo, head = begun(record)
    key = key_of_echo(echo)
    try:
        said = json.loads(head)
        responses, apart = said["responses"], said.get("apart", ())
        if key is None or not responses:
            return None
        # The newest response is never apart.
        route = responses[-1].get("route", "")
        return str(route or path_head("", key[2]))[:LONGEST_ROUTE], len(responses) + len(apart)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None


class Survey:
    """The pages on *node* under *names*, as they were a short while ago."""

    def __init__(self, node: Node, names: Names) -> None:
        self._node = node
        self._prefix = names.prefix("entry")
        self._until = NEVER
        self._tally: Tally = {}

    def tally(self) -> Tally:
        """Return what the pages of each route come to. Raises StoreError."""
        began = monotonic()
        if began < self._until:
            return self._tally
        now, place = time(), ""
        found: list[Page] = []

        def take(ends: float, record: memoryview) -> Page | None:
            return page_in(record) if ends > now else None

        while True:
            some, place = self._node.taken(self._prefix, place, _SOME, take)
            found += [page for page, _ in some if page is not None]
            if not place:
                break
        ended = monotonic()
        self._tally, self._until = tallied(found), ended + _REST * (ended - began)
        return self._tally
