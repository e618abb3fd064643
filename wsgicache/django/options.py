"""Understand ``settings.WSGICACHE``: each key has its check, and its part of the cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wsgicache.arguments import has_methods
from wsgicache.controls.routes import Route
from wsgicache.operating import checked_token
from wsgicache.rules.checks import must_be, several, text
from wsgicache.rules.policy import Policy
from wsgicache.stores import Store, store_from_url
from wsgicache.stores.memory import MemoryStore
from wsgicache.stores.urls import check_url

__all__ = [
    "CHECKS", "SUBJECT", "hosts_of", "is_shared", "options_of", "policy_of", "routes_of",
    "store_of", "unknown",
]  # fmt: skip

SUBJECT = "settings.WSGICACHE"


def check_store(store: object) -> None:
    """Raise unless *store* is a store or has the form of the URL of one; open nothing."""
    if isinstance(store, str):
        check_url(store)
    else:
        subject = f"{SUBJECT}['STORE']"
        if store is None:
            kind = "the URL of a store, such as 'lmdb:///var/cache/mysite', or a store"
            raise TypeError(must_be(subject, kind, store))
        has_methods(subject, store, "get", "content", "update")


def store_of(options: Mapping[str, Any], debug: bool) -> Store:
    """Return the store of *options*; with *debug* a new one in memory, whatever they say."""
    store = options.get("STORE", "memory://")
    check_store(store)
    if debug:
        return MemoryStore()
    return store_from_url(store) if isinstance(store, str) else store


def is_shared(options: Mapping[str, Any]) -> bool:
    """Return whether *options* name a store that processes may share."""
    store = options.get("STORE", "memory://")
    if isinstance(store, str):
        return not store.startswith("memory:")
    return not isinstance(store, MemoryStore)


def policy_of(policy: object, debug: bool = False) -> Policy:
    """Return *policy*, or ``Policy.django()`` with the options that it names."""
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, Mapping):
        kind = "a dict of options of Policy.django(), such as {'sort_query': True}, or a Policy"
        raise TypeError(must_be(f"{SUBJECT}['POLICY']", kind, policy))
    changes: dict[str, Any] = {"debug": True, **policy} if debug else dict(policy)
    return Policy.django(**changes)


def routes_of(routes: object) -> tuple[Route, ...]:
    """Return *routes*, each of which must be a Route."""
    found: Iterable[object] = routes if isinstance(routes, list | tuple) else (routes,)
    kind = "a list of Routes, such as [Route('/static/*', cache_for(days=1))]"
    for one in found:
        if not isinstance(one, Route):
            raise TypeError(must_be(f"{SUBJECT}['ROUTES']", kind, routes))
    return tuple(one for one in found if isinstance(one, Route))


def check_folder(folder: object) -> None:
    """Raise unless *folder* is the path of one, or None."""
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise TypeError(must_be(f"{SUBJECT}['COUNTERS']", "the path of a folder", folder))


def hosts_of(hosts: object) -> tuple[str, ...]:
    """Return *hosts*, each of which must be a name."""
    return several(f"{SUBJECT}['HOSTS']", hosts, text, "['www.example.org']")


CHECKS: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "STORE": ("E003", check_store, "Use 'lmdb:///var/cache/mysite' for several workers."),
    "POLICY": ("E004", policy_of, "Use the keywords of Policy.django(); {} is right, too."),
    "ROUTES": ("E005", routes_of, "Give a list of Routes; wsgicache.Route says where."),
    "PURGE_TOKEN": ("E006", checked_token, "Use a long secret that only your scripts know."),
    "COUNTERS": ("E007", check_folder, "Name a folder that all workers may write."),
    "HOSTS": ("E008", hosts_of, "Name the hosts under which visitors see the site."),
}
"""For each key the id of its error, its check, and a hint."""


def unknown(options: Mapping[str, Any]) -> list[str]:
    """Return the keys of *options* that mean nothing."""
    return [key for key in options if key not in CHECKS]


def options_of(given: object) -> Mapping[str, Any]:
    """Return *given*, which must be a dict with known keys. Raises TypeError or ValueError."""
    if not isinstance(given, Mapping):
        raise TypeError(must_be(SUBJECT, "a dict, such as {'STORE': 'memory://'}", given))
    for key in unknown(given):
        raise ValueError(must_be(f"a key of {SUBJECT}", f"one of {', '.join(CHECKS)}", key))
    return given
