"""The walk of one request: hall, look up, decide, serve or forward, relay, keep; write through."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from wsgicache.arguments import check_parts, explained
from wsgicache.bodies import exhaust, leaving
from wsgicache.clock import SYSTEM_CLOCK, Clock
from wsgicache.controls.judging import Judge
from wsgicache.controls.matching import Routes
from wsgicache.controls.routes import Route
from wsgicache.frameworks import with_their_names
from wsgicache.keeper import Keeper
from wsgicache.observe.counting import Counting
from wsgicache.observe.watching import Observer, Watching
from wsgicache.operating import Operated, answer_purge, checked_token, files_of, holding_of
from wsgicache.origin.background import Background, Runner, to_nobody
from wsgicache.origin.bypass import Bypass
from wsgicache.origin.exchange import Origin
from wsgicache.origin.explaining import EXPLAIN, describe, reader
from wsgicache.origin.forward import Forward
from wsgicache.origin.heads import answer_head
from wsgicache.origin.telling import tell_of_reuse
from wsgicache.origin.trip import Reuse, Trip
from wsgicache.origin.turns import Turns
from wsgicache.purging import Purging
from wsgicache.reporting import Reporter
from wsgicache.rules import conditional
from wsgicache.rules.answering import refused_fields, reused_lines, with_own
from wsgicache.rules.collapsing import collapsing
from wsgicache.rules.model import UNAGED, URI_MISS, CacheEntry, Decision
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request, as_get, is_safe, read
from wsgicache.rules.reuse import UNMARKED, decide, forwarded, goes_as_get
from wsgicache.rules.variants import select
from wsgicache.stores.memory import MemoryStore
from wsgicache.switch import OffFile, off_at_start

__all__ = ["CacheMiddleware"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgicache.stores import Store


class CacheMiddleware(Operated):
    """A shared HTTP cache (RFC 9111) in front of a WSGI application.

    *store* keeps the pages (default: a new `MemoryStore`). *policy* holds the operator's choices
    (default: the safe `Policy()`), *routes* those for single places. *clock* gives the time.
    *runner* runs the `Job` of a background validation (default: a few threads). A client that knows
    the *purge_token* may use PURGE. *counters* is a folder in which all processes count together
    (default: beside an ``lmdb://`` store). *observer* gets an `Observation` of each request, before
    it is answered. Raises TypeError or ValueError.
    """

    @explained()
    def __init__(
        self,
        app: WSGIApplication,
        *,
        store: Store | None = None,
        policy: Policy | None = None,
        clock: Clock | None = None,
        runner: Runner | None = None,
        routes: Iterable[Route] = (),
        purge_token: str | None = None,
        counters: str | os.PathLike[str] | None = None,
        observer: Observer | None = None,
    ) -> None:
        check_parts(app, store, policy, clock, runner)
        self.app = app
        self.store: Store = MemoryStore() if store is None else store
        self.policy = with_their_names(Policy() if policy is None else policy, app)
        self.clock: Clock = SYSTEM_CLOCK if clock is None else clock
        self.enabled = not off_at_start()
        """Whether the cache is on. While it is False, every request passes by."""
        self._off_file = OffFile(self.policy.off_file) if self.policy.off_file else None
        self._purge_token = checked_token(purge_token)
        self._counting = Counting(self.clock, partial(holding_of, self.store, alone=True))
        self._report = Reporter(self.clock, self._counting.failed)
        self._counting.watching = Watching(observer, self._report)
        self._files = files_of(counters, self.store, self._counting, self._report)
        self._routes = Routes(routes, self.policy)
        judge = Judge(self.policy, self._routes, self.clock, self._report)
        self._keeper = Keeper(self.store, self.policy, self._report, judge)
        self._entries = self._keeper.entries
        self._searches = self._keeper.equivalents.searches
        common = self._routes, self.policy, self.clock, self._report, self._counting
        self._origin = Origin(app, self._keeper, *common)
        self._bypass = partial(Bypass, self._origin)
        self._turns = Turns(self._origin)
        self._flights = self._turns.flights
        self._background = Background(self._validate, runner, self.clock, self._report, self.policy)
        after = self._origin.forget, self._counting
        self._purging = Purging(self.store, self.clock, self._routes.key, *after)
        self._read = reader(self._routes, self.policy)

    # ── 1 hall, 2 look up, 3 decide ────────────────────────────────────────────────────────────

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request from the store, or let the app answer it (PEP 3333)."""
        method = environ.get("REQUEST_METHOD", "")
        if not self.enabled or (self._off_file is not None and self._off_file.is_there()):
            if method == "PURGE" and self._purge_token is not None:
                return self._write_through(environ, method, start_response)
            # Outdated responses must not return when the cache is on again.
            off, unsafe = "fwd=bypass; detail=off", not is_safe(method)
            return self._bypass(environ, start_response, off, unsafe=unsafe, whole=True).ask()
        if method != "GET" and method != "HEAD":
            return self._write_through(environ, method, start_response)
        try:
            request = self._read(environ, method, self.policy)
        except Exception:
            self._report("request", "a request that could not be read passed by the cache")
            request = "request"
        if isinstance(request, str):
            if request == EXPLAIN:
                return describe(self.explain, self._report, self._counting, environ, start_response)
            why = f"fwd=bypass; detail={request}"
            return self._bypass(environ, start_response, why, whole=request == "bypass").ask()
        now = self.clock.now()
        try:
            entry = self._entries.get(request.key)
            decision = decide(request, entry, now, self.policy)
        except Exception:
            self._report("store", "looking up in the store failed: the app answers")
            entry = None
            decision = forwarded(request, replace(URI_MISS, detail="store-error"))
        if decision.forward is None:
            if entry is None or not decision.background:
                return self._serve(request, decision, now, start_response)
            decision = self._reuse_or_validate(request, entry, decision, now)
            if decision.forward is None:
                return self._serve(request, decision, now, start_response)
        elif decision is URI_MISS and self._searches():
            entry, decision = self._keeper.equivalents.decided(request, entry, now)
            if entry is not None and decision.background:
                decision = self._reuse_or_validate(request, entry, decision, now)
            if decision.forward is None:
                return self._serve(request, decision, now, start_response)
        if method == "HEAD" and goes_as_get(request, decision, self.policy):
            trip = self._trip(as_get(request), decision, entry, now)
            return answer_head(self._origin, request, trip, self._forward, start_response)
        return self._forward(self._trip(request, decision, entry, now), start_response)

    def _reuse_or_validate(
        self, request: Request, entry: CacheEntry, decision: Decision, now: float
    ) -> Decision:
        """Decide again if cookies may have written, or if a validation has to start."""
        if decision.detail == UNMARKED:
            self._keeper.note_mark(request)
            decision = decide(request, entry, now, self.policy)
            if not decision.background:
                return decision
        validating = (
            decision.stored is not None
            and self._routes.lets_nobody_ask(request, decision.stored)
            and self._background.start(request, entry, decision)
        )
        if validating or decision.is_fresh(now):
            return decision
        return forwarded(request, replace(decision, forward="stale", background=False))

    # ── 4 serve ────────────────────────────────────────────────────────────────────────────────

    def _serve(
        self,
        request: Request,
        decision: Decision,
        now: float,
        start_response: StartResponse,
        trip: Trip | None = None,
        reuse: Reuse | None = None,
    ) -> Iterable[bytes]:
        """Answer from the cache, with Age (§4) and Cache-Status (RFC 9211), and count that.

        If the app was asked, or was to be asked, on a *trip*, *reuse* says what came of that.
        """
        stored = decision.stored
        if stored is None:
            if request.target is None and self._searches():  # only-if-cached (§5.2.1.7)
                _, decision = self._keeper.equivalents.decided(request, None, now)
                if decision.stored is not None and not decision.background:
                    return self._serve(request, decision, now, start_response)
            status, fields = "504 Gateway Timeout", refused_fields(self.policy)
            tell_of_reuse(self._counting, request, None, status, fields, now, reuse, trip)
            start_response(status, fields)
            return ()
        status, fields, is_plain = stored.status, stored.fields, False
        ranges: conditional.Ranges | None = None
        if request.conditional:
            if conditional.not_modified(request, stored, now):
                status = conditional.NOT_MODIFIED
                if not stored.not_modified:
                    stored.not_modified = conditional.not_modified_fields(stored)
                fields = stored.not_modified
            else:
                ranges = conditional.wanted_ranges(request, stored, self.policy)
        # PERF: granian sends a list at once; it streams anything else, for 1.2 µs in Python alone.
        body: Iterable[bytes] = []
        if request.method == "GET" and fields is stored.fields:
            if ranges is None and stored.at_once is not None:
                body, is_plain = [stored.at_once], True
            elif (pieces := self._keeper.content(stored)) is None:
                # Evicted since the look-up: a miss.
                decision = forwarded(request, URI_MISS)
                if decision.forward is None:
                    return self._serve(request, decision, now, start_response)
                again = self._trip(request, decision, None, self.clock.now())
                again.count = again.count if trip is None else trip.count
                return self._forward(again, start_response)
            else:
                is_plain = ranges is None
                if ranges is not None:
                    status, fields, pieces = conditional.ranged(stored, pieces, ranges)
                body = leaving(pieces, request.environ)
        until, lines, uses = stored.aged
        if now >= until or reuse is not None:
            seconds = max(0, int(now - stored.generated_at))
            said = None if reuse is None else reuse.cache_status
            lines = reused_lines(stored, seconds, said, self.policy)
            if reuse is None and not self._counting.is_watched():
                uses = self._counting.uses(request, stored, seconds)
                stored.aged = stored.generated_at + seconds + 1, lines, uses
            else:
                uses, is_plain = UNAGED[2], False
        if is_plain:
            next(uses)
        elif uses is not UNAGED[2] and not body:
            self._counting.without_content(request, stored, status)
        else:
            tell_of_reuse(self._counting, request, stored, status, fields, now, reuse, trip)
            if reuse is not None and reuse.more:
                fields, lines = with_own(fields + lines, reuse.more), []
        start_response(status, fields + lines)
        return body

    # ── 5 forward ──────────────────────────────────────────────────────────────────────────────

    def _trip(
        self, request: Request, decision: Decision, entry: CacheEntry | None, now: float
    ) -> Trip:
        """Return the trip to the app of a *request* for which *entry* was found at *now*."""
        trip = Trip(request, decision, self._counting.count)
        trip.begin(entry, now, self._keeper.fill(request, entry, now))
        if request.conditional and self._origin.wholes.are_asked_for(request, decision):
            trip.widen()
        return trip

    def _forward(self, trip: Trip, start_response: StartResponse) -> Iterable[bytes]:
        """Wait for another request on its way for the same (§4), or ask the origin."""
        request = trip.wanted or trip.request
        try:
            if part := collapsing(trip.request, trip.decision, self.policy):
                why, trip.decision = trip.decision.forward, self._turns.take(trip, part)
                if trip.decision.forward is None:
                    to_go = replace(trip.decision, forward=why)
                    waited = Reuse(to_go, f"fwd={why}; collapsed", [], "hit")
                    now = self.clock.now()
                    return self._serve(request, trip.decision, now, start_response, trip, waited)
            if self._purging.origin is None:
                self._purging.note_first(request)
            answer = Forward(self._origin, trip, start_response).ask()
        except BaseException:
            trip.fail(self.clock.now())
            raise
        if not isinstance(answer, Reuse):
            return answer
        return self._serve(request, answer.decision, self.clock.now(), start_response, trip, answer)

    # ── W write through, and what passes by ────────────────────────────────────────────────────

    def _write_through(
        self, environ: WSGIEnvironment, method: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Forward an uncacheable method; a success invalidates what it changed (§4, §4.4)."""
        bypass, safe = partial(self._bypass, environ, start_response), is_safe(method)
        if self._routes.are_early and self._routes.matching(environ).early.exempt:
            return bypass("fwd=bypass; detail=exempt", unsafe=not safe).ask()
        if safe:
            return bypass("fwd=method").ask()
        if method == "PURGE" and self._purge_token is not None:
            return answer_purge(self, self._purge_token, environ, start_response)
        if method == "POST" and self.policy.store_post:
            try:
                request = read(environ, method, self.policy)
                filed = self._routes.key_of_post(environ)
            except Exception:  # nothing is filed under an environ that cannot be read
                request, filed = "request", None
            if isinstance(request, Request) and request.key == filed:
                entry = self._keeper.entry(request)
                trip = self._trip(request, Decision("method"), entry, self.clock.now())
                return self._forward(trip, start_response)
        return bypass("fwd=method", unsafe=True).ask()

    # ── background validation (RFC 5861 §3) ────────────────────────────────────────────────────

    def _validate(self, environ: WSGIEnvironment) -> None:
        """Ask the app on behalf of no client, and store its answer. Raises no Exception."""
        if not self.enabled or (self._off_file is not None and self._off_file.is_there()):
            return
        try:
            request = self._read(environ, "GET", self.policy)
            if isinstance(request, str):
                return
            entry = self._keeper.equivalents.found(request, self._entries.get(request.key))
            now = self.clock.now()
            stored = None if entry is None else select(request, entry, self.policy)
            trip = self._trip(request, Decision("stale", stored), entry, now)
            trip.background, trip.count = True, self._counting.validated
            exhaust(self._forward(trip, to_nobody))
        except Exception:
            self._report("background", "a background validation failed")
