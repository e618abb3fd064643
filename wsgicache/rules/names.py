"""Which response fields stay here, and which are never stored? (§3.1; RFC 9110 §7.6.1; RFC 9213)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wsgicache.rules.fields import environ_key

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields that mean one connection only (§3.1, RFC 9110 §7.6.1)."""

SET_COOKIE = frozenset({"set-cookie", "set-cookie2"})
"""Fields that are for one client, whatever the rest is."""

_MADE_ANEW = frozenset({"age", "cache-status", "x-cache"})
"""Every reuse has its own."""


class FieldNames(NamedTuple):
    """Names in lower case, as a policy has them. PERF: worked out once, when that is made."""

    targets: tuple[str, ...]
    """Targeted fields that speak to this cache, the first valid one wins (RFC 9213 §2.2)."""
    withheld: frozenset[str]
    """What says something to this cache, and to nobody after it."""
    staying: frozenset[str]
    """What goes no further than here."""
    never_stored: frozenset[str]


def names_for(targets: tuple[str, ...], strip: tuple[str, ...]) -> FieldNames:
    """What the options of these names come to: the first of *targets* is our own."""
    lower = tuple(name.lower() for name in targets)
    withheld = frozenset((*lower[:1], *(name.lower() for name in strip)))
    staying = HOP_BY_HOP | withheld
    return FieldNames(lower, withheld, staying, staying | _MADE_ANEW)


def environ_keys(names: Sequence[str]) -> tuple[str, ...]:
    """Where PEP 3333 puts the request fields of these *names*, each once and in their order."""
    return tuple(dict.fromkeys(map(environ_key, names)))
