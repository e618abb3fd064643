"""Find and describe the cache that an app has already."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from wsgicache import CacheMiddleware, Policy
from wsgicache.cli.terminal import visible
from wsgicache.frameworks import with_their_names

__all__ = ["PROFILES", "own_cache", "said_of"]

PROFILES: dict[str, Callable[[], Policy]] = {"safe": Policy, "rfc": Policy.rfc}
_MOST_LOOKED_AT = 1000
_LONGEST_SHOWN = 60


def own_cache(app: object) -> CacheMiddleware | None:
    """Return the cache that *app* is, or has around it, or None.

    It looks behind attributes (Flask's ``wsgi_app``), other middleware, and what a function
    encloses. A cache that an app only knows, to purge it, does not count.
    """
    queue, seen = deque([app]), {id(app)}
    while queue and len(seen) <= _MOST_LOOKED_AT:
        outer = queue.popleft()
        if isinstance(outer, CacheMiddleware):
            return outer
        for inner in _behind(outer):
            known = isinstance(inner, CacheMiddleware) and inner.app is outer
            if id(inner) not in seen and not known:
                seen.add(id(inner))
                queue.append(inner)
    return None


def _behind(outer: object) -> Iterator[object]:
    """Yield what *outer* may call in its turn."""
    values: list[Any] = []
    if isinstance(outer, partial):
        values += [outer.func, *outer.args, *outer.keywords.values()]
    if isinstance(outer, MethodType):
        values.append(outer.__self__)
    if isinstance(outer, FunctionType):
        values += inspect.getclosurevars(outer).nonlocals.values()
    if not inspect.isclass(outer) and not inspect.ismodule(outer):
        values += getattr(outer, "__dict__", {}).values()
        slots = (getattr(kind, "__slots__", ()) for kind in type(outer).__mro__)
        names = [n for one in slots for n in ((one,) if isinstance(one, str) else one)]
        values += [getattr(outer, name, None) for name in names]
    for value in values:
        if callable(value) and not inspect.isclass(value):
            yield value


def said_of(cache: CacheMiddleware) -> str:
    """Describe the store and the policy of *cache* in a few words.

    The policy is the nearest profile, and the options that differ from it.
    """
    differing = {
        profile: _differing(cache.policy, with_their_names(make()))
        for profile, make in PROFILES.items()
    }
    profile = min(differing, key=lambda name: len(differing[name]))
    but = ", ".join(differing[profile])
    policy = f"{profile} policy" + (f" except for {but}" if but else "")
    return f"{type(cache.store).__name__}, {visible(policy)}"


def _differing(policy: Policy, profile: Policy) -> list[str]:
    options = [option.name for option in fields(Policy) if option.init and option.repr]
    pairs = [(name, getattr(policy, name)) for name in options]
    changed = [(name, repr(value)) for name, value in pairs if value != getattr(profile, name)]
    return [f"{n}={text if len(text) <= _LONGEST_SHOWN else '…'}" for n, text in changed]
