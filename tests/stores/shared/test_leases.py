"""Who may fill a key: leases, what takes them away, and what others leave in their place."""

from __future__ import annotations

from typing import Any

import pytest
from cachelib import SimpleCache

from tests.scene import Environ, FakeClock, environ_for, exchange
from tests.stores.contract import KEY
from wsgicache import CacheMiddleware
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.shared import records


@pytest.fixture
def store(cache: SimpleCache, clock: FakeClock) -> CachelibStore:
    return CachelibStore(cache, clock=clock)


def test_what_began_before_a_post_stays_out_of_a_store_without_room(
    cache: SimpleCache, clock: FakeClock
) -> None:
    """The moment of the invalidation is evicted before the fill ends."""
    one, other = (
        CacheMiddleware(app, store=CachelibStore(cache, clock=clock), clock=clock)
        for app in (lambda *asked: slow(*asked), lambda *asked: page(*asked))
    )
    content = b"old"

    def page(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        return [content]

    def slow(environ: Environ, start_response: Any) -> list[bytes]:
        nonlocal content
        answer = page(environ, start_response)
        content = b"new"
        exchange(other, environ_for("POST"))
        for name in [name for name in cache._cache if ":3e:" in name]:
            cache.delete(name)
        return answer

    assert exchange(one, environ_for()).text == "old"
    assert exchange(other, environ_for()).text == "new"
    assert exchange(one, environ_for()).hit


def test_a_token_that_is_released_leaves_the_others(store: CachelibStore, clock: FakeClock) -> None:
    name, leases = store._leases.name(KEY), store._leases

    def held() -> tuple[str, ...]:
        return leases.tokens(store._node_of(KEY).read((name.text,))[0], name)

    for number in range(20):
        clock.advance(4)
        assert store.lease(KEY, str(number), 3)
    assert held() == tuple(map(str, range(4, 20)))
    store.release(KEY, "5")
    assert "5" not in held()
    assert not store.lease(KEY, "x", 3)
    store.release(KEY, "19")
    assert store.lease(KEY, "x", 3)
    for token in held():
        store.release(KEY, token)
    assert held() == ()
    assert store._node_of(KEY).read((name.text,)) == [None]


@pytest.mark.parametrize(
    "head", [None, [], [5], "one", ["x", "one"], [True, "one"], [5, 6], {"5": "one"}], ids=repr
)
def test_what_is_none_holds_nothing(store: CachelibStore, cache: SimpleCache, head: Any) -> None:
    name = store._leases.name(KEY)
    cache._cache[name.text] = (0, records.seal(name.echo, head))
    store.release(KEY, "one")
    assert store.lease(KEY, "two", 3)
    assert not store.lease(KEY, "three", 3)


def test_a_lease_by_a_clock_that_is_far_ahead_is_over(
    store: CachelibStore, cache: SimpleCache, clock: FakeClock
) -> None:
    ahead = CachelibStore(cache, clock=FakeClock(clock.now() + 60))
    assert ahead.lease(KEY, "one", 3)
    assert store.lease(KEY, "two", 3)
