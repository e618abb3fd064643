"""The last requests of this process, page views with what they fetched. Memory only, and bounded.

Queries, cookies and addresses of clients are not kept: a query may have a token.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from wsgicache import forks
from wsgicache.clock import Clock
from wsgicache.middleware import CacheMiddleware
from wsgicache.observe.stats import Told
from wsgicache.observe.watching import Watching, url_told
from wsgicache.rules.fields import environ_key
from wsgicache.rules.keys import key_of_url, url_of
from wsgicache.rules.selecting import FRAGMENT_FIELDS

__all__ = ["MOST_BYTES", "Recent", "Row", "What", "is_page_view", "recent_of"]

MOST_BYTES = 1 << 20
"""Most bytes that the rows of a cache take."""
_MOST_VIEWS = 300
_MOST_PARTS = 100
"""Most different requests below a page view."""
_LONGEST = 400
"""Most characters of a URL."""
_LONGEST_WORD = 80
_BYTES = 900
"""The bytes that a row takes, beside its URL."""
_WATCHED_SECONDS = 600.0
"""Seconds without a look at the page after which nothing is recorded any more."""
_FRAGMENTS = frozenset(map(environ_key, FRAGMENT_FIELDS)) | {"HTTP_X_REQUESTED_WITH"}


class What(NamedTuple):
    """What a request was, and what it came to. Requests that agree in all of it are one row."""

    method: str
    url: str
    """Without the query."""
    has_query: bool
    status: str
    outcome: str
    forward: str | None
    detail: str | None


class Row:
    """A request, or several of the same; below it, what the page fetched."""

    def __init__(self, number: int, what: What, is_page: bool) -> None:
        self.number = number
        """One for each row."""
        self.what = what
        self.is_page = is_page
        self.count = 0
        self.at = 0.0
        """When the last of them came, in seconds since the epoch; the rest is about it, too."""
        self.spent = 0.0
        self.age: float | None = None
        self.ttl: float | None = None
        self.parts: dict[What, Row] = {}
        self.left_out = 0
        """How many requests below it are not listed, since there is no room."""

    def note(self, told: Told, at: float) -> None:
        """Count a request, which came then."""
        self.count += 1
        self.at, self.spent, served = at, told.spent, told.served
        self.age, self.ttl = (None, None) if served is None else (served.age, served.ttl)

    @property
    def bytes(self) -> int:
        """How many bytes it takes, without its parts."""
        return _BYTES + 2 * len(self.what.url)


class Recent:
    """The last requests that *watching* tells of, by *clock*."""

    def __init__(self, watching: Watching | None, clock: Clock) -> None:
        self.watching, self._clock = watching, clock
        self._until: float | None = None
        self._left_out: frozenset[str] = frozenset()
        self.since: float | None = None
        """When the recording began, in seconds since the epoch; None if it has not begun."""
        self.begin_in_child()
        forks.renew(self)

    def begin_in_child(self) -> None:
        """Forget all: the parent's requests are not those of this process."""
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._rows: OrderedDict[int, Row] = OrderedDict()
        self._viewed: dict[str, int] = {}
        """The newest page view that has fetched a URL, or is one of it."""
        self._alone: dict[What, int] = {}
        """The rows that are no page views."""
        self._number = 0
        self.bytes = 0

    # ── watching ───────────────────────────────────────────────────────────────────────────────

    def watch(self, forever: bool = False) -> None:
        """Record what comes from now on, until nobody has looked for ten minutes, or *forever*."""
        now = self._clock.wall()
        with self._lock:
            self._until = float("inf") if forever else max(now + _WATCHED_SECONDS, self._until or 0)
            if self.since is None:
                self.since = now
        if self.watching is not None:
            self.watching.add(self.note)

    @property
    def is_kept(self) -> bool:
        """Whether the recording goes on for ever."""
        return self._until == float("inf")

    def leave_out(self, place: str) -> None:
        """Record no requests below *place*, where this page is mounted."""
        if place and place not in self._left_out:
            self._left_out |= {place}

    def _rest(self) -> None:
        """Record no more, since nobody looks."""
        if self.watching is not None:
            self.watching.remove(self.note)
        with self._lock:
            self._forget()
            self._until = self.since = None

    # ── recording ──────────────────────────────────────────────────────────────────────────────

    def note(self, told: Told, route: str, environ: Mapping[str, Any]) -> None:
        """Record the request in *environ*."""
        now = self._clock.wall()
        if self._until is None or now > self._until:
            self._rest()
            return
        path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
        if any(f"{path}/".startswith(f"{place}/") for place in self._left_out):
            return
        method, detail = str(environ.get("REQUEST_METHOD", "")), told.detail
        url, _, query = url_told(told, environ).partition("?")
        what = What(
            method[:_LONGEST_WORD],
            url[:_LONGEST],
            bool(query),
            told.status[:3],
            told.outcome,
            told.forward,
            detail and detail[:_LONGEST_WORD],
        )
        is_page = is_page_view(environ)
        with self._lock:
            self._row(what, is_page, environ).note(told, now)
            while self._rows and (self.bytes > MOST_BYTES or len(self._rows) > _MOST_VIEWS):
                self._forget_oldest()

    def _row(self, what: What, is_page: bool, environ: Mapping[str, Any]) -> Row:
        """Return the row of a request, under the lock."""
        if not is_page:
            number = self._viewed.get(_referer(environ))
            if number is not None:
                return self._part(self._rows[number], what)
            number = self._alone.get(what)
            if number is not None:
                self._rows.move_to_end(number)
                return self._rows[number]
        elif self._rows:
            newest = next(reversed(self._rows.values()))
            if newest.is_page and newest.what == what and not newest.parts:
                return newest
        self._number += 1
        row = self._rows[self._number] = Row(self._number, what, is_page)
        self.bytes += row.bytes
        if is_page:
            self._viewed[what.url] = row.number
        else:
            self._alone[what] = row.number
        return row

    def _part(self, view: Row, what: What) -> Row:
        """Return the row below *view*, under the lock."""
        part = view.parts.get(what)
        if part is None:
            self._number += 1
            part = Row(self._number, what, False)
            if len(view.parts) >= _MOST_PARTS:
                view.left_out += 1
                return part
            view.parts[what] = part
            self.bytes += part.bytes
            # A style sheet fetches fonts, and a frame its own parts.
            known = self._rows.get(self._viewed.get(what.url, 0))
            if known is None or known.what.url != what.url:
                self._viewed[what.url] = view.number
        return part

    def _forget_oldest(self) -> None:
        number, row = self._rows.popitem(last=False)
        for one in (row, *row.parts.values()):
            self.bytes -= one.bytes
            if self._viewed.get(one.what.url) == number:
                del self._viewed[one.what.url]
        if self._alone.get(row.what) == number:
            del self._alone[row.what]

    # ── looking ────────────────────────────────────────────────────────────────────────────────

    def rows(self) -> list[Row]:
        """Return the page views and other requests, newest first."""
        with self._lock:
            return list(reversed(self._rows.values()))

    def parts(self, row: Row) -> Iterable[Row]:
        """Return what the page of *row* has fetched, in order."""
        with self._lock:
            return list(row.parts.values())


def is_page_view(environ: Mapping[str, Any]) -> bool:
    """Return whether a person went to a page: no picture, script or fragment of one."""
    if wanted := environ.get("HTTP_SEC_FETCH_DEST"):
        return bool(wanted == "document")
    if not _FRAGMENTS.isdisjoint(environ):
        return False
    return "text/html" in str(environ.get("HTTP_ACCEPT", ""))


def _referer(environ: Mapping[str, Any]) -> str:
    """Return the URL of the page that has fetched this, without its query; or nothing."""
    key = key_of_url(str(environ.get("HTTP_REFERER", "")).partition("#")[0])
    return "" if key is None else url_of((*key[:3], ""))[:_LONGEST]


_known: WeakKeyDictionary[CacheMiddleware, Recent] = WeakKeyDictionary()
_lock = threading.Lock()
forks.around(_lock.acquire, _lock.release)


def recent_of(cache: CacheMiddleware) -> Recent:
    """Return the last requests to *cache*: new ones after it has begun anew."""
    watching = cache._counting.watching
    with _lock:
        found = _known.get(cache)
        if found is None or found.watching is not watching:
            found = _known[cache] = Recent(watching, cache.clock)
        return found
