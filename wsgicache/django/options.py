"""Understand ``settings.WSGICACHE``: each key has its check, and its part of the cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from django.utils.module_loading import import_string

from wsgicache.arguments import has_methods
from wsgicache.controls.routes import Route
from wsgicache.operating import checked_token
from wsgicache.rules.checks import must_be, several, text
from wsgicache.rules.policy import Policy
from wsgicache.stores import Store, store_from_url
from wsgicache.stores.memory import MemoryStore
from wsgicache.stores.urls import check_url

__all__ = [
    "CHECKS", "SUBJECT", "clock_of", "function_of", "hosts_of", "is_shared", "options_of",
    "policy_of", "routes_of", "store_of", "unknown",
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


def store_of(options: Mapping[str, Any], own: bool) -> Store:
    """Return the store of *options*; with *own* a new one in memory, whatever they say."""
    store = options.get("STORE", "memory://")
    check_store(store)
    if own:
        return MemoryStore()
    return store_from_url(store) if isinstance(store, str) else store


def is_shared(options: Mapping[str, Any]) -> bool:
    """Return whether *options* name a store that processes may share."""
    store = options.get("STORE", "memory://")
    if isinstance(store, str):
        return not store.startswith("memory:")
    return not isinstance(store, MemoryStore)


def policy_of(policy: object, debug: bool = False) -> Policy:
    """Return *policy*, or `Policy` with the options that it names."""
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, Mapping):
        kind = "a dict of options of Policy, such as {'sort_query': True}, or a Policy"
        raise TypeError(must_be(f"{SUBJECT}['POLICY']", kind, policy))
    changes: dict[str, Any] = {"debug": True, **policy} if debug else dict(policy)
    return Policy(**changes)


def routes_of(routes: object) -> tuple[Route, ...]:
    """Return *routes*, or those at this path, each of which must be a Route."""
    routes = _at(f"{SUBJECT}['ROUTES']", routes)
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


def function_of(key: str, function: object) -> Any:
    """Return the function that *key* has, or the one at the path that it has; None for None."""
    subject = f"{SUBJECT}[{key!r}]"
    found = _at(subject, function)
    if found is not None and not callable(found):
        kind = "a function, or the path of one, such as 'mysite.caching.function'"
        raise TypeError(must_be(subject, kind, found))
    return found


def clock_of(clock: object) -> Any:
    """Return *clock*, or the one at this path; None for None."""
    subject = f"{SUBJECT}['CLOCK']"
    has_methods(subject, found := _at(subject, clock), "now", "wall")
    return found


def _at(subject: str, given: object) -> object:
    """Return *given*; for a path, what is there. Settings can import no module that has models."""
    if not isinstance(given, str):
        return given
    try:
        return import_string(given)
    except ImportError as error:
        kind = "the path of something, such as 'mysite.caching.name'"
        raise ValueError(f"{must_be(subject, kind, given)}: {error}") from None


def hosts_of(hosts: object) -> tuple[str, ...]:
    """Return *hosts*, each of which must be a name."""
    return several(f"{SUBJECT}['HOSTS']", hosts, text, "['www.example.org']")


CHECKS: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "STORE": ("E003", check_store, "Use 'lmdb:///var/cache/mysite' for several workers."),
    "POLICY": ("E004", policy_of, "Use the keywords of Policy; {} is right, too."),
    "ROUTES": ("E005", routes_of, "Give a list of Routes; wsgicache.Route says where."),
    "PURGE_TOKEN": ("E006", checked_token, "Use a long secret that only your scripts know."),
    "COUNTERS": ("E007", check_folder, "Name a folder that all workers may write."),
    "HOSTS": ("E008", hosts_of, "Name the hosts under which visitors see the site."),
    "RUNNER": ("E009", partial(function_of, "RUNNER"), "It takes a Job, and has it called."),
    "OBSERVER": ("E010", partial(function_of, "OBSERVER"), "It takes an Observation."),
    "CLOCK": ("E011", clock_of, "Leave it out: the default is the clock of the machine."),
    "DASHBOARD": ("E012", partial(function_of, "DASHBOARD"), "It takes a request, and answers."),
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
