"""The contract of PEP 3333, row by row: what the server and the app may rely on."""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
import threading
import wsgiref.util
import wsgiref.validate
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bodies import FRESH, STREAM, WSGI, Tracked, giving
from tests.conftest import MakeScene
from tests.scene import Environ, Scene, environ_for, exchange
from wsgicache import CacheMiddleware, Policy, Route, cache_for, no_cache

# ── write() ──────────────────────────────────────────────────────────────────────────────────────


def writing(headers: list[tuple[str, str]], late: bool = False) -> WSGI:
    def eager(environ: Environ, start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", list(headers))
        write(b"a")
        write(b"")
        write(b"b")
        return [b"c", b"d"]

    def lazy(environ: Environ, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", list(headers))
        write(b"a")
        yield b"b"
        write(b"c")
        yield b"d"

    return lazy if late else eager


@pytest.mark.parametrize("late", [False, True], ids=["before the body", "among the body"])
@pytest.mark.parametrize("headers", [FRESH, STREAM], ids=["stored", "not stored"])
@pytest.mark.parametrize("length", [True, False], ids=["length", "no length"])
def test_what_is_written(
    scene: Scene, headers: list[tuple[str, str]], late: bool, length: bool
) -> None:
    size = [("Content-Length", "4")] if length else []
    scene.wsgi(writing([*headers, *size], late))
    assert scene.get("/").text == "abcd"
    got = scene.get("/")
    assert got.text == "abcd"
    if headers is STREAM:
        assert not got.hit


def test_write_and_an_empty_body(scene: Scene) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(FRESH))(b"all")
        return []

    scene.wsgi(app)
    for _ in range(2):
        assert scene.get("/").text == "all"


def test_write_on_other_methods(scene: Scene) -> None:
    scene.wsgi(writing(STREAM))
    assert scene.post("/").text == "abcd"


class Late(list[bytes]):
    """A body whose close() writes, as servers accept it."""

    write: Any

    def close(self) -> None:
        self.write(b"late")


def writing_late(where: str, headers: list[tuple[str, str]]) -> WSGI:
    """An app that first writes when its head is out."""

    def start(start_response: Any) -> Any:
        return start_response("200 OK", list(headers))

    def eager(environ: Environ, start_response: Any) -> Iterable[bytes]:
        write = start(start_response)

        def rest() -> Iterator[bytes]:
            try:
                yield b"pa"
                yield b"ge"
                if where == "generator":
                    write(b"late")
            finally:
                if where == "close":
                    write(b"late")

        return rest()

    def lazy(environ: Environ, start_response: Any) -> Iterator[bytes]:
        write = start(start_response)
        yield b"page"
        write(b"late")

    def at_once(environ: Environ, start_response: Any) -> Iterable[bytes]:
        body = Late([b"page"] if where == "list" else [b"pa", b"ge"])
        body.write = start(start_response)
        return body

    return {"lazy": lazy, "list": at_once, "pieces": at_once}.get(where, eager)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("where", ["generator", "close", "lazy", "list", "pieces"])
@pytest.mark.parametrize("size", [None, 4, 8])
@pytest.mark.parametrize("headers", [FRESH, STREAM], ids=["stored", "not stored"])
def test_what_is_written_late_follows_the_head(
    bare_scene: Scene, headers: list[tuple[str, str]], size: int | None, where: str, method: str
) -> None:
    length = [] if size is None else [("Content-Length", str(size))]
    bare_scene.wsgi(writing_late(where, [*headers, *length]))
    for _ in range(3):
        got = bare_scene.request(method, "/")
        assert (got.text, got.starts) == ("pagelate", 1)


def test_what_a_body_writes_that_is_not_sent_goes_nowhere(bare_scene: Scene) -> None:
    bare_scene.resource("page", cache_control="max-age=1")
    bare_scene.get("/")
    bare_scene.after(5)
    unmodified = writing_late("list", [("ETag", '"v1"')])

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Any) -> Any:
            return start_response("304 Not Modified", headers)

        return unmodified(environ, start)

    bare_scene.wsgi(app)
    assert bare_scene.get("/").text == "page"


def test_nor_what_one_writes_whose_head_was_refused(
    bare_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def refusing(*start: Any) -> Any:
        raise OSError("client is gone")

    bare_scene.wsgi(writing_late("list", list(FRESH)))
    with pytest.raises(OSError, match="client is gone"):
        bare_scene.front(environ_for(), refusing)
    assert caplog.records == []


def test_write_then_an_exception(bare_scene: Scene) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(FRESH))(b"a")
        raise RuntimeError("boom")

    bare_scene.app(200, "old", cache_control="max-age=1")
    bare_scene.get("/")
    bare_scene.after(5)
    bare_scene.wsgi(app)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="boom"):
            bare_scene.get("/")
    assert bare_scene.count == 3


@pytest.mark.parametrize("status", ["500 Internal Server Error", "304 Not Modified"])
def test_what_is_written_goes_nowhere_where_a_stored_page_answers(
    bare_scene: Scene, status: str
) -> None:
    bare_scene.app(200, "page", etag='"1"', cache_control="max-age=1, stale-if-error=60")
    bare_scene.get("/")
    bare_scene.after(5)

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response(status, [("ETag", '"1"')])(b"error")
        return []

    bare_scene.wsgi(app)
    got = bare_scene.get("/")
    assert (got.code, got.text, bare_scene.count) == (200, "page", 2)


# ── start_response ───────────────────────────────────────────────────────────────────────────────


def start_twice(where: str, cause: type[BaseException] = ValueError, headers: Any = FRESH) -> WSGI:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        if where == "lazy":
            yield b""
        start_response("200 OK", [*headers, ("X-Try", "1")])
        if where == "empty":
            yield b""
        if where == "after":
            yield b"half"
        try:
            raise cause("broken")
        except cause:
            start_response(
                "500 Internal Server Error",
                [("Content-Type", "text/plain"), ("X-Try", "2")],
                sys.exc_info(),
            )
        yield b"error page"

    return app


def eager_start_twice(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [*FRESH, ("X-Try", "1")])
    try:
        raise ValueError("broken")
    except ValueError:
        start_response("500 Internal Server Error", [("X-Try", "2")], sys.exc_info())
    return [b"error page"]


@pytest.mark.parametrize(
    "app",
    [start_twice("before"), start_twice("lazy"), start_twice("empty"), eager_start_twice],
    ids=["generator", "after an empty chunk", "before an empty chunk", "eager"],
)
def test_an_error_before_the_first_byte_replaces_the_head(bare_scene: Scene, app: WSGI) -> None:
    bare_scene.wsgi(app)
    for _ in range(2):
        got = bare_scene.get("/")
        assert (got.code, got.text, got.lines("X-Try")) == (500, "error page", ["2"])
    assert bare_scene.count == 2


def test_an_error_after_the_first_byte_is_raised(bare_scene: Scene) -> None:
    bare_scene.wsgi(start_twice("after"))
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            bare_scene.get("/")
    assert bare_scene.count == 2


def test_an_error_on_a_write_through(bare_scene: Scene) -> None:
    bare_scene.app(200, "page", cache_control="max-age=60")
    bare_scene.get("/")
    bare_scene.wsgi(start_twice("before"))
    got = bare_scene.post("/")
    assert (got.code, got.lines("X-Try")) == (500, ["2"])


def test_a_second_start_without_exc_info(bare_scene: Scene) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(FRESH))
        start_response("200 OK", list(FRESH))
        return [b"x"]

    bare_scene.wsgi(app)
    for method in ("GET", "POST"):
        with pytest.raises(AssertionError):
            bare_scene.request(method, "/")
    bare_scene.app(200, "page")
    assert bare_scene.get("/").text == "page"


def test_a_lazy_app_starts_with_its_first_chunk(scene: Scene) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", list(FRESH))
        yield b"lazy"

    scene.wsgi(app)
    for hit in (False, True):
        got = scene.get("/")
        assert (got.hit, got.text) == (hit, "lazy")
    assert scene.post("/").text == "lazy"


def test_started_after_an_empty_chunk(bare_scene: Scene) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield b""
        yield b""
        start_response("200 OK", list(FRESH))
        yield b"late"

    bare_scene.wsgi(app)
    for hit in (False, True):
        heads: list[Any] = []

        def start(*head: Any, heads: list[Any] = heads) -> Any:
            heads.append(head)
            return lambda data: None

        body = bare_scene.front(environ_for(), start)
        chunks = list(body)
        getattr(body, "close", lambda: None)()
        assert (chunks[-1], heads[0][0]) == (b"late", "200 OK")
        assert (bare_scene.count == 1) or not hit


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("body", [[], [b""]], ids=["empty", "an empty chunk"])
def test_an_app_that_never_starts(bare_scene: Scene, method: str, body: list[bytes]) -> None:
    """As without a cache: the server finds out."""
    bare_scene.wsgi(lambda environ, start_response: body)
    for _ in range(2):
        with pytest.raises(AssertionError):
            bare_scene.request(method, "/")


def raising(where: str, error: BaseException) -> WSGI:
    class Closing(Tracked):
        def close(self) -> None:
            super().close()
            raise error

    def app(environ: Environ, start_response: Any) -> Any:
        if where == "before":
            raise error
        start_response("200 OK", list(FRESH))
        if where == "after start":
            raise error
        if where == "close":
            return Closing([b"a", b"b"])
        return Tracked([b"a"] if where == "body" else [], error)

    return app


ERRORS = [RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError]


@pytest.mark.parametrize("where", ["before", "after start", "first chunk", "body", "close"])
@pytest.mark.parametrize("kind", ERRORS)
def test_an_exception_leaves_as_it_is(
    bare_scene: Scene, kind: type[BaseException], where: str
) -> None:
    error = kind("boom")
    bare_scene.wsgi(raising(where, error))
    for method in ("GET", "POST"):
        with pytest.raises(kind) as caught:
            bare_scene.request(method, "/")
        assert caught.value is error
        frames = []
        trace = caught.value.__traceback__
        while trace:
            frames.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        assert frames[-1] in ("app", "__iter__", "close")
    if where != "close":  # a body that was complete may be kept
        bare_scene.app(200, "whole", cache_control="max-age=60")
        got = bare_scene.get("/")
        assert (got.hit, got.text) == (False, "whole")


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_no_stale_answer_for_what_is_no_exception(
    bare_scene: Scene, kind: type[BaseException]
) -> None:
    bare_scene.app(200, "old", cache_control="max-age=60, stale-if-error=600")
    bare_scene.get("/")
    bare_scene.after(61)
    bare_scene.wsgi(raising("before", kind("stop")))
    with pytest.raises(kind):
        bare_scene.get("/")


@pytest.mark.parametrize("where", ["before", "after start", "first chunk"])
def test_no_byte_was_sent_so_a_stale_answer_may_stand_in(bare_scene: Scene, where: str) -> None:
    """A lazy app that dies at its first chunk has said nothing yet; the head waits for it."""
    bare_scene.app(200, "old", cache_control="max-age=60")
    bare_scene.get("/")
    bare_scene.after(61)
    if where == "first chunk":

        def dying(environ: Environ, start_response: Any) -> Iterator[bytes]:
            yield bytes(1 // 0)

        bare_scene.wsgi(dying)
    else:
        bare_scene.wsgi(raising(where, RuntimeError("boom")))
    got = bare_scene.get("/")
    assert (got.text, got.cache_status) == ("old", "wsgicache; fwd=stale; detail=raised")


def test_bytes_were_sent_so_nothing_stands_in(bare_scene: Scene) -> None:
    bare_scene.app(200, "old", cache_control="max-age=60")
    bare_scene.get("/")
    bare_scene.after(61)
    bare_scene.wsgi(raising("body", RuntimeError("boom")))
    with pytest.raises(RuntimeError, match="boom"):
        bare_scene.get("/")


# ── incomplete and odd ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [True, False], ids=["length", "no length"])
@pytest.mark.parametrize("cut", range(12))
def test_a_client_that_hangs_up_leaves_no_half_page(
    bare_scene: Scene, cut: int, length: bool
) -> None:
    scene = bare_scene  # the lint minds the missing bytes
    whole = [b"%d" % n for n in range(10)]
    scene.app(200, whole, cache_control="max-age=60", length=length)
    scene.get("/", take=cut)
    got = scene.get("/")
    assert got.body == b"".join(whole)
    if cut < 10:
        assert not got.hit
    if cut > 10:
        assert got.hit


@pytest.mark.parametrize("end", ["short", "long"])
@pytest.mark.parametrize("shape", ["one", "many", "generator"])
def test_a_body_that_differs_from_its_length_is_not_stored(
    bare_scene: Scene, end: str, shape: str
) -> None:
    size = 5 if end == "short" else 3
    bodies: dict[str, Any] = {
        "one": lambda: [b"abcd"],
        "many": lambda: [b"ab", b"cd"],
        "generator": lambda: (c for c in (b"abc", b"d")),
    }
    bare_scene.wsgi(giving(bodies[shape], [*FRESH, ("Content-Length", str(size))]))
    for _ in range(2):
        got = bare_scene.get("/")
        assert (got.text, got.hit) == ("abcd", False)
    assert bare_scene.count == 2


ODD_STATUS = [
    "200", "200OK", "99 Low", "1000 High", "abc", "", "20x Odd", "\u0662\u0660\u0660 OK", "-20 X",
    "2 00", " 200 OK", "200\tOK", "+20 OK", "2_0 OK", "200 \u00e9t\u00e9", "200 ",
]  # fmt: skip


@pytest.mark.parametrize("status", ODD_STATUS)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_an_odd_status_passes_through(bare_scene: Scene, method: str, status: str) -> None:
    bare_scene.wsgi(giving(lambda: [b"page"], FRESH, status))
    for _ in range(2):
        got = bare_scene.request(method, "/")
        assert (got.status, got.body) == (status, b"" if method == "HEAD" else b"page")
    if not status.startswith(("200 ", "200\t")) and status != "200":
        assert bare_scene.count == 2


@pytest.mark.parametrize(
    "headers",
    [
        tuple(FRESH),
        [("Cache-Control", "max-age=60"), ["X-List", "pair"]],
        [("Cache-Control", "max-age=60"), ("X-Tab", "a\tb")],
        [("Cache-Control", "max-age=60"), ("1x", "digit")],
        [("Cache-Control", "max-age=60"), ("X-", "dash")],
        [("Cache-Control", "max-age=60"), ("X_", "underscore")],
        [("Cache-Control", "max-age=60"), ("", "empty")],
    ],
    ids=["tuple", "list pair", "tab", "digit", "dash", "underscore", "no name"],
)
def test_odd_headers_pass_through(bare_scene: Scene, headers: Any) -> None:
    bare_scene.wsgi(giving(lambda: [b"page"], []))

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return [b"page"]

    bare_scene.wsgi(app)
    for _ in range(2):
        got = bare_scene.get("/")
        assert (got.status, got.text) == ("200 OK", "page")
        sent = [tuple(line) for line in headers]
        assert [tuple(line) for line in got.headers if tuple(line) in sent] == sent


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [("Cache-Control",)],
        [("Cache-Control", "max-age=60", "x")],
        [("Cache-Control", None)],
        [(b"Cache-Control", b"max-age=60")],
        [("Cache-Control", 60)],
        [None],
        ["Cache-Control: max-age=60"],
        [("Content-Length", 4)],
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_headers_that_are_none_are_the_servers_to_refuse(method: str, headers: Any) -> None:
    """They arrive as the app sent them: the server decides, as it would without a cache."""
    seen: list[Any] = []

    def server(status: str, sent: Any, exc_info: Any = None) -> Any:
        seen.append(sent)
        return lambda data: None

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return [b"page"]

    cache = CacheMiddleware(app)
    for _ in range(2):
        body = cache(environ_for(method), server)
        assert b"".join(body) == (b"" if method == "HEAD" else b"page")
    for sent in seen:
        assert sent is headers or list(sent)[: len(headers)] == headers


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "205 Reset Content"])
def test_a_body_where_none_belongs_is_not_stored(bare_scene: Scene, status: str) -> None:
    bare_scene.wsgi(giving(lambda: [b"page"], FRESH, status))
    for _ in range(2):
        assert bare_scene.get("/").status == status
    if not status.startswith("205"):
        assert bare_scene.count == 2


def test_an_interim_status_is_not_stored(bare_scene: Scene) -> None:
    bare_scene.wsgi(giving(list, FRESH, "103 Early Hints"))
    for _ in range(2):
        got = bare_scene.get("/")
        assert got.status == "103 Early Hints"
    assert bare_scene.count == 2


def test_a_body_of_other_things_passes_through(bare_scene: Scene) -> None:
    """Strings and bytearrays are the server's to refuse; nothing is stored."""
    for chunks in (["text"], [bytearray(b"x")], [memoryview(b"x")], [b"a", "b"]):
        for kind in (iter, list):
            bare_scene.wsgi(giving(lambda kind=kind, chunks=chunks: kind(chunks), FRESH))
            seen: list[Any] = []
            body = bare_scene.front(environ_for(), lambda *start: lambda data: None)
            with contextlib.suppress(TypeError):
                seen.extend(body)
            assert seen in (chunks, chunks[:1], [])
            getattr(body, "close", lambda: None)()
    assert bare_scene.count == 8


def test_what_cannot_be_judged_is_not_stored(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refusal(*args: object) -> str:
        raise ValueError

    monkeypatch.setattr("wsgicache.rules.storing.refusal", refusal)
    scene.app(200, "page", cache_control="max-age=60")
    got = scene.get("/")
    assert (got.text, got.detail) == ("page", "error")
    assert "could not be judged" in caplog.text


def test_what_close_raises_of_a_body_that_is_not_sent_is_logged(
    bare_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    bare_scene.app(200, "old", cache_control="max-age=1, stale-if-error=60")
    bare_scene.get("/")
    bare_scene.after(5)

    class Sticky(Tracked):
        def close(self) -> None:
            raise RuntimeError("cannot close")

    bare_scene.wsgi(giving(Sticky([b"error"]), FRESH, "500 Internal Server Error"))
    assert bare_scene.get("/").text == "old"
    assert "the app raised in close()" in caplog.text


# ── what leaves, what enters ─────────────────────────────────────────────────────────────────────


def test_a_304_of_ours_describes_no_content(scene: Scene) -> None:
    scene.app(
        200,
        "page",
        etag='"v1"',
        content_encoding="identity",
        content_language="en",
        cache_control="max-age=60",
    )
    scene.get("/")
    for method in ("GET", "HEAD"):
        got = scene.request(method, "/", if_none_match='"v1"')
        assert (got.code, got.body) == (304, b"")
        described = {n for n in got.names if n.startswith("content-")}
        assert described <= {"content-location"}
        assert "transfer-encoding" not in got.names
    assert scene.get("/").header("Content-Type") == "text/plain"


def test_wsgiref_validate_round_the_whole(make_scene: MakeScene) -> None:
    """The validator of the standard library on both sides, once, over the common outcomes."""
    scene = make_scene(lint=False)
    inner = wsgiref.validate.validator(scene.cache.app)
    cache = CacheMiddleware(inner, clock=scene.clock)
    scene.front = wsgiref.validate.validator(cache)
    scene.resource("page", cache_control="max-age=60, stale-while-revalidate=5", x_a="1")
    assert scene.get("/").stored
    assert scene.get("/").hit
    assert scene.head("/").hit
    assert scene.get("/", if_none_match='"v1"').code == 304
    assert scene.get("/", range="bytes=1-2").text == "ag"
    assert scene.get("/", range="bytes=0-0,2-2").code == 206
    assert scene.get("/", range="bytes=9-").code == 416
    assert scene.get("/", cache_control="only-if-cached").hit
    assert scene.get("/other", cache_control="only-if-cached").code == 504
    scene.after(63)
    assert scene.get("/").hit
    scene.settle()
    scene.after(100)
    assert scene.get("/").verdict["fwd-status"] == 304
    scene.app(200, "done")
    assert scene.post("/", body=b"x").fwd == "method"
    assert scene.get("/").detail == "freshness"


def test_a_pass_hands_on_the_very_same_environ(bare_scene: Scene) -> None:
    seen: list[Environ] = []

    def app(environ: Environ, start_response: Any) -> Any:
        seen.append(environ)
        start_response("200 OK", list(FRESH))
        return [b"x"]

    bare_scene.wsgi(app)
    for environ in (
        environ_for("POST", body=b"x"),
        environ_for("GET", body=b"x"),
        environ_for("GET", headers=[("X-Original-URL", "/x")]),
        environ_for("OPTIONS"),
    ):
        before = dict(environ)
        exchange(bare_scene.front, environ)
        assert seen[-1] is environ
        assert environ == before


def test_a_fill_gives_a_plain_dict_with_everything_in_it(bare_scene: Scene) -> None:
    seen: list[Environ] = []

    def app(environ: Environ, start_response: Any) -> Any:
        seen.append(environ)
        environ["app.left"] = "something"
        start_response("200 OK", [*FRESH, ("ETag", '"v1"')])
        return [b"x"]

    bare_scene.wsgi(app)
    marker = object()
    for _ in range(2):
        environ = environ_for("GET", "/", [("X-Any", "1")], changes={"x.custom": marker})
        sent = dict(environ)
        exchange(bare_scene.front, environ)
        assert type(seen[-1]) is dict
        assert seen[-1]["x.custom"] is marker
        assert seen[-1]["HTTP_X_ANY"] == "1"
        ours = {k for k in seen[-1] if k not in sent} - {"app.left", "HTTP_IF_NONE_MATCH"}
        assert all(k.startswith("wsgicache.") for k in ours), ours
        assert {k: v for k, v in environ.items() if k != "app.left"} == sent
        bare_scene.after(61)
    assert len(seen) == 2


MINIMAL: Environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "absent",
    [
        "SERVER_PROTOCOL",
        "QUERY_STRING",
        "PATH_INFO",
        "SCRIPT_NAME",
        "REMOTE_ADDR",
        "HTTP_HOST",
        "SERVER_NAME",
        "SERVER_PORT",
        "wsgi.url_scheme",
        "wsgi.input",
        "wsgi.errors",
        "wsgi.multithread",
        "wsgi.multiprocess",
        "wsgi.run_once",
        "wsgi.version",
        "REQUEST_METHOD",
    ],
)
def test_what_an_environ_may_lack(bare_scene: Scene, method: str, absent: str) -> None:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", list(FRESH))
        return [b"page"]

    routes = [Route("/*", cache_for(minutes=1), override=True), Route("/*", query=())]
    told = CacheMiddleware(app, policy=Policy(default=no_cache, store_post=True), routes=routes)
    for cache in (CacheMiddleware(app), told):
        for _ in range(3):
            got = exchange(cache, environ_for(method, changes={absent: None}))
            assert got.status == "200 OK"


def test_an_environ_of_two_keys() -> None:
    cache = CacheMiddleware(giving(lambda: [b"page"], FRESH))
    for _ in range(3):
        assert exchange(cache, dict(MINIMAL)).text == "page"


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/0.9", "", "HTTP/2", "SPDY/3", "INCLUDED"])
def test_any_protocol_has_hits(scene: Scene, protocol: str) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    for _ in range(2):
        got = scene.get("/", environ={"SERVER_PROTOCOL": protocol, "HTTP_HOST": None})
        assert got.text == "page"


# ── re-entrancy and threads ──────────────────────────────────────────────────────────────────────


def test_an_app_that_calls_itself_through_the_cache(bare_scene: Scene) -> None:
    depth = 0

    def app(environ: Environ, start_response: Any) -> Any:
        nonlocal depth
        depth += 1
        inner = b""
        if depth < 4:
            inner = exchange(bare_scene.front, environ_for()).body
        start_response("200 OK", list(FRESH))
        return [b"<" + inner + b">"]

    bare_scene.wsgi(app)
    answers: list[bytes] = []
    caller = threading.Thread(target=lambda: answers.append(bare_scene.get("/").body))
    caller.start()
    caller.join(30)
    assert answers == [b"<<<<>>>>"]
    assert bare_scene.get("/").hit


@pytest.mark.parametrize("environ", [{"wsgi.multithread": False}, {"wsgi.run_once": True}], ids=str)
def test_no_threads_where_the_server_wants_none(scene: Scene, environ: Environ) -> None:
    """stale-while-revalidate then validates before it answers."""
    swr = "max-age=60, stale-while-revalidate=60"
    scene.app(200, "old", cache_control=swr)
    scene.get("/", environ=environ)
    scene.app(200, "new", cache_control=swr)
    scene.after(70)
    threads = set(threading.enumerate())
    got = scene.get("/", environ=environ)
    assert set(threading.enumerate()) <= threads
    assert got.text == "new"
    assert {call.thread for call in scene.calls} == {threading.get_ident()}


def test_one_warning_tells_of_several_processes(
    make_scene: MakeScene,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scene = make_scene()
    scene.app(200, "page", cache_control="max-age=60")
    for n in range(3):
        scene.get(f"/{n}", environ={"wsgi.multiprocess": True})
    told = [r for r in caplog.records if "process" in r.getMessage()]
    assert len(told) == 1
    assert told[0].levelno >= logging.WARNING


def test_no_warning_with_one_process(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    scene.get("/")
    assert not caplog.records


# ── early hints ──────────────────────────────────────────────────────────────────────────────────


def test_early_hints_reach_the_server_untouched(bare_scene: Scene) -> None:
    hints: list[Any] = []

    def early(headers: Any) -> None:
        hints.append(headers)

    def app(environ: Environ, start_response: Any) -> Any:
        assert environ["wsgi.early_hints"] is early
        environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload")])
        start_response("200 OK", list(FRESH))
        return [b"page"]

    bare_scene.wsgi(app)
    for _ in range(2):
        got = bare_scene.get("/", environ={"wsgi.early_hints": early})
        assert got.text == "page"
        assert "link" not in got.names
    assert hints == [[("Link", "</style.css>; rel=preload")]]
