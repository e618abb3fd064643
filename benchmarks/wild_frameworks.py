"""The same population on a Django site and on a Flask site, with what such sites usually have.

Something looks at the session on every page, as logins do, so every page says ``Vary: Cookie``. The
pages of `SAME` show nothing of who asks; an account shows the user, a form has a token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.peers import Missing
from benchmarks.wild_people import Page, Site
from wsgicache import TRACKING_PARAMETERS, CacheMiddleware, Policy, cache_for, cached

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

WEIGHTS = {"article": 50, "search": 15, "api": 15, "account": 12, "form": 8}
MANY = {"article": 150, "search": 40, "api": 60, "account": 3, "form": 3}
SAME = frozenset({"article", "search", "api"})
"""Kinds of pages that are the same for all."""
LANGUAGES = ("en", "de")
FILLING = "…" * 400
"""Long enough to be compressed."""

View = Callable[..., Any]


Making = Callable[["WSGIApplication"], "WSGIApplication"]
"""What puts a cache around a site."""


class Framework(NamedTuple):
    """A site made with a framework, and caches for it."""

    site: Site
    app: WSGIApplication
    bare: WSGIApplication
    """The same without any cache: what it says is right."""
    calls: list[str]
    """The path of each call of a view."""
    caches: dict[str, Making]


def pages() -> list[tuple[float, Page]]:
    """Each page with its weight: the n-th of a kind is asked for 1/n as often as the first."""
    found = []
    for kind, weight in WEIGHTS.items():
        whole = sum(1 / (n + 1) for n in range(MANY[kind]))
        for number in range(MANY[kind]):
            query = (f"q=word{number}", f"page={number % 3}") if kind == "search" else ()
            path = "/search/0" if kind == "search" else f"/{kind}/{number}"
            linked = kind in ("article", "search")
            found.append((weight / whole / (number + 1), Page(kind, path, query, linked)))
    return found


def _text(kind: str, number: int, get: Callable[[str, str], str], language: str, who: str) -> str:
    query = f"{get('q', '')} {get('page', '')}" if kind == "search" else ""
    return f"{kind} {number} {query} {language} {who} {FILLING}"


# ── Django ──────────────────────────────────────────────────────────────────────────────────────


def django_site() -> Framework:
    """Sessions, logins, messages, CSRF, languages and GZip. Settings are once in a process."""
    import django
    from django.conf import settings
    from django.urls import path

    if settings.configured:
        raise Missing("another Django site is set up in this process")
    calls: list[str] = []
    urls = tuple(path(f"{kind}/<int:number>", _django_view(kind, calls)) for kind in WEIGHTS)
    caching = "django.middleware.cache"
    settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="for benchmarks only",
        LANGUAGES=[(code, code) for code in LANGUAGES],
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        AUTHENTICATION_BACKENDS=[f"{__name__}.Known"],
        MESSAGE_STORAGE="django.contrib.messages.storage.fallback.FallbackStorage",
        ROOT_URLCONF=urls,
        CACHE_MIDDLEWARE_SECONDS=36000,
    )
    django.setup()
    from django.contrib.sessions.backends.signed_cookies import SessionStore
    from django.core.handlers.wsgi import WSGIHandler
    from django.test.utils import override_settings

    usual = [
        "django.middleware.gzip.GZipMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        f"{__name__}.looking",
    ]

    def session(number: int) -> str:
        user, store = Known().get_user(number), SessionStore()
        store["_auth_user_id"] = str(number)
        store["_auth_user_backend"] = f"{__name__}.Known"
        store["_auth_user_hash"] = user.get_session_auth_hash()
        store.save()
        return f"sessionid={store.session_key}"

    def handler(middleware: list[str]) -> WSGIApplication:
        with override_settings(MIDDLEWARE=middleware):
            made: WSGIApplication = WSGIHandler()
        return made

    def whole(app: WSGIApplication) -> WSGIApplication:
        update, fetch = f"{caching}.UpdateCacheMiddleware", f"{caching}.FetchFromCacheMiddleware"
        return handler([update, *usual, fetch])

    policy = Policy.django(languages=LANGUAGES, ignore_query=TRACKING_PARAMETERS, sort_query=True)
    caches: dict[str, Making] = {
        "wsgicache": lambda app: CacheMiddleware(app, policy=policy),
        "Django's cache": whole,
    }
    bare = handler(usual)
    return Framework(Site(pages(), session), bare, bare, calls, caches)


class Known:
    """A login without a database: everybody who is asked for is known."""

    def get_user(self, number: Any) -> Any:
        """Return the user of that number."""
        from django.contrib.auth.models import User

        return User(pk=int(number), username=f"user{number}", password="x")


def looking(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Look at who asks, on every page."""

    def middleware(request: Any) -> Any:
        request.visited = request.user.is_authenticated
        return get_response(request)

    return middleware


def _django_view(kind: str, calls: list[str]) -> View:
    def view(request: Any, number: int) -> Any:
        from django.http import HttpResponse
        from django.middleware.csrf import get_token
        from django.utils.translation import get_language

        calls.append(request.path)
        who = str(request.user) if kind == "account" else ""
        if kind == "form":
            get_token(request)
        language = "" if kind == "api" else str(get_language())
        text = _text(kind, number, request.GET.get, language, who)
        media = "application/json" if kind == "api" else "text/html"
        return HttpResponse(text, content_type=media)

    return _said(kind)(view)


def _said(kind: str) -> Callable[[View], View]:
    """What a view of that kind says of caching."""
    if kind in SAME:
        return cached(client=60, server=36000, everybody=True)
    return cache_for(minutes=10)


# ── Flask ───────────────────────────────────────────────────────────────────────────────────────


def flask_site(around: Callable[[View], View] = lambda view: view) -> Framework:
    """Flask-Login, Flask-Babel and Flask-Compress; *around* is what stands around a view."""
    from flask import Flask, request
    from flask_babel import Babel, get_locale
    from flask_compress import Compress
    from flask_login import LoginManager, UserMixin, current_user

    app, calls = Flask("wild"), list[str]()
    app.config.update(SECRET_KEY="for benchmarks only", COMPRESS_ALGORITHM=["br", "gzip"])
    Babel(app, locale_selector=lambda: request.accept_languages.best_match(LANGUAGES, "en"))
    login = LoginManager(app)
    login.session_protection = None  # its identifier of a browser would be in each session
    Compress(app)

    def load(number: str) -> Any:
        user: Any = UserMixin()
        user.id = number
        return user

    login.user_loader(load)

    @app.before_request
    def look() -> None:
        assert current_user.is_authenticated in (True, False)

    def view_of(kind: str) -> View:
        def view(number: int) -> Any:
            calls.append(request.path)
            who = ""
            if kind == "account":
                who = str(current_user.id if current_user.is_authenticated else "nobody")
            if kind == "form":
                from flask import session

                session["token"] = str(number)
            language = "" if kind == "api" else str(get_locale())
            text = _text(kind, number, request.args.get, language, who)
            return text, {"Content-Type": "application/json" if kind == "api" else "text/html"}

        view.__name__ = kind
        return _said(kind)(around(view))

    for kind in WEIGHTS:
        app.add_url_rule(f"/{kind}/<int:number>", kind, view_of(kind))

    def session(number: int) -> str:
        sessions: Any = app.session_interface
        serializer = sessions.get_signing_serializer(app)
        return f"session={serializer.dumps({'_user_id': str(number), '_fresh': True})}"

    policy = Policy.flask(languages=LANGUAGES, ignore_query=TRACKING_PARAMETERS, sort_query=True)

    def ours(inner: WSGIApplication) -> WSGIApplication:
        return CacheMiddleware(inner, policy=policy)

    bare = app.wsgi_app
    return Framework(Site(pages(), session), bare, bare, calls, {"wsgicache": ours})


def flask_caching() -> Framework:
    """The same with Flask-Caching's decorator around each view, as its manual begins."""
    from flask_caching import Cache

    cache = Cache(config={"CACHE_TYPE": "SimpleCache", "CACHE_THRESHOLD": 1_000_000})
    made = flask_site(cache.cached(timeout=36000, query_string=True))
    plain = flask_site()
    owner: Any = made.app
    cache.init_app(owner.__self__)
    return made._replace(bare=plain.app, caches={"Flask-Caching": lambda app: app})
