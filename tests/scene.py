"""The stage every in-process test plays on: a scripted app, the cache, a client and a clock.

    scene.app(200, "hello", cache_control="max-age=60")
    scene.get("/")
    scene.after(7)
    assert scene.get("/").cache_status == "wsgicache; hit; ttl=53"

The client is a strict little WSGI server of its own. A lint stands outside and inside of the cache,
so PEP 3333 is checked in every test; `Scene(lint=False)` is for rows that break it on purpose.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from types import CodeType
from typing import Any
from urllib.parse import unquote_to_bytes

import http_sf
from werkzeug.datastructures import Headers
from werkzeug.http import http_date
from werkzeug.middleware.lint import GuardedIterator, LintMiddleware

import wsgicache
from wsgicache import CacheMiddleware, MemoryStore, Policy

Environ = dict[str, Any]
Field = tuple[str, str]
FieldValue = str | int | None | Sequence[str]

EPOCH = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


class FakeClock:
    """Time as the tests tell it."""

    def __init__(self, start: float = EPOCH) -> None:
        self._now = self._wall = start

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall

    def advance(self, seconds: float) -> None:
        """Time passes."""
        assert seconds >= 0
        self._now += seconds
        self._wall += seconds

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock: `now` follows forward, never back."""
        self._wall += seconds
        self._now = max(self._now, self._wall)

    def date(self, offset: float = 0) -> str:
        """The wall clock's time plus *offset* seconds as an HTTP date."""
        return http_date(self._wall + offset)


# ── the wire ─────────────────────────────────────────────────────────────────────────────────────

ODD_NAMES = {"etag": "ETag", "te": "TE", "www_authenticate": "WWW-Authenticate"}


def field_name(keyword: str) -> str:
    """``cache_control`` is Cache-Control."""
    return ODD_NAMES.get(keyword) or "-".join(p.capitalize() for p in keyword.split("_"))


def named_fields(named: dict[str, FieldValue]) -> list[Field]:
    """Keyword arguments as field lines; a list gives several lines, None gives none."""
    lines: list[Field] = []
    for keyword, value in named.items():
        if value is None:
            continue
        values = value if isinstance(value, list | tuple) else [value]
        lines += [(field_name(keyword), str(v)) for v in values]
    return lines


def environ_for(
    method: str = "GET",
    target: str = "/",
    headers: Iterable[Field] = (),
    body: bytes = b"",
    changes: Environ | None = None,
) -> Environ:
    """A realistic environ; *changes* are applied last, and None removes a key."""
    path, _, query = target.partition("?")
    environ: Environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "Scene/1",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "example.org",
        "HTTP_USER_AGENT": "Scene/1",
        "HTTP_CONNECTION": "keep-alive",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        if key in environ and key not in ("HTTP_HOST", "HTTP_USER_AGENT", "HTTP_CONNECTION"):
            value = f"{environ[key]},{value}"  # what servers do with several lines of one name
        environ[key] = value
    for key, value in (changes or {}).items():
        if value is None:
            environ.pop(key, None)
        else:
            environ[key] = value
    return environ


class Exchange:
    """What a client got: status line, field lines, the chunks of the body."""

    def __init__(self, name: str = "wsgicache") -> None:
        self.name = name
        self.status = ""
        self.headers: list[Field] = []
        self.chunks: list[bytes] = []
        self.raised: BaseException | None = None
        self.starts = 0

    @property
    def code(self) -> int:
        return int(self.status[:3])

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def text(self) -> str:
        return self.body.decode()

    def lines(self, name: str) -> list[str]:
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        lines = self.lines(name)
        return ", ".join(lines) if lines else None

    @property
    def names(self) -> set[str]:
        return {n.lower() for n, _ in self.headers}

    @property
    def age(self) -> int | None:
        value = self.header("Age")
        return None if value is None else int(value)

    @property
    def cache_status(self) -> str | None:
        """Our own member of Cache-Status, the last one: a cache appends (RFC 9211 §2)."""
        value = self.header("Cache-Status") or ""
        start = value.rfind(self.name + ";")
        return value[start:] if start >= 0 else None

    @property
    def verdict(self) -> dict[str, Any]:
        """The parameters of our Cache-Status, parsed as a structured field."""
        if self.cache_status is None:
            return {}
        value = self.header("Cache-Status") or ""
        members: Any = http_sf.parse(value.encode("ascii"), tltype="list")
        token, parameters = members[-1]
        assert str(token) == self.name, value
        return {k: v if isinstance(v, bool | int) else str(v) for k, v in parameters.items()}

    @property
    def hit(self) -> bool:
        return self.verdict.get("hit") is True

    @property
    def stored(self) -> bool:
        return self.verdict.get("stored") is True

    @property
    def fwd(self) -> str | None:
        return self.verdict.get("fwd")

    @property
    def detail(self) -> str | None:
        return self.verdict.get("detail")

    def __repr__(self) -> str:
        return f"<{self.status!r} {self.headers!r} {self.body[:80]!r}>"


def exchange(
    app: Callable[..., Any],
    environ: Environ,
    *,
    take: int | None = None,
    name: str = "wsgicache",
    each: Callable[[bytes], object] | None = None,
) -> Exchange:
    """Do what a server does: call, send, close. *take* chunks only, if the client hangs up.

    The rules of PEP 3333 for start_response are kept: a second call needs exc_info, and raises
    that exception once the head is on the wire. An exception of the app leaves after close().
    """
    got = Exchange(name)
    sent = False

    def send(chunk: bytes) -> None:
        nonlocal sent
        assert got.starts, "body before start_response"
        if chunk:
            sent = True
        got.chunks.append(chunk)
        if each is not None:
            each(chunk)

    def start_response(status: str, headers: list[Field], exc_info: Any = None) -> Any:
        if exc_info:
            try:
                if sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        else:
            assert not got.starts, "start_response called twice without exc_info"
        got.starts += 1
        got.status, got.headers = status, list(headers)
        return send

    body = app(environ, start_response)
    try:
        taken = 0
        if take != 0:
            for chunk in body:
                send(chunk)
                taken += 1
                if taken == take:
                    break
            else:
                assert got.starts, "start_response was never called"
    finally:
        if hasattr(body, "close"):
            body.close()
    return got


# ── lint ─────────────────────────────────────────────────────────────────────────────────────────


class Guarded(GuardedIterator):
    """The lint's body; it may be closed unread, and then says nothing of its length."""

    ended = False

    def __next__(self) -> bytes:
        try:
            return super().__next__()
        except StopIteration:
            self.ended = True
            raise

    def close(self) -> None:
        if not self.ended:
            self.headers_set = ()  # type: ignore[assignment]
        super().close()


class Lint(LintMiddleware):
    """Werkzeug's lint, corrected where it is stricter than PEP 3333 and HTTP.

    RFC 9110 allows what it warns of: a Content-Length without content for HEAD (§8.6), none for 204
    (§8.6), a relative Location (§10.2.2), Last-Modified in a 304 (§15.4.5); and PEP 3333 lets a
    body be closed before its end.
    """

    head = False

    def __call__(self, *args: Any, **kwargs: Any) -> Iterable[bytes]:
        if args and args[0].get("REQUEST_METHOD") == "HEAD" and not self.head:
            lint = Lint(self.app)
            lint.head = True
            return lint(*args, **kwargs)
        body = super().__call__(*args, **kwargs)
        body.__class__ = Guarded
        return body

    def check_headers(self, headers: Headers) -> None:
        checked = Headers(headers)
        checked.remove("location")
        super().check_headers(checked)

    def check_start_response(self, status: Any, headers: Any, exc_info: Any) -> tuple[int, Headers]:
        code, sent = super().check_start_response(status, headers, exc_info)
        if self.head:
            sent.remove("content-length")
        if code == 204:
            sent["content-length"] = "0"
        if code == 304:
            sent.remove("last-modified")
        return code, sent


# ── the app's side ───────────────────────────────────────────────────────────────────────────────


class Body(list[bytes]):
    """A body that knows how often it was closed."""

    def __init__(self, chunks: Iterable[bytes] = (), closed: threading.Event | None = None):
        super().__init__(chunks)
        self.closes = 0
        self._closed = closed

    def close(self) -> None:
        self.closes += 1
        if self._closed is not None:
            self._closed.set()


class Reply:
    """One answer of the scripted app."""

    def __init__(
        self,
        status: int | str = 200,
        body: str | bytes | Sequence[bytes] = b"",
        *fields: Field,
        length: bool = True,
        **named: FieldValue,
    ) -> None:
        if isinstance(status, int):
            try:
                status = f"{status} {HTTPStatus(status).phrase}"
            except ValueError:
                status = f"{status} Something"
        self.status = status
        if isinstance(body, str):
            body = body.encode()
        self.chunks = [body] if isinstance(body, bytes) else list(body)
        self.fields = [*fields, *named_fields(named)]
        names = {n.lower() for n, _ in self.fields}
        if not status.startswith(("1", "204", "304")):
            if "content-type" not in names:
                self.fields.append(("Content-Type", "text/plain"))
            if length and "content-length" not in names:
                self.fields.append(("Content-Length", str(sum(map(len, self.chunks)))))


class Call:
    """A request as the app saw it."""

    def __init__(self, environ: Environ) -> None:
        self.environ = dict(environ)
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        self.query: str = environ.get("QUERY_STRING", "")
        self.thread = threading.get_ident()

    def header(self, name: str) -> str | None:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        return self.environ.get(key)

    def __repr__(self) -> str:
        return f"<{self.method} {self.path}?{self.query}>"


Answer = Callable[[Environ], Reply]


class Scene:
    """A cache, the app behind it, and the client in front of it."""

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        store: Any = None,
        lint: bool = True,
        clock: FakeClock | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.policy = policy or Policy()
        self.lint = lint
        self.calls: list[Call] = []
        self.bodies: list[Body] = []
        self._answer: Answer = lambda environ: Reply(404, "nothing is scripted")
        self._raw: Callable[..., Any] | None = None
        self._threads = set(threading.enumerate())
        app: Callable[..., Any] = self._app
        self.cache = CacheMiddleware(
            Lint(app) if lint else app,
            store=MemoryStore() if store is None else store,
            policy=self.policy,
            clock=self.clock,
        )
        self.front: Callable[..., Any] = Lint(self.cache) if lint else self.cache

    # what the app says

    def app(
        self,
        status: int | str | Answer = 200,
        body: str | bytes | Sequence[bytes] = b"",
        *fields: Field,
        length: bool = True,
        **named: FieldValue,
    ) -> None:
        """From now on the app answers this; or what a function of the environ returns."""
        self._raw = None
        if callable(status):
            self._answer = status
        else:
            reply = Reply(status, body, *fields, length=length, **named)
            self._answer = lambda environ: reply

    def answers(self, *replies: Reply) -> None:
        """The app answers these in turn, then the last one for ever."""
        queue = list(replies)
        self._raw = None
        self._answer = lambda environ: queue.pop(0) if len(queue) > 1 else queue[0]

    def resource(
        self,
        body: str | bytes = b"body",
        *fields: Field,
        etag: str | None = '"v1"',
        last_modified: str | None = None,
        **named: FieldValue,
    ) -> None:
        """The app serves a resource, and a 304 to a condition that names its validator."""

        def answer(environ: Environ) -> Reply:
            said: dict[str, Any] = {**named, "etag": etag, "last_modified": last_modified}
            asked = environ.get("HTTP_IF_NONE_MATCH")
            since = environ.get("HTTP_IF_MODIFIED_SINCE")
            known = etag is not None and asked is not None and etag in asked
            unmodified = last_modified is not None and asked is None and since == last_modified
            if known or unmodified:
                return Reply(304, b"", *fields, **said)
            return Reply(200, body, *fields, **said)

        self.app(answer)

    def wsgi(self, app: Callable[..., Any]) -> None:
        """The app is *app* from now on, a WSGI callable of its own."""
        self._raw = app

    def _app(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.calls.append(Call(environ))
        if self._raw is not None:
            return self._raw(environ, start_response)
        reply = self._answer(environ)
        start_response(reply.status, list(reply.fields))
        body = Body(() if environ["REQUEST_METHOD"] == "HEAD" else reply.chunks)
        self.bodies.append(body)
        return body

    @property
    def count(self) -> int:
        """How many requests reached the app."""
        return len(self.calls)

    # what the client does

    def request(
        self,
        method: str,
        target: str = "/",
        *headers: Field,
        body: bytes = b"",
        environ: Environ | None = None,
        take: int | None = None,
        **named: FieldValue,
    ) -> Exchange:
        """Send a request; field lines by keyword or as pairs, raw environ keys by *environ*."""
        sent = environ_for(method, target, [*headers, *named_fields(named)], body, environ)
        return self.send(sent, take=take)

    def send(self, environ: Environ, *, take: int | None = None) -> Exchange:
        """Send this very environ."""
        before = self.count
        got = exchange(self.front, environ, take=take, name=self.policy.name)
        me = threading.get_ident()
        asked = [call for call in self.calls[before:] if call.thread == me]
        if got.hit:  # RFC 9211 §2.1: not forwarded; RFC 9111 §4: an Age
            assert not asked, f"{got.cache_status} but the app was asked"
            assert "fwd" not in got.verdict, got.cache_status
            assert got.age is not None, got
            assert got.age >= 0, got
        if asked and got.cache_status is not None:
            assert not got.hit, got.cache_status
        return got

    def get(self, target: str = "/", *headers: Field, **named: Any) -> Exchange:
        return self.request("GET", target, *headers, **named)

    def head(self, target: str = "/", *headers: Field, **named: Any) -> Exchange:
        return self.request("HEAD", target, *headers, **named)

    def post(self, target: str = "/", *headers: Field, **named: Any) -> Exchange:
        return self.request("POST", target, *headers, **named)

    def after(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    def settle(self) -> None:
        """Wait until the background validations that run now have ended."""
        for thread in set(threading.enumerate()) - self._threads:
            if thread.name != "wsgicache-validation":
                continue  # the rig's, or one that looks after leases from time to time
            thread.join(30)
            assert not thread.is_alive(), f"{thread} still runs"

    def check_closed(self) -> None:
        """Every body that the app handed out was closed exactly once (PEP 3333), and nobody could
        wait any more for a request that is over."""
        assert [b.closes for b in self.bodies] == [1] * len(self.bodies)
        assert len(self.cache._flights) == 0
        assert self.cache._origin.room.taken == 0


# ── counting steps instead of seconds ────────────────────────────────────────────────────────────


PACKAGE = str(Path(wsgicache.__file__).parent)

if sys.version_info >= (3, 12):

    def steps(function: Callable[[], object]) -> int:
        """How many bytecode steps *function* takes inside the package, as each machine counts.

        From CPython 3.12 on a trace function misses some steps.
        """
        monitoring, tool = sys.monitoring, sys.monitoring.PROFILER_ID
        count, here = 0, threading.get_ident()

        def step(code: CodeType, offset: int) -> Any:
            nonlocal count
            if not code.co_filename.startswith(PACKAGE):
                return monitoring.DISABLE
            count += threading.get_ident() == here
            return None

        monitoring.use_tool_id(tool, "steps")
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, step)
        monitoring.restart_events()  # also where an earlier call turned them off
        monitoring.set_events(tool, monitoring.events.INSTRUCTION)
        try:
            function()
        finally:
            monitoring.set_events(tool, monitoring.events.NO_EVENTS)
            monitoring.register_callback(tool, monitoring.events.INSTRUCTION, None)
            monitoring.free_tool_id(tool)
        return count

else:

    def steps(function: Callable[[], object]) -> int:
        """How many bytecode steps *function* takes inside the package, as each machine counts."""
        count = 0

        def local(frame: Any, event: str, argument: Any) -> Any:
            nonlocal count
            if event == "opcode":
                count += 1
            return local

        def trace(frame: Any, event: str, argument: Any) -> Any:
            if not frame.f_code.co_filename.startswith(PACKAGE):
                return None
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            return local

        previous = sys.gettrace()
        sys.settrace(trace)
        try:
            function()
        finally:
            sys.settrace(previous)
        return count


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    """*text* in chunks of *size* bytes."""
    for start in range(0, len(text), size):
        yield text[start : start + size]
