"""What counters come to by route."""

from __future__ import annotations

from typing import Any

import pytest

from wsgicache.observe.stats import Holding
from wsgicache.observe.summing import NOTHING, summed
from wsgicache.observe.table import RouteRow, routes

Counted = tuple[str, str | None, str | None, int, float, int, int, int]
"""Outcome, forward, detail, count, seconds spent, bytes by the cache, by the app, stale."""

MISS: Counted = ("stored", "uri-miss", None, 2, 1.0, 0, 20, 0)
HITS: Counted = ("hit", None, None, 6, 0.0, 60, 0, 5)
NEW: Counted = ("hit", "stale", None, 1, 0.0, 10, 0, 0)
COOKIE: Counted = ("refused", "uri-miss", "vary-cookie", 3, 0.5, 0, 30, 0)
POST: Counted = ("bypass", "method", None, 3, 0.0, 0, 3, 0)
TABLE: list[tuple[list[Counted], dict[str, Any]]] = [
    ([MISS], {"count": 2, "hits": 0, "against": "uri-miss", "call_seconds": 0.5}),
    ([HITS], {"count": 6, "hits": 6, "against": None, "call_seconds": None, "hit_ratio": 1.0}),
    ([HITS, MISS], {"count": 8, "call_seconds": 0.5, "hit_ratio": 0.75, "against": "uri-miss"}),
    ([HITS, NEW], {"collapsed": 1, "stale": 5, "against": None, "stored_bytes": 70}),
    ([MISS, COOKIE], {"collapsed": 0, "against": "vary-cookie", "call_seconds": 0.3}),
    ([COOKIE, MISS, (*MISS[:3], 2, *MISS[4:])], {"against": "uri-miss", "application_bytes": 70}),
    ([POST], {"against": "method", "call_seconds": 0.0}),
]


def rows_of(counted: list[Counted], rates: list[float] | None = None) -> tuple[RouteRow, ...]:
    rows = [
        [outcome, forward, detail, status, "/a", count, spent, 0.0, stored, app, stale]
        for status, (outcome, forward, detail, count, spent, stored, app, stale) in zip(
            ("2xx", "3xx", "4xx"), counted, strict=False
        )
    ]
    part = {**NOTHING, "rows": rows, "rates": {} if rates is None else {"/a": rates}}
    return routes(summed([part], Holding(), 1))


@pytest.mark.parametrize(("counted", "expected"), TABLE)
def test_what_a_route_comes_to(counted: list[Counted], expected: dict[str, Any]) -> None:
    (row,) = rows_of(counted)
    assert {name: getattr(row, name) for name in expected} == expected
    assert (row.requests, row.hit_ratios, row.saved_a_minute) == (0, (), 0)


def test_what_comes_now() -> None:
    """Requests, hits, seconds spent and saved, in each window."""
    (row,) = rows_of([HITS], [0, 0, 0, 0, 50, 25, 1, 100, 1000, 900, 2, 3])
    assert (row.requests, row.hit_ratios, row.saved_a_minute) == (0, (None, 0.5, 0.9), 60)
    (row,) = rows_of([HITS], [5, 5, 0, 0, 5, 5, 0, 0, 5, 5, 0, 0])
    assert (row.requests, row.hit_ratios) == (0.5, (1, 1, 1))
    (row,) = rows_of([HITS], [-1e-12] * 12)  # sums that forget
    assert (row.requests, row.hit_ratios, row.saved_a_minute) == (0, (None, None, None), 0)


def test_the_most_frequent_route_is_first() -> None:
    said = [["hit", None, None, "2xx", route, n, 0, 0, 0, 0, 0] for route, n in ROUTES]
    stats = summed([{**NOTHING, "rows": said}], Holding(), 1)
    assert [row.route for row in routes(stats)] == ["/most", "/a", "/b"]


ROUTES = [("/b", 1), ("/most", 2), ("/a", 1)]
