"""Bodies, by PEP 3333: closed once, passed on block by block, and collected only to be stored."""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import random
import tracemalloc
import wsgiref.util
import wsgiref.validate
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from tests.bodies import FRESH, STREAM, WSGI, Falsy, Tracked, giving
from tests.conftest import MakeScene
from tests.rules.messages import asked
from tests.scene import Environ, Reply, Scene, environ_for, exchange, pieces
from wsgicache import Policy
from wsgicache.bodies import Tee
from wsgicache.origin.filling import Filling
from wsgicache.origin.trip import Trip, WatchedInput
from wsgicache.rules.collapsing import HELD_UP_SECONDS
from wsgicache.rules.model import SLICE, Decision
from wsgicache.rules.response import Response

# ── close() exactly once ─────────────────────────────────────────────────────────────────────────

WAYS = ["to the end", "hung up at once", "hung up after one", "head", "raises"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("chunks", [[], [b""], [b"a"], [b"a", b"b", b"c"]], ids=len)
@pytest.mark.parametrize("headers", [FRESH, STREAM], ids=["stored", "not stored"])
@pytest.mark.parametrize("kind", [Tracked, Falsy])
def test_close_is_called_once(
    bare_scene: Scene,
    kind: type[Tracked],
    headers: list[tuple[str, str]],
    chunks: list[bytes],
    way: str,
) -> None:
    body = kind(chunks, RuntimeError("boom") if way == "raises" else None)
    bare_scene.wsgi(giving(body, headers))
    if way == "raises":
        with pytest.raises(RuntimeError, match="boom"):
            bare_scene.get("/")
    elif way == "head":
        bare_scene.head("/")
    else:
        taken = {"to the end": None, "hung up at once": 0, "hung up after one": 1}[way]
        bare_scene.get("/", take=taken)
    assert body.closes == 1
    assert body.iterators <= 1


def test_close_when_start_response_fails(bare_scene: Scene) -> None:
    """The server refuses the head: the body is closed all the same."""
    body = Tracked([b"a"])

    def lazily(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", list(FRESH))
        return body

    def refusing(status: str, headers: Any, exc_info: Any = None) -> Any:
        raise OSError("client is gone")

    bare_scene.wsgi(lazily)
    for method in ("GET", "POST"):
        body.closes = 0
        with pytest.raises(OSError, match="client is gone"):
            bare_scene.front(environ_for(method), refusing)
        assert body.closes == 1


def test_close_of_a_validation(bare_scene: Scene) -> None:
    """The 304 that is answered from the store, and the 503 that a stale response stands in for."""
    bare_scene.wsgi(giving([b"page"], [*FRESH, ("ETag", '"v1"'), ("Cache-Control", "x")]))
    bare_scene.wsgi(
        giving([b"page"], [("Cache-Control", "max-age=60, stale-if-error=90"), ("ETag", '"v1"')])
    )
    bare_scene.get("/")
    for status in ("304 Not Modified", "503 Service Unavailable", "200 OK"):
        bare_scene.after(61)
        body = Tracked([] if status.startswith("304") else [b"x"])
        bare_scene.wsgi(giving(body, [("ETag", '"v1"')], status))
        bare_scene.get("/")
        assert body.closes == 1, status


def test_close_of_a_background_validation(bare_scene: Scene) -> None:
    swr = [("Cache-Control", "max-age=1, stale-while-revalidate=60")]
    bare_scene.wsgi(giving([b"old"], swr))
    bare_scene.get("/")
    for fail in (None, RuntimeError("boom")):
        bare_scene.after(5)
        body = Tracked([b"new"], fail)
        bare_scene.wsgi(giving(body, swr))
        bare_scene.get("/")
        bare_scene.settle()
        assert body.closes == 1


def test_a_failing_close_is_the_servers_to_see(bare_scene: Scene) -> None:
    for headers in (STREAM, FRESH):

        class Sticky(Tracked):
            def close(self) -> None:
                super().close()
                raise RuntimeError("cannot close")

        body = Sticky([b"a", b"b"])
        bare_scene.wsgi(giving(body, headers))
        with pytest.raises(RuntimeError, match="cannot close"):
            bare_scene.get("/")
        assert body.closes == 1


def opened_and_closed(rounds: int) -> tuple[int, int]:
    """How many bodies a mix of requests opened and closed."""
    opened = closed = 0

    class Counted(Tracked):
        def __init__(self, chunks: Iterable[bytes]) -> None:
            nonlocal opened
            super().__init__(chunks)
            opened += 1

        def close(self) -> None:
            nonlocal closed
            closed += 1

    ways = itertools.cycle([FRESH, STREAM, [("Cache-Control", "max-age=60"), ("ETag", '"1"')]])
    scene = Scene(lint=False)

    def app(environ: Environ, start_response: Any) -> Any:
        scene.calls.clear()
        start_response("200 OK", list(next(ways)))
        return Counted([b"x"] * (len(environ["PATH_INFO"]) % 4))

    scene.wsgi(app)
    for n in range(rounds):
        scene.request(("GET", "HEAD", "POST")[n % 3], "/" + "x" * (n % 7), take=n % 5 or None)
        scene.after(n % 40)
    return opened, closed


def test_as_many_closed_as_opened() -> None:
    opened, closed = opened_and_closed(1500)
    assert opened == closed > 500


# ── block boundaries ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("headers", [FRESH, STREAM], ids=["stored", "not stored"])
@pytest.mark.parametrize("length", [True, False], ids=["length", "no length"])
def test_a_chunk_in_is_a_chunk_out(
    bare_scene: Scene, headers: list[tuple[str, str]], length: bool
) -> None:
    chunks = [b"a", b"", b"bb", b"", b"", b"ccc", b""]
    size = [("Content-Length", "6")] if length else []
    bare_scene.wsgi(giving(lambda: (c for c in chunks), [*headers, *size]))
    got = bare_scene.get("/")
    assert got.chunks == chunks
    if headers is FRESH:
        assert bare_scene.get("/").body == b"abbccc"


@pytest.mark.parametrize("headers", [FRESH, STREAM], ids=["stored", "not stored"])
def test_a_chunk_leaves_before_the_next_is_asked_for(
    scene: Scene, headers: list[tuple[str, str]]
) -> None:
    log: list[str] = []

    def streaming(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", list(headers))
        for n in range(5):
            log.append(f"made {n}")
            yield b"%d" % n

    scene.wsgi(streaming)
    exchange(scene.front, environ_for(), each=lambda chunk: log.append(f"sent {int(chunk)}"))
    assert log == [f"{did} {n}" for n in range(5) for did in ("made", "sent")]


@pytest.mark.parametrize("kind", ["text/event-stream", "multipart/x-mixed-replace; boundary=x"])
def test_a_thousand_events_go_out_one_by_one(scene: Scene, kind: str) -> None:
    seen = 0

    def events(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", kind), ("Cache-Control", "max-age=60")])
        for n in range(1000):
            assert seen == n, "an event was held back"
            yield b"data: x\n\n"

    def sent(chunk: bytes) -> None:
        nonlocal seen
        seen += 1

    scene.wsgi(events)
    got = exchange(scene.front, environ_for(), each=sent)
    assert (seen, got.stored) == (1000, False)
    seen = 0
    assert not scene.get("/", take=1).hit


# ── what is never collected ──────────────────────────────────────────────────────────────────────


class Chunk(bytes):
    """Bytes that know how many of them are alive."""

    alive: ClassVar[int] = 0
    most: ClassVar[int] = 0

    def __new__(cls, *values: Any) -> Chunk:
        cls.alive += 1
        cls.most = max(cls.most, cls.alive)
        return super().__new__(cls, *values)

    def __del__(self) -> None:
        type(self).alive -= 1


@pytest.fixture
def chunk() -> type[Chunk]:
    gc.collect()
    return type("FreshChunk", (Chunk,), {"alive": 0, "most": 0})


def endless(headers: list[tuple[str, str]], chunk: type[Chunk], size: int = 1024) -> WSGI:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", list(headers))
        while True:
            yield chunk(b"x" * size)

    return app


def swallow(scene: Scene, count: int) -> None:
    """Take *count* chunks of a response and keep none of them."""
    body: Any = scene.front(environ_for(), lambda *start: lambda data: None)
    for _ in itertools.islice(body, count):
        pass
    body.close()


def test_an_endless_body_is_let_go_at_the_limit(make_scene: MakeScene, chunk: type[Chunk]) -> None:
    scene = make_scene(Policy(max_content=64 * 1024), lint=False)
    scene.wsgi(endless(FRESH, chunk))
    swallow(scene, 1000)
    assert chunk.most <= 64 + 4
    assert chunk.alive <= 1
    assert not scene.get("/", take=1).hit


@pytest.mark.parametrize("kind", ["text/event-stream", "Text/Event-Stream; charset=utf-8"])
def test_an_event_stream_is_never_collected(
    bare_scene: Scene, chunk: type[Chunk], kind: str
) -> None:
    bare_scene.wsgi(endless([("Cache-Control", "max-age=60"), ("Content-Type", kind)], chunk))
    swallow(bare_scene, 200)
    assert chunk.most <= 3


@pytest.mark.parametrize(
    "headers",
    [
        STREAM,
        [("Content-Type", "text/plain")],
        [*FRESH, ("Set-Cookie", "a=1")],
        [*FRESH, ("Content-Length", str(17 << 20))],
    ],
    ids=["no-store", "no freshness", "set-cookie", "longer than the limit"],
)
def test_what_is_not_stored_is_not_held(
    bare_scene: Scene, chunk: type[Chunk], headers: list[tuple[str, str]]
) -> None:
    bare_scene.wsgi(endless(headers, chunk))
    swallow(bare_scene, 300)
    assert chunk.most <= 3


def swallow_endless(headers: list[tuple[str, str]], count: int, size: int) -> None:
    """*count* chunks of *size* bytes through a cache, with the usual limits."""

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", list(headers))
        for _ in range(count):
            yield bytes(size)

    scene = Scene(lint=False)
    scene.wsgi(app)
    swallow(scene, count)


def test_a_large_body_takes_no_memory_when_not_stored() -> None:
    swallow_endless(STREAM, 1, 1 << 16)
    tracemalloc.start()
    try:
        swallow_endless(STREAM, 512, 1 << 16)  # 32 MiB
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_a_body_over_the_limit_passes_whole(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(max_content=1000))
    text = bytes(range(256)) * 8
    for length in (True, False):
        for size in (100, 999, 1000, 1001, 2048):
            scene.app(200, list(pieces(text[:size], 99)), cache_control="max-age=60", length=length)
            target = f"/{size}{length}"
            assert scene.get(target).body == text[:size]
            got = scene.get(target)
            assert (got.hit, got.body) == (size <= 1000, text[:size])


def test_one_piece_over_the_limit(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(max_content=10), lint=False)
    scene.wsgi(giving(lambda: [b"x" * 11], FRESH))
    for _ in range(2):
        got = scene.get("/")
        assert (got.hit, len(got.body)) == (False, 11)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", STREAM),
        ("GET", [("Content-Type", "text/plain")]),
        ("GET", [*FRESH, ("Set-Cookie", "a=1")]),
        ("POST", FRESH),
        ("GET", [*FRESH, ("Content-Length", str(1 << 30))]),
        ("GET", [("Cache-Control", "max-age=60"), ("Content-Type", "text/event-stream")]),
    ],
)
def test_a_body_that_is_not_stored_is_the_very_same_object(
    bare_scene: Scene, method: str, headers: list[tuple[str, str]]
) -> None:
    class Unread(io.BytesIO):
        def read(self, *sizes: Any) -> bytes:
            raise AssertionError("the file was read")

    wrapper = wsgiref.util.FileWrapper(Unread(b"file"))
    bare_scene.wsgi(giving(wrapper, headers))
    environ = environ_for(method)
    environ["wsgi.file_wrapper"] = wsgiref.util.FileWrapper
    got = bare_scene.front(environ, lambda *start: lambda data: None)
    assert got is wrapper
    assert bare_scene.calls[-1].environ["wsgi.file_wrapper"] is wsgiref.util.FileWrapper


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_a_list_that_is_not_stored_is_the_very_same_object(
    bare_scene: Scene, kind: Callable[[list[bytes]], Any]
) -> None:
    body = kind([b"a", b"b"])
    bare_scene.wsgi(giving(body, STREAM))
    assert bare_scene.front(environ_for(), lambda *start: lambda data: None) is body


def test_a_file_that_is_stored(bare_scene: Scene) -> None:
    text = bytes(range(256)) * 100
    bare_scene.wsgi(giving(lambda: wsgiref.util.FileWrapper(io.BytesIO(text), 1000), FRESH))
    for hit in (False, True):
        got = bare_scene.get("/")
        assert (got.hit, got.body) == (hit, text)


@pytest.mark.parametrize(
    ("method", "header", "expected"),
    [
        ("GET", None, [b"abcdef"]),
        ("HEAD", None, []),
        ("GET", ("If-None-Match", '"1"'), []),
        ("GET", ("Range", "bytes=1-2"), [b"bc"]),
    ],
    ids=["hit", "HEAD", "304", "range"],
)
def test_what_is_served_is_a_list_of_its_own(
    bare_scene: Scene, method: str, header: tuple[str, str] | None, expected: list[bytes]
) -> None:
    """Servers send a list at once, and stream what is not."""
    bare_scene.wsgi(giving([b"abcdef"], [*FRESH, ("ETag", '"1"')]))
    assert bare_scene.get("/").body == b"abcdef"
    environ = environ_for(method, headers=[header] if header else [])
    for _ in range(2):
        body = bare_scene.front(dict(environ), lambda *start: lambda data: None)
        assert body == expected
        assert isinstance(body, list)
        body.append(b"more")  # by whoever wraps the cache: nobody else's business


# ── fields that the app goes on changing while the body is on its way ────────────────────────────

COOKIE = ("Set-Cookie", "sid=1")
CHANGES: dict[str, Callable[[list[tuple[str, str]]], object]] = {
    "one more": lambda fields: fields.append(COOKIE),
    "another one": lambda fields: fields.__setitem__(-1, COOKIE),
    "none left": lambda fields: fields.clear(),
}


@pytest.mark.parametrize("how", ["yields", "writes"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_stored_is_what_was_judged(
    scene: Scene, change: Callable[[list[tuple[str, str]]], object], how: str
) -> None:
    said = [("Cache-Control", "max-age=60"), ("Content-Type", "text/plain")]

    def changing(environ: Environ, start_response: Any) -> Iterable[bytes]:
        fields = said[:]
        write = start_response("200 OK", fields)

        def body() -> Iterator[bytes]:
            yield b"a"
            change(fields)
            yield b"b"

        if how == "yields":
            return body()
        write(b"a")
        change(fields)
        return [b"b"]

    scene.wsgi(changing)
    scene.get("/")
    hit = scene.get("/")
    assert (hit.hit, hit.body) == (True, b"ab")
    assert hit.headers[: len(said)] == said
    assert hit.header("Set-Cookie") is None


class Noting:
    """A collector with room for so many bytes, which notes what it is called with."""

    def __init__(self, room: int = 9) -> None:
        self.heard: list[str] = []
        self.room = room

    def take(self, size: int) -> bool:
        self.room -= size
        return self.room >= 0

    def keep(self, content: bytes) -> None:
        self.heard.append(content.decode())

    def drop(self) -> None:
        self.heard.append("drop")

    def end(self, too_large: bool) -> None:
        self.heard.append("too large" if too_large else "end")

    def ask(self) -> None:
        self.heard.append("?")

    def move(self) -> None:
        self.heard.append("!")


@pytest.mark.parametrize(
    ("limit", "length", "body", "heard"),
    [
        (9, None, [b"a", b"b"], "? ! ? ! ? ab end"),
        (9, 2, [b"a", b"b"], "? ! ? ab end ! ?"),
        (9, 3, [b"a", b"b"], "? ! ? ! ? end"),
        (9, 1, [b"a", b"b", b"c"], "? a end ! ? drop ! ? ! ?"),
        (9, 1, [b"ab"], "? end ! ?"),
        (9, None, [b"a", "b"], "? ! ? end ! ?"),
        (9, 9, [b"", b"", b""], "? ! ? ! ? ! ? end"),
        (2, None, [b"a", b"b"], "? ! ? ! ? ab end"),
        (2, None, [b"ab", "c"], "? ! ? end ! ?"),
        (1, None, [b"a", b"b", b"c"], "? ! ? too large ! ? ! ?"),
        (99, None, [b"x" * 9, b"y"], "? ! ? end ! ?"),
        (9, None, None, "? end"),
    ],
    ids=[
        "no length", "its length", "shorter", "longer", "longer at once", "no bytes", "nothing",
        "as long as may be", "that, and no bytes", "too large",
        "no room", "raises",
    ],
)  # fmt: skip
def test_what_is_heard_of_a_body(limit: int, length: int | None, body: Any, heard: str) -> None:
    noting = Noting()
    tee = Tee(limit, length, noting).over(Tracked([], ValueError()) if body is None else body)
    with contextlib.suppress(ValueError):
        for _ in tee:
            pass
    assert " ".join(noting.heard) == heard
    tee.close()
    assert " ".join(noting.heard) == heard, "its end is heard of once"


def test_how_a_body_gets_on(bare_scene: Scene) -> None:
    origin, now = bare_scene.cache._origin, bare_scene.clock.now()
    response = Response("200 OK", [], [], now, now, now)
    body = Filling(origin, Trip(asked(), Decision("uri-miss")), response)
    seen = [(body.begun, body.in_app, body.is_held_up(now + 1))]
    bare_scene.after(2)
    for step in (body.ask, body.move):
        step()
        seen.append((body.begun, body.in_app, body.is_held_up(now + 3)))
    assert seen == [(False, False, True), (False, True, False), (True, False, True)]
    assert not body.is_held_up(body.moved_at + HELD_UP_SECONDS)


def test_what_was_given_up_is_not_dropped() -> None:
    """The app writes in close(): what others have stored stays."""
    noting = Noting()
    tee = Tee(1, None, noting).over([b"ab"])
    assert list(tee) == [b"ab"]
    tee.collect(b"late")
    assert noting.heard == ["?", "too large", "!", "?"]


def test_what_is_heard_of_what_is_written() -> None:
    noting = Noting()
    write = Tee(9, 2, noting).writing(lambda data: noting.heard.append(f"sent {data.decode()}"))
    for data in (b"a", b"b", b"c"):
        write(data)
    assert " ".join(noting.heard) == "! sent a ? ab end ! sent b ? drop ! sent c ?"


# ── what a GET was sent with ─────────────────────────────────────────────────────────────────────

READING: dict[str, Callable[[Any], object]] = {
    "read": lambda sent: sent.read(),
    "read some": lambda sent: sent.read(1),
    "a line": lambda sent: sent.readline(),
    "lines": lambda sent: sent.readlines(),
    "by iterating": lambda sent: next(iter(sent), None),
    "into a buffer": lambda sent: sent.readinto(bytearray(4)),
    "what is inside": lambda sent: sent.getbuffer(),
}
LOOKING: dict[str, Callable[[Any], object]] = {
    "not at all": lambda sent: None,
    "none of it": lambda sent: sent.read(0),
    "whether it can be": lambda sent: (sent.readable(), sent.closed),
    "closing it": lambda sent: sent.close(),
}


def sent_with(content: bytes) -> Environ:
    """What a server says of a GET by HTTP/2 that has content: it gives no length."""
    changes: Environ = {"wsgi.input": io.BytesIO(content), "wsgi.input_terminated": True}
    return environ_for(changes={**changes, "SERVER_PROTOCOL": "HTTP/2"})


@pytest.mark.parametrize("when", ["at first", "while the body is on its way", "to validate"])
@pytest.mark.parametrize("how", [*READING, *LOOKING])
def test_a_get_whose_content_was_read_is_not_stored(
    make_scene: MakeScene, how: str, when: str
) -> None:
    scene, reads = make_scene(Policy.rfc(), lint=False), {**READING, **LOOKING}[how]

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        sent = environ["wsgi.input"]
        if when != "while the body is on its way":
            reads(sent)
        if "HTTP_IF_NONE_MATCH" in environ:
            start_response("304 Not Modified", [("Cache-Control", "max-age=60"), ("ETag", '"a"')])
            return
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("ETag", '"a"')])
        yield b"page"
        if when == "while the body is on its way":
            reads(sent)

    scene.wsgi(app)
    if when == "to validate":
        scene.get("/")
        scene.after(61)
    got = scene.send(sent_with(b"content"))
    assert got.body == b"page"
    assert scene.get("/").hit is (how in LOOKING)
    if when != "while the body is on its way":
        assert (got.detail == "body") is (how in READING)


@pytest.mark.parametrize(
    ("protocol", "method", "terminated", "watched"),
    [
        ("HTTP/1.1", "GET", True, False),
        ("HTTP/1.0", "GET", True, False),
        ("HTTP/2", "GET", True, True),
        ("HTTP/2", "GET", False, False),
        ("HTTP/2", "POST", True, False),
        ("HTTP/3", "GET", True, True),
    ],
)
def test_input_is_watched_where_no_field_announces_content(
    make_scene: MakeScene, protocol: str, method: str, terminated: bool, watched: bool
) -> None:
    """RFC 9112 §6.3: in HTTP/1.1 a request has content by its fields, or none."""
    scene = make_scene(Policy.rfc(), lint=False)
    scene.app(200, "page")
    environ = {**sent_with(b""), "SERVER_PROTOCOL": protocol, "REQUEST_METHOD": method}
    environ["wsgi.input_terminated"] = terminated
    scene.send(dict(environ))
    seen = scene.calls[-1].environ["wsgi.input"]
    assert (seen is not environ["wsgi.input"]) is watched


@pytest.mark.parametrize(
    ("name", "noted"), [("fd", False), ("name", False), ("raw", True), ("none", False)]
)
def test_looking_at_what_else_an_input_has(name: str, noted: bool) -> None:
    seen: list[str] = []
    given: Any = SimpleNamespace(fd=5, name="stdin", raw=[b"content"], none=None)
    watched = WatchedInput(given, lambda: seen.append(name))
    assert getattr(watched, name) is getattr(given, name)
    assert bool(seen) is noted


def test_a_get_without_content_may_be_read(make_scene: MakeScene) -> None:
    scene = make_scene(lint=False)
    scene.app(lambda environ: Reply(200, environ["wsgi.input"].read(), cache_control="max-age=60"))
    scene.send(sent_with(b""))
    assert scene.get("/").hit


# ── large contents on their way out ──────────────────────────────────────────────────────────────


def served(scene: Scene, content: bytes, wrapper: object = None, **headers: str) -> Any:
    """The body of a hit, from the server's side."""
    scene.wsgi(giving([content], FRESH))
    scene.get("/")
    said = [(name.replace("_", "-"), value) for name, value in headers.items()]
    environ = environ_for(headers=said)
    if wrapper is not None:
        environ["wsgi.file_wrapper"] = wrapper
    return scene.front(environ, lambda *start: lambda data: None)


@pytest.mark.parametrize("wrapper", [None, wsgiref.util.FileWrapper])
def test_what_is_not_large_leaves_in_one_piece(bare_scene: Scene, wrapper: object) -> None:
    content = bytes(SLICE)
    assert served(bare_scene, content, wrapper) == [content]
    assert served(bare_scene, content, wrapper)[0] is content


def as_a_function(file: Any, *size: int) -> Any:
    """As uWSGI has it, which takes files of the system alone."""
    raise AssertionError("no file of the system")


@pytest.mark.parametrize("wrapper", [None, as_a_function])
@pytest.mark.parametrize("headers", [{}, {"range": f"bytes=5-{3 * SLICE}"}])
def test_what_is_large_leaves_in_slices(
    bare_scene: Scene, wrapper: object, headers: dict[str, str]
) -> None:
    content = random.Random(1).randbytes(3 * SLICE + 7)
    body = list(served(bare_scene, content, wrapper, **headers))
    assert b"".join(body) == (content[5 : 3 * SLICE + 1] if headers else content)
    assert max(map(len, body)) == SLICE


def test_what_is_large_leaves_as_a_file_where_the_server_takes_one(bare_scene: Scene) -> None:
    content = random.Random(1).randbytes(SLICE + 1)
    body = served(bare_scene, content, wsgiref.util.FileWrapper)
    assert isinstance(body, wsgiref.util.FileWrapper)
    assert b"".join(body) == content
