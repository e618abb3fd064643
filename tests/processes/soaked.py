"""What a soak asks: pages that are hot, asked once, not stored, changed, large or slow to read; and
at /state, what the process holds. The store is the one that the environment names."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsgicache import CacheMiddleware, MemoryStore, Policy
from wsgicache.stores import store_from_url

LARGE = 300_000
SAYS = {
    "hot": "max-age=20",
    "once": "max-age=20",
    "large": "max-age=20",
    "private": "private",
    "validated": "no-cache",
    "stale": "max-age=1, stale-while-revalidate=60",
    "changed": "max-age=60",
}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A page that says its own target."""
    path: str = environ["PATH_INFO"]
    kind = path.split("/")[1]
    fields = [("Content-Type", "text/plain"), ("Cache-Control", SAYS[kind]), ("ETag", '"v1"')]
    if environ.get("HTTP_IF_NONE_MATCH") == '"v1"':
        start_response("304 Not Modified", fields)
        return []
    body = path.encode() + b"x" * (LARGE if kind == "large" else 2000)
    start_response("200 OK", [*fields, ("Content-Length", str(len(body)))])
    return [body[:1000], body[1000:]]


named = os.environ.get("WSGICACHE_TEST_STORE", "")
store = store_from_url(named) if named else MemoryStore(max_bytes=8 << 20)
cache = CacheMiddleware(app, store=store, policy=Policy(collapse_timeout=5))


def state() -> str:
    """Resident pages, open files, threads, flights."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = len(os.listdir("/proc/self/fd"))
    return f"{pages} {files} {threading.active_count()} {len(cache._flights)}"


def front(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """The cache, and beside it the state of the process."""
    if environ["PATH_INFO"] != "/state":
        return cache(environ, start_response)
    body = state().encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
