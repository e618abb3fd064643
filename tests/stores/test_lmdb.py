"""One file for all processes of a machine: its bound, what goes first, forks, kills, restarts."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from time import time
from typing import Any

import lmdb
import pytest

from tests.rig.gates import together
from tests.running import eventually, fork
from tests.scene import FakeClock
from tests.stores.contract import KEY, content_of, fill, found
from wsgicache.observe.stats import Held
from wsgicache.rules.entries import emptied
from wsgicache.stores import StoreError
from wsgicache.stores.environments import environment_at
from wsgicache.stores.lmdb import LMDBStore
from wsgicache.stores.memory import MemoryStore
from wsgicache.stores.tables import Tables
from wsgicache.stores.tiered import TieredStore

MIB = 1 << 20
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def open_one(folder: Path, clock: FakeClock) -> Callable[..., LMDBStore]:
    return lambda **options: LMDBStore(folder, **{"max_bytes": 8 * MIB, "clock": clock, **options})


def forget(folder: Path) -> None:
    """Close what this process has open there, as its end does."""
    environment = environment_at(str(folder))
    environment.close()
    environment.release()


def in_child(do: Callable[[], object]) -> int:
    """What a forked child ends with: 0 if *do* raised nothing."""
    child = fork()
    if not child:
        try:
            do()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# ── the bound ──────────────────────────────────────────────────────────────────────────────────


def test_its_file_has_a_bound_whatever_is_stored(
    open_one: Callable[..., LMDBStore],
    folder: Path,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And little of it is free, though what large contents need must be adjacent."""
    caplog.set_level(logging.INFO, "wsgicache")
    store, chance, kept = open_one(), random.Random(1), []
    for number in range(600):
        size = chance.choice((100, 5_000, 5_000, 50_000, 500_000))
        found(store, f"/{chance.randrange(number + 1)}")
        fill(store, clock, chance.randbytes(size), target=f"/{number}").commit()
        last = found(store, f"/{number}")
        assert last is not None
        (told,) = store.stats().values()
        kept.append(int(str(told["bytes"])))
    assert 0.5 * 8 * MIB < min(kept[100:]) < max(kept) <= 0.6 * 8 * MIB
    assert (folder / "data.mdb").stat().st_size <= 8 * MIB
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"lmdb {folder} is full: max_bytes={8 * MIB} hold no more.")


def test_what_is_asked_for_again_survives_a_flood(
    open_one: Callable[..., LMDBStore], clock: FakeClock
) -> None:
    store = open_one()
    hot = [f"/hot/{number}" for number in range(50)]
    for target in hot:
        fill(store, clock, b"x" * 20_000, target=target).commit()
    for number in range(1_000):
        fill(store, clock, b"y" * 20_000, target=f"/{number}").commit()
        assert found(store, hot[number % 50]) is not None
    assert found(store, "/1") is None


def test_a_page_that_the_file_cannot_hold_is_refused_and_nothing_goes(
    open_one: Callable[..., LMDBStore], clock: FakeClock
) -> None:
    store = open_one()
    for number in range(200):
        fill(store, clock, b"x" * 20_000, target=f"/{number}").commit()
    held = store.stats()
    with pytest.raises(StoreError, match="holds 5033164 bytes, and a content needs 5"):
        fill(store, clock, bytes(4_800_000), target="/large").commit()
    assert store.stats() == held
    assert all(found(store, f"/{number}") is not None for number in range(200))


@pytest.mark.parametrize("size", [5_000, 2_000_000, 4_000_000])
def test_a_new_page_is_kept_where_all_others_are_used(
    open_one: Callable[..., LMDBStore], clock: FakeClock, size: int
) -> None:
    """Else the hand would pass them all, and take the new one."""
    store, targets = open_one(), [f"/{number}" for number in range(190)]
    for target in targets:
        fill(store, clock, b"x" * 20_000, target=target).commit()
    assert all(found(store, target) for target in targets)
    for number in range(max(2, 500_000 // size)):
        fill(store, clock, b"y" * size, target=f"/new/{number}").commit()
        new = found(store, f"/new/{number}")
        assert content_of(store, new) == b"y" * size
    (told,) = store.stats().values()
    assert int(str(told["bytes"])) > 0.5 * 8 * MIB


def test_what_the_files_hold_by_route(
    open_one: Callable[..., LMDBStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages count, not the records that belong to them. A survey rests for long."""
    store, passed = open_one(), iter([0.0, 2.0, 201.0, 203.0, 205.0, 206.0, 207.0, 208.0])
    monkeypatch.setattr("wsgicache.stores.shared.survey.monotonic", lambda: next(passed))
    for kind in range(4):
        headers = (("X-Kind", str(kind)),)
        content = b"y" * 5_000
        fill(store, clock, content, target="/other/1", headers=headers, vary="X-Kind").commit()
    (told,) = store.stats().values()
    assert int(str(told["records"])) > 4
    assert [tuple_of(one) for one in store.holding().routes] == [("/other", 1, 4, 0)]
    for number in range(300):
        fill(store, clock, b"x" * 20_000, target=f"/items/{number}").commit()
    assert store.holding().entries == 1, "as it was a short while ago"
    held = store.holding()
    kept = sum(found(store, f"/items/{number}") is not None for number in range(300))
    assert {tuple_of(one) for one in held.routes} == {
        ("/items", kept, 1, 300 - kept),
        ("/other", 1, 4, 0),
    }
    assert (held.entries, held.widest, held.evictions) == (kept + 1, 4, 300 - kept)
    assert held.is_shared
    assert TieredStore(MemoryStore(), store).holding() == held, "with a memory in front, too"
    monkeypatch.setattr("wsgicache.stores.shared.survey.time", lambda: time() + 1e9)
    assert open_one().holding().entries == 0, "what has ended does not count"


def tuple_of(one: Held) -> tuple[str, int, int, int]:
    return one.route, one.entries, one.widest, one.evictions


def test_without_its_state_nothing_would_be_valid_so_it_stays(
    open_one: Callable[..., LMDBStore], clock: FakeClock
) -> None:
    store = open_one()
    generation = store.generation(KEY)
    fill(store, clock).commit()
    (generations,) = store._nodes.values()
    node: Any = generations.node
    for _ in "12":
        node._make_room(1 << 30)
        assert len(node.listed("")) == 1
    assert store.generation(KEY) == generation


def test_what_is_replaced_counts_once(open_one: Callable[..., LMDBStore], clock: FakeClock) -> None:
    store = open_one()
    sizes = [50_000, 100, 90_000, 3_000]
    kept = []
    for _ in range(2):
        for size in sizes:
            fill(store, clock, b"x" * size).commit()
        (told,) = store.stats().values()
        kept.append((told["bytes"], told["records"]))
    assert kept[0] == kept[1]
    (generations,) = store._nodes.values()
    for name in generations.node.listed(""):
        generations.node.remove(name)
    (told,) = store.stats().values()
    assert (told["bytes"], told["records"]) == (0, 0)


def test_what_has_ended_is_gone(
    open_one: Callable[..., LMDBStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_one()
    (generations,) = store._nodes.values()
    node: Any = generations.node
    node.write("a", b"value", 10)
    monkeypatch.setattr("wsgicache.stores.tables.time", lambda: time() + 11)
    assert node.read(("a",)) == [None]
    assert node.swap("a", b"other", None, 10)
    assert node.read(("a",)) == [b"other"]


# ── processes ──────────────────────────────────────────────────────────────────────────────────


@forking
def test_parent_and_child_share_it(
    open_one: Callable[..., LMDBStore], folder: Path, clock: FakeClock
) -> None:
    store = open_one()
    fill(store, clock, b"parent").commit()
    environment = environment_at(str(folder), 8 * MIB)

    def child() -> None:
        assert environment._opened is None  # LMDB's locks are those of the process that opened it
        assert content_of(store, found(store)) == b"parent"
        clock.advance(1)
        store.update(KEY, emptied(clock.now()))
        store.bump(["* a"], clock.now())
        fill(store, clock, b"child", target="/child").commit()

    assert in_child(child) == 0
    assert found(store) is None
    assert content_of(store, found(store, "/child")) == b"child"


@forking
def test_threads_go_on_while_the_process_forks(
    open_one: Callable[..., LMDBStore], clock: FakeClock
) -> None:
    store = open_one()
    fill(store, clock, b"page").commit()

    def work(number: int) -> None:
        if number == 0:
            for _ in range(10):
                assert in_child(lambda: found(store, "/0")) == 0
            return
        for turn in range(100):
            fill(store, clock, b"x" * 1_000, target=f"/{turn}").commit()
            assert content_of(store, found(store)) == b"page"

    together(3, work)


@forking
def test_who_is_killed_in_the_middle_leaves_no_lock_and_no_half(
    open_one: Callable[..., LMDBStore], folder: Path, clock: FakeClock
) -> None:
    store = open_one()
    for seed in range(3):
        reading, writing = os.pipe()
        child = fork()
        if not child:
            for number in range(100_000):
                fill(store, clock, bytes([number % 256]) * 9_000, target=f"/{number % 50}").commit()
                os.write(writing, b".")
        os.close(writing)
        os.read(reading, 20 + seed)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        fill(store, clock, b"after", target="/after").commit()
        assert content_of(store, found(store, "/after")) == b"after"
        for number in range(50):
            got = content_of(store, found(store, f"/{number}"))
            assert got is None or (len(got) == 9_000 and len(set(got)) == 1)


@forking
def test_no_process_reads_what_was_purged_before(
    open_one: Callable[..., LMDBStore], clock: FakeClock
) -> None:
    """Neither by URL, nor by group, nor with everything: at once, and not within a second."""
    store, told = open_one(), mmap(-1, 32)  # the least, whether that is all, and who has read

    def word(place: int) -> int:
        return int.from_bytes(told[8 * place : 8 * place + 8])

    def read(number: int) -> None:
        while not word(1):
            least = word(0)
            got = content_of(store, found(store))
            assert got is None or int(got) >= least
            if got is not None:
                told[8 * number] = 1

    fill(store, clock, b"0").commit()
    children = []
    for number in (2, 3):
        child = fork()
        if not child:
            try:
                read(number)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    eventually(lambda: word(2) and word(3), "a child reads nothing")
    for number in range(1, 300):
        for _ in "12":
            fill(store, clock, b"%d" % (number - 1), cache_tag="a").commit()
            found(store)
        if number % 3 == 0:
            store.bump([], clock.now())
        elif number % 3 == 1:
            store.bump(["* a"], clock.now())
        else:
            store.update(KEY, emptied(clock.now()))
        told[:8] = number.to_bytes(8)
    told[8] = 1
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]


def test_it_survives_a_restart(
    open_one: Callable[..., LMDBStore], folder: Path, clock: FakeClock
) -> None:
    fill(open_one(), clock, b"page").commit()
    forget(folder)
    again = open_one()
    assert content_of(again, found(again)) == b"page"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("what", ["another start of the machine", "a broken file"])
def test_it_begins_anew(
    open_one: Callable[..., LMDBStore], folder: Path, clock: FakeClock, what: str
) -> None:
    fill(open_one(), clock, b"page").commit()
    forget(folder)
    if what == "a broken file":
        (folder / "data.mdb").write_bytes(b"no pages" * 10_000)
    else:
        (folder / "start").write_text("another")
    again = open_one()
    assert found(again) is None
    fill(again, clock, b"new").commit()
    assert content_of(again, found(again)) == b"new"


@forking
def test_nothing_is_removed_that_another_process_uses(
    open_one: Callable[..., LMDBStore], folder: Path, clock: FakeClock
) -> None:
    store = open_one()
    fill(store, clock, b"page").commit()
    reading, writing = os.pipe()
    child = fork()
    if not child:
        found(store)
        os.write(writing, b".")
        signal.pause()
    os.read(reading, 1)
    forget(folder)
    (folder / "start").write_text("another")
    assert content_of(store, found(store)) == b"page"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    forget(folder)
    assert found(store) is None
    os.close(reading)
    os.close(writing)


# ── the state, which says what was purged ──────────────────────────────────────────────────────


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many names each look at the file asks for."""
    counts: list[int] = []
    read = Tables.read

    def noted(node: Tables, names: Any) -> Any:
        counts.append(len(names))
        return read(node, names)

    monkeypatch.setattr(Tables, "read", noted)
    return counts


@pytest.mark.parametrize("groups", [["* a"], []], ids=repr)
def test_a_hit_does_not_read_the_state_until_something_is_purged(
    open_one: Callable[..., LMDBStore], clock: FakeClock, looks: list[int], groups: list[str]
) -> None:
    store, other = open_one(), open_one()
    fill(store, clock, cache_tag="a").commit()
    fill(store, clock, target="/beside").commit()
    for _ in "12":
        assert store.get(KEY) is not None
    looks.clear()
    assert store.get(KEY) is not None
    assert looks == [1]
    other.bump(groups, clock.now())
    looks.clear()
    assert found(store) is None
    assert looks[0] == 2


def test_a_purge_between_the_note_and_the_state_is_seen_by_the_next_hit(
    open_one: Callable[..., LMDBStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread has read the state, others purge, then it goes on."""
    store, other = open_one(), open_one()
    fill(store, clock).commit()
    store.get(KEY)
    clock.advance(1)
    look = Tables.look

    def late(node: Tables, names: Any) -> Any:
        monkeypatch.setattr(Tables, "look", look)
        told = look(node, names)
        other.bump([], clock.now())
        return told

    monkeypatch.setattr(Tables, "look", late)
    assert found(store) is not None
    assert found(store) is None


def test_purges_that_another_file_shows_are_seen_after_a_second(
    open_one: Callable[..., LMDBStore], clock: FakeClock, folder: Path
) -> None:
    store = open_one()
    fill(store, clock).commit()
    for _ in "12":
        assert store.get(KEY) is not None
    (folder / "stamps-1").unlink()
    open_one().bump([], clock.now())
    clock.advance(1)
    assert found(store) is None


# ── what goes wrong ────────────────────────────────────────────────────────────────────────────


def test_a_store_whose_folder_cannot_be_made_raises_what_is_a_miss(
    tmp_path: Path, clock: FakeClock
) -> None:
    store = LMDBStore(tmp_path / "no" / "folder", clock=clock)
    with pytest.raises(StoreError, match=r"lmdb .*/no/folder: FileNotFoundError"):
        store.get(KEY)
    (tmp_path / "no").mkdir()
    assert store.get(KEY) is None


def test_readers_that_were_killed_make_room(
    open_one: Callable[..., LMDBStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_one()
    fill(store, clock).commit()
    (generations,) = store._nodes.values()
    node: Any = generations.node
    run, asked = node._environment.run, []

    def full(do: Any) -> Any:
        asked.append(do)
        if len(asked) == 1:
            raise lmdb.ReadersFullError("full")
        return run(do)

    monkeypatch.setattr(node._environment, "run", full)
    assert store.get(KEY) is not None
    assert len(asked) == 3


def test_a_file_that_stays_full_says_so(
    open_one: Callable[..., LMDBStore], clock: FakeClock
) -> None:
    """A reader that never ends keeps every page that was freed since."""
    store = open_one()
    (generations,) = store._nodes.values()
    node: Any = generations.node
    node.write("a", b"x", 100)

    def flood() -> None:
        for number in range(2_000):
            node.write(f"b{number}", os.urandom(100_000), 100)

    def reading(opened: Any) -> Any:
        return opened.env.begin()

    txn = node._environment.run(reading)
    with pytest.raises(StoreError, match="is full"):
        flood()
    txn.abort()
    for number in range(200):
        node.write(f"c{number}", os.urandom(100_000), 100)


@pytest.mark.parametrize(
    ("path", "options", "kind", "message"),
    [
        ("cache", {}, ValueError, "LMDBStore.path must be the whole path of a folder"),
        (7, {}, TypeError, "LMDBStore.path must be the whole path of a folder"),
        ("/tmp/x", {"max_bytes": 1}, ValueError, "LMDBStore.max_bytes must be a whole number of"),
        ("/tmp/x", {"max_bytes": "1"}, TypeError, "LMDBStore.max_bytes must be a whole number of"),
    ],
)
def test_what_makes_no_sense(
    path: Any, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        LMDBStore(path, **options)


def test_two_sizes_in_one_process(open_one: Callable[..., LMDBStore]) -> None:
    one = open_one()
    with pytest.raises(ValueError, match=r"LMDBStore.max_bytes must be the same .*8388608, got 1"):
        open_one(max_bytes=16 * MIB)
    assert one.get(KEY) is None
