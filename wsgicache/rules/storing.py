"""May we keep a response (RFC 9111 §3)?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgicache.rules.bounds import Remembered
from wsgicache.rules.credentials import INHERITED
from wsgicache.rules.fields import (
    TOO_LONG,
    delta_seconds,
    parse_vary,
    says,
)
from wsgicache.rules.freshness import (
    HEURISTICALLY_CACHEABLE,
    binding,
    explicit_lifetime,
    terms,
)
from wsgicache.rules.groups import groups_of
from wsgicache.rules.keys import same_origin_key
from wsgicache.rules.model import Decision
from wsgicache.rules.other_caches import forbidding_field
from wsgicache.rules.policy import Policy
from wsgicache.rules.ranges import parse_content_range
from wsgicache.rules.request import Request
from wsgicache.rules.response import Binding, Response
from wsgicache.rules.validators import app_validators

__all__ = [
    "ABOUT_THE_REQUEST", "ABOUT_WHO_ASKS", "FORCED", "content_span", "is_endless",
    "is_file", "is_for_cookies", "is_for_credentials", "outlives", "refusal", "unusable",
]  # fmt: skip

UNDERSTOOD = HEURISTICALLY_CACHEABLE | {302, 303, 307, 400, 401, 403, 416, 500, 502, 503, 504}
"""Status codes whose caching-related behaviour is implemented here (§3, must-understand)."""


_NOT_FOR_CACHES = frozenset({428, 429, 431, 511})
"""Status codes whose responses must not be stored, whatever they say (RFC 6585)."""

FORCED = "forced"
"""The reason if only a client's own directive made the cache ask (`outlives`)."""

ABOUT_THE_REQUEST = frozenset(
    {"method", "authorization", "body", "charset", "cookie", "range", "request-no-store"}
)
"""Refusals that say nothing about the answers to other requests."""

_FOR_WANT_OF_WORDS = dict.fromkeys(("authorization", "cookie", "freshness"), "content-type")
"""Refusals that a route would have prevented, had it not doubted the media type: that is the
reason."""

ABOUT_WHO_ASKS = frozenset({206, 401, 407, 412, 416, 429})
"""Status codes of answers that say nothing about other requests, either (RFC 9110 §15, RFC 6585
§4)."""


def refusal(
    request: Request,
    response: Response,
    policy: Policy,
    method: str | None = None,
    renewed: bool = False,
) -> str | None:
    """Return why this response must not be stored, or None if it may (RFC 9111 §3, in its order).

    *method* is that of the response to be stored, if the request has another (§4.3.5). With
    *renewed* it is a stored response with newer fields, whose content is there.
    """
    why = forbidden(request, response, policy, method, renewed) or unusable(response, policy)
    if why is None and type(response.body) is not list:
        why = _unused_file(request, response, policy)
    if why is None and (request.identified or "HTTP_COOKIE" in request.environ):
        why = unvouched(request, response, policy)
    # Beyond the RFC: a route for files of another type said nothing of this response.
    return why if why is None or not response.doubted else _FOR_WANT_OF_WORDS.get(why, why)


def is_file(environ: Mapping[str, Any], body: object) -> bool:
    """Return whether *body* is the server's own (PEP 3333): no code of the app makes it."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def _unused_file(request: Request, response: Response, policy: Policy) -> str | None:
    """Return "freshness" for a file that the server sends by itself, without a lifetime."""
    # Deviation: the RFC lets a cache store and validate it. The server's sendfile() costs less.
    if policy.store_files or not is_file(request.environ, response.body):
        return None
    known = terms(response, policy)
    used = known.lifetime > 0 or known.stale_while_revalidate or known.stale_if_error
    return None if used else "freshness"


def forbidden(
    request: Request,
    response: Response,
    policy: Policy,
    method: str | None = None,
    renewed: bool = False,
) -> str | None:
    """Return what forbids storing the response, however long it lives (§3)."""
    said, values = binding(response, policy), response.values
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
    # Deviation: an error of one request is no answer to others, whatever it says.
    if response.code in policy.unstored_statuses:
        return "status"
    if response.code == 206 and (not policy.store_partial or content_span(response) is None):
        return "partial"
    if "must-understand" in directives and response.code not in UNDERSTOOD:
        return "must-understand"
    # * the no-store cache directive is not present in the response (§5.2.2.5): must-understand
    #   with an understood status cancels it (§5.2.2.3);
    if "no-store" in directives and not says(directives, "must-understand"):
        return "too-long" if directives is TOO_LONG else "no-store"
    # * if the cache is shared: the private response directive is either not present or allows
    #   a shared cache to store a modified response (§5.2.2.7);
    if "private" in directives and directives["private"] is None:
        return "private"
    # Deviation: a prohibition for other shared caches counts here, too, unless the response
    # addresses this one in particular (RFC 9213 §2.2).
    if not policy.names.forbidding.isdisjoint(values) and not (
        said.own and INHERITED not in directives
    ):
        field = forbidding_field(values, sorted(policy.names.forbidding))
        if field is not None:
            return field
    # no-store is not present in the request (§5.2.1.5). It comes after what the response itself
    # forbids, which also ends what is stored.
    if "no-store" in request.directives:
        return "request-no-store"
    # * if the cache is shared: the Authorization field is not present in the request or a
    #   response directive is present that explicitly allows shared caching (§3.5);
    if request.identified and not is_for_credentials(response, policy):
        return "authorization"
    # Deviation: the RFC has no rule for cookies, and sessions live in them.
    if "HTTP_COOKIE" in request.environ and not is_for_cookies(response, policy):
        return "cookie"
    # Deviation: the content of a GET is not in its key; and frameworks decode the query by the
    # charset in Content-Type.
    if request.content_was_read:
        return "body"
    if "CONTENT_TYPE" in request.environ and not policy.store_charset:
        named = "charset" in request.environ["CONTENT_TYPE"].lower()
        if named and not _is_selected_by("content-type", response):
            return "charset"
    if not policy.store_set_cookie and ("set-cookie" in values or "set-cookie2" in values):
        return "set-cookie"
    # A Vary that no request can match is not worth storing (§4.1).
    if "vary" in values and parse_vary(values["vary"]) is None:
        return "vary"
    # The range may have caused an error. Deviation: it may have shaped the whole, too (§3.3). A 304
    # is about all of what is stored, whatever range was asked for (§4.3.4; RFC 9110 §13.2.2).
    if (
        "HTTP_RANGE" in request.environ
        and not renewed
        and (not policy.store_partial or response.code not in (200, 206))
    ):
        return "range"
    if (unkeepable := _unkeepable_content(response, policy)) is not None:
        return unkeepable
    # Without all of its groups it could not be purged.
    if groups_of(response) is None:
        return "groups"
    return None


def unusable(response: Response, policy: Policy) -> str | None:
    """Return why storing it would be of no use, as of the time of receipt (§3)."""
    directives = binding(response, policy).directives
    # * the response contains at least one of the following: a public response directive, an
    #   Expires field, a max-age or s-maxage directive, a status code that is defined as
    #   heuristically cacheable;
    # Not applicable: a private response directive, if the cache is not shared. This one is.
    # Not applicable: a cache extension that allows the response to be cached (§5.2.3). None is
    # known here.
    known = terms(response, policy)
    if (
        not known.explicit
        and not says(directives, "public")
        and (
            response.code not in HEURISTICALLY_CACHEABLE
            or (policy.error_lifetime is not None and response.code >= 400)
        )
    ):
        return "freshness"
    # and it is of use: fresh for a while, or able to be validated or to stand in.
    if not (
        known.lifetime > 0
        or known.stale_while_revalidate > 0
        or known.stale_if_error > 0
        or app_validators(response)
    ):
        return "freshness"
    # Last, since it takes longest: is all of it valid in WSGI and HTTP?
    return None if response.is_sound() else "malformed"


def outlives(decision: Decision, response: Response, now: float, policy: Policy) -> bool:
    """Return whether a fresh success that *decision* did not reuse *now* survives this *response*.

    It does if the response is an error or a redirect and the app was asked only because a client's
    directive forced that (§5.2.1): the rest of that request may have caused the error.
    """
    # Deviation: by the RFC a newer response replaces it, whoever asked.
    stored = decision.stored
    return (
        not policy.forced_errors
        and decision.forward == "request"
        and response.code >= 300
        and stored is not None
        and not (response.code == 304 and stored.validators)  # the client's copy is newer
        and stored.status[:1] == "2"
        and decision.is_fresh(now)
    )


def unvouched(request: Request, response: Response, policy: Policy) -> str | None:
    """Return why an answer to a request with credentials or cookies is for that request alone.

    The reason is that nothing in the response itself releases it to others. Deviation: a heuristic
    lifetime (§4.2.2), or permission to serve stale without a lifetime, releases nothing here. The
    RFC leaves that to caches.
    """
    said = binding(response, policy)
    if said.for_cookies or terms(response, policy).explicit or says(said.directives, "no-cache"):
        return None
    if request.identified:
        return "authorization"
    return None if _is_selected_by("cookie", response) else "cookie"


def _is_storable_post(request: Request, response: Response, said: Binding, policy: Policy) -> bool:
    """Return whether the answer to a POST may serve a GET (RFC 9110 §9.3.3).

    It needs explicit freshness, and a Content-Location that is the target URI.
    """
    if request.method != "POST" or not policy.store_post or not 200 <= response.code < 300:
        return False
    location = response.field("content-location")
    return (
        location is not None
        and explicit_lifetime(response, said) is not None
        and same_origin_key(request.key, location) == request.key
    )


def is_for_credentials(response: Response, policy: Policy) -> bool:
    """Return whether an answer to a request with credentials may be shared (§3.5)."""
    return binding(response, policy).for_credentials[policy.public_releases]


def is_for_cookies(response: Response, policy: Policy) -> bool:
    """Return whether an answer to a request with cookies may be shared.

    It may be shared with all clients, or with those that send the same cookies.
    """
    if not policy.private_cookies or binding(response, policy).for_cookies:
        return True
    return _is_selected_by("cookie", response)


def _is_selected_by(name: str, response: Response) -> bool:
    """Return whether the request field *name* selects it (§4.1)."""
    values = response.values
    return "vary" in values and name in (parse_vary(values["vary"]) or ())


_ENDLESS = ("text/event-stream", "multipart/x-mixed-replace")


def is_endless(content_type: str) -> bool:
    """Return whether content of this type goes on until one side closes the connection."""
    return content_type.strip(" \t").lower().startswith(_ENDLESS)


_remembered = Remembered(is_endless, 1024)


def _unkeepable_content(response: Response, policy: Policy) -> str | None:
    """Return why the content cannot be kept: endless, mis-framed or too large; None if it can."""
    kind = response.values.get("content-type", "")
    if _remembered[kind]:
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
    """Return the bytes of the representation that a 206 with one range carries (§3.3), or None."""
    if "multipart/byteranges" in (response.field("content-type") or "").lower():
        return None
    return parse_content_range(response.field("content-range"))
