"""The nouns of counting: what one request came to, and what all of them came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from wsgicache.rules.keys import Key

__all__ = [
    "HELD", "OF_ROUTE", "SPANS", "Asked", "Held", "Holding", "Interval", "Rate", "Requests",
    "RouteRates", "Served", "Stats", "Told",
]  # fmt: skip

SPANS = (10, 100, 1000)
"""The seconds over which rates are measured."""
HELD = 6
"""What a part says of a store: entries, bytes, budget, variants of the widest entry, evictions, and
how many of them nobody had asked for again."""
OF_ROUTE = 3
"""What a part says of what a store holds for a route: entries, variants, evictions."""


class Served(NamedTuple):
    """What the cache sends from its store."""

    saved: float
    """The seconds that the app would have taken: those of the fill that answers."""
    bytes: int
    """The bytes of content."""
    age: float
    ttl: float
    """The seconds that it stays fresh; at zero or below it is stale."""


class Told(NamedTuple):
    """What one request came to."""

    outcome: str
    """``hit``, ``validated``, ``stored``, ``refused`` or ``bypass``."""
    forward: str | None
    """Why the app was asked, or was to be asked, in the words of Cache-Status."""
    detail: str | None
    """Why it was not stored, or passed by."""
    status: str
    """The status line that the client gets."""
    at: float
    """When, on the clock of the cache."""
    route: str
    """The pattern of the framework; empty if it does not say which one matched, and there is a
    *key*."""
    mount: str
    """Where the app is mounted: SCRIPT_NAME."""
    key: Key | None
    """What the response is filed under, if the request was looked up."""
    spent: float = 0.0
    """The seconds that the app took."""
    app_bytes: int = 0
    """The bytes of content that the app sends, as far as they are known with the head."""
    served: Served | None = None
    """What the cache sends, if the app does not answer."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests that came to the same. Each request is in one of these rows."""

    outcome: str
    """``hit``, ``validated``, ``stored``, ``refused`` or ``bypass``, as `Explanation.outcome`."""
    forward: str | None
    """Why the application was asked, in the words of Cache-Status. None for a hit; a hit that has
    one waited for the answer to another request (``collapsed``)."""
    detail: str | None
    """Why the response was not stored, or the request passed by, in the words of Cache-Status."""
    status: str
    """The class of the status that clients got: ``2xx``, ``3xx``, ``4xx`` or ``5xx``."""
    route: str
    """The pattern of the framework, such as ``/items/<id>``, else the first segment of the path;
    ``other`` once there are 500."""
    count: int
    spent_seconds: float
    """The seconds that the application took until the head of its answer; of what is stored, until
    the end of the answer."""
    saved_seconds: float
    """The seconds that the application did not take: each hit counts those of its fill."""
    stored_bytes: int
    """The bytes of content that the cache sent."""
    application_bytes: int
    """The bytes of content that the application sent, if its head or the end of what is stored
    said how many."""
    stale: int
    """How many of them got a stale response."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What happened in the last *seconds*."""

    seconds: int
    requests: float
    """Requests a second."""
    hit_ratio: float
    """The part of them that were hits; 0 without requests."""
    spent_seconds: float
    """Seconds of the application, a second."""
    saved_seconds: float
    """Seconds that it did not take, a second."""


@dataclass(frozen=True, slots=True)
class RouteRates:
    """The rates of one route."""

    route: str
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """What came in some seconds of the past."""

    at: int
    """When they began, in seconds since the epoch."""
    seconds: int
    requests: int
    """The number of requests."""
    hits: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A URL for which the application was asked often."""

    url: str
    count: int
    """How often, or less often by *error* at most."""
    error: int
    outcome: str
    """What its last request came to; *forward* and *detail*, too."""
    forward: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """What a store holds for one route."""

    route: str
    entries: int
    widest: int
    """The number of variants of the entry that has most of them."""
    evictions: int


@dataclass(frozen=True, slots=True)
class Holding:
    """What a store holds, as far as it can tell."""

    entries: int | None = None
    bytes: int | None = None
    budget: int | None = None
    """The bytes that it may hold at most."""
    widest: int | None = None
    """The number of variants of the entry that has most of them."""
    evictions: int | None = None
    """How many entries have left to make room."""
    unused: int | None = None
    """How many of those left before anybody asked for them again."""
    routes: tuple[Held, ...] = ()
    """The same for each route, if the store is in memory."""
    is_shared: bool = False
    """Whether all processes share it."""
    is_open: bool = False
    """Whether its breaker is open: it, or one of its servers, is left alone."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What the cache has done since it began, and what it holds."""

    since: float
    """When the counting began, in seconds since the epoch."""
    processes: int
    """How many live processes were counted."""
    requests: tuple[Requests, ...]
    """All requests, most frequent rows first."""
    rates: tuple[Rate, ...]
    """What happened in the last 10, 100 and 1,000 seconds."""
    routes: tuple[RouteRates, ...]
    """The same for each route."""
    history: tuple[Interval, ...]
    """What came in the last 1,000 seconds, each ten of them, the oldest first; empty if nothing."""
    asked: tuple[Asked, ...]
    """The URLs for which the application was asked most often."""
    validations: int
    """Background validations."""
    validation_failures: int
    """Those of them that failed."""
    validation_seconds: float
    """The seconds that the application took for them."""
    purges: Mapping[str, int]
    """Purges by kind: ``url``, ``groups``, ``prefix`` and ``all``, and ``soft-url`` …"""
    store_errors: int
    """How often the store failed."""
    store: Holding
    """What the store holds."""

    @property
    def count(self) -> int:
        """The number of requests."""
        return sum(row.count for row in self.requests)

    @property
    def hits(self) -> int:
        """The number of hits."""
        return sum(row.count for row in self.requests if row.outcome == "hit")

    @property
    def hit_ratio(self) -> float:
        """The part of all requests that were hits; 0 without requests."""
        return self.hits / (self.count or 1)

    @property
    def saved_seconds(self) -> float:
        """The seconds that hits saved the application."""
        return sum(row.saved_seconds for row in self.requests)

    @property
    def spent_seconds(self) -> float:
        """The seconds that the application took, in the background, too."""
        return self.validation_seconds + sum(row.spent_seconds for row in self.requests)

    @property
    def stored_bytes(self) -> int:
        """The bytes of content that the cache sent."""
        return sum(row.stored_bytes for row in self.requests)

    @property
    def application_bytes(self) -> int:
        """The bytes of content that the application sent."""
        return sum(row.application_bytes for row in self.requests)

    @property
    def collapsed(self) -> int:
        """The number of requests that were answered by the answer to another one."""
        return sum(row.count for row in self.requests if row.outcome == "hit" and row.forward)

    @property
    def stale(self) -> int:
        """The number of requests that got a stale response."""
        return sum(row.stale for row in self.requests)

    def as_json(self) -> dict[str, Any]:
        """Return the statistics as JSON has them."""
        said: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("requests", "rates", "routes", "history", "asked"):
            said[name] = [asdict(row) for row in said[name]]
        said["purges"], said["store"] = dict(self.purges), asdict(self.store)
        for name in _DERIVED:
            said[name] = getattr(self, name)
        return said


_DERIVED = tuple(name for name, value in vars(Stats).items() if isinstance(value, property))
