"""A client that stops reading keeps no other process waiting for the lease."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.origin.test_flights import Stage, processes
from tests.origin.test_held_up import LONGER, NEW, OLD, held_up
from tests.rig.app import Turn
from tests.rig.gates import Gate
from tests.rig.stores import Leasing
from tests.running import eventually
from tests.scene import FakeClock, environ_for
from wsgicache.origin.flights import Flight, Flights
from wsgicache.origin.watch import Watch


def shared() -> tuple[FakeClock, Leasing, Stage, Stage]:
    clock = FakeClock()
    store = Leasing(clock)
    here, there = processes(store, clock, 2)
    return clock, store, here, there


def test_another_process_leads_anew_where_a_client_stops_reading() -> None:
    clock, store, here, there = shared()
    here.app.plays(OLD)
    there.app.plays(NEW)
    leader, gate = held_up(here)
    crowd = there.many(5)
    there.waiters.until(4)
    assert there.app.count == 0
    clock.advance(LONGER)
    assert {answer.body for answer in crowd.answers()} == {b"new!"}
    assert (here.app.count, there.app.count) == (1, 1)
    gate.open()
    assert leader.answers()[0].body == b"old!"
    assert here.get().body == b"new!"
    assert store.leases == {}
    here.check_idle()
    there.check_idle()


def test_the_first_to_be_complete_is_kept_though_its_lease_is_gone() -> None:
    clock, store, here, there = shared()
    second = Gate()
    here.app.plays(OLD)
    there.app.plays(Turn(before=second, reply=NEW))
    leader, gate = held_up(here)
    crowd = there.many(1)
    clock.advance(LONGER)
    second.until(1)
    gate.open()
    assert leader.answers()[0].body == b"old!"
    assert here.get().body == b"old!"
    second.open()
    assert crowd.answers()[0].body == b"new!"
    assert here.get().body == b"new!", "what was asked for later counts"
    assert store.leases == {}


def test_the_thread_ends_when_there_is_nothing_to_watch() -> None:
    _, _, here, _ = shared()
    here.app.plays(OLD)
    leader, gate = held_up(here)
    name = "wsgicache-leases"
    assert name in {thread.name for thread in threading.enumerate()}
    gate.open()
    leader.answers()
    watching = here.cache._origin.watch
    eventually(lambda: not watching._runs and not watching._flights, "it watches on")
    eventually(lambda: name not in {one.name for one in threading.enumerate()}, "it goes on")


def flight_with_lease() -> Flight:
    flight = Flight(Flights(5.0, FakeClock()), 1, 1, 0.0)
    flight.landed = lambda: None
    return flight


@pytest.mark.parametrize("changes", [{"wsgi.multithread": False}, {"wsgi.run_once": True}])
def test_no_thread_where_the_server_has_none(changes: dict[str, Any]) -> None:
    watching = Watch(FakeClock())
    watching.over(flight_with_lease(), environ_for(changes=changes))
    assert not watching._runs


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease runs out; nobody fails."""

    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    watching = Watch(FakeClock())
    watching.over(flight_with_lease(), environ_for())
    assert not watching._runs
    assert not watching._flights
