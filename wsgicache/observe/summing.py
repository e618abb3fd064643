"""Add up what processes have counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from wsgicache.observe.counting import MOST_ROWS, Part
from wsgicache.observe.rows import MOST_ROUTES, OTHER
from wsgicache.observe.stats import (
    HELD,
    SPANS,
    Asked,
    Held,
    Holding,
    Interval,
    Rate,
    Requests,
    RouteRates,
    Stats,
)
from wsgicache.observe.windows import INTERVAL, INTERVALS, MEASURES

__all__ = ["NOTHING", "ended", "merged", "summed"]

_LABELS = 5
"""The first items of a row: outcome, forward, detail, status and route."""
_MOST_ASKED = 100
_GRAINS = 2**20
"""Grains of a second."""
_NEVER = 1e12
"""Later than all counting begins."""


NOTHING: Part = {
    "since": _NEVER,
    "at": 0.0,
    "rows": [],
    "rates": {},
    "history": [],
    "asked": [],
    "validations": [0, 0, 0.0],
    "purges": {},
    "errors": 0,
    "store": [0] * HELD,
    "held": {},
}
"""What has counted nothing."""


def ended(part: Part) -> Part:
    """Return what stays of *part* when its process has ended: no rates, and nothing in a store."""
    held = {route: [0, 0, evictions] for route, (*_, evictions) in part["held"].items()}
    return {**part, "rates": {}, "store": [0, 0, 0, 0, *part["store"][-2:]], "held": held}


def merged(parts: Sequence[Part], beside: Sequence[Part] = ()) -> Part:
    """Return the sum of *parts*.

    The same routes have rows of their own as in the sum of these and those *beside* them, in
    whatever order they are: no count of a route becomes less because another process was asked.
    """
    rows: dict[tuple[Any, ...], list[Any]] = {}
    rates: dict[str, list[Any]] = {}
    asked: dict[str, list[Any]] = {}
    history: dict[int, list[Any]] = {}
    purges: dict[str, int] = {}
    by_route: dict[str, list[int]] = {}
    routes: set[str] = {OTHER}
    # Where nothing comes, a clock that was wrong once may stay so.
    newest = max((part["at"] for part in parts if any(map(any, part["rates"].values()))), default=0)
    for part in sorted([*parts, *beside], key=_began):
        for row in part["rows"]:
            _within(routes, row[_LABELS - 1])
    for part in sorted(parts, key=_began):
        for row in part["rows"]:
            labels = (*row[: _LABELS - 1], _within(routes, row[_LABELS - 1]))
            if len(rows) >= MOST_ROWS and labels not in rows:
                labels = (*labels[:-1], OTHER)
            _add(rows, labels, row[_LABELS:])
        for route, sums in part["rates"].items():
            _add(rates, _within(routes, route), _recent(sums, newest - part["at"]))
        for at, *came in part["history"]:
            _add(history, at, came)
        for url, count, error, *what in part["asked"]:
            known = asked.get(url, (0, 0))
            asked[url] = [known[0] + count, known[1] + error, *what]
        for route, (entries, widest, evictions) in part["held"].items():
            route = _within(routes, route)
            one = by_route.get(route, [0, 0, 0])
            by_route[route] = [one[0] + entries, max(one[1], widest), one[2] + evictions]
        for kind, count in part["purges"].items():
            purges[kind] = purges.get(kind, 0) + count
    often = sorted(asked.items(), key=lambda one: -one[1][0])[:_MOST_ASKED]
    frequent = sorted(rows.items(), key=lambda one: -one[1][0])
    stores = [part["store"] for part in (NOTHING, *parts)]
    *held, widest, evictions, unused = zip(*stores, strict=True)
    validations = [0, 0, 0.0]
    for part in parts:
        validations = _sum(validations, part["validations"])
    return {
        "since": min((part["since"] for part in parts), default=_NEVER),
        "at": newest,
        "rows": [[*labels, *sums] for labels, sums in frequent],
        "rates": rates,
        "history": [[at, *history[at]] for at in sorted(history)[-INTERVALS - 1 :]],
        "asked": [[url, *found] for url, found in often],
        "validations": validations,
        "purges": purges,
        "errors": sum(part["errors"] for part in parts),
        "store": [*map(sum, held), max(widest), sum(evictions), sum(unused)],
        "held": by_route,
    }


def summed(parts: Sequence[Part], store: Holding, processes: int) -> Stats:
    """Return the sum of *parts*, which so many live *processes* count.

    A *store* that is not shared holds what the processes hold together.
    """
    part = merged(parts)
    every = [0.0] * (MEASURES * len(SPANS))
    for sums in part["rates"].values():
        every = [one + other for one, other in zip(every, sums, strict=True)]
    validations, failures, seconds = part["validations"]
    entries, held, budget, widest, evictions, unused = part["store"]
    if not store.is_shared and budget:
        store = replace(
            store,
            entries=entries,
            bytes=held,
            budget=budget,
            widest=widest,
            evictions=evictions,
            unused=unused,
            routes=tuple(Held(route, *of) for route, of in sorted(part["held"].items())),
        )
    return Stats(
        since=part["since"],
        processes=processes,
        requests=tuple(Requests(*row) for row in part["rows"]),
        rates=_rates(every),
        routes=tuple(RouteRates(route, _rates(s)) for route, s in sorted(part["rates"].items())),
        history=_intervals(part),
        asked=tuple(Asked(*found) for found in part["asked"]),
        validations=validations,
        validation_failures=failures,
        validation_seconds=seconds,
        purges=MappingProxyType(part["purges"]),
        store_errors=part["errors"],
        store=store,
    )


def _intervals(part: Part) -> tuple[Interval, ...]:
    """Return what came in each interval since the counting began; the last one has ended."""
    counts = {at: came for at, *came in part["history"]}
    end = int(part["at"] // INTERVAL)
    # Somebody may have set the wall clock since.
    begin = max(min([int(part["since"] // INTERVAL), *counts]), end - INTERVALS)
    return tuple(
        Interval(at * INTERVAL, INTERVAL, *counts.get(at, (0, 0))) for at in range(begin, end)
    )


def _within(routes: set[str], route: str) -> str:
    """Return *route*, or `OTHER` if there are too many *routes*."""
    if route not in routes:
        if len(routes) > MOST_ROUTES:
            return OTHER
        routes.add(route)
    return route


def _recent(sums: list[float], past: float) -> list[float]:
    """Return *sums* of windows, empty where the window has ended since, *past* seconds ago."""
    return [0.0 if past > SPANS[n // MEASURES] else one for n, one in enumerate(sums)]


def _began(part: Part) -> float:
    since: float = part["since"]
    return since


def _add(into: dict[Any, list[Any]], what: object, sums: list[Any]) -> None:
    into[what] = _sum(into.get(what, [0] * len(sums)), sums)


def _sum(known: list[Any], sums: list[Any]) -> list[Any]:
    """Return the sums of numbers, those with fractions in whole grains.

    Such sums are the same in any order, to the last bit: a counter that goes back by one bit would
    seem to have begun anew.
    """
    exact = (one if type(one) is int else round(one * _GRAINS) / _GRAINS for one in sums)
    return [one + other for one, other in zip(known, exact, strict=True)]


def _rates(sums: Sequence[float]) -> tuple[Rate, ...]:
    found: list[Rate] = []
    for place, seconds in enumerate(SPANS):
        requests, hits, spent, saved = sums[place * MEASURES : (place + 1) * MEASURES]
        # Sums that forget may be a little beside zero.
        ratio = min(hits / requests, 1.0) if requests > 1e-9 else 0.0
        found.append(Rate(seconds, requests / seconds, ratio, spent / seconds, saved / seconds))
    return tuple(found)
