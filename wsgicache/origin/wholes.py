"""Ask for the whole where clients want parts of it, and remember where that was in vain."""

from __future__ import annotations

from collections.abc import Iterable

from wsgicache.clock import Clock
from wsgicache.origin.flights import REFUSED_SECONDS, put_last
from wsgicache.rules.freshness import terms
from wsgicache.rules.model import NEVER, Decision
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.wholes import asks_for_whole, is_in_vain

__all__ = ["Gathering", "Wholes"]

_MOST = 10_000
_LONGEST = 86_400.0
"""Seconds for which it is remembered at most."""


class Wholes:
    """The URLs of one cache whose wholes it has asked for in vain."""

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._until: dict[int, float] = {}

    def are_asked_for(self, request: Request, decision: Decision) -> bool:
        """Return whether the app is asked for the whole of what *request* wants a part of."""
        return asks_for_whole(request, decision, self._policy) and not self.are_in_vain(request)

    def are_in_vain(self, request: Request) -> bool:
        """Return whether the whole was asked for in vain, not long ago."""
        return self._clock.now() < self._until.get(_page(request), NEVER)

    def note(self, request: Request, response: Response, why_not: str | None) -> None:
        """Remember for the lifetime of *response* if it was asked for in vain."""
        if is_in_vain(response, why_not, self._policy):
            seconds = min(max(terms(response, self._policy).lifetime, REFUSED_SECONDS), _LONGEST)
            put_last(self._until, _page(request), self._clock.now() + seconds, _MOST)

    def forget(self) -> None:
        """Forget it all: after a purge another version of the app may answer."""
        self._until.clear()


def _page(request: Request) -> int:
    # What is not stored because of a cookie may be stored for clients without one.
    return hash((request.key, "HTTP_COOKIE" in request.environ))


class Gathering:
    """The content of a body that is taken from the app before the client gets any of it.

    No more than *most* bytes are taken.
    """

    moved_at = NEVER
    """When its last chunk went on to the client."""

    def __init__(self, most: int) -> None:
        self.chunks: list[bytes] = []
        self._most = most
        self._size = 0

    def take(self, chunk: bytes) -> None:
        """Take a chunk, or what the app writes."""
        self.chunks.append(chunk)
        self._size += len(chunk) if isinstance(chunk, bytes) else self._most + 1

    def all_of(self, body: Iterable[bytes]) -> bool:
        """Take the chunks of *body*, and return whether these are all."""
        for chunk in body:
            self.take(chunk)
            if self._size > self._most:
                return False
        return True

    def is_held_up(self, now: float) -> bool:
        """Return False: its client waits for it."""
        return False

    def let_go(self) -> None:
        """Go on: its client waits for it."""
