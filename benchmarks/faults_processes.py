"""Forks under load, and a refresh that hangs when its server is told to end."""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import servers
from benchmarks.calls import call, environ
from benchmarks.faults_streams import asked, received
from wsgicache import CacheMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

DEADLINE = 10.0
"""Seconds after which a child hangs."""
GRACE = 2
"""Seconds that gunicorn gives requests to end."""


# ── forks ─────────────────────────────────────────────────────────────────────────────────────


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A page that is stale at once and says which it is, after some milliseconds."""
    time.sleep(random.random() / 500)
    said = [("Cache-Control", "max-age=0, stale-while-revalidate=60")]
    start_response("200 OK", [("Content-Type", "text/plain"), *said])
    return [environ["PATH_INFO"].encode()]


class Forked(NamedTuple):
    """What became of children."""

    hung: int
    failed: int


def forked(count: int) -> Forked:
    """Fork so many children, one after the other, from a process whose threads are all asking one
    cache, which asks its app in the background; each child asks it, too."""
    # Python from 3.12 on warns of what this is about.
    warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
    logging.getLogger("wsgicache").setLevel(logging.CRITICAL)  # there is too much to refresh
    cache = CacheMiddleware(page)
    over = threading.Event()

    def load(number: int) -> None:
        while not over.is_set():
            call(cache, environ(f"/{random.randrange(20)}"))

    threads = [threading.Thread(target=load, args=(n,), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    codes = [child(cache) for _ in range(count)]
    over.set()
    for thread in threads:
        thread.join(DEADLINE)
    hung = sum(thread.is_alive() for thread in threads)
    return Forked(hung + codes.count(None), sum(bool(code) for code in codes))


def child(cache: CacheMiddleware) -> int | None:
    """The exit code of a child that asks *cache* for every page; None if it hangs."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            right = all(
                b"".join(cache(environ(path), lambda *head: lambda data: None)) == path.encode()
                for path in (f"/{n}" for n in range(25))
            )
            code = 0 if right else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


# ── SIGTERM ───────────────────────────────────────────────────────────────────────────────────


def stuck() -> WSGIApplication:
    """A page that is stale after a second, behind a cache; its refresh hangs for a minute.
    ``/refreshing`` says whether it does."""
    times = 0

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal times
        if environ["PATH_INFO"] == "/refreshing":
            start_response("200 OK", [("Cache-Control", "no-store")])
            return [b"%d" % times]
        times += environ["PATH_INFO"] == "/page"
        if times > 1:
            time.sleep(60)
        said = [("Cache-Control", "max-age=1, stale-while-revalidate=60")]
        start_response("200 OK", [("Content-Type", "text/plain"), *said])
        return [b"page"]

    return CacheMiddleware(app)


def terminated() -> float:
    """Seconds that gunicorn takes to end by SIGTERM while a refresh hangs. Raises RuntimeError
    where none does."""
    port = servers.free_port()
    factory = f"{__name__}:stuck"
    program, *rest = servers.line("gunicorn", factory, port, threads=4)
    line = [program, *rest[:-1], "--graceful-timeout", str(GRACE), rest[-1]]

    def get(path: str) -> bytes:
        client = asked(port, path)
        try:
            return received(client)
        finally:
            client.close()

    with servers.running("gunicorn", line, port) as process:
        get("/page")
        for _ in range(100):
            if get("/refreshing").endswith(b"2"):
                break
            time.sleep(0.05)
            get("/page")
        else:
            raise RuntimeError("nothing was refreshed")
        began = time.monotonic()
        process.terminate()
        process.wait(DEADLINE + 60)
        return time.monotonic() - began
