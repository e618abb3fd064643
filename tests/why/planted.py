"""Applications in which one input changes the page, and neither the key nor Vary knows it."""

from __future__ import annotations

import gzip
import itertools
import secrets
import time
from collections.abc import Iterable
from functools import partial
from http.cookies import SimpleCookie
from typing import Any

import bottle
import falcon
import flask
import werkzeug
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.template import RequestContext, Template

from tests.why.frames import (
    RELEASED,
    app,
    django_login,
    in_bottle,
    in_django,
    in_falcon,
    in_flask,
    plain,
    without_vary,
)
from wsgicache import Policy

numbers = itertools.count(7)
KEYLESS: dict[str, Any] = {"policy": Policy(credentials=())}
TEMPLATES: dict[str, Any] = {
    "TEMPLATES": [{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
}


# ── Without a framework ────────────────────────────────────────────────────────────────────────


@app(plain, "wrong header Accept-Language")
def language(environ: dict[str, str]) -> Any:
    return environ.get("HTTP_ACCEPT_LANGUAGE", "en")  # read


@app(plain, "wrong header X-Plan")
def a_value_that_only_the_code_names(environ: dict[str, str]) -> Any:
    return "all of it" if environ.get("HTTP_X_PLAN") in ("gold", "silver") else "page"  # read


@app(plain, "wrong query page")
def called_the_same(environ: dict[str, str]) -> Any:
    query = environ["QUERY_STRING"]  # read
    return f"page {query}", 200, {"No-Vary-Search": 'params=("page")'}


@app(plain, "wrong header X-Part")
def kept_only_with_it(environ: dict[str, str]) -> Any:
    if environ.get("HTTP_X_PART") == "members":  # read
        return "for members"
    return "for nobody", 403, {"Cache-Control": "no-store"}


@app(plain, "leak environ REMOTE_ADDR")
def address(environ: dict[str, str]) -> Any:
    return f"<p>{environ['REMOTE_ADDR']}</p>"  # read


@app(plain, "leak environ REMOTE_ADDR")
def werkzeugs_address(environ: dict[str, str]) -> Any:
    request = werkzeug.Request(environ)
    return f"<p>{request.remote_addr}</p>"  # read


@app(plain, "wrong header Prefer")
def a_copy(environ: dict[str, str]) -> Any:
    own = dict(environ)  # read
    return own.get("HTTP_PREFER", "page")


@app(plain, "wrong header Width")
def joined(environ: dict[str, str]) -> Any:
    own = environ | {"more": "1"}  # read
    return own.get("HTTP_WIDTH", "1200")


@app(plain, "wrong header DNT")
def iterated(environ: dict[str, str]) -> Any:
    fields = {key[5:]: value for key, value in environ.items() if key[:5] == "HTTP_"}  # read
    return "quiet" if fields.get("DNT") == "1" else "page"


@app(plain, "wrong header X-Country-Code")
def hidden_by_another(environ: dict[str, str]) -> Any:
    own = {**environ}  # read
    quiet = "HTTP_DNT" in own or "HTTP_SEC_GPC" in own
    return "page" if quiet else own.get("HTTP_X_COUNTRY_CODE", "page")


@app(plain, "wrong header Sec-GPC")
def late(environ: dict[str, str]) -> Any:
    def pieces() -> Iterable[bytes]:
        yield b"page"
        yield b"quiet" if environ.get("HTTP_SEC_GPC") else b"loud"  # read

    return pieces(), 200, {}


@app(plain, "wrong header Save-Data")
def stream(environ: dict[str, str]) -> Any:
    small = environ.get("HTTP_SAVE_DATA") == "on"  # read
    return (b"row\n" * 100 for _ in range(5 if small else 50)), 200, {}


@app(plain, "wrong environ SERVER_PORT")
def port(environ: dict[str, str]) -> Any:
    return f"<a href='http://example.org:{environ['SERVER_PORT']}/'>"  # read


@app(plain, "wrong environ GEOIP_COUNTRY_CODE")
def from_the_server(environ: dict[str, str]) -> Any:
    return environ.get("GEOIP_COUNTRY_CODE", "DE")  # read


@app(plain, "wrong header Content-Type")
def content_type_of_a_get(environ: dict[str, str]) -> Any:
    return "{}" if environ.get("CONTENT_TYPE") == "application/json" else "<p>"  # read


@app(plain, "wrong environ REQUEST_METHOD", policy=Policy.rfc())
def head_says_otherwise(environ: dict[str, str]) -> Any:
    is_head = environ["REQUEST_METHOD"] == "HEAD"  # read
    return "page", 200, {"X-Pages": "0" if is_head else "3"}


@app(plain, "wrong cookie density", **RELEASED)
def parsed_by_itself(environ: dict[str, str]) -> Any:
    cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))  # read
    return "many" if "density" in cookies and cookies["density"].value == "high" else "few"


@app(plain, "wrong header X-Theme")
def last_bytes(environ: dict[str, str]) -> Any:
    return "page\n" * 200_000 + environ.get("HTTP_X_THEME", "light")  # read


@app(plain, "wrong header User-Agent")
def zipped(environ: dict[str, str]) -> Any:
    mobile = "Mobile" in environ.get("HTTP_USER_AGENT", "")  # read
    content = gzip.compress(b"narrow" if mobile else b"wide", mtime=next(numbers))
    return [content], 200, {"Content-Encoding": "gzip"}


@app(plain, "leak header Forwarded")
def forwarded(environ: dict[str, str]) -> Any:
    return environ.get("HTTP_FORWARDED", "").partition("for=")[2]  # read


@app(plain, "leak header X-Auth-Token", policy=Policy.rfc())
def token(environ: dict[str, str]) -> Any:
    return "page", 200, {"X-Plan": environ.get("HTTP_X_AUTH_TOKEN", "free")}  # read


@app(plain, "leak header X-Partner-Key")
def partner(environ: dict[str, str]) -> Any:
    return "7" if environ.get("HTTP_X_PARTNER_KEY") == "s3cret" else "0"  # read


@app(plain, "leak cookie member", login="member=alice", **RELEASED)
def parsed_login(environ: dict[str, str]) -> Any:
    name = "".join(("mem", "ber="))
    rest = environ.get("HTTP_COOKIE", "").partition(name)[2]  # read
    return rest.partition(";")[0] or "you"


@app(plain, "wrong header Accept-Encoding")
def coding(environ: dict[str, str]) -> Any:
    if "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):  # read
        return "page"
    return [gzip.compress(b"page", mtime=0)], 200, {"Content-Encoding": "gzip"}


# ── Flask ──────────────────────────────────────────────────────────────────────────────────────


@app(in_flask, "wrong header Accept")
def offered() -> Any:
    best = flask.request.accept_mimetypes.best_match(["text/html", "application/json"])  # read
    return {"page": 1} if best == "application/json" else "<p>"


@app(in_flask, "downstream header HX-Request")
def fragment() -> Any:
    return "<p>" if flask.request.headers.get("HX-Request") else "<html><p>"  # read


@app(in_flask, "downstream header X-Requested-With")
def for_a_script() -> Any:
    is_script = flask.request.headers.get("X-Requested-With") == "XMLHttpRequest"  # read
    return {"page": 1} if is_script else "<html>"


@app(in_flask, "wrong header User-Agent")
def no_bots() -> Any:
    return ("", 403) if "bot" in (flask.request.user_agent.string or "") else "page"  # read


@app(in_flask, "wrong header User-Agent")
def redirect_by_device() -> Any:
    mobile = "Mobile" in flask.request.headers.get("User-Agent", "")  # read
    return flask.redirect("/m" if mobile else "/d", 301)


@app(in_flask, "wrong cookie skin", **RELEASED)
def theme() -> Any:
    return f"<body class={flask.request.cookies.get('skin', 'light')}>"  # read


@app(in_flask, "leak cookie token", **RELEASED)
def by_token() -> Any:
    return f"Hello {flask.request.cookies.get('token', 'you')}"  # read


@app(in_flask, "wrong cookie theme", login="theme=blue", **RELEASED)
def own_theme() -> Any:
    return f"<body class={flask.request.cookies.get('theme', 'light')}>"  # read


@app(in_flask, "leak cookie seen_by", login="seen_by=alice", **RELEASED)
def someone() -> Any:
    return f"Hello {flask.request.cookies.get('seen_by', 'you')}"  # read


@app(in_flask, "wrong header X-Device")
def beside_a_token() -> Any:
    nonce = secrets.token_urlsafe(8)
    kind = flask.request.headers.get("X-Device", "desktop")  # read
    return f"<script nonce={nonce!r}></script><p>{kind}</p>"


@app(in_flask, "wrong header Sec-CH-UA-Platform")
def beside_a_counter() -> Any:
    system = flask.request.headers.get("Sec-CH-UA-Platform", "any")  # read
    return f"<p>{next(numbers)} visitors</p><p>Download for {system}</p>"


@app(in_flask, "wrong header Accept-Language")
def beside_a_time() -> Any:
    best = flask.request.accept_languages.best_match(["en", "fr"])  # read
    return f"<p>{time.time_ns()}</p>{'Bonjour' if best == 'fr' else 'Hello'}"


@app(in_flask, "wrong header Sec-Fetch-Site")
def beside_a_form() -> Any:
    rows = "".join(f"<li>{secrets.token_hex(3)}" for _ in range(secrets.randbelow(4)))
    inside = flask.request.headers.get("Sec-Fetch-Site") == "same-origin"  # read
    form = f"<input name=csrf_token value={secrets.token_urlsafe(12)}>"
    return f"<ul>{rows}</ul>{form}<p>{'Welcome back' if inside else 'Welcome'}</p>"


@app(in_flask, "wrong header X-Country")
def in_a_template() -> Any:
    text = "<p>Prices</p>\n{{ request.headers.get('X-Country', 'DE') }}"
    return flask.render_template_string(text)  # read


@app(in_flask, "wrong header Referer")
def by_attribute() -> Any:
    return "back" if getattr(flask.request, "referrer", None) else "page"  # read


@app(in_flask, "leak environ REMOTE_ADDR")
def address_in_a_field() -> Any:
    return "page", {"X-Your-Address": flask.request.remote_addr or ""}  # read


# ── Django ─────────────────────────────────────────────────────────────────────────────────────


@app(in_django, "wrong header X-Shelf")
def by_headers(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.headers.get("x-shelf", "first"))  # read


@app(in_django, "wrong header DPR")
def by_meta(request: HttpRequest) -> HttpResponse:
    return HttpResponse("large" if request.META.get("HTTP_DPR") == "2" else "small")  # read


SESSIONS: dict[str, Any] = {
    "MIDDLEWARE": ["django.contrib.sessions.middleware.SessionMiddleware"],
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
}


@app(partial(in_django, **SESSIONS), "wrong cookie layout2", **RELEASED)
def layout(request: HttpRequest) -> HttpResponse:
    return HttpResponse("list" if request.COOKIES.get("layout2") == "rows" else "grid")  # read


@app(
    without_vary(partial(in_django, **SESSIONS)),
    "leak cookie sessionid",
    login=partial(django_login, name="Alice"),
    **RELEASED,
)
def djangos_session(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"Hello {request.session.get('name', 'you')}")  # read


@app(in_django, "wrong cookie layout2", **RELEASED)
def replaced_cookies(request: HttpRequest) -> HttpResponse:
    request.COOKIES = {**request.COOKIES, "more": "1"}  # read
    both = request.COOKIES["more"] + request.COOKIES.get("layout2", "grid")  # read
    return HttpResponse(both)


@app(in_django, "wrong header Viewport-Width")
def all_headers(request: HttpRequest) -> HttpResponse:
    fields = dict(request.headers)  # read
    return HttpResponse(fields.get("Viewport-Width", "1200"))


@app(partial(in_django, **TEMPLATES), "wrong header X-Theme")
def in_djangos_template(request: HttpRequest) -> HttpResponse:
    text = Template("<body class={{ request.META.HTTP_X_THEME }}>")
    return HttpResponse(text.render(RequestContext(request, {"request": request})))  # read


@app(in_django, "wrong header Device-Memory")
def djangos_stream(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterable[str]:
        yield "page"
        yield request.headers.get("Device-Memory", "8")  # read

    return StreamingHttpResponse(pieces())


PROXY: dict[str, Any] = {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}


@app(partial(in_django, **PROXY), "downstream header X-Forwarded-Proto")
def links(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.build_absolute_uri("/"))  # read


@app(in_django, "wrong header Sec-Fetch-Dest", policy=Policy(store_set_cookie=True), **RELEASED)
def djangos_form(request: HttpRequest) -> HttpResponse:
    framed = request.headers.get("Sec-Fetch-Dest") == "iframe"  # read
    page = "bare" if framed else "<h1>page</h1>"
    return HttpResponse(f"<input value={get_token(request)}>{page}")


LOCALE: dict[str, Any] = {"MIDDLEWARE": ["django.middleware.locale.LocaleMiddleware"]}


@app(partial(in_django, **LOCALE), "downstream cookie django_language")
def translated(request: HttpRequest) -> HttpResponse:
    return HttpResponse(getattr(request, "LANGUAGE_CODE", ""))


@app(in_django, "downstream header X-PJAX")
def pjax(request: HttpRequest) -> HttpResponse:
    return HttpResponse("part" if "X-PJAX" in request.headers else "whole")  # read


# ── Bottle ─────────────────────────────────────────────────────────────────────────────────────


@app(in_bottle, "leak header True-Client-IP")
def client_address() -> Any:
    return bottle.request.get_header("True-Client-IP", "unknown")  # read


@app(in_bottle, "downstream header Turbo-Frame")
def turbo() -> Any:
    return "part" if bottle.request.get_header("Turbo-Frame") else "whole"  # read


@app(in_bottle, "leak cookie who", login="who=alice", **RELEASED)
def who() -> Any:
    return f"Hello {bottle.request.get_cookie('who') or 'you'}"  # read


@app(in_bottle, "wrong header Accept-Language")
def redirect_by_language() -> Any:
    german = bottle.request.get_header("Accept-Language", "").startswith("de")  # read
    raise bottle.HTTPResponse("", 301, Location="/de" if german else "/en")


@app(in_bottle, "wrong cookie money", **RELEASED)
def currency() -> Any:
    return f"9.99 {bottle.request.cookies.money or 'EUR'}"  # read


@app(in_bottle, "downstream header Origin")
def cross_origin() -> Any:
    origin = bottle.request.get_header("Origin", "*")  # read
    return bottle.HTTPResponse("page", 200, {"Access-Control-Allow-Origin": origin})


# ── Falcon ─────────────────────────────────────────────────────────────────────────────────────


@app(in_falcon, "wrong header X-Made-Up")
def made_up(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text = req.get_header("X-Made-Up") or "page"  # read


@app(in_falcon, "leak header X-API-Key", **KEYLESS)
def api_key(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text = f"for {req.headers.get('X-API-KEY', 'everybody')}"  # read


@app(in_falcon, "wrong header Sec-Fetch-User")
def opened(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text = f"opened by hand: {req.get_header('Sec-Fetch-User')}"  # read


@app(in_falcon, "wrong cookie zone", **RELEASED)
def region(req: falcon.Request, resp: falcon.Response) -> None:
    name = "".join(("zo", "ne"))  # so that no text of the code is the name
    resp.text = (req.get_cookie_values(name) or ["world"])[0]  # read


@app(in_falcon, "wrong cookie zone", **RELEASED)
def of_all_cookies(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text = req.cookies.get("".join(("zo", "ne")), "world")  # read


@app(in_falcon, "wrong header X-Shelf")
def of_all_headers(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text = req.headers.get("X-SHELF", "first")  # read


@app(in_falcon, "wrong header X-Shelf")
def of_all_in_lower_case(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text = req.headers_lower.get("x-shelf", "first")  # read


@app(in_falcon, "wrong header Accept")
def json_or_text(req: falcon.Request, resp: falcon.Response) -> None:
    kind = req.client_prefers(["text/html", "application/json"])  # read
    resp.text = "{}" if kind == "application/json" else "page"


@app(in_falcon, "leak header X-Forwarded-For")
def route(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text = req.get_header("X-Forwarded-For", default="direct").split(",")[0]  # read
