"""What does an answer say about itself: Age (RFC 9111 §5.1), Cache-Status (RFC 9211)?"""

from __future__ import annotations

from wsgicache.rules.fields import (
    MAX_DELTA_SECONDS,
    delta_seconds,
    field_names,
    parse_cache_control,
    written,
)
from wsgicache.rules.keeping import nearer_caches
from wsgicache.rules.model import FieldLines, StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.rules.response import Response
from wsgicache.rules.storing import unusable

__all__ = [
    "FOR_ONE_CLIENT", "first_reason", "refused_fields", "relayed_fields", "reused_lines",
    "with_own",
]  # fmt: skip


def reused_lines(
    stored: StoredResponse, age: int, cache_status: str | None, policy: Policy
) -> FieldLines:
    """Return the lines that a reuse of *stored* at *age* seconds adds to the stored fields.

    *cache_status* says how the request was forwarded, or is None for a hit (RFC 9211 §2.1). After a
    soft purge the Age is so high that every cache takes the response for stale.
    """
    # Deviation: a response that came without a Date leaves without one (RFC 9110 §6.6.1); servers
    # add it.
    lines = [("Age", str(max(age, stored.least_age)))]
    if stored.withheld and "cache-control" not in policy.names.withheld:
        lines += _said_anew(stored, age)
    if policy.cache_status:
        if cache_status is None:
            cache_status = f"hit; ttl={int(stored.freshness_lifetime) - age}"
        lines.append(("Cache-Status", f"{stored.cache_status}; {cache_status}"))
    if policy.x_cache:
        lines.append(("X-Cache", "HIT"))
    if policy.server_timing:
        lines.append(_timing(cache_status or "hit"))
    return lines


def _timing(cache_status: str) -> tuple[str, str]:
    """Return the line of Server-Timing for how a request was answered, beside those of the app."""
    how = cache_status.partition(";")[0].removeprefix("fwd=")
    return "Server-Timing", f'cache;desc="{how}"'


def _said_anew(stored: StoredResponse, age: int) -> FieldLines:
    """Return Cache-Control if its max-age counts from now, so that Age does not use it up."""
    for name, value in stored.withheld:
        if name.lower() == "cache-control":
            directives = parse_cache_control(value)
            seconds = delta_seconds(directives.get("max-age"))
            # What is stale stays so for everybody.
            if seconds is not None and age < stored.freshness_lifetime:
                directives = {**directives, "max-age": str(min(seconds + age, MAX_DELTA_SECONDS))}
            return [(name, written(directives))]
    return []


def with_own(fields: FieldLines, own: FieldLines) -> FieldLines:
    """Return stored *fields* with one client's *own* in place of those of the same names (§3.2)."""
    names = {name.lower() for name, _ in own}
    return [*(line for line in fields if line[0].lower() not in names), *own]


def relayed_fields(response: Response, cache_status: str, policy: Policy) -> FieldLines:
    """Return the fields of the app's response as the client gets them.

    Hop-by-hop fields and fields for this cache alone are taken out. Cache-Status is added, after
    what caches nearer to the app put there.
    """
    if not response.is_readable:
        return response.fields  # for the server to judge
    values = response.values
    gone, name = policy.names.staying, policy.name
    if "connection" in values:
        gone = gone.union(field_names(values["connection"]) or ())
    if policy.cache_status and "cache-status" in values:
        gone = gone.union(("cache-status",))
        name = ", ".join([*nearer_caches(response), name])
    fields = response.fields
    if not gone.isdisjoint(values):
        named = zip(response.names, fields, strict=True)
        fields = [line for name_of, line in named if name_of not in gone]
    more = [("Cache-Status", f"{name}; {cache_status}")] if policy.cache_status else []
    if policy.x_cache:
        more.append(("X-Cache", "MISS"))
    if policy.server_timing:
        more.append(_timing(cache_status))
    return [*fields, *more]


FOR_ONE_CLIENT = frozenset({"authorization", "charset", "cookie", "set-cookie"})
"""Reasons against storing that are about one client alone."""


def first_reason(why_not: str, response: Response, policy: Policy) -> str:
    """Return the reason to name where the rules found *why_not*, one of `FOR_ONE_CLIENT`, first.

    A missing lifetime comes before those: it would remain if they were cured, and it keeps the
    response from all clients.
    """
    return "freshness" if unusable(response, policy) == "freshness" else why_not


def refused_fields(policy: Policy) -> FieldLines:
    """Return the fields of the 504 for only-if-cached (§5.2.1.7)."""
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "0")]
    if policy.cache_status:
        fields.append(("Cache-Status", f"{policy.name}; detail=only-if-cached"))
    return fields
