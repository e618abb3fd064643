"""Clients that stop reading: how long the others wait, and how much memory is held meanwhile."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.contenders import CACHES
from benchmarks.faults_streams import asked, received, resident, told
from benchmarks.servers import HOST, free_port, running
from wsgicache import CacheMiddleware, Policy

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

MIB = 1 << 20
PAGE = 8 * MIB
THREADS = 8
OTHERS = 12
LONGEST = 0.6
"""Seconds within which the others of a page are to be answered."""
LATER = 0.1
"""Seconds by which another page may come later than without a cache."""
_PATIENCE = 30.0

# ── the site ─────────────────────────────────────────────────────────────────────────────────────


class Site:
    """``/page`` and what lies below, streamed, ``?bytes`` long; ``/other``; ``/told``; and
    ``/soften/…``, after which that page is stale."""

    def __init__(self, policy: Policy | None) -> None:
        self._lock = threading.Lock()
        self._asked = 0
        self._cache = None if policy is None else CacheMiddleware(self.app, policy=policy)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/soften") and self._cache is not None:
            query = environ["QUERY_STRING"]
            url = f"http://{HOST}{path.removeprefix('/soften')}{f'?{query}' if query else ''}"
            self._cache.purge(url, soft=True)
        if path.startswith(("/told", "/soften")):
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps({"asked": self._asked, "resident": resident()}).encode()]
        return (self._cache or self.app)(environ, start_response)

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The pages. Each tells in all of its bytes how many came before it."""
        if environ["PATH_INFO"] == "/other":
            start_response(
                "200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "no-store")]
            )
            return [b"other"]
        with self._lock:
            self._asked += 1
            number = self._asked
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
        return pieces(number, int(environ["QUERY_STRING"] or PAGE))


def pieces(number: int, size: int) -> Iterator[bytes]:
    """A page of *size* bytes, each piece of it made anew."""
    for begin in range(0, size, 1 << 16):
        yield number.to_bytes(8, "big") * (min(1 << 16, size - begin) // 8)


bare, cached = Site(None), Site(Policy())
patient = Site(Policy(collapse_timeout=3600))
"""One where whoever waits for a client that has stopped waits for ever."""

# ── servers ──────────────────────────────────────────────────────────────────────────────────────

COMMANDS = {
    "gunicorn": "--bind {at} --workers 1 --worker-class gthread --threads {threads} "
    "--log-level critical {app}",
    # Else five connections wait at most, without a cache, too: the sixth comes a second later.
    "cheroot": "{app} --bind {at} --threads {threads} --request-queue-size 128",
    "granian": "--interface wsgi --host {host} --port {port} --blocking-threads {threads} "
    "--no-log {app}",
    "waitress": "--listen={at} --threads={threads} {app}",
}
"""The servers that have threads, and their options for so many of them."""
GEVENT = "--bind {at} --workers 1 --worker-class gevent --log-level critical {app}"


@contextmanager
def serving(server: str, app: str, threads: int = THREADS) -> Iterator[int]:
    """Serve *app* of this module; yields the port."""
    module, options = ("gunicorn", GEVENT) if server == "gevent" else (server, COMMANDS[server])
    port = free_port()
    filled = options.format(
        at=f"{HOST}:{port}", host=HOST, port=port, threads=threads, app=f"{__name__}:{app}"
    )
    with running(server, [sys.executable, "-m", module, *filled.split()], port):
        yield port


def is_installed(server: str) -> bool:
    """Whether *server* can be started here."""
    return importlib.util.find_spec(server) is not None


# ── clients ──────────────────────────────────────────────────────────────────────────────────────


def stalled(port: int, target: str, takes: int = 1024, holds: int = 4096) -> socket.socket:
    """A client that *takes* so many bytes of *target*, and reads no more; its socket *holds* some
    more."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holds)
    client.settimeout(_PATIENCE)
    client.connect((HOST, port))
    client.sendall(f"GET {target} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
    while takes > 0 and (piece := client.recv(min(takes, 1 << 16))):
        takes -= len(piece)
    return client


class Crowd(NamedTuple):
    """What became of those who came while others had stopped reading."""

    seconds: float
    """Until the last of them had the page."""
    other: float
    """Until another page was there, for which one asked behind them."""
    wrong: int
    """Pages that were not whole, or mixed."""
    asked: int
    """How often the app was asked for the page meanwhile."""


def crowd(port: int, target: str, size: int = PAGE, counts: int = 0, others: int = OTHERS) -> Crowd:
    """Have *others* ask for *target* at once, and one behind them for another page. The app counts
    how often it is asked, and says so at the port *counts*, or at the same."""
    together = threading.Barrier(others)
    sent = threading.Barrier(others + 1)
    took: list[float] = []
    wrong: list[int] = []
    other: list[float] = []

    def ask() -> None:
        room = memoryview(bytearray(size + 4096))
        together.wait(_PATIENCE)
        began, came = time.perf_counter(), 0
        with closing(asked(port, target)) as client:
            sent.wait(_PATIENCE)
            while count := client.recv_into(room[came:]):
                came += count
        took.append(time.perf_counter() - began)
        body = bytes(room[:came]).partition(b"\r\n\r\n")[2]
        wrong.append(len(body) != size or body[8:] != body[:-8])

    def ask_another() -> None:
        sent.wait(_PATIENCE)
        began = time.perf_counter()
        with closing(asked(port, "/other")) as client:
            received(client)
        other.append(time.perf_counter() - began)

    before = told(counts or port, "/told")["asked"]
    threads = [threading.Thread(target=ask, daemon=True) for _ in range(others)]
    threads.append(threading.Thread(target=ask_another, daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * _PATIENCE)
    if len(took) < others or not other:
        raise RuntimeError(f"of {others} clients {len(took)} have an answer: others hang")
    asked_for = told(counts or port, "/told")["asked"] - before
    return Crowd(max(took), other[0], sum(wrong), asked_for)


def rounds(
    port: int, count: int, readers: int = 1, stale: bool = False, counts: int = 0
) -> Iterator[Crowd]:
    """So often so many *readers* stop on a page, not stored or *stale*; then others come."""
    for number in range(count):
        target = f"/page/{number}"
        if stale:
            with closing(asked(port, target)) as client:
                received(client)
            told(port, f"/soften{target}")
        with ExitStack() as stack:
            for client in stopped(port, target, readers):
                stack.enter_context(closing(client))
            found = crowd(port, target, counts=counts)
        yield found


def stopped(port: int, target: str, readers: int) -> Iterator[socket.socket]:
    """So many clients that have stopped on *target*, the last of them right now."""
    if readers > 1:
        with ThreadPoolExecutor(readers - 1) as pool:
            yield from pool.map(stalled, [port] * (readers - 1), [target] * (readers - 1))
    yield stalled(port, target)


class Beside(NamedTuple):
    """What became of the same crowds with a cache and without."""

    cached: list[Crowd]
    bare: list[Crowd]


def beside(server: str, app: str, count: int, readers: int) -> Beside:
    """Have *readers* stop so often on a page of *app* that is not stored, and then on one that is
    stale; after each of these rounds comes one without a cache.

    The server has as many threads for all others as it has where one stops.
    """
    threads = THREADS + readers - 1
    found = Beside([], [])
    with serving(server, "bare", threads) as alone, serving(server, app, threads) as port:
        without = rounds(alone, 2 * count, readers)
        for stale in (False, True):
            for one in rounds(port, count, readers, stale):
                found.cached.append(one)
                found.bare.append(next(without))
    return found


def slow_readers(server: str, readers: int, size: int) -> tuple[int, int]:
    """Bytes by which the process of *server* grows while so many *readers* have stopped in the
    middle of a page of *size* bytes; without a cache, and with one."""
    grown = []
    for app in ("bare", "cached"):
        with serving(server, app) as port, ExitStack() as stack:
            before = told(port, "/told")["resident"]
            target = f"/page?{size}"
            for _ in range(readers):
                stack.enter_context(closing(stalled(port, target, size // 2, 1 << 16)))
            grown.append(told(port, "/told")["resident"] - before)
    return grown[0], grown[1]


def at_peers(count: int) -> Iterator[tuple[str, list[Crowd]]]:
    """The same at nginx and Varnish in front of the site alone, where they are installed."""
    for name, (program, command) in CACHES.items():
        if shutil.which(program) is None:
            continue
        with (
            serving("gunicorn", "bare", 4 * THREADS) as origin,
            tempfile.TemporaryDirectory() as folder,
        ):
            port = free_port()
            with running(name, command(Path(folder), port, origin), port):
                yield name, list(rounds(port, count, counts=origin))
