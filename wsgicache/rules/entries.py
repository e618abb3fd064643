"""How does an entry change: responses added, dropped, emptied (RFC 9111 §4.1, §4.4)?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from wsgicache.rules.credentials import EVERYBODY, INHERITED
from wsgicache.rules.fields import MAX_DELTA_SECONDS, nominated_keys
from wsgicache.rules.freshness import binding, longest_lifetime
from wsgicache.rules.keys import Key, Selector
from wsgicache.rules.model import (
    ANY_TIME,
    EMPTY,
    NEVER,
    UNAGED,
    CacheEntry,
    Fill,
    LeasedEntry,
    StoredResponse,
)
from wsgicache.rules.negotiating import CODINGS, learning
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.variants import kind_beside, kind_of, matching, selector_of, standing

__all__ = [
    "Change", "Emptying", "Entries", "adding", "dropping", "emptied", "is_marked", "last_use",
    "nominated_by", "overtaken", "softened", "softened_all",
]  # fmt: skip

Change = Callable[[CacheEntry | None], CacheEntry | None]
"""A change that a store applies to an entry, atomically. It is pure, so it may run twice."""


class Entries(Protocol):
    """Where entries are looked up."""

    def get(self, key: Key) -> CacheEntry | None:
        """Return the entry under *key*, or None."""


def adding(
    request: Request,
    response: Response,
    stored: StoredResponse,
    policy: Policy,
    fill: Fill = ANY_TIME,
) -> Change:
    """Return the change that files *stored* under what *request* presented (§4.1).

    It replaces what those values selected before, and what *request* would select instead of it.
    The change does nothing if the entry was emptied after *fill* began.
    """
    named = nominated_by(response, policy)
    if request.mark and is_marked(request, named, policy):
        stored.mark, stored.plain_until = request.mark, NEVER
    own = kind_of(request, response, named, policy)
    offered = request.environ.get(CODINGS)

    def change(entry: CacheEntry | None) -> CacheEntry:
        known = entry or EMPTY
        if overtaken(fill, known):
            return known
        kind = own
        if known.responses and "vary" not in response.values:
            usable = [one for one in known.responses.values() if _is_usable(one, fill.began)]
            kind = kind_beside(usable, request, response, policy)
        stored.kind = kind
        selector = selector_of(request, kind, known.salt, policy)
        current = known.responses.get(selector)
        if current is not None and current.asked_at > fill.began:
            return known  # a later request was faster
        if kind[1] is not None:
            offers = () if current is None else current.offers
            stored.offers = learning(kind[1], offers, offered, stored.generated_at)
        responses = {selector: stored}
        if known.responses:
            left = _left_beside(stored, selector, request, known, policy, fill)
            while len(left) >= policy.max_variants:
                del left[min(left, key=lambda of: last_use(left[of]))]
            responses = {**left, **responses}
        return CacheEntry(responses, known.emptied_at, known.salt)

    return change


def last_use(stored: StoredResponse) -> float:
    """Return when *stored* answered last, to a second; NEVER if it has not since it was stored."""
    return stored.aged[0] - 1


def nominated_by(response: Response, policy: Policy) -> tuple[str, ...]:
    """Return the environ keys of what Vary names and what selects *response* here, sorted (§4.1).

    Cookie does not select here if the author said so to this cache alone.
    """
    named = nominated_keys(response.field("vary") or "")
    if "HTTP_COOKIE" in named:
        said = binding(response, policy)
        if said.own and EVERYBODY in said.directives and INHERITED not in said.directives:
            return tuple(key for key in named if key != "HTTP_COOKIE")
    return named


def _left_beside(
    stored: StoredResponse,
    selector: Selector,
    request: Request,
    known: CacheEntry,
    policy: Policy,
    fill: Fill,
) -> dict[Selector, StoredResponse]:
    """Return what of the entry *known* stays beside *stored*, the new answer to *request*."""
    ours = standing(stored, request, policy)
    gone = {selector}
    for of, one in matching(request, known, policy).items():
        # It would be chosen instead, or the app has made another choice since.
        if one.kind[0] == stored.kind[0] or standing(one, request, policy) > ours:
            gone.add(of)
    return {
        of: one
        for of, one in known.responses.items()
        if of not in gone and (one.kind[0] == stored.kind[0] or _is_usable(one, fill.began))
    }


def _is_usable(stored: StoredResponse, now: float) -> bool:
    """Return whether *stored* may still answer at *now*; if not, the names in its Vary go, too."""
    window = max(stored.stale_while_revalidate, stored.stale_if_error)
    overdue = now - stored.generated_at - stored.freshness_lifetime
    return bool(stored.validators) or overdue < window


def is_marked(request: Request, named: Sequence[str], policy: Policy) -> bool:
    """Return whether the cookies of *request* select its response, whose Vary names *named*.

    Such a response answers only until these cookies write (Policy.read_your_writes).
    """
    return "HTTP_COOKIE" in named and policy.read_your_writes and "HTTP_COOKIE" in request.environ


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
        return CacheEntry({}, _later(moment, known), known.salt)

    return change


class Emptying:
    """The change `emptied`, applied to several entries, and what it has found."""

    def __init__(self, moment: float) -> None:
        self._change = emptied(moment)
        self.emptied_at = moment
        """The moment of emptying, or a later one if an entry was emptied just now."""
        self.found = False
        """Whether there was any response."""

    def __call__(self, entry: CacheEntry | None) -> CacheEntry | None:
        """Return *entry* without its responses."""
        done = self._change(entry)
        if done is not None:
            self.emptied_at = max(self.emptied_at, done.emptied_at)
        if entry is not None and (entry.responses or entry.left_out):
            self.found = True
        return done


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
        return CacheEntry(responses, _later(moment, known), known.salt)

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
    """Return the change that removes all that matches *request*, and nothing else."""

    def change(entry: CacheEntry | None) -> CacheEntry | None:
        if entry is None:
            return None
        gone = matching(request, entry, policy)
        responses = {of: one for of, one in entry.responses.items() if of not in gone}
        return CacheEntry(responses, entry.emptied_at, entry.salt)

    return change
