"""Who asks for whom, and what those do who have waited: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, asked, entry_of, kept, rows
from tests.scene import EPOCH
from wsgicache import Policy
from wsgicache.rules.collapsing import (
    after_waiting,
    collapsing,
    decide_again,
    forwards_conditions,
    longest_pause,
    stood_in,
)
from wsgicache.rules.model import URI_MISS, Decision

# ── waiting for each other (§4) ──────────────────────────────────────────────────────────────────

SERVED_STALE = "max-age=5, stale-while-revalidate=30"


TAG = {"if_none_match": '"a"'}


@pytest.mark.parametrize(
    ("method", "headers", "forward", "part", "without"),
    rows(
        ("§4 a miss", "GET", {}, "uri-miss", "lead", "alone"),
        ("§4 another variant", "GET", {}, "vary-miss", "lead", "alone"),
        ("§4 stale", "GET", {}, "stale", "lead", "alone"),
        ("§4 a wish", "GET", {"cache_control": "max-age=0"}, "request", "lead", "alone"),
        ("§4 a part", "GET", {}, "partial", None, None),
        ("§4 POST", "POST", {}, "method", None, None),
        ("§4 HEAD", "HEAD", {}, "uri-miss", "follow", None),
        ("§4 credentials", "GET", {"authorization": "x"}, "uri-miss", None, None),
        ("§4.3.2 a condition", "GET", TAG, "uri-miss", "lead", "alone"),
        ("§4 a range", "GET", {"range": "bytes=0-1"}, "stale", "follow", None),
        ("§4 no-store", "GET", {"cache_control": "no-store"}, "uri-miss", None, None),
    ),
)
def test_collapsing(
    method: str, headers: dict[str, Any], forward: str, part: str | None, without: str | None
) -> None:
    """And *without* waiting for each other, by the policy or by a route."""
    request = asked(method, **headers)
    assert collapsing(request, Decision(forward), SAFE) == part
    assert collapsing(request, Decision(forward), Policy(collapse=False)) == without
    request.collapses = False
    assert collapsing(request, Decision(forward), SAFE) == without


@pytest.mark.parametrize(
    ("method", "headers", "forward", "safe", "rfc"),
    rows(
        ("§4.3.2 nothing is stored", "GET", TAG, "uri-miss", False, True),
        ("§4.3.2 another variant is", "GET", TAG, "vary-miss", False, False),
        ("§4.3.2 what has no validators is", "GET", TAG, "stale", False, False),
        ("§4.3.5 HEAD", "HEAD", TAG, "stale", True, True),
        ("§4 POST", "POST", TAG, "method", True, True),
        ("§4 a range, too", "GET", {**TAG, "range": "bytes=0-1"}, "stale", True, True),
        ("9110 §13.1.5 If-Range alone", "GET", {"if_range": '"a"'}, "stale", False, False),
        ("§3.5 credentials", "GET", {**TAG, "authorization": "x"}, "stale", True, True),
        ("§5.2.1.5 no-store", "GET", {**TAG, "cache_control": "no-store"}, "stale", True, True),
    ),
)
def test_forwards_conditions(
    method: str, headers: dict[str, Any], forward: str, safe: bool, rfc: bool
) -> None:
    for policy, goes in ((SAFE, safe), (RFC, rfc)):
        request = asked(method, policy=policy, **headers)
        assert forwards_conditions(request, Decision(forward), policy) is goes


@pytest.mark.parametrize(
    ("wish", "directives", "renewed", "forward"),
    rows(
        ("§5.2.1.4 no-cache is met", "no-cache", "max-age=60", True, None),
        ("§5.2.1.1 max-age is met", "max-age=0", "max-age=60", True, None),
        ("§5.2.1.3 min-fresh is not", "min-fresh=90", "max-age=60", True, "request"),
        ("§5.2.2.4 no-cache of the response is for all", "no-cache", "no-cache", True, "stale"),
        ("5861 §3 stale, but just made", "x", SERVED_STALE, True, None),
        ("5861 §3 stale as it was", "x", SERVED_STALE, False, "stale"),
        ("§4.2.4 stale", "x", "max-age=5", True, "stale"),
        ("§4 nothing said", None, "max-age=60", False, None),
    ),
)
def test_decide_again(
    wish: str | None, directives: str, renewed: bool, forward: str | None
) -> None:
    request = asked(cache_control=wish)
    request.directives = after_waiting(request.directives)
    entry = entry_of(kept(cache_control=directives))
    decision = decide_again(request, entry, EPOCH + 6, SAFE, renewed=renewed)
    assert (decision.forward, decision.background) == (forward, False)


def test_what_stood_in_for_one_stands_in_for_those_who_waited() -> None:
    stored = kept(cache_control="max-age=60, stale-if-error=10")
    stale, now = Decision("stale", stored), EPOCH + 65
    assert stood_in(asked(), stale, now, 503, SAFE) == Decision(None, stored)
    assert stood_in(asked(), stale, now + 60, 503, SAFE) == stale
    assert stood_in(asked(), URI_MISS, now, 503, SAFE) == URI_MISS


# ── for how long ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("followers", "seconds"),
    [(0, 0.25), (1, 0.25), (2, 0.125), (4, 0.0625), (5, 0.05), (7, 0.05), (200, 0.05)],
)
def test_how_long_a_client_may_pause(followers: int, seconds: float) -> None:
    """All who wait for it do so for a quarter of a second together, while they are few."""
    assert longest_pause(followers) == seconds
