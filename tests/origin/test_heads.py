"""A HEAD that the store does not answer: the app is asked as GET."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rules.messages import rows
from tests.scene import Environ, Reply, Scene, environ_for, exchange
from wsgicache import CacheMiddleware, Policy

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}


@pytest.mark.parametrize("body", ["page", [b"pa", b"ge"]], ids=["one piece", "two"])
@pytest.mark.parametrize("length", [True, False], ids=["length", "none"])
def test_a_head_fills_the_store(bare_scene: Scene, body: Any, length: bool) -> None:
    bare_scene.app(200, body, length=length, **FRESH)
    got = bare_scene.head("/", range="bytes=0-1", if_range='"a"')
    assert (got.code, got.body, got.cache_status) == (200, b"", "wsgicache; fwd=uri-miss; stored")
    (call,) = bare_scene.calls
    assert (call.method, call.header("Range"), call.header("If-Range")) == ("GET", None, None)
    assert bare_scene.head("/").hit
    assert (bare_scene.get("/").hit, bare_scene.get("/").text) == (True, "page")


def test_one_that_is_not_kept_is_not_read(scene: Scene) -> None:
    """Nor is one of which nobody knows how long it will be."""
    taken: list[bytes] = []

    def app(control: str) -> Callable[..., Iterator[bytes]]:
        def answer(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [("Content-Type", "a/b"), ("Cache-Control", control)])
            for chunk in (b"1", b"2", b"3"):
                taken.append(chunk)
                yield chunk

        return answer

    for control, detail in (("no-store", "no-store"), ("max-age=60", None)):
        taken.clear()
        scene.wsgi(app(control))
        got = scene.head("/")
        assert (got.code, got.body, got.detail) == (200, b"", detail)
        assert taken == [b"1"], "that is where it starts"
        assert not scene.get("/").hit


ODD: dict[str, Any] = {"content_type": "text/html", "content_length": "0", "etag": '"other"'}


@pytest.mark.parametrize("wish", [None, "no-cache"])
@pytest.mark.parametrize("seconds", [1, 61], ids=["fresh", "stale"])
def test_what_an_app_says_to_head_changes_nothing(
    make_scene: MakeScene, seconds: float, wish: str | None
) -> None:
    """Anybody may send one: the page neither takes its fields nor goes."""
    scene = make_scene(lint=False)

    def answer(environ: Environ) -> Reply:
        if environ["REQUEST_METHOD"] == "HEAD":
            return Reply(200, "", access_control_allow_origin="http://evil.example", **ODD, **FRESH)
        return Reply(200, "{}", content_type="application/json", **FRESH)

    scene.app(answer)
    scene.get("/")
    scene.after(seconds)
    head = scene.head("/", cache_control=wish)
    got = scene.get("/")
    assert (head.header("Content-Type"), head.body) == ("application/json", b"")
    assert (got.hit, got.text, got.header("Content-Type")) == (True, "{}", "application/json")
    assert "access-control-allow-origin" not in got.names


def test_a_head_validates(scene: Scene) -> None:
    scene.resource("page", **FRESH)
    scene.get("/")
    scene.after(61)
    got = scene.head("/", if_none_match='"v1"')
    assert (got.code, got.cache_status) == (304, "wsgicache; fwd=stale; fwd-status=304")
    assert scene.get("/").hit


@pytest.mark.parametrize("status", [405, 501])
def test_an_app_that_has_no_get_there_is_asked_as_it_came(
    make_scene: MakeScene, status: int
) -> None:
    def answer(environ: Environ) -> Reply:
        if environ["REQUEST_METHOD"] == "HEAD":
            return Reply(200, "", upload_offset="5")
        return Reply(status, "no")

    scene = make_scene(Policy(ignore_cookies=("_ga*",)))
    scene.app(answer)
    for cookie in (None, "_ga=1"):
        got = scene.head("/", cookie=cookie)
        assert (got.code, got.header("Upload-Offset"), got.starts) == (200, "5", 1)
        assert got.cache_status == "wsgicache; fwd=method; detail=method"
        assert scene.calls[-1].header("Cookie") == cookie


@pytest.mark.parametrize(
    ("policy", "headers"),
    rows(
        ("9111 as it came", Policy.rfc(), {}),
        ("§3.5 an answer for one client", Policy(), {"authorization": "x"}),
        ("§5.2.1.5 one that is not to be stored", Policy(), {"cache_control": "no-store"}),
        ("where HEAD is something else", Policy(), {"tus_resumable": "1.0.0"}),
    ),
)
def test_a_head_that_stays_one(
    make_scene: MakeScene, policy: Policy, headers: dict[str, str]
) -> None:
    scene = make_scene(policy)
    scene.app(200, "page", **FRESH)
    assert scene.head("/", **headers).code == 200
    assert [call.method for call in scene.calls] == ["HEAD"]


def test_what_breaks_after_the_head_breaks_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        fields = [("Content-Type", "a/b"), ("Content-Length", "4"), ("Cache-Control", "max-age=60")]
        start_response("200 OK", fields)
        yield b"pa"
        raise RuntimeError

    scene.wsgi(app)
    got = scene.head("/")
    assert (got.code, got.header("Content-Length")) == (200, "4")
    assert caplog.messages == ["the app raised in a body that was not sent"]
    scene.app(200, "page", **FRESH)
    assert not scene.get("/").hit


def test_write_sends_nothing(scene: Scene) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        fields = [("Content-Type", "a/b"), ("Content-Length", "4"), ("Cache-Control", "max-age=60")]
        start_response("200 OK", fields)(b"page")
        return []

    scene.wsgi(app)
    assert scene.head("/").body == b""
    assert (scene.get("/").hit, scene.get("/").text) == (True, "page")


def test_what_is_around_the_cache_sees_a_head() -> None:
    seen: list[str] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        environ["REMOTE_USER"] = "alice"
        seen.append(environ["REQUEST_METHOD"])
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("Content-Type", "a/b")])
        return [b"page"]

    environ = environ_for("HEAD")
    assert exchange(CacheMiddleware(app), environ).code == 200
    assert (seen, environ["REQUEST_METHOD"], environ["REMOTE_USER"]) == (["GET"], "HEAD", "alice")
