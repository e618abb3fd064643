"""Metrics of a cache for Prometheus: ``REGISTRY.register(Collector(cache))``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector as AnyCollector

from wsgicache.operating import Operated
from wsgicache.rules.checks import must_be

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from wsgicache.observe.stats import Requests, Stats

__all__ = ["Collector"]

_REQUESTS = ("outcome", "forward", "detail", "status", "route")


class Collector(AnyCollector):
    """What *cache* counts, as Prometheus collects it: what ``cache.stats()`` returns.

    Where several processes count together, each of them gives the sum, so it does not matter which
    one is asked. ``prometheus_client``'s own way for several processes is not needed.
    """

    def __init__(self, cache: Operated) -> None:
        if not isinstance(cache, Operated):
            raise TypeError(must_be("cache", "a CacheMiddleware", cache))
        self._cache = cache

    def describe(self) -> list[Metric]:
        """Return nothing: no statistics are needed to register a collector."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        stats = self._cache.stats()
        yield _requests(stats)
        yield from _of_routes(stats)
        for name, text, label, rows in _counters(stats):
            family = CounterMetricFamily(f"wsgicache_{name}", text, labels=label)
            for value, count in rows:
                family.add_metric([value] if label else [], count)
            yield family
        held = stats.store
        for name, text, size in (
            ("store_entries", "Entries in the store", held.entries),
            ("store_bytes", "Bytes that the store holds", held.bytes),
            ("store_budget_bytes", "Bytes that it may hold", held.budget),
            ("store_widest_variants", "Variants of the entry that has most of them", held.widest),
            ("store_breaker_open", "Whether the store, or a server, is left alone", held.is_open),
            ("processes", "Live processes that count together", stats.processes),
        ):
            if size is not None:
                yield GaugeMetricFamily(f"wsgicache_{name}", text, value=size)


def _requests(stats: Stats) -> Metric:
    family = CounterMetricFamily("wsgicache_requests", "Requests", labels=_REQUESTS)
    for row in stats.requests:
        labels = [getattr(row, name) or "" for name in _REQUESTS]
        family.add_metric(labels, row.count)
    return family


def _of_routes(stats: Stats) -> Iterator[Metric]:
    """Yield the sums of each route."""
    routes: dict[str, list[Requests]] = {}
    for row in stats.requests:
        routes.setdefault(row.route, []).append(row)
    for name, attribute, text in (
        ("saved_seconds", "saved_seconds", "Seconds that hits saved the application"),
        ("spent_seconds", "spent_seconds", "Seconds that the application took"),
        ("stale", "stale", "Requests that got a stale response"),
    ):
        family = CounterMetricFamily(f"wsgicache_{name}", text, labels=["route"])
        for route, rows in routes.items():
            family.add_metric([route], sum(getattr(row, attribute) for row in rows))
        yield family


def _counters(stats: Stats) -> list[tuple[str, str, list[str], list[tuple[str, Any]]]]:
    """Return the other counters: name, text, label, and values."""
    done = stats.validations - stats.validation_failures
    sent = [("store", stats.stored_bytes), ("application", stats.application_bytes)]
    validations = [("done", done), ("failed", stats.validation_failures)]
    counters: list[tuple[str, str, list[str], list[tuple[str, Any]]]] = [
        ("bytes", "Bytes of content sent", ["source"], sent),
        (
            "collapsed",
            "Requests answered by the answer to another one",
            [],
            [("", stats.collapsed)],
        ),
        ("background_validations", "Background validations", ["result"], validations),
        ("purges", "Purges", ["kind"], list(stats.purges.items())),
        ("store_errors", "Errors of the store", [], [("", stats.store_errors)]),
    ]
    if stats.store.evictions is not None:
        counters.append(
            ("evictions", "Entries gone to make room", [], [("", stats.store.evictions)])
        )
    return counters
