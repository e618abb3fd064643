"""When is the whole asked for, where a client wants a part of it (RFC 9110 §14.2)?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from wsgicache.rules.conditional import ranged, wanted_ranges
from wsgicache.rules.fields import delta_seconds, parse_vary
from wsgicache.rules.keeping import stored_response
from wsgicache.rules.model import Decision
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.special import CONDITIONS

__all__ = ["Use", "as_whole", "asks_for_whole", "is_in_vain", "parted", "use_of_whole"]

Use = Literal["gather", "relay", "ask again"]
"""What becomes of a whole for a client that wants a part. "gather": all of it is taken from the app
before the client gets its part. "relay": it goes to the client as it comes, or the part of what is
there at once. "ask again": the app is asked for the part."""


def asks_for_whole(request: Request, decision: Decision, policy: Policy) -> bool:
    """Return whether the app is asked for the whole, though *request* asks for a part of it.

    That is so if the whole may be stored: it then answers requests for other parts. What is stored
    and stale says how large the whole is.
    """
    # Deviation: a cache may pass the range on (RFC 9110 §14.2). But browsers ask for audio and
    # video by ranges alone, so that nothing of them would ever be stored.
    unit = request.environ.get("HTTP_RANGE", "")[:6]
    if not policy.whole_for_range or request.method != "GET" or unit.lower() != "bytes=":
        return False
    # The answer is for this client alone, or the store fails.
    if request.identified or "no-store" in request.directives or decision.detail:
        return False
    if decision.forward not in _FOR_ALL:
        return False
    stored = decision.stored
    return stored is None or stored.length <= policy.whole_for_range


_FOR_ALL = frozenset({"uri-miss", "vary-miss", "stale", "request"})


def as_whole(request: Request) -> Request:
    """Return the request for the whole of which *request* wants a part."""
    asked = Request()
    vars(asked).update(vars(request))
    asked.environ = {
        key: value for key, value in request.environ.items() if key not in _OF_THE_PART
    }
    asked.conditional = not CONDITIONS.isdisjoint(asked.environ)
    asked.given = request.given or request.environ
    return asked


_OF_THE_PART = frozenset({"HTTP_RANGE", "HTTP_IF_RANGE"})


def use_of_whole(request: Request, response: Response, why_not: str | None, policy: Policy) -> Use:
    """Return what becomes of *response*, the whole, for *request*, which wants a part.

    *why_not* says why it is not stored. The app is asked again only for a part that would have to
    be cut out of content that is not kept here.
    """
    length = _length(response)
    if response.code != 200 or length is None:
        return "relay"  # If its length is open: a server may ignore a range (RFC 9110 §14.2).
    if length <= policy.whole_for_range:
        if _content(response) is not None:
            return "relay"
        if why_not is None:
            return "gather"
    ranges = wanted_ranges(request, stored_response(response, None, policy, length), policy)
    return "relay" if ranges is None or ranges == [(0, length - 1)] else "ask again"


def is_in_vain(response: Response, why_not: str | None, policy: Policy) -> bool:
    """Return whether asking for the whole was of no use, so that later ranges go to the app.

    *response* is not stored, is too large, or depends on the range.
    """
    if response.code != 200:
        return False  # It says nothing about the whole.
    names = parse_vary(response.values.get("vary", "")) or ()
    large = (_length(response) or 0) > policy.whole_for_range
    return why_not is not None or large or "range" in names or "if-range" in names


def parted(
    request: Request, response: Response, policy: Policy
) -> tuple[Response, Sequence[bytes] | None]:
    """Return the head of what *request*, which wants a part, gets of *response*, and its content.

    The content is None where that of the response goes out as it comes.
    """
    content, length = _content(response), _length(response)
    if response.code != 200 or length is None:
        return response, None
    if content is not None and len(content) != length:
        return response, None  # It is not complete, or not framed correctly.
    stored = stored_response(response, None, policy, length)
    ranges = wanted_ranges(request, stored, policy)
    if ranges is None or (content is None and ranges != [(0, length - 1)]):
        return response, None
    stored.fields = response.fields  # those for this client, too
    status, fields, pieces = ranged(stored, (content or b"",), ranges)
    return response.instead(status, fields), None if content is None else pieces


def _content(response: Response) -> bytes | None:
    """Return the content of *response* if it is there in one piece."""
    body = response.body
    if isinstance(body, list | tuple) and len(body) == 1 and isinstance(body[0], bytes):
        return body[0]
    return None


def _length(response: Response) -> int | None:
    """Return how long the content of *response* says that it is, or is; None if that is open."""
    content, declared = _content(response), response.field("content-length")
    if declared is None:
        return None if content is None else len(content)
    return delta_seconds(declared)
