"""Tell of single requests: an observer of the operator, and the log at DEBUG."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from logging import DEBUG
from typing import Any

from wsgicache import forks
from wsgicache.observe.rows import path_head
from wsgicache.observe.stats import Told
from wsgicache.rules.checks import must_be
from wsgicache.rules.keys import target_key, url_of

__all__ = ["DEBUG", "Observation", "Observer", "Watcher", "Watching", "log", "url_told"]

log = logging.getLogger("wsgicache.requests")


@dataclass(frozen=True, slots=True)
class Observation:
    """What one request came to, known with the head of its answer."""

    outcome: str
    """``hit``, ``validated``, ``stored``, ``refused`` or ``bypass``."""
    forward: str | None
    """Why the application was asked, in the words of Cache-Status. None for a hit."""
    detail: str | None
    """Why the response was not stored, or the request passed by."""
    status: int
    """The status that the client gets."""
    route: str
    """The pattern of the framework, else the first segment of the path."""
    url: str
    """The URL, or the path where the request makes no clear URL."""
    seconds: float
    """The seconds that the application took until then."""
    bytes: int
    """The bytes of content, if they are known by then."""
    age: float | None
    """The age of what the cache sends. None if the application answers; *ttl*, too."""
    ttl: float | None
    """The seconds that it stays fresh; below zero it is stale."""


Observer = Callable[[Observation], object]
Watcher = Callable[[Told, str, Mapping[str, Any]], object]
"""What gets each request, its route and its environ, within this package."""


class Watching:
    """Tells *observer*, if there is one, and the log of each request. *report* logs its errors.

    An observer with a method ``is_wanted`` gets only requests for which that returns True. Raises
    TypeError for an observer that cannot be called.
    """

    def __init__(self, observer: Any, report: Callable[[str, str], None]) -> None:
        if observer is not None and not callable(observer):
            kind = "a callable that takes an Observation"
            raise TypeError(must_be("observer", kind, observer))
        self._observer: Observer | None = observer
        self._is_wanted: Callable[[], bool] = getattr(observer, "is_wanted", _always)
        self._watchers: tuple[Watcher, ...] = ()
        self._as_before: Callable[[], bool] = partial(log.isEnabledFor, DEBUG)
        if observer is not None:
            self._as_before = lambda: self._is_wanted() or log.isEnabledFor(DEBUG)
        self.is_on = self._as_before
        """Returns whether somebody wants to know of the next request."""
        self._report = report
        self.begin_in_child()
        forks.renew(self)

    def begin_in_child(self) -> None:
        """Make a new lock."""
        self._lock = threading.Lock()

    def beside(self, report: Callable[[str, str], None]) -> Watching:
        """Return one that tells the same observer, and no watcher."""
        return Watching(self._observer, report)

    def add(self, watcher: Watcher) -> None:
        """Tell *watcher* of each request, too."""
        with self._lock:
            if watcher not in self._watchers:
                self._watchers = (*self._watchers, watcher)
            self.is_on = _always

    def remove(self, watcher: Watcher) -> None:
        """Tell *watcher* of no more requests."""
        with self._lock:
            self._watchers = tuple(one for one in self._watchers if one != watcher)
            self.is_on = _always if self._watchers else self._as_before

    def tell(self, told: Told, environ: Mapping[str, Any]) -> None:
        """Tell of the request in *environ*."""
        try:
            path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
            route = told.route or path_head(told.mount, path)
            for watcher in self._watchers:
                watcher(told, route, environ)
            is_logged = log.isEnabledFor(DEBUG)
            is_observed = self._observer is not None and self._is_wanted()
            if not (is_logged or is_observed):
                return
            served = told.served
            seen = Observation(
                told.outcome,
                told.forward,
                told.detail,
                int(told.status[:3]),
                route,
                url_told(told, environ),
                told.spent,
                told.app_bytes if served is None else served.bytes,
                None if served is None else served.age,
                None if served is None else served.ttl,
            )
            if is_logged:
                path = seen.url.partition("?")[0]  # a query may have a token
                fields = {f"cache_{name}": value for name, value in asdict(seen).items()}
                why = seen.detail or seen.forward or "from the cache"
                log.debug("%s %r: %s", seen.outcome, path, why, extra={**fields, "cache_url": path})
            if is_observed and self._observer is not None:
                self._observer(seen)
        except Exception:
            self._report("observer", "the observer of a request raised")


def _always() -> bool:
    return True


def url_told(told: Told, environ: Mapping[str, Any]) -> str:
    """Return the URL of the request in *environ*, or its path if that makes no clear URL."""
    key = told.key or target_key(environ)
    return str(environ.get("PATH_INFO", "")) if key is None else url_of(key)
