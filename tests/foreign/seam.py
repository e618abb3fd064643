"""A plugin of pytest for the suites of others: each app that they test stands behind a cache.

It is copied to a place of its own, and named by ``-p``; ``WSGICACHE_SEAMS`` says where caches go.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from wsgicache import CacheMiddleware, Policy

POLICY = Policy(cache_status=False)
"""The suites compare lists of header fields, to the last one."""


class Behind(CacheMiddleware):
    """An application behind a cache that is otherwise like itself."""

    def __init__(self, app: Any) -> None:
        super().__init__(app, policy=POLICY)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["app"], name)


def behind(app: Any) -> Any:
    """*app* behind a cache, once; what is no application stays as it is."""
    return Behind(app) if callable(app) and not isinstance(app, Behind) else app


def attribute(cls: type, name: str) -> None:
    """What instances of *cls* have as *name* is behind a cache from when it is set."""

    def get(self: Any) -> Any:
        return self.__dict__[name]

    def put(self: Any, app: Any) -> None:
        self.__dict__[name] = behind(app)

    setattr(cls, name, property(get, put))


def argument(module: Any, name: str) -> None:
    """The first argument of the function *name*, or of a method, is behind a cache."""
    first, _, last = name.partition(".")
    owner, name = (getattr(module, first), last) if last else (module, first)
    function: Callable[..., Any] = getattr(owner, name)

    @wraps(function)
    def wrapped(*args: Any, **named: Any) -> Any:
        before, app, rest = args[: bool(last)], args[bool(last)], args[1 + bool(last) :]
        return function(*before, behind(app), *rest, **named)

    setattr(owner, name, wrapped)


def instances(cls: Any) -> None:
    """Instances of *cls* are applications, and stand each behind a cache of its own."""
    call = cls.__call__
    held: dict[int, tuple[Any, CacheMiddleware]] = {}  # an instance may have slots

    def cached_call(self: Any, environ: Any, start_response: Any) -> Any:
        if id(self) not in held:
            held[id(self)] = self, CacheMiddleware(partial(call, self), policy=POLICY)
        return held[id(self)][1](environ, start_response)

    cls.__call__ = cached_call


def extension(cls: Any) -> None:
    """Instances of Flask have the cache as their extension from when they are made."""
    from wsgicache.flask import WSGICache

    make = cls.__init__

    @wraps(make)
    def made(self: Any, *args: Any, **named: Any) -> None:
        make(self, *args, **named)
        WSGICache(self, policy=POLICY)

    cls.__init__ = made


def put(seam: str) -> None:
    """Put the cache at *seam*, such as ``attribute webtest.app TestApp.app``."""
    how, where, what = seam.split()
    module: Any = importlib.import_module(where)
    first, _, last = what.partition(".")
    if how == "attribute":
        attribute(getattr(module, first), last)
    elif how == "argument":
        argument(module, what)
    elif how == "extension":
        extension(getattr(module, first))
    else:
        instances(getattr(module, first))


def pytest_configure() -> None:
    """Put the cache where it is said."""
    for seam in filter(None, os.environ.get("WSGICACHE_SEAMS", "").split(";")):
        put(seam)
