"""Pages of one cache in this process: whose they are, which of them last under a flood,
and for how long while clocks step."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from benchmarks.calls import call, environ, observed
from benchmarks.faults_streams import resident
from wsgicache import CacheMiddleware, MemoryStore, SystemClock

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

DEADLINE = 60.0

# ── identities ───────────────────────────────────────────────────────────────────────────────────

CLIENTS = 50
KINDS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("Cache-Control", "private, max-age=60"),),
    (("Cache-Control", "no-store"),),
    (("Cache-Control", "public, max-age=60"), ("Set-Cookie", "sid=1")),
    (("Cache-Control", "public, max-age=60"), ("Vary", "*")),
    (("Cache-Control", "max-age=60"), ("Vary", "Cookie")),
    (("Cache-Control", "max-age=60"),),
    (("Cache-Control", "max-age=0"),),
    (),
)
"""What a page says that is made for the cookie that it was asked with."""


class Moved:
    """A clock that is set."""

    def __init__(self) -> None:
        self.seconds = 1e9

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.seconds

    wall = now


def identities(rounds: int) -> tuple[int, int]:
    """Have clients with cookies of their own ask for one URL at once, so many times; pages that
    were seen, and pages that were another's."""
    chance, clock = random.Random(1), Moved()
    kind = KINDS[0]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        time.sleep(chance.random() / 1000)
        start_response("200 OK", [("Content-Type", "text/plain"), *kind])
        return [b"%5d" % int(environ["HTTP_COOKIE"])]

    cache = CacheMiddleware(app, clock=clock)
    seen: list[bool] = []

    def turn() -> None:
        nonlocal kind
        kind = chance.choice(KINDS)
        clock.seconds += chance.choice((0, 1, 70, 130))

    together = threading.Barrier(CLIENTS, turn)

    def client(number: int) -> None:
        for place in range(rounds):
            together.wait(DEADLINE)
            own = str(place % 1000 * CLIENTS + number)
            base = environ(f"/{place % 3}", HTTP_COOKIE=own)
            seen.append(body_of(cache, base) == b"%5d" % int(own))

    threads = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(seen) != rounds * CLIENTS:
        raise RuntimeError("a client has hung or failed")
    return len(seen), seen.count(False)


def body_of(front: CacheMiddleware, base: WSGIEnvironment) -> bytes:
    """The body that *front* answers with, as one client gets it."""
    body = front(dict(base), lambda *head: lambda data: None)
    return b"".join(body)


# ── a flood ──────────────────────────────────────────────────────────────────────────────────────


class Flooded(NamedTuple):
    """What a flood did."""

    calm: float
    """Share of hits among requests for hot pages before."""
    flooded: float
    """And meanwhile."""
    requests: int
    resident: int
    """Bytes that the process held at the end."""
    variants: int
    """Of 1,000 of one URL, those that were kept."""


PAGE = 2000


def flood(budget: int) -> Flooded:
    """Ask for hot pages, half of *budget*, with nine one-time URLs for each."""
    chance = random.Random(1)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        vary = [("Vary", "X-Kind")] if environ["PATH_INFO"] == "/" else []
        fields = [("Content-Type", "text/plain"), ("Cache-Control", "max-age=3600"), *vary]
        start_response("200 OK", fields)
        return [str(chance.random()).encode().ljust(PAGE)]

    cache = CacheMiddleware(app, store=MemoryStore(max_bytes=budget))
    hot = budget // 2 // (2 * PAGE)  # what is kept around a page is no more than the page

    def hits(requests: int, others: int) -> float:
        found = 0
        for number in range(requests):
            found += is_hit(cache, environ(f"/hot/{chance.randrange(hot)}"))
            for other in range(others):
                is_hit(cache, environ(f"/once/{number}/{other}"))
        return found / requests

    for number in (*range(hot), *range(hot)):
        is_hit(cache, environ(f"/hot/{number}"))
    calm = hits(hot, 0)
    flooded = hits(2 * hot, 9)
    held = resident()
    kinds = [environ("/", HTTP_X_KIND=str(number)) for number in range(1000)]
    for base in kinds:
        call(cache, base)
    kept = sum(
        call(cache, {**base, "HTTP_CACHE_CONTROL": "only-if-cached"})[0] == "200 OK"
        for base in kinds
    )
    return Flooded(calm, flooded, 20 * hot, held, kept)


def is_hit(cache: CacheMiddleware, base: WSGIEnvironment) -> bool:
    """Whether *cache* has an answer to this by itself."""
    return "; hit" in observed(cache, base)[2]


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────

STEPS = (3600, -3600, 315_360_000, -315_360_000)
"""By how many seconds: an hour and ten years."""
LIFETIME, WINDOW = 20, 15


def oldest(step: float) -> tuple[int, float]:
    """Hits within five minutes, and the age in seconds of the oldest page served; by a clock that
    does not step, while the wall clock steps forth and back again."""
    moment, wall = 5000.0, 1_700_000_000.0
    said = f"max-age={LIFETIME}, stale-while-revalidate={WINDOW}"

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", said)])
        return [str(moment).encode()]

    hits, most = 0, 0.0
    with (
        mock.patch("wsgicache.clock._elapsed", side_effect=lambda: moment),
        mock.patch("time.time", side_effect=lambda: wall),
    ):
        cache = CacheMiddleware(app, clock=SystemClock(), runner=lambda job: None)
        for second in range(300):
            wall += {60: step, 180: -step}.get(second, 0)
            age = moment - float(body_of(cache, environ("/")))
            hits += age > 0
            most = max(most, age)
            moment += 1
            wall += 1
    return hits, most
