"""For how long is a response fresh, and how old is it (RFC 9111 §4.2, RFC 5861, RFC 9213)?"""

from __future__ import annotations

from wsgicache.rules.bounds import Remembered
from wsgicache.rules.credentials import releases, releases_to_cookies
from wsgicache.rules.dates import parse_date
from wsgicache.rules.fields import (
    Directives,
    delta_seconds,
    parse_age,
    parse_cache_control,
    parse_targeted,
    says,
)
from wsgicache.rules.model import StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.rules.response import Binding, Response, Terms

__all__ = [
    "HEURISTICALLY_CACHEABLE", "answers_others", "binding", "date_value", "explicit_lifetime",
    "longest_lifetime", "terms",
]  # fmt: skip

HEURISTICALLY_CACHEABLE = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""Status codes whose responses may be reused without explicit freshness (RFC 9110 §15.1)."""


def binding(response: Response, policy: Policy) -> Binding:
    """Return the first valid targeted field of the policy, else Cache-Control (RFC 9213 §2.2)."""
    if response.binding is not None:
        return response.binding
    values = response.values
    for name in policy.names.targets:
        if name in values and (directives := parse_targeted(values[name])) is not None:
            said = _understood(directives, True, name == policy.names.targets[0])
            break
    else:
        value = values.get("cache-control", "")
        said = _remembered[value]
        # Pragma in a response has no meaning of its own (§5.4), but an author who writes no-cache
        # there and nothing else means it. Deviation: taken as Cache-Control: no-cache, as browsers
        # do.
        if not said.directives and "no-cache" in values.get("pragma", "").lower():
            said = _understood({"no-cache": None})
    response.binding = said
    return said


def _understood(directives: Directives, targeted: bool = False, own: bool = False) -> Binding:
    age, while_revalidate, if_error = (
        delta_seconds(directives[name]) or 0 if name in directives else None
        for name in (
            # * If the cache is shared and the s-maxage response directive is present, use its
            #   value, or
            # * If the max-age response directive is present, use its value (§4.2.1), or
            "s-maxage" if "s-maxage" in directives else "max-age",
            "stale-while-revalidate",
            "stale-if-error",
        )
    )
    for_credentials = releases(directives, own, False), releases(directives, own, True)
    for_cookies = releases_to_cookies(directives, own)
    return Binding(
        directives, targeted, own, age, while_revalidate, if_error, for_credentials, for_cookies
    )


def _to_everybody(value: str) -> Binding:
    return _understood(parse_cache_control(value))


_remembered = Remembered(_to_everybody, 1024)


def explicit_lifetime(response: Response, said: Binding) -> int | None:
    """Return the seconds of explicit freshness (§4.2.1), or None where none is given.

    An invalid lifetime is stale at once (§4.2.1: "encouraged to consider it stale").
    """
    if said.max_age is not None:
        return said.max_age
    # * If the Expires response header field is present, use its value minus that of Date
    #   (using the time the message was received if it is not present), or
    if not said.targeted and (value := response.field("expires")) is not None:
        expires = parse_date(value, response.wall)
        if expires is None:
            return 0
        return max(0, int(expires - date_value(response)))
    # * Otherwise, no explicit expiration time is present in the response.
    return None


def heuristic_lifetime(response: Response, said: Binding, policy: Policy) -> float:
    """Return the seconds of freshness where the response gives no expiration time (§4.2.2).

    They are a fraction of the time since its last modification, within a limit. They apply to
    status codes that allow it, and to responses marked public. `Policy()` has a fraction of zero.
    """
    if not policy.heuristic_fraction or "no-cache" in said.directives:
        return 0.0
    if response.code not in HEURISTICALLY_CACHEABLE and not says(said.directives, "public"):
        return 0.0
    modified = parse_date(response.field("last-modified"), response.wall)
    if modified is None:
        return 0.0
    lifetime = (date_value(response) - modified) * policy.heuristic_fraction
    return max(0.0, min(lifetime, policy.heuristic_limit))


def date_value(response: Response) -> float:
    """Return the value of Date, or the time of receipt if it is absent or invalid (§4.2.3)."""
    if "date" not in response.values:
        return response.wall
    date = parse_date(response.field("date"), response.wall)
    return response.wall if date is None else date


def corrected_initial_age(response: Response) -> float:
    """Return the age of *response*, in seconds, when it was received (§4.2.3)."""
    values = response.values
    response_delay = response.received_at - response.requested_at
    if "date" not in values and "age" not in values:
        return max(0.0, response_delay)  # PERF: the same result, 0.2 µs sooner
    apparent_age = max(0.0, response.wall - date_value(response))
    age_value = parse_age(values.get("age"))
    corrected_age_value = age_value + response_delay
    return max(apparent_age, corrected_age_value)


_float: Remembered[int, float] = Remembered(float, 1024)
"""PERF: responses with the same lifetime share one number; 24 bytes less each."""


def terms(response: Response, policy: Policy) -> Terms:
    """Return for how long *response* may be used; it is worked out once.

    The lifetime is what the response says, else the heuristic, and for errors at most what the
    policy grants.
    """
    if response.terms is not None:
        return response.terms
    said = binding(response, policy)
    explicit = explicit_lifetime(response, said)
    validating, failing = said.stale_while_revalidate, said.stale_if_error
    if explicit is None:
        lifetime = heuristic_lifetime(response, said, policy)
    else:
        lifetime = _float[explicit]
        if validating is None:
            validating = policy.stale_while_revalidate
    if failing is None:
        failing = policy.stale_if_error
    # Deviation: odd fields of one request may have caused an error, which must not last for
    # everybody.
    most, code = policy.error_lifetime, response.code
    if code >= 400 and most is not None and code not in (404, 410):
        lifetime, validating, failing = min(lifetime, most), 0, 0
    age = corrected_initial_age(response)
    known = response.terms = Terms(explicit is not None, lifetime, validating or 0, failing, age)
    return known


def longest_lifetime(stored: StoredResponse) -> float:
    """Return the seconds for which any cache may take *stored* for fresh (§4.2.1, RFC 9213).

    It is the longest lifetime in any of its fields, whether for this cache, others or all of them.
    """
    longest = stored.freshness_lifetime
    dates: dict[str, float | None] = {}
    for line_name, value in (*stored.fields, *stored.withheld):
        name = line_name.lower()
        if name in ("date", "expires"):
            dates[name] = parse_date(value, stored.generated_at)
        elif name.endswith("cache-control"):
            directives = parse_cache_control(value)
            for directive in ("max-age", "s-maxage"):
                longest = max(longest, delta_seconds(directives.get(directive)) or 0)
    if (expires := dates.get("expires")) is not None:
        date = dates.get("date")
        longest = max(longest, expires - (stored.generated_at if date is None else date))
    return longest


def answers_others(response: Response, now: float, policy: Policy) -> bool:
    """Return whether *response*, stored at *now*, may be used without validation (§4, §5.2.2.4).

    Otherwise it is stored for its validators only, or too old by then (§4.2, RFC 5861 §3).
    """
    if binding(response, policy).directives.get("no-cache", "") is None:
        return False
    known = terms(response, policy)
    age = known.initial_age + (now - response.received_at)
    return known.lifetime + known.stale_while_revalidate > age
