"""What is collected to be stored has its bound, and gives back what it took on every way out."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cachelib import SimpleCache

from tests.origin.test_flights import PATIENT, Stage
from tests.origin.test_held_up import LONGER, held_up, readers
from tests.rig.app import Turn, page
from tests.rig.gates import Gate
from tests.rig.stores import Leasing
from tests.scene import FakeClock, Reply, environ_for
from wsgicache import MemoryStore, Policy, forks
from wsgicache.origin.room import Room, room_for
from wsgicache.stores import CachelibStore, TieredStore

MIB = 1 << 20


@dataclass(eq=False)
class Body:
    """One that is collected in a *room*."""

    room: Room
    taken: int
    moved_at: float = 0.0
    in_app: bool = False

    def __post_init__(self) -> None:
        assert self.room.take(self.taken, self)

    def is_held_up(self, now: float) -> bool:
        return not self.in_app

    def let_go(self) -> None:
        self.room.give_back(self.taken, self)
        self.taken = 0


def room(most: int = 10, largest: int = 4) -> Room:
    return Room(most, largest, lambda: 1000.0)


def test_what_is_taken_is_counted() -> None:
    ours = room()
    bodies = [Body(ours, 4, in_app=True) for _ in range(2)]
    assert (ours.taken, ours.has(2), ours.has(3)) == (8, True, False)
    assert not ours.take(3, bodies[0])
    bodies[0].let_go()
    assert (ours.taken, ours.has(6), ours.has(7)) == (4, True, False)


@pytest.mark.parametrize(("taken", "tight"), [(0, False), (6, False), (7, True)])
def test_it_is_tight_where_a_body_might_have_no_room(taken: int, tight: bool) -> None:
    ours = room()
    body = Body(ours, taken, in_app=True)
    assert ours.tight is tight
    body.let_go()
    assert not ours.tight
    assert room(3, 4).tight
    assert not room(4, 4).tight


def test_who_is_held_up_for_the_longest_time_lets_go_first() -> None:
    ours = room()
    bodies = [Body(ours, 3, moved_at, moved_at == 1) for moved_at in (3, 1, 2)]
    Body(ours, 4, in_app=True)
    assert [body.taken for body in bodies] == [3, 3, 0]
    assert not ours.has(11), "it would never fit"
    assert [body.taken for body in bodies] == [3, 3, 0]
    assert ours.has(3)
    assert [body.taken for body in bodies] == [0, 3, 0]


def test_as_many_let_go_as_must() -> None:
    ours = room()
    bodies = [Body(ours, 3, moved_at) for moved_at in (1, 2, 3)]
    assert ours.has(7)
    assert [body.taken for body in bodies] == [0, 0, 3]
    assert list(ours._holders) == [bodies[2]]


def test_a_child_process_begins_anew() -> None:
    ours = room()
    assert ours in forks._all
    body = Body(ours, 8)
    ours.begin_in_child()
    assert (ours.taken, ours.tight) == (0, False)
    body.let_go()  # of whoever forked in the middle of it
    assert ours.taken == 0


def shared() -> TieredStore:
    clock = FakeClock()
    return TieredStore(MemoryStore(4 * MIB), Leasing(clock), clock=clock)


@pytest.mark.parametrize(
    ("store", "policy", "most"),
    [
        (lambda: MemoryStore(3 * MIB), Policy(), 3 * MIB),
        (shared, Policy(), 4 * MIB),
        (lambda: CachelibStore(SimpleCache()), Policy(), 64 * MIB),
        (lambda: MemoryStore(3 * MIB), Policy(max_collecting=0), 0),
    ],
    ids=["memory", "tiered", "another", "as the policy says"],
)
def test_how_much_there_is(store: Callable[[], Any], policy: Policy, most: int) -> None:
    assert room_for(store(), policy, lambda: 0.0).most == most


# ── bodies on their way ──────────────────────────────────────────────────────────────────────────

TWO = page([b"12345", b"67890"])


def small(**options: Any) -> Stage:
    """A cache that collects ten bytes."""
    return Stage(Policy(max_collecting=10, **PATIENT, **options))


def test_what_has_no_room_passes() -> None:
    """It says so, and nothing of it is remembered: it may have room the next time."""
    stage = small()
    stage.app.plays(page([b"123456", b"67890"]))
    answers = [stage.get(), stage.get()]
    assert [answer.detail for answer in answers] == ["collecting"] * 2
    assert {answer.body for answer in answers} == {b"12345667890"}
    assert not stage.cache._flights._refused
    stage.check_idle()


def test_what_turns_out_to_have_no_room_passes() -> None:
    stage = small()
    stage.app.plays(page([b"123456", b"67890"], length=False))
    assert [(one.body, one.stored) for one in (stage.get(), stage.get())] == [
        (b"12345667890", True)
    ] * 2
    assert stage.app.count == 2
    stage.check_idle()


def test_what_is_one_piece_needs_no_room() -> None:
    stage = small()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("Content-Length", "11")])
        return [b"12345678901"]

    stage.cache._origin.app = app
    assert stage.get().stored
    assert stage.get().hit
    stage.check_idle()


def test_what_is_written_is_counted() -> None:
    stage = small()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [("Cache-Control", "max-age=60")])
        write(b"12345678")
        assert stage.cache._origin.room.taken == 8
        return [b"90"]

    stage.cache._origin.app = app
    assert stage.get().body == b"1234567890"
    assert stage.get().hit
    stage.check_idle()


def test_writes_that_a_client_holds_up() -> None:
    """Others wait for what is written as they do for what is yielded."""
    stage, gate = Stage(), Gate()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [("Cache-Control", "max-age=60")])
        write(b"12345")
        write(b"67890")
        return []

    stage.cache._origin.app = app
    leader = readers(stage, 1, gate)
    gate.until(1)
    crowd = stage.many(3)
    stage.waiters.until(3)
    stage.clock.advance(LONGER)
    assert {answer.body for answer in crowd.answers()} == {b"1234567890"}
    gate.open()
    leader.answers()
    stage.check_idle()


@pytest.mark.parametrize("more", [0, 1])
def test_while_one_is_collected_another_has_what_is_left(more: int) -> None:
    stage = small()
    stage.app.plays(TWO, page([b"12", b"345" + b"x" * more]))
    leader, gate = held_up(stage)
    assert stage.cache._origin.room.taken == 5
    got = stage.get("/other")
    assert (got.stored, got.detail) == ((False, "collecting") if more else (True, None))
    gate.open()
    assert leader.answers()[0].stored
    assert stage.get().hit
    stage.check_idle()


def test_one_that_is_held_up_makes_room() -> None:
    """Its client gets all of it; nothing of it is stored."""
    stage = small()
    stage.app.plays(TWO)
    leader, gate = held_up(stage)
    stage.clock.advance(LONGER)
    assert stage.get("/other").stored
    assert stage.get("/other").hit
    assert len(stage.cache._flights) == 0
    gate.open()
    assert leader.answers()[0].body == b"1234567890"
    assert stage.get().stored
    assert stage.app.count == 3
    stage.check_idle()


def test_who_waits_for_what_has_no_room() -> None:
    """One more is sent to see; then everybody goes on alone."""
    stage, first = small(), Gate()
    large = page([b"123456", b"67890"])
    second, others = Gate(), Gate(opens_at=3)
    gates = [first, second, others]
    stage.app.script = lambda environ, place: Turn(before=gates[min(place, 2)], reply=large)
    crowd = stage.many(5)
    stage.waiters.until(4)
    first.open()
    stage.waiters.until(4 + 3)
    second.open()
    assert [answer.detail for answer in crowd.answers()] == ["collecting"] * 5
    stage.check_idle()


@pytest.mark.parametrize("status", [200, 304])
def test_a_validation_that_has_no_room(status: int) -> None:
    """What is stored by then is not what the app has; a 304 needs no room."""
    stage = small()
    stage.app.plays(page(b"old", etag='"1"'))
    stage.get()
    stage.clock.advance(61)
    new = page([b"123456", b"67890"], etag='"2"')
    stage.app.plays(new if status == 200 else Reply(304, etag='"1"', cache_control="max-age=60"))
    got = stage.get()
    assert got.body == (b"12345667890" if status == 200 else b"old")
    assert stage.get().hit is (status == 304)


def test_a_body_that_nobody_closes_gives_back_what_it_took() -> None:
    stage = small()
    stage.app.plays(TWO)
    body = stage.cache(environ_for(), lambda *args: lambda data: None)
    assert next(iter(body)) == b"12345"
    assert stage.cache._origin.room.taken == 5
    stage.cache._flights._flying.clear()
    stage.app.calls.clear()
    del body
    gc.collect()
    assert stage.cache._origin.room.taken == 0


def test_a_crowd_that_stops_reading_takes_no_more_than_there_is() -> None:
    """Each goes on alone after half a second; what all of them collect has one bound."""
    stage, gate = Stage(Policy(max_collecting=40, **PATIENT)), Gate()
    stage.app.plays(page([b"12345"] * 4))
    crowd = readers(stage, 30, gate)
    gate.until(1)
    stage.waiters.until(29)
    stage.clock.advance(LONGER)
    stage.waiters.until(29 + 28)
    stage.clock.advance(LONGER)
    gate.until(30)
    assert stage.cache._origin.room.taken <= 40
    gate.open()
    assert {answer.body for answer in crowd.answers()} == {b"12345" * 4}
    assert stage.get().hit
    stage.check_idle()
