"""Apps that give bodies, and bodies that count what is done to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.scene import Environ

FRESH = [("Cache-Control", "max-age=60"), ("Content-Type", "text/plain")]
STREAM = [("Cache-Control", "no-store"), ("Content-Type", "text/plain")]

WSGI = Callable[[Environ, Any], Iterable[bytes]]


class Tracked:
    """An iterable that is not its own iterator, and counts what is done to it."""

    def __init__(self, chunks: Iterable[bytes], fail: BaseException | None = None) -> None:
        self.chunks = list(chunks)
        self.fail = fail
        self.closes = 0
        self.iterators = 0
        self.yielded = 0

    def __iter__(self) -> Iterator[bytes]:
        self.iterators += 1
        for chunk in self.chunks:
            self.yielded += 1
            yield chunk
        if self.fail is not None:
            raise self.fail

    def close(self) -> None:
        self.closes += 1


class Falsy(Tracked):
    """Empty, and so false: `if body and hasattr(body, "close")` would forget it."""

    def __len__(self) -> int:
        return len(self.chunks)


def giving(body: Any, headers: list[tuple[str, str]], status: str = "200 OK") -> WSGI:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response(status, list(headers))
        return body() if callable(body) else body

    return app
