"""Requests that ask for the explanation of themselves (Policy.explain_token)."""

from __future__ import annotations

import json
from collections.abc import Callable
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from wsgicache.controls.matching import Routes
from wsgicache.observe.counting import Counting
from wsgicache.reporting import Reporter
from wsgicache.rules.keys import target_key, url_of
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request, read

__all__ = ["EXPLAIN", "describe", "reader", "request_fields"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    Read = Callable[[WSGIEnvironment, str, Policy], Request | str]

EXPLAIN = "explain"
"""What `reader` returns for such a request."""
_FIELD = "HTTP_WSGICACHE_EXPLAIN"


def reader(routes: Routes, policy: Policy) -> Read:
    """Return what reads the requests of a cache: `request.read`, with what routes say, if anything.

    Only with a token in the *policy* is there anything to compare.
    """
    plain = routes.read if routes.are_early else read
    if policy.explain_token is None:
        return plain
    token = policy.explain_token.encode()

    def comparing(environ: WSGIEnvironment, method: str, policy: Policy) -> Request | str:
        if _FIELD in environ:
            presented = environ[_FIELD].encode("utf-8", "replace")
            if compare_digest(presented, token):
                return EXPLAIN
        return plain(environ, method, policy)

    return comparing


def describe(
    explain: Callable[..., Any],
    report: Reporter,
    counting: Counting,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> list[bytes]:
    """Answer a request with what *explain* says of it, as JSON that no cache may store."""
    status, content = "200 OK", b""
    try:
        key = target_key(environ)
        url = "http://localhost/" if key is None else url_of(key)
        found = explain(
            url, request_fields(environ), method=environ["REQUEST_METHOD"], given=environ
        )
        content = json.dumps(found.as_json()).encode()
    except Exception:
        report("explain", "a request could not be explained")
        status, content = "500 Internal Server Error", b'{"error": "the log has the reason"}'
    fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(content))),
        ("Cache-Control", "no-store"),
    ]
    counting.answered("bypass", "explain", status, environ)
    start_response(status, fields)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]


def request_fields(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """Return the fields of the request in *environ* without the token."""
    keys = [key for key in environ if key.startswith("HTTP_") and key != _FIELD]
    lines = [(key[5:].replace("_", "-").title(), environ[key]) for key in keys]
    content = (("Content-Type", "CONTENT_TYPE"), ("Content-Length", "CONTENT_LENGTH"))
    return lines + [(name, environ[key]) for name, key in content if environ.get(key)]
