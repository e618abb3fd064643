"""Requests that bypass the cache: the app answers them.

Bodies pass untouched. Only the head is read: it says what an unsafe request has changed (§4.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgicache.bodies import Write
from wsgicache.controls.matching import Matching
from wsgicache.observe.stats import Told
from wsgicache.origin.exchange import Exchange, Origin
from wsgicache.origin.telling import of_bypass
from wsgicache.rules.answering import relayed_fields
from wsgicache.rules.keys import Key
from wsgicache.rules.response import Response

__all__ = ["Bypass"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


INVALIDATED = "invalidated"
"""The detail of an unsafe request that has emptied something."""


class Bypass(Exchange):
    """One request that passes by; *cache_status* goes into Cache-Status.

    The app sees it *whole*, or without the query parameters that routes hide. It sees all cookies,
    since nothing is stored. The success of an *unsafe* request empties what it has changed. *tell*
    takes what the request came to, to count it.
    """

    def __init__(
        self,
        origin: Origin,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        cache_status: str,
        *,
        unsafe: bool = False,
        whole: bool = False,
        tell: Callable[[Told], object] | None = None,
    ) -> None:
        self._tell = tell
        self._began = origin.clock.now()
        self._matching = origin.routes.matching(environ)
        self._unsafe = unsafe
        self._changed = _filed_under(origin, environ) if unsafe else None
        self._cookies = origin.routes.cookies(environ) if unsafe else []
        shown = environ if whole else self._matching.early.queried(environ)
        given = None if shown is environ else environ
        super().__init__(origin, shown, start_response, cache_status, given)

    def matching(self) -> Matching:
        """Return the routes that match the request as it came."""
        return self._matching

    def ask(self) -> Iterable[bytes]:
        """Ask the app. Raises what the app raises."""
        try:
            body = self.call(self.asked)
        except BaseException:
            if not self.relayed:
                self._count(None)
            raise
        if not self.relayed:
            try:
                assert self.head is not None
                self.relay(self.received(self.head, body))
            except BaseException:
                self.discard(body)
                raise
        return self.passing(body) if self.hides else body

    def _count(self, response: Response | None) -> None:
        """Count what the request came to; without a *response* the app has raised."""
        now = self.origin.clock.now()
        told = of_bypass(self.cache_status, self.asked, self.route, self._began, now, response)
        if self._tell is None:
            self.origin.counting.count(told, self.asked)
        else:
            self._tell(told)

    def relay(self, response: Response) -> None:
        """Empty what the response has changed, before its first byte is out, and pass it on."""
        self.relayed = True
        if self._unsafe and 200 <= response.code < 400:
            self.origin.keeper.end_marks(self._cookies, response)
            if self._changed is not None:
                asked, now = self.asked, self.origin.clock.now()
                method = asked.get("REQUEST_METHOD", "")
                to, depth = asked.get("HTTP_DESTINATION"), asked.get("HTTP_DEPTH")
                done = self.origin.keeper.invalidate(
                    self._changed, response, now, method, to, depth
                )
                if done.found and self.cache_status == "fwd=method":
                    self.cache_status += f"; detail={INVALIDATED}"
        self.controls.late = self.origin.too_late
        self._count(response)
        self._send(response, relayed_fields(response, self.cache_status, self.origin.policy))

    def relay_again(self, response: Response, exc_info: Any) -> Write:
        """Pass on the head by which an error handler replaces the first."""
        lines = relayed_fields(response, self.cache_status, self.origin.policy)
        return self._send(response, lines, exc_info)


def _filed_under(origin: Origin, environ: WSGIEnvironment) -> Key | None:
    """Return the key that the success of an unsafe request empties, or None if there is none."""
    try:
        return origin.routes.key(environ)
    except Exception:  # nothing is filed under an environ that cannot be read
        return None
