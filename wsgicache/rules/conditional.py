"""What does the stored response answer (RFC 9110 §13, §14; RFC 9111 §4.3.2)?"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from wsgicache.rules.dates import parse_date
from wsgicache.rules.fields import entity_tags, weak_match
from wsgicache.rules.model import FieldLines, StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.rules.ranges import parse_ranges
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response

__all__ = [
    "NOT_MODIFIED",
    "OF_THE_PART",
    "Ranges",
    "covers",
    "not_modified",
    "not_modified_by",
    "not_modified_fields",
    "ranged",
    "wanted_ranges",
]  # fmt: skip

NOT_MODIFIED = "304 Not Modified"
PARTIAL_CONTENT = "206 Partial Content"
RANGE_NOT_SATISFIABLE = "416 Range Not Satisfiable"

OF_THE_PART = frozenset({"content-length", "content-range", "content-digest", "content-md5"})
"""Fields that describe the content of one message. They say how much of the representation it is
(RFC 9110 §8.6, §14.4), or are digests that no other part has (RFC 9530 §2; RFC 1864). Repr-Digest
describes the representation, and stays (RFC 9530 §3)."""

Ranges = list[tuple[int, int]]


def not_modified(request: Request, stored: StoredResponse, now: float) -> bool:
    """Return whether the client's own copy is still good (§4.3.2, RFC 9110 §13.2.2).

    If-None-Match takes precedence over If-Modified-Since. Neither counts unless the answer would be
    a success (RFC 9110 §13.2.1).
    """
    presented = request.environ.get
    if stored.status[:1] != "2":
        return False
    if (wanted := presented("HTTP_IF_NONE_MATCH")) is not None:
        if wanted == stored.etag:
            return True
        if wanted.strip(" \t") == "*":
            return True
        etag = stored.etag
        if etag is None:
            return False
        return any(weak_match(tag, etag) for tag in entity_tags(wanted))
    since = parse_date(presented("HTTP_IF_MODIFIED_SINCE"), now)
    return since is not None and stored.modified_at <= since


# Fields about the representation, which a 304 leaves out (RFC 9110 §15.4.5).
_REPRESENTATION = frozenset(
    {
        "allow",
        "content-digest",
        "content-encoding",
        "content-language",
        "content-length",
        "content-md5",
        "content-range",
        "content-type",
        "last-modified",
    }
)


def not_modified_fields(stored: StoredResponse) -> FieldLines:
    """Return the fields of a 304 in place of *stored* (RFC 9110 §15.4.5)."""
    return [line for line in stored.fields if line[0].lower() not in _REPRESENTATION]


def not_modified_by(response: Response) -> Response:
    """Return the 304 for a client that has what *response* brings (RFC 9110 §15.4.5)."""
    fields = [line for line in response.fields if line[0].lower() not in _REPRESENTATION]
    return response.instead(NOT_MODIFIED, fields)


def wanted_ranges(request: Request, stored: StoredResponse, policy: Policy) -> Ranges | None:
    """Return the ranges of *stored* to send: none for 416, None for the whole (RFC 9110 §14.2)."""
    presented = request.environ.get
    value = presented("HTTP_RANGE")
    if value is None or request.method != "GET" or stored.status[:3] not in ("200", "206"):
        return None
    condition = presented("HTTP_IF_RANGE")
    if condition is not None and not _same_representation(condition.strip(" \t"), stored):
        return None
    if stored.span is None:
        return parse_ranges(value, stored.length, policy.max_ranges)
    return parse_ranges(value, stored.span[2] or _UNKNOWN_LENGTH, 1)


_UNKNOWN_LENGTH = 10**18


def covers(request: Request, stored: StoredResponse, policy: Policy) -> bool:
    """Return whether *stored* has all that the request asks for (§3.3).

    It is the whole, or a part in which the one range of the request lies.
    """
    if stored.span is None:
        return True
    ranges = wanted_ranges(request, stored, policy)
    if not ranges:
        return False
    ((first, last),) = ranges
    return stored.span[0] <= first and last <= stored.span[1]


def _same_representation(condition: str, stored: StoredResponse) -> bool:
    """Return whether If-Range matches: by strong comparison or exact date (RFC 9110 §13.1.5)."""
    if condition == stored.etag:
        return not condition.startswith("W/")
    return stored.strong_date and condition == stored.last_modified


def ranged(
    stored: StoredResponse, pieces: Iterable[bytes], ranges: Ranges
) -> tuple[str, FieldLines, list[bytes]]:
    """Return status, fields and body of the answer with these *ranges* of *pieces*."""
    if not ranges:
        return RANGE_NOT_SATISFIABLE, partial_fields(stored, ranges), []
    content = b"".join(pieces)
    if len(ranges) > 1:
        return PARTIAL_CONTENT, *multipart(stored, content, ranges)
    return PARTIAL_CONTENT, partial_fields(stored, ranges), [cut(stored, content, *ranges[0])]


def cut(stored: StoredResponse, content: bytes, first: int, last: int) -> bytes:
    """Return the bytes *first* to *last* of the representation from the stored *content*."""
    offset = 0 if stored.span is None else stored.span[0]
    return content[first - offset : last - offset + 1]


def partial_fields(stored: StoredResponse, ranges: Ranges) -> FieldLines:
    """Return the fields of a 206 with one range, or a 416 (RFC 9110 §15.3.7, §15.5.17)."""
    if not ranges:
        fields = [line for line in stored.fields if line[0].lower().startswith(_WITH_416)]
        return [*fields, ("Content-Range", f"bytes */{stored.length}"), ("Content-Length", "0")]
    ((first, last),) = ranges
    length = stored.length if stored.span is None else stored.span[2] or "*"
    return [
        *[line for line in stored.fields if line[0].lower() not in OF_THE_PART],
        ("Content-Range", f"bytes {first}-{last}/{length}"),
        ("Content-Length", str(last - first + 1)),
    ]


_WITH_416 = ("date", "cache-control", "content-type", "vary", "access-control-", "cross-origin-")
"""How the fields begin that stay in a 416: those for caches, and those without which a browser
shows it to no script of another origin (Fetch, CORS protocol)."""


def multipart(
    stored: StoredResponse, content: bytes, ranges: Ranges
) -> tuple[FieldLines, list[bytes]]:
    """Return fields and body of a 206 with several ranges (RFC 9110 §14.6)."""
    boundary = uuid4().hex
    kind = next((value for name, value in stored.fields if name.lower() == "content-type"), None)
    described = f"\r\nContent-Type: {kind}" if kind else ""
    body: list[bytes] = []
    for first, last in ranges:
        head = (
            f"\r\n--{boundary}{described}"
            f"\r\nContent-Range: bytes {first}-{last}/{stored.length}\r\n\r\n"
        )
        body += (head.encode("latin-1"), content[first : last + 1])
    body.append(f"\r\n--{boundary}--\r\n".encode())
    fields = [
        line
        for line in stored.fields
        if line[0].lower() not in OF_THE_PART and line[0].lower() != "content-type"
    ]
    fields.append(("Content-Type", f"multipart/byteranges; boundary={boundary}"))
    fields.append(("Content-Length", str(sum(map(len, body)))))
    return fields, body
