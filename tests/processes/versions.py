"""What the workers of one machine run: a site whose pages have a version, which each POST ends.

The environment says where the version is, and in which store the pages are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsgicache import CacheMiddleware, store_from_url

FOLDER = Path(os.environ["WSGICACHE_TEST_FOLDER"])


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A page with the version; each time that it is made is noted. A POST says the next version."""
    path = environ["PATH_INFO"]
    version = int((FOLDER / "version").read_text())
    if environ["REQUEST_METHOD"] == "POST":
        (FOLDER / "version").write_text(f"{version + 1}")
        start_response("200 OK", [("Cache-Group-Invalidation", '"news"')])
        return [b"%d" % (version + 1)]
    with (FOLDER / "made").open("ab", buffering=0) as made:
        made.write(f"{path}\n".encode())
    if path.startswith("/cold/"):
        time.sleep(0.05)
    body = b"%d %d" % (version, os.getpid())
    fields = [("Cache-Control", "max-age=600"), ("Content-Length", str(len(body)))]
    if path == "/news":
        fields.append(("Cache-Groups", '"news"'))
    start_response("200 OK", fields)
    return [body]


cache = CacheMiddleware(app, store=store_from_url(os.environ["WSGICACHE_TEST_STORE"]))


def front(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """The cache; in front of it the worker that answers."""

    def start(status: str, fields: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*fields, ("X-Answered-By", str(os.getpid()))], *more)

    return cache(environ, start)
