"""Choose who asks the origin where several requests want the same (RFC 9111 §4).

One leads, in this process and among those that share its store. The others wait, and then decide
again.
"""

from __future__ import annotations

import time
from uuid import uuid4

from wsgicache.origin.exchange import Origin
from wsgicache.origin.flights import Alone, Flight, HeldUp, Outcome
from wsgicache.origin.trip import COLLECTING, TOO_LARGE, Trip
from wsgicache.processes import this_process
from wsgicache.rules.collapsing import Part, after_waiting, decide_again, stood_in
from wsgicache.rules.model import Decision
from wsgicache.rules.variants import collapse_key
from wsgicache.stores import SharedStore
from wsgicache.stores.stamps import Stamps

__all__ = ["Turns"]

LEASE_SECONDS = 3.0
"""How long a process may keep others waiting for its answer, even if it has died."""

_LONGEST_PAUSE = 0.1
_LOOKING = 0.05
"""Seconds after which a process that will be woken looks whether the other is still there."""

_LOOKED_AFTER: tuple[Outcome | HeldUp, ...] = ("kept", "failed", "stood in", "held up")
"""Results of a flight after which those who waited for it decide again."""


class Turns:
    """The turns of requests to one *origin*."""

    def __init__(self, origin: Origin) -> None:
        self._keeper = origin.keeper
        self._policy = origin.policy
        self._clock = origin.clock
        self._report = origin.report
        self.flights = origin.flights
        self._wholes = origin.wholes
        store = origin.keeper.store
        self._shared = store if isinstance(store, SharedStore) else None
        landings = getattr(store, "landings", None)
        self._landings = landings if isinstance(landings, Stamps) else None

    def take(self, trip: Trip, part: Part) -> Decision:
        """Lead a flight if its *part* allows it, or wait for the one ahead and decide again.

        It waits twice at most, and no longer than the policy says. What goes forward then, and may
        lead, has a flight, which must be landed.
        """
        request, decision = trip.request, trip.decision
        key = collapse_key(request, trip.kind, self._policy)
        refused = self.flights.refused(key, trip.looked_up_at)
        if refused is not None:
            if refused.why == TOO_LARGE:
                trip.uncollected = TOO_LARGE
                if trip.wanted is not None:
                    trip.narrow()
                    part = "follow"
            trip.flight = None if part == "follow" else refused
            return decision
        may_lead = part != "follow"
        if part == "alone":
            trip.flight = Alone(self.flights, key)
            return decision
        deadline = time.monotonic() + self._policy.collapse_timeout
        for _ in range(2):
            if decision.detail and self.flights.failing(key, trip.looked_up_at):
                break  # The store fails, and will again: no other request would find the answer.
            flight, leads = self.flights.board(key, trip.looked_up_at, may_lead)
            if flight is None:
                break
            if leads:
                trip.flight = flight
                if self.flights.landed_since(key, trip.fill.began):
                    again = self._decide_again(trip)
                    if again.forward is None:
                        trip.land("kept")
                        return again
                if self._shared is None:
                    return decision
                if flight.ahead is not None:
                    flight.ahead.give_back()
                return self._elect(trip, decision, flight, self._shared, deadline)
            outcome = self.flights.wait(flight, deadline - time.monotonic())
            if outcome not in _LOOKED_AFTER:
                break
            decision = self._decide_again(trip, outcome)
            if outcome == "stood in":
                decision = stood_in(request, decision, self._clock.now(), flight.code, self._policy)
            if decision.forward is None:
                return decision
            if trip.wanted is not None and self._wholes.are_in_vain(trip.wanted):
                trip.narrow()
                may_lead = False
            key = collapse_key(request, trip.kind, self._policy)
        else:
            trip.uncollected = COLLECTING if outcome == "held up" else None
        trip.looked_up_at = now = self._clock.now()
        alone = self.flights.refused(key, now) or Alone(self.flights, key)
        trip.flight = alone if may_lead else None
        if alone.why == TOO_LARGE:
            trip.uncollected = TOO_LARGE
        return decision

    def _decide_again(self, trip: Trip, outcome: Outcome | HeldUp = "kept") -> Decision:
        """Look up and decide again, after waiting for a flight with that *outcome*."""
        now, request = self._clock.now(), trip.request
        entry = self._keeper.entry(request)
        trip.begin(entry, now, self._keeper.fill(request, entry, now))
        if outcome == "kept":
            request.directives = after_waiting(request.directives)
        return decide_again(request, entry, now, self._policy, renewed=outcome == "kept")

    def _is_there(self, decision: Decision) -> bool:
        """Return whether the store has everything that *decision* answers with."""
        stored = decision.stored
        if decision.forward is not None or stored is None:
            return decision.forward is None
        return self._keeper.content(stored) is not None

    def _elect(
        self,
        trip: Trip,
        decision: Decision,
        flight: Flight,
        shared: SharedStore,
        deadline: float,
    ) -> Decision:
        """Lead among the processes that share the store, too, or wait for the one that does.

        It waits until the answer is there, the lease has run out, or *deadline*. A process that
        waited in vain proceeds, and so do the others: one after the other would take long.
        """
        key, landings = trip.request.key, self._landings
        token, pause, waited = f"{uuid4().hex} {this_process()}", 0.01, False
        known = None if decision.stored is None else decision.stored.generated_at
        deadline = min(deadline, time.monotonic() + LEASE_SECONDS)
        try:
            while True:
                since = 0 if landings is None else landings.landed(key)
                done = shared.lease(key, token, LEASE_SECONDS)
                if done and not waited and landings is None:
                    break
                again = self._decide_again(trip, "failed")
                if again.stored is not None and again.stored.generated_at != known:
                    again = self._decide_again(trip)
                if done and not waited and not self._is_there(again):
                    # Nothing has come since the look-up: to look again is cheap here.
                    decision = decision if again.forward is None else again
                    break
                if done:
                    self._keeper.release(key, token)
                if again.forward is None:
                    trip.land("kept")
                if again.forward is None or done or time.monotonic() >= deadline:
                    return again
                if landings is None:
                    time.sleep(pause)
                else:
                    landings.wait(key, since, _LOOKING)
                pause, waited = min(2 * pause, _LONGEST_PAUSE), True
        except Exception:
            self._report("lease", "the store grants no lease: no request waits for another process")
            return decision
        trip.fill = trip.fill._replace(lease=token)

        def landed() -> None:
            trip.fill = trip.fill._replace(lease="")
            self._keeper.release(key, token)

        flight.landed = landed
        return decision
