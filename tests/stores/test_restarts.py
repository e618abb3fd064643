"""Redis starts from an old copy of its data: what was purged since does not come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cachelib import RedisCache
from redis import Redis

from tests.running import eventually
from tests.scene import FakeClock
from tests.stores.contract import KEY, content_of, fill, found
from tests.stores.servers import PLENTY, Server
from wsgicache.rules.entries import emptied
from wsgicache.stores import store_from_url
from wsgicache.stores.cachelib import CachelibStore

pytestmark = pytest.mark.network


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server("redis-server", folder=tmp_path)
    server.start()
    yield server
    server.kill()


def by_url(server: Server, clock: FakeClock) -> Any:
    return store_from_url(f"redis://{server.address}/0?timeout={PLENTY}", clock=clock)


def by_client(server: Server, clock: FakeClock) -> Any:
    return CachelibStore(RedisCache(Redis(port=server.port)), clock=clock)


@pytest.mark.parametrize("make", [by_url, by_client])
def test_what_was_purged_after_the_copy_stays_away(
    server: Server, clock: FakeClock, make: Callable[..., Any]
) -> None:
    alive = make(server, clock)
    fill(alive, clock, b"old").commit()
    with Redis(port=server.port) as client:
        client.save()
    alive.update(KEY, emptied(clock.now()))
    assert found(alive) is None
    server.kill()
    server.start()
    if make is by_url:
        assert found(alive) is None
    else:
        eventually(lambda: is_gone(alive, clock), "the old page is a hit again")
    late = make(server, clock)
    assert found(late) is None
    fill(late, clock, b"new").commit()
    clock.advance(2)
    assert content_of(alive, found(alive)) == b"new"


def is_gone(store: Any, clock: FakeClock) -> bool:
    clock.advance(1)
    return found(store) is None


def test_a_server_that_does_not_tell_its_life_serves_all_the_same(
    server: Server, clock: FakeClock
) -> None:
    with Redis(port=server.port) as client:
        client.execute_command("ACL", "SETUSER", "default", "-info")
    store = by_url(server, clock)
    fill(store, clock).commit()
    assert found(store) is not None
