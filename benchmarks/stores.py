"""What a hit costs in a store that processes share, beside what its client alone takes to read the
same bytes; and what a near cache saves of that.

The store has the entry ready to be served; the request is all that the WSGI server waits for. Each
scenario is timed right after its yardstick, in seconds on the wall, since a server works
meanwhile; ratios are those of neighbours.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from benchmarks.calls import Spread, call, environ, spread
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.rules.keys import target_key
from wsgicache.stores import Store
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.memcached import MemcachedStore
from wsgicache.stores.tiered import TieredStore

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PAGE = b"<!doctype html>".ljust(4096, b".")
FIELDS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(PAGE))),
    ("Vary", "Accept-Encoding"),
    ("ETag", '"7c211433f02071597741e6ff5a8ea34789abbf43"'),
    ("Cache-Control", "max-age=3600"),
)
HOST = "127.0.0.1"


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A page of 4 KiB."""
    start_response("200 OK", [*FIELDS])
    return [PAGE]


# ── servers ───────────────────────────────────────────────────────────────────────────────────


@contextmanager
def started(program: str, arguments: Callable[[int], list[str]]) -> Iterator[int]:
    """The port of a server that lives as long as the block. Raises ClickException without it."""
    path = shutil.which(program)
    if path is None:
        raise click.ClickException(f"{program} is not installed")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    nothing = subprocess.DEVNULL
    process = subprocess.Popen([path, *arguments(port)], stdout=nothing, stderr=nothing)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((HOST, port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise click.ClickException(f"{program} did not start") from None
                time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


def memcached() -> Any:
    """A memcached server."""
    user = ["-u", "root"] if os.getuid() == 0 else []
    return started("memcached", lambda port: ["-l", HOST, "-p", str(port), "-U", "0", *user])


def redis_server(folder: str) -> Any:
    """A Redis server without a file."""
    options = ["--bind", HOST, "--save", "", "--appendonly", "no", "--dir", folder]
    return started("redis-server", lambda port: ["--port", str(port), *options])


# ── scenarios ─────────────────────────────────────────────────────────────────────────────────


class Scenario(NamedTuple):
    """What is timed, what it is compared with, and how many times that it may be."""

    name: str
    run: Callable[[], object]
    yardstick: str
    bare: Callable[[], object]
    limit: float | None = None


def hit(store: Store) -> Callable[[], tuple[str, int]]:
    """A request that *store* has the answer to, from the WSGI server's side."""
    cache, base = CacheMiddleware(app, store=store), environ()
    call(cache, base)
    call(cache, base)
    statuses: list[str] = []

    def observed(given: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, fields: Any, exc_info: Any = None) -> Any:
            statuses.extend(value for name, value in fields if name == "Cache-Status")
            return start_response(status, fields)

        return cache(given, start)

    if call(observed, base) != ("200 OK", len(PAGE)) or "; hit" not in statuses[0]:
        raise click.ClickException(f"{type(store).__name__}: {statuses} is no hit")
    return lambda: call(cache, base)


def read(store: Store) -> Callable[[], bytes]:
    """What *store* does for a hit: it has the entry, and the content of its response."""
    hit(store)
    key = target_key(environ())

    def stored() -> bytes:
        entry = None if key is None else store.get(key)
        assert entry is not None
        (response,) = entry.responses.values()
        return b"".join(store.content(response) or ())

    if stored() != PAGE:
        raise click.ClickException(f"{type(store).__name__} has not what was stored")
    return stored


def scenarios(stack: ExitStack) -> list[Scenario]:
    """Hits in memcached, Redis, files and near caches; their servers live as long as *stack*."""
    from cachelib import FileSystemCache, RedisCache
    from pymemcache.client.base import Client
    from redis import Redis

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    address = (HOST, stack.enter_context(memcached()))
    client = stack.enter_context(closing(Client(address, no_delay=True, default_noreply=False)))
    client.set("bare", PAGE)
    redis = stack.enter_context(closing(Redis(HOST, stack.enter_context(redis_server(folder)))))
    redis.set("bare", PAGE)
    path = Path(folder, "bare")
    path.write_bytes(PAGE)

    shared = MemcachedStore(address)
    files = FileSystemCache(str(Path(folder, "cache")), threshold=0)
    on_disk, on_redis = CachelibStore(files), CachelibStore(RedisCache(redis))
    in_memory = hit(MemoryStore())
    tiered = TieredStore(MemoryStore(), shared, seconds=3600)
    in_pymemcache = ("pymemcache get", lambda: client.get("bare"))
    in_redis = ("redis-py get", lambda: redis.get("bare"))
    return [
        Scenario("memcached", read(shared), *in_pymemcache, 1.35),
        Scenario("memcached, request", hit(shared), *in_pymemcache),
        Scenario("Redis", read(on_redis), *in_redis, 1.35),
        Scenario("Redis, request", hit(on_redis), *in_redis),
        Scenario("files", read(on_disk), "read of a file", path.read_bytes),
        Scenario("files, request", hit(on_disk), "read of a file", path.read_bytes),
        Scenario("near cache", hit(tiered), "memory hit", in_memory, 1.5),
    ]


# ── measuring ─────────────────────────────────────────────────────────────────────────────────


class Figures(NamedTuple):
    """Microseconds of the scenario and of its yardstick, and how many times that it is."""

    microseconds: Spread
    bare: Spread
    ratio: Spread


def timed(run: Callable[[], object], calls: int) -> float:
    """Microseconds of one call."""
    began = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - began) / calls * 1e6


def measure(cases: Iterable[Scenario], rounds: int, calls: int) -> dict[str, Figures]:
    """Time *cases* in turn, *rounds* times, each between two runs of its yardstick."""
    samples: dict[str, list[tuple[float, float]]] = {case.name: [] for case in cases}
    collecting = gc.isenabled()
    try:
        for number in range(rounds + 1):
            gc.collect()
            gc.disable()
            for case in cases:
                before = timed(case.bare, calls)
                took = timed(case.run, calls)
                after = timed(case.bare, calls)
                if number:  # the first round warms up
                    samples[case.name].append((took, (before + after) / 2))
            gc.enable()
    finally:
        (gc.enable if collecting else gc.disable)()
    return {
        name: Figures(
            spread([took for took, _ in sample]),
            spread([bare for _, bare in sample]),
            spread([took / bare for took, bare in sample]),
        )
        for name, sample in samples.items()
    }


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds: a first impression.")
@click.option("--check", is_flag=True, help="Fail where a ratio is above its limit.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def stores(quick: bool, check: bool, output: Path | None) -> None:
    """Time hits of 4 KiB in shared stores, beside their clients alone."""
    rounds, calls = (9, 100) if quick else (101, 200)
    with ExitStack() as stack:
        cases = scenarios(stack)
        figures = measure(cases, rounds, calls)
    heads = ("µs", "µs of the yardstick", "times that")
    click.echo(f"{'':20}" + "".join(f"{head:>26}" for head in heads) + "   yardstick")
    for case in cases:
        cells = "".join(
            f"{f'{value.median:8.2f} [{value.low:.2f}–{value.high:.2f}]':>26}"
            for value in figures[case.name]
        )
        limit = f", at most {case.limit} times" if case.limit else ""
        click.echo(f"{case.name:20}{cells}   {case.yardstick}{limit}")
    click.echo(f"Medians and quartiles of {rounds} rounds of {calls} requests, interleaved.")
    if output is not None:
        rows = {
            case.name: {
                "yardstick": case.yardstick,
                "limit": case.limit,
                **{field: value._asdict() for field, value in figures[case.name]._asdict().items()},
            }
            for case in cases
        }
        data = {"benchmark": "stores", "rounds": rounds, "calls": calls, "scenarios": rows}
        output.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    above = [c.name for c in cases if c.limit and figures[c.name].ratio.median > c.limit]
    if check and above:
        raise click.ClickException(f"above the limit: {', '.join(above)}")
