"""The cache as a plugin of Bottle: ``app.install(WSGICache())``.

This module does not import Bottle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Unpack

from wsgicache.arguments import explained
from wsgicache.configuring import DOTTED, CacheOptions, controls_of, naming, options_of
from wsgicache.controls.control import Control
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.checks import must_be

__all__ = ["WSGICache"]


class WSGICache:
    """The cache as a plugin of Bottle (version 2 of its interface).

    ``app.install(WSGICache())`` puts it around the application: ``app.run()`` and any server go
    through it. ``cache=`` of a route is a control, or a list of them. *cache* is that of the routes
    that say none, and ``skip=`` leaves it out. The options are those of `CacheMiddleware`.
    ``app.config`` may have each of them, too, such as ``wsgicache.store``, and that one counts.
    Raises TypeError or ValueError.
    """

    name = "wsgicache"
    api = 2

    @explained(keywords=CacheOptions.__annotations__)
    def __init__(
        self, *, cache: Control | Iterable[Control] = (), **options: Unpack[CacheOptions]
    ) -> None:
        self._usual = controls_of("cache of WSGICache()", cache)
        self._options: dict[str, Any] = {**options}
        self._app: Any = None
        self._cache: CacheMiddleware | None = None

    @property
    def cache(self) -> CacheMiddleware:
        """The `CacheMiddleware` around the application. Raises RuntimeError if there is none."""
        if self._cache is None:
            raise RuntimeError(must_be("the plugin", "installed: call app.install(…)", self))
        return self._cache

    def setup(self, app: Any) -> None:
        """Put the cache around *app*, as ``app.install()`` asks it to.

        Raises TypeError or ValueError, also for an application that has a cache, or a plugin that
        has an application.
        """
        if not callable(getattr(app, "wsgi", None)) or not hasattr(app, "config"):
            raise TypeError(must_be("app", "a Bottle application", app))
        if isinstance(app.wsgi, CacheMiddleware):
            raise ValueError(must_be("app", "a Bottle application without a cache", app))
        if self._cache is not None:
            raise ValueError(must_be("the plugin", "one for each application", self))
        options = {**self._options, **options_of(app.config)}
        try:
            self._cache = CacheMiddleware(app.wsgi, **options)
        except (TypeError, ValueError) as error:
            raise type(error)(naming(str(error), app.config, DOTTED)) from None
        self._app = app
        vars(app)["wsgi"] = self._cache  # Bottle refuses to set it where another plugin has done so

    def apply(self, callback: Callable[..., Any], route: Any) -> Callable[..., Any]:
        """Return *callback*, which says what may be cached of *route*. Raises TypeError."""
        given = route.config.get("cache")
        subject = f"cache of the route {route.rule}"
        said = self._usual if given is None else controls_of(subject, given)
        for control in reversed(said):
            callback = control(callback)
        return callback

    def close(self) -> None:
        """Take the cache away, as ``app.uninstall()`` and ``app.close()`` ask it to."""
        if self._cache is not None and vars(self._app).get("wsgi") is self._cache:
            del vars(self._app)["wsgi"]
        self._app = self._cache = None
