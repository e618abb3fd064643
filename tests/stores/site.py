"""What four workers of a real server run: a page that says how often it was made, and who served
it. Where it is stored stands in the environment."""

from __future__ import annotations

import os
from typing import Any

from wsgicache import CacheMiddleware
from wsgicache.stores import store_from_url


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """A number of its own for each time it is asked; POST invalidates, and the group news."""
    fields = [("Content-Type", "text/plain"), ("Cache-Control", "max-age=600")]
    if environ["REQUEST_METHOD"] == "POST":
        fields = [("Content-Type", "text/plain"), ("Cache-Group-Invalidation", '"news"')]
    elif environ["PATH_INFO"].startswith("/news"):
        fields.append(("Cache-Groups", '"news"'))
    start_response("200 OK", fields)
    return [os.urandom(8).hex().encode()]


cache = CacheMiddleware(app, store=store_from_url(os.environ["WSGICACHE_STORE"]))


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """The cache, in front of it the name of the worker."""

    def start(status: str, fields: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*fields, ("X-Worker", str(os.getpid()))], *more)

    return cache(environ, start)
