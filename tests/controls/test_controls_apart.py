"""What a view says, it says of its own response and of nobody else's."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from tests.conftest import MakeScene
from tests.controls.declaring import NEVER, StartResponse, view
from tests.controls.test_controls import ShortWhenSmall
from tests.rig.gates import together
from tests.scene import Environ, Scene, environ_for, exchange
from wsgicache import (
    CacheMiddleware,
    Control,
    Controls,
    Policy,
    cache_control,
    cache_for,
    cache_groups,
    cached,
    current,
    no_cache,
    vary,
)

# ── Nobody else's response ───────────────────────────────────────────────────────────────────────


def test_without_a_cache_nothing_happens() -> None:
    app = view(None, no_cache, cache_for(minutes=1), vary("Accept"), cache_groups("a"))
    got = exchange(app, environ_for())
    assert {name.lower() for name, _ in got.headers} == {"content-type", "content-length"}


def test_outside_of_any_request_nothing_is_raised() -> None:
    @no_cache
    def function(number: int, *, more: str) -> str:
        current().say(cache_for(minutes=1))
        return more * number

    assert function(2, more="x") == "xx"
    assert current().said == ()


WRONG: dict[str, Callable[[], object]] = {
    "an empty name": lambda: current().say(cache_groups("")),
    "a past time": lambda: current().say(cache_for(seconds=-1)),
    "a text": lambda: current().say(cache_control(max_age=cast(Any, "5"))),
    "nothing": lambda: current().say(cached()),
    "no field": lambda: current().say(vary("a b")),
    "no control": lambda: current().say(cast(Any, 5)),
    "another class": lambda: current().say(cast(Any, cache_for)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_a_view_says_wrong_is_logged_and_not_stored(
    scene: Scene, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        WRONG[wrong]()
        fields = [("Content-Type", "text/plain"), ("Cache-Control", "public, max-age=60")]
        start_response("200 OK", fields)
        return [b"x"]

    scene.wsgi(app)
    got = scene.get()
    assert (got.code, got.text, got.detail) == (200, "x", "no-store")
    assert "nothing is stored" in caplog.text
    with pytest.raises((TypeError, ValueError)):
        WRONG[wrong]()


def test_a_module_that_a_request_imports_raises_at_once(scene: Scene) -> None:
    """As Django imports its views at the first request."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        with pytest.raises(ValueError, match="seconds=-1"):
            exec("cache_for(seconds=-1)", {"cache_for": cache_for})
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    scene.wsgi(app)
    assert scene.get().text == "x"


def test_after_the_call_nothing_is_left(scene: Scene) -> None:
    seen: list[Any] = []

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        seen.append((environ["wsgicache.controls"], current()))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    scene.wsgi(app)
    for method in ("GET", "POST"):
        environ = environ_for(method)
        exchange(scene.front, environ)
        in_environ, in_context = seen.pop()
        assert in_environ is in_context
        assert isinstance(in_environ, Controls)
        assert current() is not in_context
        assert "wsgicache.controls" not in environ


def test_an_app_that_raises_leaves_nothing_either(scene: Scene) -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        current().say(no_cache)
        raise RuntimeError("on purpose")

    scene.wsgi(app)
    for method in ("GET", "POST"):
        environ = environ_for(method)
        with pytest.raises(RuntimeError, match="on purpose"):
            exchange(scene.front, environ)
        assert current().said == ()
        assert "wsgicache.controls" not in environ


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_lazy_app_is_heard(scene: Scene, method: str) -> None:
    """It begins when its first chunk is asked for."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        current().say(cache_control(max_age=7))
        environ["wsgicache.controls"].say(vary("Accept"))
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        yield b"b"

    scene.wsgi(app)
    got = scene.request(method)
    assert (got.header("Cache-Control"), got.header("Vary"), got.text) == (
        "max-age=7",
        "Accept",
        "ab",
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_lazy_app_that_raises_before_it_starts_is_closed(scene: Scene, method: str) -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            raise RuntimeError("on purpose")

        def close(self) -> None:
            closed.append(True)

    bare = CacheMiddleware(lambda environ, start_response: Body())
    with pytest.raises(RuntimeError, match="on purpose"):
        exchange(bare, environ_for(method))
    assert closed == [True]


@pytest.mark.parametrize("by", ["environ", "context"])
@pytest.mark.parametrize(
    ("late", "kept"), [(no_cache, False), (ShortWhenSmall(), False), (cache_for(days=9), True)]
)
def test_what_is_said_late_is_heard_where_it_forbids(
    scene: Scene, by: str, late: Control, kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
        yield b"a"
        (current() if by == "context" else environ["wsgicache.controls"]).say(late)
        yield b"b"

    scene.wsgi(app)
    first = scene.get()
    assert (first.text, first.header("Cache-Control")) == ("ab", "max-age=60")
    assert "after the response had begun" in caplog.text
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert scene.get().hit == kept


def test_what_is_said_late_drops_what_was_kept_before_its_end(scene: Scene) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        fields = [("Content-Type", "text/plain"), ("Content-Length", "2")]
        start_response("200 OK", [*fields, ("Cache-Control", "max-age=60")])
        yield b"a"
        yield b"b"
        current().say(no_cache)

    scene.wsgi(app)
    assert scene.get().text == "ab"
    assert not scene.get().hit


def test_a_late_word_where_nothing_is_stored(scene: Scene) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        current().say(no_cache)
        yield b"b"

    scene.wsgi(app)
    assert scene.get().text == "ab"
    assert scene.post().text == "ab"


@pytest.mark.parametrize("how", ["environ", "decorated", "context"])
def test_a_view_in_another_thread(scene: Scene, how: str) -> None:
    """The environ goes along; the context only where somebody copies it."""

    @cache_control(max_age=7)
    def decorated(environ: Environ) -> None:
        pass

    def work(environ: Environ) -> None:
        if how == "decorated":
            decorated(environ)
        elif how == "environ":
            environ["wsgicache.controls"].say(cache_control(max_age=7))
        else:
            current().say(cache_control(max_age=7))

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        context = contextvars.copy_context() if how == "context" else contextvars.Context()
        thread = threading.Thread(target=context.run, args=(work, environ))
        thread.start()
        thread.join()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    scene.wsgi(app)
    assert scene.get().header("Cache-Control") == "max-age=7"


def test_two_caches_stacked_each_hear_their_own(make_scene: MakeScene) -> None:
    """The inner one turns what the view says into fields; the outer one reads those."""
    scene = make_scene(Policy(name="outer"))
    heard: list[Controls] = []

    @cached(client=5, server=60)
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        heard.append(current())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    inner = CacheMiddleware(app, clock=scene.clock, policy=Policy(name="inner"))

    @vary("Accept")
    def between(environ: Environ, start_response: StartResponse) -> Any:
        mine = environ["wsgicache.controls"]
        body = inner(environ, start_response)
        assert environ["wsgicache.controls"] is mine is current()
        return body

    scene.wsgi(between)
    got = scene.get()
    assert (got.header("Cache-Control"), got.header("Vary")) == ("max-age=5", "Accept")
    scene.after(6)
    assert scene.get().header("Cache-Status") == "inner; hit; ttl=54, outer; fwd=stale; stored"
    assert len(heard) == 1
    assert [str(control) for control in heard[0].said] == ["cached(client=5, server=60)"]


@pytest.mark.parametrize("behind", ["its own cache", "no cache"])
def test_a_request_inside_of_a_request(scene: Scene, behind: str) -> None:
    """What the inner view allows is not said of the outer one's response."""
    inner: Any = view(None, cache_for(days=1), cache_groups("inner"))
    if behind == "its own cache":
        inner = CacheMiddleware(inner)

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        assert exchange(inner, environ_for(target="/inner")).code == 200
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    scene.wsgi(cache_control(max_age=7)(app))
    got = scene.get()
    assert (got.header("Cache-Control"), got.header("Cache-Groups")) == ("max-age=7", None)


def test_what_an_uncached_inner_view_forbids_is_heard(scene: Scene) -> None:
    inner = view(None, no_cache)

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        exchange(inner, environ_for(target="/inner"))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    scene.wsgi(cache_control(max_age=7)(app))
    assert scene.get().header("Cache-Control") == NEVER["Cache-Control"]


def test_concurrent_requests_do_not_hear_each_other(scene: Scene) -> None:
    """All views are inside at the same time before any of them answers."""
    count = 8
    barrier = threading.Barrier(count, timeout=30)

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        number = int(environ["QUERY_STRING"])
        current().say(cache_control(max_age=number))
        barrier.wait()
        current().say(cache_groups(f"g{number}"))
        barrier.wait()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    cache = CacheMiddleware(app)
    got: dict[int, Any] = {}

    def ask(number: int) -> None:
        got[number] = exchange(cache, environ_for(target=f"/?{number}"))

    together(count, ask)
    for number in range(count):
        assert got[number].lines("Cache-Control") == [f"max-age={number}"]
        assert got[number].lines("Cache-Groups") == [f'"g{number}"']


@pytest.mark.parametrize(
    "forged",
    [
        {"wsgicache_cache_control": "max-age=60"},
        {"wsgicache_controls": "max-age=60"},
        {"cdn_cache_control": "max-age=60"},
        {"surrogate_control": "max-age=60"},
        {"cache_groups": '"a"'},
        {"vary": "*"},
    ],
    ids=str,
)
def test_a_request_says_nothing_of_the_response(scene: Scene, forged: Any) -> None:
    scene.app(200, "x")
    got = scene.get(**forged)
    assert got.detail == "freshness"
    assert got.names.isdisjoint({"cache-control", "wsgicache-cache-control", "vary"})
    assert not scene.get(**forged).hit


def test_a_broken_word_to_us_is_ignored_and_does_not_leave(scene: Scene) -> None:
    scene.app(200, "x", cache_control="max-age=9", wsgicache_cache_control="max-age='60'")
    got = scene.get()
    assert got.header("Wsgicache-Cache-Control") is None
    assert scene.get().verdict["ttl"] == 9


def test_vary_on_cookie_keeps_users_apart(scene: Scene) -> None:
    def page(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ.get("HTTP_COOKIE", "nobody").encode()]

    scene.wsgi(vary("Cookie")(cache_for(minutes=5)(page)))
    for _ in range(2):
        for user in ("user=alice", "user=bob", "user=alice; x=1", "USER=alice"):
            assert scene.get(cookie=user).text == user
    assert scene.count == 4
    assert scene.get().text == "nobody"


def test_without_words_for_all_an_answer_to_cookies_is_ones_own(scene: Scene) -> None:
    """What is said to this cache alone is a word for all (as `public` is)."""
    scene.wsgi(view(None, cache_for(minutes=5)))
    assert scene.get("/a", cookie="x=1").detail == "cookie"
    scene.wsgi(view(None, cached(client=5, server=5)))
    assert scene.get("/b", cookie="x=1").stored
    scene.wsgi(view(None, cached(client=5, public=True)))
    assert scene.get("/c", cookie="x=1").stored


@pytest.mark.parametrize("public", [True, False])
def test_a_server_lifetime_releases_to_credentials(scene: Scene, public: bool) -> None:
    scene.wsgi(view(None, cached(server=60, public=public)))
    scene.get()
    assert scene.get(authorization="Basic QTpC").hit


def test_without_a_field_of_its_own_this_cache_is_told_with_all_shared_ones(
    make_scene: MakeScene,
) -> None:
    scene = make_scene(Policy(targets=()))
    scene.wsgi(view(None, cached(client=60, server=0)))
    assert scene.get().header("Cache-Control") == "private, max-age=60"
    assert not scene.get().hit
    scene.wsgi(view(None, cached(client=60, server=600)))
    assert scene.get("/other").stored
    assert scene.get("/other").verdict["ttl"] == 60
