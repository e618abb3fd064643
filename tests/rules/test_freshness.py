"""For how long, and how old: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, answer, date, kept, rows
from tests.scene import EPOCH
from wsgicache import Policy
from wsgicache.rules.freshness import (
    HEURISTICALLY_CACHEABLE,
    answers_others,
    binding,
    corrected_initial_age,
    date_value,
    explicit_lifetime,
    heuristic_lifetime,
    terms,
)
from wsgicache.rules.response import Terms

# ── which directives bind ────────────────────────────────────────────────────────────────────────

OURS, CDN = "Wsgicache-Cache-Control", "CDN-Cache-Control"


@pytest.mark.parametrize(
    ("fields", "directives", "targeted", "own"),
    rows(
        ("9213 §2.2 no targeted field", [("Cache-Control", "a")], {"a": None}, False, False),
        ("9213 §2.2 our own", [("Cache-Control", "a"), (OURS, "b")], {"b": None}, True, True),
        (
            "9213 §2.2 the next in the list",
            [(CDN, "b"), ("Cache-Control", "a")],
            {"b": None},
            True,
            False,
        ),
        ("9213 §2.2 the list's order", [(CDN, "b"), (OURS, "c")], {"c": None}, True, True),
        ("9213 §2.2 the first that is valid", [(OURS, "&"), (CDN, "b")], {"b": None}, True, False),
        (
            "9213 §2.2 the first that is not empty",
            [(OURS, ""), (CDN, "b")],
            {"b": None},
            True,
            False,
        ),
        (
            "9213 §2.2 none valid",
            [(OURS, "&"), (CDN, ""), ("Cache-Control", "a")],
            {"a": None},
            False,
            False,
        ),
        ("9213 §2.2 not in the list", [("Other-Cache-Control", "b")], {}, False, False),
        ("9213 §2.1 lines joined", [(CDN, "b"), (CDN, "c=1")], {"b": None, "c": None}, True, False),
        ("9213 §2.1 names in any case", [("cdn-cache-CONTROL", "b")], {"b": None}, True, False),
        ("§5.4 another Pragma", [("Pragma", "no-cach")], {}, False, False),
        ("§5.4 Pragma alone", [("Pragma", "No-Cache")], {"no-cache": None}, False, False),
        ("§5.4 another Pragma", [("Pragma", "foo")], {}, False, False),
        (
            "§5.4 beside Cache-Control",
            [("Pragma", "no-cache"), ("Cache-Control", "a")],
            {"a": None},
            False,
            False,
        ),
        (
            "§5.4 beside a targeted field",
            [("Pragma", "no-cache"), (OURS, "b")],
            {"b": None},
            True,
            True,
        ),
    ),
)
def test_controls(
    fields: list[tuple[str, str]], directives: dict[str, Any], targeted: bool, own: bool
) -> None:
    said = binding(answer(200, *fields), RFC)
    assert (said.directives, said.targeted, said.own) == (directives, targeted, own)


def test_public_releases_to_credentials_where_the_policy_says_so() -> None:
    said = binding(answer(200, cache_control="public, max-age=60"), SAFE)
    assert said.for_credentials == (False, True)


def test_a_targeted_field_outside_the_policys_list_says_nothing() -> None:
    response = answer(200, (CDN, "max-age=60"), cache_control="no-store")
    assert binding(response, SAFE).directives == {"no-store": None}
    assert "no-store" in binding(response, Policy(targets=())).directives


# ── explicit freshness (§4.2.1) ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "seconds"),
    rows(
        ("§4.2.1 max-age", {"cache_control": "max-age=60"}, 60),
        ("§4.2.1 s-maxage first", {"cache_control": "max-age=60, s-maxage=30"}, 30),
        ("§4.2.1 s-maxage, though shorter", {"cache_control": "max-age=0, s-maxage=30"}, 30),
        ("§5.2.2.10 an invalid s-maxage", {"cache_control": "max-age=60, s-maxage=x"}, 0),
        ("§4.2.1 an s-maxage with white space", {"cache_control": "max-age=60, s-maxage =60"}, 0),
        ("§4.2.1 an invalid max-age", {"cache_control": "max-age=6.0"}, 0),
        ("§4.2.1 a max-age without argument", {"cache_control": "max-age"}, 0),
        ("§4.2.1 Expires without Date", {"expires": date(40)}, 40),
        ("§4.2.1 Expires less Date", {"expires": date(40), "date": date(10)}, 30),
        ("§4.2.1 Date is slow", {"expires": date(40), "date": date(-100)}, 140),
        ("§4.2.1 an invalid Date counts as receipt", {"expires": date(40), "date": "x"}, 40),
        ("§4.2.1 Expires is the past", {"expires": date(-1)}, 0),
        ("§4.2.1 Expires is now", {"expires": date(0)}, 0),
        ("§5.3 zero", {"expires": "0"}, 0),
        ("§5.3 no date", {"expires": "tomorrow"}, 0),
        ("§5.3 empty", {"expires": ""}, 0),
        ("§5.3 two lines", {"expires": [date(40), date(40)]}, 0),
        ("§5.3 max-age overrules", {"cache_control": "max-age=60", "expires": date(-1)}, 60),
        ("§5.3 an invalid max-age too", {"cache_control": "max-age=x", "expires": date(9)}, 0),
        ("§5.3 s-maxage overrules", {"cache_control": "s-maxage=60", "expires": "0"}, 60),
        ("§4.2.1 none", {}, None),
        ("§4.2.1 other directives", {"cache_control": "public, no-cache"}, None),
        (
            "9213 §2.2 a targeted field silences Expires",
            {"wsgicache_cache_control": "public", "expires": date(40)},
            None,
        ),
        (
            "9213 §2.2 and max-age",
            {"wsgicache_cache_control": "max-age=5", "cache_control": "max-age=60"},
            5,
        ),
        (
            "9213 §2.2 an invalid one does not",
            {"wsgicache_cache_control": "&", "expires": date(40)},
            40,
        ),
    ),
)
def test_explicit_lifetime(fields: dict[str, Any], seconds: int | None) -> None:
    response = answer(200, **fields)
    assert explicit_lifetime(response, binding(response, SAFE)) == seconds


# ── heuristic freshness (§4.2.2) ─────────────────────────────────────────────────────────────────


def test_the_status_codes_are_those_of_the_rfc() -> None:
    """RFC 9110 §15.1 lists them."""
    expected = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501}
    assert expected == HEURISTICALLY_CACHEABLE


HOUR_OLD: dict[str, Any] = {"last_modified": date(-3600)}


@pytest.mark.parametrize(
    ("status", "fields", "seconds"),
    rows(
        ("§4.2.2 a tenth", 200, HOUR_OLD, 360),
        ("§4.2.2 of the interval to Date", 200, {**HOUR_OLD, "date": date(-600)}, 300),
        ("§4.2.2 a day at most", 200, {"last_modified": date(-365 * 86400)}, 86400),
        ("§4.2.2 a little less", 200, {"last_modified": date(-10 * 86400 + 10)}, 86399),
        ("§4.2.2 another status of the list", 404, HOUR_OLD, 360),
        ("§4.2.2 a status that is none of them", 202, HOUR_OLD, 0),
        ("§4.2.2 but public", 202, {**HOUR_OLD, "cache_control": "public"}, 360),
        ("§4.2.2 public with an argument", 202, {**HOUR_OLD, "cache_control": "public=x"}, 0),
        ("§4.2.2 no Last-Modified", 200, {}, 0),
        ("§4.2.2 a Last-Modified that is none", 200, {"last_modified": "x"}, 0),
        ("§4.2.2 modified in the future", 200, {"last_modified": date(60)}, 0),
        ("§5.2.2.4 no-cache", 200, {**HOUR_OLD, "cache_control": "no-cache"}, 0),
    ),
)
def test_heuristic_lifetime(status: int, fields: dict[str, Any], seconds: float) -> None:
    response = answer(status, **fields)
    assert heuristic_lifetime(response, binding(response, RFC), RFC) == pytest.approx(seconds)


@pytest.mark.parametrize("limit", [0, 60])
def test_what_is_guessed_is_limited_by_the_policy(limit: int) -> None:
    response, policy = answer(200, **HOUR_OLD), Policy.rfc(heuristic_limit=limit)
    assert heuristic_lifetime(response, binding(response, policy), policy) == limit


def test_the_safe_policy_guesses_nothing() -> None:
    response = answer(200, **HOUR_OLD)
    assert heuristic_lifetime(response, binding(response, SAFE), SAFE) == 0


# ── both ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policy", "status", "fields", "seconds"),
    rows(
        ("§4.2.1 explicit", RFC, 200, {"cache_control": "max-age=60", **HOUR_OLD}, 60),
        ("§4.2.2 never a heuristic then", RFC, 200, {"cache_control": "max-age=0", **HOUR_OLD}, 0),
        ("§4.2.2 nor where it is invalid", RFC, 200, {"expires": "0", **HOUR_OLD}, 0),
        ("§4.2.2 heuristic", RFC, 200, HOUR_OLD, 360),
        ("an error is clipped", SAFE, 500, {"cache_control": "max-age=60"}, 10),
        ("the client's, too", SAFE, 400, {"cache_control": "max-age=60"}, 10),
        ("a short one is not", SAFE, 500, {"cache_control": "max-age=6"}, 6),
        ("a 404 is not", SAFE, 404, {"cache_control": "max-age=60"}, 60),
        ("a 410 is not", SAFE, 410, {"cache_control": "max-age=60"}, 60),
        ("399 is no error", SAFE, 399, {"cache_control": "max-age=60"}, 60),
        ("by RFC nothing is", RFC, 500, {"cache_control": "max-age=60"}, 60),
    ),
)
def test_freshness_lifetime(
    policy: Policy, status: int, fields: dict[str, Any], seconds: float
) -> None:
    response = answer(status, **fields)
    lifetime = terms(response, policy).lifetime
    assert lifetime == pytest.approx(seconds)


# ── age (§4.2.3) ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "took", "seconds"),
    rows(
        ("§4.2.3 new", {}, 0, 0),
        ("§4.2.3 apparent_age", {"date": date(-30)}, 0, 30),
        ("§4.2.3 apparent_age is never negative", {"date": date(30)}, 0, 0),
        ("§4.2.3 age_value", {"age": 20}, 0, 20),
        ("§4.2.3 response_delay", {}, 8, 8),
        ("§4.2.3 corrected_age_value", {"age": 20}, 8, 28),
        ("§4.2.3 the larger of the two: Date", {"age": 20, "date": date(-30)}, 8, 30),
        ("§4.2.3 the larger of the two: Age", {"age": 30, "date": date(-20)}, 8, 38),
        ("§4.2.3 an invalid Date", {"date": "yesterday"}, 0, 0),
        ("§5.1 an invalid Age", {"age": "old"}, 0, 0),
        ("§5.1 the first line", {"age": ["7", "9"]}, 0, 7),
    ),
)
def test_corrected_initial_age(fields: dict[str, Any], took: float, seconds: float) -> None:
    assert corrected_initial_age(answer(200, took=took, **fields)) == seconds


@pytest.mark.parametrize(
    ("fields", "seconds"),
    rows(
        ("§4.2.3 Date", {"date": date(-5)}, EPOCH - 5),
        ("9110 §6.6.1 absent: receipt", {}, EPOCH),
        ("9110 §6.6.1 invalid: receipt", {"date": "0"}, EPOCH),
    ),
)
def test_date_value(fields: dict[str, Any], seconds: float) -> None:
    assert date_value(answer(200, **fields)) == seconds


# ── stale windows (RFC 5861) ─────────────────────────────────────────────────────────────────────

EAGER = Policy(stale_while_revalidate=5, stale_if_error=7)


@pytest.mark.parametrize(
    ("status", "fields", "while_revalidating", "on_error"),
    rows(
        ("5861 §3 said", 200, {"cache_control": "max-age=1, stale-while-revalidate=30"}, 30, 7),
        ("5861 §4 said", 200, {"cache_control": "max-age=1, stale-if-error=30"}, 5, 30),
        (
            "5861 §3 said to be none",
            200,
            {"cache_control": "max-age=1, stale-while-revalidate=0"},
            0,
            7,
        ),
        ("5861 §4 invalid is none", 200, {"cache_control": "max-age=1, stale-if-error=x"}, 5, 0),
        (
            "5861 §3 without argument is none",
            200,
            {"cache_control": "max-age=1, stale-while-revalidate"},
            0,
            7,
        ),
        (
            "5861 §3 the smaller of two",
            200,
            {"cache_control": "max-age=1, stale-if-error=9, stale-if-error=8"},
            5,
            8,
        ),
        ("5861 §3 not said: the policy's", 200, {"cache_control": "max-age=1"}, 5, 7),
        ("5861 §3 nor is it without explicit freshness", 200, {"etag": '"v1"'}, 0, 7),
        (
            "an error has none beyond its clip",
            500,
            {"cache_control": "max-age=1, stale-if-error=30, stale-while-revalidate=30"},
            0,
            0,
        ),
    ),
)
def test_stale_windows(
    status: int, fields: dict[str, Any], while_revalidating: int, on_error: int
) -> None:
    stored = kept(b"", status, policy=EAGER, **fields)
    assert stored.stale_while_revalidate == while_revalidating
    assert stored.stale_if_error == on_error


ANSWERING = rows(
    ("§4 fresh", {"cache_control": "max-age=60"}, True),
    ("§4 stale", {"cache_control": "max-age=0"}, False),
    ("§4 stale by its Age", {"cache_control": "max-age=60", "age": 60}, False),
    (
        "5861 §3 stale, but served",
        {"cache_control": "max-age=0, stale-while-revalidate=5"},
        True,
    ),
    (
        "5861 §3 not so long",
        {"cache_control": "max-age=0, stale-while-revalidate=5", "age": 5},
        False,
    ),
    ("§5.2.2.4 no-cache", {"cache_control": "max-age=60, no-cache"}, False),
    ("§5.2.2.4 no-cache with field names", {"cache_control": 'max-age=60, no-cache="a"'}, True),
)


def test_terms_are_worked_out_once() -> None:
    response = answer(200, cache_control="max-age=60, stale-while-revalidate=5")
    assert terms(response, SAFE) == Terms(True, 60, 5, 0, 0)
    assert terms(response, SAFE) is terms(response, SAFE)


@pytest.mark.parametrize(("fields", "answers"), ANSWERING)
def test_answers_others(fields: dict[str, Any], answers: bool) -> None:
    response = answer(200, **fields)
    assert answers_others(response, response.received_at, SAFE) is answers


@pytest.mark.parametrize(("taken", "answers"), [(4.0, True), (5.0, False)])
def test_what_is_stale_when_it_is_complete_answers_nobody(taken: float, answers: bool) -> None:
    response = answer(200, cache_control="max-age=10", age=5)
    assert answers_others(response, response.received_at + taken, SAFE) is answers
