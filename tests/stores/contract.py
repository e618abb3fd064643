"""What every store has to keep: one suite, run against each of them.

A subclass has a fixture ``make`` that gives a function which opens the store: called twice, it
opens it as another process would.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from tests.rig.gates import interrupting, together
from tests.rules.messages import SAFE, answer, asked, kept
from tests.scene import EPOCH, FakeClock, Scene
from tests.stores.samples import told
from wsgicache import Policy
from wsgicache.rules.conditional import not_modified_fields
from wsgicache.rules.entries import adding, dropping, emptied, softened_all
from wsgicache.rules.keys import Key
from wsgicache.rules.model import NEVER, CacheEntry, Fill, StoredResponse
from wsgicache.rules.request import Request
from wsgicache.rules.validation import freshening
from wsgicache.rules.variants import select
from wsgicache.stores import Browsing, Listing, SharedStore, StoreError
from wsgicache.stores.shared.records import MAGIC, seal

KEY: Key = ("http", "example.org", "/", "")
Make = Callable[[], Any]


def fill(
    store: Any,
    clock: FakeClock,
    content: bytes = b"hello",
    *,
    target: str = "/",
    headers: tuple[tuple[str, str], ...] = (),
    policy: Policy = SAFE,
    **fields: Any,
) -> Filling:
    return Filling(store, clock, target, headers, policy, content, **fields)


def leased(store: Any, clock: FakeClock, token: str, **options: Any) -> Filling:
    """A fill that holds a lease."""
    filling = fill(store, clock, **options)
    assert store.lease(filling.request.key, token, 3)
    filling.fill = filling.fill._replace(lease=token)
    return filling


class Filling:
    """A request on its way: it began when this was made, and is stored by `commit`."""

    def __init__(
        self,
        store: Any,
        clock: FakeClock,
        target: str,
        headers: tuple[tuple[str, str], ...],
        policy: Policy,
        content: bytes,
        **fields: Any,
    ) -> None:
        self.store = store
        self.policy = policy
        self.request: Request = asked("GET", target, *headers)
        entry = store.get(self.request.key)
        emptied_at = NEVER if entry is None else entry.emptied_at
        born = store.generation(self.request.key)
        self.fill = Fill(max(clock.now(), emptied_at), emptied_at, born)
        self.response = answer(200, **{"cache_control": "max-age=60", **fields})
        self.response.received_at = clock.now()
        self.response.wall = clock.wall()
        self.content = content

    def commit(self) -> StoredResponse:
        from wsgicache.rules.keeping import stored_response

        stored = stored_response(self.response, self.content, self.policy, fill=self.fill)
        change = adding(self.request, self.response, stored, self.policy, self.fill)
        self.store.update(self.request.key, change)
        return stored


def found(store: Any, target: str = "/", *headers: tuple[str, str]) -> StoredResponse | None:
    """What the store has for a request."""
    request = asked("GET", target, *headers)
    entry = store.get(request.key)
    return None if entry is None else select(request, entry, SAFE)


def content_of(store: Any, stored: StoredResponse | None) -> bytes | None:
    if stored is None:
        return None
    pieces = store.content(stored)
    return None if pieces is None else b"".join(pieces)


class StoreContract:
    """Tests that every store passes."""

    is_shared = True
    """Whether a second store, opened alike, has the same entries."""
    is_atomic = True
    """Whether changes by several stores at once are never lost."""
    lists = False
    """Whether it can tell what it holds."""

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    @pytest.fixture
    def store(self, make: Make) -> Any:
        return make()

    @pytest.fixture
    def other(self, make: Make, store: Any) -> Any:
        """The store as another process sees it; itself where there is no other."""
        return make() if self.is_shared else store

    # ── what goes in comes out ──────────────────────────────────────────────────────────────────

    def test_nothing_is_there(self, store: Any) -> None:
        assert store.get(KEY) is None

    def test_what_is_stored_is_found(self, store: Any, other: Any, clock: FakeClock) -> None:
        stored = fill(store, clock, etag='"v1"', cache_tag="a,b", vary="Accept").commit()
        for one in (store, other):
            got = found(one)
            assert got is not None
            assert (got.status, got.fields, not_modified_fields(got)) == (
                stored.status,
                stored.fields,
                not_modified_fields(stored),
            )
            assert (got.generated_at, got.freshness_lifetime) == (EPOCH, 60)
            assert (got.etag, got.validators, got.groups) == (
                '"v1"',
                (("HTTP_IF_NONE_MATCH", '"v1"'),),
                ("a", "b"),
            )
            assert content_of(one, got) == b"hello"

    @pytest.mark.parametrize(
        "size",
        [0, 1, 4096, 65_536, 65_537, 262_144, 999_000, 1_000_000, 1_048_576, 3_333_333],
    )
    def test_contents_of_any_size(
        self, store: Any, other: Any, clock: FakeClock, size: int
    ) -> None:
        content = random.Random(size).randbytes(size)
        fill(store, clock, content).commit()
        assert content_of(other, found(other)) == content
        again = random.Random(size + 1).randbytes(size)
        fill(store, clock, again).commit()
        assert content_of(other, found(other)) == again

    def test_each_variant_is_found_by_its_values(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        languages = ("en", "de", "", None, "en, de", "é")
        for language in languages:
            headers = () if language is None else (("Accept-Language", language),)
            content = repr(language).encode()
            fill(store, clock, content, headers=headers, vary="Accept-Language").commit()
        for language in languages:
            headers = () if language is None else (("Accept-Language", language),)
            assert content_of(other, found(other, "/", *headers)) == repr(language).encode()
        assert found(other, "/", ("Accept-Language", "fr")) is None

    def test_at_most_so_many_variants(self, store: Any, clock: FakeClock) -> None:
        policy = Policy(max_variants=3)
        for number in range(5):
            headers = (("Accept", str(number)),)
            fill(store, clock, headers=headers, policy=policy, vary="Accept").commit()
        got = [found(store, "/", ("Accept", str(number))) is not None for number in range(5)]
        assert got == [False, False, True, True, True]

    def test_many_large_variants(self, store: Any, other: Any, clock: FakeClock) -> None:
        """More than rides in one record: the newest do, the others have pieces of their own."""
        contents = {str(n): random.Random(n).randbytes(60_000) for n in range(8)}
        for accept, content in contents.items():
            fill(store, clock, content, headers=(("Accept", accept),), vary="Accept").commit()
        for accept, content in contents.items():
            assert content_of(other, found(other, "/", ("Accept", accept))) == content

    @pytest.mark.parametrize(
        "lifetime",
        [1, 2_592_000, 2_592_001, 31_536_000, 2**31 - 1, 2**31, 2**32, 10**12, 10**30],
    )
    def test_any_lifetime_is_kept(
        self, store: Any, other: Any, clock: FakeClock, lifetime: int
    ) -> None:
        fill(store, clock, cache_control=f"max-age={lifetime}").commit()
        got = found(other)
        assert got is not None
        assert got.freshness_lifetime == min(lifetime, 2**31)

    def test_no_lifetime_is_stale(self, store: Any, other: Any, clock: FakeClock) -> None:
        """It is stored, to be validated, and is stale."""
        fill(store, clock, cache_control="max-age=0", etag='"v1"').commit()
        got = found(other)
        assert got is not None
        assert got.freshness_lifetime == 0

    def test_urls_that_look_alike(self, store: Any, other: Any, clock: FakeClock) -> None:
        parts = ["/a", "/a?b", "/a:b", "/A", "/a/", "/a\xe9", "/ae\xcc\x81", "/a\r\n", "/0:"]
        queries = ["", "b", "b=1", ":", "0:", "::vary", "a" * 40, "\xe2\x84\xaa", "K"]
        keys: list[Key] = [("http", "example.org", p, q) for p, q in product(parts, queries)]
        keys += [("https", "example.org", "/a", ""), ("http", "example.or", "g/a", "")]
        keys += [("http", "example.org:80", "/a", ""), ("http", "example.org:8", "0/a", "")]
        request, response = asked(), answer(cache_control="max-age=60")
        for number, key in enumerate(keys):
            began = Fill(clock.now(), NEVER, store.generation(key))
            stored = kept(str(number).encode(), fill=began)
            store.update(key, adding(request, response, stored, SAFE, began))
        for number, key in enumerate(keys):
            entry = other.get(key)
            assert entry is not None, key
            assert content_of(other, select(request, entry, SAFE)) == str(number).encode()

    # ── changes ─────────────────────────────────────────────────────────────────────────────────

    def test_a_change_sees_what_is_there(self, store: Any, other: Any, clock: FakeClock) -> None:
        fill(store, clock).commit()
        seen: list[Any] = []

        def change(entry: CacheEntry | None) -> CacheEntry | None:
            seen.append(entry)
            return entry

        other.update(KEY, change)
        assert told(seen[-1])[3] == told(store.get(KEY))[3]

    def test_nothing_takes_an_entry_away(self, store: Any, other: Any, clock: FakeClock) -> None:
        fill(store, clock, b"x" * 100_000).commit()
        store.update(KEY, lambda entry: None)
        assert found(store) is found(other) is None

    def test_dropping_takes_one_variant(self, store: Any, other: Any, clock: FakeClock) -> None:
        for accept in ("a", "b"):
            fill(store, clock, headers=(("Accept", accept),), vary="Accept").commit()
        store.update(KEY, dropping(asked("GET", "/", ("Accept", "a")), SAFE))
        assert found(other, "/", ("Accept", "a")) is None
        assert found(other, "/", ("Accept", "b")) is not None
        store.update(KEY, dropping(asked("GET", "/", ("Accept", "b")), SAFE))
        assert found(other, "/", ("Accept", "b")) is None

    def test_dropping_what_is_not_there(self, store: Any) -> None:
        store.update(KEY, dropping(asked(), SAFE))
        assert store.get(KEY) is None or not store.get(KEY).responses

    def test_a_change_that_raises_changes_nothing(self, store: Any, clock: FakeClock) -> None:
        fill(store, clock).commit()

        def change(entry: CacheEntry | None) -> CacheEntry | None:
            raise LookupError

        with pytest.raises(LookupError):
            store.update(KEY, change)
        assert found(store) is not None

    def test_changes_at_once_are_all_made(self, make: Make, clock: FakeClock) -> None:
        """Twelve threads, with three stores where that is atomic, file a variant each."""
        stores = [make() for _ in range(3 if self.is_shared and self.is_atomic else 1)]
        fills = [
            fill(
                stores[number % len(stores)],
                clock,
                str(number).encode(),
                headers=(("Accept", str(number)),),
                vary="Accept",
            )
            for number in range(12)
        ]
        barrier = threading.Barrier(len(fills))

        def commit(number: int) -> None:
            barrier.wait()
            fills[number].commit()

        together(len(fills), commit)
        for number in range(12):
            got = found(stores[0], "/", ("Accept", str(number)))
            assert content_of(stores[0], got) == str(number).encode()

    # ── purging one URL ─────────────────────────────────────────────────────────────────────────

    def test_an_emptied_entry_has_nothing(self, store: Any, other: Any, clock: FakeClock) -> None:
        for accept in ("a", "b"):
            content = b"x" * 100_000
            fill(store, clock, content, headers=(("Accept", accept),), vary="Accept").commit()
        store.update(KEY, emptied(clock.now() + 1))
        for one in (store, other):
            assert found(one, "/", ("Accept", "a")) is None

    def test_a_fill_from_before_is_not_kept(self, store: Any, other: Any, clock: FakeClock) -> None:
        slow = fill(other, clock, b"old")
        clock.advance(1)
        store.update(KEY, emptied(clock.now()))
        clock.advance(1)
        slow.commit()
        assert found(store) is found(other) is None
        fill(other, clock, b"new").commit()
        assert content_of(store, found(store)) == b"new"

    def test_a_fill_at_the_same_moment_but_after_is_kept(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        fill(store, clock, b"old").commit()
        store.update(KEY, emptied(clock.now() + 0.0001))
        fill(other, clock, b"new").commit()
        assert content_of(store, found(store)) == b"new"

    def test_a_304_brings_nothing_back(self, store: Any, other: Any, clock: FakeClock) -> None:
        fill(store, clock, b"old", etag='"v1"').commit()
        late = fill(other, clock, b"", etag='"v1"')
        asked_about = found(other)
        assert asked_about is not None
        clock.advance(1)
        store.update(KEY, emptied(clock.now()))
        renewed = kept(None, etag='"v1"', cache_control="max-age=60", length=3, fill=late.fill)
        change = freshening(late.request, asked_about, late.response, renewed, SAFE, late.fill)
        other.update(KEY, change)
        assert found(store) is found(other) is None

    def test_a_304_keeps_the_content(self, store: Any, other: Any, clock: FakeClock) -> None:
        content = b"x" * 100_000
        fill(store, clock, content, etag='"v1"').commit()
        clock.advance(100)
        held = found(other)
        assert held is not None
        validation = fill(other, clock, b"", etag='"v1"')
        renewed = kept(held.content, etag='"v1"', cache_control="max-age=90", length=len(content))
        renewed.kept, renewed.born = held.kept, validation.fill.born
        asking, answered = validation.request, validation.response
        change = freshening(asking, held, answered, renewed, SAFE, validation.fill)
        other.update(KEY, change)
        got = found(store)
        assert got is not None
        assert got.freshness_lifetime == 90
        assert content_of(store, got) == content

    def test_a_softened_entry_is_stale(self, store: Any, other: Any, clock: FakeClock) -> None:
        slow = fill(other, clock, b"older")
        fill(store, clock, b"old").commit()
        clock.advance(5)
        store.update(KEY, softened_all(clock.now()))
        got = found(other)
        assert got is not None
        assert (got.freshness_lifetime, got.least_age) == (5, 60)
        slow.commit()
        assert content_of(store, found(store)) == b"old"
        fill(other, clock, b"new").commit()
        assert content_of(store, found(store)) == b"new"

    # ── purging groups and everything ───────────────────────────────────────────────────────────

    @pytest.fixture
    def three(self, store: Any, clock: FakeClock) -> Any:
        """Three pages: one in groups a and b, one in b, one in none; and one of another host."""
        fill(store, clock, b"ab", target="/ab", cache_groups='"a", "b"').commit()
        fill(store, clock, b"b", target="/b", cache_tag="b").commit()
        fill(store, clock, b"none", target="/none").commit()
        return store

    @staticmethod
    def pages(store: Any) -> list[str]:
        return [target for target in ("/ab", "/b", "/none") if found(store, target) is not None]

    @pytest.mark.parametrize(
        ("groups", "left"),
        [
            (["* a"], ["/b", "/none"]),
            (["http://example.org a"], ["/b", "/none"]),
            (["* b"], ["/none"]),
            (["* a", "* b"], ["/none"]),
            (["* c"], ["/ab", "/b", "/none"]),
            (["https://example.org a", "http://example.com b"], ["/ab", "/b", "/none"]),
            ([], []),
        ],
        ids=repr,
    )
    def test_a_purge_of_groups_is_seen_at_once(
        self, three: Any, other: Any, clock: FakeClock, groups: list[str], left: list[str]
    ) -> None:
        assert self.pages(three) == self.pages(other) == ["/ab", "/b", "/none"]
        three.bump(groups, clock.now())
        assert self.pages(three) == left
        clock.advance(1)
        assert self.pages(other) == left

    def test_a_purge_of_groups_catches_fills_under_way(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        slow = [
            fill(one, clock, target=target, cache_tag=tag)
            for one, target, tag in ((store, "/1", "a"), (other, "/2", "a"), (other, "/3", "b"))
        ]
        clock.advance(0.5)
        store.bump(["* a"], clock.now())
        for one in slow:
            one.commit()
        clock.advance(1)
        for one in (store, other):
            assert [found(one, target) is not None for target in ("/1", "/2", "/3")] == [
                False,
                False,
                True,
            ]
        fill(other, clock, target="/2", cache_tag="a").commit()
        assert found(store, "/2") is not None

    def test_a_purge_of_everything_catches_fills_under_way(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        slow = [fill(store, clock, target="/1"), fill(other, clock, target="/2")]
        clock.advance(0.5)
        store.bump([], clock.now())
        for one in slow:
            one.commit()
        clock.advance(1)
        assert all(found(one, t) is None for one in (store, other) for t in ("/1", "/2"))
        fill(other, clock, target="/2").commit()
        assert found(store, "/2") is not None

    def test_fills_under_way_may_be_refused_alone(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        fill(store, clock, target="/0").commit()
        slow = [fill(store, clock, target="/1"), fill(other, clock, target="/2")]
        store.refuse_fills()
        for one in slow:
            one.commit()
        clock.advance(1)
        assert [found(other, target) is not None for target in ("/0", "/1", "/2")] == [
            True,
            False,
            False,
        ]
        fill(other, clock, target="/2").commit()
        assert found(store, "/2") is not None

    @pytest.mark.parametrize("groups", [["* a"], []], ids=repr)
    def test_a_soft_purge_makes_stale(
        self, store: Any, other: Any, clock: FakeClock, groups: list[str]
    ) -> None:
        fill(store, clock, cache_tag="a").commit()
        clock.advance(7)
        store.bump(groups, clock.now(), soft=True)
        clock.advance(2)
        for one in (store, other):
            got = found(one)
            assert got is not None
            assert got.freshness_lifetime == 7
        fill(other, clock, b"new", cache_tag="a").commit()
        got = found(store)
        assert got is not None
        assert got.freshness_lifetime == 60

    def test_a_hard_purge_after_a_soft_one(self, store: Any, other: Any, clock: FakeClock) -> None:
        fill(store, clock, cache_tag="a").commit()
        store.bump(["* a"], clock.now(), soft=True)
        assert found(store) is not None
        store.bump(["* a"], clock.now())
        assert found(store) is None
        clock.advance(1)
        assert found(other) is None

    def test_many_purges(self, store: Any, clock: FakeClock) -> None:
        for number in range(15):
            fill(store, clock, str(number).encode(), cache_tag=f"t{number % 3}, all").commit()
            assert content_of(store, found(store)) == str(number).encode()
            store.bump([f"* t{number % 3}"], clock.now())
            assert found(store) is None

    def test_purges_while_others_read(self, make: Make, clock: FakeClock) -> None:
        """After a purge has returned, nothing older than it is read in this process."""
        store = make()
        newest = 0
        wrong: list[tuple[int, int]] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                least = newest
                got = content_of(store, found(store))
                if got is not None and int(got) < least:
                    wrong.append((int(got), least))

        def purge() -> None:
            nonlocal newest
            for number in range(1, 31):
                fill(store, clock, str(number - 1).encode(), cache_tag="a").commit()
                if number % 3 == 0:
                    store.bump([], clock.now())
                elif number % 3 == 1:
                    store.bump(["* a"], clock.now())
                else:
                    clock.advance(0.001)
                    store.update(KEY, emptied(clock.now()))
                newest = number

        def work(number: int) -> None:
            try:
                read() if number else purge()
            finally:
                done.set()

        with interrupting(1e-4):
            together(5, work)
        assert not wrong

    # ── what only some can ──────────────────────────────────────────────────────────────────────

    def test_keys(self, store: Any, other: Any, clock: FakeClock) -> None:
        assert isinstance(store, Listing)
        targets = ["/blog/", "/blog/1", "/blog/2?page=3", "/blogs", "/about"]
        for target in targets:
            fill(store, clock, target=target).commit()
        if not self.lists:
            with pytest.raises(StoreError, match="cannot list"):
                other.keys(("http", "example.org", "/blog/", ""))
            return
        keys = other.keys(("http", "example.org", "/blog/", ""))
        assert sorted(key[2:] for key in keys) == [
            ("/blog/", ""),
            ("/blog/1", ""),
            ("/blog/2", "page=3"),
        ]
        assert other.keys(("https", "example.org", "/blog/", "")) == []
        assert len(other.keys(("http", "example.org", "/", ""))) == 5

    def test_some_keys(self, store: Any, other: Any, clock: FakeClock) -> None:
        assert isinstance(store, Browsing)
        if not self.lists:
            with pytest.raises(StoreError, match="cannot list what it holds"):
                other.some_keys("", 3)
            return
        targets = [f"/{number}?page={number}" for number in range(7)]
        for target in targets:
            fill(store, clock, target=target).commit()
        place, found, places = "", [], []
        for _ in range(20):
            keys, place = other.some_keys(place, 3)
            assert len(keys) <= 3
            found += [key for key, _ in keys]
            places += [after for _, after in keys]
            if not place:
                break
        assert not place
        assert sorted(found) == [("http", "example.org", f"/{n}", f"page={n}") for n in range(7)]
        # It can be gone on with after any of them.
        after, _ = other.some_keys(places[2], 1)
        assert [key for key, _ in after] == found[3:4]
        for odd in ("x", "-", "9", "9-", "0-x", "0-\xff", "1.2.3", "9" * 5000, "\udcff"):
            other.some_keys(odd, 3)

    # ── what No-Vary-Search says ────────────────────────────────────────────────────────────────

    def test_any_equivalent_url_ends_a_response_in_every_process(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        one, another = (Scene(store=each, clock=clock) for each in (store, other))
        for scene in (one, another):
            said: dict[str, Any] = {
                "cache_control": "max-age=60",
                "no_vary_search": 'params=("utm")',
            }
            scene.app(200, "page", **said)
        end: list[Callable[[str], object]] = [
            another.post,
            lambda url: another.cache.purge(f"http://example.org{url}"),
            lambda url: another.cache.purge(f"http://example.org{url}", soft=True),
        ]
        for number, ending in enumerate(end * 3):
            url = f"/{number % 3}?a={number // 3}&utm="
            one.get(url)
            one.get(url)
            assert one.get(f"{url}1").hit
            clock.advance(1)
            ending(f"{url}2")
            clock.advance(1)
            assert not one.get(f"{url}3").hit

    def test_no_fill_that_a_purge_may_have_missed_is_kept(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        assert store.searches() == other.searches(now=True) == ()
        early = fill(store, clock, target="/?a")
        key = early.request.key
        store.update(KEY, emptied(clock.now() + 0.5))
        clock.advance(1)
        assert not other.note_search(key, "key-order", early.fill.began)
        early.commit()
        assert store.note_search(key, "key-order", early.fill.began) is isinstance(
            store, SharedStore
        )
        if isinstance(store, SharedStore):  # it refuses the fill itself
            assert found(store, "/?a") is None
        clock.advance(2)
        late = fill(store, clock, target="/?a")
        assert store.note_search(key, "key-order", late.fill.began)
        late.commit()
        assert found(other, "/?a") is not None
        assert store.searches() == other.searches(now=True) == ("key-order",)
        store.bump([], clock.now(), soft=True)
        assert store.searches(now=True) == ("key-order",)
        store.bump([], clock.now())
        other.searches(now=True)
        assert store.searches() == other.searches() == ()


class SharedContract(StoreContract):
    """What stores keep besides that processes share."""

    @pytest.fixture
    def others(self, make: Make) -> Callable[[], dict[str, bytes]]:
        """All that the backend holds under this store's names, as bytes."""
        raise NotImplementedError

    def test_it_is_shared(self, store: Any) -> None:
        assert isinstance(store, SharedStore)

    def test_one_token_holds_a_lease(self, store: Any, other: Any) -> None:
        assert store.lease(KEY, "one", 3)
        assert not other.lease(KEY, "two", 3)
        assert not store.lease(KEY, "one", 3)
        other.release(KEY, "two")
        assert not other.lease(KEY, "two", 3)
        store.release(KEY, "one")
        assert other.lease(KEY, "two", 3)
        assert store.lease(("http", "example.org", "/", "x"), "one", 3)

    def test_a_settled_swap_is_all_or_nothing(self, store: Any) -> None:
        """Neither what was under the name has changed, nor what was under the guards."""
        node = next(iter(store._nodes.values())).node
        old, new, guard, lease = (seal(b"echo", text) for text in ("old", "new", "guard", "lease"))

        def settled(held: bytes | None, found: Any, there: dict[str, bytes]) -> tuple[bool, Any]:
            for name, value in {"a": held, "g": guard, "l": lease}.items():
                node.remove(f"test:3e:{name}")
                if value is not None:
                    node.write(f"test:3e:{name}", value, 1000)
            if found is None:
                (found,) = node.look(("test:3e:a",))
            guards = {f"test:3e:{name}": value for name, value in there.items()}
            done = node.settle("test:3e:a", new, found, 1000, guards, "test:3e:l")
            return done, list(node.read(("test:3e:a", "test:3e:l")))

        both = {"l": lease, "g": guard}
        for held in (None, old):
            assert settled(held, None, both) == (True, [new, None])
            assert settled(held, None, {**both, "g": old}) == (False, [held, lease])
            assert settled(held, None, {**both, "x": guard}) == (False, [held, lease])
        assert settled(old, (None, None), both) == (False, [old, lease])
        node.remove("test:3e:a")
        node.write("test:3e:a", new, 1000)
        (other,) = node.look(("test:3e:a",))
        assert settled(old, other, both) == (False, [old, lease])

    def test_a_fill_with_a_lease_is_kept_and_gives_it_back(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        slow = leased(store, clock, "a")
        fill(store, clock, headers=(("Accept", "b"),), vary="Accept").commit()
        assert not other.lease(KEY, "b", 3), "one without a lease gives back that of another"
        slow.commit()
        assert found(other) is not None
        assert found(store, "/c") is None
        leased(store, clock, "c", target="/c").commit()
        assert found(other, "/c") is not None
        assert found(store, "/c") is not None  # by then the server has all that was sent
        key = asked("GET", "/c").key
        assert other.lease(key, "d", 3), "it was given back with the swap"
        store.release(key, "c")
        assert not store.lease(key, "e", 3), "and not again"

    def test_what_happened_since_the_look_up_counts(
        self, store: Any, other: Any, clock: FakeClock, others: Any, tamper: Any
    ) -> None:
        """Fills are refused; or a purge has taken the lease, and what else told of it is lost."""
        assert found(store) is None
        slow = leased(store, clock, "a")
        other.refuse_fills()
        slow.commit()
        assert found(store) is None
        store.release(KEY, "a")
        slow = leased(store, clock, "b")
        other.update(KEY, emptied(clock.now()))
        for name in others():
            if ":3e:" in name:
                tamper(name, None)
        slow.commit()
        assert found(store) is None
        assert found(other) is None

    def test_a_lease_ends_by_itself(self, store: Any, other: Any, clock: FakeClock) -> None:
        assert store.lease(KEY, "one", 1)
        clock.advance(0.9)
        assert not other.lease(KEY, "two", 3)
        clock.advance(0.2)
        assert other.lease(KEY, "two", 3)
        store.release(KEY, "one")
        assert not store.lease(KEY, "one", 3)

    def test_a_fill_is_kept_although_its_lease_is_over(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        slow = leased(store, clock, "one")
        clock.advance(10)
        assert other.lease(KEY, "two", 3)
        slow.commit()
        assert content_of(other, found(other)) == b"hello"

    @pytest.mark.parametrize("purge", [emptied, softened_all])
    def test_a_purge_takes_leases_away(
        self, store: Any, other: Any, clock: FakeClock, others: Any, tamper: Any, purge: Any
    ) -> None:
        """So a store that forgets the purge keeps nothing older all the same."""
        slow = leased(store, clock, "one")
        other.update(KEY, purge(clock.now()))
        for name in others():
            if ":3e:" in name:
                tamper(name, None)
        slow.commit()
        assert found(store) is None
        assert other.lease(KEY, "two", 3)
        leased(other, clock, "three", target="/2").commit()
        assert found(store, "/2") is not None

    def test_namespaces_know_nothing_of_each_other(
        self, make: Callable[..., Any], clock: FakeClock
    ) -> None:
        one, other = make(), make(namespace="another")
        fill(one, clock, b"mine").commit()
        fill(other, clock, b"theirs").commit()
        assert content_of(one, found(one)) == b"mine"
        one.bump([], clock.now())
        clock.advance(2)
        assert found(one) is None
        assert content_of(other, found(other)) == b"theirs"

    def test_versions_know_nothing_of_each_other(
        self, make: Callable[..., Any], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two releases with different formats share a server while one replaces the other."""
        old = make()
        fill(old, clock, b"old" * 50_000).commit()
        with monkeypatch.context() as newer:
            newer.setattr("wsgicache.stores.shared.names.FORMAT", "newer")
            new = make()
        assert found(new) is None
        fill(new, clock, b"new" * 50_000).commit()
        new.bump([], clock.now())
        new.update(KEY, emptied(clock.now() + 1))
        clock.advance(2)
        assert content_of(old, found(old)) == b"old" * 50_000

    def test_only_who_knows_the_secret_is_believed(
        self, make: Callable[..., Any], clock: FakeClock, others: Any, tamper: Any
    ) -> None:
        one, same, none = make(secret="x" * 16), make(secret="x" * 16), make()
        other = make(secret="y" * 16)
        for store, content in ((one, b"x" * 70_000), (none, b"n" * 70_000), (other, b"y" * 70_000)):
            fill(store, clock, content, cache_tag="a").commit()
        assert content_of(same, found(same)) == b"x" * 70_000
        assert content_of(none, found(none)) == b"n" * 70_000
        assert content_of(other, found(other)) == b"y" * 70_000
        # Who has it not cannot purge or replace what is signed.
        none.bump([], clock.now())
        other.bump(["* a"], clock.now())
        clock.advance(2)
        assert content_of(same, found(same)) == b"x" * 70_000
        unsigned = {name: value for name, value in others().items() if b"nnnn" in value}
        for name in others():
            if ":3p:" in name:
                tamper(name, next(iter(unsigned.values())))
        assert content_of(same, found(same)) is None

    def test_the_generation_is_read_once_a_second(
        self, store: Any, other: Any, clock: FakeClock
    ) -> None:
        """What another process purges is seen then, and not before."""
        fill(store, clock).commit()
        assert found(other) is not None
        clock.advance(0.4)
        store.bump([], clock.now())
        assert found(store) is None
        assert found(other) is not None
        clock.advance(0.6)
        assert found(other) is None

    def test_the_generation_may_be_read_each_time(
        self, make: Callable[..., Any], store: Any, clock: FakeClock
    ) -> None:
        other = make(generation_seconds=0)
        fill(store, clock, cache_tag="a").commit()
        assert found(other) is not None
        store.bump(["* a"], clock.now())
        assert found(other) is None

    def test_no_secret_of_a_request_is_stored(
        self, store: Any, clock: FakeClock, others: Callable[[], dict[str, bytes]]
    ) -> None:
        headers = (("Cookie", "sid=c0ffee"), ("Authorization", "Basic c0ffee"))
        fill(
            store,
            clock,
            headers=headers,
            vary="Cookie, Authorization",
            cache_control="public, max-age=60",
        ).commit()
        assert found(store, "/", *headers) is not None
        held = others()
        assert any(b"max-age=60" in value for value in held.values())
        assert not any(b"c0ffee" in value for value in held.values())

    def test_names_are_plain(
        self, store: Any, clock: FakeClock, others: Callable[[], dict[str, bytes]]
    ) -> None:
        import re

        fill(store, clock, b"x" * 100_000, target="/%0d%0a%00?\x7f", cache_tag="\xe9 b").commit()
        store.lease(KEY, "t", 3)
        names = list(others())
        assert len(names) >= 5
        assert [name for name in names if not re.fullmatch("[A-Za-z0-9:_.-]{1,200}", name)] == []

    def test_a_piece_that_is_gone_makes_a_miss(
        self, store: Any, clock: FakeClock, others: Any, tamper: Any
    ) -> None:
        fill(store, clock, random.Random(1).randbytes(3_500_000), target="/large").commit()
        fill(store, clock, random.Random(2).randbytes(3_500_000), target="/other").commit()
        got = found(store, "/large")
        assert got is not None
        assert got.kept is not None
        kept_before = dict(others())
        names = [name for name in kept_before if ":3p:" in name]
        assert len(names) >= 2
        for name in names[:4]:
            # Gone, shorter, from another content, and another piece of the same.
            for value in (None, kept_before[name][:-1], *kept_before.values()):
                if value == kept_before[name]:
                    continue
                tamper(name, value)
                contents = [content_of(store, found(store, t)) for t in ("/large", "/other")]
                assert contents.count(None) == 1
                tamper(name, kept_before[name])
        assert content_of(store, got) == random.Random(1).randbytes(3_500_000)

    def test_replaced_pieces_are_removed(
        self, store: Any, clock: FakeClock, others: Callable[[], dict[str, bytes]]
    ) -> None:
        def pieces() -> set[str]:
            return {name for name in others() if ":3p:" in name}

        fill(store, clock, b"x" * 2_500_000).commit()
        first = pieces()
        fill(store, clock, b"y" * 2_500_000).commit()
        second = pieces()
        assert len(first) == len(second)
        assert first.isdisjoint(second)
        store.update(KEY, emptied(clock.now() + 1))
        assert pieces() == set()

    # ── many variants ───────────────────────────────────────────────────────────────────────────

    @pytest.fixture
    def many(self, store: Any, clock: FakeClock) -> list[StoredResponse]:
        """Variants of one URL, too many for one record; every other one in the group a."""
        return [
            fill(
                *(store, clock, b"%d " % number * 500),
                headers=(("Accept", str(number)),),
                vary="Accept",
                cache_tag="ba"[number % 2],
                x_number=str(number),
            ).commit()
            for number in range(24)
        ]

    @staticmethod
    def variants(store: Any, many: list[StoredResponse]) -> list[int]:
        """The numbers of the variants that the store has, each as it was stored."""
        have = []
        for number, stored in enumerate(many):
            got = found(store, "/", ("Accept", str(number)))
            if got is not None:
                assert got.fields == stored.fields
                assert content_of(store, got) == b"%d " % number * 500
                have.append(number)
        return have

    def test_each_of_many_variants_is_whole(
        self, store: Any, other: Any, clock: FakeClock, many: list[StoredResponse]
    ) -> None:
        """And each on its own is ended, or replaced."""
        every = list(range(24))
        for _ in range(2):
            assert self.variants(store, many) == self.variants(other, many) == every
        other.update(KEY, dropping(asked("GET", "/", ("Accept", "3")), SAFE))
        third = fill(store, clock, b"3 " * 500, headers=(("Accept", "5"),), vary="Accept")
        many[5] = third.commit()
        assert content_of(other, found(other, "/", ("Accept", "5"))) == b"3 " * 500
        many[5] = fill(
            *(other, clock, b"5 " * 500), headers=(("Accept", "5"),), vary="Accept"
        ).commit()
        left = [number for number in every if number != 3]
        assert self.variants(store, many) == self.variants(other, many) == left
        clock.advance(1)
        store.bump(["* a"], clock.now())
        clock.advance(1)
        left = [5, *(number for number in every if number % 2 == 0)]
        assert self.variants(store, many) == self.variants(other, many) == sorted(left)
        other.bump([], clock.now())
        clock.advance(1)
        assert self.variants(store, many) == self.variants(other, many) == []

    def test_the_oldest_of_large_variants_make_room(
        self, store: Any, clock: FakeClock, others: Any
    ) -> None:
        """So that whoever makes some up drives out nothing else."""
        for generations in store._nodes.values():
            generations.node.share = 250_000
        pieces = -(-100_000 // (generations.node.piece - 1024))
        kinds = [(("Accept", str(number)),) for number in range(5)]
        for kind in kinds:
            fill(store, clock, b"x" * 100_000, headers=kind, vary="Accept").commit()
        have = [found(store, "/", *kind) is not None for kind in kinds]
        assert have == [False, False, False, True, True]
        assert len([name for name in others() if ":3p:" in name]) == 2 * pieces

    @pytest.mark.parametrize("by_group", [True, False])
    def test_many_variants_may_be_made_stale(
        self, store: Any, other: Any, clock: FakeClock, many: list[StoredResponse], by_group: bool
    ) -> None:
        assert self.variants(other, many) == list(range(24))
        clock.advance(5)
        if by_group:
            store.bump(["* a", "* b"], clock.now(), soft=True)
        else:
            store.update(KEY, softened_all(clock.now()))
        clock.advance(2)
        for one in (store, other):
            for number in range(24):
                got = found(one, "/", ("Accept", str(number)))
                assert got is not None
                assert (got.freshness_lifetime, got.least_age) == (5, 60)

    def test_a_part_that_is_lost_is_a_miss_of_its_own(
        self, others: Any, tamper: Any, store: Any, make: Make, many: list[StoredResponse]
    ) -> None:
        kept_before = dict(others())
        parts = [name for name in kept_before if ":3v:" in name]
        assert len(parts) > 12
        for value in (None, b"", kept_before[parts[1]], kept_before[parts[0]][:-1] + b"?"):
            tamper(parts[0], value)
            for one in (make(), make()):
                assert len(self.variants(one, many)) == 23
        tamper(parts[0], kept_before[parts[0]])
        assert len(self.variants(make(), many)) == 24

    def test_parts_are_removed_with_what_they_are_of(
        self, others: Any, store: Any, clock: FakeClock, many: list[StoredResponse]
    ) -> None:
        def parts() -> set[str]:
            return {name for name in others() if ":3v:" in name}

        before = parts()
        fill(store, clock, headers=(("Accept", "0"),), vary="Accept").commit()
        after = parts()
        assert len(before - after) == 1
        assert len(after) <= len(before) + 1
        store.update(KEY, emptied(clock.now() + 1))
        assert parts() == set()

    def test_a_part_is_judged_when_it_is_asked_for(
        self, store: Any, other: Any, many: list[StoredResponse]
    ) -> None:
        class Judge:
            def left_of(self, key: Key, entry: CacheEntry) -> CacheEntry:
                left = {
                    selector: one
                    for selector, one in entry.responses.items()
                    if int(dict(one.fields)["X-Number"]) % 2
                }
                return CacheEntry(left, entry.emptied_at, entry.salt)

        assert len(self.variants(other, many)) == 24
        judge = Judge()
        other.judge_by(judge.left_of)
        assert self.variants(other, many) == list(range(1, 24, 2))

    @pytest.mark.parametrize("junk", [b"", b"x", b"!\x80\x04.", MAGIC + bytes(100)])
    def test_what_others_leave_there_is_a_miss_and_is_replaced(
        self, store: Any, clock: FakeClock, others: Any, tamper: Any, junk: bytes
    ) -> None:
        fill(store, clock, b"old", cache_tag="a").commit()
        for name in others():
            tamper(name, junk)
        clock.advance(2)
        assert found(store) is None
        fill(store, clock, b"new", cache_tag="a").commit()
        assert content_of(store, found(store)) == b"new"

    @pytest.mark.parametrize("kind", [":3g:", ":3s:", ":3e:"])
    def test_records_that_are_evicted_bring_nothing_back(
        self, store: Any, clock: FakeClock, others: Any, tamper: Any, kind: str
    ) -> None:
        """A generation that was lost counts as begun, not as never."""
        fill(store, clock, b"old", cache_tag="a").commit()
        old = others()
        clock.advance(1)
        store.bump(["* a"], clock.now())
        fill(store, clock, b"new", cache_tag="a").commit()
        for name, value in old.items():
            if ":3e:" in name:
                tamper(name, value)
        for name in others():
            if kind in name:
                tamper(name, None)
        clock.advance(1)
        assert content_of(store, found(store)) != b"old"
        fill(store, clock, b"newer", cache_tag="a").commit()
        assert content_of(store, found(store)) == b"newer"

    def test_responses_end_where_it_is_forgotten_what_they_say_of_queries(
        self, store: Any, clock: FakeClock, others: Any, tamper: Any
    ) -> None:
        assert not store.note_search(KEY, "key-order", clock.now())
        fill(store, clock).commit()
        clock.advance(2)
        assert found(store) is not None
        for name in others():
            if ":3s:" in name:
                tamper(name, None)
        clock.advance(2)
        assert found(store) is None
        assert not store.note_search(KEY, "key-order", clock.now())

    def test_a_day_renews_the_generation(
        self, store: Any, other: Any, clock: FakeClock, others: Any
    ) -> None:
        """It has an end, since eviction begins with what has none; in use it never comes."""
        number = store.generation(KEY)
        state = {name: value for name, value in others().items() if ":3s:" in name}
        clock.advance(25 * 3600)
        assert other.generation(KEY) == number
        after = {name: value for name, value in others().items() if ":3s:" in name}
        assert state.keys() == after.keys()
        assert state != after

    def test_clocks_that_are_set(self, store: Any, other: Any, clock: FakeClock) -> None:
        fill(store, clock).commit()
        for step in (-3600, 3600, 7200, 10 * 365 * 86400):
            clock.step(step)
            clock.advance(1)
            got = found(other)
            if got is not None:
                assert clock.now() >= got.generated_at
            fill(store, clock, b"again").commit()
            assert content_of(other, found(other)) == b"again"
            store.update(KEY, emptied(clock.now() + 0.001))
            assert found(other) is None
            clock.advance(1)
