"""A doctor finds what was planted, and nothing where nothing was."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import bottle
import flask
import pytest
from click.testing import CliRunner
from django.test.utils import override_settings
from flask_login import LoginManager, login_required
from flask_session import Session
from werkzeug.debug import DebuggedApplication
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from tests.running import ROOT, environment
from tests.test_readme import RECIPES as README_RECIPES
from tests.test_readme import SETTINGS, URLS
from tests.why.sites import django_handler, overriding, urlpatterns
from wsgicache import (
    CacheMiddleware,
    MemoryStore,
    Policy,
    Route,
    StaticVersions,
    cache_for,
    cached,
    easy_setup,
    never_cache,
    store_from_url,
)
from wsgicache.cli import main
from wsgicache.why.doctor import doctor
from wsgicache.why.setup import KINDS

MIB = 1 << 20
TOKEN = "Qr6hXBqv3m0s-2Zk"
Make = Callable[[], Any]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing around says anything of workers."""
    for name in ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "UWSGI_PROCESSES", "UWSGI_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def ids(app: Any, **options: Any) -> list[str]:
    """The kinds of what is found. No check fails."""
    done = doctor(app, **options)
    assert not [left for left in done.left if "raised" in left.to]
    return [finding.id for finding in done.findings]


# ── applications ─────────────────────────────────────────────────────────────────────────────────


def plain(environ: Any, start_response: Any) -> list[bytes]:
    """An application without a framework."""
    start_response("200 OK", [])
    return [b""]


class Wrapping:
    """Middleware that keeps its application as *name*."""

    def __init__(self, app: Any, name: str = "app") -> None:
        setattr(self, name, app)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        raise AssertionError("asked")


class SessionMiddleware(Wrapping):
    """Beaker's has this name."""


class GzipMiddleware(Wrapping):
    """One that compresses."""


def in_flask(*, settings: dict[str, Any] | None = None, **options: Any) -> flask.Flask:
    """A site of Flask behind a cache, with a page at /news and one at /items/<id>."""
    app = flask.Flask(__name__, static_folder=None)
    app.config.update(settings or {})

    @app.get("/news")
    @cache_for(minutes=5)
    def news() -> str:
        raise AssertionError("asked")

    app.add_url_rule("/items/<int:number>", view_func=item)
    app.wsgi_app = CacheMiddleware(app.wsgi_app, **options)  # type: ignore[method-assign]
    return app


def item(number: int = 0) -> Any:
    """A page without controls."""
    raise AssertionError("asked")


def in_bottle(**options: Any) -> Any:
    """The same in Bottle."""
    app = bottle.Bottle()
    app.route("/news", callback=cache_for(minutes=5)(item))
    app.route("/items/<number:int>", callback=item)
    return CacheMiddleware(app, **options)


def in_django(*views: Any, settings: dict[str, Any] | None = None, **options: Any) -> Any:
    """The same in Django, with each of *views* at its name."""
    from django.urls import include, path, re_path

    urlpatterns[:] = [
        path("news", cache_for(minutes=5)(item)),
        path("items/<int:number>", item),
        re_path(r"^old/(?P<year>\d+)/$", include([path("all", item)])),
        *(path(view.__name__, view) for view in views),
    ]
    handler = django_handler()
    overriding.enter_context(override_settings(**(settings or {})))  # no middleware is loaded
    return CacheMiddleware(handler, **options)


def with_login(settings: dict[str, Any] | None = None, **options: Any) -> flask.Flask:
    """A site of Flask with Flask-Login."""
    app = in_flask(settings={"SECRET_KEY": "for tests", **(settings or {})}, **options)
    LoginManager(app)
    return app


def viewed(*decorators: Any, make: Callable[..., flask.Flask] = in_flask) -> flask.Flask:
    """A site of Flask with one more view, which has *decorators*, the last one nearest."""
    app, view = make(), item
    for decorator in reversed(decorators):
        view = decorator(view)
    app.add_url_rule("/viewed", endpoint="viewed", view_func=view)
    return app


def above_in_flask() -> flask.Flask:
    app = in_flask()

    @cache_for(minutes=1)
    @app.get("/above")
    def above() -> str:
        return ""

    return app


def below_in_flask() -> flask.Flask:
    app = in_flask()

    @app.get("/below")
    @login_required
    @cache_for(minutes=1)
    def below() -> str:
        return ""

    return app


def above_in_bottle() -> Any:
    cache = in_bottle()

    @never_cache
    @cache.app.get("/above")
    def above() -> str:
        return ""

    return cache


def at_two_rules() -> flask.Flask:
    """The same view at a second rule, with a lifetime there."""
    app = in_flask()

    @cache_for(minutes=1)
    @app.get("/fresh")
    def view() -> str:
        return ""

    app.add_url_rule("/kept", endpoint="kept", view_func=view)
    return app


def permanent(app: flask.Flask) -> flask.Flask:
    @app.before_request
    def refresh() -> None:
        flask.session.permanent = True

    return app


def sometimes_permanent(app: flask.Flask) -> flask.Flask:
    @app.before_request
    def refresh() -> None:
        if "user" not in flask.session:
            return
        flask.session.permanent = True

    return app


def unreadable(app: flask.Flask) -> flask.Flask:
    """With functions before each request that have no source."""
    app.before_request(partial(item, 1))
    app.before_request(FunctionType(compile("None", "nowhere", "exec"), {}))
    return app


def with_sessions(**settings: Any) -> flask.Flask:
    """A site of Flask with Flask-Session."""
    from cachelib import SimpleCache

    kept = {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": SimpleCache(), **settings}
    app = in_flask(settings=kept)
    Session(app)
    return app


def with_files(
    make: Callable[..., flask.Flask] = in_flask, settings: Any = None, routes: Any = ()
) -> flask.Flask:
    """A site of Flask with static files."""
    Path("static").mkdir(exist_ok=True)
    Path("static/app.js").touch()
    app = make(settings=settings, routes=list(routes))
    app.static_folder = str(Path("static").resolve())
    app.add_url_rule("/static/<path:filename>", "static", app.send_static_file)
    return app


def versioned() -> flask.Flask:
    Path("static").mkdir(exist_ok=True)
    return with_files(with_login, routes=[StaticVersions("static").route])


def csrf(name: str, *controls: Any) -> Any:
    """A page of Django with a decorator for forms."""
    from django.views.decorators import csrf

    view = getattr(csrf, name)(item)
    for control in controls:
        view = control(view)
    return in_django(view)


def django_login(*controls: Any, middleware: bool = False, **options: Any) -> Any:
    """A page of Django behind a login."""
    django_handler()
    from django.contrib.auth.decorators import login_required as required

    view = required(item)
    for control in controls:
        view = control(view)
    users = {
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ]
    }
    return in_django(view, settings=users if middleware else None, **options)


def mixed_in() -> Any:
    """A class-based page of Django behind a login."""
    django_handler(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"])
    from django.contrib.auth.mixins import LoginRequiredMixin
    from django.views import View

    kind: Any = type("Account", (LoginRequiredMixin, View), {"get": item})
    view = EVERYBODY(kind).as_view()
    view.__name__ = "account"
    return in_django(view)


def method_decorated(decorator: Any, *controls: Any) -> Any:
    """A class-based page of Django, by `method_decorator`."""
    from django.utils.decorators import method_decorator
    from django.views import View

    kind: Any = type("Account", (View,), {"get": item})
    for control in controls:
        kind = control(kind)
    view = method_decorator(decorator, name="dispatch")(kind).as_view()
    view.__name__ = "account"
    return in_django(view)


def by_method_decorator() -> Any:
    django_handler()
    from django.contrib.auth.decorators import login_required as required

    return method_decorated(required, EVERYBODY)


def by_method_decorator_of_csrf() -> Any:
    from django.views.decorators.csrf import ensure_csrf_cookie

    return method_decorated([ensure_csrf_cookie], SERVER)


def twice(*routes: Route) -> flask.Flask:
    """A page with a lifetime at two rules."""
    app = viewed(MINUTE, make=partial(in_flask, routes=routes))
    app.add_url_rule("/viewed2", "viewed2", app.view_functions["viewed"])
    return app


SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
LOCALE = "django.middleware.locale.LocaleMiddleware"
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
DJANGO_CACHE = "django.middleware.cache.UpdateCacheMiddleware"
TOOLBAR = "debug_toolbar.middleware.DebugToolbarMiddleware"
SERVER, EVERYBODY = cached(server=60), cached(server=60, everybody=True)


def put(app: flask.Flask, **settings: Any) -> flask.Flask:
    app.extensions.update(settings)
    return app


def mounted(**options: Any) -> Any:
    """Flask below /shop, behind one cache for all."""
    app = in_flask()
    inner: Any = app.wsgi_app
    app.wsgi_app = inner.app  # type: ignore[method-assign]
    return CacheMiddleware(DispatcherMiddleware(NotFound(), {"/shop": app}), **options)


def off() -> Any:
    cache = CacheMiddleware(plain)
    cache.enabled = False
    return cache


def silent() -> flask.Flask:
    """A site of Flask without lifetimes."""
    app = flask.Flask("tests.why.silent", static_folder=None)
    app.wsgi_app = CacheMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    names: dict[str, Any] = {"__name__": "tests.why.silent"}
    view = FunctionType(item.__code__.replace(co_consts=(None,)), names)
    app.add_url_rule("/page", endpoint="page", view_func=view)
    return app


def speaking() -> flask.Flask:
    app = silent()

    @app.after_request
    def say(response: flask.Response) -> flask.Response:
        response.headers["Cache-Control"] = "max-age=60"
        return response

    return app


def routed(*routes: Route, make: Callable[..., Any] = in_flask, **options: Any) -> Make:
    return lambda: make(routes=routes, policy=Policy(**options))


FILE = "file:///{folder}"
LMDB = "lmdb:///{folder}?max_bytes=4MiB&near=0"


def stored(address: str, **options: Any) -> Any:
    folder = f"{Path.cwd()}/store".strip("/")
    return in_flask(store=store_from_url(address.format(folder=folder)), **options)


MINUTE, HOUR = cache_for(minutes=1), cache_for(hours=1)
Row = tuple[str, Make, Make]
ROWS: list[Row] = [
    # What is found, where it was planted, and where it is absent.
    ("no-cache", lambda: plain, lambda: CacheMiddleware(plain)),
    ("no-cache", lambda: plain, lambda: DispatcherMiddleware(plain, {"/a": in_bottle()})),
    ("off", off, in_flask),
    ("two-caches", lambda: CacheMiddleware(in_flask()), in_flask),
    (
        "two-caches",
        lambda: CacheMiddleware(easy_setup(flask.Flask("a", static_folder=None))),
        lambda: CacheMiddleware(in_flask(), policy=Policy(name="near")),
    ),
    (
        "proxy-fix-inside",
        lambda: CacheMiddleware(ProxyFix(in_bottle().app)),
        lambda: ProxyFix(in_bottle(), x_host=1),
    ),
    (
        "proxy-fix-inside",
        lambda: CacheMiddleware(ProxyFix(in_bottle().app, x_host=1, x_proto=0)),
        lambda: CacheMiddleware(ProxyFix(in_bottle().app, x_proto=0)),
    ),
    (
        "session-outside",
        lambda: SessionMiddleware(in_bottle(), "wrap_app"),
        lambda: CacheMiddleware(SessionMiddleware(in_bottle().app, "wrap_app")),
    ),
    (
        "compression-outside",
        lambda: GzipMiddleware(in_bottle()),
        lambda: CacheMiddleware(GzipMiddleware(in_bottle().app)),
    ),
    (
        "debugger-inside",
        lambda: CacheMiddleware(DebuggedApplication(in_bottle().app)),
        lambda: DebuggedApplication(in_bottle()),
    ),
    (
        "whitenoise-inside",
        lambda: CacheMiddleware(WhiteNoise(in_bottle().app)),
        lambda: WhiteNoise(in_bottle()),
    ),
    (
        "max-content",
        lambda: in_flask(store=MemoryStore(MIB)),
        lambda: in_flask(store=MemoryStore(MIB), policy=Policy(max_content=MIB // 4)),
    ),
    (
        "max-content",
        lambda: stored(LMDB),
        lambda: stored(LMDB, policy=Policy(max_content=2 * MIB)),
    ),
    (
        "max-content",
        lambda: in_flask(policy=Policy(max_collecting=MIB)),
        lambda: in_flask(policy=Policy(max_collecting=16 * MIB)),
    ),
    (
        "purge-token",
        lambda: in_flask(purge_token="change-me-please-1234"),
        lambda: in_flask(purge_token=TOKEN),
    ),
    (
        "purge-token",
        lambda: in_flask(purge_token="0123456789abcdef"),
        lambda: in_flask(purge_token="f81d4fae7dec11d0"),
    ),
    (
        "purge-token",
        lambda: in_flask(
            settings={"SECRET_KEY": "Qr6hXBqv3m0s-2Zk"}, purge_token="Qr6hXBqv3m0s-2Zk"
        ),
        lambda: in_flask(settings={"SECRET_KEY": "another"}, purge_token="Qr6hXBqv3m0s-2Zk"),
    ),
    ("decorator-above", above_in_flask, below_in_flask),
    ("decorator-above", above_in_bottle, in_bottle),
    ("decorator-above", above_in_flask, at_two_rules),
    ("route-unmatched", routed(Route("/itmes/*", MINUTE)), routed(Route("/items/*", MINUTE))),
    ("route-unmatched", routed(Route("/news/", MINUTE)), routed(Route("/news", MINUTE))),
    (
        "route-unmatched",
        routed(Route("/itmes/*", MINUTE), make=in_bottle),
        routed(Route("/items/7", MINUTE), Route("/gone", MINUTE, status=410), make=in_bottle),
    ),
    (
        "route-unmatched",
        routed(Route("/old/*/none", MINUTE), make=in_django),
        routed(Route("/old/*/all", MINUTE), Route("*.html", MINUTE), make=in_django),
    ),
    (
        "route-unmatched",
        routed(Route("/news", MINUTE), make=mounted),
        routed(Route("/shop/news", MINUTE), make=mounted),
    ),
    (  # a server may mount it below /shop
        "route-unmatched",
        routed(Route("/shop/nwes", MINUTE), Route("/shop/items/*", MINUTE)),
        routed(Route("/shop/news", MINUTE), Route("/shop/items/*", MINUTE)),
    ),
    ("exempt-unmatched", routed(exempt=["/itmes/"]), routed(exempt=["/items/"])),
    (
        "exempt-unmatched",
        routed(exempt=["/new/"], make=in_django),
        routed(exempt=["/new"], make=in_django),
    ),
    (
        "route-shadowed",
        routed(Route("/items/*", MINUTE), Route("/items/7", HOUR)),
        routed(Route("/items/7", HOUR), Route("/items/*", MINUTE)),
    ),
    (
        "route-shadowed",
        routed(Route(MINUTE), Route("/news", HOUR)),
        routed(Route(MINUTE), Route("/news", HOUR, override=True), Route("/items/*", never_cache)),
    ),
    (
        "route-shadowed",
        routed(Route(MINUTE, content_type="text/*"), Route("/news", HOUR, content_type="text/*")),
        routed(
            Route(MINUTE, content_type="text/css"),
            Route(MINUTE, host="a.example"),
            Route(MINUTE, method="POST"),
            Route(MINUTE, status=404),
            Route("*.css", MINUTE),
            Route("/items/*", HOUR),
        ),
    ),
    (
        "cancelled",
        routed(Route("/news", never_cache, cached(server=60))),
        routed(Route("/news", cache_for(minutes=1), cached(server=60))),
    ),
    ("cancelled", lambda: viewed(MINUTE, never_cache), lambda: viewed(MINUTE)),
    (
        "cancelled",
        routed(Route("/news", never_cache)),
        routed(Route("/items/*", never_cache), Route("/news", never_cache, status=500)),
    ),
    (
        "cancelled",
        routed(Route("/items/7", MINUTE), exempt=["/items/"]),
        routed(Route("/news", MINUTE), exempt=["/items/"]),
    ),
    ("vouched-login", lambda: viewed(EVERYBODY, login_required), lambda: viewed(EVERYBODY)),
    (
        "vouched-login",
        lambda: viewed(login_required, EVERYBODY),
        lambda: viewed(SERVER, login_required),  # by a value of Cookie each
    ),
    (
        "vouched-login",
        lambda: viewed(
            login_required, make=partial(in_flask, routes=[Route("/viewed", EVERYBODY)])
        ),
        lambda: viewed(
            *(never_cache, login_required),
            make=partial(in_flask, routes=[Route("/viewed*", query=["a"])]),
        ),
    ),
    ("vouched-login", lambda: django_login(EVERYBODY), lambda: django_login(never_cache)),
    (
        "cancelled",
        lambda: twice(Route("/viewed*", never_cache)),
        lambda: twice(Route("/viewed", never_cache)),
    ),
    ("vouched-login", by_method_decorator, lambda: in_django()),
    ("vouched-form", by_method_decorator_of_csrf, lambda: in_django()),
    ("vouched-login", mixed_in, lambda: django_login(MINUTE)),
    (
        "vouched-form",
        lambda: csrf("ensure_csrf_cookie", SERVER),
        lambda: csrf("ensure_csrf_cookie", MINUTE),
    ),
    (
        "vouched-form",
        lambda: csrf("ensure_csrf_cookie", EVERYBODY),
        lambda: csrf("csrf_protect", SERVER),  # it may show no token
    ),
    ("no-lifetimes", silent, speaking),
    ("no-lifetimes", silent, in_bottle),
    (
        "session-hidden",
        lambda: with_login(policy=Policy(only_cookies=["theme"])),
        lambda: with_login(policy=Policy.flask("theme")),
    ),
    (
        "session-hidden",
        lambda: django_login(middleware=True, policy=Policy(only_cookies=["theme"])),
        lambda: django_login(middleware=True, policy=Policy.django("theme")),
    ),
    (
        "session-each-request",
        lambda: in_django(settings={"MIDDLEWARE": [SESSIONS], "SESSION_SAVE_EVERY_REQUEST": True}),
        lambda: in_django(settings={"SESSION_SAVE_EVERY_REQUEST": True}),
    ),
    (
        "session-each-request",
        with_sessions,
        lambda: with_sessions(SESSION_REFRESH_EACH_REQUEST=False),
    ),
    ("session-each-request", with_sessions, lambda: with_sessions(SESSION_PERMANENT=False)),
    (
        "session-permanent",
        lambda: permanent(in_flask()),
        lambda: sometimes_permanent(in_flask()),
    ),
    ("session-permanent", lambda: permanent(in_flask()), lambda: unreadable(in_flask())),
    (
        "remember-refresh",
        lambda: with_login({"REMEMBER_COOKIE_REFRESH_EACH_REQUEST": True}),
        with_login,
    ),
    (
        "login-vary",
        lambda: viewed(SERVER, make=with_login),
        lambda: viewed(EVERYBODY, make=with_login),
    ),
    ("login-vary", lambda: viewed(SERVER, make=with_login), lambda: viewed(SERVER)),
    (
        "login-vary",
        lambda: viewed(SERVER, make=with_login),
        lambda: viewed(
            SERVER, make=partial(with_login, routes=[Route("/viewed", SERVER, cookies=())])
        ),
    ),
    (
        "static-no-cache",
        with_files,
        lambda: with_files(settings={"SEND_FILE_MAX_AGE_DEFAULT": 60}),
    ),
    (
        "static-no-cache",
        with_files,
        lambda: with_files(routes=[Route("/static/*", HOUR, override=True)]),
    ),
    (
        "static-no-cache",
        lambda: in_django(settings={"MIDDLEWARE": [WHITENOISE], "WHITENOISE_MAX_AGE": 0}),
        lambda: in_django(settings={"MIDDLEWARE": [WHITENOISE], "WHITENOISE_MAX_AGE": 60}),
    ),
    (
        "static-vary",
        lambda: with_files(with_login, {"SEND_FILE_MAX_AGE_DEFAULT": 60}),
        versioned,
    ),
    (
        "whitenoise-order",
        lambda: in_django(settings={"MIDDLEWARE": [LOCALE, WHITENOISE]}),
        lambda: in_django(settings={"MIDDLEWARE": [WHITENOISE, LOCALE]}),
    ),
    ("debug", lambda: in_flask(settings={"DEBUG": True}), in_flask),
    (
        "debug",
        lambda: in_django(settings={"DEBUG": True}),
        lambda: in_django(settings={"DEBUG": True}, policy=Policy(debug=True)),
    ),
    (
        "debug-toolbar",
        lambda: put(in_flask(settings={"DEBUG_TB_ENABLED": True}), debugtoolbar=object()),
        lambda: put(in_flask(settings={"DEBUG_TB_ENABLED": False}), debugtoolbar=object()),
    ),
    (
        "debug-toolbar",
        lambda: in_django(
            settings={"MIDDLEWARE": [TOOLBAR], "DEBUG": True}, policy=Policy(debug=True)
        ),
        lambda: in_django(settings={"MIDDLEWARE": [TOOLBAR]}),
    ),
    ("framework-cache", lambda: in_django(settings={"MIDDLEWARE": [DJANGO_CACHE]}), in_django),
]


@pytest.mark.parametrize(("kind", "planted", "absent"), ROWS)
def test_what_is_planted_is_found_and_nothing_else(kind: str, planted: Make, absent: Make) -> None:
    app = planted()
    assert set(ids(app)) == {kind}
    overriding.close()
    app = absent()
    assert ids(app) == []


WORKERS: list[tuple[dict[str, str], str, str, int]] = [
    # The environment, a file and its text, and how many workers that makes.
    ({"GUNICORN_CMD_ARGS": "--bind :80 --workers 4"}, "", "", 4),
    ({"GUNICORN_CMD_ARGS": "--workers=4"}, "gunicorn.conf.py", "workers = 1", 4),
    ({"GUNICORN_CMD_ARGS": "-w4"}, "", "", 4),
    ({"GUNICORN_CMD_ARGS": "-w 1", "WEB_CONCURRENCY": "4"}, "", "", 1),
    ({"GUNICORN_CMD_ARGS": "--threads 4 'a"}, "", "", 0),
    ({"WEB_CONCURRENCY": "3"}, "", "", 3),
    ({"WEB_CONCURRENCY": "3"}, "gunicorn.conf.py", "bind = ':80'\nworkers = 1", 1),
    ({}, "gunicorn.conf.py", "import os\nworkers = 2 * (os.cpu_count() - os.cpu_count()) + 3", 3),
    ({}, "gunicorn.conf.py", "workers = int(os.environ.get('N', '5'))", 5),
    ({"N": "2"}, "gunicorn.conf.py", "workers = int(os.environ.get('N', '5'))", 2),
    ({}, "gunicorn.conf.py", "workers = chosen()", 0),
    ({}, "gunicorn.conf.py", "workers = 4 // (2 - 2)", 0),
    ({}, "gunicorn.conf.py", "workers = ", 0),
    ({"UWSGI_PROCESSES": "2"}, "", "", 2),
    ({}, "uwsgi.ini", "[uwsgi]\nmodule = site\nprocesses = 4", 4),
    ({}, "uwsgi.ini", "[uwsgi]\nprocesses = %k", 0),
    ({}, "uwsgi.ini", "processes = 4", 0),
]


@pytest.mark.parametrize(("environ", "file", "text", "number"), WORKERS)
def test_what_a_server_reads_by_itself_says_how_many_workers_there_are(
    environ: dict[str, str], file: str, text: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    if file:
        Path(file).write_text(text)
    several = ["memory-workers"] if number > 1 else []
    done = doctor(in_flask())
    assert [finding.id for finding in done.findings] == several
    assert any("how many workers" in left.what for left in done.left) == (not number)
    if several:
        assert f"says {number} workers" in done.findings[0].what
        assert ids(stored(FILE)) == ["lost-updates"]
        assert ids(stored(LMDB.replace("4MiB", "64MiB"))) == []


def test_another_store_is_looked_at_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    app = stored(LMDB.replace("4MiB", "64MiB"))
    assert ids(app) == []
    assert ids(app, store=MemoryStore()) == ["memory-workers"]


def test_a_store_that_stands_in_while_debugging_says_nothing_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    app = flask.Flask("a", static_folder=None)
    app.debug = True
    easy_setup(app, store=stored(LMDB).wsgi_app.store)
    assert ids(app) == []
    assert ids(app, store=MemoryStore()) == ["memory-workers"]
    app.debug = False
    assert ids(app) == ["memory-workers"]


def test_every_kind_is_planted_somewhere() -> None:
    assert {row[0] for row in ROWS} | {"memory-workers", "lost-updates"} == KINDS.keys()


def test_a_page_on_the_kinds_names_each() -> None:
    page = (ROOT / "docs" / "howto" / "set-up.rst").read_text("utf-8")
    named = re.findall(r"^``([a-z-]+)`` \((\w+)\)$", page, re.MULTILINE)
    assert named == [(kind, severity) for kind, (severity, _) in KINDS.items()]


def test_what_may_answer_any_path_leaves_routes_to_an_explanation() -> None:
    routes = [Route("/itmes/*", MINUTE)]
    site = in_flask(routes=routes)
    site.register_error_handler(404, lambda error: "page")
    for app in (CacheMiddleware(Wrapping(in_bottle().app), routes=routes), site):
        done = doctor(app)
        assert done.findings == ()
        assert any("may answer any path" in left.what for left in done.left)


def test_a_page_that_may_show_a_token_is_left_to_an_explanation() -> None:
    whether = "whether tests.why.test_doctor.item, which has @csrf_protect, shows the token of"
    assert any(whether in left.what for left in doctor(csrf("csrf_protect", SERVER)).left)


def test_a_check_that_fails_says_so_and_stops_no_other() -> None:
    app = above_in_flask()
    del app.config["SEND_FILE_MAX_AGE_DEFAULT"], app.config["SESSION_REFRESH_EACH_REQUEST"]
    done = doctor(app)
    assert [finding.id for finding in done.findings] == ["decorator-above"]
    assert any("raised KeyError" in left.to for left in done.left)
    with pytest.raises(TypeError, match="app must be a WSGI application"):
        doctor(None)


EACH = """
import importlib, os, sys
import flask
from wsgicache.why.doctor import doctor
for place in sys.argv[1:]:
    folder, module, name = place.split(":")
    if os.fork() == 0:
        sys.path.insert(0, folder)
        done = doctor(getattr(importlib.import_module(module), name))
        print(place, *done.findings, *(left for left in done.left if "raised" in left.to))
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


def test_examples_and_recipes_have_nothing(tmp_path: Path) -> None:
    """Each in a process of its own."""
    for number, (title, recipe) in enumerate(README_RECIPES.items()):
        before, after = (SETTINGS, URLS) if title == "Django" else ("", "")
        (tmp_path / f"readme_{number}.py").write_text(before + recipe + after)
    examples, recipes = ROOT / "docs" / "examples", ROOT / "tests" / "recipes"
    places = [
        *(f"{tmp_path}:{path.stem}:app" for path in sorted(tmp_path.glob("readme_*.py"))),
        *(f"{examples}:{path.stem}:app" for path in sorted(examples.glob("*.py"))),
        f"{examples / 'sessions'}:shop:app",
        *(f"{recipes}:{name}" for name in RECIPES),
    ]
    # Pyramid imports pkg_resources, which warns of itself.
    line = [sys.executable, "-W", "ignore:pkg_resources is deprecated", "-c", EACH, *places]
    done = subprocess.run(
        line, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == places


RECIPES = ("flask_site:app", "django_site:application", "myapp:application", "workers:application")


# ── the command ──────────────────────────────────────────────────────────────────────────────────

SITE = """
import wsgicache
from flask import Flask, Response, jsonify, render_template, send_file
print("hello")
app = Flask(__name__, static_folder=None)

@wsgicache.cache_for(minutes=1)
@app.get("/news")
def news():
    raise AssertionError("asked")

def make():
    app.debug = True
    return wsgicache.CacheMiddleware(app)
"""


KINDS_OF_SITE = ["decorator-above", "debug"]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the present folder, with an application."""
    name = f"site_{tmp_path.name}".replace("-", "_")
    Path(f"{name}.py").write_text(SITE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["doctor", *arguments], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_the_command_says_what_where_and_how(site: str) -> None:
    code, out, _ = run(f"{site}:app")
    assert code == 1
    assert f"wrong: decorator-above: @wsgicache.cache_for(minutes=1) of {site}.news is" in out
    assert "registers it (line 7)" in out
    assert "  write: move @wsgicache.cache_for(minutes=1) below that decorator" in out
    assert "2 findings\n" in out
    assert "not known: why a page is not stored: wsgicache explain" in out


def test_json_stands_alone(site: str) -> None:
    code, out, err = run("--json", f"{site}:make()")
    said = json.loads(out)
    assert (code, err) == (1, "hello\n")
    assert said.keys() == {"findings", "left"}
    assert [finding["id"] for finding in said["findings"]] == KINDS_OF_SITE
    assert set(said["findings"][0]) == {"id", "severity", "what", "why", "line"}
    assert said == doctor(sys.modules[site].make()).as_json()


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("return 'page'", ["no-lifetimes"]),
        ("return Response('page', headers={'Cache-Control': 'max-age=60'})", []),
        ("response.cache_control.max_age = 60", []),
        ("return send_file('page', max_age=60)", []),
        ("wsgicache.current().say(minute)", []),
        ("return helped()", []),
    ],
)
def test_a_view_may_give_a_lifetime_by_itself(line: str, kinds: list[str], site: str) -> None:
    text = SITE.replace("@wsgicache.cache_for(minutes=1)\n", "")
    helper = "def helped():\n    return {'Expires': 'tomorrow'}\n" if "helped" in line else ""
    Path(f"{site}.py").write_text(text.replace('raise AssertionError("asked")', line) + helper)
    module = importlib.import_module(site)
    assert ids(CacheMiddleware(module.app)) == kinds


def test_the_exit_code_is_1_where_something_is_wrong(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(f"{site}.py").write_text(SITE.replace("@wsgicache.cache_for(minutes=1)\n", ""))
    assert run(f"{site}:app")[0] == 0
    assert run("--strict", f"{site}:app")[0] == 1
    assert run(f"{site}:nothing")[0] == 2
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    assert run(f"{site}:app")[0] == 0
    assert run("--store", "memory://", f"{site}:app")[0] == 1


def test_nothing_is_imported_before_it_is_used() -> None:
    script = "import sys, wsgicache.cli.why; print([n for n in sys.modules if '.why.' in n])"
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "['wsgicache.why.layers']\n"
