"""What do routes say of a request before the look-up, and what does the app see of it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wsgicache.controls.routes import VaryBy
from wsgicache.rules.bounds import LONGEST as LONGEST_FIELD
from wsgicache.rules.queries import Counting

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
    vary_by: VaryBy | None = None
    collapse: bool = True

    def trimmed(self, environ: WSGIEnvironment) -> WSGIEnvironment:
        """Return *environ* without the query parameters and cookies that do not select."""
        trimmed = self.queried(environ)
        if self.cookies is not None and "HTTP_COOKIE" in environ:
            trimmed = with_cookies(trimmed, self.cookies)
        return trimmed

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


def with_cookies(environ: WSGIEnvironment, names: tuple[str, ...]) -> WSGIEnvironment:
    """Return a copy of *environ* with only the cookies *names*, in that order."""
    pairs = [pair.strip(" \t") for pair in environ["HTTP_COOKIE"].split(";")]
    kept = [p for name in names for p in pairs if p.partition("=")[0].strip(" \t") == name]
    copy = {**environ, "HTTP_COOKIE": "; ".join(kept)}
    if not kept:
        del copy["HTTP_COOKIE"]
    return copy
