"""Keep what the app answers when its body has ended (RFC 9111 §3.3)."""

from __future__ import annotations

from collections.abc import Callable
from weakref import ReferenceType, ref

from wsgicache.bodies import Tee
from wsgicache.controls.control import Control
from wsgicache.origin.exchange import Exchange, Origin
from wsgicache.origin.trip import COLLECTING, NEXT_TIME, TOO_LARGE, Trip
from wsgicache.rules.collapsing import HELD_UP_SECONDS
from wsgicache.rules.fields import delta_seconds
from wsgicache.rules.freshness import answers_others
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.wholes import use_of_whole

__all__ = ["Filling", "ending", "land_kept", "refusal", "whole"]


class Filling:
    """A collector that keeps the body of *response* if it was complete.

    Requests that wait for it see its progress.
    """

    _held = 0
    """Bytes that it has collected."""
    _spent = 0.0
    """Seconds that the app took after the head."""
    _length = 0
    """Bytes of the content, once that is complete."""
    _tee: ReferenceType[Tee]

    def __init__(self, origin: Origin, trip: Trip, response: Response) -> None:
        self._origin = origin
        self._trip = trip
        # The app may still change its own list while the body is on its way.
        response.fields = response.fields[:]
        self._response = response
        self._kept = False
        self._now = origin.clock.now
        self.moved_at = self._asked_at = self._now()
        self.begun = self.in_app = False
        flight = trip.streams(self)
        if flight is not None and flight.landed is not None:
            origin.watch.over(flight, trip.request.environ)

    def tee(self) -> Tee:
        """Return the Tee that collects the body."""
        length = delta_seconds(self._response.field("content-length"))
        tee = Tee(self._origin.policy.max_content, length, self)
        self._tee = ref(tee)  # The other way they refer to each other already.
        return tee

    def keep(self, content: bytes) -> None:
        """Keep the *content*, which is complete."""
        trip, self._length = self._trip, len(content)
        if self.in_app:  # it has just ended
            self._spent += self._now() - self._asked_at
        trip.fill = trip.fill._replace(seconds=trip.fill.seconds + self._spent)
        self._kept = self._origin.keeper.keep(trip.request, self._response, content, trip.fill)

    def drop(self) -> None:
        """Drop what was kept: more bytes followed."""
        self._origin.keeper.drop(self._trip.request)

    def end(self, too_large: bool) -> None:
        """Land the flight, which ends as the body did."""
        self._give_back()
        trip, told = self._trip, self._trip.told
        if told is not None and not trip.background:
            size = self._length if trip.sends_content and not told.app_bytes else 0
            self._origin.counting.add_to(told, self._spent, size)
        if too_large:
            self._trip.land("refused", TOO_LARGE)
        elif not self._kept:
            self._trip.land("failed")
        else:
            land_kept(self._trip, self._response, self._now(), self._origin.policy)

    def ask(self) -> None:
        """Note that the app is asked for the next chunk."""
        self.in_app, self._asked_at = True, self._now()

    def move(self) -> None:
        """Note that a chunk goes on to the client."""
        self.moved_at, self.begun, self.in_app = self._now(), True, False
        self._spent += self.moved_at - self._asked_at

    def take(self, size: int) -> bool:
        """Return whether *size* bytes more have room in memory; if so, they are collected."""
        if not self._origin.room.take(size, self):
            return False
        self._held += size
        return True

    def is_held_up(self, now: float) -> bool:
        """Return whether the client holds it up."""
        return not self.in_app and now - self.moved_at > HELD_UP_SECONDS

    def let_go(self) -> None:
        """Collect the body no longer, so that others have room."""
        tee = self._tee()
        if tee is not None:
            tee.give_up()

    def _give_back(self) -> None:
        held, self._held = self._held, 0
        if held:
            self._origin.room.give_back(held, self)

    def __del__(self) -> None:
        self._give_back()  # if nobody closed the body


def refusal(origin: Origin, trip: Trip, response: Response) -> str | None:
    """Return why *response* is not kept, or None if it may be."""
    if trip.request.method == "POST" and _changed(origin, trip, response):
        return "changed"
    why_not = origin.refusal(trip.request, response)
    if why_not is None and (trip.uncollected or origin.room.tight):
        return uncollected(origin, trip, response)
    return why_not


def _changed(origin: Origin, trip: Trip, response: Response) -> bool:
    """Empty what a POST changed (§4.4), and return whether something else did meanwhile."""
    request, keeper = trip.request, origin.keeper
    if not 200 <= response.code < 400:
        return False
    overtaken = keeper.emptied_since(request, trip.fill)
    keeper.end_marks(origin.routes.cookies(request.environ), response)
    emptied_at = keeper.invalidate(request.key, response, origin.clock.now()).emptied_at
    trip.begin(None, emptied_at, keeper.fill(request, None, emptied_at))
    return overtaken


def whole(exchange: Exchange, trip: Trip, response: Response) -> Response | None:
    """Return the whole to cut the part from that the client of *trip* wants.

    None is the result if the app has to be asked for the part: nobody waits for that. If *response*
    was asked for in vain, that is remembered.
    """
    origin = exchange.origin
    request, stored, why_not = trip.request, trip.decision.stored, refusal(origin, trip, response)
    use = use_of_whole(trip.wanted or request, response, why_not, origin.policy)
    if why_not not in NEXT_TIME:
        origin.wholes.note(request, response, why_not)
    if use != "ask again":
        return exchange.gathered(response) if use == "gather" else response
    if stored is not None:
        origin.keeper.supersede(request, stored, response, why_not, trip.fill)
    alone = why_not is not None and why_not not in NEXT_TIME
    trip.land("refused" if alone else "failed", why_not)
    exchange.discard(response.body)
    exchange.renew()
    trip.narrow()
    return None


def uncollected(origin: Origin, trip: Trip, response: Response) -> str | None:
    """Return why the body of *response* is not collected, or None if it may be."""
    if trip.uncollected == TOO_LARGE:
        return TOO_LARGE
    if is_whole(response):
        return None
    length = delta_seconds(response.field("content-length"))
    return trip.uncollected or (None if origin.room.has(length or 0) else COLLECTING)


def is_whole(response: Response) -> bool:
    """Return whether the body of *response* is one piece: it need not be collected."""
    body = response.body
    return isinstance(body, (list, tuple)) and len(body) == 1 and isinstance(body[0], bytes)


def land_kept(trip: Trip, response: Response, now: float, policy: Policy) -> None:
    """Land the flight of a stored *response*.

    If the response is stale by *now*, no request waits for the next one: they would ask one after
    the other.
    """
    if answers_others(response, now, policy):
        trip.land("kept")
    else:
        trip.land("refused", "validation")


def ending(origin: Origin, request: Request, tee: Tee | None) -> Callable[[Control], None]:
    """Return what takes controls that come after the head of a response to *request*.

    They can only forbid what is kept, or what *tee* collects. The function refers to nothing that
    refers to it, so that no request has to wait for a garbage collection.
    """

    def end(control: Control) -> None:
        origin.too_late(control)
        if control.forbids():
            if tee is not None:
                tee.give_up()
            origin.keeper.drop(request)

    return end
