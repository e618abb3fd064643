"""What the workers run: an app that says who made a page, and waits where its URL tells it to.

A query ``until=NAME`` has it wait for the file NAME; with ``once=NAME`` only the first one does.
The environment says where those files are, what the cache stores in, and how long a lease is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from wsgicache import CacheMiddleware, MemoryStore, Policy
from wsgicache.origin import turns
from wsgicache.rules.keys import Key
from wsgicache.stores import SharedStore, store_from_url

Environ = dict[str, Any]

FOLDER = Path(os.environ["WSGICACHE_TEST_FOLDER"])
STORE = os.environ.get("WSGICACHE_TEST_STORE", "")
LONGEST = 120.0
"""Seconds after which a file that never comes is given up."""


def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
    """A page with the process, the target and a number of its own in it."""
    target = f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
    method = environ["REQUEST_METHOD"]
    note("asked", f"{os.getpid()} {method} {target}")
    said = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    if method != "POST":
        wait(said)
    fields = [("Content-Type", "text/plain"), ("X-Worker", str(os.getpid()))]
    if method == "POST":
        fields.append(("Cache-Group-Invalidation", '"news"'))
    else:
        fields.append(("Cache-Control", said.get("cc", "max-age=600")))
        if "group" in said:
            fields.append(("Cache-Groups", f'"{said["group"]}"'))
    body = f"{os.getpid()} {target} {os.urandom(4).hex()}".encode()
    start_response("200 OK", [*fields, ("Content-Length", str(len(body)))])
    return [body]


def note(name: str, line: str) -> None:
    """Add *line* to a file, as a whole."""
    with (FOLDER / name).open("ab", buffering=0) as file:
        file.write(f"{line}\n".encode())


def wait(said: dict[str, str]) -> None:
    """Wait as the query says."""
    if "once" in said:
        try:
            os.close(os.open(FOLDER / f"{said['once']}.taken", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
    name = said.get("once", said.get("until"))
    end = time.monotonic() + LONGEST
    while name and not (FOLDER / name).exists() and time.monotonic() < end:
        time.sleep(0.01)


store = store_from_url(STORE) if STORE else MemoryStore()
policy = Policy(off_file=str(FOLDER / "off"), collapse_timeout=30)
cache = CacheMiddleware(app, store=store, policy=policy)
if "WSGICACHE_TEST_LEASE" in os.environ:
    turns.LEASE_SECONDS = float(os.environ["WSGICACHE_TEST_LEASE"])
if isinstance(store, SharedStore):
    lease = store.lease

    def told(key: Key, token: str, seconds: float) -> bool:
        """Write a line for each attempt to get a lease."""
        note("leased", f"{os.getpid()} LEASE {key[2]}?{key[3]}")
        return lease(key, token, seconds)

    store.lease = told  # type: ignore[method-assign]


def front(environ: Environ, start_response: Callable[..., Any]) -> Any:
    """The cache; in front of it the name of the worker that answers."""
    environ["wsgicache.bypass"] = "HTTP_X_BYPASS" in environ

    def start(status: str, fields: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*fields, ("X-Answered-By", str(os.getpid()))], *more)

    return cache(environ, start)
