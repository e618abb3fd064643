"""What is filed below a path, in a store that can list what it holds."""

from __future__ import annotations

from wsgicache.rules.keys import Key
from wsgicache.stores import Grouping, Listing

__all__ = ["keys_below"]


def keys_below(store: Listing, prefix: Key) -> list[Key]:
    """The keys in *store* that begin as *prefix*. What is asked for now and not stored yet has no
    entry that could be emptied: in a store that counts generations it is not kept. Raises what the
    store raises."""
    keys = dict.fromkeys(store.keys(prefix))
    if isinstance(store, Grouping):
        store.refuse_fills()
        keys.update(dict.fromkeys(store.keys(prefix)))
    return list(keys)
