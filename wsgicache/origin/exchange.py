"""One call of the app, as one asks an origin server (PEP 3333): status and fields at once, the body
as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgicache.bodies import Primed, Write
from wsgicache.controls.control import Controls
from wsgicache.rules.model import FieldLines, Head

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment


class Exchange:
    """One call of the app, captured: nothing is sent before its `head` was looked at.

    Whoever derives from it says what becomes of an app that writes (`on_write`) and of one that
    starts its response again (`send_again`).
    """

    head: Head | None = None
    """Status and fields, once it has started."""
    relayed = False
    """Whether the head has gone on to the client."""
    _sink: Write | None = None

    def on_write(self) -> Write:
        """The app has bytes that want to be out before its body is there: send the head on, and
        return what takes them."""
        raise NotImplementedError

    def send_again(self, status: str, fields: FieldLines, /, exc_info: Any = None) -> Write:
        """Another head after one is out: the server decides."""
        raise NotImplementedError

    @property
    def started(self) -> bool:
        """Whether the app has called start_response."""
        return self.head is not None

    @property
    def wrote(self) -> bool:
        """Whether the app has used write()."""
        return self._sink is not None

    def call(
        self, app: WSGIApplication, environ: WSGIEnvironment, controls: Controls
    ) -> Iterable[bytes]:
        """Call *app* until its head is known, and have *controls* hear it; the body to pass on.

        A lazy app starts at its first chunk, so that is taken. Raises what the app raises, and
        AssertionError where it never calls start_response.
        """
        body = controls.during(environ, app, environ, self._start_response)
        if self.head is not None:
            return body
        primed = Primed(body)
        try:
            controls.during(environ, primed.advance, lambda: self.started)
            if not self.started:
                raise AssertionError("the app ended without calling start_response()")
        except BaseException:
            primed.close()
            raise
        return primed

    def _start_response(
        self, status: str, fields: FieldLines, /, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if self.relayed:
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
            self._sink = self.on_write()
        self._sink(data)
