"""Put a Flask application behind the cache in one call; this module does not import Flask."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wsgicache.controls.routes import Route
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.checks import must_be
from wsgicache.rules.policy import Policy

__all__ = ["easy_setup"]

if TYPE_CHECKING:
    from flask import Flask

    from wsgicache.clock import Clock
    from wsgicache.observe.watching import Observer
    from wsgicache.origin.background import Runner
    from wsgicache.stores import Store


def easy_setup(
    app: Flask,
    *,
    store: Store | None = None,
    policy: Policy | None = None,
    clock: Clock | None = None,
    runner: Runner | None = None,
    routes: Iterable[Route] = (),
    purge_token: str | None = None,
    counters: str | os.PathLike[str] | None = None,
    observer: Observer | None = None,
) -> CacheMiddleware:
    """Put a cache in front of the Flask *app*, and return it.

    The options are those of `CacheMiddleware`. The cache becomes ``app.wsgi_app`` and
    ``app.extensions["wsgicache"]``. It caches static files, too. Under ``app.debug`` it uses a new
    `MemoryStore` instead of *store*, so that every start and every reload begins with nothing, and
    the log says so. No stale page hides an error then. Raises TypeError for anything but a Flask
    application, and ValueError for one that has a cache.
    """
    if not callable(getattr(app, "wsgi_app", None)) or not hasattr(app, "extensions"):
        raise TypeError(must_be("app", "a Flask application", app))
    if "wsgicache" in app.extensions:
        message = must_be("app", "a Flask application without a cache", app)
        raise ValueError(f"{message}, which has one in app.extensions['wsgicache']")
    if app.debug:
        store = None
        policy = Policy(debug=True) if policy is None else policy
        app.logger.info("wsgicache: app.debug is on, so this start has an empty cache of its own")
    cache = CacheMiddleware(
        app.wsgi_app,
        store=store,
        policy=policy,
        clock=clock,
        runner=runner,
        routes=routes,
        purge_token=purge_token,
        counters=counters,
        observer=observer,
    )
    app.wsgi_app = cache  # type: ignore[method-assign]
    app.extensions["wsgicache"] = cache
    return cache
