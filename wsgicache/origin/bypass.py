"""Requests that pass by the cache: the app answers, body and all untouched. Only the head is looked
at, and says what an unsafe request has changed (§4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgicache.bodies import Primed, Write
from wsgicache.controls.control import Controls
from wsgicache.controls.matching import Routes
from wsgicache.keeper import Keeper
from wsgicache.rules.answering import relayed_fields
from wsgicache.rules.model import FieldLines
from wsgicache.rules.response import Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Passing:
    """How requests pass by one cache, which keeps by *keeper* and hears *routes*."""

    def __init__(self, keeper: Keeper, routes: Routes) -> None:
        self.keeper = keeper
        self.routes = routes

    def through(
        self,
        app: WSGIApplication,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        told: str,
        on_response: Callable[[Response], None] | None = None,
        whole: bool = False,
    ) -> Iterable[bytes]:
        """Let *app* answer. It sees the request *whole*, or without what routes say that it does
        not need; *told* is what Cache-Status says."""
        matching = self.routes.matching(environ)
        controls = Controls()
        if not whole:
            environ = matching.early.trimmed(environ)
        seen = dict(environ)  # the app may change its own
        started = False

        def start(status: str, fields: FieldLines, /, exc_info: Any = None) -> Write:
            nonlocal started
            started = True
            response = Response(status, fields)
            self.keeper.receive(response)
            if on_response is not None:
                on_response(response)
            response = self.routes.spoken(response, controls, matching, seen)
            head = relayed_fields(response, told, self.keeper.policy)
            if exc_info is None:
                return start_response(status, head)
            return start_response(status, head, exc_info)

        body = controls.during(environ, app, environ, start)
        if started or body is None or isinstance(body, list | tuple):
            return body
        # A lazy app speaks when it starts.
        primed = Primed(body)
        try:
            controls.during(environ, primed.advance, lambda: started)
        except BaseException:
            primed.close()
            raise
        return primed

    def invalidating(self, environ: WSGIEnvironment) -> Callable[[Response], None]:
        """What to do when the response to the unsafe request in *environ* is known (§4.4)."""
        try:
            key = self.routes.key(environ)
        except Exception:  # of an environ that cannot be read: nothing is filed under it
            key = None

        def on_response(response: Response) -> None:
            if key is not None and 200 <= response.code < 400:
                self.keeper.invalidate(key, response)

        return on_response
