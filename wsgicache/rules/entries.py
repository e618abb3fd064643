"""How does an entry change: responses added, dropped, emptied (RFC 9111 §4.1, §4.4)?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from wsgicache.rules.bounds import Remembered
from wsgicache.rules.credentials import EVERYBODY, INHERITED
from wsgicache.rules.fields import MAX_DELTA_SECONDS, nominated_keys
from wsgicache.rules.freshness import binding, longest_lifetime
from wsgicache.rules.keys import Selector, Values, digested, selecting_value, told_target
from wsgicache.rules.model import (
    ANY_TIME,
    EMPTY,
    IMPLIED,
    NEVER,
    UNAGED,
    CacheEntry,
    Fill,
    LeasedEntry,
    StoredResponse,
)
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response

__all__ = [
    "Change", "adding", "dropping", "emptied", "is_marked", "last_use", "nominated_by", "overtaken",
    "selector_of", "softened", "softened_all", "values_of",
]  # fmt: skip

Change = Callable[[CacheEntry | None], CacheEntry | None]
"""A change that a store applies to an entry, atomically. It is pure, so it may run twice."""


def adding(
    request: Request,
    response: Response,
    stored: StoredResponse,
    policy: Policy,
    fill: Fill = ANY_TIME,
) -> Change:
    """Return the change that files *stored* under what *request* presented (§4.1).

    It replaces what those values selected before. If *stored* nominates more fields than the entry
    knew, the responses stored without them go: they could match any value. The change does nothing
    if the entry was emptied after *fill* began.
    """
    named = nominated_by(response, policy)
    if request.mark and is_marked(request, named, policy):
        stored.mark, stored.plain_until = request.mark, NEVER

    def change(entry: CacheEntry | None) -> CacheEntry:
        known = entry or EMPTY
        if overtaken(fill, known):
            return known
        nominated, others = known.nominated, known.responses
        if not others or not set(named) <= set(nominated):
            nominated, others = _nominated[named, nominated], {}
        selector = selector_of(request, nominated, known.salt, policy)
        responses = {selector: stored}
        if others:
            current = others.get(selector)
            if current is not None and current.asked_at > fill.began:
                return known  # a later request was faster
            left = {of: one for of, one in others.items() if of != selector}
            while len(left) >= policy.max_variants:
                del left[min(left, key=lambda of: last_use(left[of]))]
            responses = {**left, **responses}
        return CacheEntry(nominated, responses, known.emptied_at, known.salt)

    return change


def last_use(stored: StoredResponse) -> float:
    """Return when *stored* answered last, to a second; NEVER if it has not since it was stored."""
    return stored.generated_at + stored.aged[0]


def nominated_by(response: Response, policy: Policy) -> tuple[str, ...]:
    """Return the environ keys of what Vary names and what selects *response* here, sorted (§4.1).

    Cookie does not where the author has said so to this cache alone.
    """
    named = nominated_keys(response.field("vary") or "")
    if "HTTP_COOKIE" in named:
        said = binding(response, policy)
        if said.own and EVERYBODY in said.directives and INHERITED not in said.directives:
            return tuple(key for key in named if key != "HTTP_COOKIE")
    return named


def is_marked(request: Request, named: Sequence[str], policy: Policy) -> bool:
    """Return whether the cookies of *request* select its response, whose Vary names *named*.

    Such a response answers only until these cookies write (Policy.read_your_writes).
    """
    return "HTTP_COOKIE" in named and policy.read_your_writes and "HTTP_COOKIE" in request.environ


def _both(names: tuple[tuple[str, ...], tuple[str, ...]]) -> tuple[str, ...]:
    named, known = names
    return (*IMPLIED, *sorted({*named, *known}.difference(IMPLIED)))


_nominated = Remembered(_both, 256)


def overtaken(fill: Fill, known: CacheEntry) -> bool:
    """Return whether the entry was emptied after *fill* began.

    Processes that share an entry may have different clocks, so the moment only tells one emptying
    from another. A full store may have lost the moment, so a lease that was lost or taken away
    counts, too.
    """
    if known.salt:
        if fill.lease and isinstance(known, LeasedEntry) and fill.lease not in known.leases:
            return True
        return known.emptied_at not in (fill.emptied_at, fill.began)
    return known.emptied_at > fill.began


def emptied(moment: float) -> Change:
    """Return the change that removes every response of an entry (§4.4).

    The entry remembers the moment, so that a fill that began earlier is not kept.
    """

    def change(entry: CacheEntry | None) -> CacheEntry:
        known = entry or EMPTY
        return CacheEntry(IMPLIED, {}, _later(moment, known), known.salt)

    return change


def softened_all(now: float) -> Change:
    """Return the change that makes every response of an entry stale since *now*.

    A fill that has begun by then is not kept.
    """
    moment = math.nextafter(now, math.inf)

    def change(entry: CacheEntry | None) -> CacheEntry:
        known = entry or EMPTY
        # A response that is stale by now is softened, too: by another machine's clock it may be
        # fresh.
        responses = {
            selector: replace(softened(one, now), softened_at=now)
            for selector, one in known.responses.items()
        }
        return CacheEntry(known.nominated, responses, _later(moment, known), known.salt)

    return change


def _later(moment: float, known: CacheEntry) -> float:
    """Return *moment*, or one right after *known* was emptied: no two emptyings share a moment."""
    return max(moment, math.nextafter(known.emptied_at, math.inf))


def softened(stored: StoredResponse, moment: float) -> StoredResponse:
    """Return *stored*, stale since *moment*: it may stand in, or be served while it is validated.

    It says an Age of at least any lifetime that its fields give, so that a client can tell that it
    is stale.
    """
    age = max(0.0, moment - stored.generated_at)
    lifetime = min(stored.freshness_lifetime, age)
    least_age, longest = stored.least_age, longest_lifetime(stored)
    if longest > max(age, least_age):
        least_age = min(math.ceil(longest), MAX_DELTA_SECONDS)
    if (lifetime, least_age) == (stored.freshness_lifetime, stored.least_age):
        return stored
    refresh_age = min(stored.refresh_age, lifetime)
    return replace(
        stored,
        freshness_lifetime=lifetime,
        refresh_age=refresh_age,
        least_age=least_age,
        softened_at=moment,
        aged=UNAGED,
    )


def dropping(request: Request, policy: Policy) -> Change:
    """Return the change that removes only what *request* selects."""

    def change(entry: CacheEntry | None) -> CacheEntry | None:
        if entry is None:
            return None
        responses = dict(entry.responses)
        responses.pop(selector_of(request, entry.nominated, entry.salt, policy), None)
        return CacheEntry(entry.nominated, responses, entry.emptied_at, entry.salt)

    return change


_NAMED = slice(len(IMPLIED), None)


def values_of(request: Request, nominated: tuple[str, ...], policy: Policy) -> Values:
    """Return the values that select a response for *request* (§4.1).

    They are what a proxy forwarded, what is implied, and what Vary names. *nominated* begins with
    what is implied.
    """
    environ = request.environ
    raw, target, mount = map(environ.get, IMPLIED)
    if raw or target:
        raw, target = told_target(request.key, raw, target)
    named = nominated[_NAMED]
    if not named:
        return (request.forwarded, raw, target, mount)
    any_order = policy.normalize_language
    values = [selecting_value(environ, key, any_order) for key in named]
    return (request.forwarded, raw, target, mount, *values)


def selector_of(
    request: Request, nominated: tuple[str, ...], salt: bytes, policy: Policy
) -> Selector:
    """Return what the response to *request* is filed under in an entry with this *salt*."""
    values = values_of(request, nominated, policy)
    return digested(values, salt) if salt else values
