"""TieredStore beside the contract: how old what is near may be, and what it costs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from cachelib import SimpleCache

from tests.scene import FakeClock
from tests.stores.contract import KEY, content_of, fill, found
from wsgicache import MemoryStore
from wsgicache.rules.entries import emptied
from wsgicache.rules.model import CacheEntry
from wsgicache.stores import SharedStore, StoreError
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.shared.memo import Memo
from wsgicache.stores.tiered import TieredStore


class Counting(CachelibStore):
    """A shared store that counts how often it is asked."""

    asked = 0

    def get(self, key: Any) -> CacheEntry | None:
        self.asked += 1
        return super().get(key)


@pytest.fixture
def shared(cache: SimpleCache, clock: FakeClock) -> Counting:
    return Counting(cache, clock=clock)


@pytest.fixture
def store(shared: Counting, clock: FakeClock) -> TieredStore:
    return TieredStore(MemoryStore(), shared, clock=clock)


@pytest.fixture
def other(cache: SimpleCache, clock: FakeClock) -> CachelibStore:
    """Another process."""
    return CachelibStore(cache, clock=clock, generation_seconds=0)


def test_it_is_a_shared_store(store: TieredStore) -> None:
    assert isinstance(store, SharedStore)


def test_the_shared_store_is_asked_once_a_second(
    store: TieredStore, shared: Counting, clock: FakeClock
) -> None:
    fill(store, clock).commit()
    shared.asked = 0
    for _ in range(10):
        clock.advance(0.09)
        assert found(store) is not None
    assert shared.asked == 1
    clock.advance(0.5)
    assert found(store) is not None
    assert shared.asked == 2


def test_what_is_not_there_is_asked_for_each_time(
    store: TieredStore, other: CachelibStore, clock: FakeClock
) -> None:
    assert found(store) is None
    fill(other, clock).commit()
    assert found(store) is not None


@pytest.mark.parametrize("how", ["url", "group", "all", "gone"])
def test_what_another_process_purges_is_seen_after_a_second(
    store: TieredStore, other: CachelibStore, clock: FakeClock, how: str
) -> None:
    fill(store, clock, cache_tag="a").commit()
    assert found(store) is not None
    if how == "url":
        other.update(KEY, emptied(clock.now() + 0.001))
    elif how == "gone":
        other.update(KEY, lambda entry: None)
    else:
        other.bump(["* a"] if how == "group" else [], clock.now())
    clock.advance(0.9)
    assert found(store) is not None
    clock.advance(0.1)
    assert found(store) is None


@pytest.mark.parametrize("groups", [["* a"], []], ids=repr)
def test_what_another_process_purges_without_touching_it_is_seen_after_two_at_most(
    store: TieredStore, other: CachelibStore, clock: FakeClock, groups: list[str]
) -> None:
    """The generation is read once a second, and the entry just before that is due."""
    fill(store, clock, cache_tag="a").commit()
    assert found(store) is not None
    other.bump(groups, clock.now())
    store.near.update(KEY, lambda entry: None)
    clock.advance(0.99)
    assert found(store) is not None
    clock.advance(0.99)
    assert found(store) is not None
    clock.advance(0.02)
    assert found(store) is None


@pytest.mark.parametrize("groups", [["* a"], []], ids=repr)
def test_with_words_of_a_machine_another_machine_is_seen_after_one(
    shared: Counting, other: CachelibStore, clock: FakeClock, tmp_path: Path, groups: list[str]
) -> None:
    store = TieredStore(MemoryStore(), shared, stamps=tmp_path, clock=clock)
    fill(store, clock, cache_tag="a").commit()
    assert found(store) is not None
    other.bump(groups, clock.now())
    clock.advance(0.99)
    assert found(store) is not None
    store.near.update(KEY, lambda entry: None)
    assert found(store) is None


def test_what_is_read_while_this_process_purges_is_not_kept(
    store: TieredStore, shared: Counting, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread has read the entry, another purges it, then the first goes on."""
    fill(store, clock).commit()
    get, purge = shared.get, emptied(clock.now() + 0.001)

    def late(key: Any) -> CacheEntry | None:
        entry = get(key)
        monkeypatch.setattr(shared, "get", get)
        thread = threading.Thread(target=store.update, args=(KEY, purge))
        thread.start()
        thread.join()
        return entry

    monkeypatch.setattr(shared, "get", late)
    assert store.get(KEY) is not None
    assert found(store) is None


def test_large_contents_stay_in_the_shared_store(store: TieredStore, clock: FakeClock) -> None:
    fill(store, clock, b"x" * 300_000).commit()
    got = found(store)
    assert got is not None
    assert got.content is None
    assert store.near.bytes < 4_000
    assert content_of(store, found(store)) == b"x" * 300_000


def test_the_near_store_is_bounded(shared: Counting, clock: FakeClock) -> None:
    store = TieredStore(MemoryStore(100_000), shared, clock=clock)
    for number in range(50):
        fill(store, clock, b"x" * 10_000, target=f"/{number}").commit()
        assert found(store, f"/{number}") is not None
        assert store.near.bytes <= 100_000


def test_purges_that_fail_are_seen_here_all_the_same(
    store: TieredStore, shared: Counting, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, clock).commit()
    assert found(store) is not None

    def fail(*args: Any, **more: Any) -> Any:
        raise StoreError("no route")

    for method in ("update", "bump", "get"):
        monkeypatch.setattr(shared, method, fail)
    with pytest.raises(StoreError):
        store.bump([], clock.now())
    with pytest.raises(StoreError):
        store.get(KEY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"near": {}}, "TieredStore.near must be a MemoryStore, got {}"),
        ({"shared": MemoryStore()}, "that processes share"),
        ({"shared": None}, "that processes share"),
        ({"seconds": "1"}, "TieredStore.seconds must be a number above 0, up to 3600, got '1'"),
        ({"seconds": 0}, "TieredStore.seconds must be a number above 0, up to 3600, got 0"),
        ({"seconds": 1e9}, "TieredStore.seconds must be a number above 0, .* got 1000000000.0"),
        ({"clock": 5}, "TieredStore.clock must be an object with the methods now and wall, got 5"),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_what_may_not_be(shared: Counting, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        TieredStore(**{"near": MemoryStore(), "shared": shared, **arguments})


@pytest.mark.parametrize("budget", [1 << 14, 1 << 20])
def test_what_is_near_has_all_variants_or_none(
    shared: Counting, clock: FakeClock, budget: int
) -> None:
    """Of an entry that is too large for its share nothing is left out: it would be a miss."""
    store = TieredStore(MemoryStore(budget), shared, clock=clock)
    kinds = [("Accept", kind) for kind in "abcdef"]
    for kind in kinds:
        fill(store, clock, b"x" * 1000, headers=(kind,), vary="Accept").commit()
    for _ in range(2):
        assert all(found(store, "/", kind) for kind in kinds)
    assert len(store.near) == (budget > 1 << 14)


@pytest.mark.parametrize("budget", [16 << 20, 600_000])
def test_parts_that_were_read_stay_near_as_long_as_there_is_room(
    shared: Counting,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    budget: int,
) -> None:
    """And no longer than their entry does."""
    monkeypatch.setattr(Memo, "get", lambda *how: None)
    store = TieredStore(MemoryStore(budget), shared, seconds=3600, clock=clock)
    kinds = [("Accept", kind) for kind in "abcdefghijklmnop"]
    for kind in kinds:
        fill(store, clock, b"x" * 2000, headers=(kind,), vary="Accept", cache_tag="a").commit()
    (generations,) = shared._nodes.values()
    node: Any = generations.node
    read = node.read
    parts: list[str] = []

    def noted(names: Any) -> Any:
        parts.extend(name for name in names if ":3v:" in name)
        return read(names)

    monkeypatch.setattr(node, "read", noted)
    counts = []
    for _ in "123":
        parts.clear()
        for kind in kinds:
            got = found(store, "/", kind)
            assert content_of(store, got) == b"x" * 2000
            assert store.near.bytes <= store.near.share
        counts.append(len(parts))
    assert counts[1] == counts[2] < counts[0] == 15
    assert (counts[2] == 0) == (budget > 1 << 20)
    store.bump(["* a"], clock.now(), soft=True)
    assert all(
        got and got.softened_at == clock.now() for got in (found(store, "/", k) for k in kinds)
    )
    store.update(KEY, emptied(clock.now()))
    assert not any(found(store, "/", kind) for kind in kinds)


def test_a_part_that_is_read_late_stays_out_of_a_newer_entry(
    store: TieredStore, clock: FakeClock
) -> None:
    kinds = [("Accept", kind) for kind in "abcdefghijklmnop"]

    def fill_all(content: bytes) -> CacheEntry:
        for kind in kinds:
            fill(store, clock, content, headers=(kind,), vary="Accept").commit()
        entry = store.get(KEY)
        assert entry is not None
        return entry

    older = fill_all(b"x" * 2000)
    fill_all(b"y" * 2000)
    assert [one for selector in [*older.responses] if (one := older.responses.get(selector))]
    for kind in kinds:
        assert content_of(store, found(store, "/", kind)) == b"y" * 2000
