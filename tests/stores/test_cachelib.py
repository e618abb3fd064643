"""CachelibStore beside the contract: what it refuses, and what it leaves alone."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cachelib import BaseCache, FileSystemCache, MemcachedCache, NullCache, RedisCache, SimpleCache

from tests.running import module
from tests.scene import FakeClock
from tests.stores.contract import KEY, content_of, fill, found
from tests.stores.shared.test_records import Canary
from wsgicache.stores import StoreError
from wsgicache.stores.cachelib import CachelibStore

redis = module("redis")


# ── what it takes ────────────────────────────────────────────────────────────────────────────────


class Own(BaseCache):
    """Somebody's cache without a serializer."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MemcachedCache(object()), "MemcachedCache.*there is MemcachedStore"),
        (NullCache, "with a serializer, .*, got <.*NullCache"),
        (Own, "with a serializer, .*, got <.*Own"),
        (dict, "CachelibStore.cache must be a cachelib.BaseCache, got {}"),
        (lambda: None, "CachelibStore.cache must be a cachelib.BaseCache, got None"),
        (
            lambda: RedisCache(redis.Redis(port=1, decode_responses=True)),
            "whose client has no decode_responses=True, got <.*RedisCache",
        ),
    ],
)
def test_what_it_refuses(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        CachelibStore(make())


@pytest.mark.parametrize("limit", [0, 1000, True, 1e6, "1M"])
def test_a_limit_that_is_none(limit: Any) -> None:
    kind = ValueError if type(limit) is int else TypeError
    with pytest.raises(kind, match=r"CachelibStore.limit must be a whole number of 16384 or more"):
        CachelibStore(SimpleCache(), limit=limit)


def test_other_users_of_the_cache_keep_their_serializer(tmp_path: Path, clock: FakeClock) -> None:
    for cache in (SimpleCache(), FileSystemCache(str(tmp_path), threshold=100)):
        cache.set("theirs", {"a": [1, 2]})
        store = CachelibStore(cache, clock=clock)
        fill(store, clock).commit()
        assert found(store) is not None
        assert cache.get("theirs") == {"a": [1, 2]}
        cache.set("theirs", {"b": 3})
        assert cache.get("theirs") == {"b": 3}


def test_what_it_finds_is_not_unpickled(tmp_path: Path, clock: FakeClock) -> None:
    """Under the very names, as cachelib would have written it."""
    simple = SimpleCache()
    for cache in (simple, FileSystemCache(str(tmp_path), threshold=0)):
        store = CachelibStore(cache, clock=clock)
        fill(store, clock).commit()
        for name in (store._names.of("entry", *KEY).text, store._names.of("state").text):
            cache.set(name, Canary())
        if cache is simple:
            assert all(value.startswith(b"\x80") for _, value in simple._cache.values())
        Canary.sung = False
        clock.advance(2)
        assert found(store) is None
        assert not Canary.sung
        fill(store, clock, b"new").commit()
        assert content_of(store, found(store)) == b"new"


def test_a_folder_that_cachelib_has_used_before(tmp_path: Path, clock: FakeClock) -> None:
    """Its count of files is pickled; ours is not."""
    FileSystemCache(str(tmp_path), threshold=3).set("theirs", 1)
    store = CachelibStore(FileSystemCache(str(tmp_path), threshold=3), clock=clock)
    for number in range(20):
        fill(store, clock, target=f"/{number}").commit()
    assert len(list(tmp_path.iterdir())) < 10
    assert not any(pickle.PROTO in path.read_bytes()[4:5] for path in tmp_path.iterdir())


@pytest.mark.parametrize("threshold", [0, 1])
def test_a_fifo_in_place_of_a_file_is_a_miss(
    tmp_path: Path, clock: FakeClock, threshold: int
) -> None:
    """At the very name, and beside it, where files are looked through for those to delete."""
    cache = FileSystemCache(str(tmp_path), threshold=threshold)
    store = CachelibStore(cache, clock=clock)
    for number in range(3):
        fill(store, clock, target=f"/{number}").commit()
    path = cache._get_filename(store._names.of("entry", *KEY).text)
    for name in (path, str(tmp_path / "other")):
        os.mkfifo(name)
    with no_waiting():
        assert found(store) is None
        fill(store, clock, b"new").commit()
        assert content_of(store, found(store)) == b"new"


@contextmanager
def no_waiting() -> Iterator[None]:
    """Who opens a FIFO to read waits for ever; here until the alarm raises."""

    def late(number: int, frame: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class FakeUwsgi:
    """uWSGI's cache, which takes so many bytes and no more."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def cache_get(self, key: str, cache: str) -> bytes | None:
        return self.values.get(key)

    def cache_update(self, key: str, value: bytes, timeout: int, cache: str) -> bool | None:
        if len(value) > 65_536:
            return None
        self.values[key] = value
        return True

    def cache_del(self, key: str, cache: str) -> bool | None:
        return self.values.pop(key, None) is not None


@pytest.mark.parametrize("size", [10, 60_000, 500_000])
def test_uwsgi_cache(monkeypatch: pytest.MonkeyPatch, clock: FakeClock, size: int) -> None:
    import sys

    from cachelib import UWSGICache

    monkeypatch.setitem(sys.modules, "uwsgi", FakeUwsgi())
    store = CachelibStore(UWSGICache(), limit=65_536, clock=clock)
    content = os.urandom(size)
    fill(store, clock, content).commit()
    assert content_of(store, found(store)) == content
    too_much = CachelibStore(UWSGICache(), clock=clock)
    if size > 65_536:
        with pytest.raises(StoreError, match="did not keep"):
            fill(too_much, clock, os.urandom(size)).commit()
