"""The clock of stores and, where no server is needed, the cache below one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cachelib import SimpleCache

from tests.scene import FakeClock
from tests.stores.servers import PLENTY, Server
from wsgicache.stores.memcached import MemcachedStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache() -> SimpleCache:
    return SimpleCache(10_000)


@pytest.fixture
def open_store(memcached: Server, namespace: str, clock: FakeClock) -> Callable[..., Any]:
    def make(servers: Any = None, **options: Any) -> MemcachedStore:
        how = {"namespace": namespace, "clock": clock, "timeout": PLENTY, **options}
        return MemcachedStore(servers or memcached.address, **how)

    return make
