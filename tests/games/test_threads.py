"""Sixty-four threads that read, fill, purge and evict the same pages."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

from tests.origin.test_flights import jitter
from tests.rig.gates import interrupting, together
from tests.running import DEADLINE
from tests.scene import Environ, FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore

THREADS = 64


class Site:
    """Pages with versions. Who has changed one and told the cache raises what must be seen."""

    def __init__(self, pages: int) -> None:
        self.lock = threading.Lock()
        self.versions = [1] * pages
        self.floors = [1] * pages

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        number = int(environ["PATH_INFO"][1:])
        version = self.change(number) if environ["REQUEST_METHOD"] == "POST" else 0
        fields = [
            ("Content-Type", "text/plain"),
            ("Cache-Control", "max-age=5"),
            ("Cache-Groups", f'"g{number % 7}"'),
        ]
        start_response("200 OK", fields)
        text = f"{number} {version or self.versions[number]} "
        return [text.encode(), b"x" * (number % 50 * 100)]

    def change(self, number: int) -> int:
        with self.lock:
            self.versions[number] += 1
            return self.versions[number]

    def seen(self, number: int, version: int) -> None:
        """From now on nobody may see an older one."""
        with self.lock:
            self.floors[number] = max(self.floors[number], version)


def crowd(operations: int, pages: int = 500, threads: int = THREADS) -> tuple[int, int]:
    """So many operations on so many pages by as many *threads*; those, and the hits among them.

    AssertionError where a page is seen that is older than its last purge that was over, or not
    whole, or where the store holds more than its budget.
    """
    site, clock = Site(pages), FakeClock()
    store = MemoryStore(max_bytes=pages * 2000)
    cache = CacheMiddleware(site, store=store, clock=clock)
    hits = [0] * threads

    def get(number: int, place: int) -> None:
        floor = site.floors[number]
        got = exchange(cache, environ_for("GET", f"/{number}"))
        page, version, rest = got.text.split(" ")
        assert (int(page), len(rest)) == (number, number % 50 * 100), got
        assert int(version) >= floor, f"{got} is older than {floor}"
        hits[place] += got.hit

    def purge(number: int, chance: random.Random) -> None:
        kind = chance.randrange(6)
        same = [number] if kind else [n for n in range(pages) if n % 7 == number % 7]
        versions = {n: site.change(n) for n in same} if kind < 3 else {}
        if kind == 0:
            cache.purge_groups(f"g{number % 7}")
        elif kind < 3:
            cache.purge(f"http://example.org/{number}")
        else:
            got = exchange(cache, environ_for("POST", f"/{number}"))
            versions = {number: int(got.text.split(" ")[1])}
        for n, version in versions.items():
            site.seen(n, version)

    def work(place: int) -> None:
        chance = random.Random(place)
        for _ in range(operations // threads):
            number = int(pages * chance.random() ** 3)
            if chance.randrange(10) == 0:
                purge(number, chance)
            else:
                get(number, place)
            if chance.randrange(200) == 0:
                clock.advance(chance.randrange(7))
                with store._lock:  # an update is over
                    assert store.bytes <= store.max_bytes

    with interrupting():
        together(threads, work, max(DEADLINE, operations / 100))
    assert len(cache._flights) == 0
    return operations // threads * threads, sum(hits)


def test_no_page_is_older_than_its_last_purge() -> None:
    operations, hits = crowd(6_400, pages=50)
    assert operations == 6_400
    assert hits > 1_000


def test_who_reads_while_a_purge_is_worked_out() -> None:
    """`get` asks no lock: an entry must not look reviewed before it is."""
    reviewed: list[bool] = []

    class Watched(MemoryStore):
        def _replace(self, node: Any, entry: Any, size: int) -> None:
            reviewed.append(node.generation == self._generation)
            super()._replace(node, entry, size)

    cache = CacheMiddleware(Site(1), store=Watched())
    exchange(cache, environ_for("GET", "/0"))
    cache.purge_groups("g0")
    assert not exchange(cache, environ_for("GET", "/0")).hit
    assert reviewed[0] is False


def long_crowd(count: int) -> str:
    """So many operations on five hundred pages."""
    operations, hits = crowd(count)
    return f"{operations} by {THREADS} threads, {hits} hits, none older than its last purge"


def long_rounds(count: int) -> str:
    """So many rounds of fifty clients, each with an identity of his own, for one page."""
    seen, rounds = jitter(count)
    return f"{seen} pages in {rounds} rounds, nobody saw another's"


ROWS: dict[str, tuple[Callable[[int], str], int]] = {
    "threads": (long_crowd, 1_000_000),
    "rounds": (long_rounds, 10_000),
}
