"""Streams over a real server: not held up, and not held on to."""

from __future__ import annotations

import json
import os
import resource
import socket
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import servers
from benchmarks.servers import HOST
from wsgicache import CacheMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CHUNK = bytes(1 << 16)
EVENT = b"data: 1\n\n"
PATIENCE = 30.0  # seconds without a byte after which a client gives up


def resident() -> int:
    """Bytes of memory that this process holds; where the system does not tell, held at most."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# ── clients ───────────────────────────────────────────────────────────────────────────────────


def asked(port: int, target: str, method: str = "GET", *lines: str) -> socket.socket:
    """A connection on which a request was sent; HTTP/1.0, so that its end is that of the body."""
    client = socket.create_connection((HOST, port), PATIENCE)
    head = [f"{method} {target} HTTP/1.0", f"Host: {HOST}", *lines, "", ""]
    client.sendall("\r\n".join(head).encode())
    return client


def received(client: socket.socket) -> bytes:
    """Everything that comes."""
    pieces = []
    with suppress(ConnectionError):  # a reset is an end, too
        while piece := client.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


def told(port: int, target: str) -> Any:
    """The JSON at *target*."""
    with closing(asked(port, target)) as client:
        return json.loads(received(client).partition(b"\r\n\r\n")[2])


# ── streams ──────────────────────────────────────────────────────────────────────────────────────


def events() -> Iterator[bytes]:
    """Two, the second after a moment."""
    yield EVENT
    time.sleep(0.05)
    yield EVENT


def streams(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """``/stream?bytes`` that look storable, ``/events``, and ``/resident``: bytes of memory."""
    path = environ["PATH_INFO"]
    if path == "/events":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return events()
    if path == "/resident":
        start_response("200 OK", [("Cache-Control", "no-store")])
        return [str(resident()).encode()]
    fields = [("Content-Type", "application/octet-stream"), ("Cache-Control", "max-age=60")]
    start_response("200 OK", fields)
    return (CHUNK for _ in range(int(environ["QUERY_STRING"] or 0) // len(CHUNK)))


def bare_streams() -> WSGIApplication:
    """The app alone."""
    return streams


def cached_streams() -> WSGIApplication:
    """The app behind a cache."""
    return CacheMiddleware(streams)


class Streamed(NamedTuple):
    """What streams cost behind a cache."""

    later: float
    """Seconds by which the first event comes later than from the app alone."""
    throughput: float
    """Bytes per second, by those of the app alone."""
    grown: int
    """Bytes by which the server's process grew."""


def stream(port: int, number: int, size: int) -> float:
    """Seconds that *size* bytes take. Raises RuntimeError where not all of them come."""
    buffer = bytearray(1 << 18)
    began = time.perf_counter()
    with closing(asked(port, f"/stream/{number}?{size}")) as client:
        came = 0
        while count := client.recv_into(buffer):
            came += count
    if came < size:
        raise RuntimeError(f"of {size} bytes {came} came")
    return time.perf_counter() - began


def first_event(port: int) -> float:
    """Seconds until the first event is there, of several."""
    began = time.perf_counter()
    with closing(asked(port, "/events")) as client:
        said = b""
        while EVENT not in said:
            said += client.recv(1000)
        took = time.perf_counter() - began
        received(client)
    return took


def streamed(count: int, size: int) -> Streamed:
    """So many streams of *size* bytes behind a cache, each after one from the app alone."""
    with (
        servers.serving("gunicorn", f"{__name__}:bare_streams") as bare,
        servers.serving("gunicorn", f"{__name__}:cached_streams") as cached,
    ):
        for port in (bare, cached):
            stream(port, count, min(size, 8 << 20))
        before = told(cached, "/resident")
        ratios = [stream(bare, n, size) / stream(cached, n, size) for n in range(count)]
        grown = told(cached, "/resident") - before
        pairs = [(first_event(bare), first_event(cached)) for _ in range(max(5, 3 * count))]
    later = statistics.median(ours - theirs for theirs, ours in pairs)
    return Streamed(later, statistics.median(ratios), grown)
