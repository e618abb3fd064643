"""List keys: those below a path, in a store that can list its keys, and those in memory."""

from __future__ import annotations

import threading
from itertools import islice
from typing import Any

from wsgicache.rules.keys import Key
from wsgicache.stores import Grouping, Listing

__all__ = ["Listed", "keys_below"]


def keys_below(store: Listing, prefix: Key) -> list[Key]:
    """Return the keys in *store* that begin with *prefix*.

    A request under way has no entry yet that could be emptied; only a store that counts generations
    can refuse its response. Raises what the store raises.
    """
    keys = dict.fromkeys(store.keys(prefix))
    if isinstance(store, Grouping):
        store.refuse_fills()
        keys.update(dict.fromkeys(store.keys(prefix)))
    return list(keys)


class Listed:
    """A store in memory that lists its keys; a store inherits from it."""

    _nodes: dict[Key, Any]
    _lock: threading.Lock

    def keys(self, prefix: Key) -> list[Key]:
        """Return the keys with the scheme and host of *prefix* whose path begins with its path."""
        with self._lock:
            keys = list(self._nodes)
        origin, path = prefix[:2], prefix[2]
        return [key for key in keys if key[:2] == origin and key[2].startswith(path)]

    def some_keys(self, place: str, most: int) -> tuple[list[tuple[Key, str]], str]:
        """Return some of the keys, the newest first, and the place of those after them.

        A place is the number of keys before it; while others come and go, a key may be missed.
        """
        begin = int(place) if place.isascii() and place.isdecimal() and len(place) < 12 else 0
        with self._lock:
            keys = list(islice(reversed(self._nodes), begin, begin + most))
            is_end = begin + most >= len(self._nodes)
        found = [(key, str(number)) for number, key in enumerate(keys, begin + 1)]
        return found, "" if is_end else str(begin + most)
