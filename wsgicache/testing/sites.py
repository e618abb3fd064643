"""An application with an empty cache in front of it, for one test, and its clients.

What a cache has understood of the application stays: its policy and its routes. Its store, its
counters and its clock are new ones, and the old ones come back after the test.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client, run_wsgi_app

from wsgicache.clock import Clock
from wsgicache.middleware import CacheMiddleware
from wsgicache.origin.explaining import request_fields
from wsgicache.rules.keys import target_key, url_of
from wsgicache.stores.memory import MemoryStore
from wsgicache.testing.clocks import CacheClock
from wsgicache.why.explain import Explanation, explain
from wsgicache.why.layers import inward, own_cache
from wsgicache.why.logins import login_of
from wsgicache.why.sitemap import is_django, is_flask
from wsgicache.why.trying import Shelf, StandingClock, standing

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from werkzeug.datastructures import Headers

    from wsgicache.origin.background import Job

__all__ = ["KEY", "CachedApp", "CachedClient", "DjangoHandler", "Exchange", "like"]

KEY = "wsgicache.testing"
"""The environ key under which a response finds the exchange that it belongs to."""


def _at_once(job: Job) -> None:
    """Validate in the background before the answer leaves, so that tests need not wait."""
    job()


@dataclass
class Exchange:
    """A request that a client sent, and what was stored for it before."""

    site: CachedApp
    environ: WSGIEnvironment
    """What a server would say of the request: nothing of a framework."""
    url: str
    shelf: Shelf
    clock: StandingClock

    @property
    def method(self) -> str:
        """The method of the request."""
        return str(self.environ["REQUEST_METHOD"])

    def explained(self) -> Explanation:
        """Explain the request, as it was when it came. The application is asked once more."""
        cache = like(self.site.cache, self.shelf, self.clock)
        fields = request_fields(self.environ)
        return explain(cache, self.url, fields, method=self.method, given=self.environ)

    def explained_now(self) -> Explanation:
        """Explain the same request, as it would be now. The application is not asked."""
        fields = request_fields(self.environ)
        return explain(
            self.site.cache, self.url, fields, method=self.method, given=self.environ, ask=False
        )

    def again(self, cache: CacheMiddleware) -> tuple[str, bytes]:
        """Send the same request through *cache*, and return the status and the content."""
        environ = {**self.environ, "wsgi.input": BytesIO()}
        body, status, _ = run_wsgi_app(cache, environ, buffered=True)
        return status, b"".join(body)


class CachedApp:
    """An application with an empty cache in front of it, until `close`.

    *app* is a Flask, Django or any other WSGI application. A cache that it has already begins with
    an empty `MemoryStore`, and gets back what it had; without one, it gets one with ``Policy()``.
    """

    def __init__(self, app: WSGIApplication, clock: Clock | None = None) -> None:
        if not callable(app):
            raise TypeError(f"app must be a WSGI application, got {app!r}")
        self.clock: Clock = CacheClock() if clock is None else clock
        self.app = app
        """What the clients ask."""
        self.visited: dict[str, str] = {}
        """The URLs that clients have got, with the login of one of them, as `audit` takes it."""
        self.kept: list[Exchange] = []
        """The exchanges after which a response was stored."""
        self._undo = ExitStack()
        own = own_cache(app)
        self.is_flask = is_flask(app)
        self.is_django = any(map(is_django, inward(app if own is None else own.app)))
        if own is not None:
            self.cache = own
            self._renew(own)
        elif self.is_flask:
            flask: Any = app
            self.cache = like(CacheMiddleware(flask.wsgi_app), MemoryStore(), self.clock)
            self._undo.callback(setattr, flask, "wsgi_app", flask.wsgi_app)
            flask.wsgi_app = self.cache
        else:
            self.app = self.cache = like(CacheMiddleware(app), MemoryStore(), self.clock)
        self.origin = "http://testserver" if self.is_django else "http://localhost"
        """Where the clients find the application."""

    def _renew(self, own: CacheMiddleware) -> None:
        """Have the cache *own* begin anew: whoever knows it, to purge it, knows the new one."""
        before = dict(vars(own))
        new = like(own, MemoryStore(), self.clock)
        if own._counting.watching is not None:
            new._counting.watching = own._counting.watching.beside(new._report)
        new._purging.told = own._purging.told
        self._undo.callback(vars(own).update, before)
        vars(own).update(vars(new))

    def __enter__(self) -> CachedApp:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the application back what it had."""
        self._undo.close()

    def client(self, **options: Any) -> Any:
        """Return a new client of the application, without cookies.

        It is Flask's for a Flask application, Django's for one of Django, else Werkzeug's. The
        *options* are those of that client.
        """
        client: Any
        if self.is_django:
            client = _django_client(self, options)
        elif self.is_flask:
            client = _flask_client(self.app, options)
        else:
            client = CachedClient(self.app, **options)
        client.cached_app = self
        return client

    def began(self, environ: WSGIEnvironment) -> Exchange | None:
        """Note the request in *environ*, which a client sends. None if it has no clear URL."""
        key = target_key(environ)
        if key is None:
            return None
        url = url_of(key)
        if environ["REQUEST_METHOD"] == "GET":
            login = login_of(environ, self.cache.policy.credentials)
            self.visited[url] = login or self.visited.get(url, "")
        shelf = Shelf()
        shelf.entries[key] = self.cache.store.get(key)
        clock = StandingClock(self.cache.clock.now(), self.cache.clock.wall())
        said = {name: one for name, one in environ.items() if name.isupper() or name[:5] == "wsgi."}
        return Exchange(self, said, url, shelf, clock)

    def ended(self, exchange: Exchange | None) -> None:
        """Note whether something is stored now for the request of *exchange*."""
        if exchange is None or exchange.method != "GET":
            return
        key = target_key(exchange.environ)
        entry = None if key is None else self.cache.store.get(key)
        if entry is not None and entry.responses:
            self.kept.append(exchange)


def like(cache: CacheMiddleware, store: MemoryStore | Shelf, clock: Clock) -> CacheMiddleware:
    """Return a cache in front of the same application, with the same policy and routes."""
    new = CacheMiddleware(
        cache.app,
        store=store,
        policy=standing(cache.policy),
        clock=clock,
        runner=_at_once,
        routes=cache._routes.all,
        purge_token=cache._purge_token,
    )
    new.enabled = cache.enabled
    return new


class CachedClient(Client):
    """Werkzeug's test client, through the cache. It reads each body, as a server does."""

    cached_app: CachedApp

    def run_wsgi_app(
        self, environ: WSGIEnvironment, buffered: bool = False
    ) -> tuple[Iterable[bytes], str, Headers]:
        """Ask the application, and note what was asked."""
        self._add_cookies_to_wsgi(environ)
        exchange = self.cached_app.began(environ)
        answer = super().run_wsgi_app(environ, buffered=True)
        self.cached_app.ended(exchange)
        environ[KEY] = exchange
        return answer


def _flask_client(app: Any, options: dict[str, Any]) -> CachedClient:
    from flask.testing import FlaskClient

    base = app.test_client_class or FlaskClient
    kind = type(f"Cached{base.__name__}", (CachedClient, base), {})
    client: CachedClient = kind(app, app.response_class, **options)
    return client


def _django_client(site: CachedApp, options: dict[str, Any]) -> Any:
    from django.test import Client as DjangoClient

    client: Any = DjangoClient(**options)
    client.handler = DjangoHandler(site, client.handler.enforce_csrf_checks)
    return client


class DjangoHandler:
    """What Django's test client asks in place of its handler, which knows no WSGI application."""

    def __init__(self, site: CachedApp, enforce_csrf_checks: bool) -> None:
        self._site = site
        self._exempt = not enforce_csrf_checks

    def __call__(self, environ: WSGIEnvironment) -> Any:
        """Return the response to a request, as the handler of Django's test client does."""
        from django.core.handlers.wsgi import WSGIRequest
        from django.http import HttpResponse

        environ = {**environ, "wsgi.multiprocess": False}
        if not environ.get("HTTP_COOKIE"):  # no browser sends an empty one
            environ.pop("HTTP_COOKIE", None)
        exchange = self._site.began(environ)
        with ExitStack() as stack:
            _keep_connections(stack)
            kind: Any = WSGIRequest
            before = getattr(kind, "_dont_enforce_csrf_checks", False)
            stack.callback(setattr, kind, "_dont_enforce_csrf_checks", before)
            kind._dont_enforce_csrf_checks = self._exempt
            body, status, fields = run_wsgi_app(self._site.app, environ, buffered=True)
        self._site.ended(exchange)
        code, _, reason = status.partition(" ")
        response: Any = HttpResponse(b"".join(body), status=int(code), reason=reason)
        del response["Content-Type"]
        for name in dict.fromkeys(name.title() for name, _ in fields):
            values = fields.getlist(name)
            if name == "Set-Cookie":
                for value in values:
                    response.cookies.load(value)
            else:
                response[name] = ", ".join(values)
        if 300 <= int(code) < 400 and "Location" in response:
            response.url = response["Location"]  # as redirects of Django have it
        response.wsgi_request = WSGIRequest({**environ, KEY: exchange})
        return response


def _keep_connections(stack: ExitStack) -> None:
    """Keep Django meanwhile from closing the connection to the database, as its client does."""
    from django.core.signals import request_finished, request_started
    from django.db import close_old_connections

    signal: Any
    for signal in (request_started, request_finished):
        if signal.disconnect(close_old_connections):
            stack.callback(signal.connect, close_old_connections)
