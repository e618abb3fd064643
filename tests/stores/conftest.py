"""The servers that all store tests share, each test in a namespace of its own on them; the clock
and, where no server is needed, the cache below a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cachelib import SimpleCache

from tests.scene import FakeClock
from tests.stores.servers import PLENTY, Server
from wsgicache.stores.memcached import MemcachedStore


@pytest.fixture(scope="session")
def memcached() -> Iterator[Server]:
    server = Server("memcached")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def memcached_cluster() -> Iterator[list[Server]]:
    servers = [Server("memcached") for _ in range(3)]
    for server in servers:
        server.start()
    yield servers
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server("redis-server", folder=tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Servers of a test's own, which it may kill."""
    servers: list[Server] = []

    def start(name: str, *options: str) -> Server:
        server = Server(name, *options, folder=tmp_path)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def namespace() -> str:
    return f"test-{uuid4().hex[:12]}"


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
