"""Count what requests come to, in one process.

A plain hit only advances a counter of its stored response. The row that the response belongs to
takes its count, its bytes and its seconds over later: when somebody asks, or once a second while
requests come. Any other request is only noted in a list, whose notes go into the rows then, or
when there are many.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from sys import getrefcount
from time import perf_counter
from typing import Any

from wsgicache import forks
from wsgicache.clock import Clock
from wsgicache.observe.frequent import Frequent
from wsgicache.observe.rows import MOST_ROUTES, OTHER, Labels, Row, Uses, path_head, usual
from wsgicache.observe.stats import Holding, Told
from wsgicache.observe.watching import Watching
from wsgicache.observe.windows import History, Windows
from wsgicache.rules.keys import Key, url_of
from wsgicache.rules.model import NEVER, StoredResponse
from wsgicache.rules.request import Request

__all__ = ["MOST_NOTED", "MOST_ROWS", "Counting", "Part"]

Part = dict[str, Any]
"""What one process has counted, as JSON has it."""

MOST_ROWS = 3_000
"""Most rows; after them only those of the route `OTHER` are new."""
_MOST_URLS = 128
"""URLs that are kept of those for which the app is asked most often."""
_NEW_COUNTERS = 1024
"""New counters after which those of responses that are gone leave."""
_HELD_SECONDS = 5.0
"""Seconds after which a store is asked again what it holds."""
_REST = 100
"""How many times as long as that took nobody asks again."""
MOST_NOTED, _LONG_URL = 128, 1024
"""Requests after which, or after one with a long URL, what was noted goes into the rows."""


def _ours() -> int:
    """Return how many references a list and a variable count as; interpreters differ in that."""
    for one in [object()]:
        return getrefcount(one)
    raise AssertionError


_OURS = _ours()
"""References to a counter whose response is gone."""


class Counting:
    """The counters of one cache in this process. They never raise."""

    def __init__(self, clock: Clock, holding: Callable[[], Holding] = Holding) -> None:
        self._clock = clock
        self._holding = holding
        self.watching: Watching | None = None
        """Who wants to know of each request."""
        self._noted: list[Told] = []
        self.noticed: Callable[[], object] = lambda: None
        """What is called each second while requests come, and after purges and validations."""
        self._rows: dict[Labels, Row] = {}
        self._routes: dict[str, Windows] = {}
        self._uses: list[Uses] = []
        self._new = 0
        self.begin_in_child()
        forks.renew(self)

    def begin_in_child(self) -> None:
        """Count from zero: the parent goes on with what it has counted."""
        self._lock = threading.Lock()
        self._noted.clear()
        for uses in self._uses:
            uses.seen = next(uses) + 1
        for row in self._rows.values():
            row.begin()
        self._routes = {route: Windows() for route in self._routes}
        self._history = History()
        self._asked: Frequent[Key, Told] = Frequent(_MOST_URLS)
        self._validations = self._failures = 0
        self._validating = 0.0
        self.purges: dict[str, int] = {}
        self.errors = 0
        self.since = self._clock.wall()
        self._ticked = NEVER
        self._held: tuple[float, float, Part] = (NEVER, 0.0, {})

    # ── counting ───────────────────────────────────────────────────────────────────────────────

    def is_watched(self) -> bool:
        """Return whether somebody wants to know of each request, so that none only counts."""
        return self.watching is not None and self.watching.is_on()

    def uses(self, request: Request, stored: StoredResponse, age: int) -> Iterator[int]:
        """Return the counter for plain hits of *stored*, which is *age* whole seconds old."""
        is_stale = age >= stored.freshness_lifetime
        uses = stored.aged[2]
        if not isinstance(uses, Uses) or uses.is_stale is not is_stale:
            with self._lock:
                row = self._hits(request, stored, stored.status[:1])
                uses = self._counter(row, stored.length, stored.fill_seconds, is_stale)
        now = self._clock.now()
        if now - self._ticked >= 1:
            self._tick(now)
        return uses

    def without_content(self, request: Request, stored: StoredResponse, status: str) -> None:
        """Count a fresh hit of *stored*, answered with *status* and without content."""
        uses, first = stored.aged[2], status[:1]
        assert isinstance(uses, Uses)
        other = uses.others.get(first)
        if other is None:
            with self._lock:
                other = uses.others.get(first)
                if other is None:
                    row = self._hits(request, stored, first)
                    other = self._counter(row, 0, uses.saved, uses.is_stale)
                    uses.others[first] = other
        next(other)

    def count(self, told: Told, environ: Mapping[str, Any]) -> None:
        """Count the request in *environ*."""
        if told[4] - self._ticked >= 1:
            self._tick(told[4])  # first: this request comes after what it looks back on
        # PERF: only appends, for which the interpreter needs no lock.
        noted = self._noted
        noted.append(told)
        if (
            len(noted) >= MOST_NOTED
            or ((key := told[7]) and len(key[2]) + len(key[3]) + len(key[1]) > _LONG_URL)
        ) and self._lock.acquire(blocking=False):
            try:
                self._add_noted()
            finally:
                self._lock.release()
        watching = self.watching
        if watching is not None and watching.is_on():
            watching.tell(told, environ)

    def answered(self, forward: str, detail: str, status: str, environ: Mapping[str, Any]) -> None:
        """Count a request of an operator, which the cache has answered itself."""
        route = path_head("", environ.get("PATH_INFO", ""))
        now = self._clock.now()
        self.count(Told("bypass", forward, detail, status, now, route, "", None), environ)

    def add_to(self, told: Told, spent: float, app_bytes: int) -> None:
        """Add what the rest of the answer to a counted request took."""
        assert told.key is not None
        of = *told[:3], told.status[:1], told.route or path_head(told.mount, told.key[2])
        with self._lock:
            row = self._row(of)
            row.spent += spent
            row.app_bytes += app_bytes

    def validated(self, told: Told, environ: Mapping[str, Any]) -> None:
        """Count a validation in the background."""
        with self._lock:
            self._validations += 1
            self._validating += told.spent
            failed = told.outcome == "refused" and told.detail in (None, "raised")
            self._failures += failed or told.status[:1] == "5"
        self.noticed()

    def purged(self, kind: str) -> None:
        """Count a purge."""
        with self._lock:
            self.purges[kind] = self.purges.get(kind, 0) + 1
        self.noticed()

    def failed(self) -> None:
        """Count an error of the store."""
        with self._lock:
            self.errors += 1

    def _row(self, of: Labels) -> Row:
        """Return the row for such requests, under the lock."""
        return self._rows.get(of) or self._new_row(of)

    def _hits(self, request: Request, stored: StoredResponse, first: str) -> Row:
        """Return the row for hits of *stored* with that class of status, under the lock."""
        route = stored.route or path_head(request.environ.get("SCRIPT_NAME", ""), request.key[2])
        return self._row(("hit", None, None, first, route))

    def _new_row(self, of: Labels) -> Row:
        """Return a new row for such requests, if there is room for it."""
        if (short := usual(of)) != of:
            return self._row(short)
        outcome, forward, detail, first, route = of
        if route != OTHER and (
            len(self._rows) >= MOST_ROWS
            or (route not in self._routes and len(self._routes) >= MOST_ROUTES)
        ):
            return self._row((outcome, forward, detail, first, OTHER))
        if route not in self._routes:
            self._routes[route] = Windows()
        row = self._rows[of] = Row(of)
        return row

    def _counter(self, row: Row, length: int, saved: float, is_stale: bool) -> Uses:
        """Return a new counter, under the lock."""
        uses = Uses()
        uses.begin(row, length, saved, is_stale)
        self._uses.append(uses)
        self._new += 1
        if self._new > _NEW_COUNTERS:
            self._take_over()
        return uses

    def _add_noted(self) -> None:
        """Give the rows the requests that were noted, under the lock."""
        noted, rows, asked = self._noted, self._rows, self._asked.add
        while taken := noted[:MOST_NOTED]:
            del noted[: len(taken)]  # others append meanwhile
            for told in taken:
                outcome, forward, detail, status, _, route, mount, key, spent, size, served = told
                if not route and key is not None:
                    route = path_head(mount, key[2])
                of = outcome, forward, detail, status[:1], route
                row = rows.get(of) or self._new_row(of)
                row.count += 1
                row.spent += spent
                row.app_bytes += size
                if served is not None:
                    row.saved += served.saved
                    row.stored_bytes += served.bytes
                    row.stale += served.ttl <= 0
                if forward and key and outcome != "hit" and len(key[2]) + len(key[3]) < _LONG_URL:
                    asked(key, told)

    # ── taking over ────────────────────────────────────────────────────────────────────────────

    def _take_over(self) -> None:
        """Give the rows what the counters have, and forget counters whose responses are gone."""
        kept: list[Uses] = []
        for uses in self._uses:
            is_gone = getrefcount(uses) <= _OURS  # asked first: nobody can advance it afterwards
            reached = next(uses)
            used = reached - uses.seen
            if used:
                row = uses.row
                row.count += used
                row.saved += used * uses.saved
                row.stored_bytes += used * uses.length
                row.stale += used if uses.is_stale else 0
            if not is_gone:
                uses.seen = reached + 1
                kept.append(uses)
        self._uses, self._new = kept, 0

    def _tick(self, now: float) -> None:
        """Once a second while requests come: note what came in the last second."""
        if self._lock.acquire(blocking=False):
            try:
                self._pass_on(now)
            finally:
                self._lock.release()
            self.noticed()

    def _pass_on(self, now: float) -> None:
        """Give the windows what the rows have.

        A counter looks here at least once a second while it advances. So what came after the last
        time came soon after it.
        """
        self._take_over()
        self._add_noted()
        at = now if self._ticked == NEVER else min(now, self._ticked + 1)
        for row in self._rows.values():
            if measures := row.newly():
                self._routes[row.of[4]].add(at, measures)
                self._history.add(at, measures)
        self._ticked = now

    def _store(self, now: float, exact: bool) -> Part:
        """Return what the store of this process holds, now or a while ago.

        A store may have to look at all of its entries for that.
        """
        at, took, held = self._held
        if exact or now - at >= max(_HELD_SECONDS, _REST * took):
            began = perf_counter()
            one = self._holding()
            sizes = one.entries, one.bytes, one.budget, one.widest, one.evictions, one.unused
            held = {
                "store": [0 if one.is_shared else size or 0 for size in sizes],
                "held": {of.route: [of.entries, of.widest, of.evictions] for of in one.routes},
            }
            self._held = now, perf_counter() - began, held
        return held

    def part(self, exact: bool = False) -> Part:
        """Return what this process has counted, and what its store holds, perhaps *exact*ly."""
        held = self._store(self._clock.now(), exact)
        now, wall = self._clock.now(), self._clock.wall()
        with self._lock:
            self._pass_on(now)
            return {
                "since": self.since,
                "at": wall,
                "rows": [row.as_json() for row in self._rows.values() if row.count],
                "rates": {route: windows.sums(now) for route, windows in self._routes.items()},
                "history": self._history.counts(now, wall),
                "asked": [
                    [url_of(key), times, error, *told[:3]]
                    for key, times, error, told in self._asked.most_frequent()
                ],
                "validations": [self._validations, self._failures, self._validating],
                "purges": dict(self.purges),
                "errors": self.errors,
                **held,
            }
