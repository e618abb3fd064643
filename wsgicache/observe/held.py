"""What a store holds, by route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wsgicache.observe.rows import MOST_ROUTES, path_head, within
from wsgicache.observe.stats import Held
from wsgicache.rules.keys import Key
from wsgicache.rules.model import IMPLIED, CacheEntry

__all__ = ["by_route", "route_of"]

_MOUNT = 1 + IMPLIED.index("SCRIPT_NAME")
"""The place of SCRIPT_NAME among the values that select."""


def route_of(key: Key, entry: CacheEntry) -> str:
    """Return the route of the *entry* under *key*: the framework's, else the head of the path."""
    for selector, stored in entry.responses.items():
        mount = selector[_MOUNT] if isinstance(selector, tuple) else None  # or it is a digest
        return stored.route or path_head(mount if isinstance(mount, str) else "", key[2])
    return path_head("", key[2])


def by_route(
    entries: Iterable[tuple[Key, CacheEntry]], evicted: Mapping[str, int]
) -> tuple[Held, ...]:
    """Return what *entries* come to for each route, and how many were *evicted* of each."""
    found: dict[str, tuple[int, int]] = dict.fromkeys(evicted, (0, 0))
    for key, entry in entries:
        route = within(found, route_of(key, entry), MOST_ROUTES)
        count, widest = found.get(route, (0, 0))
        found[route] = count + 1, max(widest, len(entry.responses))
    return tuple(
        Held(route, count, widest, evicted.get(route, 0))
        for route, (count, widest) in found.items()
    )
