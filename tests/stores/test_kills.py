"""Writers that are killed in the middle, and records that are changed where they lie."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cachelib import FileSystemCache, RedisCache
from pymemcache.client.base import Client

from tests.running import fork, module
from tests.scene import FakeClock, Scene
from tests.stores.contract import KEY, content_of, fill, found
from tests.stores.servers import PLENTY, Server
from tests.stores.shared.test_records import mutated
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.lmdb import LMDBStore
from wsgicache.stores.memcached import MemcachedStore

redis = module("redis")


def version(number: int) -> bytes:
    """A content that tells whether it is whole: as many times its number as that says."""
    word = b"%08d" % number
    return word * (150_000 + number % 1000)


def is_whole(content: bytes) -> bool:
    return content == version(int(content[:8]))


def check_kills(store: Any, clock: FakeClock, count: int, seed: int) -> tuple[int, int]:
    """Kill *count* writers of a content in several pieces. Returns the hits and the misses."""
    rng = random.Random(seed)
    hits = misses = 0
    fill(store, clock, version(0)).commit()
    for number in range(count):
        child = fork()
        if child == 0:
            try:
                while True:
                    number += 7
                    fill(store, clock, version(number)).commit()
            finally:
                os._exit(1)
        time.sleep(rng.random() * 0.04)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        content = content_of(store, found(store))
        if content is None:
            misses += 1
        else:
            assert is_whole(content)
            hits += 1
    return hits, misses


def check_tampering(stage: Stage, count: int) -> int:
    """Change records *count* times where they lie; each time the page is right or missing. Returns
    how often it was missing."""
    store, held = stage.store, dict[str, bytes | None]()
    rng = random.Random(count)
    small, large = rng.randbytes(3_000), rng.randbytes(200_000)
    misses, name = 0, ""
    for number in range(count):
        # A generation that was lost and comes back is not believed: all has to be stored anew.
        if number % 50 == 0 or ":3s:" in name:
            fill(store, stage.clock, small, target="/small", cache_tag="a").commit()
            fill(store, stage.clock, large, target="/large").commit()
            assert content_of(store, found(store, "/small")) == small
            assert content_of(store, found(store, "/large")) == large
            held = {name: stage.read(name) for name in stage.names()}
        name, value = rng.choice([(name, value) for name, value in held.items() if value])
        stage.tamper(name, mutated(value, rng))
        stage.clock.advance(1)
        for target, content in (("/small", small), ("/large", large)):
            got = content_of(store, found(store, target))
            assert got in (None, content)
            misses += got is None
        stage.tamper(name, value)
    return misses


# ── the stores ───────────────────────────────────────────────────────────────────────────────────


class Stage:
    """A store, and how to reach behind it."""

    def __init__(self, kind: str, **places: Any) -> None:
        self.clock = FakeClock()
        self._places = places
        self.kind = kind
        if kind == "redis":
            self.client: Any = redis.Redis(port=places["redis"].port)
        elif kind == "memcached":
            self.client = Client(("127.0.0.1", places["memcached"].port), default_noreply=False)
        self.store = self.opened(clock=self.clock, namespace=places["namespace"])

    def opened(self, **options: Any) -> Any:
        """A store on this stage."""
        if self.kind == "memcached":
            port = self._places["memcached"].port
            return MemcachedStore(("127.0.0.1", port), timeout=PLENTY, **options)
        if self.kind == "redis":
            return CachelibStore(RedisCache(self.client), limit=500_000, **options)
        if self.kind == "lmdb":
            store = LMDBStore(self._places["folder"] / "lmdb", max_bytes=64 << 20, **options)
            (generations,) = store._nodes.values()
            self._node: Any = generations.node
            return store
        cache = FileSystemCache(str(self._places["folder"]), threshold=0)
        self._path = lambda name: Path(cache._get_filename(name))
        return CachelibStore(cache, limit=500_000, **options)

    def names(self) -> list[str]:
        """Every name that the two pages and their purges have."""
        names = self.store._names
        found_names = []
        for target in ("/small", "/large"):
            found_names.append(names.of("entry", "http", "example.org", target, "").text)
            got = found(self.store, target)
            if got is not None and got.kept is not None:
                pieces = self.store._contents._pieces((*got.kept, got.length))
                found_names += [name.text for name, _ in pieces]
        groups = [names.of("group", name).text for name in ("* a", "http://example.org a")]
        return [*found_names, *groups, names.of("state").text]

    def read(self, name: str) -> bytes | None:
        if self.kind == "file":
            path = self._path(name)
            return path.read_bytes()[4:] if path.exists() else None
        if self.kind == "lmdb":
            (found_here,) = self._node.read((name,))
            return found_here
        value: bytes | None = self.client.get(name)
        return value

    def tamper(self, name: str, value: bytes | None) -> None:
        if self.kind == "file":
            self._path(name).write_bytes(b"\0\0\0\0" + (value or b""))
        elif self.kind == "lmdb":
            self._node.write(name, (value or b"")[: self._node.limit], 3600)
        else:
            self.client.set(name, value)

    def remove(self, name: str) -> None:
        if self.kind == "file":
            self._path(name).unlink()
        elif self.kind == "lmdb":
            self._node.remove(name)
        else:
            self.client.delete(name)

    def close(self) -> None:
        if self.kind in ("redis", "memcached"):
            self.client.close()


@pytest.fixture(params=["file", "lmdb", "redis", "memcached"])
def stage(request: pytest.FixtureRequest, tmp_path: Path, namespace: str) -> Iterator[Stage]:
    server: Callable[[str], Server] = request.getfixturevalue
    places: dict[str, Any] = {"folder": tmp_path / "cache", "namespace": namespace}
    (tmp_path / "cache").mkdir()
    if request.param in ("redis", "memcached"):
        places[request.param] = server("redis_server" if request.param == "redis" else "memcached")
    stage = Stage(request.param, **places)
    yield stage
    stage.close()


def test_a_writer_that_is_killed_leaves_nothing_half(stage: Stage) -> None:
    hits, misses = check_kills(stage.store, stage.clock, 25, seed=1)
    assert hits + misses == 25
    assert hits
    assert stage.store.get(KEY) is not None


def test_what_is_changed_where_it_lies_is_a_miss(stage: Stage) -> None:
    assert check_tampering(stage, 150) >= 100


def test_pieces_in_another_order_are_a_miss(stage: Stage) -> None:
    """All permutations of the first three pieces but the right one."""
    from itertools import permutations

    content = random.Random(1).randbytes(1_200_000)
    fill(stage.store, stage.clock, content, target="/large").commit()
    names = [name for name in stage.names() if ":3p:" in name][:3]
    held = [stage.read(name) for name in names]
    assert len(names) >= 2
    for order in permutations(range(len(names))):
        for name, place in zip(names, order, strict=True):
            stage.tamper(name, held[place])
        expected = content if list(order) == sorted(order) else None
        assert content_of(stage.store, found(stage.store, "/large")) == expected


@pytest.mark.parametrize("how", ["evicted", "expired", "replaced", "purged", "all purged"])
def test_a_content_that_goes_between_look_up_and_reading(
    stage: Stage, make_scene: Callable[..., Scene], how: str
) -> None:
    """It is a miss, never a part; where it was not removed yet it may be served."""
    store, old, new = stage.store, os.urandom(1_200_000), os.urandom(1_200_000)
    scene = make_scene(store=store, clock=stage.clock)
    scene.app(200, old, cache_control="max-age=60")
    scene.get("/large")
    assert scene.get("/large").body == old
    scene.app(200, new, cache_control="max-age=60")
    get, pieces = store.get, [name for name in stage.names() if ":3p:" in name]
    assert len(pieces) >= 2

    def and_then_it_goes(key: Any) -> Any:
        entry = get(key)
        store.get = get
        if how == "evicted":
            stage.remove(pieces[-1])
        elif how == "expired":
            for name in pieces:
                stage.remove(name)
        elif how == "purged":
            scene.cache.purge("http://example.org/large")
        elif how == "all purged":
            scene.cache.purge_all()
        else:
            fill(store, stage.clock, new, target="/large").commit()
        return entry

    store.get = and_then_it_goes
    got = scene.get("/large")
    assert got.body == (old if how == "all purged" else new)
    assert scene.get("/large").body == scene.get("/large").body == new
