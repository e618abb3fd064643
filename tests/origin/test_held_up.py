"""Who waits for a body waits while it gets on. One that a client or the app holds up keeps nobody;
and whoever asks for less than the whole waits for that, and leads nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.origin.test_flights import PATIENT, Stage, processes, told
from tests.rig.app import Turn, page
from tests.rig.gates import Crowd, Gate
from tests.rig.stores import Leasing
from tests.running import DEADLINE, eventually
from tests.scene import FakeClock, Reply, environ_for
from wsgicache import Policy
from wsgicache.origin.flights import REFUSED_SECONDS, Flight, Flights
from wsgicache.rules.collapsing import HELD_UP_SECONDS, longest_pause

OLD, NEW = page([b"ol", b"d!"]), page([b"ne", b"w!"])
LONGER = HELD_UP_SECONDS + 0.01


def readers(stage: Stage, count: int, takes: Callable[[bytes], object]) -> Crowd:
    """Clients that do something with each chunk before they take the next one."""
    return Crowd(stage.cache, [environ_for() for _ in range(count)], each=takes)


def held_up(stage: Stage) -> tuple[Crowd, Gate]:
    """A client that has taken a chunk, and stopped; and what has it go on."""
    gate = Gate()
    leader = readers(stage, 1, gate)
    gate.until(1)
    return leader, gate


BEGINS = {
    "cold": None,
    "stale": page(b"first"),
    "validated": page(b"first", etag='"1"'),
}


@pytest.mark.parametrize("begin", BEGINS.values(), ids=BEGINS)
def test_one_leads_anew_where_a_client_stops_reading(begin: Reply | None) -> None:
    """Everybody else gets what that one is given; the first leader goes on for himself."""
    stage, second = Stage(), Gate()
    if begin is not None:
        stage.app.plays(begin)
        stage.get()
        stage.clock.advance(61)
    before = stage.app.count
    stage.app.plays(OLD, Turn(before=second, reply=NEW), Reply(500))
    leader, gate = held_up(stage)
    crowd = stage.many(10)
    stage.waiters.until(10)
    assert stage.app.count == before + 1
    stage.clock.advance(LONGER)
    stage.waiters.until(10 + 9)
    second.open()
    answers = crowd.answers()
    assert {answer.body for answer in answers} == {b"new!"}
    why = "uri-miss" if begin is None else "stale"
    assert told(answers) == {f"fwd={why}; stored": 1, f"fwd={why}; collapsed": 9}
    assert stage.app.count == before + 2
    gate.open()
    assert leader.answers()[0].body == b"old!"
    assert (stage.get().body, stage.app.count) == (b"new!", before + 2)
    stage.check_idle()


def test_the_first_to_be_complete_is_kept() -> None:
    """A leader that goes on after all: nobody waits for the other one any longer."""
    stage, second = Stage(), Gate()
    stage.app.plays(OLD, Turn(before=second, reply=NEW), Reply(500))
    leader, gate = held_up(stage)
    crowd = stage.many(10)
    stage.waiters.until(10)
    stage.clock.advance(LONGER)
    second.until(1)
    stage.waiters.until(10 + 9)
    gate.open()
    assert leader.answers()[0].body == b"old!"
    assert stage.get().body == b"old!"
    eventually(lambda: crowd.answered == 9, "they wait on")
    second.open()
    assert sorted(answer.body for answer in crowd.answers()) == [b"new!"] + [b"old!"] * 9
    assert stage.app.count == 2
    assert stage.get().body == b"new!", "what was asked for later counts"
    stage.check_idle()


def test_where_two_are_held_up_everybody_is_free() -> None:
    """One after the other would take long."""
    stage, others = Stage(), Gate()
    stage.app.plays(OLD)
    leader, gate = held_up(stage)
    crowd = readers(stage, 6, others)
    stage.waiters.until(6)
    stage.clock.advance(LONGER)
    others.until(1)
    stage.waiters.until(6 + 5)
    assert stage.app.count == 2
    stage.clock.advance(LONGER)
    others.until(6)
    assert stage.app.count == 7
    gate.open()
    others.open()
    answers = leader.answers() + crowd.answers()
    assert {answer.body for answer in answers} == {b"old!"}
    details = sorted(answer.detail or "" for answer in answers)
    assert details == ["", ""] + ["collecting"] * 5, "more copies of the same are collected"
    assert stage.get().hit
    stage.check_idle()


def test_who_comes_when_it_is_held_up_does_not_wait() -> None:
    stage = Stage()
    stage.app.plays(OLD, NEW)
    leader, gate = held_up(stage)
    stage.clock.advance(LONGER)
    assert [stage.get().body, stage.get().body] == [b"new!"] * 2
    assert (stage.app.count, len(stage.waiters)) == (2, 0)
    gate.open()
    leader.answers()
    stage.check_idle()


def test_many_wait_for_a_client_for_less_time_than_few() -> None:
    """They hold the threads of the server, which other pages need."""
    stage = Stage()
    stage.app.plays(OLD, NEW, Reply(500))
    leader, gate = held_up(stage)
    crowd = stage.many(10)
    stage.waiters.until(10)
    stage.clock.advance(longest_pause(10))
    assert {answer.body for answer in crowd.answers()} == {b"new!"}
    gate.open()
    leader.answers()
    assert stage.app.count == 2
    stage.check_idle()


def test_the_app_is_asked_twice_where_it_is_slow() -> None:
    """It makes its second chunk for ever: one leads anew. It is as slow again: all wait."""
    stage, slow, again = Stage(), Gate(), Gate()
    stage.app.plays(Turn(reply=OLD, between=slow), Turn(reply=NEW, between=again), Reply(500))
    leader = stage.many(1)
    slow.until(1)
    crowd = stage.many(5)
    stage.waiters.until(5)
    stage.clock.advance(LONGER)
    again.until(1)
    stage.waiters.until(5 + 4)
    stage.clock.advance(LONGER)
    crowd.add(environ_for())
    stage.waiters.until(5 + 4 + 1)
    again.open()
    assert {answer.body for answer in crowd.answers()} == {b"new!"}
    slow.open()
    leader.answers()
    assert stage.app.count == 2
    stage.check_idle()


def overtaken() -> tuple[Flight, Flight]:
    """A flight that was held up, and the one that leads now."""
    flights = Flights(5.0, FakeClock(1000.0))
    first, _ = flights.board(1, 1000.0)
    assert first is not None
    first.pace = Paced(True, False)
    second, leads = flights.board(1, 1001.0)
    assert second is not None
    assert leads
    return first, second


def test_a_client_that_leaves_when_it_was_overtaken() -> None:
    """That says nothing of the one that leads now: it is the first to fail."""
    first, second = overtaken()
    first.land("failed", None, None)
    assert not second.flights.failing(1, 1001.0)
    second.land("failed", None, None)
    assert second.outcome == "failed"
    assert not second.flights._leading


def test_one_that_was_overtaken_ends_both() -> None:
    first, second = overtaken()
    first.land("kept", None, None)
    assert (first.outcome, second.outcome) == ("kept", "kept")
    assert second.flights.landed_since(1, 999.0)
    assert len(second.flights) == 0
    second.land("failed", None, None)
    assert not second.flights.failing(1, 1001.0)
    assert not second.flights._leading


def test_nobody_waits_on_for_one_that_was_overtaken() -> None:
    """Though it goes on meanwhile: it may end without a word to them."""
    first, second = overtaken()
    first.pace = Paced(True, False, moved_at=1e9)
    assert second.flights.wait(first, DEADLINE) == "held up"
    waited: list[object] = []
    flights = second.flights
    second.pace = Paced(True, False, moved_at=1e9)
    waiter = threading.Thread(target=lambda: waited.append(flights.wait(second, DEADLINE)))
    waiter.start()
    eventually(lambda: second.event is not None, "it does not wait")
    with flights._lock:
        flights._overtake(second, Flight(flights, 1, 1, 1002.0))
    waiter.join(DEADLINE)
    assert waited == ["held up"]


def test_a_lease_is_given_back_where_a_client_stops_reading() -> None:
    """Else whoever leads anew would wait for it."""
    clock = FakeClock()
    store, second = Leasing(clock), Gate()
    here, there = processes(store, clock, 2)
    here.app.plays(OLD, Turn(before=second, reply=NEW), Reply(500))
    there.app.plays(Reply(500))
    leader, gate = held_up(here)
    clock.advance(LONGER)
    crowd = here.many(2)
    second.until(1)
    here.waiters.until(1)
    assert len(store.leases) == 1
    second.open()
    assert {answer.body for answer in crowd.answers()} == {b"new!"}
    assert there.get().hit
    gate.open()
    leader.answers()
    assert store.leases == {}
    here.check_idle()


@dataclass
class Paced:
    """A body whose last chunk went on a second ago."""

    begun: bool
    in_app: bool
    moved_at: float = 1000.0


@pytest.mark.parametrize(
    ("pace", "second", "waited", "left"),
    [
        (None, False, 9.0, HELD_UP_SECONDS),
        (Paced(False, False), False, 0.0, HELD_UP_SECONDS),
        (Paced(False, False), False, 1.0, HELD_UP_SECONDS - 1),
        (Paced(False, True), False, 1.0, HELD_UP_SECONDS),
        (Paced(True, False), False, 0.25, 0.0),
        (Paced(True, True), False, 0.25, 0.0),
        (Paced(True, False), True, 0.25, 0.0),
        (Paced(True, True), True, 9.0, HELD_UP_SECONDS),
    ],
)
def test_for_how_long_one_waits_on(
    pace: Paced | None, second: bool, waited: float, left: float
) -> None:
    flights = Flights(5.0, FakeClock())
    flight = Flight(flights, 1, 1, 1000.0)
    flight.pace, flight.ahead = pace, Flight(flights, 1, 2, 990.0) if second else None
    assert flight.patience(1000.0 + waited) == left


# ── what is stale when it is complete ────────────────────────────────────────────────────────────


def slow(stage: Stage, gate: Gate, said: str) -> Turn:
    """A page that takes two seconds, once the gate is open."""

    def between() -> None:
        gate()
        stage.clock.advance(2)

    return Turn(reply=page(b"page", said), between=between)


def test_nobody_waits_for_what_is_stale_when_it_is_complete() -> None:
    """The first crowd waits for one answer, the next one for none."""
    stage, first, others, again = Stage(), Gate(), Gate(opens_at=11), Gate(opens_at=12)
    said = "max-age=1"
    stage.app.plays(slow(stage, first, said), slow(stage, others, said))
    crowd = stage.many(12)
    stage.waiters.until(11)
    first.open()
    assert len(crowd.answers()) == stage.app.count == 12
    stage.clock.advance(10)
    stage.app.plays(slow(stage, again, said))
    assert len(stage.many(12).answers()) == 12
    assert (stage.app.count, len(stage.waiters)) == (24, 11)
    stage.check_idle()


def test_what_may_be_served_stale_answers_those_who_waited() -> None:
    """RFC 5861 §3: it was made right now."""
    stage, gate = Stage(), Gate()
    stage.app.plays(slow(stage, gate, "max-age=1, stale-while-revalidate=60"), Reply(500))
    crowd = stage.many(12)
    stage.waiters.until(11)
    gate.open()
    assert told(crowd.answers())["fwd=uri-miss; collapsed"] == 11
    assert stage.app.count == 1
    stage.check_idle()


def test_what_is_served_stale_is_no_answer_to_those_who_waited_for_a_failure() -> None:
    """Nothing validates it in the background: one of them asks."""

    def refusing(job: object) -> None:
        raise RuntimeError("too much to do")

    stage, gate = Stage(runner=refusing), Gate()
    stage.app.plays(page(b"old", "max-age=10, stale-while-revalidate=60"))
    stage.get()
    stage.clock.advance(11)
    stage.app.plays(Turn(before=gate, reply=Reply(503)), page(b"new"))
    crowd = stage.many(3)
    stage.waiters.until(2)
    gate.open()
    assert sorted(answer.body for answer in crowd.answers() if answer.code == 200) == [b"new"] * 2
    stage.check_idle()


# ── who waits, and leads nobody ──────────────────────────────────────────────────────────────────

LESS: dict[str, tuple[dict[str, Any], int, bytes]] = {
    "range": ({"headers": [("Range", "bytes=1-2")]}, 206, b"ew"),
    "head": ({"method": "HEAD"}, 200, b""),
    "if-none-match": ({"headers": [("If-None-Match", '"1"')]}, 304, b""),
    "another": ({"headers": [("If-None-Match", '"2"')]}, 200, b"new!"),
    "if-modified-since": (
        {"headers": [("If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT")]},
        200,
        b"new!",
    ),
}
WHOLE = page([b"ne", b"w!"], etag='"1"', last_modified="Wed, 15 Nov 2023 00:00:00 GMT")


@pytest.mark.parametrize("profile", [Policy, Policy.rfc], ids=["safe", "rfc"])
@pytest.mark.parametrize("begin", ["cold", "stale"])
@pytest.mark.parametrize(("given", "code", "body"), LESS.values(), ids=LESS)
def test_who_wants_less_is_answered_from_the_whole(
    given: dict[str, Any], code: int, body: bytes, begin: str, profile: Callable[..., Policy]
) -> None:
    stage, gate = Stage(profile(**PATIENT)), Gate()
    if begin == "stale":
        stage.app.plays(page(b"old", etag='"0"'))
        stage.get()
        stage.clock.advance(61)
    before = stage.app.count
    stage.app.plays(Turn(before=gate, reply=WHOLE), Reply(500))
    leader = stage.many(1)
    gate.until(1)
    crowd = stage.crowd(*(environ_for(**given) for _ in range(10)))
    stage.waiters.until(10)
    gate.open()
    answers = crowd.answers()
    assert {(answer.code, answer.body) for answer in answers} == {(code, body)}
    assert leader.answers()[0].body == b"new!"
    assert stage.app.count == before + 1
    stage.check_idle()


@pytest.mark.parametrize(
    ("field", "policy"),
    [
        (("Range", "bytes=1-2"), Policy(whole_for_range=0)),
        (("If-None-Match", '"1"'), Policy.rfc()),
    ],
    ids=["a range", "a condition that the app gets"],
)
def test_who_wants_less_leads_nobody(field: tuple[str, str], policy: Policy) -> None:
    """Nor does what the app answers to that say anything of the whole."""
    stage, gate, whole = Stage(policy), Gate(), Gate()
    stage.app.plays(Turn(before=gate, reply=Reply(206, b"ew", cache_control="no-store")))
    alone = stage.many(3, "/", field)
    gate.until(3)
    assert (len(stage.cache._flights), len(stage.waiters)) == (0, 0)
    stage.app.plays(Turn(before=whole, reply=WHOLE), Reply(500))
    gate.open()
    alone.answers()
    crowd = stage.many(5)
    stage.waiters.until(4)
    whole.open()
    assert {answer.body for answer in crowd.answers()} == {b"new!"}
    stage.check_idle()


def test_who_wants_less_says_nothing_of_what_is_not_shared() -> None:
    stage = Stage(Policy(whole_for_range=0))
    stage.app.plays(page(cache_control="no-store"))
    stage.get()
    known = dict(stage.cache._flights._refused)
    stage.clock.advance(REFUSED_SECONDS / 2 + 1)
    stage.app.plays(Reply(206, b"ew", cache_control="no-store"))
    assert stage.get("/", ("Range", "bytes=1-2")).code == 206
    assert stage.cache._flights._refused == known
    stage.check_idle()


def test_who_wants_less_waits_for_no_body_that_is_held_up() -> None:
    stage, together = Stage(Policy(whole_for_range=0)), Gate(opens_at=3)
    stage.app.plays(OLD, Turn(before=together, reply=Reply(206, b"ew")))
    leader, gate = held_up(stage)
    crowd = stage.many(3, "/", ("Range", "bytes=1-2"))
    stage.waiters.until(3)
    stage.clock.advance(LONGER)
    assert [answer.code for answer in crowd.answers()] == [206] * 3
    gate.open()
    leader.answers()
    assert stage.get().hit
    stage.check_idle()
