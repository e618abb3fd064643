"""What entries take of a memory, with all overhead."""

from __future__ import annotations

from wsgicache.rules.keys import Key, Selector
from wsgicache.rules.model import CacheEntry, StoredResponse

__all__ = ["entry_bytes", "response_bytes"]

_NODE_BYTES = 900
"""Bytes of a node, its key and their places in tables, beside what is counted by length."""
_CODED_BYTES = 2000
"""Bytes of the requests remembered for a response that answers many values of Accept-Encoding."""
_OFFER_BYTES = 500
"""Bytes of an Accept-Encoding value for which a response was chosen, at most."""


def entry_bytes(key: Key, entry: CacheEntry) -> int:
    """Return the bytes of memory that *entry* takes under *key*: overhead included, rounded up."""
    scheme, host, path, query = key
    total = _NODE_BYTES + len(scheme) + len(host) + len(path) + len(query)
    responses = entry.responses
    return total + sum(map(response_bytes, responses, responses.values()))


def response_bytes(selector: Selector, stored: StoredResponse) -> int:
    """Return what *stored* takes of that under *selector*."""
    total = stored.weight or stored.weigh()
    if stored.offers:
        total += _CODED_BYTES + _OFFER_BYTES * len(stored.offers)
    if type(selector) is str:  # a digest, in front of a shared store
        return total + 64 + len(selector)
    total += 64 * len(selector) + sum(map(len, filter(None, selector)))
    if forwarded := selector[0]:
        total += 64 * len(forwarded) + sum(map(len, forwarded))
    return total
