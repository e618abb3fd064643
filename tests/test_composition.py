"""Other middleware and the frameworks' own beside the cache: what each order does."""

from __future__ import annotations

import base64
import gzip
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from bottle import Bottle
from bottle import response as bottle_response
from django.http import HttpRequest, HttpResponse
from django.urls import path as route
from django.views.decorators.cache import cache_control
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request, Response
from whitenoise import WhiteNoise

from tests.scene import FakeClock
from tests.servers.in_process import django_site
from wsgicache import CacheMiddleware, MemoryStore, Policy

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

FRESH = {"Cache-Control": "max-age=60"}
PUBLIC = {"Cache-Control": "public, max-age=60"}
TEXT = "fresh as the morning\n" * 100


class Asker:
    """A client of a stack, with the lint outside; no cookies but those it is given."""

    def __init__(self, app: Any) -> None:
        self._client = Client(LintMiddleware(app), use_cookies=False)

    def get(self, path: str = "/", **options: Any) -> TestResponse:
        return self._client.get(path, buffered=True, **options)

    def post(self, path: str = "/", **options: Any) -> TestResponse:
        return self._client.post(path, buffered=True, **options)


def status(response: TestResponse) -> str:
    lines = response.headers.getlist("Cache-Status")
    assert len(lines) <= 1
    assert len(response.headers.getlist("Age")) <= 1
    return lines[0] if lines else ""


def is_hit(response: TestResponse) -> bool:
    return "wsgicache; hit" in status(response)


def page(text: str = TEXT, **fields: str) -> App:
    """An app that counts its calls in X-Call."""
    calls = itertools.count(1)

    @Request.application
    def app(request: Request) -> Response:
        response = Response(text, headers={**FRESH, **fields, "X-Call": str(next(calls))})
        response.add_etag()
        return response

    return app


# ── an access log ────────────────────────────────────────────────────────────────────────────────


def logging(app: App, lines: list[str]) -> App:
    """A log as others write it: at start_response."""

    def logged(environ: Environ, start_response: Any) -> Iterable[bytes]:
        def start(status: str, fields: list[tuple[str, str]], *exc_info: Any) -> Any:
            told = dict(fields).get("Cache-Status", "-")
            lines.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {status[:3]} {told}")
            return start_response(status, fields, *exc_info)

        return app(environ, start)

    return logged


def test_an_access_log_outside_sees_every_request_and_inside_only_those_for_the_app() -> None:
    outside: list[str] = []
    inside: list[str] = []
    asker = Asker(logging(CacheMiddleware(logging(page(), inside)), outside))
    asker.get()
    asker.get()
    asker.get(headers={"If-None-Match": "*"})
    assert [re.sub(r"ttl=\d+", "ttl=…", line) for line in outside] == [
        "GET / 200 wsgicache; fwd=uri-miss; stored",
        "GET / 200 wsgicache; hit; ttl=…",
        "GET / 304 wsgicache; hit; ttl=…",
    ]
    assert inside == ["GET / 200 -"]


# ── compression ──────────────────────────────────────────────────────────────────────────────────


class Compress:
    """Compression as others do it: by Accept-Encoding, with Vary, and the tag made weak."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.compressed = 0

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        response = Response.from_app(self.app, environ)
        response.vary.add("Accept-Encoding")
        accepted = Request(environ).accept_encodings.quality("gzip")
        if accepted and response.status_code == 200 and not response.content_encoding:
            self.compressed += 1
            response.set_data(gzip.compress(response.get_data(), mtime=0))
            response.content_encoding = "gzip"
            if "ETag" in response.headers:
                response.set_etag(response.get_etag()[0] or "", weak=True)
        return response(environ, start_response)


GZIP = {"Accept-Encoding": "gzip"}


def test_compression_inside_is_stored_compressed_and_varies() -> None:
    compress = Compress(page())
    asker = Asker(CacheMiddleware(compress))
    first, second = asker.get(headers=GZIP), asker.get(headers=GZIP)
    assert is_hit(second)
    assert second.data == first.data
    assert second.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(second.data).decode() == TEXT
    assert int(second.headers["Content-Length"]) == len(second.data) < len(TEXT)
    assert compress.compressed == 1
    plain = asker.get()
    assert status(plain) == "wsgicache; fwd=vary-miss; stored; detail=vary-accept-encoding"
    assert plain.text == TEXT
    assert is_hit(asker.get())
    assert is_hit(asker.get(headers=GZIP))
    assert asker.get(headers=GZIP).headers["Content-Encoding"] == "gzip"


def test_compression_outside_compresses_every_hit_of_one_stored_response() -> None:
    compress = Compress(CacheMiddleware(page()))
    asker = Asker(compress)
    replies = [asker.get(headers=GZIP), asker.get(headers=GZIP), asker.get()]
    assert [is_hit(reply) for reply in replies] == [False, True, True]
    assert [reply.headers.get("Content-Encoding") for reply in replies] == ["gzip", "gzip", None]
    assert gzip.decompress(replies[1].data).decode() == replies[2].text == TEXT
    assert compress.compressed == 2
    tag = replies[1].headers["ETag"]
    assert tag.startswith("W/")
    assert asker.get(headers={**GZIP, "If-None-Match": tag}).status_code == 304


def test_a_range_of_what_is_stored_compressed_is_of_the_compressed_bytes() -> None:
    asker = Asker(CacheMiddleware(Compress(page())))
    whole = asker.get(headers=GZIP)
    part = asker.get(headers={**GZIP, "Range": "bytes=2-9"})
    assert part.status_code == 206
    assert part.data == whole.data[2:10]
    assert part.headers["Content-Encoding"] == "gzip"


# ── ProxyFix ─────────────────────────────────────────────────────────────────────────────────────


@Request.application
def where(request: Request) -> Response:
    """An app that builds links, as most do, and says nothing of Vary."""
    return Response(f"{request.root_url} and {request.path}", headers=FRESH)


def behind_proxy(order: str) -> Asker:
    trusting = {"x_for": 1, "x_proto": 1, "x_host": 1, "x_port": 1, "x_prefix": 1}
    if order == "outside":
        return Asker(ProxyFix(CacheMiddleware(where), **trusting))
    return Asker(CacheMiddleware(ProxyFix(where, **trusting)))


FORWARDED = [
    {},
    {"X-Forwarded-Host": "one.example"},
    {"X-Forwarded-Host": "two.example"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Prefix": "/a"},
    {"X-Forwarded-Prefix": "/a/b"},
    {"X-Forwarded-Port": "8443"},
    {"X-Forwarded-Host": "one.example", "X-Forwarded-Proto": "https"},
]


@pytest.mark.parametrize("order", ["outside", "inside"])
def test_proxy_fix_in_either_order_gives_everybody_their_own_links(order: str) -> None:
    asker = behind_proxy(order)
    for round_of in range(2):
        for headers in FORWARDED:
            reply = asker.get("/page", headers=headers)
            fresh = Asker(ProxyFix(where, x_proto=1, x_host=1, x_port=1, x_prefix=1))
            assert reply.text == fresh.get("/page", headers=headers).text
            assert is_hit(reply) == bool(round_of), (headers, status(reply))


@pytest.mark.parametrize("order", ["outside", "inside"])
def test_client_addresses_part_nothing_behind_a_proxy(order: str) -> None:
    asker = behind_proxy(order)
    asker.get("/page", headers={"X-Forwarded-For": "192.0.2.1"})
    assert is_hit(asker.get("/page", headers={"X-Forwarded-For": "192.0.2.2"}))


@pytest.mark.parametrize(("order", "emptied"), [("outside", True), ("inside", False)])
def test_only_outside_proxy_fix_lets_the_cache_know_the_public_url(
    order: str, emptied: bool
) -> None:
    """A POST names the public URL of what it changed; inside, the cache knows the proxy's alone."""
    count = itertools.count()

    @Request.application
    def app(request: Request) -> Response:
        if request.method == "POST":
            return Response(status=303, headers={"Location": "http://public.example/list"})
        return Response(str(next(count)), headers=FRESH)

    if order == "outside":
        asker = Asker(ProxyFix(CacheMiddleware(app), x_host=1))
    else:
        asker = Asker(CacheMiddleware(ProxyFix(app, x_host=1)))
    headers = {"X-Forwarded-Host": "public.example"}
    assert [asker.get("/list", headers=headers).text for _ in range(2)] == ["0", "0"]
    asker.post("/item", headers=headers)
    assert asker.get("/list", headers=headers).text == ("1" if emptied else "0")


# ── mounts ───────────────────────────────────────────────────────────────────────────────────────


def test_mounted_apps_in_one_cache_or_in_one_store_do_not_mix() -> None:
    mounts = {"/a": where, "/b": where, "/a/b": where}
    store = MemoryStore()
    each: dict[str, Any] = {
        prefix: CacheMiddleware(app, store=store) for prefix, app in mounts.items()
    }
    one = CacheMiddleware(DispatcherMiddleware(where, mounts))
    many = DispatcherMiddleware(CacheMiddleware(where, store=store), each)
    for stack in (one, many):
        asker = Asker(stack)
        for path in ("/a/x", "/b/x", "/a/b/x", "/x"):
            first, second = asker.get(path), asker.get(path)
            assert first.text == Asker(DispatcherMiddleware(where, mounts)).get(path).text
            assert second.text == first.text
            assert not is_hit(first)
            assert is_hit(second)


def test_the_same_url_by_another_mount_point_is_another_response() -> None:
    store = MemoryStore()
    asked = {}
    for mount, path in (("/a", "/b"), ("", "/a/b"), ("/a/b", "")):
        asker = Asker(CacheMiddleware(where, store=store))
        asked[mount] = [
            asker.get(path or "/", environ_overrides={"SCRIPT_NAME": mount, "PATH_INFO": path})
            for _ in range(2)
        ]
    for mount, replies in asked.items():
        assert [is_hit(reply) for reply in replies] == [False, True], mount
        assert replies[1].text.startswith(f"http://localhost{mount}/ and")


# ── a debugger ───────────────────────────────────────────────────────────────────────────────────


def failing_first() -> App:
    """Raises at its first call and never again."""
    calls = itertools.count()

    @Request.application
    def app(request: Request) -> Response:
        if next(calls) == 0:
            raise LookupError("not yet")
        return Response("well again", headers=FRESH)

    return app


def debugging(app: App) -> App:
    return DebuggedApplication(app, evalex=True, pin_security=False)


STACKS: dict[str, Callable[[App], App]] = {
    "outside": lambda app: debugging(CacheMiddleware(app)),
    "inside": lambda app: CacheMiddleware(debugging(app)),
}


@pytest.mark.parametrize("order", STACKS)
def test_a_debuggers_page_is_shown_and_never_stored(order: str) -> None:
    asker = Asker(STACKS[order](failing_first()))
    broken = asker.get(errors_stream=Log())
    assert broken.status_code == 500
    assert "LookupError: not yet" in broken.text
    assert not is_hit(broken)
    well = asker.get()
    assert well.text == "well again"
    assert "fwd=uri-miss; stored" in status(well)
    assert is_hit(asker.get())


@pytest.mark.parametrize("order", STACKS)
def test_a_debuggers_commands_are_answered_by_the_debugger(order: str) -> None:
    asker = Asker(STACKS[order](failing_first()))
    broken = asker.get(errors_stream=Log())
    secret = re.search(r'SECRET = "(\w+)"', broken.text)
    frame = re.search(r'id="frame-(\d+)"', broken.text)
    assert secret
    assert frame
    for number in range(2):
        command = {"__debugger__": "yes", "cmd": f"{number} + 40", "frm": frame[1], "s": secret[1]}
        answer = asker.get("/", query_string=command)
        assert f'<span class="number">{number + 40}</span>' in answer.text, answer.text
        again = asker.get("/", query_string=command)
        assert not is_hit(again)


def test_under_a_debugger_nothing_stale_hides_an_error() -> None:
    calls = itertools.count()

    @Request.application
    def app(request: Request) -> Response:
        if next(calls):
            raise LookupError("broken since")
        return Response("well", headers=FRESH)

    for policy, code in ((Policy(), 200), (Policy(debug=True), 500)):
        calls = itertools.count()
        clock = FakeClock()
        asker = Asker(debugging(CacheMiddleware(app, policy=policy, clock=clock)))
        asker.get()
        clock.advance(61)
        assert asker.get(errors_stream=Log()).status_code == code


class Log:
    """A wsgi.errors that the lint takes; what the debugger writes is not looked at."""

    def write(self, text: str) -> None: ...

    def writelines(self, lines: Iterable[str]) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


# ── WhiteNoise ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def static(tmp_path: Path) -> str:
    (tmp_path / "site.css").write_text("body { margin: 0 }\n" * 50)
    return str(tmp_path)


def test_white_noise_outside_answers_its_files_itself(static: str) -> None:
    asker = Asker(WhiteNoise(CacheMiddleware(page()), root=static, prefix="static/"))
    for _ in range(2):
        file = asker.get("/static/site.css")
        assert file.status_code == 200
        assert status(file) == ""
    assert asker.get("/static/absent.css").headers["X-Call"] == "1"
    assert is_hit(asker.get("/static/absent.css"))


def test_white_noise_inside_is_served_from_the_cache(static: str) -> None:
    bare = Asker(WhiteNoise(page(), root=static, prefix="static/"))
    asker = Asker(CacheMiddleware(WhiteNoise(page(), root=static, prefix="static/")))
    file = bare.get("/static/site.css")
    miss, hit = asker.get("/static/site.css"), asker.get("/static/site.css")
    assert status(miss) == "wsgicache; fwd=uri-miss; stored"
    assert is_hit(hit)
    assert hit.data == file.data
    assert hit.headers["ETag"] == file.headers["ETag"]
    part = asker.get("/static/site.css", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.data) == (206, file.data[5:10])
    tag = {"If-None-Match": file.headers["ETag"]}
    assert asker.get("/static/site.css", headers=tag).status_code == 304


# ── authentication ───────────────────────────────────────────────────────────────────────────────

USERS = ("alice", "bob")


def credentials(name: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:secret'.encode()).decode()}"}


def authenticating(app: App, *, by_cookie: bool = False) -> App:
    """Sets REMOTE_USER by Basic credentials or, as a single sign-on does, by a cookie."""

    def authenticated(environ: Environ, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        name = request.cookies.get("who") if by_cookie else None
        if name is None and request.authorization is not None:
            name = request.authorization.username
        if name is not None:
            environ["REMOTE_USER"] = name
        return app(environ, start_response)

    return authenticated


@Request.application
def greeting(request: Request) -> Response:
    fields = {"Cache-Control": "s-maxage=60"} if request.path == "/public" else FRESH
    name = "all" if request.path == "/public" else request.environ.get("REMOTE_USER", "nobody")
    return Response(f"hello {name}", headers=fields)


@pytest.mark.parametrize("by_cookie", [False, True], ids=["credentials", "cookie"])
@pytest.mark.parametrize("order", ["outside", "inside"])
def test_nobody_is_greeted_as_somebody_else(order: str, by_cookie: bool) -> None:
    if order == "outside":
        asker = Asker(authenticating(CacheMiddleware(greeting), by_cookie=by_cookie))
    else:
        asker = Asker(CacheMiddleware(authenticating(greeting, by_cookie=by_cookie)))
    for _ in range(3):
        for name in USERS:
            headers = {"Cookie": f"who={name}"} if by_cookie else credentials(name)
            assert asker.get("/mine", headers=headers).text == f"hello {name}"
            assert asker.get("/public", headers=headers).text == "hello all"
        assert not is_hit(asker.get("/mine", headers=headers))
    assert is_hit(asker.get("/public", headers=headers))


def guarding(app: App) -> App:
    """Lets in those who give credentials, and nobody else."""

    def guarded(environ: Environ, start_response: Any) -> Iterable[bytes]:
        if Request(environ).authorization is None:
            refusal = Response("who are you?", 401, {"WWW-Authenticate": "Basic"})
            return refusal(environ, start_response)
        return app(environ, start_response)

    return guarded


@pytest.mark.parametrize(("order", "let_in"), [("outside", 401), ("inside", 200)])
def test_only_outside_a_guard_stands_before_what_is_stored(order: str, let_in: int) -> None:
    guarded = guarding(CacheMiddleware(greeting))
    asker = Asker(guarded if order == "outside" else CacheMiddleware(guarding(greeting)))
    assert asker.get("/public", headers=credentials("alice")).status_code == 200
    assert asker.get("/public").status_code == let_in
    assert asker.get("/mine", headers=credentials("alice")).status_code == 200
    assert asker.get("/mine").status_code == 401


@pytest.mark.parametrize("key", ["REMOTE_USER", "AUTH_TYPE", "SSL_CLIENT_S_DN"])
def test_who_is_known_to_the_environ_alone_is_known_to_the_cache(key: str) -> None:
    @Request.application
    def app(request: Request) -> Response:
        return Response(f"hello {request.environ.get(key, 'nobody')}", headers=FRESH)

    asker = Asker(CacheMiddleware(app))
    for _ in range(2):
        for name in USERS:
            reply = asker.get(environ_overrides={key: name})
            assert reply.text == f"hello {name}"
        assert asker.get().text == "hello nobody"
    assert is_hit(asker.get())


# ── an inner middleware that changes the environ ─────────────────────────────────────────────────

CHANGES: dict[str, Callable[[Environ], object]] = {
    "takes-the-cookie": lambda environ: environ.pop("HTTP_COOKIE", None),
    "takes-the-credentials": lambda environ: environ.pop("HTTP_AUTHORIZATION", None),
    "takes-the-user": lambda environ: environ.pop("REMOTE_USER", None),
    "chooses-a-language": lambda environ: environ.update(HTTP_ACCEPT_LANGUAGE="en"),
    "moves-the-mount": lambda environ: environ.update(SCRIPT_NAME="/", PATH_INFO=""),
}


@pytest.mark.parametrize("vary", [None, "Cookie, Authorization, Accept-Language"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_what_an_inner_middleware_changes_is_not_what_was_asked(
    change: Callable[[Environ], object], vary: str | None
) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        told = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "REMOTE_USER", "HTTP_ACCEPT_LANGUAGE")
        body = " ".join(environ.get(key) or "-" for key in told).encode()
        change(environ)
        fields = [("Content-Type", "text/plain"), *FRESH.items()]
        start_response("200 OK", fields + ([("Vary", vary)] if vary else []))
        return [body]

    asker = Asker(CacheMiddleware(app))
    people: list[tuple[dict[str, Any], str]] = [
        ({"headers": {"Cookie": "who=alice"}}, "who=alice - - -"),
        ({"headers": {"Authorization": "alice"}}, "- alice - -"),
        ({"environ_overrides": {"REMOTE_USER": "alice"}}, "- - alice -"),
        ({}, "- - - -"),
        ({"headers": {"Cookie": "who=bob"}}, "who=bob - - -"),
    ]
    if vary:
        people.append(({"headers": {"Accept-Language": "de"}}, "- - - de"))
    for _ in range(2):
        for options, told in people:
            # Without Vary whoever has a cookie may get the page of those who have none.
            others = {"- - - -"} if vary is None and "Cookie" in str(options) else set()
            assert asker.get(**options).text in {told} | others
    assert is_hit(asker.get())


# ── two caches ───────────────────────────────────────────────────────────────────────────────────


def test_two_caches_one_behind_the_other() -> None:
    clock = FakeClock()
    inner = CacheMiddleware(page(), policy=Policy(name="inner"), clock=clock)
    outer = CacheMiddleware(inner, policy=Policy(name="outer"), clock=clock)
    asker, near = Asker(outer), Asker(inner)
    first = asker.get()
    assert status(first) == "inner; fwd=uri-miss; stored, outer; fwd=uri-miss; stored"
    clock.advance(10)
    second = asker.get()
    assert status(second) == "inner; fwd=uri-miss; stored, outer; hit; ttl=50"
    assert second.headers["Age"] == "10"
    assert second.headers["X-Call"] == "1"
    clock.advance(10)
    assert status(near.get()) == "inner; hit; ttl=40"
    # What the inner cache held for a while is that old in the outer one too (RFC 9111 §4.2.3).
    other = Asker(CacheMiddleware(inner, policy=Policy(name="outer"), clock=clock))
    assert status(other.get()) == "inner; hit; ttl=40, outer; fwd=uri-miss; stored"
    clock.advance(10)
    assert other.get().headers["Age"] == "30"
    assert status(other.get()).endswith("outer; hit; ttl=30")
    clock.advance(40)
    assert "fwd=stale" in status(asker.get())


def test_a_post_empties_two_caches() -> None:
    count = itertools.count()

    @Request.application
    def app(request: Request) -> Response:
        return Response(str(next(count)), headers=FRESH)

    inner = CacheMiddleware(app, policy=Policy(name="inner"))
    asker = Asker(CacheMiddleware(inner, policy=Policy(name="outer")))
    assert [asker.get().text for _ in range(2)] == ["0", "0"]
    done = "fwd=method; detail=invalidated"
    assert status(asker.post()) == f"inner; {done}, outer; {done}"
    assert [asker.get().text for _ in range(2)] == ["2", "2"]


# ── frameworks ───────────────────────────────────────────────────────────────────────────────────


def test_flasks_own_test_client_goes_through_the_cache() -> None:
    app = flask.Flask(__name__)
    app.secret_key = "for tests only"
    app.wsgi_app = CacheMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    calls = itertools.count(1)

    @app.get("/items")
    def items() -> tuple[str, dict[str, str]]:
        return str(next(calls)), PUBLIC

    @app.get("/me")
    def me() -> tuple[str, dict[str, str]]:
        flask.session.setdefault("visits", 0)
        flask.session["visits"] += 1
        return str(flask.session["visits"]), FRESH

    client = app.test_client()
    replies = [client.get("/items") for _ in range(3)]
    assert [reply.text for reply in replies] == ["1", "1", "1"]
    assert [is_hit(reply) for reply in replies] == [False, True, True]
    assert [client.get("/me").text for _ in range(3)] == ["1", "2", "3"]
    assert app.test_client().get("/me").text == "1"


SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
DJANGO: dict[str, list[str]] = {
    "bare": [],
    "conditional": ["django.middleware.http.ConditionalGetMiddleware"],
    "gzip": ["django.middleware.gzip.GZipMiddleware"],
    "its-own-cache": [
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
    ],
    "all": [
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.middleware.gzip.GZipMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        SESSIONS,
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
    ],
}
COOKIE_SESSIONS = {"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"}


@cache_control(public=True, max_age=60)
def django_items(request: HttpRequest) -> HttpResponse:
    return HttpResponse(TEXT)


def django_me(request: HttpRequest) -> HttpResponse:
    name = request.GET.get("name")
    if name is not None:
        request.session["name"] = name
    return HttpResponse(f"hello {request.session.get('name', 'nobody')}", headers=FRESH)


@pytest.mark.parametrize("middleware", DJANGO.values(), ids=list(DJANGO))
def test_djangos_own_middleware_beside_the_cache(middleware: list[str]) -> None:
    patterns = [route("items", django_items)]
    with django_site(patterns, middleware, **COOKIE_SESSIONS) as app:
        asker = Asker(CacheMiddleware(app))
        first, second = asker.get("/items"), asker.get("/items")
        assert first.text == second.text == TEXT
        assert status(first) == "wsgicache; fwd=uri-miss; stored"
        assert is_hit(second)
        tag = second.headers["ETag"]
        assert asker.get("/items", headers={"If-None-Match": tag}).status_code == 304
        packed = asker.get("/items", headers=GZIP)
        again = asker.get("/items", headers=GZIP)
        assert is_hit(again)
        assert again.data == packed.data
        assert (gzip.decompress(again.data) if "gzip" in str(middleware) else again.data) == (
            TEXT.encode()
        )


def test_the_frameworks_own_304_freshens_what_is_stored() -> None:
    clock = FakeClock()
    site = flask.Flask(__name__)

    @site.get("/items")
    def items() -> Response:
        response = flask.make_response(TEXT, PUBLIC)
        response.add_etag()
        return response.make_conditional(flask.request)

    conditional = "django.middleware.http.ConditionalGetMiddleware"
    with django_site([route("items", django_items)], [conditional]) as app:
        for framework in (site.wsgi_app, app):
            asker = Asker(CacheMiddleware(framework, clock=clock))
            asker.get("/items")
            clock.advance(61)
            reply = asker.get("/items")
            assert reply.text == TEXT
            assert status(reply).startswith("wsgicache; fwd=stale; fwd-status=304")
            assert is_hit(asker.get("/items"))


def test_djangos_sessions_keep_to_themselves_beside_its_own_cache() -> None:
    with django_site([route("me", django_me)], DJANGO["all"], **COOKIE_SESSIONS) as app:
        asker = Asker(CacheMiddleware(app))
        cookies = {}
        for name in USERS:
            logged_in = asker.get("/me", query_string={"name": name})
            cookies[name] = logged_in.headers["Set-Cookie"].partition(";")[0]
        for _ in range(3):
            for name, cookie in cookies.items():
                assert asker.get("/me", headers={"Cookie": cookie}).text == f"hello {name}"
            assert asker.get("/me").text == "hello nobody"


def test_bottle_in_a_cache() -> None:
    app = Bottle()
    calls = itertools.count(1)

    @app.get("/items")
    def items() -> Iterator[str]:
        bottle_response.set_header("Cache-Control", "public, max-age=60")
        yield str(next(calls))

    asker = Asker(CacheMiddleware(app))
    assert [asker.get("/items").text for _ in range(3)] == ["1", "1", "1"]
    assert is_hit(asker.get("/items"))
