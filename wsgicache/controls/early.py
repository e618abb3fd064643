"""What do routes say of a request before the look-up, and what does the app see of it?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from wsgicache.controls.routes import Route, VaryBy
from wsgicache.rules.bounds import LONGEST as LONGEST_FIELD
from wsgicache.rules.bounds import Remembered
from wsgicache.rules.names import environ_keys
from wsgicache.rules.preferences import Negotiated
from wsgicache.rules.queries import Counting
from wsgicache.rules.response import Response
from wsgicache.rules.special import ALWAYS_SPECIAL, CONDITIONS

__all__ = ["EXEMPT", "LONGEST", "MOST", "PLAIN", "Early", "with_cookies"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


LONGEST, MOST = 1024, 2048
"""Most characters of a remembered text, and most of those texts."""


class Early(NamedTuple):
    """What routes say of a request before the look-up."""

    exempt: bool = False
    query: Counting | None = None
    """The function that keeps what counts of a query."""
    search: str = ""
    """No-Vary-Search for that."""
    searched_everywhere: bool = False
    """Whether that is for every page, as the policy says it."""
    cookies: tuple[str, ...] | None = None
    fields: tuple[str, ...] | None = None
    """The only request fields that the app sees, beside those that HTTP needs."""
    vary_by: VaryBy | None = None
    collapse: bool = True
    negotiated: tuple[Negotiated, ...] = ()
    request_directives: bool = True

    def trimmed(self, environ: WSGIEnvironment) -> WSGIEnvironment:
        """Return *environ* with only what selects: query parameters, fields, cookies, outcomes.

        Fields that the cache itself reads stay: see `unread`.
        """
        trimmed = self.queried(environ)
        if self.fields is not None:
            trimmed = _with_fields(trimmed, (*self.fields, *(one.field for one in self.negotiated)))
        if self.cookies is not None and "HTTP_COOKIE" in environ:
            trimmed = with_cookies(trimmed, self.cookies)
        return _with_outcomes(trimmed, self.negotiated) if self.negotiated else trimmed

    def unread(self, environ: WSGIEnvironment) -> WSGIEnvironment:
        """Return *environ* without the fields that only the cache had to read.

        Conditions and ranges stay: the cache forwards them, or does not, as HTTP says.
        """
        if self.fields is None:
            return environ
        if _FOR_THE_CACHE.isdisjoint(environ):
            return environ
        gone = _FOR_THE_CACHE.difference(environ_keys(self.fields))
        return {key: value for key, value in environ.items() if key not in gone}

    def and_of(self, route: Route) -> Early:
        """Return the same, with what *route* says instead."""
        early = self
        if route.counting is not None:
            early = early._replace(query=route.counting, search=route.search)
            early = early._replace(searched_everywhere=False)
        if route.cookies is not None:
            early = early._replace(cookies=route.cookies)
        if route.fields is not None:
            early = early._replace(fields=route.fields)
        if route.vary_by is not None:
            early = early._replace(vary_by=route.vary_by)
        if not route.collapse:
            early = early._replace(collapse=False)
        if not route.request_directives:
            early = early._replace(request_directives=False)
        return early.offering(*route.negotiated)

    def offering(self, *more: Negotiated) -> Early:
        """Return the same, with *more* negotiated, each instead of what there is of its field."""
        if not more:
            return self
        keys = {one.key for one in more}
        kept = (one for one in self.negotiated if one.key not in keys)
        return self._replace(negotiated=(*kept, *more))

    def names_for(self, response: Response) -> tuple[str, ...]:
        """Return the fields that Vary names in *response*: those seen, and those negotiated."""
        negotiated = (
            one.field
            for one in self.negotiated
            if one.vary == "all" or (one.vary == "coded" and "content-encoding" in response.values)
        )
        return (*(self.fields or ()), *negotiated)

    def queried(self, environ: WSGIEnvironment) -> WSGIEnvironment:
        """Return *environ* without the query parameters that do not count.

        A query too long to read stays as it is.
        """
        if self.query is not None and 0 < len(environ.get("QUERY_STRING", "")) <= LONGEST_FIELD:
            return _with_query(environ, self.query)
        return environ

    def search_for(self, kind: str) -> str:
        """Return No-Vary-Search for a response of the media type *kind*, or an empty string.

        If it is for every page, only pages that people follow links to get it.
        """
        return self.search if kind in _PAGES or not self.searched_everywhere else ""


_PAGES = ("text/html", "application/xhtml+xml")
PLAIN = Early()
"""What is known where no route says anything early."""
EXEMPT = Early(exempt=True)


_FOR_THE_CACHE = ALWAYS_SPECIAL - CONDITIONS
"""What it reads before the look-up, and what has no meaning after that."""
_ALWAYS_SEEN = ALWAYS_SPECIAL | {"HTTP_HOST", "HTTP_COOKIE"}


_seen: Remembered[tuple[str, ...], frozenset[str]] = Remembered(
    lambda names: _ALWAYS_SEEN.union(environ_keys(names)), MOST
)
"""PERF: the environ keys of fields that are seen, by their names; 1 µs less."""


def _with_fields(environ: WSGIEnvironment, names: tuple[str, ...]) -> WSGIEnvironment:
    """Return a copy of *environ* with only the request fields *names*, and those always seen."""
    seen = _seen[names]
    return {
        key: value
        for key, value in environ.items()
        if key in seen or not (key.startswith("HTTP_") or key == "CONTENT_TYPE")
    }


def _with_query(environ: WSGIEnvironment, counting: Counting) -> WSGIEnvironment:
    """Return *environ*, or a copy, with only what counts of the query, in the raw target too."""
    query: str = environ["QUERY_STRING"]
    kept = counting(query)
    changed = {} if kept == query else {"QUERY_STRING": kept}
    for key in ("RAW_URI", "REQUEST_URI"):
        raw = environ.get(key)
        if isinstance(raw, str):
            target, mark, rest = raw.partition("?")
            if mark and rest != kept:
                changed[key] = f"{target}?{kept}" if kept else target
    return {**environ, **changed} if changed else environ


def _with_outcomes(environ: WSGIEnvironment, negotiated: Iterable[Negotiated]) -> WSGIEnvironment:
    """Return *environ*, or a copy, with the outcome in each *negotiated* field."""
    copy = environ
    for one in negotiated:
        value = environ.get(one.key)
        outcome = one.outcome[value]
        if outcome == value:
            continue
        if copy is environ:
            copy = dict(environ)
        if outcome is None:
            del copy[one.key]
        else:
            copy[one.key] = outcome
    return copy


def with_cookies(environ: WSGIEnvironment, names: tuple[str, ...]) -> WSGIEnvironment:
    """Return a copy of *environ* with only the cookies *names*, in that order."""
    pairs = [pair.strip(" \t") for pair in environ["HTTP_COOKIE"].split(";")]
    kept = [p for name in names for p in pairs if p.partition("=")[0].strip(" \t") == name]
    copy = {**environ, "HTTP_COOKIE": "; ".join(kept)}
    if not kept:
        del copy["HTTP_COOKIE"]
    return copy
