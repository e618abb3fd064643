"""How do parts of a representation make the whole (RFC 9111 §3.3, §3.4; 9110 §15.3.7.3)?

A stored 206 has a *span*: the bytes that its content is. Not implemented: storing what was received
of a 200 whose body broke off (§3.3 allows it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgicache.rules.conditional import OF_THE_PART
from wsgicache.rules.entries import Change, adding
from wsgicache.rules.keeping import stored_response
from wsgicache.rules.model import ANY_TIME, CacheEntry, Fill, StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.storing import content_span
from wsgicache.rules.validation import updated, whole
from wsgicache.rules.variants import matching

__all__ = ["combining", "completed", "completing"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


def strong_etag(stored: StoredResponse) -> str | None:
    """Return the app's strong entity tag of *stored*, which shows that parts belong together."""
    for key, value in stored.validators:
        if key == "HTTP_IF_NONE_MATCH" and not value.startswith("W/"):
            return value
    return None


def completing(request: Request, stored: StoredResponse) -> WSGIEnvironment | None:
    """Return the environ that asks for what a stored prefix lacks (§3.3), or None.

    It is for a plain GET. If the app gave a strong entity tag, it answers with the rest, or with
    the whole if the representation has changed (RFC 9110 §13.1.5). If it gave none, only the whole
    will do: should it answer with less, it is asked again.
    """
    if stored.span is None or stored.span[0] or request.method != "GET" or request.conditional:
        return None
    environ = {**whole(request), "HTTP_RANGE": f"bytes={stored.span[1] + 1}-"}
    etag = strong_etag(stored)
    if etag is not None:
        environ["HTTP_IF_RANGE"] = etag
    return environ


def completed(stored: StoredResponse, response: Response, policy: Policy) -> Response | None:
    """Return the whole, as a 200, which a 206 with the rest completes (§3.4), or None.

    None is the result if the two do not fit. Its content is that of *stored* and then that of
    *response*. Its fields are those of *stored*, updated (§3.2).
    """
    span, part = stored.span, content_span(response)
    etag = strong_etag(stored)
    if span is None or part is None or etag is None or response.field("etag") != etag:
        return None
    first, last, length = part
    if length is None or first != span[1] + 1 or last != length - 1:
        return None
    if span[2] is not None and span[2] != length:
        return None
    renewed = updated(stored, response, policy)
    fields = [line for line in renewed.fields if line[0].lower() not in OF_THE_PART]
    return response.instead("200 OK", [*fields, ("Content-Length", str(length))])


def combining(
    request: Request,
    response: Response,
    content: bytes,
    policy: Policy,
    fill: Fill = ANY_TIME,
) -> Change:
    """Return the change that files a 206 with its *content* (§3.4).

    It is joined with a stored part of the same representation, by its strong entity tag, if the two
    overlap or meet. Otherwise it replaces that part.
    """
    span = content_span(response)
    assert span is not None
    stored = part_or_whole(response, content, span, policy, fill)

    def change(entry: CacheEntry | None) -> CacheEntry | None:
        joined = stored
        if entry is not None:
            held = next(iter(matching(request, entry, policy).values()), None)
            if held is not None:
                joined = _joined(held, response, stored, policy, fill) or stored
        return adding(request, response, joined, policy, fill)(entry)

    return change


def _joined(
    held: StoredResponse, response: Response, part: StoredResponse, policy: Policy, fill: Fill
) -> StoredResponse | None:
    """Return *held* and the newer *part* as one stored response, or None if they do not fit."""
    etag = strong_etag(part)
    if etag is None or etag != strong_etag(held) or part.span is None:
        return None
    if held.content is None or part.content is None:
        return None  # A store that keeps content elsewhere keeps each part by itself.
    if held.span is None:
        # The whole is there: the part only brings newer fields.
        everything = (0, held.length - 1, held.length)
        return part_or_whole(
            updated(held, response, policy), held.content, everything, policy, fill
        )
    (first, last, length), (start, end, whole) = held.span, part.span
    if start > last + 1 or first > end + 1 or (length and whole and length != whole):
        return None
    if start <= first:
        content = part.content + held.content[max(0, end + 1 - first) :]
    else:
        content = held.content[: start - first] + part.content
        content += held.content[len(content) :]
    if len(content) > policy.max_content:
        return None
    span = (min(first, start), max(last, end), whole or length)
    return part_or_whole(updated(held, response, policy), content, span, policy, fill)


def part_or_whole(
    response: Response,
    content: bytes,
    span: tuple[int, int, int | None],
    policy: Policy,
    fill: Fill = ANY_TIME,
) -> StoredResponse:
    """Return the *content* of *span* at rest, with the fields of *response*.

    It is a 206, or a 200 if the span is the whole representation (RFC 9110 §15.3.7.3).
    """
    first, last, length = span
    fields = [line for line in response.fields if line[0].lower() not in OF_THE_PART]
    status = "200 OK"
    if length is None or (first, last) != (0, length - 1):
        status = "206 Partial Content"
        fields.append(("Content-Range", f"bytes {first}-{last}/{length or '*'}"))
    return stored_response(response.instead(status, fields), content, policy, fill=fill)
