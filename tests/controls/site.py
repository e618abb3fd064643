"""The same decorated views in every framework, behind one cache: what gunicorn loads.

A page is ``/<framework>/<word>/<number>``: it is decorated with that word, says a cache group of
its own from inside, and has its number in its content, so that a word on the wrong response shows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import bottle
import django
import flask
import flask.views
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path as route
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.http import require_GET
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from wsgicache import (
    CacheMiddleware,
    Control,
    Policy,
    cache_control,
    cache_for,
    cache_groups,
    cached,
    current,
    no_cache,
    vary,
)
from wsgicache.rules.response import Response

Environ = dict[str, Any]
NEVER = "no-store, no-cache, must-revalidate, max-age=0"


class ByLength(Control):
    """A control of one's own."""

    def about(self, response: Response, environ: Environ) -> Control | None:
        return cache_control(max_age=11, public=True)


def plainly(view: Any) -> Any:
    """No decorator."""
    return view


WORDS: dict[str, tuple[Any, dict[str, str], bool]] = {
    "nothing": (plainly, {}, False),
    "no_cache": (no_cache, {"cache-control": NEVER, "pragma": "no-cache", "expires": "0"}, False),
    "cache_for": (cache_for(minutes=5), {"cache-control": "max-age=300", "expires": "…"}, True),
    "cache_control": (
        cache_control(max_age=60, public=True),
        {"cache-control": "max-age=60, public"},
        True,
    ),
    "private": (cache_control(private=True), {"cache-control": "private"}, False),
    "cached": (cached(client=5, server=60), {"cache-control": "max-age=5"}, True),
    "vary": (vary("X-Number"), {"vary": "X-Number"}, False),
    "cache_groups": (cache_groups("all"), {}, False),
    "own": (ByLength(), {"cache-control": "max-age=11, public"}, True),
}
"""Each word: the decorator, the fields that it makes, and whether the response is stored."""


def content(number: int) -> str:
    """What a page shows; it says its group on the way."""
    current().say(cache_groups(f"g{number}"))
    return f"page {number}"


# ── Plain WSGI ───────────────────────────────────────────────────────────────────────────────────


def plain(word: Any) -> Callable[..., Iterable[bytes]]:
    """A lazy WSGI function."""

    @word
    def page(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = content(int(environ["PATH_INFO"].rpartition("/")[2]))
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield body.encode()

    return page


def plain_site() -> Any:
    views = {name: plain(word) for name, (word, _, _) in WORDS.items()}

    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return views[environ["PATH_INFO"].split("/")[1]](environ, start_response)

    return app


# ── Flask ────────────────────────────────────────────────────────────────────────────────────────


def flask_site() -> flask.Flask:
    """Function views, a blueprint under /blue, and class-based views under /class."""
    app = flask.Flask(__name__)
    blue = flask.Blueprint("blue", __name__)
    for name, (word, _, _) in WORDS.items():

        def page(number: int) -> str:
            return content(number)

        class Page(flask.views.MethodView):
            decorators: ClassVar = [word]

            def get(self, number: int) -> str:
                return content(number)

        app.add_url_rule(f"/{name}/<int:number>", name, word(page))
        blue.add_url_rule(f"/{name}/<int:number>", name, word(page))
        app.add_url_rule(f"/class/{name}/<int:number>", f"class-{name}", Page.as_view(name))
    app.register_blueprint(blue, url_prefix="/blue")
    return app


# ── Django ───────────────────────────────────────────────────────────────────────────────────────

urlpatterns: list[Any] = []


def django_site() -> Any:
    """Function views, and class views under /class and /dispatch."""
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="for tests only",
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    )
    django.setup()
    for name, (word, _, _) in WORDS.items():

        def page(request: HttpRequest, number: int) -> HttpResponse:
            return HttpResponse(content(number))

        class Page(View):
            @method_decorator(word)
            def get(self, request: HttpRequest, number: int) -> HttpResponse:
                return HttpResponse(content(number))

        @word
        class Dispatched(View):
            def get(self, request: HttpRequest, number: int) -> HttpResponse:
                return HttpResponse(content(number))

        urlpatterns.extend(
            [
                route(f"{name}/<int:number>", require_GET(word(page))),
                route(f"class/{name}/<int:number>", Page.as_view()),
                route(f"dispatch/{name}/<int:number>", Dispatched.as_view()),
            ]
        )
    return get_wsgi_application()


# ── Bottle ───────────────────────────────────────────────────────────────────────────────────────


def bottle_site() -> Any:
    app = bottle.Bottle()
    for name, (word, _, _) in WORDS.items():

        def page(number: int) -> str:
            return content(number)

        app.route(f"/{name}/<number:int>", callback=word(page))
    return app


SITES = (
    "plain",
    "flask",
    "flask/blue",
    "flask/class",
    "django",
    "django/class",
    "django/dispatch",
    "bottle",
)
"""Where the words are, each below one of these."""


def site() -> CacheMiddleware:
    """All frameworks behind one cache."""
    sys.setswitchinterval(1e-4)  # threads take turns more often than they would
    mounts = {
        "/plain": plain_site(),
        "/flask": flask_site(),
        "/django": django_site(),
        "/bottle": bottle_site(),
    }
    nowhere = flask.Flask("nowhere")
    return CacheMiddleware(DispatcherMiddleware(nowhere, mounts), policy=Policy(collapse=False))
