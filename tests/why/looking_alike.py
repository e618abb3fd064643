"""Applications that look like those with a planted input, and in which nothing is wrong."""

from __future__ import annotations

import gzip
import itertools
import json
import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

import bottle
import falcon
import flask
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.middleware.csrf import get_token

from tests.why.frames import (
    RELEASED,
    app,
    flask_login,
    in_bottle,
    in_django,
    in_falcon,
    in_flask,
    plain,
)
from wsgicache import Header, Policy, Route, vary

log = logging.getLogger(__name__)
asked: Counter[str] = Counter()
numbers = itertools.count()
NEVER = {"Cache-Control": "no-store"}
PRIVATE = {"Cache-Control": "private, max-age=60"}


def routed(*controls: Any, **options: Any) -> Any:
    return {"routes": [Route("/p", *controls, **options)]}


# ── Without a framework ────────────────────────────────────────────────────────────────────────


@app(plain)
def vary_says_so(environ: dict[str, str]) -> Any:
    return environ.get("HTTP_ACCEPT_LANGUAGE", "en"), 200, {"Vary": "Accept-Language"}


@app(plain)
def vary_says_anything(environ: dict[str, str]) -> Any:
    return environ.get("HTTP_X_DEVICE", "desktop"), 200, {"Vary": "*"}


@app(plain)
def counted(environ: dict[str, str]) -> Any:
    asked[environ.get("HTTP_USER_AGENT", "none")] += 1
    return "page"


@app(plain)
def parameters_for_others(environ: dict[str, str]) -> Any:
    log.info(environ["QUERY_STRING"])
    return "page", 200, {"No-Vary-Search": 'params=("utm_source" "utm_medium")'}


@app(plain)
def parameters_that_count(environ: dict[str, str]) -> Any:
    page = "page=2" in environ["QUERY_STRING"]
    return "second" if page else "first", 200, {"No-Vary-Search": 'params, except=("page")'}


@app(plain)
def logged(environ: dict[str, str]) -> Any:
    log.info("%s at %s", environ["REMOTE_ADDR"], time.strftime("%H:%M %Z"))
    return "page"


@app(plain)
def copied_for_a_log(environ: dict[str, str]) -> Any:
    log.info("%s", json.dumps({k: v for k, v in dict(environ).items() if isinstance(v, str)}))
    return "page"


@app(plain)
def credentials(environ: dict[str, str]) -> Any:
    return environ.get("HTTP_AUTHORIZATION", "nobody")


@app(plain)
def known_keys(environ: dict[str, str]) -> Any:
    return environ.get("HTTP_X_API_KEY", "nobody")


@app(plain)
def the_users_name(environ: dict[str, str]) -> Any:
    return environ.get("REMOTE_USER", "nobody")


@app(plain)
def of_the_key(environ: dict[str, str]) -> Any:
    parts = ("wsgi.url_scheme", "HTTP_HOST", "PATH_INFO", "QUERY_STRING")
    return "".join(environ[part] for part in parts)


@app(plain)
def head_is_shorter(environ: dict[str, str]) -> Any:
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    return ("", 200, {}) if is_head else ("page", 200, {"ETag": '"1"'})


@app(plain)
def no_head(environ: dict[str, str]) -> Any:
    return ("", 405, {}) if environ["REQUEST_METHOD"] == "HEAD" else "page"


@app(plain)
def head_is_asked_as_get(environ: dict[str, str]) -> Any:
    return "page", 200, {"X-Pages": environ["REQUEST_METHOD"]}


@app(plain)
def own_times(environ: dict[str, str]) -> Any:
    content = gzip.compress(b"the page", mtime=next(numbers))
    asked[environ.get("HTTP_ACCEPT", "")] += 1
    return [content], 200, {"Content-Encoding": "gzip"}


@app(plain)
def own_tokens(environ: dict[str, str]) -> Any:
    log.info(environ.get("HTTP_X_DEVICE"))
    return f"<i>{secrets.token_urlsafe(9)}</i>page", 200, {"X-Id": secrets.token_hex(4)}


@app(plain)
def own_choice(environ: dict[str, str]) -> Any:
    log.info(environ.get("HTTP_X_DEVICE"))
    return f"<p>page</p>{secrets.choice(['left', 'right'])}"


@app(plain)
def own_lines(environ: dict[str, str]) -> Any:
    log.info(environ.get("HTTP_X_DEVICE"))
    return "<p>page</p>\n" + "<hr>\n" * secrets.randbelow(9) + "<p>end</p>"


@app(plain)
def later_another(environ: dict[str, str]) -> Any:
    log.info(environ.get("HTTP_X_DEVICE"))
    return f"page {next(numbers) // 5}"


@app(plain, **routed(languages=["de", "en"]))
def negotiated(environ: dict[str, str]) -> Any:
    return environ.get("HTTP_ACCEPT_LANGUAGE", "en"), 200, {"Vary": "Accept-Language"}


@app(plain, **routed(select=Header("X-Device", ["phone", "desktop"])))
def selected(environ: dict[str, str]) -> Any:
    return environ.get("HTTP_X_DEVICE", "desktop")


# ── Flask ──────────────────────────────────────────────────────────────────────────────────────


@app(in_flask)
def not_kept() -> Any:
    return flask.request.headers.get("User-Agent", ""), NEVER


@app(in_flask)
def kept_by_browsers() -> Any:
    return flask.request.headers.get("X-Device", ""), PRIVATE


@app(in_flask, login=flask_login(user="alice"), **RELEASED)
def session() -> Any:
    return f"Hello {flask.session.get('user', 'you')}"


@app(in_flask, login="theme=dark")
def cookies_are_private() -> Any:
    return flask.request.cookies.get("theme", "light")


@app(in_flask, policy=Policy(ignore_cookies=["theme"]), **RELEASED)
def hidden_cookie() -> Any:
    return flask.request.cookies.get("theme", "light")


@app(in_flask, **routed(cookies=["language"]))
def hidden_by_the_route() -> Any:
    return flask.request.cookies.get("theme", "light")


@app(in_flask)
def vary_names_the_fragment() -> Any:
    part = flask.request.headers.get("HX-Request")
    return "<p>" if part else "<html><p>", {"Vary": "HX-Request"}


@app(in_flask, **routed(vary("Prefer")))
def varies_by_route() -> Any:
    return flask.request.headers.get("Prefer", "page")


@app(in_flask)
def read_for_nothing() -> Any:
    return "page" + flask.request.headers.get("Accept", "")[:0]


@app(in_flask)
def all_of_it() -> Any:
    log.info("%s", dict(flask.request.headers))
    return "page"


@app(in_flask)
def address_that_counts_for_nothing() -> Any:
    local = (flask.request.remote_addr or "").startswith("127.")
    log.info("local" if local else "remote")
    return "page"


# ── Django ─────────────────────────────────────────────────────────────────────────────────────


@app(in_django)
def djangos_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.get_host())


@app(in_django)
def djangos_log(request: HttpRequest) -> HttpResponse:
    log.info("%s %s", request.headers.get("User-Agent"), request.META.get("REMOTE_ADDR"))
    return HttpResponse("page")


@app(in_django)
def djangos_vary(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.headers.get("Accept", ""), headers={"Vary": "Accept"})


@app(in_django, login="who=alice")
def djangos_cookie(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.COOKIES.get("who", "nobody"))


WITH_COOKIES: dict[str, Any] = {
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
}


@app(partial(in_django, **WITH_COOKIES), login="sessionid=old", **RELEASED)
def djangos_old_session(request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")  # it removes a session that has ended


@app(partial(in_django, MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"]))
def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<input value={get_token(request)}><h1>page</h1>")


@app(in_django)
def djangos_stream(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterable[str]:
        log.info(request.headers.get("Referer"))
        yield "page"

    return StreamingHttpResponse(pieces())


# ── Bottle and Falcon ──────────────────────────────────────────────────────────────────────────


@app(in_bottle)
def bottles_query() -> Any:
    return bottle.request.query.get("page", "1")


@app(in_bottle, **routed(accept=["text/html", "text/plain"]))
def bottles_accept() -> Any:
    return bottle.request.get_header("Accept", "")


@app(in_bottle)
def bottles_cookie() -> Any:
    return bottle.request.get_cookie("theme", "light")


@app(in_bottle)
def bottles_private_page() -> Any:
    address = bottle.request.remote_addr
    return bottle.HTTPResponse(f"you are {address}", 200, {"Cache-Control": "private"})


@app(in_falcon)
def falcons_log(req: falcon.Request, resp: falcon.Response) -> None:
    log.info("%s %s", req.headers, req.cookies)
    resp.text = "page"


@app(in_falcon)
def falcons_vary(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text = req.get_header("X-Device") or "desktop"
    resp.vary = ["X-Device"]


@app(in_falcon)
def falcons_post_only(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text = "page" if req.method == "GET" else req.get_header("X-Device")
