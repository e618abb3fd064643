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
"""The fields that a request of nobody in particular has, beside those that select in any case."""
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
"""What servers say, for everybody the same."""
_WHO = re.compile(
    r'(?:\A|(?<=[;,]))[ \t]*(?:for|by)[ \t]*=[ \t]*(?:"(?:[^"\\]|\\.?)*"?|[^;,"]*);?', re.IGNORECASE
)
"""What Forwarded says of who asks, not of what is asked for (RFC 7239)."""
_WSGI = ("version", "url_scheme", "multithread", "multiprocess", "run_once")


def background_environ(
    request: Request, nominated: tuple[str, ...], process: Mapping[str, str], policy: Policy
) -> WSGIEnvironment | None:
    """An environ of its own for a validation that outlives *request* (RFC 5861 §3).

    It asks as nobody in particular. Of the request's fields it has those about the target, and
    those that Vary nominates, and of its cookies those that choose a language: any other may say
    who asks. So may what something outside has put
    into the environ; where the client showed who he is, there is no telling, and the result is
    None. Otherwise plain values stay, for the app may depend on them, as do those of *process*,
    the environment that some servers copy; a server's sockets and callables do not.
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
