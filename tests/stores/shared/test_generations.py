"""Generations: what one process does while another one purges, and what a node may forget."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import pytest
from cachelib import SimpleCache

from tests.scene import EPOCH, FakeClock, environ_for, exchange
from tests.stores.contract import KEY, content_of, fill, found
from wsgicache import CacheMiddleware
from wsgicache.rules.entries import emptied, softened_all
from wsgicache.rules.model import CacheEntry
from wsgicache.stores import StoreError
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.caches import CacheNode
from wsgicache.stores.shared import records
from wsgicache.stores.shared.generations import Generations
from wsgicache.stores.shared.store import PackedStore


@pytest.fixture
def store(cache: SimpleCache, clock: FakeClock) -> CachelibStore:
    return CachelibStore(cache, clock=clock)


def generations_of(store: CachelibStore) -> Generations:
    (generations,) = store._nodes.values()
    return generations


READS: dict[str, tuple[str, Callable[[CachelibStore, FakeClock], object]]] = {
    "get": ("read", lambda store, clock: store.get(KEY)),
    "update": ("look", lambda store, clock: store.update(KEY, lambda entry: entry)),
    "generation": ("read", lambda store, clock: store.generation(KEY)),
}


@pytest.mark.parametrize("groups", [[], ["* a"]], ids=repr)
@pytest.mark.parametrize(("method", "ask"), READS.values(), ids=READS)
def test_who_was_overtaken_by_a_purge_teaches_nothing(
    store: CachelibStore,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    ask: Callable[[CachelibStore, FakeClock], object],
    groups: list[str],
) -> None:
    """A thread has read the generation, another purges, then the first goes on."""
    fill(store, clock, cache_tag="a").commit()
    clock.advance(1)
    node = generations_of(store).node
    read = getattr(node, method)

    def overtaken(names: Any) -> Any:
        values = read(names)
        monkeypatch.setattr(node, method, read)
        store.bump(groups, clock.now())
        return values

    monkeypatch.setattr(node, method, overtaken)
    ask(store, clock)
    assert found(store) is None


def test_a_server_that_went_back_to_a_copy_brings_nothing_back(
    cache: SimpleCache, store: CachelibStore, clock: FakeClock
) -> None:
    """As long as one process knows better, which is then true for all."""
    fill(store, clock, b"old").commit()
    copy = dict(cache._cache)
    store.bump([], clock.now())
    fill(store, clock, b"new").commit()
    cache._cache.clear()
    cache._cache.update(copy)
    clock.advance(1)
    assert found(store) is None
    late = CachelibStore(cache, clock=clock)
    assert found(late) is None
    fill(late, clock, b"newer").commit()
    assert content_of(store, found(store)) == b"newer"


class Lives(CacheNode):
    """A node that says which life it has, and counts its connections."""

    def __init__(self, cache: Any, life: str = "first") -> None:
        super().__init__(cache, 100_000)
        self.is_of = life
        self.made = 1

    @property
    def connects(self) -> int:
        return self.made

    def life(self) -> str:
        return self.is_of


@pytest.fixture
def lives(store: CachelibStore) -> list[Lives]:
    """The node as two processes know it."""
    known: Any = generations_of(store).node
    return [Lives(known._cache) for _ in "12"]


def on(node: Lives, clock: FakeClock) -> PackedStore:
    return PackedStore([node], lambda name: node, clock=clock)


def test_another_life_of_the_server_brings_nothing_back(
    lives: list[Lives], clock: FakeClock
) -> None:
    """It has an old copy of its data, and of a purge by URL its number says nothing."""
    one, other = (on(node, clock) for node in lives)
    fill(one, clock, b"old").commit()
    assert found(other) is not None
    slow = fill(one, clock, b"slow")
    for node in lives:
        node.is_of, node.made = "second", 2
    # Within the second for which the generation counts.
    assert found(one) is None
    assert found(other) is None
    assert found(on(Lives(lives[0]._cache, "second"), clock)) is None
    slow.commit()
    assert found(one) is None
    number = one.generation(KEY)
    fill(other, clock, b"new").commit()
    clock.advance(2)
    assert content_of(one, found(one)) == b"new"
    assert one.generation(KEY) == other.generation(KEY) == number


def test_another_connection_to_the_same_life_ends_nothing(
    lives: list[Lives], clock: FakeClock
) -> None:
    one = on(lives[0], clock)
    fill(one, clock).commit()
    lives[0].made = 2
    assert found(one) is not None


@pytest.mark.parametrize(("first", "second"), [("", "one"), ("one", "")])
def test_a_life_that_was_not_told_is_no_other(
    lives: list[Lives], clock: FakeClock, first: str, second: str
) -> None:
    lives[0].is_of, lives[1].is_of = first, second
    one, other = (on(node, clock) for node in lives)
    fill(one, clock).commit()
    assert found(other) is not None
    clock.advance(2)
    assert found(one) is not None
    lives[1].is_of, lives[1].made = "another", 2
    assert found(other) is None


def test_a_generation_begun_by_a_clock_that_is_behind_brings_nothing_back(
    cache: SimpleCache, store: CachelibStore, clock: FakeClock
) -> None:
    """The node has lost its generation, and who begins another is half a minute late."""
    fill(store, clock, b"old").commit()
    store.bump([], clock.now())
    name = store._names.of("state").text
    del cache._cache[name]
    behind = FakeClock(EPOCH - 30)
    late = CachelibStore(cache, clock=behind)
    assert found(late) is None
    clock.advance(1)
    fill(store, clock, b"new").commit()
    assert content_of(store, found(store)) == b"new"
    behind.advance(30)
    assert content_of(late, found(late)) == b"new"


def test_what_is_of_a_generation_that_one_has_not_seen_yet_is_found(
    cache: SimpleCache, store: CachelibStore, clock: FakeClock
) -> None:
    other = CachelibStore(cache, clock=clock)
    assert found(store) is None
    other.bump([], clock.now())
    fill(other, clock, b"new").commit()
    assert content_of(store, found(store)) == b"new"


@pytest.mark.parametrize("soft", [False, True])
def test_a_purge_that_broke_off_is_ended_by_the_next_fill(
    cache: SimpleCache,
    store: CachelibStore,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    soft: bool,
) -> None:
    """It has written the group, and not the generation: a page of the group could not be kept."""
    fill(store, clock, b"old", cache_tag="a").commit()
    node, name = generations_of(store).node, store._names.of("state").text
    swap = node.swap

    def fail(one: str, *more: Any, **full: Any) -> bool:
        if one == name:
            raise StoreError("no route")
        return swap(one, *more, **full)

    with monkeypatch.context() as broken:
        broken.setattr(node, "swap", fail)
        with pytest.raises(StoreError, match="no route"):
            store.bump(["* a"], clock.now(), soft=soft)
    clock.advance(1)
    other = CachelibStore(cache, clock=clock)
    for _ in range(2):
        fill(other, clock, b"new", cache_tag="a").commit()
        clock.advance(1)
    got = found(other)
    assert content_of(other, got) == b"new"
    assert got is not None
    assert got.freshness_lifetime == 60


@pytest.mark.parametrize(
    "head",
    [
        None,
        "x",
        [],
        [1, 2, 3],
        [1, 0, 0, 0.0, 0, 0.0],
        [1, 0, 0, 0.0, 0, "x", "", ""],
        [True, 0, 0, 0.0, 0, 0.0, "", ""],
        [1e999, 0, 0, 0.0, 0, 0.0, "", ""],
        [10**400, 0, 0, 0.0, 0, 0.0, "", ""],
        [10**17, 0, 0, 0.0, 0, 0.0, "", ""],
        [1.5, 0, 0, 0.0, 0, 0.0, "", ""],
        [1, None, 0, 0.0, 0, 0.0, "", ""],
        [1, 0, 0, 0.0, 0, 0.0, "", 5],
        [1, 0, 0, 0.0, 0, 0.0, "", "x" * 201],
        [1, 0, 0, 0.0, 0, 0.0, "", "", 5],
        [1, 0, 0, 0.0, 0, 0.0, "", "", "x" * 1025],
        [1, 0, 0, 0.0, 0, 0.0, "", "", *"abcdefghi"],
    ],
    ids=lambda head: repr(head)[:40],
)
@pytest.mark.parametrize("kind", ["state", "group"])
def test_a_state_that_is_none_is_as_one_that_was_lost(
    cache: SimpleCache, store: CachelibStore, clock: FakeClock, kind: str, head: Any
) -> None:
    fill(store, clock, b"old", cache_tag="a").commit()
    name = store._names.of("state") if kind == "state" else store._names.of("group", "* a")
    cache._cache[name.text] = (0, sealed(name.echo, head))
    clock.advance(1)
    other = CachelibStore(cache, clock=clock)
    assert found(other) is None
    fill(other, clock, b"new", cache_tag="a").commit()
    assert content_of(other, found(other)) == b"new"
    other.bump(["* a"], clock.now())
    assert found(other) is None


def sealed(echo: bytes, head: Any) -> bytes:
    """A record with what `seal` refuses to write."""
    text = json.dumps(head).replace("Infinity", "1e999").encode()
    body = records._LENGTHS.pack(len(echo), len(text)) + echo + text
    return records.MAGIC + blake2b(body, digest_size=20).digest() + body


# ── hosts whose clocks differ ────────────────────────────────────────────────────────────────────

HOSTS = [pytest.param(ahead, id=f"{ahead:+} s") for ahead in (-30, -0.3, 0, 0.3, 30)]


@pytest.fixture(params=HOSTS)
def there(request: pytest.FixtureRequest) -> FakeClock:
    """The clock of another host, so much ahead."""
    return FakeClock(EPOCH + request.param)


def test_a_slow_fill_of_another_host_is_not_kept(
    cache: SimpleCache, store: CachelibStore, clock: FakeClock, there: FakeClock
) -> None:
    other = CachelibStore(cache, clock=there)
    for purge in (emptied, softened_all):
        slow = fill(other, there, b"old")
        store.update(KEY, purge(math.nextafter(clock.now(), math.inf)))
        slow.commit()
        assert found(other) is None
        # A purge between two others, and a fill between them.
        slow = fill(other, there, b"old")
        store.update(KEY, purge(math.nextafter(clock.now(), math.inf)))
        slow.commit()
        assert found(other) is None


def test_what_another_host_fills_after_a_purge_is_kept(
    cache: SimpleCache, store: CachelibStore, clock: FakeClock, there: FakeClock
) -> None:
    other = CachelibStore(cache, clock=there)
    for number in range(3):
        store.update(KEY, emptied(math.nextafter(clock.now(), math.inf)))
        content = str(number).encode()
        fill(other, there, content).commit()
        assert content_of(other, found(other)) == content
        other.update(KEY, emptied(math.nextafter(there.now(), math.inf)))
        fill(store, clock, content).commit()
        assert content_of(store, found(store)) == content


def test_a_soft_purge_by_a_clock_that_is_ahead_is_one_of_now(
    cache: SimpleCache, store: CachelibStore, clock: FakeClock, there: FakeClock
) -> None:
    fill(store, clock, cache_tag="a").commit()
    clock.advance(10)
    other = CachelibStore(cache, clock=there)
    there.advance(10)
    for groups in (["* a"], []):
        other.bump(groups, there.now(), soft=True)
        clock.advance(1)
        got = found(store)
        assert got is not None
        assert got.freshness_lifetime <= clock.now() - got.generated_at


@pytest.mark.parametrize(("late", "lines"), [(-90, 0), (0, 0), (4, 0), (90, 1)])
def test_a_host_whose_clock_is_late_says_so_once_and_counts_what_it_purges(
    cache: SimpleCache,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    late: float,
    lines: int,
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=600")])
        return [b"page"]

    ahead, here = (
        CacheMiddleware(app, store=CachelibStore(cache, clock=one), clock=one)
        for one in (FakeClock(clock.now() + late), clock)
    )
    for target in ("/", "/other"):
        exchange(ahead, environ_for(target=target))
    for target in ("/", "/other"):
        assert (here.explain(f"http://example.org{target}").outcome == "hit") is not bool(lines)
    assert here.purge("http://example.org/").responses == 1
    told = [record.getMessage() for record in caplog.records if "clock" in record.getMessage()]
    assert len(told) == lines
    assert not told or "has a clock 90 s ahead of this one" in told[0]
    assert exchange(ahead, environ_for()).fwd == "uri-miss"
    posted = exchange(here, environ_for("POST", "/other"))
    assert posted.detail == "invalidated"


@pytest.mark.parametrize("ahead", [0.3, 30, 86_400], ids=lambda ahead: f"{ahead} s")
def test_so_is_a_soft_purge_of_a_url(
    cache: SimpleCache, store: CachelibStore, clock: FakeClock, ahead: float
) -> None:
    fill(store, clock).commit()
    clock.advance(10)
    other, there = CachelibStore(cache, clock=FakeClock(clock.now() + ahead)), clock.now() + ahead
    other.update(KEY, softened_all(there))
    clock.advance(1)
    stale_since = clock.now()
    for _ in range(2):
        got = found(store)
        assert got is not None
        assert got.generated_at + got.freshness_lifetime <= stale_since
        clock.advance(1)
    # Who changes the entry writes what it knows.
    store.update(KEY, lambda entry: entry and CacheEntry(entry.responses))
    clock.advance(ahead)
    got = found(CachelibStore(cache, clock=clock))
    assert got is not None
    assert got.generated_at + got.freshness_lifetime <= stale_since + 2


def test_groups_are_made_known_in_one_trip_each(
    store: CachelibStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = fill(store, clock, cache_tag=",".join(map(str, range(128))))
    node = generations_of(store).node
    trips: list[str] = []
    for method in ("look", "swap"):
        done = getattr(node, method)

        def noted(*asked: Any, method: str = method, done: Any = done) -> Any:
            trips.append(method)
            return done(*asked)

        monkeypatch.setattr(node, method, noted)
    under_way.commit()
    assert trips.count("swap") == 2 * 128 + 1
    assert trips.count("look") == 1
    assert found(store) is not None
