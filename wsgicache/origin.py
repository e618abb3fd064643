"""Calling the app as one asks an origin server (PEP 3333).

`Exchange` is one call: status and fields at once, the body as it comes. `Tee` passes a body
through and hands over the content if, and only if, it was complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from wsgicache.rules.model import FieldLines

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Head = tuple[str, FieldLines]
Write = Callable[[bytes], object]


class Exchange:
    """One call of the app, captured: nothing is sent before `head` has been looked at.

    An app that uses write() wants its bytes out at once; *on_write* is called then, must send the
    head on and return what takes the bytes.
    """

    __slots__ = ("_sink", "head", "on_write", "send_again")

    def __init__(self, on_write: Callable[[Exchange], Write]) -> None:
        self.head: Head | None = None
        self.send_again: StartResponse | None = None
        """Where a later start_response goes once the head is out: set by who sent it."""
        self.on_write = on_write
        self._sink: Write | None = None

    @property
    def wrote(self) -> bool:
        """Whether the app has used write()."""
        return self._sink is not None

    @property
    def started(self) -> bool:
        """Whether the app has called start_response."""
        return self.head is not None

    def call(self, app: WSGIApplication, environ: WSGIEnvironment) -> Iterable[bytes]:
        """Call *app* until its head is known; the body to pass on.

        A lazy app starts at its first chunk, so that is taken. Raises what the app raises, and
        AssertionError where it never calls start_response.
        """
        body = app(environ, self._start_response)
        if self.head is not None:
            return body
        primed = Primed(body)
        try:
            primed.advance(lambda: self.started)
            if not self.started:
                raise AssertionError("the app ended without calling start_response()")
        except BaseException:
            primed.close()
            raise
        return primed

    def _start_response(
        self, status: str, fields: FieldLines, /, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if self.send_again is not None:
            # The head is out: the server decides, as it would without a cache between.
            try:
                return self.send_again(status, fields, exc_info)
            finally:
                exc_info = None
        if self.head is not None and exc_info is None:
            raise AssertionError("start_response() was called a second time without exc_info")
        self.head = (status, fields)
        return self._write

    def _write(self, data: bytes) -> None:
        if self._sink is None:
            self._sink = self.on_write(self)
        self._sink(data)


class Primed:
    """An app body some of whose chunks are at hand already: those that were taken to make the app
    start, or a part of the content that was stored."""

    __slots__ = ("_body", "_next", "_pending")

    def __init__(self, body: Iterable[bytes], *pending: bytes) -> None:
        self._body = body
        self._pending = list(pending)
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


class Tee:
    """Pass a body through, chunk for chunk, and *keep* its content if it was complete (§3.3).

    Complete is a body that ended by itself with as many bytes as *length* says, where that is
    known; one that reaches *length* is kept before its last chunk leaves, so that the client's next
    request finds it, and dropped again if more follows. More than *limit* bytes are let go.
    *end* is called once, when it is known whether anything was kept: with True if it was too large.
    """

    __slots__ = (
        "_body",
        "_chunks",
        "_drop",
        "_end",
        "_keep",
        "_kept",
        "_length",
        "_limit",
        "_next",
        "_size",
    )

    def __init__(
        self,
        limit: int,
        length: int | None,
        keep: Callable[[bytes], object],
        drop: Callable[[], object],
        end: Callable[[bool], object],
    ) -> None:
        self._body: Iterable[bytes] = ()
        self._next: Callable[[], bytes] | None = None
        self._chunks: list[bytes] | None = []
        self._size = 0
        self._limit = limit
        self._length = length
        self._keep = keep
        self._drop = drop
        self._end: Callable[[bool], object] | None = end
        self._kept = False

    def over(self, body: Iterable[bytes]) -> Tee:
        """Take the chunks from *body*."""
        self._body = body
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._next is None:
                self._next = iter(self._body).__next__
            chunk = self._next()
        except StopIteration:
            if self._chunks is not None and (self._length is None or self._length == self._size):
                self._complete()
            self.give_up()
            raise
        except BaseException:
            self.give_up()
            raise
        self.collect(chunk)
        return chunk

    def writing(self, write: Write) -> Write:
        """What the app's write() calls: take note, and pass on by *write*."""

        def both(data: bytes) -> None:
            self.collect(data)
            write(data)

        return both

    def collect(self, chunk: object) -> None:
        """Take note of bytes on their way to the client."""
        if not chunk:
            return
        if self._kept:
            self._kept = False
            self._drop()
        if self._chunks is None:
            return
        if not isinstance(chunk, bytes):
            self.give_up()  # for the server to judge
            return
        self._size += len(chunk)
        if self._size > self._limit or (self._length is not None and self._size > self._length):
            self.give_up()
            return
        self._chunks.append(chunk)
        if self._size == self._length:
            self._complete()
            self._kept = True

    def _complete(self) -> None:
        chunks, self._chunks = self._chunks, None
        if chunks is not None:
            self._keep(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        self._ended(False)

    def give_up(self) -> None:
        """Keep nothing, and hold no bytes any longer."""
        self._chunks = None
        self._ended(self._size > self._limit)

    def _ended(self, too_large: bool) -> None:
        end, self._end = self._end, None
        if end is not None:
            end(too_large)

    def close(self) -> None:
        """Close the app's body; what was not complete by now is not kept."""
        self.give_up()
        # Let go of it: what it holds may hold us.
        body, self._body, self._next = self._body, (), None
        close(body)


def close(body: Iterable[bytes]) -> None:
    """Call *body*'s close(), if it has one."""
    finish = getattr(body, "close", None)
    if finish is not None:
        finish()
