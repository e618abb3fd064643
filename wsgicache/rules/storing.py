"""May we keep it, and what do we keep? (RFC 9111 §3)"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from wsgicache.rules.dates import parse_date
from wsgicache.rules.fields import (
    WORTH_REMEMBERING,
    Directives,
    delta_seconds,
    field_names,
    is_entity_tag,
    is_structured_list,
    parse_content_range,
    parse_vary,
)
from wsgicache.rules.freshness import (
    HEURISTICALLY_CACHEABLE,
    Controls,
    controls,
    corrected_initial_age,
    date_value,
    explicit_lifetime,
    terms,
)
from wsgicache.rules.groups import groups_of
from wsgicache.rules.keys import same_origin_key
from wsgicache.rules.model import (
    NO_LINES,
    FieldLines,
    Request,
    Response,
    StoredResponse,
)
from wsgicache.rules.policy import Policy

UNDERSTOOD = HEURISTICALLY_CACHEABLE | {302, 303, 307, 400, 401, 403, 416, 500, 502, 503, 504}
"""Status codes whose caching-related behaviour is implemented here (§3, must-understand)."""


_NOT_FOR_CACHES = frozenset({428, 429, 431, 511})
"""Status codes whose responses must not be stored, whatever they say (RFC 6585)."""

_VALIDATED = frozenset({200, 203, 206})
"""Status codes of what a 304 can be about (RFC 9110 §15.4.5)."""

ABOUT_THE_REQUEST = frozenset({"method", "authorization", "cookie", "range", "request-no-store"})
"""Refusals that say nothing of what other requests may be answered."""

ABOUT_WHO_ASKS = frozenset({206, 401, 407, 412, 416, 429})
"""Status codes of answers that say nothing of it, either (RFC 9110 §15, RFC 6585 §4)."""


def refusal(
    request: Request, response: Response, policy: Policy, method: str | None = None
) -> str | None:
    """Why this response must not be stored, or None if it may (RFC 9111 §3, in its order).

    *method* is that of the response to be stored, where the request has another (§4.3.5).
    """
    said, values = controls(response, policy), response.values
    directives = said.directives
    # * the request method is understood by the cache;
    if (method or request.method) != "GET" and not _is_storable_post(
        request, response, said, policy
    ):
        return "method"
    # * the response status code is final;
    if not 200 <= response.code <= 599 or not response.is_readable:
        return "malformed"
    # * if the response status code is 206 or 304, or the must-understand cache directive is
    #   present, the cache understands the response status code;
    if response.code == 304 or response.code in _NOT_FOR_CACHES:
        return "status"
    if response.code == 206 and (not policy.store_partial or content_span(response) is None):
        return "partial"
    if "must-understand" in directives and response.code not in UNDERSTOOD:
        return "must-understand"
    # * the no-store cache directive is not present in the response (§5.2.2.5): must-understand
    #   with an understood status cancels it (§5.2.2.3);
    if "no-store" in directives and "must-understand" not in directives:
        return "no-store"
    # * if the cache is shared: the private response directive is either not present or allows
    #   a shared cache to store a modified response (§5.2.2.7);
    if "private" in directives and directives["private"] is None:
        return "private"
    # Nor is no-store present in the request (§5.2.1.5): said after what the response forbids to
    # everybody, which also ends what is stored.
    if "no-store" in request.directives:
        return "request-no-store"
    # * if the cache is shared: the Authorization field is not present in the request or a
    #   response directive is present that explicitly allows shared caching (§3.5);
    if request.identified and not allows_identified(directives):
        return "authorization"
    # Deviation: the RFC knows no rule for cookies, and sessions live in them.
    if (
        policy.private_cookies
        and "HTTP_COOKIE" in request.environ
        and not (said.own or "public" in directives or "s-maxage" in directives)
        and "cookie" not in (parse_vary(values.get("vary", "")) or ())
    ):
        return "cookie"
    if not policy.store_set_cookie and ("set-cookie" in values or "set-cookie2" in values):
        return "set-cookie"
    # A Vary that no request can match is not worth storing (§4.1).
    if "vary" in values and parse_vary(values["vary"]) is None:
        return "vary"
    # An error may be what the range made; Deviation: so may the whole (§3.3).
    if "HTTP_RANGE" in request.environ and (
        not policy.store_partial or response.code not in (200, 206)
    ):
        return "range"
    if (unkeepable := _unkeepable_content(response, policy)) is not None:
        return unkeepable
    # Without all of its groups it could not be purged.
    if groups_of(response) is None:
        return "groups"
    # * the response contains at least one of: public, Expires, max-age, s-maxage, or a status
    #   code that is defined as heuristically cacheable;
    known = terms(response, policy)
    if (
        not known.explicit
        and "public" not in directives
        and (
            response.code not in HEURISTICALLY_CACHEABLE
            or (policy.error_lifetime is not None and response.code >= 400)
        )
    ):
        return "freshness"
    # and is of use: fresh for a while, or able to be validated or to stand in.
    if not (
        known.lifetime > 0
        or known.stale_while_revalidate > 0
        or known.stale_if_error > 0
        or app_validators(response)
    ):
        return "freshness"
    # Last, since it takes longest: the whole is what WSGI and HTTP allow.
    return None if response.is_sound() else "malformed"


def _is_storable_post(request: Request, response: Response, said: Controls, policy: Policy) -> bool:
    """Whether the answer to a POST may serve GET: explicit freshness, and a Content-Location
    that is the target URI (RFC 9110 §9.3.3)."""
    if request.method != "POST" or not policy.store_post or not 200 <= response.code < 300:
        return False
    location = response.field("content-location")
    return (
        location is not None
        and explicit_lifetime(response, said) is not None
        and same_origin_key(request.key, location) == request.key
    )


def allows_identified(directives: Directives) -> bool:
    """Whether shared caching of answers to authenticated requests is allowed (§3.5)."""
    return "public" in directives or "s-maxage" in directives or "must-revalidate" in directives


_ENDLESS = ("text/event-stream", "multipart/x-mixed-replace")


def _is_endless(content_type: str) -> bool:
    return content_type.strip(" \t").lower().startswith(_ENDLESS)


_remembered = lru_cache(maxsize=1024)(_is_endless)


def _unkeepable_content(response: Response, policy: Policy) -> str | None:
    """Why the content is not collected: endless, mis-framed or too large; None if it may be."""
    kind = response.values.get("content-type", "")
    if (_is_endless if len(kind) > WORTH_REMEMBERING else _remembered)(kind):
        return "stream"
    declared = response.values.get("content-length")
    if declared is not None:
        length = delta_seconds(declared)  # several lines are no number
        if length is None:
            return "content-length"
        if length > policy.max_content:
            return "too-large"
    return None


def content_span(response: Response) -> tuple[int, int, int | None] | None:
    """Which bytes of the representation a 206 with one range carries (§3.3), or None."""
    if "multipart/byteranges" in (response.field("content-type") or "").lower():
        return None
    return parse_content_range(response.field("content-range"))


# ── Fields (§3.1) ──────────────────────────────────────────────────────────────────────────────

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields that mean one connection only (§3.1, RFC 9110 §7.6.1)."""


def not_forwarded(response: Response, policy: Policy) -> frozenset[str]:
    """Names of the fields in *response* that go no further than here (RFC 9110 §7.6.1)."""
    names = _staying(policy.targets, policy.strip)
    if "connection" not in response.values:
        return names
    return names.union(field_names(response.field("connection")) or ())


@lru_cache(maxsize=64)
def _withheld(targets: tuple[str, ...], strip: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.lower() for name in (*targets[:1], *strip))


@lru_cache(maxsize=64)
def _staying(targets: tuple[str, ...], strip: tuple[str, ...]) -> frozenset[str]:
    return HOP_BY_HOP | _withheld(targets, strip)


def forwarded_fields(response: Response, policy: Policy) -> FieldLines:
    """The fields of *response* for whoever asked, as a list of their own."""
    gone = not_forwarded(response, policy)
    if gone.isdisjoint(response.values):
        return list(response.fields)
    return [
        line for name, line in zip(response.names, response.fields, strict=True) if name not in gone
    ]


_NO_CONTENT = frozenset({204, 304})


_MADE_ANEW = frozenset({"age", "cache-status", "content-length", "x-cache"})


@lru_cache(maxsize=64)
def _never_stored(targets: tuple[str, ...], strip: tuple[str, ...]) -> frozenset[str]:
    return _staying(targets, strip) | _MADE_ANEW


def _not_stored(response: Response, directives: Directives, policy: Policy) -> frozenset[str]:
    """Names of the fields that must not be stored (§3.1), or that every reuse makes anew."""
    gone = _never_stored(policy.targets, policy.strip)
    if "connection" in response.values:
        gone = gone.union(not_forwarded(response, policy))
    # A field list says what must not be sent again without asking the origin (§5.2.2.4, §5.2.2.7).
    for name in ("no-cache", "private"):
        if (listed := directives.get(name)) is not None:
            gone = gone.union(field_names(listed) or ())
    return gone


# ── Validators ─────────────────────────────────────────────────────────────────────────────────

_GENERATED = '"wsgicache-'


def generated_etag(fields: FieldLines, content: bytes) -> str:
    """A strong entity tag for *content* as *fields* describe it (RFC 9110 §8.8.3)."""
    described = "".join(
        [
            f"\n{name.lower()}:{value}"
            for name, value in fields
            if name[:8] in ("Content-", "content-") or name.lower().startswith("content-")
        ]
    )
    digest = blake2b(content, digest_size=12)
    digest.update(described.encode("latin-1"))
    return f'{_GENERATED}{digest.hexdigest()}"'


def is_generated(etag: str) -> bool:
    """Whether *etag* was made by a cache like this one, so that the app knows nothing of it."""
    return etag.startswith(_GENERATED)


def app_validators(response: Response) -> tuple[tuple[str, str], ...]:
    """What makes a request about *response* conditional, as environ items (§4.3.1).

    Nothing does for an error or a redirect: a 304 says that there would have been a 200 (RFC 9110
    §15.4.5), so it could never be about it.
    """
    if response.code not in _VALIDATED:
        return ()
    items: list[tuple[str, str]] = []
    etag = response.field("etag")
    if etag is not None and is_entity_tag(etag) and not is_generated(etag):
        items.append(("HTTP_IF_NONE_MATCH", etag))
    modified = response.field("last-modified")
    if modified is not None and parse_date(modified, response.wall) is not None:
        items.append(("HTTP_IF_MODIFIED_SINCE", modified))
    return tuple(items)


# ── The stored response ────────────────────────────────────────────────────────────────────────


def is_complete(response: Response, length: int) -> bool:
    """Whether a body of *length* bytes that ended by itself is the whole content (§3.3)."""
    if length and response.code in _NO_CONTENT:
        return False
    declared = response.values.get("content-length")
    if declared not in (None, str(length)) and delta_seconds(declared) != length:
        return False
    span = content_span(response) if response.code == 206 else None
    return span is None or span[1] - span[0] + 1 == length


def nearer_caches(response: Response) -> list[str]:
    """What caches nearer to the app said of *response*, for our word to follow (RFC 9211 §2); what
    is no list of structured fields would make that unreadable, and is left out."""
    value = response.field("cache-status")
    return response.lines("cache-status") if value and is_structured_list(value) else []


def store(
    response: Response, content: bytes | None, policy: Policy, length: int | None = None
) -> StoredResponse:
    """*response* at rest: all that a later request could ask about it, worked out now.

    *content* is None where a store keeps it elsewhere; *length* then says how long it is.
    """
    if length is None:
        length = len(content or b"")
    said = controls(response, policy)
    directives = said.directives
    values, code = response.values, response.code
    gone = _not_stored(response, directives, policy)
    pairs = zip(response.names, response.fields, strict=True)
    fields = [line for name, line in pairs if name not in gone]
    etag, modified = values.get("etag"), values.get("last-modified")
    validators = app_validators(response) if etag or modified else ()
    if etag is None and content is not None and code == 200 and policy.generate_etags:
        etag = generated_etag(fields, content)
        fields.append(("ETag", etag))
    if code not in _NO_CONTENT:
        fields.append(("Content-Length", str(length)))
    quiet = _withheld(policy.targets, policy.strip)
    modified_at = parse_date(modified, response.wall)
    date = date_value(response)
    known = terms(response, policy)
    lifetime = refresh_age = known.lifetime
    if policy.refresh_ahead:
        # Never earlier than half-way: a window longer than the life would never close.
        refresh_age = max(lifetime - policy.refresh_ahead, lifetime / 2)
    return StoredResponse(
        status=response.status,
        # PERF: a copy has no room to grow; 50 bytes less of each response.
        fields=fields[:],
        not_modified=NO_LINES,
        content=content,
        length=length,
        generated_at=response.received_at - corrected_initial_age(response),
        freshness_lifetime=lifetime,
        refresh_age=refresh_age,
        no_cache="no-cache" in directives and directives["no-cache"] is None,
        # s-maxage incorporates the semantics of proxy-revalidate (§5.2.2.10).
        must_revalidate="must-revalidate" in directives
        or "proxy-revalidate" in directives
        or "s-maxage" in directives,
        shareable=allows_identified(directives),
        stale_while_revalidate=known.stale_while_revalidate,
        stale_if_error=known.stale_if_error,
        etag=etag if etag is not None and is_entity_tag(etag) else None,
        last_modified=modified if modified_at is not None else None,
        modified_at=date if modified_at is None else modified_at,
        strong_date=modified_at is not None and "date" in values and date >= modified_at + 1,
        validators=validators,
        cache_status=", ".join([*nearer_caches(response), policy.name])
        if "cache-status" in values
        else policy.name,
        withheld=NO_LINES
        if quiet.isdisjoint(values)
        else [line for line in response.fields if line[0].lower() in quiet],
        span=content_span(response) if code == 206 else None,
        groups=groups_of(response) or (),
    )
