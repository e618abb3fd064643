"""The page about the cache in ``wsgicache run``: ``/-/wsgicache/``, for this machine alone.

The development server asks for no login. So a page that a browser has loaded from elsewhere must
not read this one by a host name that leads here by now (DNS rebinding): only names that nobody else
can give out are answered.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

from wsgicache.cli.terminal import visible
from wsgicache.dashboard import Dashboard
from wsgicache.rules.keys import host_asked

__all__ = ["MOUNT", "Once", "with_pages"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgicache.middleware import CacheMiddleware

MOUNT = "/-/wsgicache"
_HOST = re.compile(r"(?:\[(?P<address>[^\]]*)\]|(?P<name>[^:]*))(?::[0-9]*)?")


def with_pages(app: WSGIApplication, cache: CacheMiddleware, host: str = "") -> WSGIApplication:
    """Return *app* with the page about *cache* below `MOUNT`, for who asks by an own name.

    *host* is the address or the name on which the server listens.
    """
    dashboard = Dashboard(cache, at=MOUNT)
    own = frozenset({"localhost", socket.gethostname().lower(), host.lower()})

    def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path != MOUNT and not path.startswith(f"{MOUNT}/"):
            return app(environ, start_response)
        if not is_own(host_asked(environ), own):
            return _refused(environ, start_response)
        return dashboard(environ, start_response)

    return served


def is_own(host: str, names: frozenset[str]) -> bool:
    """Return whether *host* is an address, one of *names*, or below ``localhost``."""
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return False
    name = found["address"] or found["name"] or ""
    try:
        ip_address(name)
    except ValueError:
        return found["address"] is None and (name in names - {""} or name.endswith(".localhost"))
    return True


def _refused(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    content = (
        b"This page is for who asks for localhost or an address, such as "
        b"http://127.0.0.1:8000/-/wsgicache/\n"
    )
    start_response(
        "421 Misdirected Request",
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(content))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]


class Once:
    """The place where a first response that was not stored is explained; named once."""

    def __init__(self) -> None:
        self._is_named = False

    def __call__(self, environ: WSGIEnvironment, outcome: str) -> str:
        """Return ``why: http://…`` for an *outcome*, a Cache-Status, with a reason; or nothing."""
        if self._is_named or "detail=" not in outcome or "fwd=method" in outcome:
            return ""
        self._is_named = True
        target = quote(environ["REQUEST_URI"], safe="/")
        where = f"{environ['wsgi.url_scheme']}://{visible(host_asked(environ))}{MOUNT}"
        return f"why: {where}/explain?url={target}"
