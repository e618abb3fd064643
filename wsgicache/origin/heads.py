"""Ask the app as GET for a HEAD, and send the head of its answer (RFC 9110 §9.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgicache.bodies import Write, finish
from wsgicache.origin.bypass import Bypass
from wsgicache.origin.exchange import Origin, nowhere
from wsgicache.rules.model import FieldLines, Head
from wsgicache.rules.request import Request

__all__ = ["answer_head"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

_NOT_WITH_GET = ("405", "501")
"""Statuses of an app that has HEAD but no GET there (RFC 9110 §15.5.6, §15.6.2)."""


def answer_head(
    origin: Origin,
    request: Request,
    forward: Callable[[StartResponse], Iterable[bytes]],
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Answer *request*, a HEAD, with the head of what *forward* gets for the same as GET.

    Raises what the app raises.
    """
    head: Head | None = None

    def start(status: str, fields: FieldLines, /, exc_info: Any = None) -> Write:
        nonlocal head
        head = status, fields
        return nowhere

    finish(forward(start), origin.report)
    assert head is not None
    if head[0][:3] in _NOT_WITH_GET:
        why = "fwd=method; detail=method"
        return Bypass(origin, request.given or request.environ, start_response, why).ask()
    start_response(*head)
    return []
