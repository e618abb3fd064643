"""Find the cache that an app has already, and what is around it and within."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from wsgicache.middleware import CacheMiddleware

__all__ = ["behind", "inward", "is_a", "name_of", "own_cache", "path_to_cache"]

_MOST_LOOKED_AT = 1000
_INSIDE = ("app", "application", "wsgi_app", "wsgi", "wrap_app", "_app", "_application")
"""Attributes in which middleware keeps the application that it wraps."""


def own_cache(app: object) -> CacheMiddleware | None:
    """Return the cache that *app* is, or has around it, or None.

    It looks behind attributes (Flask's ``wsgi_app``), other middleware, and what a function
    encloses. A cache that an app only knows, to purge it, does not count.
    """
    found = path_to_cache(app)[-1:]
    return found[0] if found and isinstance(found[0], CacheMiddleware) else None


def path_to_cache(app: object) -> list[object]:
    """Return what a request passes from *app* to its cache, that cache last; empty without one."""
    queue, outer_of = deque([app]), {id(app): (app, app)}
    while queue and len(outer_of) <= _MOST_LOOKED_AT:
        outer = queue.popleft()
        if isinstance(outer, CacheMiddleware):
            path = [outer_of[id(outer)][0]]
            while path[-1] is not app:
                path.append(outer_of[id(path[-1])][1])
            return path[::-1]
        for inner in behind(outer):
            known = isinstance(inner, CacheMiddleware) and inner.app is outer
            if id(inner) not in outer_of and not known:
                outer_of[id(inner)] = (inner, outer)
                queue.append(inner)
    return []


def behind(outer: object) -> Iterator[object]:
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


def inward(app: object, passed: Iterable[object] = ()) -> list[object]:
    """Return *app*, what that wraps, and so on; nothing that a request has *passed* before.

    A bound method stands for its object, and a function for what it encloses, too.
    """
    queue, seen, found = deque([app]), set(map(id, passed)), list[object]()
    while queue and len(found) <= _MOST_LOOKED_AT:
        one = queue.popleft()
        one = one.__self__ if isinstance(one, MethodType) else one
        if id(one) not in seen:
            seen.add(id(one))
            found.append(one)
            queue.extend(_wrapped(one))
    return found


def _wrapped(one: object) -> Iterator[object]:
    """Yield the applications that *one* wraps."""
    if isinstance(one, FunctionType | partial):
        yield from behind(one)
        return
    own = getattr(one, "__dict__", {})
    for name in _INSIDE:
        if callable(value := own.get(name)) and not inspect.isclass(value):
            yield value
    if is_a(one, "werkzeug.middleware.dispatcher", "DispatcherMiddleware"):
        yield from own["mounts"].values()


def is_a(one: object, module: str, name: str) -> bool:
    """Return whether *one* is an instance of the class *name* in *module*, if that is loaded."""
    return any(k.__name__ == name and k.__module__ == module for k in type(one).__mro__)


def name_of(one: object) -> str:
    """Return the name of a function or class, or of the class of *one*, or of a view of a class."""
    one = getattr(one, "view_class", None) or getattr(one, "cls", None) or one
    named = one if hasattr(one, "__qualname__") else type(one)
    module = getattr(named, "__module__", "") or ""
    name: str = getattr(named, "__qualname__", "")
    return f"{module}.{name}" if module else name
