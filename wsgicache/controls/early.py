"""What do routes say of a request before the look-up, and what does the app see of it?"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

from wsgicache.controls.routes import VaryBy
from wsgicache.rules.bounds import LONGEST as LONGEST_FIELD
from wsgicache.rules.bounds import Remembered

__all__ = ["EXEMPT", "LONGEST", "MOST", "PLAIN", "Early", "with_cookies"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


LONGEST, MOST = 1024, 2048
"""Most characters of a remembered text, and most of those texts."""


class Early(NamedTuple):
    """What routes say of a request before the look-up."""

    exempt: bool = False
    query: frozenset[str] | None = None
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
        """Return *environ* without the query parameters that the routes ignore.

        A query too long to read stays as it is.
        """
        if self.query is not None and 0 < len(environ.get("QUERY_STRING", "")) <= LONGEST_FIELD:
            return _with_query(environ, self.query)
        return environ


PLAIN = Early()
"""What is known where no route says anything early."""
EXEMPT = Early(exempt=True)


def _with_query(environ: WSGIEnvironment, names: frozenset[str]) -> WSGIEnvironment:
    """Return *environ*, or a copy, with only the query parameters *names*, sorted by name.

    The raw target changes, too. A parameter is the text between two ``&``, even if an app would
    split it further. Names are compared decoded, and parameters of the same name keep their order.
    """
    query: str = environ["QUERY_STRING"]
    kept = _remembered[query, names]
    changed = {} if kept == query else {"QUERY_STRING": kept}
    for key in ("RAW_URI", "REQUEST_URI"):
        raw = environ.get(key)
        if isinstance(raw, str):
            target, mark, rest = raw.partition("?")
            if mark and rest != kept:
                changed[key] = f"{target}?{kept}" if kept else target
    return {**environ, **changed} if changed else environ


def _kept(asked: tuple[str, frozenset[str]]) -> str:
    query, names = asked
    named = [(unquote_plus(piece.partition("=")[0]), piece) for piece in query.split("&") if piece]
    kept = sorted((pair for pair in named if pair[0] in names), key=itemgetter(0))
    return "&".join(piece for _, piece in kept)


_remembered = Remembered(_kept, MOST, LONGEST)


def with_cookies(environ: WSGIEnvironment, names: tuple[str, ...]) -> WSGIEnvironment:
    """Return a copy of *environ* with only the cookies *names*, in that order."""
    pairs = [pair.strip(" \t") for pair in environ["HTTP_COOKIE"].split(";")]
    kept = [p for name in names for p in pairs if p.partition("=")[0].strip(" \t") == name]
    copy = {**environ, "HTTP_COOKIE": "; ".join(kept)}
    if not kept:
        del copy["HTTP_COOKIE"]
    return copy
