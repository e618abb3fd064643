"""Filling a store in a process of its own, to see what that takes of the machine's memory.

``python -m benchmarks.filling URLS CONTENT FIELDS BUDGET`` prints what it found as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.calls import call, constant, environ
from wsgicache import CacheMiddleware, MemoryStore

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ROOT = Path(__file__).resolve().parent.parent
STATUS = Path("/proc/self/status")


class Filled(NamedTuple):
    """What came of it, in bytes."""

    entries: int
    counted: int
    """What the store says that they take."""
    own: int
    """Fields and content of one of them."""
    before: int
    """Memory of the process before; it grows to *after*, and had *most* at one time."""
    after: int
    most: int

    @property
    def overhead(self) -> float:
        """Bytes per entry over those of its fields and its content."""
        return (self.after - self.before) / self.entries - self.own


class Shape(NamedTuple):
    """A page: bytes of content, and of a field beside the usual ones."""

    content: int
    fields: int = 0


def pages(shape: Shape) -> WSGIApplication:
    """Pages that share no byte with each other, as those of real applications."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", fields(shape, environ["PATH_INFO"]))
        return [environ["PATH_INFO"].encode().ljust(shape.content, b".")[: shape.content]]

    return app


def fields(shape: Shape, path: str) -> list[tuple[str, str]]:
    """The fields of one, every value a string of its own."""
    lines = [
        ("Content-Type", "; ".join(["text/html", "charset=utf-8"])),
        ("Content-Length", str(shape.content)),
        ("Vary", "-".join(["Accept", "Encoding"])),
        ("ETag", f'"{path[1:]:>040}"'),
        ("Cache-Control", "=".join(["max-age", "3600"])),
    ]
    return [*lines, ("Link", path.ljust(shape.fields, "."))] if shape.fields else lines


def own_bytes(shape: Shape) -> int:
    """Bytes of fields and content."""
    lines = fields(shape, path_of(0))
    return shape.content + sum(len(name) + len(value) for name, value in lines)


def path_of(number: int) -> str:
    """Paths of one length."""
    return f"/articles/{number:07}"


def room(entries: int) -> int:
    """The budget of a `MemoryStore` for so many pages of the constant application."""
    store = MemoryStore()
    call(CacheMiddleware(constant, store=store), environ(path_of(0)))
    return store.bytes * entries


def memory(name: str) -> int:
    """Bytes that this process has (``VmRSS``) or had at most (``VmHWM``). Raises OSError."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{STATUS} does not tell {name}")


def fill(urls: int, shape: Shape, budget: int) -> Filled:
    """Ask for so many URLs through a cache with a memory of *budget* bytes."""
    store = MemoryStore(max_bytes=budget)
    cache = CacheMiddleware(pages(shape), store=store)
    call(cache, environ())
    before = memory("VmRSS")
    for number in range(urls):
        call(cache, environ(path_of(number)))
    after, most = memory("VmRSS"), memory("VmHWM")
    return Filled(len(store), store.bytes, own_bytes(shape), before, after, most)


def filled(urls: int, shape: Shape, budget: int) -> Filled:
    """The same in a process of its own. Raises CalledProcessError."""
    arguments = [str(number) for number in (urls, *shape, budget)]
    line = [sys.executable, "-m", "benchmarks.filling", *arguments]
    done = subprocess.run(line, cwd=ROOT, check=True, capture_output=True, text=True)
    return Filled(*json.loads(done.stdout))


if __name__ == "__main__":
    urls, content, more, budget = map(int, sys.argv[1:])
    print(json.dumps(fill(urls, Shape(content, more), budget)))
