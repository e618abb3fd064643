"""Ask the app as GET for a HEAD, and send the head of its answer (RFC 9110 §9.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgicache.bodies import Write, finish
from wsgicache.observe.stats import Told
from wsgicache.origin.bypass import Bypass
from wsgicache.origin.exchange import Origin, nowhere
from wsgicache.origin.trip import Trip
from wsgicache.rules.model import FieldLines, Head
from wsgicache.rules.request import Request

__all__ = ["answer_head"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_NOT_WITH_GET = ("405", "501")
"""Statuses of an app that has HEAD but no GET there (RFC 9110 §15.5.6, §15.6.2)."""


def answer_head(
    origin: Origin,
    request: Request,
    trip: Trip,
    forward: Callable[[Trip, StartResponse], Iterable[bytes]],
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Answer *request*, a HEAD, with the head of what *forward* gets for *trip*, the same as GET.

    What the trip comes to counts, unless the app is asked as HEAD after all. Raises what the app
    raises.
    """
    told: list[tuple[Told, WSGIEnvironment]] = []
    trip.count, trip.sends_content = lambda *one: told.append(one), False
    head: Head | None = None

    def start(status: str, fields: FieldLines, /, exc_info: Any = None) -> Write:
        nonlocal head
        head = status, fields
        return nowhere

    try:
        finish(forward(trip, start), origin.report)
    except BaseException:
        _count(origin, told)
        raise
    assert head is not None
    if head[0][:3] in _NOT_WITH_GET:
        why = "fwd=method; detail=method"
        return Bypass(origin, request.given or request.environ, start_response, why).ask()
    _count(origin, told)
    start_response(*head)
    return []


def _count(origin: Origin, told: list[tuple[Told, WSGIEnvironment]]) -> None:
    for one, environ in told:
        served = one.served and one.served._replace(bytes=0)
        origin.counting.count(one._replace(app_bytes=0, served=served), environ)
