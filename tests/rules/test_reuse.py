"""May it be used: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, answer, asked, entry_of, kept, rows
from tests.scene import EPOCH
from wsgicache import Policy
from wsgicache.rules.entries import adding
from wsgicache.rules.model import (
    ONLY_IF_CACHED,
    URI_MISS,
    VARY_MISS,
    CacheEntry,
    Decision,
)
from wsgicache.rules.reuse import (
    decide,
    goes_as_get,
    may_stand_in,
    outlasts,
)
from wsgicache.rules.variants import select


def decided(
    after: float,
    headers: dict[str, Any] | None = None,
    *,
    policy: Policy = SAFE,
    status: int = 200,
    environ: dict[str, Any] | None = None,
    **fields: Any,
) -> Decision:
    """What is decided *after* some seconds about a stored response with *fields*."""
    entry = entry_of(kept(b"01234", status, policy=policy, **fields), fields.get("vary"))
    request = asked(policy=policy, environ=environ, **(headers or {}))
    return decide(request, entry, EPOCH + after, policy)


FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
MARKED = Policy(read_your_writes=True)


# ── the clauses of §4, in their order ────────────────────────────────────────────────────────────


def test_another_uri() -> None:
    assert decide(asked(), None, EPOCH, SAFE) is URI_MISS
    assert decide(asked(), CacheEntry({}), EPOCH, SAFE) is URI_MISS


@pytest.mark.parametrize(
    ("after", "headers", "fields", "forward"),
    rows(
        ("§4 fresh", 59, {}, FRESH, None),
        ("§4.2 its age is its lifetime", 60, {}, FRESH, "stale"),
        ("§4.2 stale", 61, {}, FRESH, "stale"),
        ("§4.2.3 an Age on arrival", 50, {}, {"age": 10, **FRESH}, "stale"),
        (
            "§4.1 nominated fields differ",
            0,
            {"accept": "a"},
            {"vary": "Accept", **FRESH},
            "vary-miss",
        ),
        ("§5.2.2.4 no-cache", 0, {}, {"cache_control": "max-age=60, no-cache"}, "stale"),
        (
            "§5.2.2.4 no-cache with field names",
            0,
            {},
            {"cache_control": 'max-age=60, no-cache="a"'},
            None,
        ),
        ("§3.5 credentials", 0, {"authorization": "x"}, FRESH, "request"),
        (
            "§3.5 credentials and public",
            0,
            {"authorization": "x"},
            {"cache_control": "public, max-age=60"},
            "request",
        ),
        (
            "§3.5 credentials and s-maxage",
            0,
            {"authorization": "x"},
            {"cache_control": "s-maxage=60"},
            None,
        ),
        ("§4 cookies", 0, {"cookie": "sid=x"}, FRESH, "request"),
        (
            "§4 cookies and public",
            0,
            {"cookie": "sid=x"},
            {"cache_control": "public, max-age=60"},
            None,
        ),
    ),
)
def test_decide(
    after: float, headers: dict[str, Any], fields: dict[str, Any], forward: str | None
) -> None:
    assert decided(after, headers, **fields).forward == forward


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI", "SCRIPT_NAME"])
def test_what_was_selected_before_is_selected_for_the_same_target_alone(name: str) -> None:
    stored = kept(**FRESH)
    one, other = (asked(environ={name: value}) for value in ("/a", "/b"))
    entry = adding(one, answer(200, **FRESH), stored, SAFE)(None)
    assert [decide(one, entry, EPOCH, SAFE).stored for _ in range(2)] == [stored, stored]
    assert decide(other, entry, EPOCH, SAFE).forward == "vary-miss"


def test_cookies_are_told_from_credentials() -> None:
    assert decided(0, {"cookie": "sid=x"}, **FRESH).detail == "cookie"


@pytest.mark.parametrize(
    ("mark", "policy", "forward", "background"),
    [
        ("a", MARKED, None, False),
        ("b", MARKED, "vary-miss", False),
        ("", MARKED, "vary-miss", False),
        (None, MARKED, None, True),
        ("b", Policy(read_your_writes=False), None, False),
    ],
)
def test_what_was_stored_before_a_write_answers_no_more(
    mark: str | None, policy: Policy, forward: str | None, background: bool
) -> None:
    """Beyond the RFC; without a mark the store has to be asked for it."""
    stored, request = kept(**FRESH), asked(policy=policy)
    entry = entry_of(stored)
    stored.mark, stored.plain_until, request.mark = "a", 0.0, mark
    decision = decide(request, entry, EPOCH, policy)
    assert (decision.forward, decision.background) == (forward, background)


def test_a_decision_carries_the_response() -> None:
    decision = decided(7, age=3, **FRESH)
    assert decision.stored is not None
    assert (decision.background, decision.detail) == (False, None)
    until = decision.stored.generated_at + 60
    assert decision.is_fresh(until - 1)
    assert not decision.is_fresh(until)
    assert not URI_MISS.is_fresh(0)


def test_nothing_stored_is_nominated_for_one_with_credentials() -> None:
    """What is validated for him would be answered to him."""
    decision = decided(0, {"authorization": "x"}, **FRESH)
    assert decision.stored is None
    assert decision.detail == "authorization"


@pytest.mark.parametrize(
    ("headers", "forward"),
    rows(
        ("§3.3 a plain request", {}, "partial"),
        ("§3.3 a range within", {"range": "bytes=1-2"}, None),
        ("§3.3 a range beyond", {"range": "bytes=1-7"}, "partial"),
    ),
)
def test_a_part(headers: dict[str, Any], forward: str | None) -> None:
    part: dict[str, Any] = {"content_range": "bytes 0-4/10", **FRESH}
    assert decided(0, headers, status=206, policy=RFC, **part).forward == forward


@pytest.mark.parametrize(
    "headers",
    rows(
        ("§3.3 a plain request", {}),
        ("§3.3 a range beyond", {"range": "bytes=1-7"}),
    ),
)
def test_a_part_that_needs_validation_is_no_answer_to_more(headers: dict[str, Any]) -> None:
    """A 304 about it would leave the cache with less than what was asked for."""
    part: dict[str, Any] = {
        "content_range": "bytes 0-4/10",
        "etag": '"v1"',
        "cache_control": "no-cache",
    }
    assert decided(0, headers, status=206, policy=RFC, **part).forward == "partial"
    assert decided(0, {"range": "bytes=1-2"}, status=206, policy=RFC, **part).forward == "stale"


# ── what the request asks for (§5.2.1) ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("after", "wish", "directives", "forward"),
    rows(
        ("§5.2.1 unknown", 10, "x", "max-age=60", None),
        ("§5.2.1.1 max-age, as old", 10, "max-age=10", "max-age=60", None),
        ("§5.2.1.1 max-age, older", 11, "max-age=10", "max-age=60", "request"),
        ("§5.2.1.1 max-age=0, just now", 0, "max-age=0", "max-age=60", None),
        ("§5.2.1.1 max-age=0", 1, "max-age=0", "max-age=60", "request"),
        ("§5.2.1.1 max-age with white space", 11, "max-age =10", "max-age=60", "request"),
        ("§5.2.1.2 max-stale with white space", 61, "max-stale =10", "max-age=60", "stale"),
        ("§5.2.1.1 an invalid max-age", 10, "max-age=x", "max-age=60", None),
        (
            "§5.2.1.1 nothing stale",
            61,
            "max-age=100",
            "max-age=60, stale-while-revalidate=30",
            "stale",
        ),
        ("§5.2.1.2 max-stale, any", 9999, "max-stale", "max-age=60", None),
        ("§5.2.1.2 max-stale, as stale", 70, "max-stale=10", "max-age=60", None),
        ("§5.2.1.2 max-stale, staler", 71, "max-stale=10", "max-age=60", "stale"),
        ("§5.2.1.2 an invalid max-stale", 61, "max-stale=x", "max-age=60", "stale"),
        ("§5.2.1.1 not as long as that, but stale", 60, "max-age=100", "max-age=60", "stale"),
        ("§5.2.1.3 min-fresh, just stale", 60, "min-fresh=1", "max-age=60", "stale"),
        (
            "§5.2.1.3 min-fresh, of no time",
            60,
            "min-fresh=0",
            "max-age=60, stale-while-revalidate=9",
            "stale",
        ),
        ("§5.2.1.2 fresh anyway", 59, "max-stale=0", "max-age=60", None),
        ("§5.2.1.2 with max-age", 70, "max-age=100, max-stale=10", "max-age=60", None),
        ("§5.2.1.2 with max-age, older", 101, "max-age=100, max-stale", "max-age=60", "request"),
        ("§5.2.1.1 max-age as stale", 6, "max-age=5, max-stale=2", "max-age=5", None),
        ("§5.2.1.1 max-age, just as stale", 7, "max-age=5, max-stale=2", "max-age=5", None),
        ("§5.2.1.1 max-age, staler", 8, "max-age=5, max-stale=2", "max-age=5", "request"),
        ("§5.2.1.1 fresh, max-age with max-stale", 7, "max-age=5, max-stale=2", "max-age=60", None),
        ("§5.2.1.1 max-stale is none", 6, "max-age=5, max-stale=x", "max-age=5", "request"),
        (
            "§5.2.1.1 max-age as stale, must-revalidate",
            6,
            "max-age=5, max-stale=2",
            "max-age=5, must-revalidate",
            "stale",
        ),
        ("§5.2.1.2 with max-age, staler", 80, "max-age=100, max-stale=10", "max-age=60", "stale"),
        (
            "§4.2.4 not against must-revalidate",
            61,
            "max-stale",
            "max-age=60, must-revalidate",
            "stale",
        ),
        ("§4.2.4 nor proxy-revalidate", 61, "max-stale", "max-age=60, proxy-revalidate", "stale"),
        ("§4.2.4 nor s-maxage", 61, "max-stale", "s-maxage=60", "stale"),
        ("§4.2.4 nor no-cache", 0, "max-stale", "no-cache, max-age=60", "stale"),
        ("§5.2.1.3 min-fresh, as long", 50, "min-fresh=10", "max-age=60", None),
        ("§5.2.1.3 min-fresh, not so long", 51, "min-fresh=10", "max-age=60", "request"),
        ("§5.2.1.3 min-fresh, stale", 61, "min-fresh=10", "max-age=60", "stale"),
        (
            "§5.2.1.3 min-fresh=0, stale",
            61,
            "min-fresh=0",
            "max-age=60, stale-while-revalidate=30",
            "stale",
        ),
        ("§5.2.1.3 an invalid min-fresh", 59, "min-fresh=x", "max-age=60", None),
        ("§5.2.1.4 no-cache", 1, "no-cache", "max-age=60", "request"),
        ("§5.2.1.4 no-cache with an argument", 1, 'no-cache="a"', "max-age=60", "request"),
        ("§5.2.1.5 no-store says nothing of what is stored", 0, "no-store", "max-age=60", None),
        ("§5.2.1.6 no-transform", 0, "no-transform", "max-age=60", None),
        ("§5.2.1.7 only-if-cached", 0, "only-if-cached", "max-age=60", None),
    ),
)
def test_request_directives(after: float, wish: str, directives: str, forward: str | None) -> None:
    assert decided(after, {"cache_control": wish}, cache_control=directives).forward == forward


@pytest.mark.parametrize(
    ("after", "wish", "seconds", "directives", "forward"),
    rows(
        ("§5.2.1.4 just validated", 0.9, "no-cache", 1, "max-age=60", None),
        ("§5.2.1.1 just validated", 0.9, "max-age=0", 1, "max-age=60", None),
        ("§5.2.1.4 not just now", 1, "no-cache", 1, "max-age=60", "request"),
        ("§5.2.1.1 not just now", 1, "max-age=0", 1, "max-age=60", "request"),
        ("§5.2.1.4 longer", 4, "no-cache", 5, "max-age=60", None),
        ("§5.2.1.4 always", 0, "no-cache", 0, "max-age=60", "request"),
        ("§5.2.1.1 always", 0.9, "max-age=0", 0, "max-age=60", "request"),
        ("§4.2.3 old when it came", 0, "no-cache", 5, "max-age=60, age", "request"),
        ("§4.2 stale", 2, "no-cache", 5, "max-age=1", "stale"),
        ("§5.2.2.4 no-cache of the response", 0, "no-cache", 5, "no-cache", "stale"),
        ("§5.2.1.3 and another wish", 0, "no-cache, min-fresh=90", 5, "max-age=60", "request"),
    ),
)
def test_a_reload_of_what_was_just_validated(
    after: float, wish: str, seconds: int, directives: str, forward: str | None
) -> None:
    """And what has an Age already was not validated here."""
    said, old, _ = directives.partition(", age")
    fields: dict[str, Any] = {"age": "30"} if old else {}
    policy = Policy(reload_seconds=seconds)
    found = decided(after, {"cache_control": wish}, policy=policy, cache_control=said, **fields)
    assert found.forward == forward


@pytest.mark.parametrize(
    ("after", "wish", "directives"),
    rows(
        ("§5.2.1.7 stale", 61, "only-if-cached", "max-age=60"),
        ("§5.2.1.7 too old", 10, "only-if-cached, max-age=5", "max-age=60"),
        ("§5.2.1.7 to be validated", 0, "only-if-cached", "no-cache, max-age=60"),
        ("§5.2.1.7 asked to be validated", 1, "only-if-cached, no-cache", "max-age=60"),
    ),
)
def test_only_if_cached_and_nothing_usable(after: float, wish: str, directives: str) -> None:
    decision = decided(after, {"cache_control": wish}, cache_control=directives)
    assert decision is ONLY_IF_CACHED


@pytest.mark.parametrize(
    "decision",
    rows(
        ("§5.2.1.7 nothing", decide(asked(cache_control="only-if-cached"), None, EPOCH, SAFE)),
        (
            "§5.2.1.7 another variant",
            decided(0, {"cache_control": "only-if-cached", "accept": "a"}, vary="Accept", **FRESH),
        ),
        (
            "§5.2.1.7 nothing for one with credentials",
            decided(0, {"cache_control": "only-if-cached", "authorization": "x"}, **FRESH),
        ),
        (
            "§5.2.1.7 not that part",
            decided(
                0,
                {"cache_control": "only-if-cached"},
                status=206,
                policy=RFC,
                content_range="bytes 0-4/10",
                **FRESH,
            ),
        ),
    ),
)
def test_only_if_cached_and_nothing_at_all(decision: Decision) -> None:
    assert decision is ONLY_IF_CACHED


def test_only_if_cached_may_have_what_is_validated_meanwhile() -> None:
    said = "max-age=60, stale-while-revalidate=30"
    decision = decided(70, {"cache_control": "only-if-cached"}, cache_control=said)
    assert (decision.forward, decision.background) == (None, True)


# ── stale, while it is validated (RFC 5861 §3) ───────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("after", "directives", "forward", "background"),
    rows(
        ("5861 §3 fresh", 59, "max-age=60, stale-while-revalidate=30", None, False),
        ("5861 §3 stale", 60, "max-age=60, stale-while-revalidate=30", None, True),
        ("5861 §3 at the end", 89, "max-age=60, stale-while-revalidate=30", None, True),
        ("5861 §3 past it", 90, "max-age=60, stale-while-revalidate=30", "stale", False),
        (
            "5861 §3 must-revalidate",
            61,
            "max-age=60, stale-while-revalidate=30, must-revalidate",
            "stale",
            False,
        ),
        (
            "5861 §3 proxy-revalidate",
            61,
            "max-age=60, stale-while-revalidate=30, proxy-revalidate",
            "stale",
            False,
        ),
        ("5861 §3 s-maxage", 61, "s-maxage=60, stale-while-revalidate=30", "stale", False),
        ("5861 §3 no-cache", 1, "no-cache, max-age=60, stale-while-revalidate=30", "stale", False),
    ),
)
def test_stale_while_revalidate(
    after: float, directives: str, forward: str | None, background: bool
) -> None:
    decision = decided(after, cache_control=directives)
    assert (decision.forward, decision.background) == (forward, background)


@pytest.mark.parametrize(
    ("ahead", "after", "wish", "background"),
    rows(
        ("not yet", 10, 49, None, False),
        ("from then on", 10, 50, None, True),
        ("not before half its life", 50, 29, None, False),
        ("from half its life on", 50, 30, None, True),
        ("with a directive too", 10, 50, "x", False),
    ),
)
def test_refresh_ahead(ahead: int, after: float, wish: str | None, background: bool) -> None:
    decision = decided(after, {"cache_control": wish}, policy=Policy(refresh_ahead=ahead), **FRESH)
    assert (decision.forward, decision.background) == (None, background)


# ── stale, because the app failed (§4.2.4, RFC 5861 §4) ──────────────────────────────────────────


@pytest.mark.parametrize(
    ("overdue", "code", "fields", "wish", "may"),
    rows(
        ("5861 §4 503", 5, 503, "stale-if-error=10", None, True),
        ("5861 §4 500", 5, 500, "stale-if-error=10", None, True),
        ("5861 §4 502", 5, 502, "stale-if-error=10", None, True),
        ("5861 §4 504", 5, 504, "stale-if-error=10", None, True),
        ("5861 §4 another 5xx", 5, 501, "stale-if-error=10", None, False),
        ("5861 §4 an error of the client's", 5, 404, "stale-if-error=10", None, False),
        ("5861 §4 a success", 5, 200, "stale-if-error=10", None, False),
        ("5861 §4 at the end", 10, 503, "stale-if-error=10", None, False),
        ("5861 §4 not said", 0, 503, "x", None, False),
        ("5861 §4 not said, and fresh", -5, 503, "x", None, False),
        ("5861 §4 for a second", 0.5, 503, "stale-if-error=1", None, True),
        ("5861 §4 the request says", 5, 503, "x", "stale-if-error=10", True),
        ("5861 §4 the request says more", 15, 503, "stale-if-error=10", "stale-if-error=20", True),
        ("5861 §4 the request says less", 5, 503, "stale-if-error=10", "stale-if-error=1", True),
        ("§4.2.4 raised", 5, None, "x", None, True),
        ("§4.2.4 raised, at the policy's end", 10, None, "x", None, False),
        ("§4.2.4 raised, but a longer window", 15, None, "stale-if-error=20", None, True),
        ("§4.2.4 must-revalidate", 0, None, "must-revalidate, stale-if-error=10", None, False),
        ("§4.2.4 proxy-revalidate", 0, None, "proxy-revalidate", None, False),
        ("§4.2.4 s-maxage", 0, None, "s-maxage=60", None, False),
        ("§4.2.4 no-cache", 0, None, "no-cache", None, False),
        ("§4.2.4 whatever the request says", 0, 503, "must-revalidate", "stale-if-error=10", False),
    ),
)
def test_may_stand_in(
    overdue: float, code: int | None, fields: str, wish: str | None, may: bool
) -> None:
    stored = kept(cache_control=f"max-age=60, {fields}")
    request = asked(cache_control=wish)
    assert may_stand_in(request, stored, EPOCH + 60 + overdue, code, SAFE) is may


@pytest.mark.parametrize(
    ("status", "fields", "may"),
    rows(
        ("a redirect", 301, {"location": "/"}, True),
        ("a 404", 404, {}, True),
        ("a 410", 410, {}, True),
        ("another error", 403, {}, False),
        ("an error of the server's", 503, {}, False),
        ("§3.3 a part", 206, {"content_range": "bytes 0-4/10"}, False),
    ),
)
def test_what_may_stand_in(status: int, fields: dict[str, Any], may: bool) -> None:
    said = {"cache_control": "max-age=60, stale-if-error=30", **fields}
    stored = kept(b"01234", status, policy=RFC, **said)
    for code in (None, 503):
        assert may_stand_in(asked(policy=RFC), stored, EPOCH + 61, code, RFC) is may


@pytest.mark.parametrize(
    ("overdue", "code", "words", "does"),
    rows(
        ("5861 §3 within the window", 5, 503, "stale-while-revalidate=10", True),
        ("5861 §3 the first error of the server's", 5, 500, "stale-while-revalidate=10", True),
        ("§4.2.4 must-revalidate, just stale", 0.5, 503, "must-revalidate", False),
        ("5861 §3 any error of the server's", 5, 505, "stale-while-revalidate=10", True),
        ("5861 §3 at its end", 10, 503, "stale-while-revalidate=10", False),
        ("5861 §3 an answer of another kind", 5, 404, "stale-while-revalidate=10", False),
        ("5861 §3 an app that raises", 5, None, "stale-while-revalidate=10", False),
        ("§4.2 fresh", -5, 503, "x", True),
        ("§4.2 fresh, must-revalidate", -5, 503, "must-revalidate", True),
        ("§4.2 stale", 0, 503, "x", False),
        (
            "§4.2.4 must-revalidate",
            5,
            503,
            "must-revalidate, stale-while-revalidate=10",
            False,
        ),
        ("§5.2.2.4 no-cache", -5, 503, "no-cache", False),
    ),
)
def test_outlasts(overdue: float, code: int | None, words: str, does: bool) -> None:
    stored = kept(cache_control=f"max-age=60, {words}")
    assert outlasts(stored, EPOCH + 60 + overdue, code, SAFE) is does
    assert not outlasts(stored, EPOCH + 60 + overdue, code, Policy(debug=True))


def test_nothing_stands_in_while_debugging() -> None:
    stored = kept(cache_control="max-age=60, stale-if-error=30")
    assert not may_stand_in(asked(), stored, EPOCH + 61, None, Policy(debug=True))


@pytest.mark.parametrize(
    ("method", "headers", "decision", "goes"),
    rows(
        ("9110 §9.3.2 nothing is stored", "HEAD", {}, URI_MISS, True),
        ("9110 §9.3.2 something stale is", "HEAD", {}, Decision("stale", kept()), True),
        ("9110 §9.3.2 GET", "GET", {}, URI_MISS, False),
        ("§3.5 for one client", "HEAD", {"authorization": "x"}, URI_MISS, False),
        ("§5.2.1.5 for nobody else", "HEAD", {"cache_control": "no-store"}, URI_MISS, False),
        (
            "§5.2.1.5 for nobody else, but something is stored",
            "HEAD",
            {"cache_control": "no-store"},
            Decision("stale", kept()),
            True,
        ),
        ("another HEAD", "HEAD", {"tus_resumable": "1.0.0"}, URI_MISS, False),
    ),
)
def test_goes_as_get(method: str, headers: dict[str, Any], decision: Decision, goes: bool) -> None:
    request = asked(method, **headers)
    assert goes_as_get(request, decision, SAFE) is goes
    assert not goes_as_get(request, decision, RFC)


# ── which one (§4.1) ─────────────────────────────────────────────────────────────────────────────


def test_what_selected_once_is_found_without_normalising() -> None:
    entry = entry_of(kept(), "Accept")
    stored = decide(asked(), entry, EPOCH, SAFE).stored
    assert stored is not None
    assert stored is select(asked(), entry, SAFE)
    assert [one.stored for one in entry.seen.values()] == [stored]
    assert decide(asked(), entry, EPOCH, SAFE).stored is stored


def test_what_is_remembered_of_that_is_bounded() -> None:
    vary = answer(200, vary="Accept")
    entry = adding(asked(accept="a,b"), vary, kept(), SAFE)(None)
    assert entry is not None
    for spaces in range(100):
        spelt = asked(accept="a," + " " * spaces + "b")
        assert decide(spelt, entry, EPOCH, SAFE).stored is not None
    assert len(entry.seen) == 2


def test_more_is_remembered_of_a_coding_that_answers_many() -> None:
    """Each browser has its own way to write what it accepts."""
    vary: dict[str, Any] = {"vary": "Accept-Encoding", "content_encoding": "gzip"}
    entry = adding(asked(accept_encoding="gzip, br"), answer(200, **vary), kept(), SAFE)(None)
    assert entry is not None
    for spaces in range(20):
        spelt = asked(accept_encoding=f"gzip,{' ' * spaces}br")
        assert decide(spelt, entry, EPOCH, SAFE).stored is not None
    assert len(entry.seen) == 8
    assert len(set(map(id, entry.seen.values()))) == 1


def test_another_variant_is_a_vary_miss() -> None:
    entry = entry_of(kept(**FRESH), "Accept")
    assert decide(asked(accept="a"), entry, EPOCH, SAFE) is VARY_MISS
