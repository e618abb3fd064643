"""A page that sets a cookie which was hidden from it is asked again with all cookies."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import flask
import pytest
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import path
from werkzeug.test import Client

from tests.bodies import WSGI
from tests.conftest import MakeScene
from tests.controls.declaring import with_routes
from tests.scene import Environ, Scene, environ_for
from tests.servers.in_process import django_site
from wsgicache import CacheMiddleware, Policy, Route

SHOP = Route("/shop/*", cookies=("currency",))
CLIENT = "sid=alice; currency=EUR"
FRESH = ("Cache-Control", "public, max-age=60")


def counting(kind: str = "list") -> WSGI:
    """An app that begins a session for whoever has none, and counts visits in it."""

    def page(environ: Environ, start_response: Any) -> tuple[bytes, Callable[[bytes], object]]:
        cookie = environ.get("HTTP_COOKIE", "")
        session = "alice" if "sid=alice" in cookie else "new"
        fields = [("Content-Type", "text/plain"), FRESH, ("Set-Cookie", f"sid={session}; Path=/")]
        return f"page of {session}".encode(), start_response("200 OK", fields)

    def at_once(environ: Environ, start_response: Any) -> Iterable[bytes]:
        return [page(environ, start_response)[0]]

    def lazily(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield page(environ, start_response)[0]

    def writing(environ: Environ, start_response: Any) -> Iterable[bytes]:
        content, write = page(environ, start_response)
        write(content[:4])
        return [content[4:]]

    def closing(environ: Environ, start_response: Any) -> Iterator[bytes]:
        content, write = page(environ, start_response)
        try:
            yield content[:4]
        finally:
            write(content[4:])

    return {"list": at_once, "lazy": lazily, "write()": writing, "close()": closing}[kind]


def shop(make_scene: MakeScene, by: str = "a route", policy: Policy | None = None) -> Scene:
    """A scene where the session is hidden from the pages of a shop."""
    if by == "a route":
        return with_routes(make_scene(policy, lint=False), SHOP)
    return make_scene(Policy(ignore_cookies=("s*",)), lint=False)


@pytest.mark.parametrize("by", ["a route", "the policy"])
@pytest.mark.parametrize("kind", ["list", "lazy", "write()", "close()"])
def test_it_is_asked_again_with_all_cookies(make_scene: MakeScene, kind: str, by: str) -> None:
    scene = shop(make_scene, by)
    scene.wsgi(counting(kind))
    got = scene.get("/shop/1", cookie=CLIENT)
    assert (got.text, got.lines("Set-Cookie")) == ("page of alice", ["sid=alice; Path=/"])
    assert got.cache_status == "wsgicache; fwd=uri-miss; detail=hidden-cookie"
    assert [call.header("Cookie") for call in scene.calls] == ["currency=EUR", CLIENT]
    assert not scene.get("/shop/1", cookie="currency=EUR").hit


def test_that_page_is_known_for_a_while(make_scene: MakeScene) -> None:
    scene = shop(make_scene)
    scene.wsgi(counting())
    for seconds, calls in ((0, 2), (0, 1), (119, 1), (2, 2), (0, 1)):
        scene.after(seconds)
        before = scene.count
        assert scene.get("/shop/1", cookie=CLIENT).text == "page of alice"
        assert scene.count - before == calls
    assert not scene.cache._flights._failed
    # … for who presents the cookie, and no other page.
    assert scene.get("/shop/1", cookie="currency=EUR").detail == "set-cookie"
    scene.app(200, "page", *[FRESH])
    assert scene.get("/shop/2", cookie=CLIENT).stored


@pytest.mark.parametrize(
    ("routes", "policy", "target", "where"),
    [
        ([SHOP], Policy(), "/shop/1", "Route('/shop/*', cookies=('currency',))"),
        (
            [Route("/shop/*", query=()), SHOP],
            Policy(),
            "/shop/1",
            "Route('/shop/*', cookies=('currency',))",
        ),
        ([], Policy(ignore_cookies=("s*",)), "/shop/1", "Policy(ignore_cookies=…)"),
        ([], Policy(only_cookies=("currency",)), "/shop/1", "Policy(only_cookies=…)"),
        (
            [SHOP, Route("*", cookies=(), odd_paths=True)],
            Policy(),
            "/shop//1",
            "Route('*', cookies=())",
        ),
    ],
    ids=[
        "a route",
        "one of two routes",
        "the policy",
        "the policy's only",
        "a route for odd paths",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_one_line_of_the_log_names_cookie_and_what_hides_it(
    make_scene: MakeScene,
    caplog: pytest.LogCaptureFixture,
    method: str,
    routes: list[Route],
    policy: Policy,
    target: str,
    where: str,
) -> None:
    scene = with_routes(make_scene(policy, lint=False), *routes)
    scene.wsgi(counting())
    for number in range(3):
        scene.request(method, f"{target}{number}", cookie=CLIENT)
    (line,) = (record.getMessage() for record in caplog.records)
    told = (
        f"'http://example.org{target}0' sets the cookie 'sid', which {where} hides from the app: "
    )
    assert line.startswith(told)


def test_the_second_call_finds_the_environ_as_the_first_did(make_scene: MakeScene) -> None:
    scene = shop(make_scene)
    app = counting()

    def writing(environ: Environ, start_response: Any) -> Iterable[bytes]:
        environ["app.calls"] = environ.get("app.calls", 0) + 1
        environ["PATH_INFO"] += "/shifted"
        return app(environ, start_response)

    scene.wsgi(writing)
    environ = environ_for(target="/shop/1", headers=[("Cookie", CLIENT)])
    outside = dict(environ)
    assert scene.send(outside).text == "page of alice"
    assert outside == {**environ, "PATH_INFO": "/shop/1/shifted", "app.calls": 1}


def test_what_is_stored_stays(make_scene: MakeScene) -> None:
    """What the page says to one client is not about what others get."""
    scene = shop(make_scene)
    scene.app(200, "page", FRESH, vary="Cookie")
    assert scene.get("/shop/1").stored
    for cookie in ("sid=alice", "sid=bob; theme=dark"):
        assert scene.get("/shop/1", cookie=cookie).text == "page"
    scene.app(200, "other", FRESH, set_cookie="sid=2")
    scene.after(1)
    assert scene.get("/shop/1", cookie="sid=alice", cache_control="no-cache").text == "other"
    assert scene.get("/shop/1", cookie="sid=alice").text == "page"


@pytest.mark.parametrize(
    ("code", "asks", "text"),
    [
        pytest.param(304, 2, "all of it", id="a 304 that sets it"),
        pytest.param(200, 2, "all of it", id="a new page"),
        pytest.param(500, 1, "page", id="an error for which a stale page stands in"),
        pytest.param(404, 2, "all of it", id="an error"),
    ],
)
def test_of_what_is_stored(make_scene: MakeScene, code: int, asks: int, text: str) -> None:
    scene = shop(make_scene)
    stale = "public, max-age=1, stale-if-error=60"
    scene.app(200, "page", etag='"1"', cache_control=stale)
    assert scene.get("/shop/1", cookie=CLIENT).stored
    scene.after(5)
    calls = 0

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        nonlocal calls
        calls += 1
        status = f"{code if calls == 1 else 200} Status"
        set_cookie = ("Set-Cookie", "sid=; Max-Age=0")
        start_response(status, [("ETag", '"1"'), ("Content-Type", "text/plain"), set_cookie])
        return [] if code == 304 and calls == 1 else [b"all of it"]

    scene.wsgi(app)
    got = scene.get("/shop/1", cookie=CLIENT)
    assert (got.text, calls) == (text, asks)
    assert got.lines("Set-Cookie") == (["sid=; Max-Age=0"] if asks == 2 else [])


def test_a_cookie_that_the_page_sees_is_none_of_the_hidden(make_scene: MakeScene) -> None:
    scene = shop(make_scene)
    scene.app(200, "page", FRESH, set_cookie="currency=USD")
    assert scene.get("/shop/1", cookie=CLIENT).detail == "set-cookie"
    assert scene.count == 1


def test_what_is_written_and_sets_no_cookie_is_kept(make_scene: MakeScene) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), FRESH])(b"pa")
        return [b"ge"]

    scene = shop(make_scene)
    scene.wsgi(app)
    for hit in (False, True):
        got = scene.get("/shop/1", cookie=CLIENT)
        assert (got.text, got.hit) == ("page", hit)


@pytest.mark.parametrize(
    ("policy", "method", "sent"),
    [
        (Policy(ignore_cookies=("s*",)), "POST", {}),
        (Policy.rfc(ignore_cookies=("s*",)), "POST", {}),
        (Policy(ignore_cookies=("s*",)), "PUT", {}),
        (Policy(), "GET", {"content_length": "3"}),
        (Policy(), "GET", {"if_match": '"1"'}),
    ],
    ids=["POST", "POST that may be stored", "PUT", "GET with a body", "a precondition"],
)
def test_what_is_asked_once_sees_all_cookies(
    make_scene: MakeScene, policy: Policy, method: str, sent: dict[str, Any]
) -> None:
    scene = shop(make_scene, policy=policy)
    scene.wsgi(counting())
    for _ in range(2):
        assert scene.request(method, "/shop/1", cookie=CLIENT, **sent).text == "page of alice"
    assert scene.count == 2


def test_what_has_read_its_content_is_not_asked_again(make_scene: MakeScene) -> None:
    scene = shop(make_scene)
    app = counting()

    def reading(environ: Environ, start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        return app(environ, start_response)

    scene.wsgi(reading)
    sent = {"wsgi.input": io.BytesIO(b"content"), "wsgi.input_terminated": True}
    sent["SERVER_PROTOCOL"] = "HTTP/2"
    got = scene.get("/shop/1", cookie=CLIENT, environ=sent)
    assert (got.text, got.detail, scene.count) == ("page of new", "body", 1)


# ── frameworks ───────────────────────────────────────────────────────────────────────────────────


def test_a_flask_session_outlives_a_page_that_writes_it() -> None:
    app = flask.Flask(__name__)
    app.secret_key = "for tests only"

    @app.post("/login")
    def login() -> str:
        flask.session["name"] = "alice"
        return "welcome"

    @app.get("/shop/cart")
    def cart() -> Any:
        flask.session["seen"] = flask.session.get("seen", 0) + 1
        return f"{flask.session.get('name')} {flask.session['seen']}", dict([FRESH])

    alice = Client(CacheMiddleware(app, routes=[SHOP]))
    alice.post("/login")
    assert [alice.get("/shop/cart").text for _ in range(3)] == ["alice 1", "alice 2", "alice 3"]


def test_djangos_token_against_forgery_is_not_rotated() -> None:
    def form(request: HttpRequest) -> HttpResponse:
        return HttpResponse(get_token(request), headers=dict([FRESH]))

    def sent(request: HttpRequest) -> HttpResponse:
        return HttpResponse("taken")

    csrf = "django.middleware.csrf.CsrfViewMiddleware"
    with django_site([path("shop/form", form), path("send", sent)], [csrf]) as site:
        client = Client(CacheMiddleware(site, routes=[SHOP]))
        one, other = (client.get("/shop/form").text for _ in range(2))
        for token in (one, other):
            assert client.post("/send", data={"csrfmiddlewaretoken": token}).text == "taken"
