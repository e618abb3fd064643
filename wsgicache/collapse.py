"""One forward request per key at a time (RFC 9111 §4): who leads, who waits, and for how long.

A flight is a request on its way to the app. Those that come later for the same key wait for it and
then decide again, each with its own request. What turns out to be nobody else's is remembered, so
that the next ones do not wait at all.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Hashable
from enum import Enum
from typing import TypeVar

from wsgicache.clock import Clock

T = TypeVar("T")

REFUSED_SECONDS = 120.0
"""How long a key is known to have responses that cannot be shared."""
_MOST_REFUSED = 10_000
_MOST_LANDED = 1_000
_MOST_FAILED = 1_000
_MOST_FLYING = 1_000
_NOBODY = 0


class Outcome(Enum):
    """How a flight ended."""

    KEPT = "kept"
    """There is a response in the store: decide again."""
    REFUSED = "refused"
    """Its response cannot be shared: everybody goes on alone."""
    FAILED = "failed"
    """There is no response: somebody else should lead."""
    STOOD_IN = "stood in"
    """The app failed, and a stale response stood in: it may for others, too."""
    FAILED_AGAIN = "failed again"
    """Nor was there one before: everybody goes on alone."""


class Flight:
    """One request on its way, as those that wait for it know it."""

    __slots__ = ("code", "event", "flights", "key", "landed", "outcome", "owner", "took_off")

    def __init__(self, flights: Flights, key: Hashable, owner: int, took_off: float) -> None:
        self.flights = flights
        self.key = key
        self.owner = owner
        self.took_off = took_off
        self.outcome: Outcome | None = None
        self.code: int | None = None
        """The status for which a stale response stood in; None where the app raised."""
        self.event: threading.Event | None = None
        self.landed: Callable[[], object] | None = None
        """What to do at landing, outside any lock: give a lease back."""

    def land(self, outcome: Outcome, why: str | None = None) -> None:
        """End it; *why* its response was refused, if it was, is remembered."""
        self.flights.land(self, outcome, why)
        if self.landed is not None:
            self.landed()


class Flights:
    """The flights of one cache. *longest* is after how many seconds nobody waits for one."""

    def __init__(self, longest: float, clock: Clock) -> None:
        self._longest = longest
        self._clock = clock
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._flying: dict[Hashable, Flight] = {}
        self._leading: dict[int, int] = {}
        # By the hash of a key, which clients could make long: two keys with one hash wait for
        # each other, or do not, for nothing.
        self._refused: dict[int, tuple[float, str]] = {}
        self._landed: dict[int, float] = {}
        self._failed: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._flying)

    def refused(self, key: Hashable) -> str | None:
        """Why the last response of *key* could not be shared, if that was not long ago."""
        known = self._refused.get(hash(key))
        return known[1] if known is not None and self._clock.now() < known[0] else None

    def failing(self, key: Hashable) -> bool:
        """Whether the last flight of *key* failed, and that not long ago."""
        failed_at = self._failed.get(hash(key))
        return failed_at is not None and self._clock.now() - failed_at <= self._longest

    def board(self, key: Hashable) -> tuple[Flight | None, bool]:
        """The flight to wait for or, with True, to lead and to `land`; None to go on alone.

        A thread that leads a flight waits for no other: so the app may call itself.
        """
        if self.refused(key) is not None:
            return None, False
        now = self._clock.now()
        here = threading.get_ident()
        with self._lock:
            flight = self._flying.get(key)
            if flight is not None and now - flight.took_off <= self._longest:
                if here in self._leading:
                    self._sweep(now)
                return (None if here in self._leading else flight), False
            if flight is not None or len(self._flying) >= _MOST_FLYING:
                self._sweep(now)
            flight = self._flying[key] = Flight(self, key, here, now)
            self._leading[here] = self._leading.get(here, 0) + 1
            return flight, True

    def _sweep(self, now: float) -> None:
        """Forget bodies that were neither read nor closed; nobody waits for them any longer."""
        for one in list(self._flying.values()):
            if now - one.took_off > self._longest:
                self._retire(one)

    def alone(self, key: Hashable) -> Flight:
        """A flight that nobody can wait for; what comes of it is remembered like any other's."""
        return Flight(self, key, _NOBODY, self._clock.now())

    def landed_since(self, key: Hashable, moment: float) -> bool:
        """Whether a flight of *key* has filled the store after *moment*: whoever looked before that
        and boards now would ask for what is there."""
        return self._landed.get(hash(key), moment) > moment

    def forget(self) -> None:
        """Know no longer what could not be shared: after a purge it may be another app."""
        with self._lock:
            self._refused.clear()

    def wait(self, flight: Flight, seconds: float) -> Outcome | None:
        """How *flight* ended, or None if it has not within *seconds*."""
        with self._lock:
            if flight.outcome is not None:
                return flight.outcome
            if flight.event is None:
                flight.event = threading.Event()
            event = flight.event
        event.wait(max(0.0, seconds))
        return flight.outcome

    def land(self, flight: Flight, outcome: Outcome, why: str | None = None) -> None:
        """End *flight*; *why* its response was refused, if it was, is remembered."""
        if flight.owner == _NOBODY and outcome is Outcome.REFUSED and self._knows(flight, why):
            return  # PERF: pages that are never kept, 0.6 µs less
        with self._lock:
            if flight.outcome is not None:
                return
            flight.outcome = self._remembered(flight, outcome, why)
            if self._flying.get(flight.key) is flight:
                self._retire(flight)
            if flight.event is not None:
                flight.event.set()

    def _knows(self, flight: Flight, why: str | None) -> bool:
        """Whether that refusal of the key of *flight* is known, and will be for a while."""
        key = hash(flight.key)
        until, known = self._refused.get(key, (0.0, None))
        lasting = until - flight.took_off > REFUSED_SECONDS / 2
        return lasting and known == why and key not in self._failed

    def _remembered(self, flight: Flight, outcome: Outcome, why: str | None) -> Outcome:
        """What *outcome* comes to after what is known of the key of *flight*; it is known now."""
        key, now = hash(flight.key), self._clock.now()
        failed_at = self._failed.pop(key, None)
        if outcome is Outcome.FAILED or outcome is Outcome.STOOD_IN:
            _add(self._failed, key, now, _MOST_FAILED)
            if outcome is Outcome.STOOD_IN:
                return outcome
            if failed_at is not None and flight.took_off - failed_at <= self._longest:
                return Outcome.FAILED_AGAIN
        elif outcome is Outcome.REFUSED:
            _add(self._refused, key, (now + REFUSED_SECONDS, why or "refused"), _MOST_REFUSED)
        else:
            self._refused.pop(key, None)
            _add(self._landed, key, now, _MOST_LANDED)
        return outcome

    def _retire(self, flight: Flight) -> None:
        del self._flying[flight.key]
        left = self._leading.get(flight.owner, 1) - 1
        if left:
            self._leading[flight.owner] = left
        else:
            self._leading.pop(flight.owner, None)


def _add(known: dict[int, T], key: int, value: T, most: int) -> None:
    """Put *value* last, and let the first go where there are *most*."""
    known.pop(key, None)
    if len(known) >= most:
        del known[next(iter(known))]
    known[key] = value


# Whoever led a flight in the parent process is not here to land it.
_all: weakref.WeakSet[Flights] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for flights in list(_all):
        flights._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
