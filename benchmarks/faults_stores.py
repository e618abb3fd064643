"""What one client may cost the others by what it asks for: memory, room in the store, time, trips
to its server; and what a large page costs."""

from __future__ import annotations

import gc
import os
import socket
import statistics
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from benchmarks.calls import call, environ, observed
from benchmarks.stores import memcached, redis_server
from wsgicache import CacheMiddleware, MemoryStore, Policy
from wsgicache.stores import Store
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.memcached import MemcachedStore

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
FRESH = ("Cache-Control", "max-age=3600")
VARIANTS = 64


def page(size: int, *fields: tuple[str, str]) -> WSGIApplication:
    """An application of one page."""
    body = [b"x" * size]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), FRESH, *fields])
        return body

    return app


# ── room ─────────────────────────────────────────────────────────────────────────────────────────


def evicted(scale: int) -> float:
    """Percent of 1,000 hot pages, which fill a store, that 64 made-up hosts for a page evict.

    That page is a sixty-fourth of the store. Where *scale* is 1, it has 1 MB.
    """
    large, hot = page(1_000_000 // scale), page(64_000 // scale)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return (large if environ["PATH_INFO"] == "/large" else hot)(environ, start_response)

    cache = CacheMiddleware(app, store=MemoryStore(64 * 1024 * 1024 // scale))
    paths = [f"/{number}" for number in range(1000)]
    for path in [*paths, *paths, "/large"]:
        call(cache, environ(path))

    def there() -> set[str]:
        only = {"HTTP_CACHE_CONTROL": "only-if-cached"}
        return {path for path in paths if call(cache, environ(path, **only))[0] == "200 OK"}

    before = there()
    for number in range(64):
        call(cache, environ("/large"))
        call(cache, environ("/large", HTTP_X_FORWARDED_HOST=f"h{number}.example"))
    if "; hit" not in observed(cache, environ("/large"))[2]:
        raise click.ClickException("rooms: the page that is asked for has gone")
    return 100 * len(before - there()) / len(before)


def remembered(requests: int) -> float:
    """MiB that are kept after so many *requests* with a Host, and as many with a query, that have
    250,000 characters each and are never the same."""
    cache = CacheMiddleware(page(100), store=MemoryStore(1))
    call(cache, environ())
    gc.collect()
    tracemalloc.start()
    for number in range(requests):
        long = f"{number}" + "a" * 250_000
        call(cache, environ(HTTP_HOST=long))
        call(cache, environ(QUERY_STRING=long))
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / (1 << 20)


# ── time ─────────────────────────────────────────────────────────────────────────────────────────


def longest_field() -> float:
    """Milliseconds of a request with much in the field that takes longest, the quickest of 5.

    That is 60 KB, and 16 KiB, which the cache still reads.
    """
    cache = CacheMiddleware(page(100), policy=Policy(ignore_cookies=("_ga*", "_gid", "x-*")))
    shapes = (";", ",", "a=", "a;", '"', "no-store=x,", " ,", "a ")
    fields = ("COOKIE", "CACHE_CONTROL", "PRAGMA", "UPGRADE", "FORWARDED", "RANGE", "ACCEPT")
    bases = [
        environ(**{f"HTTP_{field}": (shape * length)[:length]})
        for field in fields
        for shape in shapes
        for length in (60_000, 16 * 1024)
    ]

    def quickest(base: WSGIEnvironment) -> float:
        took = []
        for _ in range(5):
            began = time.perf_counter()
            call(cache, base)
            took.append(time.perf_counter() - began)
        return 1000 * min(took)

    return max(map(quickest, bases))


class Many(NamedTuple):
    """What a hit in a server costs."""

    server: str
    one: float
    """Microseconds of it alone."""
    among: float
    """Among 64 variants of 4 KiB."""


def among_variants(rounds: int) -> Iterator[Many]:
    """A hit alone and among 64 variants, in memcached and in Redis.

    Of *rounds* times 64 hits it is the tenth that are quickest: what else the machine does slows
    the others.
    """
    app = page(4096, ("Vary", "Accept-Language"))
    with servers() as opened:
        for server, make in opened:
            cases = []
            for count in (1, VARIANTS):
                cache = CacheMiddleware(app, store=make(f"v{count}"))
                asked = [environ(HTTP_ACCEPT_LANGUAGE=f"x-{n}") for n in range(count)]
                for base in [*asked, *asked]:
                    call(cache, base)
                if not all("; hit" in observed(cache, base)[2] for base in asked):
                    raise click.ClickException(f"variants: never a hit in {server}")
                cases.append((cache, asked))
            took: list[list[float]] = [[], []]
            for number in range(rounds * VARIANTS):
                for times, (cache, asked) in zip(took, cases, strict=True):
                    began = time.perf_counter()
                    call(cache, asked[number % len(asked)])
                    times.append(time.perf_counter() - began)
            one, among = (1e6 * statistics.quantiles(times, n=10)[0] for times in took)
            yield Many(server, one, among)


@contextmanager
def servers() -> Iterator[list[tuple[str, Callable[[str], Store]]]]:
    """What opens a store in each server that is installed, by a namespace."""
    with ExitStack() as stack:
        found: list[tuple[str, Callable[[str], Store]]] = []
        try:
            port = stack.enter_context(memcached())
            found.append(
                ("memcached", lambda name: MemcachedStore((HOST, port), namespace=name, timeout=5))
            )
        except click.ClickException as missing:
            click.echo(f"not measured: {missing}")
        try:
            from cachelib import RedisCache
            from redis import Redis

            folder = stack.enter_context(tempfile.TemporaryDirectory())
            client = Redis(HOST, stack.enter_context(redis_server(folder)))
            found.append(("Redis", lambda name: CachelibStore(RedisCache(client), namespace=name)))
        except (click.ClickException, ImportError) as missing:
            click.echo(f"not measured: {missing}")
        yield found


def trips(count: int) -> float:
    """Round trips of a stored miss on memcached, in the mean of *count*: answers waited for."""
    waited = 0

    with servers() as opened:
        make = dict(opened).get("memcached")
        if make is None:
            return 0
        store: Any = make("trips")
        cache = CacheMiddleware(page(4096), store=store)
        call(cache, environ("/first"))
        (generations,) = store._nodes.values()
        node = generations.node
        ask = node._ask

        def counted(do: Callable[[Any], Any]) -> Any:
            nonlocal waited
            waited += 1
            return ask(do)

        node._ask = counted
        for number in range(count):
            told = observed(cache, environ(f"/{number}"))[2]
            if "; stored" not in told:
                raise click.ClickException(f"trips: {told}")
    return waited / count


# ── a large page ─────────────────────────────────────────────────────────────────────────────────

LARGE = 12_000_000


def large_page(rounds: int) -> tuple[float, float] | None:
    """Milliseconds of a file of 12 MB over waitress, from the store and without a cache.

    None where waitress is not installed.
    """
    try:
        import waitress
    except ImportError:
        return None
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(LARGE))
        file.flush()

        def bare(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [("Content-Length", str(LARGE)), FRESH])
            again = os.fdopen(os.open(file.name, os.O_RDONLY), "rb")
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](again)
            return wrapped

        took: list[list[float]] = [[], []]
        opened = [waitress.create_server(app, port=0) for app in (CacheMiddleware(bare), bare)]
        threads = [threading.Thread(target=server.run, daemon=True) for server in opened]
        for thread in threads:
            thread.start()
        for server in opened:
            fetched(server.effective_port)
        for _ in range(rounds):
            for times, server in zip(took, opened, strict=True):
                times.append(1000 * fetched(server.effective_port))
        for server in opened:
            server.close()
        return statistics.median(took[0]), statistics.median(took[1])


def fetched(port: int) -> float:
    """Seconds until all of the large page has come."""
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        began, have, room = time.perf_counter(), 0, bytearray(1 << 20)
        while got := connection.recv_into(room):
            have += got
        if have < LARGE:
            raise click.ClickException(f"large: {have} bytes of {LARGE} have come")
        return time.perf_counter() - began
