"""Is the stored response still valid (RFC 9111 §4.3)?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgicache.rules.conditional import not_modified
from wsgicache.rules.entries import Change, adding
from wsgicache.rules.fields import (
    delta_seconds,
    entity_tags,
    field_names,
    is_entity_tag,
    parse_vary,
    weak_match,
)
from wsgicache.rules.keeping import stored_response
from wsgicache.rules.model import ANY_TIME, CacheEntry, FieldLines, Fill, StoredResponse
from wsgicache.rules.names import HOP_BY_HOP, SET_COOKIE
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.validators import is_generated
from wsgicache.rules.variants import matching

__all__ = [
    "fetching", "freshened", "freshening", "is_had", "matches_head", "updated", "validating",
    "whole",
]  # fmt: skip

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


def validating(request: Request, stored: StoredResponse) -> WSGIEnvironment:
    """Return the environ of a conditional request about *stored*.

    It uses the validators that the app gave (§4.3.1). The client's conditions are left out: they
    are evaluated on the outcome (§4.3.2), which is for all who wait. A range stays, so that a
    client that wants a part does not make the app send the whole. The fields that Vary nominates
    stay as well.
    """
    return {**whole(request), **dict(stored.validators)}


def whole(request: Request) -> WSGIEnvironment:
    """Return the environ of *request* without the client's conditions.

    They are evaluated on what the app answers.
    """
    left = _CONDITIONS.intersection(request.environ)
    if not left:
        return request.environ
    return {key: value for key, value in request.environ.items() if key not in left}


_CONDITIONS = frozenset({"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"})


def fetching(request: Request) -> WSGIEnvironment:
    """Return the environ of a request whose conditions go to the app.

    It is without entity tags that the app never gave. A 304 is for this client alone.
    """
    wanted = request.environ.get("HTTP_IF_NONE_MATCH")
    if wanted is None or not any(map(is_generated, entity_tags(wanted))):
        return request.environ
    environ = dict(request.environ)
    known = [tag for tag in entity_tags(wanted) if not is_generated(tag)]
    if known:
        environ["HTTP_IF_NONE_MATCH"] = ", ".join(known)
    else:
        del environ["HTTP_IF_NONE_MATCH"]
        # The date counts for nothing beside If-None-Match (RFC 9110 §13.1.3).
        environ.pop("HTTP_IF_MODIFIED_SINCE", None)
    return environ


def is_had(request: Request, response: Response, policy: Policy) -> bool:
    """Return whether the client of *request* already has what this 200 brings (RFC 9110 §13.2.2).

    Its own condition says so, which the app has not seen.
    """
    if response.code != 200 or request.method != "GET" or not request.conditional:
        return False
    wanted = request.environ.get("HTTP_IF_NONE_MATCH")
    if wanted is None and "last-modified" not in response.values:
        return False  # Only Date could be compared, which is the current time.
    if wanted is not None and wanted.strip(" \t") == "*":
        return False  # It names nothing that the client has (RFC 9110 §13.1.2).
    return not_modified(request, stored_response(response, None, policy, 0), response.wall)


# Fields that a 304 never changes: they describe the stored content (§3.2), or are for one client.
_OF_THE_CONTENT = SET_COOKIE | {
    "content-digest",  # of the 304's own content, which is empty (RFC 9530 §2)
    "content-encoding",
    "content-length",
    "content-range",
}


def freshened(stored: StoredResponse, response: Response, policy: Policy) -> Response | None:
    """Return *stored* with the fields of a 304 or HEAD about it, or None (§4.3.4, §3.2).

    * If the new response contains a strong validator, it is about the stored response with the same
      one. If none has it, nothing is updated.
    * If it contains a weak validator, likewise. Without any validator it is about the lone response
      asked about.
    """
    etag = response.field("etag")
    ours = stored.etag if stored.etag is not None and not is_generated(stored.etag) else None
    if etag is not None and is_entity_tag(etag):
        # A weak one by weak comparison (RFC 9110 §8.8.3.2).
        is_ours = ours is not None and etag.startswith("W/") and weak_match(etag, ours)
        if etag != ours and not is_ours:
            return None
    elif response.field("last-modified") not in (None, stored.last_modified):
        return None
    # Deviation: a 304 without a validator is about what our conditions asked about.
    return updated(stored, response, policy)


def updated(stored: StoredResponse, response: Response, policy: Policy) -> Response:
    """Return the stored fields, each replaced where the new response has it (§3.2)."""
    newer = response.values.keys() - _OF_THE_CONTENT - HOP_BY_HOP
    newer -= set(field_names(response.field("connection")) or ())
    # Deviation: frameworks give a 304 their default Content-Type, which does not describe the
    # content.
    if not policy.update_content_type:
        newer.discard("content-type")
    # An invalid entity tag does not replace the generated one.
    if "etag" in newer and stored.etag is not None and is_generated(stored.etag):
        newer = newer if is_entity_tag(response.values["etag"]) else newer - {"etag"}
    # Without a Date its receipt dates it (RFC 9110 §6.6.1), so the stored Date goes.
    gone = newer | {"date"}
    held = [*stored.fields, *stored.withheld]
    fields: FieldLines = [line for line in held if line[0].lower() not in gone]
    fields += [line for line in response.fields if line[0].lower() in newer]
    return response.instead(stored.status, fields)


def matches_head(stored: StoredResponse, response: Response) -> bool:
    """Return whether a HEAD's 200 describes the stored content (§4.3.5).

    It must have the same validators where it has any, and the same length where it gives one. It
    never describes what is stored with another status. If this response is the first to nominate
    some fields, only an entity tag shows that it describes what was stored without them.
    """
    if stored.status[:3] not in ("200", "206"):
        return False
    if "vary" in response.values and "etag" not in response.values:
        knew = ", ".join(value for name, value in stored.fields if name.lower() == "vary")
        names = parse_vary(response.values["vary"])
        if names is None or not set(names) <= set(parse_vary(knew) or ()):
            return False
    ours = stored.etag if stored.etag is not None and not is_generated(stored.etag) else None
    etag, modified = response.field("etag"), response.field("last-modified")
    etag = None if etag is None or not is_entity_tag(etag) else etag
    length = response.field("content-length")
    whole = stored.length if stored.span is None else stored.span[2]
    return (
        (etag is None or etag == ours)
        and (modified is None or modified == stored.last_modified)
        and (length is None or delta_seconds(length) == whole)
    )


def freshening(
    request: Request,
    asked: StoredResponse,
    response: Response,
    renewed: StoredResponse,
    policy: Policy,
    fill: Fill = ANY_TIME,
) -> Change:
    """Return the change that replaces the response *asked* about, if still there, by *renewed*."""
    put = adding(request, response, renewed, policy, fill)

    def change(entry: CacheEntry | None) -> CacheEntry | None:
        if entry is None:
            return None
        held = matching(request, entry, policy)
        current = next((of for of, one in held.items() if _same(one, asked)), None)
        if current is None:
            return entry
        changed = put(entry)
        if changed is None or changed is entry or current not in changed.responses:
            return changed
        if changed.responses[current] is not held[current]:
            return changed
        # It is filed under what its Vary names now.
        left = {of: one for of, one in changed.responses.items() if of != current}
        return CacheEntry(left, changed.emptied_at, changed.salt)

    return change


def _same(one: StoredResponse, other: StoredResponse) -> bool:
    return one is other or (one.generated_at, one.etag, one.length) == (
        other.generated_at,
        other.etag,
        other.length,
    )
