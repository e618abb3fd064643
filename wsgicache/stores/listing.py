"""List the keys below a path, in a store that can list its keys."""

from __future__ import annotations

from wsgicache.rules.keys import Key
from wsgicache.stores import Grouping, Listing

__all__ = ["keys_below"]


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
