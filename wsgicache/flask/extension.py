"""The cache as an extension of Flask, with configuration and commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Unpack

from wsgicache.arguments import explained
from wsgicache.configuring import FLASK, CacheOptions, configured, naming, policy_of, store_of
from wsgicache.flask.mounting import checked_place, exempting, mount_dashboard
from wsgicache.flask.putting import DEBUGGING, begin_anew, must_be_bare, put_around
from wsgicache.flask.versions import put_versions
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.checks import flag, must_be

__all__ = ["WSGICache"]

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

TESTING = "wsgicache: TESTING is on, so each test client begins with an empty cache of its own"


class WSGICache:
    """The cache as an extension of Flask: ``WSGICache(app)``, or ``init_app(app)`` in a factory.

    The options are those of `CacheMiddleware`. ``app.config`` may have each of them, too, such as
    ``WSGICACHE_STORE``, and that one counts. There the store may be a URL, and the policy a dict of
    options for `Policy`. With *static_versions* the URLs of static files name their version, in
    ``url_for("static", …)`` and in ``static(…)`` of templates, and browsers keep the files for
    ever. *dashboard* is the path of a page about the cache, which has purges; *dashboard_guard*
    decorates its view, so that only operators pass. Under ``app.debug`` and ``TESTING`` the cache
    uses a new `MemoryStore` in place of the store, and the log says so. Under ``TESTING`` it begins
    anew with each ``app.test_client()``. Raises TypeError or ValueError.
    """

    @explained(keywords=CacheOptions.__annotations__)
    def __init__(
        self,
        app: Flask | None = None,
        *,
        static_versions: bool = False,
        dashboard: str | None = None,
        dashboard_guard: Callable[[Any], Any] | None = None,
        **options: Unpack[CacheOptions],
    ) -> None:
        self._app: Flask | None = None
        self._options: dict[str, Any] = {
            **options,
            "static_versions": static_versions,
            "dashboard": dashboard,
            "dashboard_guard": dashboard_guard,
        }
        if app is not None:
            self.init_app(app)
            self._app = app

    @property
    def cache(self) -> CacheMiddleware:
        """The `CacheMiddleware` around the application: the one given, or else the current one.

        Raises RuntimeError if there is none.
        """
        app = self._app
        if app is None:
            from flask import current_app

            app = current_app
        cache: CacheMiddleware | None = app.extensions.get("wsgicache")
        if cache is None:
            raise RuntimeError(must_be("app", "one with a cache: call init_app(app)", app.name))
        return cache

    def init_app(self, app: Flask) -> None:
        """Put the cache around *app*, and the command ``flask wsgicache`` into it."""
        from wsgicache.cli import commands_of

        must_be_bare(app)
        options = {
            **self._options,
            **configured(app.config, FLASK, {*CacheOptions.__annotations__, *self._options}),
        }
        if app.debug or app.testing:
            options |= {"store": None, "counters": None}
            app.logger.info(DEBUGGING if app.debug else TESTING)
        try:
            options["store"] = store_of(options.get("store"))
            options["policy"] = policy_of(options.get("policy"), app.debug)
            if flag("static_versions", options.pop("static_versions")):
                options["routes"] = (*options.get("routes", ()), put_versions(app))
            place, guard = options.pop("dashboard"), options.pop("dashboard_guard")
            if place is not None:
                place = checked_place(app, place, guard)
                options["policy"] = exempting(options["policy"], app, place)
            cache = put_around(app, options)
        except (TypeError, ValueError) as error:
            raise type(error)(naming(str(error), app.config, FLASK)) from None
        if place is not None:
            mount_dashboard(app, cache, place, guard)
        _begin_anew_with_clients(app)
        key, folder = FLASK.key("store"), options.get("counters")
        address = app.config.get(key)
        named = address if isinstance(address, str) else None
        app.cli.add_command(commands_of(app, named, folder, store_setting=key))


def _begin_anew_with_clients(app: Flask) -> None:
    """Make the cache of *app* begin anew with each of its test clients, while it is tested."""
    make = app.test_client

    def test_client(*args: Any, **kwargs: Any) -> FlaskClient:
        if app.testing:
            begin_anew(app)
        return make(*args, **kwargs)

    vars(app)["test_client"] = test_client
