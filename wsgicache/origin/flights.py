"""One forward request for each key at a time (RFC 9111 §4): who leads, who waits, how long.

A flight is a request on its way to the app. Later requests for the same key wait for it and then
decide again, each with its own request. If its response turns out not to be shared, that is
remembered, so that the next requests do not wait at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import Literal, Protocol, TypeVar

from wsgicache import forks
from wsgicache.clock import Clock
from wsgicache.rules.collapsing import HELD_UP_SECONDS, longest_pause
from wsgicache.rules.model import NEVER

__all__ = [
    "REFUSED_SECONDS", "Alone", "Flight", "Flights", "HeldUp", "Landing", "Outcome", "Pace",
    "put_last",
]  # fmt: skip

T = TypeVar("T")

Outcome = Literal["kept", "refused", "failed", "stood in", "failed again"]
"""How a request to the origin ended. "kept": there is a response in the store. "refused": it cannot
be shared, so all go on alone. "failed": there is none, so another request should ask. "stood in":
there is none, but a stale response stood in, and may for others, too. "failed again": there is
none, and all go on alone."""

HeldUp = Literal["held up"]
"""The state of a flight without an outcome for which nobody waits any longer: another request
asks."""

REFUSED_SECONDS = 120.0
"""How long it is remembered that the responses of a key cannot be shared."""
_MOST_REFUSED = 10_000
_MOST_LANDED = 1_000
_MOST_FAILED = 1_000
_MOST_FLYING = 1_000


class Landing(Protocol):
    """What reports to waiting requests how a request to the origin ended."""

    def land(self, outcome: Outcome, why: str | None, code: int | None) -> None:
        """Report *outcome*, *why* the response is not shared, and the *code* of a failure."""


class Pace(Protocol):
    """The progress of a body for which others wait."""

    moved_at: float
    """When its last chunk, or its head, went to the client."""
    begun: bool
    """Whether a chunk has gone to the client."""
    in_app: bool
    """Whether the app is asked for the next chunk; otherwise the client takes the last one."""


class Flight:
    """One request on its way, as waiting requests see it."""

    outcome: Outcome | None = None
    pace: Pace | None = None
    """The progress of its body, if that has several chunks."""
    overtaken = False
    """Whether it was held up, and another flight leads now."""
    ahead: Flight | None = None
    """The flight that it has overtaken."""
    followers = 0
    """How many requests have begun to wait for it."""
    code: int | None = None
    """The status for which a stale response stood in; None if the app raised."""
    event: threading.Event | None = None
    landed: Callable[[], object] | None = None
    """A call at landing, outside any lock, to give a lease back."""

    def __init__(self, flights: Flights, key: int, owner: int, took_off: float) -> None:
        self.flights = flights
        self.key = key
        self.owner = owner
        self.took_off = took_off

    def patience(self, now: float) -> float:
        """Return for how many seconds to wait on before the flight counts as held up.

        The app may take its time for the first chunk. If it does so for a later one, it is asked
        again once, not again and again: this flight may have overtaken another for that.
        """
        pace = self.pace
        if pace is None or (pace.in_app and not (pace.begun and self.ahead is None)):
            return HELD_UP_SECONDS
        longest = HELD_UP_SECONDS if pace.in_app else longest_pause(self.followers)
        return pace.moved_at + longest - now

    def land(self, outcome: Outcome, why: str | None, code: int | None) -> None:
        """End the flight, and remember *why* its response was refused, if it was."""
        self.code = code
        self.flights.land(self, outcome, why)
        if self.landed is not None:
            self.give_back()

    def give_back(self) -> None:
        """Call `landed` once: at landing, or when another flight has overtaken this one."""
        landed, self.landed = self.landed, None
        if landed is not None:
            landed()


class Alone:
    """Stand-in flight of a request that does not collapse.

    Nobody waits for it, but its end is remembered. It also records what is known of a *key* whose
    responses cannot be shared: *why*, and *until* when.
    """

    __slots__ = ("flights", "key", "until", "why")

    def __init__(
        self, flights: Flights, key: int, why: str | None = None, until: float = NEVER
    ) -> None:
        self.flights = flights
        self.key = key
        self.why = why
        self.until = until

    def land(self, outcome: Outcome, why: str | None, code: int | None) -> None:
        """End one such request, and remember *why* its response was refused, if it was."""
        flights, key = self.flights, self.key
        if why != self.why or self.until is NEVER or outcome != "refused" or key in flights._failed:
            flights.land_alone(key, outcome, why)


class Flights:
    """The flights of one cache; a request waits for one at most *longest* seconds."""

    def __init__(self, longest: float, clock: Clock) -> None:
        self._longest = longest
        self._clock = clock
        self.begin_in_child()
        forks.renew(self)

    def begin_in_child(self) -> None:
        """Forget all flights: their leaders are in the parent process."""
        self._lock = threading.Lock()
        # The keys are hashes (reuse.collapse_key).
        self._flying: dict[int, Flight] = {}
        self._leading: dict[int, int] = {}
        self._refused: dict[int, Alone] = {}
        self._landed: dict[int, float] = {}
        self._failed: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._flying)

    def refused(self, key: int, now: float) -> Alone | None:
        """Return why the last response of *key* could not be shared, if that was not long ago.

        Past half its time, the next response records the refusal again. Content that was too large
        is not recorded again, since nothing has measured it anew.
        """
        known = self._refused.get(key)
        if known is None or now >= known.until:
            return None
        # PERF: no lock and no clock for pages that are never kept; 0.8 µs less.
        if known.until - now > REFUSED_SECONDS / 2 or known.why == "too-large":
            return known
        return Alone(self, key, known.why)

    def failing(self, key: int, now: float) -> bool:
        """Return whether the last flight of *key* failed, not long ago."""
        failed_at = self._failed.get(key)
        return failed_at is not None and now - failed_at <= self._longest

    def board(self, key: int, now: float, may_lead: bool = True) -> tuple[Flight | None, bool]:
        """Return the flight to wait for; with True, to lead and to `land`; None to go on alone.

        A request that *may* not *lead* goes on alone if there is none to wait for. A thread that
        leads a flight waits for no other, so the app may call itself. A flight that is held up is
        overtaken.
        """
        here = threading.get_ident()
        with self._lock:
            if key in self._refused and self.refused(key, now) is not None:
                return None, False
            ahead = self._flying.get(key)
            if ahead is not None:
                if now - ahead.took_off > self._longest:
                    self._sweep(now)
                    ahead = None
                elif ahead.patience(now) > 0:
                    if here in self._leading:
                        self._sweep(now)
                    return (None if here in self._leading else ahead), False
            if not may_lead:
                return None, False
            if len(self._flying) >= _MOST_FLYING:
                self._sweep(now)
            flight = Flight(self, key, here, now)
            if ahead is not None:
                self._overtake(ahead, flight)
            self._flying[key] = flight
            self._leading[here] = self._leading.get(here, 0) + 1
            return flight, True

    def _overtake(self, ahead: Flight, flight: Flight) -> None:
        """Let requests that wait for *ahead* look for *flight*."""
        self._retire(ahead)
        flight.ahead, ahead.ahead, ahead.overtaken = ahead, None, True
        if ahead.event is not None:
            ahead.event.set()

    def _sweep(self, now: float) -> None:
        """Forget flights whose bodies were neither read nor closed: nobody waits for them."""
        for one in list(self._flying.values()):
            if now - one.took_off > self._longest:
                self._retire(one)

    def landed_since(self, key: int, moment: float) -> bool:
        """Return whether a flight of *key* has filled the store after *moment*.

        A request that looked earlier, and boards now, would ask for what is already there.
        """
        return self._landed.get(key, moment) > moment

    def forget(self) -> None:
        """Forget what could not be shared: after a purge another version of the app may answer."""
        with self._lock:
            self._refused.clear()

    def wait(self, flight: Flight, seconds: float) -> Outcome | HeldUp | None:
        """Return how *flight* ended, or that it is held up; None if neither within *seconds*."""
        with self._lock:
            if flight.outcome is not None:
                return flight.outcome
            flight.followers += 1
            if flight.event is None:
                flight.event = threading.Event()
            event = flight.event
            if flight.overtaken:
                event.set()
        until, left = time.monotonic() + seconds, seconds
        # Its body may begin, and be held up, during the wait: so look again.
        while (patience := flight.patience(self._clock.now())) > 0 < left:
            if event.wait(min(left, patience)):
                return flight.outcome or "held up"
            left = until - time.monotonic()
        return flight.outcome or ("held up" if patience <= 0 else None)

    def land(self, flight: Flight, outcome: Outcome, why: str | None) -> None:
        """End *flight*, and remember *why* its response was refused, if it was."""
        with self._lock:
            if flight.outcome is not None:
                return
            if flight.overtaken:
                flight.outcome = outcome
                if outcome != "kept":
                    return  # That says nothing of the one that leads now.
                # It is the first to be complete after all.
                flight = self._flying.get(flight.key, flight)
            flight.outcome = self._remembered(flight.key, flight.took_off, outcome, why)
            if self._flying.get(flight.key) is flight:
                self._retire(flight)
            if flight.event is not None:
                flight.event.set()

    def land_alone(self, key: int, outcome: Outcome, why: str | None) -> None:
        """Remember how a request for *key* ended for which nobody has waited."""
        with self._lock:
            self._remembered(key, self._clock.now(), outcome, why)

    def _remembered(self, key: int, took_off: float, outcome: Outcome, why: str | None) -> Outcome:
        """Remember *outcome*, and return it in the light of what was known of *key*."""
        now = self._clock.now()
        failed_at = self._failed.pop(key, None)
        if outcome == "kept":
            self._refused.pop(key, None)
            put_last(self._landed, key, now, _MOST_LANDED)
        elif outcome == "refused":
            known = Alone(self, key, why or "refused", now + REFUSED_SECONDS)
            put_last(self._refused, key, known, _MOST_REFUSED)
        else:
            put_last(self._failed, key, now, _MOST_FAILED)
            if outcome == "failed" and failed_at is not None:
                return "failed again" if took_off - failed_at <= self._longest else outcome
        return outcome

    def _retire(self, flight: Flight) -> None:
        del self._flying[flight.key]
        left = self._leading.pop(flight.owner, 1) - 1
        if left:
            self._leading[flight.owner] = left


def put_last(known: dict[int, T], key: int, value: T, most: int) -> None:
    """Put *value* last, and drop the oldest tenth where there are *most*.

    Finding a dict's first key slows down as keys before it are deleted, hence a tenth at once.
    """
    known.pop(key, None)
    if len(known) >= most:
        for first in list(islice(known, most // 10)):
            del known[first]
    known[key] = value
