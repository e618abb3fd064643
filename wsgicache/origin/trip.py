"""What is known of one request on its way to the app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wsgicache.observe.stats import Told
from wsgicache.origin.flights import Alone, Flight, Landing, Outcome, Pace
from wsgicache.rules import storing
from wsgicache.rules.keys import Kind
from wsgicache.rules.model import (
    ANY_TIME,
    NEVER,
    UNSELECTED,
    CacheEntry,
    Decision,
    FieldLines,
    Fill,
)
from wsgicache.rules.request import Request
from wsgicache.rules.wholes import as_whole
from wsgicache.stores.equivalents import NEW_SEARCH

if TYPE_CHECKING:
    from wsgiref.types import InputStream, WSGIEnvironment

__all__ = [
    "ANNOUNCING",
    "COLLECTING",
    "NEXT_TIME",
    "RAISED",
    "TOO_LARGE",
    "Reuse",
    "Trip",
    "WatchedInput",
]

T = TypeVar("T")
Count = Callable[[Told, "WSGIEnvironment"], object]

TOO_LARGE = "too-large"
"""Why a response is not stored whose content is too large to keep."""
COLLECTING = "collecting"
"""Why a response is not stored where others are being collected; the next one may be."""

RAISED = "500"
"""The status that servers give a request for which the app raised."""

NEXT_TIME = frozenset({storing.FORCED, COLLECTING, NEW_SEARCH})
"""Why a response is not stored, although the next one to the same request may be."""

ANNOUNCING = ("HTTP/1.1", "HTTP/1.0")
"""Protocols in which the head of a request says whether content follows."""


class WatchedInput:
    """A server's ``wsgi.input``; *note* is called when anything was read from it."""

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
        """Return another attribute of the input, such as ``readinto``, which may lead inside."""
        value = getattr(self._input, name)
        if not callable(value):
            return value if isinstance(value, int | str) else self._noted(value)

        def call(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            return result if result is True else self._noted(result)

        return call


class Trip:
    """One request on its way, from the look-up on: what was known then, and who waits for it."""

    __slots__ = (
        "background",
        "count",
        "decision",
        "entry",
        "fill",
        "flight",
        "kind",
        "looked_up_at",
        "request",
        "sends_content",
        "told",
        "uncollected",
        "wanted",
    )

    def __init__(
        self,
        request: Request,
        decision: Decision,
        count: Count | None = None,
    ) -> None:
        self.request = request
        self.wanted: Request | None = None
        """What the client wants, if that is a part of *request*, the whole."""
        self.decision = decision
        self.count = count
        """What counts the request; None once it was counted."""
        self.told: Told | None = None
        """What was counted, if more may follow."""
        self.sends_content = True
        """Whether the client gets the content of the answer."""
        self.looked_up_at = NEVER
        """The time of the last look-up, on this cache's clock; after a wait, when that ended."""
        self.fill: Fill = ANY_TIME
        """The moment from which its response may fill the entry."""
        self.kind: Kind = UNSELECTED
        """What selects among the responses to its key, as known at the look-up."""
        self.entry: CacheEntry | None = None
        """What was found at the look-up, if nothing of it was chosen then."""
        self.background = False
        """Whether it is a background validation, whose answer goes to no client."""
        self.uncollected: str | None = None
        """Why its body is not collected: what is known of its key, or that others collect it."""
        self.flight: Landing | None = None
        """The flight that it leads, or a stand-in; every way out must land it."""

    def begin(self, entry: CacheEntry | None, now: float, fill: Fill) -> None:
        """Note what was found at *now*."""
        self.looked_up_at, self.fill = now, fill
        if entry is None:
            self.kind = UNSELECTED
        elif (stored := self.decision.stored) is not None:
            self.kind = stored.kind
        else:
            self.kind, self.entry = (entry.nominated, None), entry

    def widen(self) -> None:
        """Ask for the whole, though the client wants a part of it."""
        self.wanted = self.request
        self.request = as_whole(self.wanted)

    def narrow(self) -> None:
        """Ask for what the client wants, after all."""
        assert self.wanted is not None, "it asks for that already"
        self.request, self.wanted = self.wanted, None

    @property
    def is_for_one(self) -> bool:
        """Whether its key is known for responses that are not shared: the answer is for one client.

        Past half its time, what is known has to be recorded again. Only a whole page shows that.
        """
        return isinstance(self.flight, Alone) and self.flight.until is not NEVER

    def streams(self, pace: Pace) -> Flight | None:
        """Show those who wait how the body gets on; return the flight that it leads, if any."""
        flight = self.flight
        if not isinstance(flight, Flight):
            return None
        flight.pace = pace
        return flight

    def watching(self, shown: WSGIEnvironment) -> WSGIEnvironment:
        """Return *shown* with an input that notes when the app reads unannounced content.

        No key has the content of a GET (RFC 9110 §9.3.1). Only HTTP/2 and later have content that
        nothing announces: in HTTP/1.1 a request without Content-Length and Transfer-Encoding has
        none (RFC 9112 §6.3).
        """
        if not shown["wsgi.input_terminated"] or self.request.method == "POST":
            return shown  # the app may read no more than Content-Length
        return {**shown, "wsgi.input": WatchedInput(shown["wsgi.input"], self._note_reading)}

    def _note_reading(self) -> None:
        self.request.content_was_read = True

    def tell(self, told: Told) -> None:
        """Count what the request came to; only the first call counts.

        If the answer is stored, its hits will count the same route and seconds.
        """
        count, self.count = self.count, None
        if count is not None:
            if told.detail is None:
                self.told = told
                # PERF: Fill() would take 0.2 µs more.
                self.fill = tuple.__new__(Fill, (*self.fill[:5], told.route, told.spent, ""))
            count(told, self.request.environ)

    def fail(self, now: float) -> None:
        """Land, and count, what ends *now* with an exception."""
        self.land("failed")
        request, forward = self.request, self.decision.forward
        outcome = "bypass" if forward == "method" else "refused"
        mount, spent = request.environ.get("SCRIPT_NAME", ""), now - self.looked_up_at
        self.tell(Told(outcome, forward, "raised", RAISED, now, "", mount, request.key, spent))

    def land(self, outcome: Outcome, why: str | None = None, code: int | None = None) -> None:
        """Report how it ended to those who wait, if it leads a flight; only the first call counts.

        *why* is the reason if the response is not shared. *code* is the status of the app's failure
        if a stale response stood in.
        """
        flight, self.flight = self.flight, None
        if flight is not None:
            flight.land(outcome, why, code)


class Reuse(NamedTuple):
    """A stored response that is served after all, though the request was to go forward."""

    decision: Decision
    """It says why it was to go forward."""
    cache_status: str
    """The forwarding, for Cache-Status."""
    more: FieldLines
    """Fields for this client alone."""
    outcome: str
    """What the request came to: ``hit``, ``validated`` or ``refused``."""
    detail: str | None = None
    """Why the answer is not stored."""
    spent: float = 0.0
    """The seconds that the app took."""
