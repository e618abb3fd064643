"""Put the cache around a Flask application, in one call, or again with other options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Unpack

from wsgicache.arguments import explained
from wsgicache.configuring import CacheOptions
from wsgicache.controls.routes import Route
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.checks import must_be
from wsgicache.rules.policy import Policy

__all__ = ["DEBUGGING", "add_routes", "begin_anew", "easy_setup", "must_be_bare", "put_around"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from flask import Flask

DEBUGGING = "wsgicache: app.debug is on, so this start has an empty cache of its own"
_OPTIONS = "wsgicache.options"
"""The extension of an application that is the options of its cache."""
_ROUTES = "wsgicache.routes"
"""The extension that is the list of routes of its blueprints."""


@explained(keywords=CacheOptions.__annotations__)
def easy_setup(app: Flask, **options: Unpack[CacheOptions]) -> CacheMiddleware:
    """Put a cache in front of the Flask *app*, and return it.

    The options are those of `CacheMiddleware`. The cache becomes ``app.wsgi_app`` and
    ``app.extensions["wsgicache"]``. It caches static files, too. Under ``app.debug`` it uses a new
    `MemoryStore` instead of *store*, so that every start and every reload begins with nothing, and
    the log says so. No stale page hides an error then. Raises TypeError for anything but a Flask
    application, and ValueError for one that has a cache.
    """
    must_be_bare(app)
    if app.debug:
        options["store"] = None
        if options.get("policy") is None:
            options["policy"] = Policy(debug=True)
        app.logger.info(DEBUGGING)
    return put_around(app, {**options})


def must_be_bare(app: Flask) -> None:
    """Raise TypeError or ValueError unless *app* is a Flask application without a cache."""
    if not callable(getattr(app, "wsgi_app", None)) or not hasattr(app, "extensions"):
        raise TypeError(must_be("app", "a Flask application", app))
    if "wsgicache" in app.extensions:
        message = must_be("app", "a Flask application without a cache", app)
        raise ValueError(f"{message}, which has one in app.extensions['wsgicache']")


def put_around(app: Flask, options: dict[str, Any]) -> CacheMiddleware:
    """Put a cache with these *options*, and the routes of blueprints, around *app*; return it."""
    cache = _made(app, app.wsgi_app, options)
    app.wsgi_app = cache  # type: ignore[method-assign]
    app.extensions["wsgicache"] = cache
    app.extensions[_OPTIONS] = {**options, "store": cache.store, "routes": cache._routes.all}
    if app.extensions.get(_ROUTES):
        _renew(app)
    return cache


def begin_anew(app: Flask) -> None:
    """Make the cache of *app* begin anew, with nothing in it."""
    app.extensions[_OPTIONS] |= {"store": None, "counters": None}
    _renew(app)


def add_routes(app: Flask, routes: Iterable[Route]) -> None:
    """Add *routes* of a blueprint to those of the cache of *app*, which may come later."""
    app.extensions.setdefault(_ROUTES, []).extend(routes)
    if "wsgicache" in app.extensions:
        _renew(app)


def _renew(app: Flask) -> None:
    """Make the cache of *app* again. It stays the same object: views and other layers know it."""
    cache: CacheMiddleware = app.extensions["wsgicache"]
    options = app.extensions[_OPTIONS]
    routes = (*options["routes"], *app.extensions.get(_ROUTES, ()))
    now = {"policy": cache.policy, "clock": cache.clock, "routes": routes}
    new = _made(app, cache.app, {**options, **now})
    new.enabled = cache.enabled
    vars(cache).update(vars(new))


def _made(app: Flask, inner: WSGIApplication, options: dict[str, Any]) -> CacheMiddleware:
    """Return a cache around *inner* that sends the signals of *app*."""
    from wsgicache.flask.signals import Signalling

    observer = options.get("observer")
    if observer is not None and not callable(observer):
        return CacheMiddleware(inner, **options)  # it raises
    signalling = Signalling(app, observer)
    cache = CacheMiddleware(inner, **{**options, "observer": signalling})
    cache._purging.told = signalling.purged
    return cache
