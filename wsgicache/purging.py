"""Purge by URL, by group, by prefix, or everything: from the app and from the command line.

A purge is complete when the call returns, except in processes that read the generation of a shared
store once a second, or have a near store. It raises if it could not reach something.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

from wsgicache.arguments import flags
from wsgicache.clock import Clock
from wsgicache.observe.counting import Counting
from wsgicache.reporting import warn_of_lost_updates, warn_of_no_requests, warn_of_processes
from wsgicache.rules import entries
from wsgicache.rules.checks import must_be, text
from wsgicache.rules.groups import group_name, name_of, origin_of
from wsgicache.rules.keys import Key, key_of_url, url_of
from wsgicache.rules.model import CacheEntry
from wsgicache.rules.near import near_keys
from wsgicache.rules.request import Request
from wsgicache.stores import Grouping, Listing, Store, StoreError
from wsgicache.stores.equivalents import equivalent_keys
from wsgicache.stores.listing import keys_below
from wsgicache.stores.memory import MemoryStore

__all__ = ["Purged", "Purging", "key_of", "nothing_found", "number_of"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_MOST_ASKED = 4
"""Most URLs of one purge for which similar ones are looked up."""
_NAME = re.compile(".+", re.DOTALL)


class Purged(NamedTuple):
    """The result of a purge."""

    what: tuple[str, ...]
    """URLs, or names of groups; empty if everything was purged."""
    responses: int | None
    """How many stored responses the purge removed or made stale. None for groups and everything,
    which are purged without a search for their responses."""
    soft: bool
    """Whether it made them stale instead of removing them."""
    nearby: tuple[str, ...] = ()
    """If a purge by URL found nothing: similar URLs for which something is stored."""


class Purging:
    """The purges of a *store*, by the time of *clock*."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        key_of: Callable[[WSGIEnvironment], Key | None] = lambda environ: None,
        purged: Callable[[], object] = lambda: None,
        counting: Counting | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self._key_of = key_of
        """Returns the key under which responses to the request in an environ are filed."""
        self._and_then = purged
        """A call after each purge."""
        self.told: Callable[[Purged], object] = lambda done: None
        """What gets the result of each purge."""
        self.counting = counting
        self.origin: tuple[str, str] | None = None
        """Scheme and host of the first request for which this process asked the app, or None."""
        self._warned = False

    def note_first(self, request: Request) -> None:
        """Note the first *request* for which this process asks the app."""
        self.origin = request.key[:2]
        if isinstance(self.store, MemoryStore):
            warn_of_processes(request.environ)
        elif not getattr(self.store, "is_atomic", True):
            warn_of_lost_updates(request.environ)

    def _filed_under(self, key: Key) -> Key:
        """Return the key under which responses to a GET of the target *key* are filed."""
        scheme, host, path, query = key
        target = {"wsgi.url_scheme": scheme, "HTTP_HOST": host}
        return self._key_of({**target, "PATH_INFO": path, "QUERY_STRING": query}) or key

    def _count(self, kind: str, soft: bool) -> None:
        if self.counting is not None:
            self.counting.purged(f"soft-{kind}" if soft else kind)
        if self.origin is None and isinstance(self.store, MemoryStore) and not self._warned:
            self._warned = True
            warn_of_no_requests()
        self._and_then()

    def _done(self, done: Purged) -> Purged:
        self.told(done)
        return done

    def purge(self, url: str, *, soft: bool = False, both_schemes: bool = False) -> Purged:
        """Purge all responses for the absolute *url*, with *both_schemes* for http and https.

        With *soft* they become stale: they may still stand in, or be served during validation.
        Raises ValueError for anything but an http(s) URL, and what the store raises.
        """
        return self.purge_keys(keys_of(url), soft=soft, both_schemes=both_schemes)

    def keys_at(self, url: str) -> list[Key]:
        """Return the keys under which responses for the absolute *url* are filed."""
        return list(dict.fromkeys(map(self._filed_under, keys_of(url))))

    def purge_keys(
        self, keys: Sequence[Key], *, soft: bool = False, both_schemes: bool = False
    ) -> Purged:
        """Purge like `purge`, but the responses to requests for *keys*."""
        flags("purge", soft=soft, both_schemes=both_schemes)
        if both_schemes:
            twins = {"http": "https", "https": "http"}
            keys = [*keys, *((twins[key[0]], *key[1:]) for key in keys)]
        return self._purge("url", list(dict.fromkeys(map(self._filed_under, keys))), soft)

    def purge_groups(self, *groups: str, origin: str | None = None, soft: bool = False) -> Purged:
        """Purge all responses that belong to any of *groups* (RFC 9875; Cache-Tag, Surrogate-Key).

        It purges those of all origins, or of *origin*, such as ``https://example.org``. For *soft*
        see `purge`. Raises ValueError where there is no group, StoreError where the store knows no
        groups, and what the store raises.
        """
        flags("purge_groups", soft=soft)
        for group in groups:
            text("each of the groups of purge_groups()", group, "a name, such as 'news'", _NAME)
        if not groups:
            kind = "one or more, as in purge_groups('news')"
            raise ValueError(must_be("the groups of purge_groups()", kind, groups))
        where = "*" if origin is None else origin_of(key_of(origin))
        names = tuple(map(group_name, groups))
        self._bump("groups", [name_of(where, name) for name in names], soft)
        return self._done(Purged(names, None, soft))

    def urls_in(self, groups: Sequence[str], origin: str | None = None) -> list[str]:
        """Return the stored URLs of *origin* that belong to any of *groups*.

        By default the origin is that of the first request. Raises StoreError where the store cannot
        list what it holds.
        """
        first = self.origin if origin is None else key_of(origin)[:2]
        names, store = set(map(group_name, groups)), self._listing()
        keys = [] if first is None else store.keys((*first, "", ""))
        found = {key: store.get(key) for key in keys}
        return [
            url_of(key)
            for key, entry in found.items()
            if entry and not all(names.isdisjoint(one.groups) for one in entry.responses.values())
        ]

    def _listing(self) -> Listing:
        if not isinstance(self.store, Listing):
            raise StoreError(f"{type(self.store).__name__} cannot list what it holds")
        return self.store

    def purge_all(self, *, soft: bool = False) -> Purged:
        """Purge everything. Raises StoreError if the store cannot, and what the store raises."""
        flags("purge_all", soft=soft)
        self._bump("all", [], soft)
        return self._done(Purged((), None, soft))

    def purge_prefix(self, url: str, *, soft: bool = False) -> Purged:
        """Purge all stored URLs that begin with *url*, which has a scheme, host and path.

        Raises ValueError for anything else, StoreError where the store cannot list what it holds.
        """
        flags("purge_prefix", soft=soft)
        prefix = key_of(url)
        if prefix[3]:
            raise ValueError(must_be("url of purge_prefix()", "one without a query", url))
        return self._purge("prefix", keys_below(self._listing(), prefix), soft)

    def _purge(self, kind: str, keys: Sequence[Key], soft: bool) -> Purged:
        now = self.clock.now()
        # A fill that begins after this may do so at the same moment.
        done = entries.emptied(math.nextafter(now, math.inf))
        if soft:
            done = entries.softened_all(now)
        urls: list[str] = []
        failed: list[str] = []
        total = found = 0

        def counting(entry: CacheEntry | None) -> CacheEntry | None:
            nonlocal found
            found = 0 if entry is None else len(entry.responses) + entry.left_out
            return done(entry)

        for key in keys:
            url = url_of(key)
            try:
                self.store.update(key, counting)
            except Exception as error:
                failed.append(f"{url} ({_told(error)})")
            else:
                urls.append(url)
                total += found
        try:
            # A prefix is that of equivalent URLs, too.
            for other in () if kind == "prefix" else equivalent_keys(self.store, keys):
                self.store.update(other, counting)
                total += found
        except Exception as error:
            failed = failed or [f"equivalent URLs ({_told(error)})"]
        self._count(kind, soft)
        if failed:
            raise StoreError(f"not purged: {', '.join(failed)}")
        return self._done(Purged(tuple(urls), total, soft, () if total else self.nearby(keys)))

    def nearby(self, keys: Iterable[Key]) -> tuple[str, ...]:
        """Return URLs similar to those of *keys* for which the store has responses."""
        near = dict.fromkeys(
            self._filed_under(one)
            for key in islice(keys, _MOST_ASKED)
            for one in near_keys(key, self.origin)
        )
        try:
            found = [key for key in near if (entry := self.store.get(key)) and entry.responses]
        except Exception:  # The purge is done, which is what counts.
            found = []
        return tuple(map(url_of, found))

    def _bump(self, kind: str, groups: list[str], soft: bool) -> None:
        if not isinstance(self.store, Grouping):
            raise StoreError(f"{type(self.store).__name__} purges single URLs only")
        self.store.bump(groups, self.clock.now(), soft=soft)
        self._count(kind, soft)


def _told(error: Exception) -> str:
    return f"{'' if isinstance(error, StoreError) else f'{type(error).__name__}: '}{error}"


def number_of(noun: str, count: int) -> str:
    """Return *count* and the *noun* of what is counted: ``1 page``, ``2 pages``."""
    return f"{count} {noun if count == 1 else f'{noun}es' if noun[-1] == 's' else f'{noun}s'}"


def nothing_found(done: Purged) -> str:
    """Return the end of a sentence about a purge by URL that found nothing, else nothing."""
    if done.responses != 0:
        return ""
    if done.nearby:
        return f": nothing is stored there, only for {', '.join(done.nearby)}"
    return ": nothing is stored there"


def key_of(url: str) -> Key:
    """Return the key of an absolute *url*, in any usual notation. Raises ValueError."""
    from werkzeug.urls import iri_to_uri

    try:
        key = key_of_url(iri_to_uri(url))
    except (ValueError, TypeError, AttributeError):
        key = None
    if key is None:
        kind = "an absolute http or https URL, such as 'http://host/path'"
        raise ValueError(must_be("the URL", kind, url))
    return key


def keys_of(url: str) -> list[Key]:
    r"""Return the keys of the requests that clients make for an absolute *url*. Raises ValueError.

    Some encode all that RFC 3986 has in no query. Browsers send ``[]{}|^\``` as they are written,
    but encode ``'`` (WHATWG URL, special-query percent-encode set).
    """
    key = key_of(url)
    query = quote(urlsplit(url).query, safe=_UNENCODED)
    return list(dict.fromkeys((key, (*key[:3], query))))


_UNENCODED = "!$%&()*+,-./:;=?@[\\]^_`{|}~"
