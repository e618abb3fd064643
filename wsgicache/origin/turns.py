"""Who asks the origin where several want the same (RFC 9111 §4): one leads, in this process and
among those that share its store; the others wait, and then decide again."""

from __future__ import annotations

import time
from uuid import uuid4

from wsgicache.keeper import Keeper
from wsgicache.origin.flights import Alone, Flight, Flights
from wsgicache.rules.model import Decision
from wsgicache.rules.request import Outcome, Request
from wsgicache.rules.reuse import collapse_key, decide_again, stood_in
from wsgicache.stores import SharedStore

LEASE_SECONDS = 3.0
"""How long a process may keep others waiting for its answer, alive or dead."""

_LOOKED_AFTER: tuple[Outcome, ...] = ("kept", "failed", "stood in")
"""How a flight ends after which those who waited for it decide again."""


class Leading:
    """The turns of one cache, whose way to its store is *keeper*."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.policy = keeper.policy
        self.clock = keeper.clock
        self.flights = Flights(keeper.policy.collapse_timeout, keeper.clock)
        self._shared = keeper.store if isinstance(keeper.store, SharedStore) else None

    def lead(self, request: Request, decision: Decision) -> Decision:
        """Lead a flight, or wait for the one ahead and decide again: twice at most, and no longer
        than the policy says. What goes forward then has a flight, which must be landed."""
        key = collapse_key(request, self.policy)
        refused = self.flights.refused(key, request.looked_up_at)
        if refused is not None:
            request.flight, request.too_large = refused, refused.why == "too-large"
            return decision
        deadline = time.monotonic() + self.policy.collapse_timeout
        for _ in range(2):
            if decision.detail and self.flights.failing(key, request.looked_up_at):
                break  # The store fails, and goes on: what one gets no other would find.
            flight, leads = self.flights.board(key, request.looked_up_at)
            if flight is None:
                break
            if leads:
                request.flight = flight
                if self.flights.landed_since(key, request.began):
                    again = self.decide_again(request)
                    if again.forward is None:
                        request.land("kept")
                        return again
                if self._shared is None:
                    return decision
                return self.elect(request, decision, flight, self._shared, deadline)
            outcome = self.flights.wait(flight, deadline - time.monotonic())
            if outcome not in _LOOKED_AFTER:
                break
            decision = self.decide_again(request, outcome)
            if outcome == "stood in":
                decision = stood_in(request, decision, self.clock.now(), flight.code, self.policy)
            if decision.forward is None:
                return decision
            key = collapse_key(request, self.policy)
        request.looked_up_at = now = self.clock.now()
        alone = self.flights.refused(key, now) or Alone(self.flights, key)
        request.flight, request.too_large = alone, alone.why == "too-large"
        return decision

    def decide_again(self, request: Request, outcome: Outcome = "kept") -> Decision:
        """Look up and decide anew, for a request that has waited for what had that *outcome*."""
        now = self.clock.now()
        entry = self.keeper.entry(request)
        self.keeper.begin(request, entry, now)
        return decide_again(request, entry, now, self.policy, outcome == "kept")

    def elect(
        self,
        request: Request,
        decision: Decision,
        flight: Flight,
        shared: SharedStore,
        deadline: float,
    ) -> Decision:
        """Lead among the processes that share the store, too; or wait for the one that does, until
        its answer is there, its lease has run out, or *deadline*. Who has waited for nothing goes
        on at once, and the others with him: one after the other would take long."""
        token, pause, waited = uuid4().hex, 0.01, False
        known = None if decision.stored is None else decision.stored.generated_at
        deadline = min(deadline, time.monotonic() + LEASE_SECONDS)
        try:
            while True:
                done = shared.lease(request.key, token, LEASE_SECONDS)
                if done and not waited:
                    break
                again = self.decide_again(request, "failed")
                if again.stored is not None and again.stored.generated_at != known:
                    again = self.decide_again(request)
                if done:
                    self.keeper.release(request.key, token)
                if again.forward is None:
                    request.land("kept")
                if again.forward is None or done or time.monotonic() >= deadline:
                    return again
                time.sleep(pause)
                pause, waited = min(2 * pause, 0.1), True
        except Exception:
            self.keeper.report("lease", "no lease to be had from the store: nobody is waited for")
            return decision
        flight.landed = lambda: self.keeper.release(request.key, token)
        return decision
