"""What do we keep (RFC 9111 §3.1, §3.3)?"""

from __future__ import annotations

from wsgicache.rules.credentials import ANEW
from wsgicache.rules.dates import parse_date
from wsgicache.rules.fields import (
    Directives,
    delta_seconds,
    field_names,
    is_entity_tag,
    is_structured_list,
)
from wsgicache.rules.freshness import binding, date_value, terms
from wsgicache.rules.groups import groups_of
from wsgicache.rules.model import (
    ANY_TIME,
    NEVER,
    NO_LINES,
    UNAGED,
    UNSELECTED,
    FieldLines,
    Fill,
    StoredResponse,
)
from wsgicache.rules.policy import Policy
from wsgicache.rules.response import Response
from wsgicache.rules.storing import content_span, is_for_cookies, is_for_credentials
from wsgicache.rules.validators import conditions, generated_etag

__all__ = ["TAGGED", "is_complete", "nearer_caches", "stored_response", "tagged"]

_ADDED = 128
"""An upper bound for the characters that this cache adds to stored fields."""

TAGGED = frozenset({"freshness", "private", "authorization", "cookie", "set-cookie"})
"""Reasons for which a response is not stored, though its client may keep and validate it."""

_NO_CONTENT = frozenset({204, 304})


def is_complete(response: Response, length: int) -> bool:
    """Return whether a body of *length* bytes that ended normally is the whole content (§3.3)."""
    if length and response.code in _NO_CONTENT:
        return False
    declared = response.values.get("content-length")
    if declared not in (None, str(length)) and delta_seconds(declared) != length:
        return False
    span = content_span(response) if response.code == 206 else None
    return span is None or span[1] - span[0] + 1 == length


def nearer_caches(response: Response) -> list[str]:
    """Return the Cache-Status of caches nearer to the app, which precedes ours (RFC 9211 §2).

    A value that is not a list of structured fields is left out: it would make the whole field
    unreadable.
    """
    value = response.field("cache-status")
    return response.lines("cache-status") if value and is_structured_list(value) else []


def stored_response(
    response: Response,
    content: bytes | None,
    policy: Policy,
    length: int | None = None,
    fill: Fill = ANY_TIME,
) -> StoredResponse:
    """Return *response* at rest: all that a later request may ask about it is worked out now.

    *content* is None where a store keeps it elsewhere; *length* is then its length. *fill* is the
    moment from which it may fill an entry.
    """
    if length is None:
        length = len(content or b"")
    known, said = terms(response, policy), binding(response, policy)
    values, code, directives = response.values, response.code, said.directives
    etag, modified = values.get("etag"), values.get("last-modified")
    tag = etag if etag is not None and is_entity_tag(etag) else None
    modified_at = None if modified is None else parse_date(modified, response.wall)
    date = date_value(response)
    fields = _stored_fields(response, directives, policy, length)
    # PERF: __init__() would take 1 µs to sort so many arguments.
    stored = StoredResponse.__new__(StoredResponse)
    stored.validators = conditions(code, tag, None if modified_at is None else modified)
    if tag is None and content is not None and code == 200 and policy.generate_etags:
        if etag is not None:  # not a valid entity tag
            fields = [line for line in fields if line[0].lower() != "etag"]
        tag = generated_etag(fields, content)
        fields.append(("ETag", tag))
    stored.status = response.status
    # PERF: a copy has no spare room; 50 bytes less for each response.
    stored.fields = fields[:]
    stored.not_modified = stored.withheld = NO_LINES
    if not policy.names.withheld.isdisjoint(values):
        withheld = policy.names.withheld
        if said.own and ANEW in directives:
            # Each reuse says it anew (`answering.reused_lines`).
            withheld = withheld | {"cache-control"}
            stored.fields = [line for line in fields if line[0].lower() != "cache-control"]
        stored.withheld = [line for line in response.fields if line[0].lower() in withheld]
    stored.content = content
    stored.length = length
    # PERF: most responses are as old as their request, and share its number; 24 bytes less each.
    delay = response.received_at - response.requested_at
    at_request = known.initial_age == delay
    stored.generated_at = (
        response.requested_at if at_request else response.received_at - known.initial_age
    )
    stored.freshness_lifetime = stored.refresh_age = known.lifetime
    if policy.refresh_ahead:
        # Never earlier than half-way: otherwise the window could cover the whole lifetime.
        stored.refresh_age = max(known.lifetime - policy.refresh_ahead, known.lifetime / 2)
    stored.stale_while_revalidate = known.stale_while_revalidate
    stored.stale_if_error = known.stale_if_error
    stored.no_cache = "no-cache" in directives and directives["no-cache"] is None
    # s-maxage incorporates the semantics of proxy-revalidate (§5.2.2.10).
    stored.must_revalidate = (
        "must-revalidate" in directives
        or "proxy-revalidate" in directives
        or "s-maxage" in directives
    )
    stored.shareable = is_for_credentials(response, policy)
    stored.for_cookies = is_for_cookies(response, policy)
    stored.etag = tag
    stored.last_modified = None if modified_at is None else modified
    stored.modified_at = date if modified_at is None else modified_at
    # Without a Date the time of receipt stands in for it (RFC 9110 §6.6.1), less the delay: the
    # response may be as old as its request.
    dated = date if "date" in values else response.wall - known.initial_age
    stored.strong_date = modified_at is not None and dated >= modified_at + 1
    stored.cache_status = policy.name
    if "cache-status" in values:
        stored.cache_status = ", ".join([*nearer_caches(response), policy.name])
    stored.span = content_span(response) if code == 206 else None
    stored.groups = groups_of(response) or ()
    stored.asked_at, stored.born, stored.asked_by = fill.began, fill.born, fill.asked_by
    stored.route, stored.fill_seconds, stored.presented = fill[5:]
    stored.mark, stored.aged = "", UNAGED
    stored.least_age, stored.kept = 0, None
    stored.softened_at = NEVER
    stored.kind, stored.offers = UNSELECTED, ()
    stored.__post_init__()
    stored.weigh(response.size and response.size + _ADDED)
    return stored


def tagged(response: Response, policy: Policy, kept: bool = False) -> Response:
    """Return *response* with an entity tag of ours, where clients could not validate it otherwise.

    That is where it is *kept* here or each use has to be validated (§5.2.2.4), the app gave no tag,
    and all of the content is there.
    """
    etag, body = response.field("etag"), response.body
    directives = binding(response, policy).directives
    if (
        response.code != 200
        or not policy.generate_etags
        or not (kept or directives.get("no-cache", "") is None)
        or "no-store" in directives
        or (etag is not None and is_entity_tag(etag))
        or not isinstance(body, list | tuple)
        or len(body) != 1
        or not isinstance(body[0], bytes)
        or len(body[0]) > policy.max_content
    ):
        return response
    return response.having("ETag", generated_etag(response.fields, body[0]))


def _stored_fields(
    response: Response, directives: Directives, policy: Policy, length: int
) -> FieldLines:
    """Return the fields that may be stored (§3.1).

    Of the fields that every reuse makes anew, only Content-Length stays; it says *length*.
    """
    values, gone = response.values, policy.names.never_stored
    # Deviation: fields about one exchange may not be stored, either, if the policy says so.
    if found := policy.names.beginning_so(values):
        gone = gone.union(found)
    if "connection" in values:
        gone = gone.union(field_names(values["connection"]) or ())
    # A field list names fields that must not be sent again without asking the origin (§5.2.2.4,
    # §5.2.2.7).
    if "no-cache" in directives or "private" in directives:
        for listed in (directives.get("no-cache"), directives.get("private")):
            gone = gone.union(field_names(listed) or ())
    said = str(length)
    has_length = values.get("content-length") == said and "content-length" not in gone
    if not has_length or response.code in _NO_CONTENT:
        gone = gone.union(("content-length",))
    if gone.isdisjoint(values):
        fields = list(response.fields)
    else:
        named = zip(response.names, response.fields, strict=True)
        fields = [line for name, line in named if name not in gone]
    if not has_length and response.code not in _NO_CONTENT:
        fields.append(("Content-Length", said))
    return fields
