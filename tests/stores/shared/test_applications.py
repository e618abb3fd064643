"""Two applications that store under the same names are told so."""

from __future__ import annotations

from typing import Any

import pytest
from cachelib import SimpleCache

from tests.scene import FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.tiered import TieredStore


def shop(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Cache-Control", "max-age=60")])
    return [b"shop"]


def blog(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Cache-Control", "max-age=60")])
    return [b"blog"]


class Host:
    """Processes on one cache, each with an application."""

    def __init__(self, cache: SimpleCache, clock: FakeClock) -> None:
        self.cache = cache
        self.clock = clock

    def ask(self, app: Any, near: bool = False, **options: Any) -> CacheMiddleware:
        """A process of *app*'s begins, and is asked for a page twice."""
        store: Any = CachelibStore(self.cache, clock=self.clock, **options)
        if near:
            store = TieredStore(MemoryStore(), store, clock=self.clock)
        process = CacheMiddleware(app, store=store, clock=self.clock)
        for _ in range(2):
            exchange(process, environ_for())
            self.clock.advance(2)
        return process


@pytest.fixture
def host(cache: SimpleCache, clock: FakeClock) -> Host:
    return Host(cache, clock)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


@pytest.mark.parametrize("near", [False, True])
def test_another_application_is_warned_of_once(
    host: Host, caplog: pytest.LogCaptureFixture, near: bool
) -> None:
    host.ask(shop, near)
    host.ask(shop, near)
    assert warnings(caplog) == []
    host.ask(blog, near)
    (said,) = warnings(caplog)
    assert "'tests.stores.shared.test_applications:blog' and" in said
    assert "test_applications:shop' store under the same names" in said
    assert "memcached://host:port/NAMESPACE" in said
    host.ask(shop, near)
    assert warnings(caplog) == []


def test_a_namespace_that_was_given_may_be_shared(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    for app in (shop, blog):
        host.ask(app, namespace="both")
    assert warnings(caplog) == []


def test_who_purges_everything_owns_what_comes(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.ask(shop)
    process = host.ask(blog)
    assert len(warnings(caplog)) == 1
    process.purge_all(soft=True)
    host.ask(shop)
    assert warnings(caplog) == []
    process.purge_all()
    host.ask(blog)
    assert warnings(caplog) == []
    host.ask(shop)
    assert len(warnings(caplog)) == 1


def test_a_store_without_an_application_waits_for_the_first(
    host: Host, cache: SimpleCache, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    CachelibStore(cache, clock=clock).bump([], clock.now())  # by a command
    host.ask(shop)
    assert warnings(caplog) == []
    host.ask(blog)
    assert len(warnings(caplog)) == 1
