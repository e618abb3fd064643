"""What does an anonymous request, which outlives the one that began it, ask for (RFC 5861 §3)?"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.selecting import cookies_named

__all__ = ["background_environ"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_OF_THE_TARGET = frozenset(
    {
        "HTTP_ACCEPT",
        "HTTP_ACCEPT_CHARSET",
        "HTTP_ACCEPT_ENCODING",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_HOST",
        "HTTP_USER_AGENT",
    }
)
"""The fields that an anonymous request may have, beside those that always select."""
_OF_THE_CONNECTION = (
    "REMOTE_",
    "AUTH_TYPE",
    "SSL_CLIENT_",
    "HTTPS_DN",
    "HTTPS_CC",
    *("TLS_CLIENT_", "CERT_", "LOGON_USER", "AUTH_USER", "PEER_CERT", "peercert", "tls."),
    "CONTENT_LENGTH",
)
_OF_THE_SERVER = (
    *("CONTEXT_", "DOCUMENT_", "GATEWAY_", "HTTPS", "PATH_", "QUERY_STRING"),
    *("RAW_URI", "REQUEST_", "SCRIPT_", "SERVER_", "SSL_", "UNIQUE_ID"),
    *("wsgi.", "wsgicache.", "gunicorn.", "mod_wsgi.", "uwsgi.", "waitress.", "werkzeug."),
)
"""What servers say alike to all clients."""
_WHO = re.compile(
    r'(?:\A|(?<=[;,]))[ \t]*(?:for|by)[ \t]*=[ \t]*(?:"(?:[^"\\]|\\.?)*"?|[^;,"]*);?', re.IGNORECASE
)
"""The parameters of Forwarded that say who asks, not what is asked for (RFC 7239)."""
_WSGI = ("version", "url_scheme", "multithread", "multiprocess", "run_once")


def background_environ(
    request: Request, nominated: tuple[str, ...], process: Mapping[str, str], policy: Policy
) -> WSGIEnvironment | None:
    """Return the environ of an anonymous request that outlives *request* (RFC 5861 §3).

    It keeps the fields about the target, the fields that Vary nominates, and the cookies that
    choose a language. Any other field or cookie may say who asks, and so may a value that an outer
    layer put into the environ. If there is such a value, and the client showed who it is, the
    result is None. Otherwise plain values stay, since the app may depend on them. Values of
    *process*, the environment that some servers copy, say nothing of the client. A server's sockets
    and callables go.
    """
    given = request.environ
    known = request.identified or ("HTTP_COOKIE" in given and "HTTP_COOKIE" not in nominated)
    environ: WSGIEnvironment = {}
    selecting = (*nominated, *policy.selecting_keys)
    for key, value in given.items():
        if not isinstance(value, str | int | float) or key.startswith(_OF_THE_CONNECTION):
            continue
        if key.startswith("HTTP_") or key == "CONTENT_TYPE":
            if key not in _OF_THE_TARGET and key not in selecting:
                continue
        elif known and not key.startswith(_OF_THE_SERVER) and process.get(key) != value:
            return None
        environ[key] = value
    if "HTTP_COOKIE" in given and "HTTP_COOKIE" not in environ:
        chosen = cookies_named(given["HTTP_COOKIE"], policy.language_cookies)
        if chosen:
            environ["HTTP_COOKIE"] = "; ".join(chosen)
    environ["REMOTE_ADDR"] = "127.0.0.1"
    if "HTTP_FORWARDED" in environ and "HTTP_FORWARDED" not in nominated:
        forwarded = _WHO.sub("", environ.pop("HTTP_FORWARDED")).strip(" \t;,")
        if forwarded:
            environ["HTTP_FORWARDED"] = forwarded
    for key in _WSGI:
        environ[f"wsgi.{key}"] = given[f"wsgi.{key}"]
    environ["REQUEST_METHOD"] = "GET"
    environ["wsgi.input"] = BytesIO()
    environ["wsgi.errors"] = sys.stderr
    return environ
