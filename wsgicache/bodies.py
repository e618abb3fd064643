"""Wrappers of bodies on their way to the client (PEP 3333).

`Primed` has some chunks at hand. `Within` makes each chunk inside something. `Tee` hands over the
content if, and only if, it was complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from wsgicache.rules.model import SLICE

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

__all__ = [
    "Collector", "Primed", "Tee", "Within", "Write", "close", "exhaust", "finish",
    "leaving",
]  # fmt: skip


Write = Callable[[bytes], object]
"""The callable that start_response() returns."""


class Primed:
    """An app body some of whose chunks are at hand already.

    They were taken to make the app start, or are the stored part of the content.
    """

    __slots__ = ("_body", "_next", "_pending")

    def __init__(self, body: Iterable[bytes], *pending: bytes) -> None:
        self._body = body
        self._pending = list(reversed(pending))
        self._next: Callable[[], bytes] | None = None

    def advance(self, started: Callable[[], bool]) -> None:
        """Iterate until the app has *started*, or ended."""
        rest = iter(self._body)
        while not started() and (chunk := next(rest, None)) is not None:
            self._pending.append(chunk)
        self._pending.reverse()
        self._next = rest.__next__

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._pending:
            return self._pending.pop()
        if self._next is None:
            self._next = iter(self._body).__next__
        return self._next()

    def close(self) -> None:
        """Close the app's body."""
        close(self._body)


class Within:
    """An app body whose chunks *during* makes: it is called with the callable for the next one."""

    __slots__ = ("_body", "_during", "_next")

    def __init__(
        self, during: Callable[[Callable[[], bytes]], bytes], body: Iterable[bytes]
    ) -> None:
        self._body = body
        self._during = during
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._during(self._advance)

    def _advance(self) -> bytes:
        if self._next is None:
            self._next = iter(self._body).__next__
        return self._next()

    def close(self) -> None:
        """Close the app's body."""
        close(self._body)


class Collector(Protocol):
    """The receiver of what a `Tee` collects."""

    def keep(self, content: bytes) -> object:
        """Keep the *content*, which is complete."""

    def drop(self) -> object:
        """Drop what was kept: more bytes followed."""

    def end(self, too_large: bool) -> object:
        """Note that nothing more is collected, once; *too_large* is true if that is the reason."""

    def take(self, size: int) -> bool:
        """Return whether there is room for *size* bytes more; if so, they are collected."""

    def ask(self) -> object:
        """Note that the app is asked for the next chunk."""

    def move(self) -> object:
        """Note that a chunk goes on to the client."""


class Tee:
    """Pass a body through, chunk by chunk, and have its content kept if it was complete (§3.3).

    A body is complete if it ended normally, with as many bytes as *length* says, if that is known.
    A body that reaches *length* is kept before its last chunk leaves, so that the client's next
    request finds it, and is dropped again if more follows. Bodies of more than *limit* bytes are
    not kept. The *collector* keeps them.
    """

    __slots__ = (
        "__weakref__",
        "_body",
        "_chunks",
        "_collector",
        "_ended",
        "_kept",
        "_length",
        "_limit",
        "_next",
        "_size",
    )

    def __init__(self, limit: int, length: int | None, collector: Collector) -> None:
        self._body: Iterable[bytes] = ()
        self._next: Callable[[], bytes] | None = None
        self._chunks: list[bytes] | None = []
        self._size = 0
        self._limit = limit
        self._length = length
        self._collector = collector
        self._kept = self._ended = False

    def over(self, body: Iterable[bytes]) -> Tee:
        """Take the chunks from *body*."""
        self._body = body
        return self

    @property
    def will_end(self) -> bool:
        """Return whether the body is known to end: it has a length, or is complete already."""
        return self._length is not None or isinstance(self._body, list | tuple)

    @property
    def collects(self) -> bool:
        """Return whether the body may still be kept."""
        return self._chunks is not None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._collector.ask()
        try:
            if self._next is None:
                self._next = iter(self._body).__next__
            chunk = self._next()
        except StopIteration:
            if self._chunks is not None and (self._length is None or self._length == self._size):
                self._complete()
                self._kept = True  # until the app writes in close()
            self.give_up()
            raise
        except BaseException:
            self.give_up()
            raise
        self.collect(chunk)
        self._collector.move()
        return chunk

    def writing(self, write: Write) -> Write:
        """Return a write() for the app, which collects the bytes and passes them to *write*."""

        def both(data: bytes) -> None:
            self.collect(data)
            self._collector.move()
            write(data)
            self._collector.ask()

        return both

    def collect(self, chunk: object) -> None:
        """Collect bytes on their way to the client."""
        if not chunk:
            return
        if self._kept:
            self._kept = False
            self._collector.drop()
        chunks = self._chunks  # It may be given up by another thread meanwhile.
        if chunks is None:
            return
        if not isinstance(chunk, bytes):
            self.give_up()  # the server decides about it
            return
        self._size += len(chunk)
        if self._size > self._limit or (self._length is not None and self._size > self._length):
            self.give_up()
            return
        if not self._collector.take(len(chunk)):
            self.give_up()
            return
        chunks.append(chunk)
        if self._size == self._length:
            self._complete()
            self._kept = True

    def _complete(self) -> None:
        chunks, self._chunks = self._chunks, None
        if chunks is not None:
            self._collector.keep(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        self._end(False)

    def give_up(self) -> None:
        """Keep nothing, and release the bytes collected so far."""
        self._chunks = None
        self._end(self._size > self._limit)

    def _end(self, too_large: bool) -> None:
        if not self._ended:
            self._ended = True
            self._collector.end(too_large)

    def close(self) -> None:
        """Close the app's body; if it was not complete by now, it is not kept."""
        self.give_up()
        # The body may refer to this object: break the cycle.
        body, self._body, self._next = self._body, (), None
        close(body)


def leaving(pieces: Sequence[bytes], environ: WSGIEnvironment) -> Iterable[bytes]:
    """Return a body of *pieces*, a stored content: in slices, or as a file, if it is large.

    A server that is given it as a file copies nothing before the client takes it.
    """
    if sum(map(len, pieces)) <= SLICE:
        return pieces
    wrapper: Any = environ.get("wsgi.file_wrapper")
    # That of uWSGI, a function, takes nothing but files of the system.
    if len(pieces) == 1 and isinstance(wrapper, type):
        wrapped: Iterable[bytes] = wrapper(BytesIO(pieces[0]), SLICE)
        return wrapped
    return _sliced(pieces)


def _sliced(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for place in range(0, len(piece), SLICE):
            yield piece[place : place + SLICE]


def close(body: Iterable[bytes]) -> None:
    """Close *body*, if it has a ``close`` method."""
    finish = getattr(body, "close", None)
    if finish is not None:
        finish()


def exhaust(body: Iterable[bytes], reads: Callable[[], bool] = lambda: True) -> None:
    """Read *body* to its end, for its side effects, while *reads* returns True; and close it."""
    try:
        for _ in body:
            if not reads():
                break
    finally:
        close(body)


def finish(
    body: Iterable[bytes],
    report: Callable[[str, str], object],
    waits: Callable[[], bool] = lambda: False,
) -> None:
    """Close a *body* of which no byte is sent.

    A body that is kept is read to its end first, if it is known to end. Any other is read while it
    may be kept and *waits* returns True. What it raises goes to *report*.
    """
    try:
        if not isinstance(body, Tee):
            close(body)
        elif body.will_end:
            exhaust(body)
        else:
            exhaust(body, lambda: body.collects and waits())
    except Exception:
        report("unsent", "the app raised in a body that was not sent")
