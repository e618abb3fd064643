"""An app that answers with what it was sent, or leaves that unread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Environ = dict[str, Any]


def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    unread = environ["PATH_INFO"] == "/unread"
    content = b"page" if unread else environ["wsgi.input"].read() or b"nothing"
    fields = [("Cache-Control", "max-age=60"), ("Content-Length", str(len(content)))]
    start_response("200 OK", fields)
    return [content]
