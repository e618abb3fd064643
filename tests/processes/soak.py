"""A threaded server under load for a while, with faults of its store every ten seconds.

``python -m tests.long soak-memory soak-lmdb soak-memcached`` takes ten minutes for each; a day of
it is the same with a larger number.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.servers import free_port
from tests.rig.proxy import Proxy
from tests.running import DEADLINE, eventually
from tests.servers.process import running
from tests.stores.servers import Server

CLIENTS = 8
PAUSE = 0.04
"""Seconds between two requests of a client: about 200 in a second altogether."""
HOT = 100
EVERY, LASTS = 10.0, 3.0
"""Seconds between two faults, and that one lasts."""
MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")

FAULTS: tuple[tuple[str, Callable[[Proxy], object]], ...] = (
    ("late", lambda proxy: setattr(proxy, "delay", 0.2)),
    ("silent", lambda proxy: proxy.hang()),
    ("cut", lambda proxy: setattr(proxy, "cut", 10)),
    ("shifted", lambda proxy: setattr(proxy, "shift", b"END\r\n")),
    ("doubled", lambda proxy: setattr(proxy, "double", True)),
    ("gone", lambda proxy: gone(proxy)),
    ("dripping", lambda proxy: setattr(proxy, "drip", 0.05)),
    ("reset", lambda proxy: proxy.reset()),
)


def gone(proxy: Proxy) -> None:
    proxy.refuse = True
    proxy.reset()


class State(NamedTuple):
    """What the process held at a moment."""

    at: float
    resident: float
    """MiB."""
    files: int
    threads: int
    flights: int


class Soak:
    """Clients of one server, and what they have seen."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.failed: list[str] = []
        self.asked = self.hot = self.hits = self.due = 0
        """Requests, those for hot pages, how many of these hit, and how many of a naive cache's."""
        self.faults = 0
        self.states: list[State] = []
        self._stored: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def _target(self, rng: random.Random) -> str:
        draw = rng.random()
        if draw < 0.8:
            return f"/hot/{rng.randrange(HOT)}"
        kind = rng.choice("once once private validated stale changed large".split())
        number = rng.getrandbits(40) if kind == "once" else rng.randrange(5)
        return f"/{kind}/{number}"

    def client(self, seed: int) -> None:
        """Ask until told to stop; a new connection when it has hung up on the server."""
        rng = random.Random(seed)
        connection = self._connection()
        while not self._stop.wait(PAUSE):
            target = self._target(rng)
            method = "POST" if target.startswith("/changed") and rng.random() < 0.3 else "GET"
            leaves = target.startswith("/large") and rng.random() < 0.3
            try:
                self._ask(connection, method, target, leaves)
            except Exception as error:
                self.failed.append(f"{method} {target}: {error!r}")
                connection.close()
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def is_hit(self) -> bool:
        """Whether a hot page that is asked for now is a hit."""
        before = self.hits
        with contextlib.closing(self._connection()) as connection:
            self._ask(connection, "GET", "/hot/0", leaves=False)
        return self.hits > before

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, target: str, leaves: bool
    ) -> None:
        due = self._is_due(target) if method == "GET" else False
        connection.request(method, target)
        response = connection.getresponse()
        if leaves:
            response.read(10)
            connection.close()
            return
        body = response.read()
        assert response.status == 200, response.status
        assert body.startswith(target.encode() + b"x"), body[:40]
        hit = "; hit" in response.headers["Cache-Status"]
        with self._lock:
            self.asked += 1
            if target.startswith("/hot"):
                self.hot += 1
                self.hits += hit
                self.due += due

    def _is_due(self, target: str) -> bool:
        """Whether a naive cache would have a hot page: it was asked for in the last 20 s."""
        if not target.startswith("/hot"):
            return False
        with self._lock:
            now = time.monotonic()
            if now - self._stored.get(target, float("-inf")) < 20:
                return True
            self._stored[target] = now
            return False

    def look(self) -> State:
        """What the process holds now."""
        with contextlib.closing(self._connection()) as connection:
            connection.request("GET", "/state", headers={"Connection": "close"})
            pages, files, threads, flights = map(int, connection.getresponse().read().split())
        return State(time.monotonic(), pages * PAGE / MIB, files, threads, flights)

    def run(
        self, seconds: float, proxy: Proxy | None, every: float = EVERY, lasts: float = LASTS
    ) -> None:
        """The load for *seconds*, with a fault of *proxy* every so often, that *lasts* so long; and
        longer, where a busy machine has not had as many faults by then."""
        clients = [threading.Thread(target=self.client, args=(n,)) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        end, next_fault = time.monotonic() + seconds, time.monotonic() + every / 2
        healthy_at = float("inf")
        try:
            while (now := time.monotonic()) < end or (proxy and self.faults < seconds // every):
                if proxy is not None and now >= next_fault:
                    FAULTS[self.faults % len(FAULTS)][1](proxy)
                    self.faults += 1
                    next_fault, healthy_at = now + every, now + lasts
                if proxy is not None and now >= healthy_at:
                    proxy.heal()
                    healthy_at = float("inf")
                self.states.append(self.look())
                time.sleep(min(1.0, lasts / 2))
        finally:
            if proxy is not None:
                proxy.heal()
            self._stop.set()
            for client in clients:
                client.join(DEADLINE)

        def is_idle() -> bool:
            self.states.append(self.look())
            return self.states[-1].flights == 0

        eventually(is_idle, "what was begun in the background has not ended")

    # ── figures ─────────────────────────────────────────────────────────────────────────────────

    def slope(self) -> float:
        """MiB per hour that the process grew by, in the second half."""
        late = self.states[len(self.states) // 2 : -1]
        line = statistics.linear_regression([s.at for s in late], [s.resident for s in late])
        return line.slope * 3600

    def growth(self) -> float:
        """MiB that the last quarter has on average more than the one before it."""
        quarter = len(self.states) // 4
        third, last = self.states[2 * quarter : 3 * quarter], self.states[3 * quarter :]
        return statistics.mean(s.resident for s in last) - statistics.mean(
            s.resident for s in third
        )

    def files(self) -> tuple[int, int]:
        """The most open files in the first half and in the second."""
        half = len(self.states) // 2
        return max(s.files for s in self.states[:half]), max(s.files for s in self.states[half:])


@contextlib.contextmanager
def soaked(store: str) -> Iterator[tuple[Soak, Proxy | None]]:
    """A server with the site of `soaked`, on a memory of its own, on memcached or on LMDB."""
    with contextlib.ExitStack() as stack:
        proxy, named = None, ""
        folder, port = Path(stack.enter_context(tempfile.TemporaryDirectory())), free_port()
        if store == "lmdb":
            named = f"lmdb://{folder}/cache?max_bytes=16MiB&near=8MiB"
        elif store == "memcached":
            server = Server("memcached")
            server.start()
            stack.callback(server.kill)
            proxy = stack.enter_context(Proxy(server.port))
            named = f"memcached://127.0.0.1:{proxy.port}/soak"
        line = [sys.executable, "-m", "cheroot", "--bind", f"127.0.0.1:{port}", "--threads", "12"]
        line.append("tests.processes.soaked:front")
        variables = {"WSGICACHE_TEST_STORE": named}
        stack.enter_context(running(line, port, folder / "log", variables))
        yield Soak(port), proxy


def soak(store: str) -> Callable[[int], str]:
    """A row of ``python -m tests.long``: so many seconds."""

    def row(seconds: int) -> str:
        with soaked(store) as (one, proxy):
            one.run(seconds, proxy)
        assert not one.failed, one.failed[:5]
        ratio, model = one.hits / one.hot, one.due / one.hot
        early, late = one.files()
        last = one.states[-1]
        told = (
            f"{one.asked} requests, {len(one.failed)} failed, {one.faults} faults; resident "
            f"{last.resident:.1f} MiB, {one.slope():+.1f} MiB/h in the second half "
            f"({one.growth():+.2f} MiB from its first part to its second); at most {early} files, "
            f"then {late}; {last.flights} flights and {last.threads} threads left; of hot "
            f"pages {ratio:.3f} were hits, of a naive cache's {model:.3f}"
        )
        assert last.flights == 0, told
        assert late <= early + 4, told
        assert one.growth() < 4, told
        assert ratio > (0.5 if store == "memcached" else 0.98) * model, told
        return told

    return row


ROWS: dict[str, tuple[Callable[[int], str], int]] = {
    "soak-memory": (soak("memory"), 600),
    "soak-lmdb": (soak("lmdb"), 600),
    "soak-memcached": (soak("memcached"), 600),
}
