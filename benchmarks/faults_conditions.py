"""Browsers that come back, and clients that reload: how often the app is asked for a page."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.calls import call, environ
from benchmarks.faults_pages import DEADLINE, Moved
from wsgicache import CacheMiddleware, Route

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LIFETIME = 60
HAD = ("304 Not Modified", 0)
WITH_TAG = environ("/", HTTP_IF_NONE_MATCH='"1"')
RELOADS = [environ("/", HTTP_CACHE_CONTROL=said) for said in ("no-cache", "max-age=0")]
SECONDS = 30
"""For so long, by a clock that is set, clients reload."""


class Site:
    """An app whose pages have a tag, and that answers conditions; it counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            self.asked += 1
        time.sleep(0.02)
        known = environ.get("HTTP_IF_NONE_MATCH") == '"1"'
        said = [("Cache-Control", f"public, max-age={LIFETIME}"), ("ETag", '"1"')]
        start_response(HAD[0] if known else "200 OK", said)
        return [] if known else [b"page"]


class Returned(NamedTuple):
    """What a crowd of returning browsers did."""

    asked: int
    """How often the app was asked."""
    later: int
    """And after that, within the lifetime."""
    wrong: int
    """Answers other than a 304 without a body."""


def returning(clients: int, *, stale: bool) -> Returned:
    """Have *clients* ask at once for a page whose tag they know: it is not stored, or is *stale*.

    Then have one ask each second until the lifetime ends.
    """
    site, clock = Site(), Moved()
    cache = CacheMiddleware(site, clock=clock)
    if stale:
        call(cache, environ("/"))
        clock.seconds += LIFETIME + 1
    before = site.asked
    found: list[tuple[str, int]] = []
    together = threading.Barrier(clients)

    def client() -> None:
        together.wait(DEADLINE)
        found.append(call(cache, WITH_TAG))

    threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    if len(found) != clients:
        raise RuntimeError("a client has hung or failed")
    asked = site.asked - before
    for _ in range(LIFETIME - 1):
        clock.seconds += 1
        found.append(call(cache, WITH_TAG))
    wrong = sum(one != HAD for one in found)
    return Returned(asked, site.asked - before - asked, wrong)


def reloading(clients: int, *, ignored: bool) -> int:
    """Have *clients* reload a page ten times a second; return how often the app was asked.

    A route may say that such wishes are *ignored*.
    """
    site, clock = Site(), Moved()
    routes = [Route("/", request_directives=False)] if ignored else []
    cache = CacheMiddleware(site, clock=clock, routes=routes)
    call(cache, environ("/"))
    before = site.asked
    for _ in range(10 * SECONDS):
        clock.seconds += 0.1
        for number in range(clients):
            call(cache, RELOADS[number % 2])
    return site.asked - before
