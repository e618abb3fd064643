"""The store tests at full size, as rows of ``python -m tests.long``."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.scene import FakeClock, environ_for, exchange
from tests.stores import outages
from tests.stores.contract import fill, found
from tests.stores.servers import Server
from tests.stores.shared.test_records import check_mutations
from tests.stores.test_kills import Stage, check_kills, check_tampering
from tests.test_purging import check_url
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.stores.shared.names import KINDS, Names
from wsgicache.stores.tiered import TieredStore


@contextmanager
def stages() -> Iterator[list[Stage]]:
    """A stage on files, on LMDB, on Redis and on memcached."""
    servers = {name: Server(program) for name, program in _PROGRAMS.items()}
    with tempfile.TemporaryDirectory() as folder:
        for server in servers.values():
            server.start()
        try:
            places = {"folder": Path(folder), "namespace": uuid4().hex, **servers}
            made = [Stage(kind, **places) for kind in ("file", "lmdb", "redis", "memcached")]
            yield made
            for stage in made:
                stage.close()
        finally:
            for server in servers.values():
                server.kill()


_PROGRAMS = {"redis": "redis-server", "memcached": "memcached"}


def mutations(count: int) -> str:
    """Records with a few bytes changed, cut off, repeated or added."""
    misses = check_mutations(count, seed=count)
    return f"{misses} of {count} mutated records are misses, the others say what they said"


def tampering(count: int) -> str:
    """Records changed where they lie: on files, LMDB, Redis and memcached."""
    with stages() as made:
        misses = [check_tampering(stage, count) for stage in made]
    return f"no wrong content; missing after {misses} of {count} changes"


def kills(count: int) -> str:
    """Writers killed in the middle: on files, LMDB, Redis and memcached."""
    with stages() as made:
        told = [check_kills(stage.store, stage.clock, count, seed=count) for stage in made]
    return f"no half content; hits and misses after {count} kills each: {told}"


def names(count: int) -> str:
    """Names of all kinds, of parts made to collide."""
    rng = random.Random(count)
    places = [Names("a"), Names("a", b"x" * 16), Names("b")]
    pieces = ["", ":", "0:", "1:a", "a", "\u212a", "K", "e\u0301", "\xe9", "::vary", "\ud800", "/"]
    seen: dict[str, tuple[object, ...]] = {}
    for _ in range(count):
        parts = tuple(
            "".join(rng.choices(pieces, k=rng.randrange(4))) for _ in range(rng.randrange(5))
        )
        place, kind = rng.randrange(len(places)), rng.choice(KINDS)
        name = places[place].of(kind, *parts).text
        told = place, kind, parts
        if seen.setdefault(name, told) != told:
            raise AssertionError((name, told, seen[name]))
        if len(seen) > 2_000_000:
            seen.clear()
    return f"no two of {count} things have the same name"


def urls(count: int) -> str:
    """Purges find what requests for the same URL are filed under."""
    rng = random.Random(count)
    alphabet = "abcZ09/%?#&=+;:@~!'()*,.-_\\ <>\xe9\u20ac"
    for _ in range(count):
        path = "".join(rng.choices(alphabet, k=rng.randrange(20)))
        host = rng.choice(["example.org", "EXAMPLE.org:80", "[::1]:8080", "b\xfccher.example"])
        check_url(f"{rng.choice(['http', 'https'])}://{host}/{path}")
    return f"{count} URLs are purged where they are stored"


def groups(count: int) -> str:
    """One purge of a group that all stored pages belong to."""
    store, clock = MemoryStore(max_bytes=4 * 1024**3), FakeClock()
    for number in range(count):
        fill(store, clock, b"x", target=f"/{number}", cache_tag="a").commit()
    began = time.perf_counter()
    store.bump(["* a"], clock.now())
    took = (time.perf_counter() - began) * 1000
    left = sum(found(store, f"/{number}") is not None for number in range(count))
    assert left == 0
    return f"purged a group of {count} in {took:.3f} ms; {left} are left"


def overtaken(seconds: float) -> str:
    """Eight threads that read while one stores and purges: what it has purged is read no more in
    its process, in any store, though all re-read the generation a hundred times a second."""
    told = []
    with stages() as made:
        for stage in made[1:]:
            how: dict[str, Any] = {"namespace": uuid4().hex, "generation_seconds": 0.01}
            shared = stage.opened(**how)
            near = TieredStore(MemoryStore(), stage.opened(**how), seconds=0.01)
            for store in (shared, near):
                reads, purges, older = check_overtaken(store, seconds / 6)
                assert older == 0, (stage.kind, type(store).__name__, older)
                told.append(f"{reads} reads and {purges} purges")
    return f"none of them older than a purge that had returned: {'; '.join(told)}"


def check_overtaken(store: Any, seconds: float) -> tuple[int, int, int]:
    """Read, store and purge for so long: how many reads, purges, and reads that were too old."""
    page = purged = 0
    ends = time.monotonic() + seconds

    def app(environ: Any, start_response: Any) -> list[bytes]:
        content = b"%d" % page
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("Cache-Tag", "a")])
        return [content]

    cache = CacheMiddleware(app, store=store)
    reads: list[bool] = []

    def read() -> None:
        while time.monotonic() < ends:
            least = purged
            reads.append(int(exchange(cache, environ_for()).text) < least)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    rng = random.Random(1)
    while time.monotonic() < ends:
        page += 1
        rng.choice(PURGES)(cache)
        purged = page
    for reader in readers:
        reader.join()
    return len(reads), purged, sum(reads)


PURGES: list[Callable[[CacheMiddleware], object]] = [
    lambda cache: cache.purge("http://example.org/"),
    lambda cache: cache.purge_groups("a"),
    lambda cache: cache.purge_all(),
]


def under(
    run: Callable[[list[Server], float], tuple[outages.Load, str]], how_many: int
) -> Callable[[int], str]:
    """A row that has *run* do something to so many servers, for some seconds."""

    def row(seconds: int) -> str:
        servers = [Server("memcached") for _ in range(how_many)]
        for server in servers:
            server.start()
        try:
            load, figures = run(servers, seconds)
        finally:
            for server in servers:
                server.kill()
        assert load.failed() == []
        assert load.older == 0
        return figures

    return row


ROWS: dict[str, tuple[Callable[[int], str], int]] = {
    "mutations": (mutations, 1_000_000),
    "tampering": (tampering, 20_000),
    "kills": (kills, 3_400),
    "names": (names, 10_000_000),
    "urls": (urls, 100_000),
    "groups": (groups, 100_000),
    "overtaken": (overtaken, 60),
    "killed": (under(lambda servers, seconds: outages.killed(servers[0], seconds), 1), 4),
    "hung": (under(lambda servers, seconds: outages.hung(servers[0], seconds), 1), 4),
    "one-of-three": (under(outages.one_of_three, 3), 4),
    "flapping": (under(outages.flapping, 3), 60),
}
