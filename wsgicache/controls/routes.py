"""Routes: what the operator says of responses by their place.

    CacheMiddleware(app, routes=[
        Route("/api/*", no_cache),
        Route("/static/*", cache_control(public=True, max_age=86400), override=True),
        Route(cache_for(minutes=5), content_type="text/html"),
        Route("/search", query=("q", "page")),
    ])

Every route that matches counts. What it forbids counts whatever others say, Vary and groups add
up, and the first that says anything else of caching wins. What must be known before the look-up
(*query*, *cookies*, *fields* …) comes from the first matching route that has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

from wsgicache import arguments
from wsgicache.arguments import Status
from wsgicache.controls.control import Control, checked
from wsgicache.controls.file_types import contradicts, extension_of
from wsgicache.rules.checks import must_be, several, text
from wsgicache.rules.fields import TOKEN
from wsgicache.rules.preferences import (
    Header,
    checked_codings,
    checked_languages,
    checked_media_types,
    offers_of,
)
from wsgicache.rules.queries import no_vary_search, only_named

__all__ = ["Pattern", "Route", "VaryBy"]

VaryBy = Callable[[dict[str, Any]], str]

_METHOD = re.compile(rf"(?!.*[a-z]){TOKEN}")
_PATH = re.compile(r"(?=[/*])(?:(?!%[0-9A-Fa-f]{2})[^<>{}?#])*")
"""It has none of the characters that other patterns and URLs have, but paths in an environ do
not."""
_PATHS = "a pattern that begins with / or * and has none of < > { } ? # %41, such as '/api/*'"
_HOST = re.compile(r"[A-Za-z0-9_.:*\[\]-]+")
"""The characters of a host, and ``*``: with any other, such as those of a scheme, it never
matches."""
_FINAL_DOT = re.compile(r"\.(?=\Z|:[0-9*]*\Z)")
"""The dot that marks a complete name (RFC 1034); the name is the same without it."""
_KIND = re.compile(r"(?=.*[/*])[^\s;,]+")
"""A type without parameters such as ``; charset=utf-8``, and with more than ``json``."""


_WITH_THE_FILE = frozenset({200, 203, 206, 304})
_NO_VOUCHER = (
    "a control that vouches for no page, such as cache_for(…), or have a path such as '/news/*'"
)


class Pattern:
    """Text in which ``*`` stands for any number of characters, slashes included.

    Matching takes time linear in the length of the text for each piece between the stars.
    """

    def __init__(self, glob: str) -> None:
        self._head, *rest = re.split(r"\*+", glob)
        self._tail = rest.pop() if rest else None
        self._pieces = rest

    def matches(self, text: str) -> bool:
        """Return whether the pattern matches all of *text*."""
        if self._tail is None:
            return text == self._head
        start, end = len(self._head), len(text) - len(self._tail)
        if end < start or not text.startswith(self._head) or not text.endswith(self._tail):
            return False
        for piece in self._pieces:
            start = text.find(piece, start, end)
            if start < 0:
                return False
            start += len(piece)
        return True


class Route:
    """What the operator says of the responses at some place.

    *path* is a pattern for the decoded path of the URL, mount point included; ``*`` stands for any
    number of characters. *host* is a pattern for the host, with its port or without. *method* is
    one method or several; GET includes HEAD. *status* and *content_type* (a pattern) are those of
    the response. With *status*, the controls need no status themselves.

    Some paths are odd: those with ``..``, ``//``, a backslash, a semicolon or a control character.
    For them only what forbids storing counts, unless *odd_paths* is true.

    A pattern that ends in a file extension, such as ``*.css``, gives a lifetime only to a response
    with the media type of such files. *content_type* names another type.

    With *override* the controls come before the response's own Cache-Control. The other options
    count before the look-up, for GET and HEAD. *query* names the only query parameters, and
    *cookies* the only cookies, that select and that the app sees. *fields* names the only request
    fields that select and that the app sees; Vary says so to others. Host, Cookie, conditions and
    ranges are always seen. With ``fields=()`` the page is the same whatever else a client sends,
    credentials included. *vary_by* takes the environ and returns a text that selects, too. With
    ``collapse=False`` requests do not wait for each other.
    *languages*, *accept* and *encodings* come instead of those of the policy. *select* is a
    `Header`, or several: fields by whose values clients are told apart.
    With ``request_directives=False`` a client's ``no-cache`` or ``max-age=0`` counts for nothing.
    Raises TypeError and ValueError.
    """

    @arguments.explained()
    def __init__(
        self,
        path: str | Control = "*",
        *controls: Control,
        method: str | Iterable[str] | None = None,
        host: str | None = None,
        status: Status | Iterable[Status] | None = None,
        content_type: str | None = None,
        override: bool = False,
        odd_paths: bool = False,
        query: Iterable[str] | None = None,
        cookies: Iterable[str] | None = None,
        fields: Iterable[str] | None = None,
        vary_by: VaryBy | None = None,
        collapse: bool = True,
        languages: Iterable[str] | None = None,
        accept: Iterable[str] | None = None,
        encodings: Iterable[str] | None = None,
        select: Header | Iterable[Header] = (),
        request_directives: bool = True,
    ) -> None:
        if isinstance(path, Control):
            controls = (path, *controls)
            path = "*"
        self.controls = several("Route.controls", controls, checked, "never_cache")
        path = text("Route.path", path, _PATHS, _PATH)
        arguments.flags("Route", override=override, odd_paths=odd_paths, collapse=collapse)
        arguments.flags("Route", request_directives=request_directives)
        if host is not None:
            text("Route.host", host, "a pattern of hosts, such as '*.example.org'", _HOST)
        if content_type is not None:
            kind = "a pattern without parameters, such as 'text/html'"
            text("Route.content_type", content_type, kind, _KIND)
        if vary_by is not None and not callable(vary_by):
            raise TypeError(must_be("Route.vary_by", "a callable that takes the environ", vary_by))
        self.path = path
        self.override = override
        self.odd_paths = odd_paths
        self.query = _names("query", query)
        self.counting = None if self.query is None else only_named(frozenset(self.query))
        """What leaves of a query the parameters that it names."""
        self.search = "" if self.query is None else no_vary_search(self.query, (), True)
        """What No-Vary-Search says of them."""
        self.cookies = _names("cookies", cookies)
        self.fields = None if fields is None else _fields(fields)
        self.vary_by = vary_by
        self.collapse = collapse
        self.request_directives = request_directives
        self.negotiated = (
            *offers_of(
                None if languages is None else checked_languages("Route.languages", languages),
                None if accept is None else checked_media_types("Route.accept", accept),
                None if encodings is None else checked_codings("Route.encodings", encodings),
            ),
            *(one.negotiated for one in _headers(select)),
        )
        """The fields that it negotiates."""
        self.statuses = arguments.statuses("Route.status", status)
        self.is_early = bool(
            self.query is not None
            or self.cookies is not None
            or self.fields is not None
            or vary_by
            or not (collapse and request_directives)
            or self.negotiated
        )
        """Whether it has an option that counts before the look-up."""
        if self.is_early and (self.statuses is not None or content_type is not None):
            kind = "None beside options that count before the look-up, which need no response"
            given = (status, content_type)
            raise ValueError(must_be("Route.status and Route.content_type", kind, given))
        if not controls and (override or not self.is_early):
            raise ValueError(must_be("Route.controls", "one or more, such as never_cache", ()))
        self.forbids = (
            self.statuses is None
            and content_type is None
            and any(control.forbids_always for control in self.controls)
        )
        """Whether it forbids storing, whatever the response is."""
        self._methods = _methods(method)
        self._host = None if host is None else Pattern(_FINAL_DOT.sub("", host.lower()))
        self._with_port = host is not None and ":" in host.rpartition("]")[2]
        self._kind = None if content_type is None else Pattern(content_type.lower())
        self._bind()

    def _bind(self) -> None:
        """Find out what its path means. Raises ValueError."""
        path = self.path
        self.is_everywhere = "*" in path and not path.strip("*/")
        """Whether it applies to every path, so that it vouches for none."""
        for control in self.controls if self.is_everywhere else ():
            if control.vouches():
                raise ValueError(
                    must_be("each of Route.controls for every path", _NO_VOUCHER, control)
                )
        # A WSGI environ has the path's bytes as Latin-1 (PEP 3333).
        self._path = Pattern(path.encode().decode("latin-1"))
        self._extension = extension_of(path) if self._kind is None else None

    def below(self, prefix: str) -> Route:
        """Return the same route for paths below *prefix*, which may be a pattern.

        Raises ValueError where that is every path, and a control vouches for pages.
        """
        path = f"{prefix}/{self.path.removeprefix('/')}" if prefix else self.path
        again = copy(self)
        again.path = text("Route.path", path, _PATHS, _PATH)
        again._bind()
        return again

    def __repr__(self) -> str:
        return f"<Route {self.path!r} {', '.join(map(repr, self.controls))}>"

    def matches(self, path: str, host: str | None, method: str) -> bool:
        """Return whether it applies to such requests; *host* is as in a key."""
        if self._methods is not None and method not in self._methods:
            return False
        if self._host is not None:
            if host is None:
                return False
            if not self._with_port:
                host = re.sub(r":[0-9]*\Z", "", host)
            if not self._host.matches(_FINAL_DOT.sub("", host)):
                return False
        return self._path.matches(path)

    def is_at(self, path: str) -> bool:
        """Return whether it applies to *path* on some host, for some method."""
        return self._path.matches(path)

    def applies_to(self, code: int, kind: str) -> bool:
        """Return whether it applies to responses with the status *code* and media type *kind*."""
        if self.statuses is not None and code not in self.statuses:
            return False
        return self._kind is None or self._kind.matches(kind)

    def doubts(self, code: int, kind: str) -> bool:
        """Return whether the route names a file type that a response with *code* and *kind* lacks.

        A pattern that ends in ``.css`` also matches the page of a view that takes any path.
        """
        return (
            self._extension is not None
            and code in _WITH_THE_FILE
            and contradicts(self._extension, kind)
        )


def _names(option: str, names: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if names is None else several(f"Route.{option}", names, text, "['page']")


def _fields(names: Iterable[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return several("Route.fields", names, arguments.field_name, "['Accept-Language']")


def _headers(select: Header | Iterable[Header]) -> tuple[Header, ...]:
    given = (select,) if isinstance(select, Header) else select
    return several("Route.select", given, _header, "[Header('X-Device', ['phone', 'desktop'])]")


def _header(subject: str, header: object) -> Header:
    if not isinstance(header, Header):
        raise TypeError(must_be(subject, "a Header", header))
    return header


def _methods(method: str | Iterable[str] | None) -> frozenset[str] | None:
    if method is None:
        return None
    if isinstance(method, str):
        methods = frozenset([_method("Route.method", method)])
    else:
        methods = frozenset(several("Route.method", method, _method, "['GET', 'POST']"))
    if not methods:
        raise ValueError(must_be("Route.method", "one method or more, such as 'GET'", method))
    return methods | {"HEAD"} if "GET" in methods else methods


def _method(subject: str, method: object) -> str:
    return text(subject, method, "a method in capital letters, such as 'GET'", _METHOD)
