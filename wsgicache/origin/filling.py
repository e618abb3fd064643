"""Keep what the app answers when its body has ended (RFC 9111 §3.3)."""

from __future__ import annotations

from collections.abc import Callable

from wsgicache.bodies import Tee
from wsgicache.controls.control import Control
from wsgicache.origin.exchange import Origin
from wsgicache.origin.trip import Trip
from wsgicache.rules.fields import delta_seconds
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response

__all__ = ["ending", "ends_soon", "filling"]


def filling(origin: Origin, trip: Trip, response: Response) -> Tee:
    """Return a Tee that collects the body of *response*, and keeps it if it was complete.

    Afterwards it lands the flight, for those who wait.
    """
    request, keeper, kept = trip.request, origin.keeper, False
    # The app may go on changing its own while the body is on its way.
    response.fields = response.fields[:]

    def keep(content: bytes) -> None:
        nonlocal kept
        kept = keeper.keep(request, response, content, trip.fill)

    def end(too_large: bool) -> None:
        if too_large:
            trip.land("refused", "too-large")
        else:
            trip.land("kept" if kept else "failed")

    return Tee(
        origin.policy.max_content,
        delta_seconds(response.field("content-length")),
        keep,
        lambda: keeper.drop(request),
        end,
    )


def ends_soon(response: Response) -> bool:
    """Return whether the body of *response* is known to end.

    Such a body can be kept even if the client gets none of it.
    """
    length = delta_seconds(response.field("content-length"))
    return length is not None or isinstance(response.body, list | tuple)


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
