"""What operators do with a cache: purge it, ask it why, and see how it is doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from wsgicache.observe.counting import Counting
from wsgicache.observe.stats import Holding, Stats
from wsgicache.observe.summing import summed
from wsgicache.origin.background import described
from wsgicache.purging import Purged, Purging
from wsgicache.stores import Store

__all__ = ["Operated"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgicache.middleware import CacheMiddleware
    from wsgicache.why.explain import Explanation, Lines


class Operated:
    """A cache as its operators see it."""

    store: Store
    _purging: Purging
    _counting: Counting
    _validate: Callable[[WSGIEnvironment], None]

    def stats(self) -> Stats:
        """Return what the cache has done since this process began, and what its store holds."""
        part = self._counting.part()
        holding = getattr(self.store, "holding", Holding)()
        return summed([part], holding, part["at"], 1)

    def purge(self, url: str, *, soft: bool = False, both_schemes: bool = False) -> Purged:
        """Purge all responses for the absolute *url*, with *both_schemes* for http and https.

        With *soft* they become stale: they may still stand in, or be served during validation.
        """
        return self._purging.purge(url, soft=soft, both_schemes=both_schemes)

    def purge_groups(self, *groups: str, origin: str | None = None, soft: bool = False) -> Purged:
        """Purge all responses in any of *groups* (RFC 9875), of all origins or of one *origin*."""
        return self._purging.purge_groups(*groups, origin=origin, soft=soft)

    def purge_prefix(self, url: str, *, soft: bool = False) -> Purged:
        """Purge all stored URLs that begin with *url*, if the store can list what it holds."""
        return self._purging.purge_prefix(url, soft=soft)

    def purge_all(self, *, soft: bool = False) -> Purged:
        """Purge everything. For *soft* see `purge`."""
        return self._purging.purge_all(soft=soft)

    def refresh(self, url: str, fields: Mapping[str, str] | None = None, mount: str = "") -> None:
        """Ask the app for the absolute *url*, with the request *fields*, and store the answer.

        A `Job` has all three; *mount* is where the app is mounted. Raises ValueError or TypeError.
        """
        self._validate(described(url, fields or {}, mount))

    def explain(self, url: str, headers: Lines = (), **options: Any) -> Explanation:
        """Explain a request for *url*, and store nothing, like `wsgicache.why.explain.explain`."""
        from wsgicache.why.explain import explain

        return explain(cast("CacheMiddleware", self), url, headers, **options)
