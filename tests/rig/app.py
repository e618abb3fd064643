"""An app that does to each request what its script says: answer, wait, raise, cut, hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.scene import Call, Environ, Reply


def page(
    body: str | bytes | Sequence[bytes] = b"page",
    cache_control: str | None = "max-age=60",
    **more: Any,
) -> Reply:
    """An answer that may be stored for a minute."""
    return Reply(200, body, cache_control=cache_control, **more)


@dataclass(frozen=True)
class Turn:
    """What the app does with one request, in this order."""

    before: Callable[[], object] | None = None
    """Called before the head: a gate there makes the headers late, or hangs."""
    delay: float = 0.0
    """Seconds that it sleeps before the head, for processes that share no gate."""
    raises: BaseException | None = None
    """Raised instead of a head."""
    reply: Reply = field(default_factory=page)
    lazy: bool = False
    """Whether start_response is called when the body is iterated only."""
    between: Callable[[], object] | None = None
    """Called after the head, before the body's last chunk."""
    cut: int | None = None
    """Chunks after which the body ends, whatever Content-Length says."""
    breaks: BaseException | None = None
    """Raised where the body ends."""
    closing: BaseException | None = None
    """Raised by close()."""


class Body:
    """A body that plays a turn's second half, and knows how often it was closed."""

    def __init__(self, turn: Turn, start: Callable[[], object] | None) -> None:
        self._turn = turn
        self._start = start
        self.closes = 0

    def __iter__(self) -> Iterator[bytes]:
        turn = self._turn
        if self._start is not None:
            self._start()
        chunks = turn.reply.chunks if turn.cut is None else turn.reply.chunks[: turn.cut]
        for place, chunk in enumerate(chunks):
            if turn.between is not None and place == len(chunks) - 1:
                turn.between()
            yield chunk
        if turn.breaks is not None:
            raise turn.breaks

    def close(self) -> None:
        self.closes += 1
        if self._turn.closing is not None:
            raise self._turn.closing


Script = Callable[[Environ, int], Turn]
"""The turn for a request: its environ, and how many came before it."""


class App:
    """A WSGI app that follows its script, and remembers what was asked."""

    def __init__(self, *turns: Turn | Reply) -> None:
        self._lock = threading.Lock()
        self.calls: list[Call] = []
        self.bodies: list[Body] = []
        self.inside = self.most_inside = 0
        """How many requests are between their beginning and their head; and were at most."""
        self.script: Script = lambda environ, place: Turn()
        if turns:
            self.plays(*turns)

    def plays(self, *turns: Turn | Reply) -> None:
        """These turns from now on, one for each request; then the last one for ever."""
        queue = [turn if isinstance(turn, Turn) else Turn(reply=turn) for turn in turns]
        begin = len(self.calls)
        self.script = lambda environ, place: queue[min(place - begin, len(queue) - 1)]

    @property
    def count(self) -> int:
        return len(self.calls)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            place = len(self.calls)
            self.calls.append(Call(environ))
            self.inside += 1
            self.most_inside = max(self.inside, self.most_inside)
        try:
            turn = self.script(environ, place)
            if turn.before is not None:
                turn.before()
            if turn.delay:
                time.sleep(turn.delay)
            if turn.raises is not None:
                raise turn.raises
        finally:
            with self._lock:
                self.inside -= 1

        def start() -> None:
            start_response(turn.reply.status, list(turn.reply.fields))

        if not turn.lazy:
            start()
        body = Body(turn, start if turn.lazy else None)
        with self._lock:
            self.bodies.append(body)
        return body

    def check_closed(self) -> None:
        """Every body that was handed out was closed exactly once (PEP 3333)."""
        assert [body.closes for body in self.bodies] == [1] * len(self.bodies)


def echo(who: str = "HTTP_COOKIE", **named: Any) -> Script:
    """The page of whoever asks, by the environ key *who*, with the fields *named*."""

    def script(environ: Environ, place: int) -> Turn:
        status = named.get("status", 200)
        fields = {name: value for name, value in named.items() if name != "status"}
        return Turn(reply=Reply(status, f"for {environ.get(who, 'nobody')}", **fields))

    return script


def queried(environ: Environ, place: int) -> Turn:
    """The turn that the request's query asks for, where the app is another process:
    ``delay`` in seconds, ``raise``, ``exit``, ``break``, ``cut``, ``status``, ``size`` in bytes,
    ``cc`` for Cache-Control."""
    asked = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"], True).items()}
    size = int(asked.get("size", 20))
    half = b"x" * (size // 2)
    reply = Reply(
        int(asked.get("status", 200)),
        [half, b"y" * (size - len(half))],
        cache_control=asked.get("cc", "max-age=60"),
        x_place=place,
    )
    raises: BaseException | None = None
    if "raise" in asked:
        raises = RuntimeError("on purpose")
    elif "exit" in asked:
        raises = SystemExit("on purpose")
    return Turn(
        delay=float(asked.get("delay", 0)),
        raises=raises,
        reply=reply,
        cut=int(asked["cut"]) if "cut" in asked else None,
        breaks=RuntimeError("on purpose") if "break" in asked else None,
    )
