"""Add up what processes have counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from wsgicache.observe.counting import MOST_ROUTES, OTHER, Part
from wsgicache.observe.stats import SPANS, Asked, Holding, Rate, Requests, RouteRates, Stats
from wsgicache.observe.windows import MEASURES

__all__ = ["summed"]

_LABELS = 5
"""The first items of a row: outcome, forward, detail, status and route."""
_MOST_ASKED = 100


def summed(parts: Sequence[Part], store: Holding, now: float, processes: int) -> Stats:
    """Return the sum of *parts* at the time *now*, with what the *store* holds."""
    rows: dict[tuple[Any, ...], list[Any]] = {}
    windows: dict[str, list[float]] = {}
    asked: dict[str, list[Any]] = {}
    purges: dict[str, int] = {}
    for part in parts:
        for labels, sums in _rows(part):
            _add(rows, _within(rows, windows, labels), sums)
        for route, found in _recent(part, now):
            _add(windows, route if route in windows or len(windows) < MOST_ROUTES else OTHER, found)
        for url, count, error, *what in part["asked"]:
            known = asked.get(url, (0, 0))
            asked[url] = [known[0] + count, known[1] + error, *what]
        for kind, count in part["purges"].items():
            purges[kind] = purges.get(kind, 0) + count
    every = [0.0] * (MEASURES * len(SPANS))
    for found in windows.values():
        every = [one + other for one, other in zip(every, found, strict=True)]
    often = sorted(asked.items(), key=lambda one: -one[1][0])[:_MOST_ASKED]
    frequent = sorted(rows.items(), key=lambda one: -one[1][0])
    validations = [sum(found) for found in zip(*(p["validations"] for p in parts), strict=True)]
    return Stats(
        since=min((part["since"] for part in parts), default=now),
        processes=processes,
        requests=tuple(Requests(*labels, *sums) for labels, sums in frequent),
        rates=_rates(every),
        routes=tuple(RouteRates(route, _rates(found)) for route, found in sorted(windows.items())),
        asked=tuple(Asked(url, *found) for url, found in often),
        validations=int(validations[0]) if validations else 0,
        validation_failures=int(validations[1]) if validations else 0,
        validation_seconds=validations[2] if validations else 0.0,
        purges=MappingProxyType(purges),
        store_errors=sum(part["errors"] for part in parts),
        store=store,
    )


def _rows(part: Part) -> Iterable[tuple[tuple[Any, ...], list[Any]]]:
    for row in part["rows"]:
        yield tuple(row[:_LABELS]), row[_LABELS:]


def _within(
    rows: dict[tuple[Any, ...], list[Any]], routes: dict[str, list[float]], labels: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Return *labels*, of the route `OTHER` if there are too many routes."""
    route = labels[-1]
    if route not in routes:
        if len(routes) >= MOST_ROUTES:
            return *labels[:-1], OTHER
        routes[route] = [0.0] * (MEASURES * len(SPANS))
    return labels


def _recent(part: Part, now: float) -> Iterable[tuple[str, list[float]]]:
    """Yield the windows of *part* by route; those that have ended since are empty."""
    past = now - part["at"]
    for route, sums in part["rates"].items():
        yield (
            route,
            [
                0.0 if past > SPANS[place // MEASURES] else measure
                for place, measure in enumerate(sums)
            ],
        )


def _add(into: dict[Any, list[Any]], what: object, sums: list[Any]) -> None:
    known = into.get(what)
    into[what] = sums if known is None else [a + b for a, b in zip(known, sums, strict=True)]


def _rates(sums: Sequence[float]) -> tuple[Rate, ...]:
    found: list[Rate] = []
    for place, seconds in enumerate(SPANS):
        requests, hits, spent, saved = sums[place * MEASURES : (place + 1) * MEASURES]
        # Sums that forget may be a little beside zero.
        ratio = min(hits / requests, 1.0) if requests > 1e-9 else 0.0
        found.append(Rate(seconds, requests / seconds, ratio, spent / seconds, saved / seconds))
    return tuple(found)
