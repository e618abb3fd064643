"""One call of the app in the role of an origin server (PEP 3333).

Status and fields are there at once, and the body as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from wsgicache.bodies import Primed, Within, Write, close
from wsgicache.clock import Clock
from wsgicache.controls.control import Control, Controls
from wsgicache.controls.matching import Matching, Routes
from wsgicache.frameworks import application_name, route_matched
from wsgicache.keeper import Keeper
from wsgicache.observe.counting import Counting
from wsgicache.origin.advice import REMARKS, advise
from wsgicache.origin.flights import Flights
from wsgicache.origin.room import room_for
from wsgicache.origin.sight import Sight
from wsgicache.origin.watch import Watch
from wsgicache.origin.wholes import Gathering, Wholes
from wsgicache.reporting import Reporter
from wsgicache.rules import storing
from wsgicache.rules.fields import delta_seconds
from wsgicache.rules.model import FieldLines, Head, StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.stores import Serving

__all__ = ["Exchange", "Origin", "nowhere"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

R = TypeVar("R")
Args = TypeVarTuple("Args")


class Origin:
    """The wrapped app in its role as origin server (RFC 9110 §3.6).

    It has what one cache needs to ask it: the keeper, routes, policy, clock, log, counters and
    flights.
    """

    def __init__(
        self,
        app: WSGIApplication,
        keeper: Keeper,
        routes: Routes,
        policy: Policy,
        clock: Clock,
        report: Reporter,
        counting: Counting,
    ) -> None:
        self.app = app
        self.keeper = keeper
        self.routes = routes
        self.policy = policy
        self.clock = clock
        self.report = report
        self.counting = counting
        self.flights = Flights(policy.collapse_timeout, clock)
        self.watch = Watch(clock)
        self.wholes = Wholes(policy, clock)
        self.room = room_for(keeper.store, policy, clock.now)
        if isinstance(keeper.store, Serving):
            keeper.store.serve(application_name(app))

    def forget(self) -> None:
        """Forget what could not be shared: after a purge another version of the app may answer."""
        self.flights.forget()
        self.wholes.forget()

    def too_late(self, control: Control) -> None:
        """Log that *control* came after the head of its response."""
        self.report("late", f"{control!r} came after the response had begun")

    def refusal(self, request: Request, response: Response) -> str | None:
        """Return why *response* must not be stored, or None (§3); log a cure if there is one."""
        try:
            why_not = storing.refusal(request, response, self.policy)
            if why_not in REMARKS:
                advise(self.report, request, response, self.policy, why_not)
            return why_not
        except Exception:
            self.report("refusal", "a response could not be judged, and is not stored")
            return "error"


def nowhere(data: bytes) -> None:
    """Send nothing."""


class Exchange:
    """One call of the app, captured: its head is judged before anything is sent.

    A subclass decides what happens to the head (`relay`).
    """

    head: Head | None = None
    """Status and fields, once the app has started."""
    route = ""
    """The pattern by which the app's framework found what answers, if it said so by then."""
    relayed = False
    """Whether the head was sent to the client."""
    _sight: Sight | None = None
    hides = False
    """Whether something of the request is hidden from the app."""
    _out: Write | None = None
    """What sends bytes after the head."""
    _sink: Write | None = None
    """What takes the bytes of write(), once the app has called it."""

    def __init__(
        self,
        origin: Origin,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        cache_status: str,
        given: WSGIEnvironment | None = None,
    ) -> None:
        self.origin = origin
        self.given = given or environ
        """The environ that the cache received: the app gets it, and may change it."""
        self.asked = environ if given else dict(environ)
        """A copy for routes and controls, which the app never gets."""
        if given:
            self._sight = Sight(given, environ)
            self.hides = self._sight.differs
        self.start_response = start_response
        self.cache_status = cache_status
        """The beginning of Cache-Status."""
        self.controls = Controls()

    @property
    def started(self) -> bool:
        """Return whether the app has called start_response."""
        return self.head is not None

    @property
    def wrote(self) -> bool:
        """Return whether the app has used write()."""
        return self._sink is not None

    def matching(self) -> Matching:
        """Return the routes that match the request."""
        return self.origin.routes.matching(self.asked)

    def relay(self, response: Response) -> None:
        """Send the head of *response* to the client."""
        raise NotImplementedError

    def relay_again(self, response: Response, exc_info: Any) -> Write:
        """Send another head after the first, if the server still can."""
        raise NotImplementedError

    def call(self, shown: WSGIEnvironment) -> Iterable[bytes]:
        """Call the app, which sees *shown*, until its head is known, and return its body.

        A lazy app starts at its first chunk, so that is taken. Raises what the app raises, and
        AssertionError if it never calls start_response.
        """
        if shown is not self.asked:
            self._sight = Sight(self.given, shown)
        body = self.during(self.origin.app, self.given, self._start_response)
        if self.head is not None:
            return body
        primed = Primed(body)
        try:
            self.during(primed.advance, lambda: self.started)
            if not self.started:
                raise AssertionError("the app ended without calling start_response()")
        except BaseException:
            primed.close()
            raise
        return primed

    def during(self, call: Callable[[*Args], R], *args: *Args) -> R:
        """Call code of the app, which sees what it may see, and may use controls."""
        sight = self._sight
        if sight is None:
            return self.controls.during(self.given, call, *args)
        sight.open()
        try:
            return self.controls.during(self.given, call, *args)
        finally:
            sight.shut()

    def within(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Return *body*, each chunk of which is made by `during`."""
        return body if isinstance(body, list | tuple) else Within(self.during, body)

    def passing(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Return *body* so that the app never sees what was hidden from it at first.

        A file stays as it is: the server may send it by itself.
        """
        return body if storing.is_file(self.given, body) else self.within(body)

    def renew(self) -> None:
        """Restore the environ to what it was before the app got it, to ask the app again."""
        assert self._sight is not None, "the app has seen the request as it came"
        self._sight.renew()

    def received(self, head: Head, body: Iterable[bytes]) -> Response:
        """Return the app's response with this *head*, and with what the view and the routes say."""
        clock, routes = self.origin.clock, self.origin.routes
        wall = clock.wall()  # which may set the other clock forward
        now = clock.now()
        response = Response(*head, body, self.requested_at(now), now, wall)
        if not (self.controls.said or routes.speak):
            return response
        return routes.spoken(response, self.controls, self.matching(), self.asked, self.about())

    def about(self) -> StoredResponse | None:
        """Return the stored response that the app was asked to validate, if any."""
        return None

    def requested_at(self, now: float) -> float:
        """Return when the app was asked, or *now* if that does not matter."""
        return now

    def gathered(self, response: Response) -> Response:
        """Return *response* with all that its body says that it has, taken from the app now.

        Where it has more than that, or the room is taken, the rest is still to come.
        """
        most = delta_seconds(response.field("content-length")) or 0
        gathering, body = Gathering(most), Within(self.during, response.body)
        if not self.origin.room.take(most, gathering):
            return response
        self._sink = gathering.take
        try:
            complete = gathering.all_of(body)
            if complete:
                self.discard(body, gathering.take)
        except BaseException:
            self.discard(body)
            raise
        finally:
            self._sink = None
            self.origin.room.give_back(most, gathering)
        assert self.head is not None
        if not complete:
            return self.received(self.head, Primed(body, *gathering.chunks))
        return self.received(self.head, [b"".join(gathering.chunks)])

    def discard(self, body: Iterable[bytes], sink: Write = nowhere) -> None:
        """Close a body of the app that will not be sent; *sink* takes what it writes meanwhile."""
        self._sink = sink
        try:
            close(body)
        except Exception:
            self.origin.report("close", "the app raised in close() of a body that was not sent")

    def on_write(self) -> Write:
        """Send the head now: the app writes before its body is there."""
        assert self.head is not None
        self.relay(self.received(self.head, ()))
        return self.following()

    def following(self) -> Write:
        """Return what takes the bytes of write() once the head is out."""
        assert self._out is not None
        return self._out

    def _start_response(
        self, status: str, fields: FieldLines, /, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if self.relayed:
            # The head is out: the server decides, as it would without a cache.
            try:
                return self.relay_again(self.received((status, fields), ()), exc_info)
            finally:
                exc_info = None
        if self.head is not None and exc_info is None:
            raise AssertionError("start_response() was called a second time without exc_info")
        self.head = (status, fields)
        self.route = route_matched(self.given)
        return self._write

    def _write(self, data: bytes) -> None:
        if self._sink is None:
            self._sink = self.following() if self.relayed else self.on_write()
        self._sink(data)

    def _send(self, response: Response, lines: FieldLines, exc_info: Any = None) -> Write:
        if exc_info is None:
            self._out = self.start_response(response.status, lines)
        else:
            self._out = self.start_response(response.status, lines, exc_info)
        return self._out
