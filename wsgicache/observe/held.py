"""What a store holds, by route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wsgicache.observe.rows import MOST_ROUTES, path_head, within
from wsgicache.observe.stats import Held
from wsgicache.rules.keys import Key
from wsgicache.rules.model import IMPLIED, CacheEntry

__all__ = ["Tally", "by_route", "route_of", "tallied"]

Tally = dict[str, tuple[int, int]]
"""By route: the number of pages, and the variants of the one that has most."""

_MOUNT = 1 + IMPLIED.index("SCRIPT_NAME")
"""The place of SCRIPT_NAME among the values that select."""


def route_of(key: Key, entry: CacheEntry) -> str:
    """Return the route of the *entry* under *key*: the framework's, else the head of the path."""
    for selector, stored in entry.responses.items():
        mount = selector[_MOUNT] if isinstance(selector, tuple) else None  # or it is a digest
        return stored.route or path_head(mount if isinstance(mount, str) else "", key[2])
    return path_head("", key[2])


def tallied(pages: Iterable[tuple[str, int]]) -> Tally:
    """Return what *pages* come to; of each there is the route, and the number of its variants."""
    found: Tally = {}
    for route, variants in pages:
        route = within(found, route, MOST_ROUTES)
        count, widest = found.get(route, (0, 0))
        found[route] = count + 1, max(widest, variants)
    return found


def by_route(tally: Tally, evicted: Mapping[str, int]) -> tuple[tuple[Held, ...], int, int]:
    """Return what each route has, the number of all pages, and the widest one's variants.

    *evicted* says how many pages of each route had no room.
    """
    found = {**dict.fromkeys(evicted, (0, 0)), **tally}
    held = [Held(route, *of, evicted.get(route, 0)) for route, of in found.items()]
    return tuple(held), sum(of.entries for of in held), max((of.widest for of in held), default=0)
