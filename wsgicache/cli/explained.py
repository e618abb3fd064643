"""The page of ``wsgicache run`` that explains a request: ``/-/wsgicache/explain?url=/page``."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from wsgicache import CacheMiddleware
from wsgicache.cli.terminal import visible
from wsgicache.rules.checks import must_be

__all__ = ["PATH", "Once", "explaining"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/-/wsgicache/explain"
_FIELDS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
]
_OF_THIS_PAGE = frozenset({"HOST", "REFERER", "CACHE_CONTROL", "PRAGMA"})
"""Fields that are about the page here, and not about the URL that it explains."""
_HTML = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Why? {url}</title>
<h1>What the cache does with a request, and why</h1>
<form action="{path}"><p><label>URL <input name="url" size="60" value="{url}"></label>
<button>Explain</button></p></form>
<p>With the cookies and the other fields of this browser. The application is asked once, and nothing
is stored.</p>
<pre>{text}</pre>
"""


def explaining(app: WSGIApplication, cache: CacheMiddleware) -> WSGIApplication:
    """Return *app* with a page in front that explains what *cache* does with a request."""

    def explained(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH or environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return app(environ, start_response)
        status, content = _page(cache, environ)
        start_response(status, [*_FIELDS, ("Content-Length", str(len(content)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]

    return explained


def _page(cache: CacheMiddleware, environ: WSGIEnvironment) -> tuple[str, bytes]:
    asked = parse_qs(environ.get("QUERY_STRING", "")).get("url", ["/"])[0]
    origin = f"{environ['wsgi.url_scheme']}://{_host(environ)}"
    url = f"{origin}{asked}" if asked[:1] == "/" else asked
    status = "200 OK"
    try:
        # By another host an app may answer what it refuses to the site that asks (DNS rebinding).
        if not f"{url}/".startswith(f"{origin}/"):
            raise ValueError(must_be("the URL", f"one of {origin}, such as '/page'", url))
        text = "\n".join(map(visible, cache.explain(url, _fields(environ)).lines()))
    except ValueError as error:  # the URL is none
        status, text = "400 Bad Request", visible(str(error))
    except Exception as error:
        status, text = "500 Internal Server Error", visible(f"{type(error).__name__}: {error}")
    page = _HTML.format(path=PATH, url=escape(visible(asked)), text=escape(text))
    return status, page.encode("utf-8", "replace")


def _fields(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """Return the fields of the request that say what a browser wants, and who asks."""
    names = (key.removeprefix("HTTP_") for key in environ if key.startswith("HTTP_"))
    return [
        (name.replace("_", "-").title(), environ[f"HTTP_{name}"])
        for name in names
        if name not in _OF_THIS_PAGE
    ]


def _host(environ: WSGIEnvironment) -> str:
    return str(environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}")


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
        return f"why: {environ['wsgi.url_scheme']}://{_host(environ)}{PATH}?url={target}"
