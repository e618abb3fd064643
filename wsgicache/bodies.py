"""Wrappers of bodies on their way (PEP 3333), in both directions.

`Primed` has some chunks at hand. `Within` makes each chunk inside something. `Tee` hands over the
content if, and only if, it was complete. `WatchedInput` is what the client sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from wsgiref.types import InputStream

__all__ = [
    "Collector", "Primed", "Tee", "WatchedInput", "Within", "Write", "close", "exhaust", "finish",
]  # fmt: skip

T = TypeVar("T")

Write = Callable[[bytes], object]
"""What start_response() returns."""


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
    """An app body each of whose chunks is made by *during*, which is called with a callable."""

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
    """What a `Tee` collects for."""

    def keep(self, content: bytes) -> object:
        """Keep the *content*, which is complete."""

    def drop(self) -> object:
        """Drop what was kept: more has followed."""

    def end(self, too_large: bool) -> object:
        """Hear that nothing more is collected; called once. *too_large* says why, if that is so."""

    def take(self, size: int) -> bool:
        """Return whether there is room for *size* bytes more; if so, they are collected."""

    def ask(self) -> object:
        """Hear that the app is asked for the next chunk."""

    def move(self) -> object:
        """Hear that a chunk goes on to the client."""


class Tee:
    """Pass a body through, chunk for chunk, and have its content kept if it was complete (§3.3).

    Complete is a body that ended by itself with as many bytes as *length* says, where that is
    known; one that reaches *length* is kept before its last chunk leaves, so that the client's next
    request finds it, and dropped again if more follows. More than *limit* bytes are let go. The
    *collector* keeps it.
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
        """Whether it is known that the body is not endless: by its length, or since it is made."""
        return self._length is not None or isinstance(self._body, list | tuple)

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
        """What the app's write() calls: take note, and pass on by *write*."""

        def both(data: bytes) -> None:
            self.collect(data)
            self._collector.move()
            write(data)
            self._collector.ask()

        return both

    def collect(self, chunk: object) -> None:
        """Take note of bytes on their way to the client."""
        if not chunk:
            return
        if self._kept:
            self._kept = False
            self._collector.drop()
        chunks = self._chunks  # It may be given up by another thread meanwhile.
        if chunks is None:
            return
        if not isinstance(chunk, bytes):
            self.give_up()  # for the server to judge
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
        """Keep nothing, and hold no bytes any longer."""
        self._chunks = None
        self._end(self._size > self._limit)

    def _end(self, too_large: bool) -> None:
        if not self._ended:
            self._ended = True
            self._collector.end(too_large)

    def close(self) -> None:
        """Close the app's body; what was not complete by now is not kept."""
        self.give_up()
        # Let go of it: what it holds may hold us.
        body, self._body, self._next = self._body, (), None
        close(body)


class WatchedInput:
    """A server's ``wsgi.input``; *note* is called when anything was read of it."""

    __slots__ = ("_input", "_note")

    def __init__(self, given: InputStream, note: Callable[[], object]) -> None:
        self._input = given
        self._note = note

    def read(self, *size: int) -> bytes:
        """Read at most *size* bytes, or all."""
        return self._noted(self._input.read(*size))

    def readline(self, *size: int) -> bytes:
        """Read a line of at most *size* bytes."""
        return self._noted(self._input.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        """Read all lines, or about *hint* bytes of them."""
        return self._noted(self._input.readlines(*hint))

    def __iter__(self) -> Iterator[bytes]:
        return map(self._noted, self._input)

    def _noted(self, found: T) -> T:
        if found:
            self._note()
        return found

    def __getattr__(self, name: str) -> Any:
        """What else a server's has, such as ``readinto``; it may be a way to what is inside."""
        value = getattr(self._input, name)
        if not callable(value):
            return value if isinstance(value, int | str) else self._noted(value)

        def call(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            return result if result is True or result is False else self._noted(result)

        return call


def close(body: Iterable[bytes]) -> None:
    """Close *body*, if it has a ``close`` method."""
    finish = getattr(body, "close", None)
    if finish is not None:
        finish()


def exhaust(body: Iterable[bytes]) -> None:
    """Take *body* to its end, for what it does on the way, and close it."""
    try:
        for _ in body:
            pass
    finally:
        close(body)


def finish(body: Iterable[bytes], report: Callable[[str, str], object]) -> None:
    """Close a *body* of which no byte is sent.

    A body that is kept, and known to end, is read to its end first. What it raises goes to
    *report*.
    """
    try:
        (exhaust if isinstance(body, Tee) and body.will_end else close)(body)
    except Exception:
        report("unsent", "the app raised in a body that was not sent")
