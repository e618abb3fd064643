"""Try a request on the real walk, apart from the cache that serves.

The app's answer is recorded once. The walk can then be repeated with another answer, another
request, another policy or other routes, and says each time what the cache would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import http_sf

from wsgicache.bodies import close
from wsgicache.controls.control import KEY, Control, Controls
from wsgicache.controls.routes import Route
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.differing import says_why_asked
from wsgicache.rules.entries import Change
from wsgicache.rules.keys import Key
from wsgicache.rules.model import NO_LINES, CacheEntry, FieldLines, StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.rules.storing import is_endless
from wsgicache.stores import Searching, SharedStore
from wsgicache.why.asked import Asked

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgicache.stores import Store

__all__ = [
    "Outcome", "Recorded", "Recorder", "Shelf", "StandingClock", "Trial", "outcome_of", "standing",
    "summary",
]  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """What an app answered: an app itself, which always answers that."""

    status: str
    fields: FieldLines
    content: bytes = b""
    said: tuple[Control, ...] = ()
    """What decorators and the view said of it."""
    raised: Exception | None = None
    """What the app raised instead of answering."""
    in_pieces: bool = False
    """Whether the content came in pieces, which the cache has to collect."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer (PEP 3333)."""
        if self.raised is not None:
            raise self.raised
        environ[KEY].say(*self.said)
        start_response(self.status, list(self.fields))
        return iter([self.content]) if self.in_pieces else [self.content]

    def value(self, name: str) -> str | None:
        """Return the value of the field *name*, its lines joined, or None."""
        lines = [value.strip() for one, value in self.fields if one.lower() == name.lower()]
        return ", ".join(lines) if lines else None

    def without(self, *names: str) -> Recorded:
        """Return the same answer without the fields *names*."""
        gone = {name.lower() for name in names}
        return replace(self, fields=[line for line in self.fields if line[0].lower() not in gone])

    def having(self, name: str, value: str) -> Recorded:
        """Return the same answer, but with *value* alone in the field *name*."""
        other = self.without(name)
        return replace(other, fields=[*other.fields, (name, value)]) if value else other


class Recorder:
    """An app that records what *app* answers. It reads *most* bytes of content and a few more.

    *watching* returns the environ that the app gets in place of its own.
    """

    def __init__(
        self,
        app: WSGIApplication,
        most: int,
        watching: Callable[[WSGIEnvironment], WSGIEnvironment] = lambda environ: environ,
    ) -> None:
        self._app = app
        self._most = most
        self._watching = watching
        self.recorded: Recorded | None = None
        """The first answer."""

    @property
    def raised(self) -> Exception | None:
        """What the app raised instead of answering."""
        return None if self.recorded is None else self.recorded.raised

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the app does, and record it (PEP 3333)."""
        controls = environ[KEY]
        known = len(controls.said)
        recorded = self._record(environ)
        said = controls.said[known:]
        controls.said = controls.said[:known]
        recorded = replace(recorded, said=said)
        self.recorded = self.recorded or recorded
        return recorded(environ, start_response)

    def asked(self, asked: Asked) -> Recorded:
        """Return what the app answers to a request that no cache sees."""
        environ, controls = asked.environ(), Controls()
        recorded = controls.during(environ, self._record, environ)
        return replace(recorded, said=controls.said)

    def _record(self, environ: WSGIEnvironment) -> Recorded:
        head: tuple[str, FieldLines] = ("500 No Answer", [])
        chunks: list[bytes] = []

        def start(status: str, fields: FieldLines, exc_info: Any = None) -> Callable[[bytes], None]:
            nonlocal head
            head = status, list(fields)
            return chunks.append

        try:
            body = self._app(self._watching(environ), start)
            try:
                size = 0
                for chunk in body:
                    chunks.append(chunk)
                    size += len(chunk)
                    # A stream could keep us waiting for ever.
                    kind = next((v for n, v in head[1] if n.lower() == "content-type"), "")
                    if size > self._most or is_endless(kind):
                        break
            finally:
                close(body)
        except Exception as error:
            return Recorded(*head, raised=error)
        in_pieces = not (isinstance(body, list | tuple) and len(body) == 1)
        return Recorded(*head, b"".join(chunks), in_pieces=in_pieces)


class Shelf:
    """A store in front of another: it reads there, and writes nothing there.

    Without another store it begins empty.
    """

    def __init__(self, behind: Store | None = None) -> None:
        self._behind = behind
        self.entries: dict[Key, CacheEntry | None] = {}
        """What was written."""
        self.likely = ""
        """What a response to the request probably says in No-Vary-Search."""
        self._searches: tuple[str, ...] = ()

    def copy(self) -> Shelf:
        """Return a shelf with the same on it."""
        other = Shelf(self._behind)
        other.entries |= self.entries
        other.likely, other._searches = self.likely, self._searches
        return other

    def get(self, key: Key) -> CacheEntry | None:
        """Return the entry under *key*, or None."""
        if key in self.entries or self._behind is None:
            return self.entries.get(key)
        return self._behind.get(key)

    def content(self, stored: StoredResponse) -> Sequence[bytes] | None:
        """Return the content of *stored*, in pieces, or None."""
        if stored.content is not None:
            return [stored.content]
        return None if self._behind is None else self._behind.content(stored)

    def update(self, key: Key, change: Change) -> None:
        """Write down what *change* makes of the entry under *key*."""
        self.entries[key] = change(self.get(key))

    def searches(self, *, now: bool = False) -> tuple[str, ...]:
        """Return what responses say in No-Vary-Search, the likely one last."""
        behind = self._behind.searches() if isinstance(self._behind, Searching) else ()
        known = dict.fromkeys([*behind, *self._searches])
        return tuple(sorted(known, key=lambda value: value == self.likely))

    def note_search(self, key: Key, value: str, began: float) -> bool:
        """Note *value*; return whether a fill that says so may be kept."""
        new = value not in self.searches()
        self._searches = (*self._searches, value) if new else self._searches
        return not (new and isinstance(self._behind, SharedStore))


class Outcome(NamedTuple):
    """What the cache did with a request."""

    outcome: str
    """``hit``, ``validated``, ``stored``, ``refused`` or ``bypass``."""
    forward: str | None
    """Why the app was asked, in the words of Cache-Status; None for a hit."""
    detail: str | None
    """The ``detail`` of Cache-Status."""
    status: str
    """The status line that the client gets."""
    fields: FieldLines = NO_LINES
    """The fields that the client gets."""


_NOT_LOOKED_UP = ("bypass", "method")


class StandingClock:
    """A clock that has stopped: what happens on it takes no time."""

    def __init__(self, now: float, wall: float) -> None:
        self._now, self._wall = now, wall

    def now(self) -> float:
        """Return the time for ages, always the same."""
        return self._now

    def wall(self) -> float:
        """Return the time for dates, always the same."""
        return self._wall


def standing(policy: Policy) -> Policy:
    """Return *policy*, but with Cache-Status, and with nothing that switches the cache off."""
    if policy.cache_status and not policy.off_file and policy.explain_token is None:
        return policy
    return replace(policy, cache_status=True, off_file="", explain_token=None)


def _nothing(job: object) -> None:
    """Run no validation in the background."""


@dataclass(frozen=True)
class Trial:
    """A request, the app that answers it, and the policy and the routes of the cache between."""

    asked: Asked
    app: WSGIApplication
    policy: Policy
    routes: tuple[Route, ...]
    clock: StandingClock

    def walk(self, shelf: Shelf | None = None) -> Outcome:
        """Send the request through a cache with what is on *shelf*, and return what it did.

        The cache is switched on, and its Cache-Status too, whatever the environment says.
        """
        shelf = Shelf() if shelf is None else shelf
        before = dict(shelf.entries)
        policy = standing(self.policy)
        cache = CacheMiddleware(
            self.app,
            store=shelf,
            policy=policy,
            routes=self.routes,
            clock=self.clock,
            runner=_nothing,
        )
        cache.enabled = True
        cache._report.is_quiet, cache._counting.watching = True, None  # nobody has asked for this
        status, head = "500 No Answer", NO_LINES

        def start(line: str, fields: FieldLines, exc_info: Any = None) -> Callable[[bytes], None]:
            nonlocal status, head
            status, head = line, list(fields)
            return lambda data: None

        try:
            body = cache(self.asked.environ(), start)
            try:
                size = sum(map(len, body))
            finally:
                close(body)
        except Exception:
            if getattr(self.app, "raised", None) is None:
                raise
            return Outcome("refused", "uri-miss", "raised", status)
        said = ", ".join(value for name, value in head if name.lower() == "cache-status")
        outcome = outcome_of(said, status)._replace(fields=head)
        if outcome.outcome == "stored" and shelf.entries == before:
            # That was said before the body was known.
            detail = "too-large" if size > policy.max_content else "content-length"
            outcome = outcome._replace(outcome="refused", detail=detail)
        return outcome


def outcome_of(cache_status: str, status: str) -> Outcome:
    """Return what *cache_status*, a field of RFC 9211, says of the last cache."""
    members: Any = http_sf.parse(cache_status.encode("latin-1"), tltype="list")
    said: dict[str, object] = members[-1][1]
    forward = str(said["fwd"]) if "fwd" in said else None
    detail = str(said["detail"]) if "detail" in said else None
    if forward is None and detail == "only-if-cached":
        return Outcome("refused", None, detail, status)
    if "hit" in said or forward is None:
        return Outcome("hit", None, detail, status)
    if forward in _NOT_LOOKED_UP:
        return Outcome("bypass", forward, detail, status)
    if said.get("fwd-status") == 304 and (detail is None or says_why_asked(detail)):
        return Outcome("validated", forward, detail, status)
    if "stored" in said:
        return Outcome("stored", forward, detail, status)
    return Outcome("refused", forward, detail, status)


def summary(stored: StoredResponse, now: float) -> dict[str, Any]:
    """Return what an explanation says of a *stored* response."""
    return {
        "status": stored.status,
        "age": int(now - stored.generated_at),
        "lifetime": int(stored.freshness_lifetime),
        "length": stored.length,
    }
