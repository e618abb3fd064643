"""What each route comes to, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsgicache.observe.stats import Held, Rate, Requests, Stats

__all__ = ["RouteRow", "routes"]

_LIVE, _STEADY = 0, 1
"""The windows for what comes now, and for what one window of seconds is too short for."""
_NOTHING = 1e-9
"""Requests a second: sums that forget may be a little beside zero."""


@dataclass(frozen=True, slots=True)
class RouteRow:
    """What the requests of one route come to."""

    route: str
    count: int
    """All requests since the counting began."""
    hits: int
    """All hits."""
    requests: float
    """Requests a second, in the last 10 seconds."""
    hit_ratios: tuple[float | None, ...]
    """The part of requests that were hits in the last 10, 100 and 1,000 seconds; None without
    requests."""
    against: str | None
    """The commonest reason why the cache did not answer: the detail, else why it asked."""
    call_seconds: float | None
    """The seconds that the application takes for a call. None if it was not asked."""
    saved_a_minute: float
    """The seconds that hits save the application, a minute, in the last 100 seconds."""
    stored_bytes: int
    """The bytes of content that the cache sent."""
    application_bytes: int
    """The bytes of content that the application sent."""
    stale: int
    """How many requests got a stale response."""
    collapsed: int
    """How many requests got the answer to another one."""
    variants: int | None
    """The number of variants of the page that has most of them; None if the store does not say."""
    evicted: int | None
    """How many pages have left the store to make room."""

    @property
    def hit_ratio(self) -> float:
        """The part of all requests that were hits."""
        return self.hits / (self.count or 1)


def routes(stats: Stats) -> tuple[RouteRow, ...]:
    """Return a row for each route of *stats*, the most frequent first."""
    rows: dict[str, list[Requests]] = {}
    for row in stats.requests:
        rows.setdefault(row.route, []).append(row)
    rates = {one.route: one.rates for one in stats.routes}
    held = {one.route: one for one in stats.store.routes}
    found = [_row(route, of, rates.get(route, ()), held) for route, of in rows.items()]
    return tuple(sorted(found, key=lambda one: (-one.count, one.route)))


def _row(
    route: str, rows: Sequence[Requests], rates: Sequence[Rate], held: Mapping[str, Held]
) -> RouteRow:
    """Return what the *rows* of one *route* come to."""
    hits = [row for row in rows if row.outcome == "hit"]
    reasons: dict[str, int] = {}
    for row in rows:
        reason = row.detail or row.forward
        if row.outcome != "hit" and reason:
            reasons[reason] = reasons.get(reason, 0) + row.count
    count, answered = sum(row.count for row in rows), sum(row.count for row in hits)
    asked = count - answered
    ratios = [rate.hit_ratio if rate.requests > _NOTHING else None for rate in rates]
    return RouteRow(
        route=route,
        count=count,
        hits=answered,
        requests=max(rates[_LIVE].requests, 0.0) if rates else 0.0,
        hit_ratios=tuple(ratios),
        against=max(reasons, key=lambda reason: reasons[reason]) if reasons else None,
        call_seconds=sum(row.spent_seconds for row in rows) / asked if asked else None,
        saved_a_minute=max(60 * rates[_STEADY].saved_seconds, 0.0) if rates else 0.0,
        stored_bytes=sum(row.stored_bytes for row in rows),
        application_bytes=sum(row.application_bytes for row in rows),
        stale=sum(row.stale for row in rows),
        collapsed=sum(row.count for row in hits if row.forward),
        variants=held[route].widest if route in held else 0 if held else None,
        evicted=held[route].evictions if route in held else 0 if held else None,
    )
