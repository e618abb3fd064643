"""Put a Flask application behind the cache: in one call, or as an extension with configuration.

This module imports Flask only when it is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wsgicache.controls.routes import Route
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.checks import must_be
from wsgicache.rules.options import CHECKS
from wsgicache.rules.policy import Policy
from wsgicache.stores import store_from_url

__all__ = ["WSGICache", "easy_setup"]

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

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
    _must_be_bare(app)
    if app.debug:
        store = None
        policy = Policy(debug=True) if policy is None else policy
        app.logger.info(_DEBUGGING)
    return _put_around(
        app,
        {
            "store": store,
            "policy": policy,
            "clock": clock,
            "runner": runner,
            "routes": routes,
            "purge_token": purge_token,
            "counters": counters,
            "observer": observer,
        },
    )


_DEBUGGING = "wsgicache: app.debug is on, so this start has an empty cache of its own"
_TESTING = "wsgicache: TESTING is on, so each test client begins with an empty cache of its own"


def _must_be_bare(app: Flask) -> None:
    """Raise TypeError or ValueError unless *app* is a Flask application without a cache."""
    if not callable(getattr(app, "wsgi_app", None)) or not hasattr(app, "extensions"):
        raise TypeError(must_be("app", "a Flask application", app))
    if "wsgicache" in app.extensions:
        message = must_be("app", "a Flask application without a cache", app)
        raise ValueError(f"{message}, which has one in app.extensions['wsgicache']")


def _put_around(app: Flask, options: dict[str, Any]) -> CacheMiddleware:
    """Put a cache with these *options* around *app*, and return it."""
    cache = CacheMiddleware(app.wsgi_app, **options)
    app.wsgi_app = cache  # type: ignore[method-assign]
    app.extensions["wsgicache"] = cache
    return cache


class WSGICache:
    """The cache as an extension of Flask: ``WSGICache(app)``, or ``init_app(app)`` in a factory.

    The options are those of `CacheMiddleware`. ``app.config`` may have each of them, too, such as
    ``WSGICACHE_STORE``, and that one counts. There the store may be a URL, and the policy a dict of
    options for ``Policy.flask()``, which is the default. Under ``app.debug`` and ``TESTING`` the
    cache uses a new `MemoryStore` in place of the store, and the log says so. Under ``TESTING`` it
    begins anew with each ``app.test_client()``. Raises TypeError or ValueError.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        store: Store | None = None,
        policy: Policy | None = None,
        clock: Clock | None = None,
        runner: Runner | None = None,
        routes: Iterable[Route] = (),
        purge_token: str | None = None,
        counters: str | os.PathLike[str] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._app: Flask | None = None
        self._options: dict[str, Any] = {
            "store": store,
            "policy": policy,
            "clock": clock,
            "runner": runner,
            "routes": routes,
            "purge_token": purge_token,
            "counters": counters,
            "observer": observer,
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

        _must_be_bare(app)
        options = {**self._options, **_configured(app.config, self._options)}
        if app.debug or app.testing:
            options |= {"store": None, "counters": None}
            app.logger.info(_DEBUGGING if app.debug else _TESTING)
        try:
            options["store"] = _store(options["store"])
            options["policy"] = _policy(options["policy"], app.debug)
            cache = _put_around(app, options)
        except (TypeError, ValueError) as error:
            raise type(error)(_with_keys(str(error), app.config)) from None
        _begin_anew_with_clients(app, cache, options)
        address, folder = app.config.get(f"{_PREFIX}STORE"), options["counters"]
        app.cli.add_command(commands_of(app, address if isinstance(address, str) else None, folder))


_PREFIX = "WSGICACHE_"


def _configured(config: Mapping[str, Any], options: Iterable[str]) -> dict[str, Any]:
    """Return those *options* that *config* has. Raises ValueError for a key that is none."""
    keys = {f"{_PREFIX}{name.upper()}": name for name in options}
    for key in config:
        if key.startswith(_PREFIX) and key not in keys:
            kind = f"one of {', '.join(sorted(keys))}"
            raise ValueError(must_be(f"a key of app.config with {_PREFIX}", kind, key))
    return {name: config[key] for key, name in keys.items() if key in config}


def _store(given: Any) -> Any:
    """Return the store *given*, which may be a URL."""
    return store_from_url(given) if isinstance(given, str) else given


def _policy(given: Any, debug: bool) -> Policy:
    """Return the policy *given*, of which only the options may be there."""
    if isinstance(given, Policy):
        return given
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(must_be("policy", "a Policy, or a dict of its options", given))
    changes: Any = {"debug": debug, **(given or {})}
    for name in changes:
        if name not in CHECKS:
            kind = "the name of an option of Policy, such as 'sort_query'"
            raise ValueError(must_be("a key of policy", kind, name))
    return Policy.flask(**changes)


def _with_keys(message: str, config: Mapping[str, Any]) -> str:
    """Return *message*, which names an option, with the key of *config* that has this option."""
    if "the URL of a store" in message:
        return message.replace("the URL of a store", f"the URL in {_PREFIX}STORE", 1)
    message = re.sub(r"^(each of )?Policy\.(\w+)", r"\1\2 in policy", message)
    subject, verb, rest = message.partition(" must be ")
    *before, name = subject.split(" ")
    key = f"{_PREFIX}{name.upper()}"
    return " ".join((*before, key)) + verb + rest if key in config else message


def _begin_anew_with_clients(app: Flask, cache: CacheMiddleware, options: dict[str, Any]) -> None:
    """Have *cache* begin anew with each test client of *app*, while that is tested."""
    make = app.test_client

    def test_client(*args: Any, **kwargs: Any) -> FlaskClient:
        if app.testing:
            now = {"policy": cache.policy, "clock": cache.clock, "routes": cache._routes.all}
            new = CacheMiddleware(cache.app, **{**options, **now, "store": None, "counters": None})
            new.enabled = cache.enabled
            vars(cache).update(vars(new))  # views and other layers know this cache
        return make(*args, **kwargs)

    vars(app)["test_client"] = test_client
