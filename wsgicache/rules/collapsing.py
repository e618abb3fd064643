"""Who asks the app for whom (RFC 9111 §4, §4.3.2), and what do requests do after a wait?"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from wsgicache.rules.fields import Directives
from wsgicache.rules.model import CacheEntry, Decision
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.reuse import UNMARKED, decide, may_stand_in

__all__ = [
    "HELD_UP_SECONDS", "Part", "after_waiting", "collapsing", "decide_again",
    "forwards_conditions", "longest_pause", "stood_in",
]  # fmt: skip

HELD_UP_SECONDS = 0.25
"""How long a request waits for the next chunk of a body."""
_SHORTEST_PAUSE = 0.05
"""How long it waits at least: a client that takes all at once may pause for so long."""

Part = Literal["lead", "follow", "alone"]
"""What a request may do while others want the same: ask for all, wait for another one, or ask for
itself and note what came of it."""


def collapsing(request: Request, decision: Decision, policy: Policy) -> Part | None:
    """Return whether others may wait for the answer to *request*, and it for theirs (§4).

    It may do neither if its answer would be for itself alone: with credentials or no-store, to
    POST, or for the rest of a stored part. It may only follow if it asks for less than a whole
    response: by HEAD, with a range, or with conditions that go to the app. It is alone where
    nobody waits for anybody.
    """
    if (
        request.identified
        or "no-store" in request.directives
        or decision.forward not in _COLLAPSIBLE
    ):
        return None
    if request.method != "GET" or (
        request.conditional and forwards_conditions(request, decision, policy)
    ):
        return "follow" if policy.collapse and request.collapses else None
    return "lead" if policy.collapse and request.collapses else "alone"


_COLLAPSIBLE = frozenset({"uri-miss", "vary-miss", "stale", "request"})


def forwards_conditions(request: Request, decision: Decision, policy: Policy) -> bool:
    """Return whether the app gets the conditions of *request*, so that its 304 is for it alone.

    This is about a request for which nothing is stored that could be validated.
    """
    # Its answer is for its client alone: to POST, or with credentials or no-store. Or it asks for
    # a part, or for the head.
    if (
        request.method != "GET"
        or request.identified
        or "no-store" in request.directives
        or "HTTP_RANGE" in request.environ
    ):
        return True
    # Deviation: the cache may pass conditions on (§4.3.2). But a 304 is nothing to store, and the
    # browsers that come back after a restart all have conditions. So the app is asked for the
    # page, and the conditions are evaluated on that.
    return policy.forward_conditions and decision.forward == "uri-miss"


def longest_pause(followers: int) -> float:
    """Return how many seconds a client may take for a chunk while *followers* wait.

    Each of them holds a thread of the server, which other pages need. So together they wait as long
    as one alone. While the app makes the chunk, each waits longer: without a cache they would wait
    for the app, too, but not for another client.
    """
    return max(_SHORTEST_PAUSE, HELD_UP_SECONDS / max(1, followers))


def after_waiting(directives: Directives) -> Directives:
    """Return the *directives* of a request that still count after it waited for a new response.

    The origin generated that response meanwhile, which satisfies no-cache and max-age (§5.2.1.1,
    §5.2.1.4).
    """
    if directives.keys().isdisjoint(_MET_BY_WAITING):
        return directives
    return {name: said for name, said in directives.items() if name not in _MET_BY_WAITING}


_MET_BY_WAITING = frozenset({"no-cache", "max-age"})


def decide_again(
    request: Request, entry: CacheEntry | None, now: float, policy: Policy, *, renewed: bool
) -> Decision:
    """Decide for a request that has waited: it starts no background validation.

    What is *renewed* was validated right now. For anything else the request asks the app.
    """
    decision = decide(request, entry, now, policy)
    if decision.background:
        served = renewed and decision.detail != UNMARKED
        return replace(decision, forward=None if served else "stale", background=False)
    return decision


def stood_in(
    request: Request, decision: Decision, now: float, code: int | None, policy: Policy
) -> Decision:
    """Return the *decision* for a request that waited while a stale response stood in for an error.

    The app failed with *code*. The stale response stands in here as well, if this request allows
    it.
    """
    stored = decision.stored
    if stored is None or not may_stand_in(request, stored, now, code, policy):
        return decision
    return replace(decision, forward=None)
