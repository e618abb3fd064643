"""What every site shows: the same pages, whatever framework stands in front of them.

A view takes the request's fields, a function of a name, and gives an Answer. The framework's own
part (sessions, forms, files) is in `tests.servers.apps`; the pages here need none of it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple

DIRECTORY = Path(os.environ.get("WSGICACHE_SITE", "."))
"""Where the test and the site meet: here are the flags that let events go on."""
FILES = DIRECTORY / "files"
"""The static files, of which one is there to download."""

PAGE = b"<!doctype html><title>page</title>" + b"".join(b"<p>line %d\n" % n for n in range(100))
LINES = [b"line %d of the stream\n" % n for n in range(20)]
BLOCK = bytes(range(256)) * 256
BLOCKS = 96
"""A body of 6 MiB: more than the sockets of both sides hold, less than the cache's max_content."""

ON_PURPOSE = "raised on purpose"
MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"

RequestField = Callable[[str], str]
Field = tuple[str, str]


class Answer(NamedTuple):
    body: bytes | Iterable[bytes]
    fields: list[Field]
    status: int = 200


_calls = itertools.count(1)


def served() -> Field:
    """The number of this call of the app; a response from the cache keeps its first."""
    return ("X-Served", str(next(_calls)))


def text(body: bytes | Iterable[bytes], *fields: Field, status: int = 200) -> Answer:
    """A plain text answer that tells its call's number."""
    return Answer(body, [("Content-Type", "text/plain"), served(), *fields], status)


FRESH = ("Cache-Control", "max-age=60")

# ── bodies that count how often they were opened and closed ──────────────────────────────────────

opened: list[Body] = []
closed: list[Body] = []


class Body:
    """An iterable that a server must close once, however it was read (PEP 3333)."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        opened.append(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def close(self) -> None:
        closed.append(self)


# ── the pages ────────────────────────────────────────────────────────────────────────────────────


def page(field: RequestField) -> Answer:
    fields = [FRESH, ("ETag", '"page"'), ("Last-Modified", MODIFIED), ("X-Custom", "kept")]
    return Answer(PAGE, [("Content-Type", "text/html; charset=utf-8"), served(), *fields])


def vary(field: RequestField) -> Answer:
    body = b"in " + (field("Accept-Language") or "no language").encode()
    return text(body, FRESH, ("Vary", "Accept-Language"))


def slow(field: RequestField) -> Answer:
    time.sleep(0.1)
    return text(b"slow", FRESH)


def stream(field: RequestField) -> Answer:
    return text(Body(iter(LINES)), FRESH)


def big(field: RequestField) -> Answer:
    return text(Body(BLOCK for _ in range(BLOCKS)), FRESH)


def endless(field: RequestField) -> Answer:
    return text(Body(itertools.repeat(BLOCK)), FRESH)


def events(field: RequestField) -> Answer:
    """The second event is produced when the test says that it has read the first."""
    flag = DIRECTORY / field("X-Flag")

    def produce() -> Iterator[bytes]:
        yield b"data: first\n\n"
        deadline = time.monotonic() + 30
        while not flag.exists():
            if time.monotonic() > deadline:
                yield b"data: the first was never read\n\n"
                return
            time.sleep(0.005)
        yield b"data: second\n\n"

    fields = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache")]
    return Answer(Body(produce()), [*fields, served()])


def raises(field: RequestField) -> Answer:
    raise LookupError(ON_PURPOSE)


def breaks(field: RequestField) -> Answer:
    def produce() -> Iterator[bytes]:
        yield LINES[0]
        raise LookupError(ON_PURPOSE)

    return text(Body(produce()), FRESH)


def unavailable(field: RequestField) -> Answer:
    return text(b"come back later", ("Retry-After", "1"), status=503)


def gone(field: RequestField) -> Answer:
    return text(b"gone for good", FRESH, status=410)


def dated(field: RequestField) -> Answer:
    return text(b"dated", FRESH, ("Date", formatdate(usegmt=True)))


def aged(field: RequestField) -> Answer:
    return text(b"aged", FRESH, ("Age", "20"), ("Cache-Status", "inner; hit"))


def hop(field: RequestField) -> Answer:
    """PEP 3333 forbids these to apps; the cache keeps them from what it stores and sends."""
    own = [("Connection", "X-Hop"), ("X-Hop", "secret"), ("Keep-Alive", "timeout=77")]
    return text(b"hop", FRESH, *own)


def smuggled(field: RequestField) -> Answer:
    return text(b"SMUGGLED")


def balance(field: RequestField) -> Answer:
    return text(json.dumps([len(opened), len(closed), len(set(closed))]).encode())


VIEWS: dict[str, Callable[[RequestField], Answer]] = {
    "/page": page,
    "/vary": vary,
    "/slow": slow,
    "/stream": stream,
    "/big": big,
    "/endless": endless,
    "/events": events,
    "/raises": raises,
    "/breaks": breaks,
    "/unavailable": unavailable,
    "/gone": gone,
    "/dated": dated,
    "/aged": aged,
    "/hop": hop,
    "/smuggled": smuggled,
    "/balance": balance,
}

# ── what the framework's own pages share ─────────────────────────────────────────────────────────

_counts: dict[str, int] = {}


def counted(name: str) -> Answer:
    """GET /counter: how often *name* was raised."""
    return text(b"%s is %d" % (name.encode(), _counts.get(name, 0)), FRESH)


def raised(name: str) -> Answer:
    """POST /counter."""
    _counts[name] = _counts.get(name, 0) + 1
    return text(b"raised")


def received(body: bytes) -> Answer:
    """POST /upload."""
    return text(b"%d %s" % (len(body), hashlib.sha256(body).hexdigest().encode()))
