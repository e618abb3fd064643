"""``python -m tests.processes.twice copies|interpreters``: the package more than once in a process,
as mod_wsgi runs several applications."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

MODULE = "_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters"
"""Where the standard library has them before it has a public module."""

PLAY = """
import time
from tests.scene import environ_for, exchange
from wsgicache import CacheMiddleware

asked = []

def app(environ, start_response):
    asked.append(environ["PATH_INFO"])
    stale = environ["PATH_INFO"] == "/stale"
    says = "max-age=0, stale-while-revalidate=60" if stale else "max-age=9"
    start_response("200 OK", [("Cache-Control", says), ("Content-Type", "text/plain")])
    return [b"page"]

cache = CacheMiddleware(app)
said = ["hit" if exchange(cache, environ_for()).hit else "miss" for _ in range(2)]
exchange(cache, environ_for("GET", "/stale"))
assert exchange(cache, environ_for("GET", "/stale")).code == 200
end = time.monotonic() + 30
while asked.count("/stale") < 2 and time.monotonic() < end:
    time.sleep(0.01)
said.append("refreshed" if asked.count("/stale") == 2 else "not refreshed")
"""


def fresh_copy() -> ModuleType:
    """The package, imported anew beside those that are there."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "wsgicache"]:
        del sys.modules[name]
    return importlib.import_module("wsgicache")


def ask(cache: Any) -> str:
    from tests.scene import environ_for, exchange

    return ", ".join("hit" if exchange(cache, environ_for()).hit else "miss" for _ in range(2))


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """A page."""
    start_response("200 OK", [("Cache-Control", "max-age=60"), ("Content-Type", "text/plain")])
    return [b"page"]


def copies() -> None:
    """Two copies, then a child of the process."""
    first, second = fresh_copy(), fresh_copy()
    assert first is not second
    assert first.CacheMiddleware is not second.CacheMiddleware
    one, other = first.CacheMiddleware(app), second.CacheMiddleware(app)
    told = f"first: {ask(one)}; second: {ask(other)}"
    # Both hear of the fork: what was locked in the parent is free in the child.
    one._flights._lock.acquire()
    other._flights._lock.acquire()
    read, write = os.pipe()
    if not os.fork():
        try:
            one._flights.forget()
            other._flights.forget()
            os.write(write, ask(first.CacheMiddleware(app)).encode())
        finally:
            os._exit(0)
    os.close(write)
    print(f"{told}; in a child: {os.read(read, 100).decode()}")


def interpreters() -> None:
    """Three interpreters, one after the other, as mod_wsgi makes them: with threads."""
    made: Any = importlib.import_module(MODULE)
    place = f"import sys; sys.path.insert(0, {os.getcwd()!r})\n"
    for _ in range(3):
        read, write = os.pipe()
        new = sys.version_info >= (3, 13)
        number = made.create("legacy") if new else made.create(isolated=False)
        tell = f"\nimport os\nos.write({write}, ', '.join(said).encode())\n"
        failed = made.run_string(number, place + PLAY + tell)
        assert failed is None, failed
        made.destroy(number)
        os.close(write)
        with os.fdopen(read) as said:
            print(said.read())


if __name__ == "__main__":
    {"copies": copies, "interpreters": interpreters}[sys.argv[1]]()
