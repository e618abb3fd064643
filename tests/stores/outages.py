"""A cache under load while its memcached servers fail, and the figures of that.

``python -m tests.stores.outages`` runs them in full length and prints the figures.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

from tests.running import DEADLINE, eventually
from tests.scene import environ_for, exchange
from tests.stores.servers import PLENTY, Server
from wsgicache import CacheMiddleware
from wsgicache.stores import StoreError
from wsgicache.stores.memcached import MemcachedStore
from wsgicache.stores.net.memcached import Connections

THREADS = 50
HOT = 100


class Asked(NamedTuple):
    """One request: when, for how long, whether it was a hit; None for the status if it failed."""

    at: float
    seconds: float
    hit: bool
    status: int | None
    version: int


class Load:
    """Fifty threads that ask a cache on *servers* for a hot page in four of five requests, for one
    that nobody has asked for in the fifth."""

    def __init__(self, servers: list[Server], **options: Any) -> None:
        self.version = 0
        self.asked: list[Asked] = []
        self.stalls: list[tuple[float, float, str]] = []
        """When a store operation failed, after how many seconds, and how."""
        self.ratio = 0.0
        """Of hits, while one of three servers was killed."""
        self.older = 0
        """How many answers were older than a purge that had not failed."""
        self._stop = threading.Event()
        self.store = MemcachedStore([s.address for s in servers], **options)
        self.cache = CacheMiddleware(self.app, store=self.store)

    def app(self, environ: Any, start_response: Any) -> list[bytes]:
        fields = [("Cache-Control", "max-age=600"), ("Content-Type", "text/plain")]
        start_response("200 OK", fields)
        return [b"%d" % self.version + b" " * 4000]

    def ask(self, target: str) -> Asked:
        began = time.monotonic()
        status, hit, version = None, False, -1
        try:
            got = exchange(self.cache, environ_for("GET", target))
            status, hit, version = got.code, got.hit, int(got.text)
        except Exception:
            pass  # no status: `failed` counts it
        return Asked(began, time.monotonic() - began, hit, status, version)

    def _work(self, number: int) -> None:
        rng = random.Random(number)
        while not self._stop.is_set():
            hot = rng.random() < 0.8
            target = f"/{rng.randrange(HOT)}" if hot else f"/once/{number}/{rng.random()}"
            self.asked.append(self.ask(target))
            time.sleep(0.02)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The load, from when the hot pages are stored to the end of the block."""
        for number in range(HOT):
            self.ask(f"/{number}")
        threads = [threading.Thread(target=self._work, args=(n,)) for n in range(THREADS)]
        with self._noting():
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self._stop.set()
                for thread in threads:
                    thread.join(DEADLINE)
        assert not any(thread.is_alive() for thread in threads)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note what operations on servers took that came to nothing."""
        ask = Connections.ask

        def noted(connections: Connections, *args: Any, **more: Any) -> Any:
            began = time.monotonic()
            try:
                return ask(connections, *args, **more)
            except Exception as error:
                self.stalls.append((began, time.monotonic() - began, type(error).__name__))
                raise

        with mock.patch.object(Connections, "ask", noted):
            yield

    def goes_on(self, seconds: float) -> None:
        """Return after so many seconds, and after some requests that began meanwhile, at least."""
        before = len(self.asked)
        time.sleep(seconds)
        eventually(lambda: len(self.asked) > before + 4 * THREADS, "nobody asks any more")

    # ── figures ─────────────────────────────────────────────────────────────────────────────────

    def failed(self) -> list[Asked]:
        return [one for one in self.asked if one.status != 200]

    def between(self, begin: float, end: float) -> list[Asked]:
        return [one for one in self.asked if begin <= one.at < end]

    def p99(self, begin: float, end: float) -> float:
        """Milliseconds."""
        times = [one.seconds * 1000 for one in self.between(begin, end)]
        return statistics.quantiles(times, n=100)[98] if len(times) > 1 else float("nan")

    def waited(self) -> int:
        """How many operations waited for an answer to the end of their time."""
        return sum(how in ("TimeoutError", "Hung") for _, _, how in self.stalls)

    def share(self, servers: list[Server]) -> float:
        """The part of the hot pages that is on *servers*."""
        on = {server.address for server in servers}
        names = [
            self.store._names.of("entry", "http", "example.org", f"/{number}", "").text
            for number in range(HOT)
        ]
        return sum(self.store._route(name).name in on for name in names) / HOT

    def hot_ratio(self, begin: float, end: float) -> float:
        """The part of the requests for hot pages that are hits."""
        asked = self.between(begin, end)
        return sum(one.hit for one in asked) / (0.8 * max(1, len(asked)))

    def first_hit(self, after: float) -> float:
        """Seconds from *after* to the end of the first hit."""
        return (
            min(one.at + one.seconds for one in self.asked if one.hit and one.at >= after) - after
        )


def wait_for_hits(load: Load) -> None:
    """Until there are hits again. Raises AssertionError if there are none."""
    before = len(load.asked)
    eventually(lambda: any(one.hit for one in load.asked[before:]), "the store has not healed")


def outage(
    server: Server, begin: Callable[[], None], end: Callable[[], None], seconds: float
) -> tuple[Load, str]:
    """The load while *server* is out of order for *seconds*, and before and after it for a quarter
    of that; and the figures, as a line."""
    load = Load([server])
    with load.running():
        load.goes_on(seconds / 4)
        started = time.monotonic()
        begin()
        load.goes_on(seconds)
        ended = time.monotonic()
        end()
        wait_for_hits(load)
        healed = time.monotonic()
        load.goes_on(seconds / 4)
    usual = load.p99(0, started)
    # What was refused at once has waited for nothing but its turn to run.
    stalls = [took for at, took, _ in load.stalls if started - 0.2 <= at < ended and took > 0.005]
    return load, (
        f"{len(load.asked)} requests, {len(load.failed())} failed; p99 before {usual:.1f} ms, "
        f"first half second {load.p99(started, started + 0.5):.1f} ms, "
        f"then {load.p99(started + 0.5, ended):.1f} ms, "
        f"healed {load.p99(healed, healed + 9):.1f} ms; "
        f"stalled {sum(stalls):.2f} thread-seconds in {len(stalls)} operations; "
        f"first hit {load.first_hit(ended):.2f} s after"
    )


def killed(server: Server, seconds: float) -> tuple[Load, str]:
    """Memcached is killed, and started again after *seconds*."""
    return outage(server, server.kill, server.start, seconds)


def hung(server: Server, seconds: float) -> tuple[Load, str]:
    """Memcached is stopped, and goes on after *seconds*."""
    return outage(server, server.hang, server.resume, seconds)


def one_of_three(servers: list[Server], seconds: float) -> tuple[Load, str]:
    """One server of three is killed."""
    load = Load(servers, timeout=PLENTY)
    with load.running():
        load.goes_on(seconds / 4)
        servers[0].kill()
        begin = time.monotonic()
        load.goes_on(seconds)
        end = time.monotonic()
    load.ratio = load.hot_ratio(begin, end)
    return load, (
        f"{len(load.asked)} requests, {len(load.failed())} failed; of the hot pages "
        f"{load.share(servers[1:]):.2f} are on the other servers, and {load.ratio:.2f} are hits; "
        f"p99 {load.p99(begin, end):.1f} ms"
    )


def flapping(servers: list[Server], seconds: float) -> tuple[Load, str]:
    """One server of three comes and goes, and all pages change meanwhile: what is served is
    never older than the last purge that did not fail."""
    load = Load(servers, generation_seconds=0)
    purges: list[tuple[float, int]] = []
    failed = 0
    with load.running():
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for change in (servers[0].hang, servers[0].resume):
                change()
                time.sleep(0.5)
                load.version += 1
                try:
                    load.cache.purge_all()
                except StoreError:
                    failed += 1
                else:
                    purges.append((time.monotonic(), load.version))
    older = [
        one
        for one in load.asked
        for at, version in purges
        if one.status == 200 and one.at > at and one.version < version
    ]
    load.older = len(older)
    return load, (
        f"{len(load.asked)} requests, {len(load.failed())} failed; {len(purges)} purges and "
        f"{failed} that failed loudly; {len(older)} answers older than one that did not"
    )


def main() -> None:
    """All of them, in full length."""
    for name, run in FULL.items():
        servers = [Server("memcached") for _ in range(3)]
        for server in servers:
            server.start()
        try:
            print(f"{name}: {run(servers)[1]}", flush=True)
        finally:
            for server in servers:
                server.kill()


FULL: dict[str, Callable[[list[Server]], tuple[Load, str]]] = {
    "memcached killed for 4 s": lambda servers: killed(servers[0], 4),
    "memcached stopped for 4 s": lambda servers: hung(servers[0], 4),
    "one of three killed": lambda servers: one_of_three(servers, 4),
    "one of three flapping for 60 s": lambda servers: flapping(servers, 60),
}

if __name__ == "__main__":
    main()
