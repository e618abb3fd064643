"""The contract, on every store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cachelib import FileSystemCache, RedisCache, SimpleCache
from pymemcache.client.base import Client

from tests.running import module
from tests.scene import FakeClock
from tests.stores.contract import KEY, Make, SharedContract, StoreContract, fill, found
from tests.stores.servers import PLENTY, Server
from wsgicache import MemoryStore
from wsgicache.rules.entries import emptied
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.lmdb import LMDBStore
from wsgicache.stores.memcached import MemcachedStore
from wsgicache.stores.shared import pieces
from wsgicache.stores.tiered import TieredStore

redis = module("redis")


class TestMemory(StoreContract):
    is_shared = False
    lists = True

    @pytest.fixture
    def make(self) -> Make:
        return MemoryStore

    def test_a_page_that_it_cannot_hold_is_refused_and_nothing_goes(self, clock: FakeClock) -> None:
        store = MemoryStore(100_000)
        for number in range(10):
            fill(store, clock, b"x" * 5_000, target=f"/{number}").commit()
        held = store.bytes
        fill(store, clock, bytes(100_000), target="/large").commit()
        assert (len(store), store.bytes) == (10, held)
        assert found(store, "/large") is None


class TestSimpleCache(SharedContract):
    """One object for all: two stores on it are as two processes, but for the atomicity."""

    is_atomic = False

    @pytest.fixture
    def cache(self) -> SimpleCache:
        return SimpleCache(threshold=10_000)

    @pytest.fixture
    def make(self, cache: SimpleCache, clock: FakeClock) -> Make:
        return lambda **options: CachelibStore(cache, clock=clock, **options)

    @pytest.fixture
    def others(self, cache: SimpleCache) -> Callable[[], dict[str, bytes]]:
        return lambda: {name: value for name, (_, value) in cache._cache.items()}

    @pytest.fixture
    def tamper(self, cache: SimpleCache) -> Callable[[str, bytes | None], None]:
        def put(name: str, value: bytes | None) -> None:
            cache._cache.pop(name, None)
            if value is not None:
                cache._cache[name] = (0, value)

        return put


class TestPartsOfAll(TestSimpleCache):
    """Where no two responses fit into one record."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pieces, "SEVERAL", 0)


class TestLMDB(SharedContract):
    lists = True

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "cache"

    @pytest.fixture
    def make(self, folder: Path, clock: FakeClock) -> Make:
        def make(**options: Any) -> LMDBStore:
            how = {"clock": clock, "generation_seconds": 1.0, **options}
            return LMDBStore(folder, max_bytes=256 << 20, **how)

        return make

    @pytest.fixture
    def node(self, make: Make) -> Any:
        (generations,) = make()._nodes.values()
        return generations.node

    @pytest.fixture
    def others(self, node: Any) -> Callable[[], dict[str, bytes]]:
        def held() -> dict[str, bytes]:
            return {name: node.read((name,))[0] for name in node.listed("")}

        return held

    @pytest.fixture
    def tamper(self, node: Any) -> Callable[[str, bytes | None], None]:
        def put(name: str, value: bytes | None) -> None:
            node.remove(name)
            if value is not None:
                node.write(name, value, 1000)

        return put


class TestFileSystemCache(SharedContract):
    is_atomic = False

    @pytest.fixture
    def make(self, tmp_path: Path, clock: FakeClock) -> Make:
        def make(**options: Any) -> CachelibStore:
            cache = FileSystemCache(str(tmp_path / "cache"), threshold=10_000)
            return CachelibStore(cache, clock=clock, **options)

        return make

    @pytest.fixture
    def written(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
        """The file of each name that was ever written: they are named by a digest."""
        files: dict[str, Path] = {}
        file_of = FileSystemCache._get_filename

        def noted(self: FileSystemCache, key: str) -> str:
            path = file_of(self, key)
            if key.count(":") == 2:
                files[key] = Path(path)
            return path

        monkeypatch.setattr(FileSystemCache, "_get_filename", noted)
        return files

    @pytest.fixture
    def others(self, written: dict[str, Path]) -> Callable[[], dict[str, bytes]]:
        return lambda: {
            name: path.read_bytes()[4:] for name, path in written.items() if path.exists()
        }

    @pytest.fixture
    def tamper(self, written: dict[str, Path]) -> Callable[[str, bytes | None], None]:
        def put(name: str, value: bytes | None) -> None:
            if value is None:
                written[name].unlink(missing_ok=True)
            else:
                written[name].write_bytes(b"\0\0\0\0" + value)

        return put


@pytest.mark.network
class TestRedis(SharedContract):
    lists = True

    @pytest.fixture
    def client(self, redis_server: Server) -> Iterator[Any]:
        with redis.Redis(port=redis_server.port) as client:
            yield client

    @pytest.fixture
    def make(self, client: Any, clock: FakeClock, namespace: str) -> Make:
        def make(**options: Any) -> CachelibStore:
            cache = RedisCache(client, key_prefix="app_")
            return CachelibStore(cache, clock=clock, **{"namespace": namespace, **options})

        return make

    @pytest.fixture
    def others(self, client: Any, namespace: str) -> Callable[[], dict[str, bytes]]:
        return lambda: {
            key.decode()[4:]: client.get(key) for key in client.keys(f"app_{namespace}*")
        }

    @pytest.fixture
    def tamper(self, client: Any) -> Callable[[str, bytes | None], None]:
        def put(name: str, value: bytes | None) -> None:
            if value is None:
                client.delete(f"app_{name}")
            else:
                client.set(f"app_{name}", value)

        return put


class _Memcached(SharedContract):
    """The names are noted as they are sent, for memcached cannot list them."""

    @pytest.fixture
    def servers(self, memcached: Server) -> list[Server]:
        return [memcached]

    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
        names: dict[str, int] = {}
        store_command = Client._store_cmd

        def noted(self: Client, name: bytes, values: dict[str, Any], *more: Any, **how: Any) -> Any:
            names.update(dict.fromkeys(values, self.server[1]))
            return store_command(self, name, values, *more, **how)

        monkeypatch.setattr(Client, "_store_cmd", noted)
        return names

    @pytest.fixture
    def make(self, servers: list[Server], clock: FakeClock, namespace: str) -> Make:
        addresses = [server.address for server in servers]

        def make(**options: Any) -> Any:
            how = {"namespace": namespace, "clock": clock, "timeout": PLENTY, **options}
            return MemcachedStore(addresses, **how)

        return make

    @pytest.fixture
    def others(self, sent: dict[str, int]) -> Callable[[], dict[str, bytes]]:
        def held() -> dict[str, bytes]:
            values: dict[str, bytes] = {}
            for port in set(sent.values()):
                client = Client(("127.0.0.1", port))
                values |= client.get_many([name for name in sent if sent[name] == port])
                client.close()
            return values

        return held

    @pytest.fixture
    def tamper(self, sent: dict[str, int]) -> Callable[[str, bytes | None], None]:
        def put(name: str, value: bytes | None) -> None:
            client = Client(("127.0.0.1", sent[name]))
            if value is None:
                client.delete(name, noreply=False)
            else:
                client.set(name, value, noreply=False)
            client.close()

        return put


@pytest.mark.network
class TestMemcached(_Memcached):
    pass


@pytest.mark.network
class TestMemcachedCluster(_Memcached):
    @pytest.fixture
    def servers(self, memcached_cluster: list[Server]) -> list[Server]:
        return memcached_cluster


@pytest.mark.network
class TestTiered(StoreContract):
    """What another process does is seen a second later; test_tiered tells of that."""

    is_shared = False

    @pytest.fixture
    def make(self, memcached: Server, clock: FakeClock, namespace: str) -> Make:
        how: Any = {"namespace": namespace, "clock": clock, "timeout": PLENTY}
        return lambda: TieredStore(
            MemoryStore(), MemcachedStore(memcached.address, **how), clock=clock
        )


class TestNearLMDB(StoreContract):
    """Each process has a memory in front; what another does is seen at once all the same."""

    lists = True

    @pytest.fixture
    def make(self, tmp_path: Path, clock: FakeClock) -> Make:
        how: Any = {"max_bytes": 256 << 20, "clock": clock}
        return lambda: TieredStore(
            MemoryStore(), LMDBStore(tmp_path / "cache", **how), seconds=3600, clock=clock
        )


@pytest.mark.parametrize(
    ("sizes", "gone"), [([3000] * 5, 3), ([200_000] * 2, 2)], ids=["evicted", "never taken"]
)
def test_a_memory_that_is_full_says_so_once(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, sizes: list[int], gone: int
) -> None:
    caplog.set_level(logging.INFO, "wsgicache")
    store = MemoryStore(12_000)
    for number, size in enumerate(sizes):
        fill(store, clock, b"x" * size, target=f"/{number}").commit()
        store.update(KEY, emptied(clock.now()))
    assert store.evictions == gone
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("MemoryStore is full: max_bytes=12000 hold no more.")
    assert store.holding().unused == gone


def test_what_a_memory_holds_by_route(clock: FakeClock) -> None:
    """What was asked for again is evicted, too, in time; that is not in vain."""
    store = MemoryStore(12_000)
    for number in range(5):
        fill(store, clock, b"x" * 3000, target=f"/items/{number}").commit()
        store.get(("http", "example.org", "/items/0", ""))
    fill(store, clock, b"x", target="/other", headers=(("X-Kind", "1"),), vary="X-Kind").commit()
    holding = store.holding()
    assert (holding.evictions, holding.unused) == (4, 4)
    routes = {one.route: (one.entries, one.widest, one.evictions) for one in holding.routes}
    assert routes == {"/items": (1, 1, 4), "/other": (1, 1, 0)}
    unused = store.unused
    for number in range(5, 12):
        fill(store, clock, b"x" * 3000, target=f"/items/{number}").commit()
        store.get(("http", "example.org", f"/items/{number}", ""))
    holding = store.holding()
    assert "/items/0" not in {key[2] for key in store.keys(("http", "example.org", "/", ""))}
    assert unused <= (holding.unused or 0) < store.evictions - 4
