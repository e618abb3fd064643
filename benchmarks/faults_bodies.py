"""Bodies are closed once each at real servers, whoever hangs up, and nobody complains."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.validate import validator

from werkzeug.middleware.lint import LintMiddleware

from benchmarks import servers
from benchmarks.calls import call, environ
from benchmarks.faults_streams import CHUNK, asked, received, told
from benchmarks.servers import HOST, Disconnected
from wsgicache import CacheMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# ── pages ─────────────────────────────────────────────────────────────────────────────────────


class Counted:
    """A body of some chunks that counts how often it is closed, and may break."""

    def __init__(self, site: Site, chunks: Iterable[bytes], breaks: bool = False) -> None:
        self._site = site
        self._chunks = chunks
        self._breaks = breaks
        site.count("opened")

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._breaks:
            raise Disconnected

    def close(self) -> None:
        """Called by whoever is done with it."""
        self._site.count("closed")


class Site:
    """Pages of all kinds behind a cache, with wsgiref.validate on both sides of it; ``/counts``
    passes by."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts = {"opened": 0, "closed": 0, "complaints": 0}
        self._first = ""
        self._cache = validator(CacheMiddleware(validator(self.app)))

    def count(self, what: str) -> None:
        """One more of *what*."""
        with self._lock:
            self.counts[what] += 1

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/counts":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps({**self.counts, "first": self._first}).encode()]
        try:
            body = self._cache(environ, start_response)
        except AssertionError as error:
            self._complain(error)
            raise
        return Watched(body, self._complain)

    def _complain(self, error: AssertionError) -> None:
        self.count("complaints")
        self._first = self._first or str(error)

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The pages; the first part of the path says of which kind."""
        kind = environ["PATH_INFO"].split("/")[1]
        said = {"private": "private", "short": "max-age=1, stale-while-revalidate=9"}
        fields = [
            ("Content-Type", "text/plain"),
            ("Cache-Control", said.get(kind, "max-age=60")),
            *([("ETag", '"1"')] if kind in ("short", "pieces") else []),
            *([("Vary", "X-Kind")] if kind == "varies" else []),
            *([("Content-Length", "999")] if kind == "cut" else []),
        ]
        if kind == "raises":
            raise Disconnected
        status = "503 Service Unavailable" if kind == "busy" else "200 OK"
        if kind == "lazy":
            return Counted(self, started(lambda: start_response(status, fields)))
        start_response(status, fields)
        if kind == "large":
            return Counted(self, [CHUNK] * 4)
        return Counted(self, [b"pa", b"ge"], breaks=kind == "breaks")


def started(start: Callable[[], object]) -> Iterator[bytes]:
    """A body that is begun when it is read."""
    start()
    yield b"page"


class Watched:
    """*body*, whose AssertionErrors are told before they are raised."""

    def __init__(self, body: Iterable[bytes], tell: Callable[[AssertionError], None]) -> None:
        self._body: Any = body  # the lint's, which always can be closed
        self._iterator = iter(body)
        self._tell = tell

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._iterator)
        except AssertionError as error:
            self._tell(error)
            raise

    def close(self) -> None:
        """Close the body."""
        try:
            self._body.close()
        except AssertionError as error:
            self._tell(error)
            raise


SOUND = ("pieces", "short", "private", "varies", "busy", "lazy", "large")
PATHS = [f"/{kind}/{number}" for number in range(3) for kind in (*SOUND, "raises", "breaks", "cut")]


def mix(port: int, requests: int, first: int) -> None:
    """So many requests of all kinds, some from clients that hang up at once or in between."""
    for number in range(first, first + requests):
        method = ("GET", "GET", "GET", "HEAD", "GET", "DELETE")[number % 6]
        lines = ["Range: bytes=0-1", f"X-Kind: {number % 5}"][: number % 3]
        target = PATHS[number * 7919 % len(PATHS)]
        # Some apps break, and their servers reset the connection.
        with suppress(ConnectionError), closing(asked(port, target, method, *lines)) as client:
            if number % 11 == 1:
                continue
            if number % 11 == 2:
                client.recv(1)
                continue
            received(client)


def linted(requests: int) -> list[str]:
    """What Werkzeug's LintMiddleware says of so many requests for sound pages, on both sides of a
    cache."""
    front = LintMiddleware(CacheMiddleware(LintMiddleware(Site().app)))
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(requests):
            base = environ(f"/{SOUND[number % len(SOUND)]}/{number * 7919 % 5}")
            base |= {"HTTP_X_KIND": str(number % 3)} if number % 4 else {}
            base["REQUEST_METHOD"] = "DELETE" if number % 50 == 0 else "GET"
            try:
                call(front, base)
            except (AssertionError, Warning) as error:
                said.append(str(error))
    return said


# ── servers ────────────────────────────────────────────────────────────────────────────────────


def site() -> WSGIApplication:
    """A new one."""
    return Site()


FACTORY = f"{__name__}:site"


@contextmanager
def wsgiref(app: WSGIApplication) -> Iterator[int]:
    """Serve *app* by wsgiref in threads, without a log."""

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # clients that have gone

    class Handler(WSGIRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def get_stderr(self) -> Any:
            return io.StringIO()

    server = Server((HOST, 0), Handler)
    server.set_app(app)
    with servers.served(server) as port:
        yield port


@contextmanager
def by_command(name: str, command: Callable[[int], list[str]]) -> Iterator[int]:
    """The port of the server *name*, started by *command*."""
    port = servers.free_port()
    with servers.running(name, command(port), port):
        yield port


def gunicorn(*options: str) -> Callable[[int], list[str]]:
    """gunicorn with one worker and *options*."""

    def command(port: int) -> list[str]:
        common = ("--bind", f"{HOST}:{port}", "--log-level", "critical")
        return [sys.executable, "-m", "gunicorn", *common, *options, f"{FACTORY}()"]

    return command


def program(name: str) -> str | None:
    """The command *name* beside this Python, or anywhere."""
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{path}")


def uwsgi(port: int) -> list[str]:
    """uWSGI with one process."""
    return [
        *(program("uwsgi") or "uwsgi", "--http", f"{HOST}:{port}", "--master", "--need-app"),
        *("--die-on-term", "--enable-threads", "--threads", "8", "--disable-logging"),
        *("--wsgi", f"{FACTORY}()"),
    ]


SERVERS: dict[str, Callable[[], AbstractContextManager[int]]] = {
    "wsgiref": lambda: wsgiref(site()),
    "cheroot": lambda: servers.serving("cheroot", FACTORY),
    "waitress": lambda: servers.serving("waitress", FACTORY),
    "granian": lambda: servers.serving("granian", FACTORY),
    "gunicorn sync": lambda: by_command("gunicorn sync", gunicorn()),
    "gunicorn gthread": lambda: by_command("gunicorn gthread", gunicorn("--threads", "8")),
    "gunicorn gevent": lambda: by_command("gunicorn gevent", gunicorn("-k", "gevent")),
    "uWSGI": lambda: by_command("uwsgi", uwsgi),
}
"""Those that close every body; Werkzeug's leaves that of a client who has gone."""


def is_installed(name: str) -> bool:
    """Whether the server *name* of `SERVERS` can be started here."""
    if name == "uWSGI":
        return program("uwsgi") is not None
    return importlib.util.find_spec(name.split()[-1 if name.endswith("gevent") else 0]) is not None


class Mixed(NamedTuple):
    """What became of bodies at one server."""

    opened: int
    closed: int
    complaints: int
    first: str
    """The first complaint."""


CLIENTS = 8


def mixed(serving: AbstractContextManager[int], requests: int) -> Mixed:
    """Have clients ask for so many pages of all kinds at once; and count when all is quiet."""
    with serving as port:
        share = requests // CLIENTS
        threads = [
            threading.Thread(target=mix, args=(port, share, share * n)) for n in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        deadline = time.monotonic() + 10
        while True:
            counts = told(port, "/counts")
            if counts["opened"] == counts["closed"] or time.monotonic() > deadline:
                return Mixed(**counts)
            time.sleep(0.05)
