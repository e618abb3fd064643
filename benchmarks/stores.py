"""What a hit costs in a store that processes share, beside what its client alone takes to read the
same bytes; and what a near cache saves of that.

The store has the entry ready to be served; the request is all that the WSGI server waits for. Each
scenario is timed right after its yardstick, in seconds on the wall, since a server works
meanwhile; ratios are those of neighbours.
"""

from __future__ import annotations

import gc
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from operator import truediv
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from benchmarks.calls import call, environ, observed, progress, without_collector
from benchmarks.results import Claim, Figure, number, show
from benchmarks.servers import HOST, free_port
from wsgicache import CacheMiddleware, MemoryStore, store_from_url
from wsgicache.rules.keys import target_key
from wsgicache.rules.model import CacheEntry
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
    port = free_port()
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


@contextmanager
def memcached_beside(path: str) -> Iterator[str]:
    """A memcached server at the UNIX socket *path*, as long as the block."""
    program = shutil.which("memcached")
    if program is None:
        raise click.ClickException("memcached is not installed")
    user = ["-u", "root"] if os.getuid() == 0 else []
    nothing = subprocess.DEVNULL
    process = subprocess.Popen([program, "-s", path, *user], stdout=nothing, stderr=nothing)
    try:
        deadline = time.monotonic() + 20
        while not os.path.exists(path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise click.ClickException("memcached did not start")
            time.sleep(0.02)
        yield path
    finally:
        process.kill()
        process.wait()


def redis_server(folder: str) -> Any:
    """A Redis server without a file."""
    options = ["--bind", HOST, "--save", "", "--appendonly", "no", "--dir", folder]
    return started("redis-server", lambda port: ["--port", str(port), *options])


# ── scenarios ─────────────────────────────────────────────────────────────────────────────────


class Scenario(NamedTuple):
    """What is timed, what it is compared with, and how many times that it may be; or most
    microseconds of the processor."""

    name: str
    run: Callable[[], object]
    yardstick: str
    bare: Callable[[], object]
    limit: float | None = None
    most_cpu: float | None = None


def hit(store: Store) -> Callable[[], tuple[str, int]]:
    """A request that *store* has the answer to, from the WSGI server's side."""
    cache, base = CacheMiddleware(app, store=store), environ()
    call(cache, base)
    call(cache, base)
    status, length, told = observed(cache, base)
    if (status, length) != ("200 OK", len(PAGE)) or "; hit" not in told:
        raise click.ClickException(f"{type(store).__name__}: {status}, {told!r} is no hit")
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
    """Hits in memcached, Redis, files, LMDB and near caches; their servers live as long as *stack*.

    What is not installed is named and left out.
    """
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    cases: list[Scenario] = []
    for part in (in_memcached, in_redis, in_files, in_lmdb):
        try:
            cases += part(stack, folder)
        except (click.ClickException, ImportError) as missing:
            click.echo(f"not measured: {missing}")
    return cases


def in_memcached(stack: ExitStack, folder: str) -> list[Scenario]:
    """Hits in memcached, and in a near cache before it."""
    from pymemcache.client.base import Client

    address = (HOST, stack.enter_context(memcached()))
    client = stack.enter_context(closing(Client(address, no_delay=True, default_noreply=False)))
    client.set("bare", PAGE)
    shared = MemcachedStore(address, timeout=5.0)  # a busy machine is no outage here
    near = TieredStore(MemoryStore(), shared, seconds=3600)
    bare = ("pymemcache get", lambda: client.get("bare"))
    return [
        Scenario("memcached", read(shared), *bare, 1.35),
        Scenario("memcached, request", hit(shared), *bare),
        Scenario("near cache", hit(near), "memory hit", hit(MemoryStore()), 1.5),
    ]


def in_redis(stack: ExitStack, folder: str) -> list[Scenario]:
    """Hits in Redis."""
    from cachelib import RedisCache
    from redis import Redis

    redis = stack.enter_context(closing(Redis(HOST, stack.enter_context(redis_server(folder)))))
    redis.set("bare", PAGE)
    store = CachelibStore(RedisCache(redis))
    bare = ("redis-py get", lambda: redis.get("bare"))
    return [
        Scenario("Redis", read(store), *bare, 1.35),
        Scenario("Redis, request", hit(store), *bare),
    ]


def in_files(stack: ExitStack, folder: str) -> list[Scenario]:
    """Hits in files."""
    from cachelib import FileSystemCache

    path = Path(folder, "bare")
    path.write_bytes(PAGE)
    store = CachelibStore(FileSystemCache(str(Path(folder, "cache")), threshold=0))
    return [
        Scenario("files", read(store), "read of a file", path.read_bytes),
        Scenario("files, request", hit(store), "read of a file", path.read_bytes),
    ]


def in_lmdb(stack: ExitStack, folder: str) -> list[Scenario]:
    """Hits near a machine's store, hits in it, and stores; a hit beside the same in memcached."""
    import lmdb

    from wsgicache.stores.lmdb import LMDBStore

    near = store_from_url(f"lmdb://{folder}/near?max_bytes=64MiB")
    store = LMDBStore(Path(folder, "alone"), max_bytes=64 << 20)
    beside = stack.enter_context(memcached_beside(str(Path(folder, "memcached.sock"))))
    remote = MemcachedStore(beside, timeout=5.0)
    env = stack.enter_context(lmdb.open(str(Path(folder, "written")), map_size=1 << 20, sync=False))

    def write() -> None:
        with env.begin(write=True) as txn:
            txn.put(b"bare", PAGE)

    return [
        Scenario("near LMDB", hit(near), "memory hit", hit(MemoryStore()), 1.15),
        Scenario("LMDB, request", hit(store), "the same in memcached", hit(remote), 0.25),
        Scenario("LMDB", read(store), "the same in memcached", read(remote)),
        Scenario("LMDB, stored", kept(store), "write of LMDB", write, most_cpu=100),
    ]


def kept(store: Store) -> Callable[[], None]:
    """What *store* does to keep the page in the place of an older one."""
    hit(store)
    key = target_key(environ())
    assert key is not None
    entry = store.get(key)
    assert entry is not None

    def change(before: CacheEntry | None) -> CacheEntry:
        known = entry if before is None else before
        (selector,) = entry.responses
        responses = {selector: replace(entry.responses[selector])}
        return CacheEntry(responses, known.emptied_at, known.salt)

    return lambda: store.update(key, change)


# ── measuring ─────────────────────────────────────────────────────────────────────────────────


GROUPS = ("time", "times its yardstick", "processor time")


class Sample(NamedTuple):
    """Microseconds of a scenario and of its yardstick, round by round, and of the processor."""

    took: list[float]
    bare: list[float]
    cpu: list[float]


def timed(run: Callable[[], object], calls: int) -> float:
    """Microseconds of one call."""
    began = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - began) / calls * 1e6


def measure(cases: Sequence[Scenario], rounds: int, calls: int) -> dict[str, Sample]:
    """Time *cases* in turn, *rounds* times, each between two runs of its yardstick."""
    samples = {case.name: Sample([], [], []) for case in cases}
    with without_collector(), progress(rounds + 1) as step:
        for number in range(rounds + 1):
            gc.collect()
            for case in cases:
                before = timed(case.bare, calls)
                began = time.process_time()
                took = timed(case.run, calls)
                cpu = (time.process_time() - began) / calls * 1e6
                after = timed(case.bare, calls)
                if number:  # the first round warms up
                    samples[case.name].took.append(took)
                    samples[case.name].bare.append((before + after) / 2)
                    samples[case.name].cpu.append(cpu)
            step()
    return samples


def judged(case: Scenario, sample: Sample) -> tuple[list[Figure], list[Claim]]:
    """What *case* takes, how many times its yardstick that is, and what is claimed of that."""
    bare, times = statistics.median(sample.bare), tuple(map(truediv, sample.took, sample.bare))
    yardstick = f"{case.yardstick}: {number(bare)} µs"
    wall, ratios, processor = GROUPS
    took = Figure(wall, case.name, tuple(sample.took), "µs", yardstick)
    ratio = Figure(ratios, case.name, times, "×", case.yardstick)
    cpu = Figure(processor, case.name, tuple(sample.cpu), "µs")
    claims = []
    if case.limit:
        claims.append(Claim(f"{case.name} / {case.yardstick}", ratio.median, case.limit))
    if case.most_cpu:
        claims.append(Claim(f"{case.name}, µs of the processor", cpu.median, case.most_cpu))
    return [took, ratio, *[cpu] * bool(case.most_cpu)], claims


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds: a first impression.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def stores(quick: bool, output: Path | None) -> None:
    """Time hits of 4 KiB in shared stores, beside their clients alone."""
    rounds, calls = (9, 100) if quick else (101, 200)
    with ExitStack() as stack:
        cases = scenarios(stack)
        samples = measure(cases, rounds, calls)
    rows = [judged(case, samples[case.name]) for case in cases]
    figures = [figure for row in rows for figure in row[0]]
    figures.sort(key=lambda figure: GROUPS.index(figure.group))
    show("stores", figures, [claim for row in rows for claim in row[1]], output)
    click.echo(f"Medians and quartiles of {rounds} rounds of {calls} requests, interleaved.")
