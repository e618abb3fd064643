"""What the operator says of responses by their place: routes.

    CacheMiddleware(app, routes=[
        Route("/api/*", no_cache),
        Route("/static/*", cache_for(days=30), override=True),
        Route(cache_for(minutes=5), content_type="text/html"),
        Route("/search", query=("q", "page")),
    ])

Every route that matches is heard: what it forbids counts whatever others say, Vary and groups add
up, and of those that say anything of caching the first does. What must be known before the look-up
(*query*, *cookies*, *vary_by*, *collapse*) comes from the first matching route that has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from wsgicache import arguments
from wsgicache.arguments import Status
from wsgicache.controls.control import Control
from wsgicache.rules.fields import TOKEN

VaryBy = Callable[[dict[str, Any]], str]

_METHOD = re.compile(TOKEN)
_HOST = re.compile(r"[!-.0-~]+")
"""No scheme, no path: such a pattern would match nothing."""
_KIND = re.compile(r"(?=.*[/*])[^\s;,]+")
"""No parameters, as in ``text/html; charset=utf-8``, and more than ``json``."""


class Pattern:
    """Text in which ``*`` stands for any characters, slashes too, and for none. Matching takes
    time linear in the length of the text for each piece between the stars."""

    def __init__(self, glob: str) -> None:
        self._head, *rest = re.split(r"\*+", glob)
        self._tail = rest.pop() if rest else None
        self._pieces = rest

    def matches(self, text: str) -> bool:
        """Whether all of *text* is what the pattern describes."""
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
    """What is said of the responses at some place. Raises TypeError and ValueError.

    *path* is a pattern for the path as a URL tells it, mount point included, in which ``*`` stands
    for anything; *host* one for the host, with its port or without. *method* is one or several, GET
    standing for HEAD too. *status* and *content_type* (a pattern) look at the response: the
    controls then need no status of their own.

    Paths that hardly anybody means (``..`` and ``//``, backslashes, semicolons, control characters)
    match only with *odd_paths*; of what forbids storing they match without it.

    *override* has the controls come before the response's own Cache-Control. The rest is known
    before the look-up and applies to GET and HEAD: *query* are the only query parameters, *cookies*
    the only cookies that tell requests apart, and that the app sees; *vary_by* takes the environ
    and returns a text that tells requests apart besides; with ``collapse=False`` requests do not
    wait for each other.
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
        vary_by: VaryBy | None = None,
        collapse: bool = True,
    ) -> None:
        if isinstance(path, Control):
            controls = (path, *controls)
            path = "*"
        for control in controls:
            if not isinstance(control, Control):
                raise TypeError(f"Route takes controls such as never_cache, got {control!r}")
        if not isinstance(path, str):
            raise TypeError(f"Route(path={path!r}): a pattern such as '/api/*' is allowed")
        if path[:1] not in ("/", "*"):
            raise ValueError(f"Route(path={path!r}): a pattern that begins with / or * is allowed")
        arguments.flags("Route", override=override, odd_paths=odd_paths, collapse=collapse)
        for option, text in (("host", host), ("content_type", content_type)):
            if text is not None and (not isinstance(text, str) or not text):
                raise TypeError(f"Route({option}={text!r}): a pattern, a str, is allowed")
        if host is not None and _HOST.fullmatch(host) is None:
            raise ValueError(f"Route(host={host!r}): a pattern such as '*.example.org' is allowed")
        if content_type is not None and _KIND.fullmatch(content_type) is None:
            raise ValueError(
                f"Route(content_type={content_type!r}): a pattern such as 'text/html' is allowed"
            )
        if vary_by is not None and not callable(vary_by):
            raise TypeError(f"Route(vary_by={vary_by!r}): a callable on the environ is allowed")
        self.path = path
        self.controls = controls
        self.override = override
        self.odd_paths = odd_paths
        self.query = _names("query", query)
        self.cookies = _names("cookies", cookies)
        self.vary_by = vary_by
        self.collapse = collapse
        self.statuses = arguments.statuses("Route", status)
        self.is_early = bool(
            self.query is not None or self.cookies is not None or vary_by or not collapse
        )
        """Whether it says anything that must be known before the look-up."""
        if self.is_early and (self.statuses is not None or content_type is not None):
            raise ValueError(
                f"Route({path!r}, …): query, cookies, vary_by and collapse are needed before there "
                "is a response, so status= and content_type= are not allowed beside them"
            )
        if not controls and (override or not self.is_early):
            raise ValueError(f"Route({path!r}): a control such as never_cache is needed")
        self.is_everywhere = not path.strip("*").strip("/")
        """Whether it is about every path: so it vouches for none."""
        self._methods = _methods(method)
        # A WSGI environ has the path's bytes as Latin-1 (PEP 3333).
        self._path = Pattern(path.encode().decode("latin-1"))
        self._host = None if host is None else Pattern(host.lower())
        self._with_port = host is not None and ":" in host.rpartition("]")[2]
        self._kind = None if content_type is None else Pattern(content_type.lower())

    def __repr__(self) -> str:
        return f"<Route {self.path!r} {', '.join(map(repr, self.controls))}>"

    def matches(self, path: str, host: str | None, method: str) -> bool:
        """Whether it is about requests like this; *host* is as in a key."""
        if self._methods is not None and method not in self._methods:
            return False
        if self._host is not None:
            if host is None:
                return False
            if not self._with_port:
                host = re.sub(r":[0-9]*\Z", "", host)
            if not self._host.matches(host):
                return False
        return self._path.matches(path)

    def is_at(self, path: str) -> bool:
        """Whether it is about *path* on some host, for some method."""
        return self._path.matches(path)

    def hears(self, code: int, kind: str) -> bool:
        """Whether it is about responses with the status *code* and the media type *kind*."""
        if self.statuses is not None and code not in self.statuses:
            return False
        return self._kind is None or self._kind.matches(kind)


def _names(option: str, names: Iterable[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    checked = tuple(names) if isinstance(names, Iterable) else None
    if isinstance(names, str) or checked is None or not all(isinstance(n, str) for n in checked):
        raise TypeError(f"Route({option}={names!r}): a tuple of names, each a str, is allowed")
    return checked


def _methods(method: str | Iterable[str] | None) -> frozenset[str] | None:
    if method is None:
        return None
    methods = [method] if isinstance(method, str) else method
    if not isinstance(methods, Iterable) or not all(isinstance(one, str) for one in methods):
        raise TypeError(f"Route(method={method!r}): a method such as GET, or several, is allowed")
    methods = frozenset(methods)
    if not methods or not all(_METHOD.fullmatch(one) and one == one.upper() for one in methods):
        raise ValueError(f"Route(method={method!r}): a method such as GET, or several, is allowed")
    return methods | {"HEAD"} if "GET" in methods else methods
