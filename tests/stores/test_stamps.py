"""Near caches of several processes: what one of them changes all see at their next request."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from typing import Any

import pytest
from cachelib import SimpleCache

from tests.rig.gates import together
from tests.running import DEADLINE, eventually, fork
from tests.scene import FakeClock
from tests.stores.contract import KEY, content_of, fill, found
from wsgicache import MemoryStore
from wsgicache.rules.entries import emptied, softened_all
from wsgicache.rules.keys import Key
from wsgicache.rules.model import CacheEntry
from wsgicache.stores import StoreError
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.lmdb import LMDBStore
from wsgicache.stores.shared.store import PackedStore
from wsgicache.stores.stamps import PURGES, Stamps, of_groups, of_key
from wsgicache.stores.tiered import TieredStore

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

Make = Callable[[], TieredStore]


@pytest.fixture(params=["lmdb", "simple"])
def make(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Make:
    """Each is what another process has: a memory, before what all share."""
    cache = SimpleCache(10_000)

    def made() -> TieredStore:
        if request.param == "lmdb":
            mapped = LMDBStore(tmp_path / "cache", max_bytes=64 << 20, clock=clock)
            return TieredStore(MemoryStore(), mapped, seconds=3600, clock=clock)
        shared = CachelibStore(cache, clock=clock)
        near = MemoryStore()
        return TieredStore(near, shared, seconds=3600, stamps=tmp_path / "words", clock=clock)

    return made


CHANGES: dict[str, Callable[[TieredStore, FakeClock], object]] = {
    "a purge": lambda store, clock: store.update(KEY, emptied(clock.now())),
    "a soft purge": lambda store, clock: store.update(KEY, softened_all(clock.now())),
    "a removal": lambda store, clock: store.update(KEY, lambda entry: None),
    "another response": lambda store, clock: fill(store, clock, b"new").commit(),
    "a variant": lambda store, clock: fill(store, clock, b"new", vary="Accept").commit(),
    "a purge of its group": lambda store, clock: store.bump(["* a"], clock.now()),
    "a soft one": lambda store, clock: store.bump(["* a"], clock.now(), soft=True),
    "one of its origin": lambda store, clock: store.bump(["http://example.org a"], clock.now()),
    "a purge of everything": lambda store, clock: store.bump([], clock.now()),
    "a soft one of everything": lambda store, clock: store.bump([], clock.now(), soft=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_one_process_changes_the_others_see_at_once(
    make: Make, clock: FakeClock, change: str
) -> None:
    one, other = make(), make()
    fill(one, clock, b"old", cache_tag="a").commit()
    fill(one, clock, b"beside", target="/beside", cache_tag="b").commit()
    held, beside = found(other), found(other, "/beside")
    assert found(other) is held
    clock.advance(1)
    CHANGES[change](one, clock)
    assert found(other) is not held
    assert (found(other, "/beside") is beside) == ("everything" not in change)
    after = found(other)
    assert found(other) is after


def test_the_first_response_of_an_entry_is_told_nobody(make: Make, clock: FakeClock) -> None:
    """Else what many processes fill would end what the others hold near."""
    one, other = make(), make()
    fill(one, clock).commit()
    found(other)
    words = bytes(other._stamps.words)
    fill(one, clock, target="/other").commit()
    other.update(KEY, lambda entry: entry)
    assert bytes(other._stamps.words) == words


def test_what_was_evicted_from_the_shared_store_is_purged_near(
    make: Make, clock: FakeClock
) -> None:
    one, other = make(), make()
    fill(one, clock).commit()
    assert found(other) is not None
    shared: Any = one.shared
    (generations,) = shared._nodes.values()
    generations.node.remove(shared._names.of_entry(KEY).text)
    assert found(other) is not None
    one.update(KEY, emptied(clock.now()))
    assert found(other) is None


@pytest.mark.parametrize("method", ["update", "bump"])
def test_a_change_that_fails_is_told_all_the_same(
    make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """It may have been made."""
    one, other = make(), make()
    fill(one, clock).commit()
    held = other.get(KEY)
    assert other.get(KEY) is held is not None

    def fail(*args: Any, **more: Any) -> Any:
        raise StoreError("no route")

    monkeypatch.setattr(PackedStore, method, fail)
    change = CHANGES["a purge" if method == "update" else "a purge of everything"]
    with pytest.raises(StoreError):
        change(one, clock)
    assert other.get(KEY) is not held


def test_who_waits_for_a_lease_is_woken_when_it_is_given_back(make: Make) -> None:
    one, other = make(), make()
    landings = other.landings
    if not isinstance(landings, Stamps):
        assert isinstance(other.shared, CachelibStore)
        return
    assert one.lease(KEY, "one", 600)
    since = landings.landed(KEY)
    landings.wait(("http", "example.org", "/no", ""), landings.landed(KEY) + 1, 600)
    waiting = threading.Thread(target=landings.wait, args=(KEY, since, 600), daemon=True)
    waiting.start()
    one.release(KEY, "one")
    waiting.join(DEADLINE)
    assert not waiting.is_alive()
    landings.wait(KEY, landings.landed(KEY), 0)


# ── in between ─────────────────────────────────────────────────────────────────────────────────


class Words:
    """Words of which each copy is a step at which others go on."""

    def __init__(self, words: memoryview[int]) -> None:
        self.words = words
        self.before: Callable[[str, int], object] = lambda what, place: None

    def __getitem__(self, place: int) -> int:
        self.before("read", place)
        return self.words[place]

    def __setitem__(self, place: int, word: int) -> None:
        self.before("write", place)
        self.words[place] = word


class Late:
    """A reader of *store* that has read the data, and waits for its turn to go on."""

    def __init__(self, store: TieredStore) -> None:
        self.store = store
        self._has_read, self._goes_on = threading.Event(), threading.Event()
        self._get, store.shared.get = store.shared.get, self._slow  # type: ignore[method-assign]
        self._thread = threading.Thread(target=found, args=(store,))
        self._thread.start()
        assert self._has_read.wait(DEADLINE)

    def _slow(self, key: Key) -> CacheEntry | None:
        entry = self._get(key)
        self.store.shared.get = self._get  # type: ignore[method-assign]
        self._has_read.set()
        assert self._goes_on.wait(DEADLINE)
        return entry

    def go_on(self) -> None:
        self._goes_on.set()
        self._thread.join()


@pytest.mark.parametrize("groups", [["* a"], []], ids=["a group", "everything"])
@pytest.mark.parametrize("late", [False, True], ids=["reads then", "has read before"])
@pytest.mark.parametrize("step", range(4))
def test_a_reader_at_any_step_of_a_purge_keeps_nothing_that_it_ends(
    make: Make, clock: FakeClock, step: int, late: bool, groups: list[str]
) -> None:
    """Before each word that is written, and after the last one."""
    one, other = make(), make()
    fill(one, clock, b"old", cache_tag="a").commit()
    reader = Late(other) if late else None
    words: Any = Words(one._stamps.current())
    one._stamps.words = words
    steps: list[tuple[str, int]] = []

    def read() -> None:
        if reader is not None:
            reader.go_on()
        found(other)

    def before(what: str, place: int) -> None:
        if len(steps) == step:
            read()
        steps.append((what, place))

    words.before = before
    one.bump(groups, clock.now())
    if step == 3:
        read()
    place = of_groups(groups)[-1]
    assert steps == [("write", PURGES), ("write", place), ("write", PURGES)]
    assert found(other) is None


# ── processes ──────────────────────────────────────────────────────────────────────────────────


@forking
def test_no_process_reads_what_was_purged_before(make: Make, clock: FakeClock) -> None:
    """Children, of which each forks one of its own in the middle, with two threads each and a near
    store in which most has no room."""
    told = mmap(-1, 24)  # the least that may be read, whether that is all, whether one was read

    def word(place: int) -> int:
        return int.from_bytes(told[8 * place : 8 * place + 8])

    store = make()
    if isinstance(store.shared, CachelibStore):
        pytest.skip("a dict is shared by threads only")
    store.near.max_bytes = 40_000
    targets = [f"/{number}" for number in range(12)]

    def read(number: int) -> None:
        chance = random.Random(number)
        while not word(1):
            target, least = chance.choice(targets), word(0)
            got = content_of(store, found(store, target))
            assert got is None or int(got[:8]) >= least, (target, got, least)
            if got is not None:
                told[16:] = (1).to_bytes(8)

    def child(depth: int) -> None:
        pids = [forked(lambda: child(depth - 1))] if depth else []
        together(2, read, 100)
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * len(pids)

    children = [forked(lambda: child(1)) for _ in "12"]
    how = [CHANGES["a purge of its group"], CHANGES["a purge of everything"]]
    for number in range(1, 25):
        for target in targets:
            fill(
                store, clock, b"%08d" % number + b"x" * 5_000, target=target, cache_tag="a"
            ).commit()
            found(store, target)
        eventually(lambda: word(2), "no child reads")
        chosen = number % 3
        if chosen < 2:
            how[chosen](store, clock)
        else:
            for target in targets:
                store.update(("http", "example.org", target, ""), emptied(clock.now()))
        told[:8] = (number + 1).to_bytes(8)
    told[8] = 1
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]


def forked(do: Callable[[], object]) -> int:
    """A child that does that, and ends with 0 if it raised nothing."""
    pid = fork()
    if not pid:
        try:
            do()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


# ── what goes wrong ────────────────────────────────────────────────────────────────────────────


def test_without_the_words_nothing_near_is_used(tmp_path: Path, clock: FakeClock) -> None:
    store = TieredStore(
        MemoryStore(),
        CachelibStore(SimpleCache(), clock=clock),
        stamps=tmp_path / "no" / "folder",
        clock=clock,
    )
    with pytest.raises(StoreError, match=r"folder/stamps-1: FileNotFoundError"):
        store.get(KEY)
    (tmp_path / "no").mkdir()
    fill(store, clock).commit()
    assert found(store) is not None


@pytest.mark.parametrize("what", ["another's", "a file"])
def test_words_that_are_not_needed_are_those_of_the_process_without_a_folder(
    tmp_path: Path,
    clock: FakeClock,
    cache: SimpleCache,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """It sees its own changes at once, those of others after `seconds`; and all once it has it."""
    folder = tmp_path / "words"

    def made() -> TieredStore:
        stamps = Stamps(str(folder), needed=False)
        shared = CachelibStore(cache, clock=clock)
        return TieredStore(MemoryStore(), shared, stamps=stamps, clock=clock)

    def refuse(path: str) -> None:
        if what == "another's":
            raise ValueError("another's")

    with monkeypatch.context() as patched:
        patched.setattr("wsgicache.stores.stamps.check_folder", refuse)
        if what == "a file":
            folder.write_text("")
        one, other = made(), made()
        fill(one, clock, b"old").commit()
        assert found(one)
        assert found(other)
        clock.advance(0.9)
        one.update(KEY, emptied(clock.now()))
        assert found(one) is None is not found(other)
        clock.advance(0.1)
        assert found(other) is None
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == 2
        assert f"{folder}/stamps-1 cannot be used, so a near store sees" in said[0]
    if what == "a file":
        folder.unlink()
    fill(one, clock, b"new").commit()
    assert found(one)
    assert found(other)
    one.bump([], clock.now())
    assert found(other) is None


def test_others_cannot_make_the_folder_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at when it is there."""
    looked: list[bool] = []
    monkeypatch.setattr(
        "wsgicache.stores.stamps.check_folder", lambda path: looked.append(os.path.isdir(path))
    )
    Stamps(str(tmp_path / "words")).current()
    assert looked == [True]


def test_a_folder_that_goes_and_comes_again_is_another(tmp_path: Path, clock: FakeClock) -> None:
    stamps = Stamps(str(tmp_path))
    place = of_key(KEY)
    stamps.tell(place)
    words, _, word = stamps.noted(place)
    (tmp_path / "stamps-1").unlink()
    others = Stamps(str(tmp_path))
    assert others.noted(place)[2] == 0 != word
    assert stamps.noted(place)[0] is not words
    others.tell(place)
    assert stamps.words[place] == others.words[place]


def test_what_was_noted_of_words_that_are_gone_is_read_anew(make: Make, clock: FakeClock) -> None:
    store, other = make(), make()
    fill(store, clock).commit()
    held = store.get(KEY)
    os.unlink(store._stamps._path)
    other.bump([], clock.now())
    assert store.get(KEY) is held
    found(store, "/other")
    assert found(store) is None


def test_what_is_near_is_judged_anew(make: Make, clock: FakeClock) -> None:
    class Judge:
        def left_of(self, key: Key, entry: CacheEntry) -> CacheEntry:
            return CacheEntry({}, entry.emptied_at, entry.salt)

    store, judge = make(), Judge()
    fill(store, clock).commit()
    assert found(store) is not None
    store.judge_by(judge.left_of)
    assert found(store) is None


@pytest.mark.parametrize("path", ["words", 7])
def test_what_is_no_folder(path: Any, clock: FakeClock) -> None:
    shared = CachelibStore(SimpleCache(), clock=clock)
    with pytest.raises((TypeError, ValueError), match=r"TieredStore.stamps must be the whole path"):
        TieredStore(MemoryStore(), shared, stamps=path)
