"""What a user would pick instead, each in its own stack, answering the same page.

Each peer is a WSGI application for pages of one length, asked like any other. One that is not
installed raises ImportError where it is made.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import click

from benchmarks.calls import Scenario, content, environ, fields

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

NOTHING: Mapping[str, str] = {}
LIFETIME = 3600
ROOM = 1_000_000
"""Entries that the peers' memory may hold: none of them has to evict."""

View = Callable[[int], Any]


class Missing(Exception):
    """A peer cannot be had; the text says why."""


def available(rows: Mapping[str, Callable[[], Iterable[Scenario]]]) -> list[Scenario]:
    """The scenarios of all peers that can be had; which are missing is said."""
    found: list[Scenario] = []
    for name, make in rows.items():
        try:
            found += make()
        except (ImportError, Missing) as error:
            click.echo(f"Without {name}: {error} (pip install 'wsgicache[benchmarks]')", err=True)
    return found


class Peer(NamedTuple):
    """An application, the paths of its pages, how often it made one, and how to empty its cache."""

    app: WSGIApplication
    path: Callable[[int], str]
    made: list[None]
    clear: Callable[[], object] = lambda: None

    def environ(self, number: int = 42, said: Mapping[str, str] = NOTHING) -> WSGIEnvironment:
        """A request for the page of that number that says so."""
        return environ(self.path(number), **said)


def article(number: int) -> str:
    """The path of a page."""
    return f"/articles/{number}"


# ── Flask ─────────────────────────────────────────────────────────────────────────────────────


def flask_view(length: int, around: Callable[[Any, View], View] | None = None) -> Peer:
    """A view, and what stands *around* it, below the one that registers it."""
    from flask import Flask, Response

    site = Flask("benchmarks")
    page, lines, made = content(length), fields(length), list[None]()

    def view(number: int) -> Response:
        made.append(None)
        return Response(page, headers=[*lines])

    site.add_url_rule("/articles/<int:number>", "view", around(site, view) if around else view)
    return Peer(site.wsgi_app, article, made)


def flask_conditional(length: int) -> Peer:
    """A view that answers 304 and 206 as Flask does."""
    from flask import request

    def around(site: Any, view: View) -> View:
        def conditional(number: int) -> Any:
            return view(number).make_conditional(request, True, length)

        return conditional

    return flask_view(length, around)


def flask_caching(length: int, **options: Any) -> Peer:
    """Flask-Caching's ``@cached`` with these *options*, and its store in memory."""
    from flask_caching import Cache

    cache = Cache(config={"CACHE_TYPE": "SimpleCache", "CACHE_THRESHOLD": ROOM})

    stores: dict[Any, Any] = {}

    def around(site: Any, view: View) -> View:
        cache.init_app(site)
        stores.update(site.extensions["cache"])
        decorated: View = cache.cached(timeout=LIFETIME, **options)(view)
        return decorated

    peer = flask_view(length, around)
    # Outside of a request the extension does not know its application.
    return peer._replace(clear=stores[cache].clear)


def flask_by_hand(length: int) -> Peer:
    """The decorator that everybody has written once: responses in a dictionary, by URL."""
    from flask import request

    kept: dict[str, tuple[float, Any]] = {}

    def around(site: Any, view: View) -> View:
        @functools.wraps(view)
        def cached(number: int) -> Any:
            key = request.full_path
            until, response = kept.get(key, (0.0, None))
            if until < time.time():
                response = view(number)
                kept[key] = time.time() + LIFETIME, response
            return response

        return cached

    return flask_view(length, around)._replace(clear=kept.clear)


# ── Django ────────────────────────────────────────────────────────────────────────────────────

PLAIN = ("django.middleware.common.CommonMiddleware",)
CONDITIONAL = ("django.middleware.http.ConditionalGetMiddleware", *PLAIN)
KEPT = f"max-age={LIFETIME}"


def django(
    length: int, below: tuple[str, ...] = PLAIN, vary: str = "Accept-Encoding", said: str = KEPT
) -> Peer:
    """A view with this middleware; its page varies by *vary* and has *said* who may keep it."""
    made = django_site()
    from django.core.handlers.wsgi import WSGIHandler
    from django.test.utils import override_settings

    with override_settings(MIDDLEWARE=[*below]):
        handler = WSGIHandler()
    return Peer(handler, lambda number: f"/articles/{length}/{vary}/{said}/{number}", made)


def django_cache(
    length: int, below: tuple[str, ...] = PLAIN, vary: str = "Accept-Encoding", said: str = KEPT
) -> Peer:
    """The same below Django's cache of whole sites, with its store in memory."""
    update = "django.middleware.cache.UpdateCacheMiddleware"
    fetch = "django.middleware.cache.FetchFromCacheMiddleware"
    peer = django(length, (update, *below, fetch), vary, said)
    from django.core.cache import cache

    return peer._replace(clear=cache.clear)


@functools.cache
def django_site() -> list[None]:
    """Settings, once per process, and the view, which notes here that it was asked. Raises
    Missing where another site is set up in this process."""
    import django
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    made: list[None] = []
    page = functools.cache(content)

    def view(request: HttpRequest, length: int, vary: str, said: str, number: int) -> HttpResponse:
        made.append(None)
        return HttpResponse(page(length), headers=dict(fields(length, said, vary)))

    if settings.configured:
        raise Missing("another Django site is set up in this process")
    memory = "django.core.cache.backends.locmem.LocMemCache"
    settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="for benchmarks only",
        USE_I18N=False,
        ROOT_URLCONF=(path("articles/<int:length>/<str:vary>/<str:said>/<int:number>", view),),
        CACHES={"default": {"BACKEND": memory, "OPTIONS": {"MAX_ENTRIES": ROOM}}},
        CACHE_MIDDLEWARE_SECONDS=LIFETIME,
    )
    django.setup()
    return made


# ── without a framework ───────────────────────────────────────────────────────────────────────


def wsgi_by_hand(length: int) -> Peer:
    """The same decorator for a WSGI application: nothing of HTTP but a lifetime and the URL."""
    page, lines, made = content(length), fields(length), list[None]()
    kept: dict[tuple[str, str], tuple[float, str, list[tuple[str, str]], list[bytes]]] = {}

    def view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        made.append(None)
        start_response("200 OK", [*lines])
        return [page]

    def cached(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        key = environ["PATH_INFO"], environ["QUERY_STRING"]
        found = kept.get(key)
        if found is None or found[0] < time.time():
            status, head = "", list[tuple[str, str]]()

            def start(said: str, lines: list[tuple[str, str]], exc_info: Any = None) -> Any:
                nonlocal status, head
                status, head = said, lines

            body = [*view(environ, start)]
            found = kept[key] = time.time() + LIFETIME, status, head, body
        start_response(found[1], [*found[2]])
        return found[3]

    return Peer(cached, article, made, kept.clear)


def hishel_decision(length: int) -> Peer:
    """What hishel takes to decide that a stored response may be used; nothing is looked up.

    It is a cache for clients and has no WSGI middleware: its request is made of the environ.
    """
    from hishel import CacheOptions, Entry, FromCache, Headers, IdleClient, Request, Response

    page, lines = content(length), fields(length)
    date = ("Date", formatdate(usegmt=True))
    options = CacheOptions(shared=True)

    def request_of(environ: WSGIEnvironment) -> Request:
        names = [name for name in environ if name.startswith("HTTP_")]
        headers = Headers({name[5:].replace("_", "-"): environ[name] for name in names})
        scheme, host = environ["wsgi.url_scheme"], environ["HTTP_HOST"]
        url = f"{scheme}://{host}{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        return Request(environ["REQUEST_METHOD"], url, headers)

    stored = Response(200, Headers(dict([*lines, date])))
    entries = [Entry(uuid4(), request_of(environ(article(42))), stored)]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        state = IdleClient(options=options).next(request_of(environ), entries)
        if not isinstance(state, FromCache):
            raise click.ClickException(f"hishel would not use the stored response: {state}")
        start_response("200 OK", [*state.entry.response.headers.items()])
        return [page]

    return Peer(app, article, [])
