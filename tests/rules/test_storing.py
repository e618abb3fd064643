"""May it be kept: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, answer, asked, date, kept, rows
from tests.scene import EPOCH
from wsgicache import Policy
from wsgicache.rules.bounds import LONGEST
from wsgicache.rules.freshness import HEURISTICALLY_CACHEABLE
from wsgicache.rules.model import Decision
from wsgicache.rules.response import Response
from wsgicache.rules.storing import ABOUT_THE_REQUEST, UNDERSTOOD, content_span, outlives, refusal

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
PART: dict[str, Any] = {"content_range": "bytes 0-4/10", **FRESH}


# ── may it be kept? (§3) ─────────────────────────────────────────────────────────────────────────


LONG = ", " + "a" * (LONGEST - 2)


@pytest.mark.parametrize(
    ("status", "fields", "why"),
    rows(
        ("§3 it may", 200, FRESH, None),
        ("§3 final", 103, FRESH, "malformed"),
        ("§3 a status that is none", 600, FRESH, "malformed"),
        ("§3 the last status there can be", 599, FRESH, None),
        ("§3 304", 304, FRESH, "status"),
        ("§3 206, which the safe policy does not understand", 206, PART, "partial"),
        ("§3 no-store", 200, {"cache_control": "no-store, max-age=60"}, "no-store"),
        ("§3 longer than is read", 200, {"cache_control": f"max-age=60{LONG}"}, "too-long"),
        (
            "9213 §2.2 a targeted field longer than is read",
            200,
            {**FRESH, "wsgicache_cache_control": f"max-age=60{LONG}"},
            "too-long",
        ),
        ("§3 as long as is read", 200, {"cache_control": f"max-age=60{LONG[:-10]}"}, None),
        ("§3 private", 200, {"cache_control": "private, max-age=60"}, "private"),
        ("§3 private with field names", 200, {"cache_control": 'private="a", max-age=60'}, None),
        (
            "5861 §3 of use while it is validated",
            200,
            {"cache_control": "max-age=0, stale-while-revalidate=1"},
            None,
        ),
        (
            "5861 §4 of use where the app fails",
            200,
            {"cache_control": "max-age=0, stale-if-error=1"},
            None,
        ),
        ("§3 Expires", 200, {"expires": date(60)}, None),
        ("§3 s-maxage", 200, {"cache_control": "s-maxage=60"}, None),
        ("§3 nothing of the kind", 200, {}, "freshness"),
        ("§3 a heuristically cacheable status", 200, {"etag": '"a"'}, None),
        ("§3 another status", 302, {"etag": '"a"'}, "freshness"),
        ("§3 an error, whose status would do", 501, {"etag": '"a"'}, "freshness"),
        (
            "§3 another status, public",
            302,
            {"etag": '"a"', "cache_control": "public, stale-if-error=60"},
            None,
        ),
        (
            "9110 §15.4.5 another status, public, which nothing validates",
            302,
            {"etag": '"a"', "cache_control": "public"},
            "freshness",
        ),
        (
            "§3 of no use: stale, and nothing to validate by",
            200,
            {"cache_control": "max-age=0"},
            "freshness",
        ),
        ("§3 of use: to validate by", 200, {"cache_control": "max-age=0", "etag": '"a"'}, None),
        (
            "§3 of use: while validating",
            200,
            {"cache_control": "max-age=0, stale-while-revalidate=5"},
            None,
        ),
        (
            "§3 of use: in an error's stead",
            200,
            {"cache_control": "max-age=0, stale-if-error=5"},
            None,
        ),
        (
            "§5.2.2.3 must-understand, understood",
            200,
            {"cache_control": "must-understand, max-age=60"},
            None,
        ),
        (
            "§5.2.2.3 it cancels no-store",
            200,
            {"cache_control": "must-understand, no-store, max-age=60"},
            None,
        ),
        (
            "§5.2.2.3 it does not with an argument",
            200,
            {"cache_control": "must-understand=false, no-store, max-age=60"},
            "no-store",
        ),
        (
            "§5.2.2.3 nor does what only looks like it",
            200,
            {"cache_control": 'no-store, max-age=60, x "must-understand'},
            "no-store",
        ),
        (
            "§5.2.2.3 what only looks like it forbids",
            299,
            {"cache_control": "max-age=60, x must-understand y"},
            "must-understand",
        ),
        (
            "§3 another status, public with an argument",
            302,
            {"etag": '"a"', "cache_control": "public=x, stale-if-error=60"},
            "freshness",
        ),
        (
            "§5.2.2.3 must-understand, unknown",
            299,
            {"cache_control": "must-understand, max-age=60"},
            "must-understand",
        ),
        (
            "§5.2.2.3 no-store holds then",
            299,
            {"cache_control": "must-understand, no-store, max-age=60"},
            "must-understand",
        ),
        ("§4.1 a Vary that never matches", 200, {"vary": "*", **FRESH}, "vary"),
        ("§4.1 a Vary that is none", 200, {"vary": "a b", **FRESH}, "vary"),
        (
            "Set-Cookie",
            200,
            {"set_cookie": "a=1", "cache_control": "public, max-age=60"},
            "set-cookie",
        ),
        ("Set-Cookie2", 200, {"set_cookie2": "a=1", **FRESH}, "set-cookie"),
        ("more groups than can be purged", 200, {"cache_tag": "a" * 20_000, **FRESH}, "groups"),
        ("an endless stream", 200, {"content_type": "Text/Event-Stream; x", **FRESH}, "stream"),
        (
            "an endless multipart",
            200,
            {"content_type": "multipart/x-mixed-replace", **FRESH},
            "stream",
        ),
        (
            "9112 §6.3 a length that is none",
            200,
            {"content_length": "x", **FRESH},
            "content-length",
        ),
        ("9112 §6.3 two lengths", 200, {"content_length": ["4", "4"], **FRESH}, "content-length"),
        ("too large", 200, {"content_length": str(2**24 + 1), **FRESH}, "too-large"),
        ("large enough", 200, {"content_length": str(2**24), **FRESH}, None),
        ("an error needs explicit freshness", 404, {"etag": '"a"'}, "freshness"),
        ("an error with it", 404, FRESH, None),
    ),
)
def test_refusal(status: int, fields: dict[str, Any], why: str | None) -> None:
    assert refusal(asked(), answer(status, **fields), SAFE) == why


@pytest.mark.parametrize(
    ("status", "fields", "why"),
    rows(
        ("§3 206", 206, PART, None),
        ("§3.3 206 without Content-Range", 206, FRESH, "partial"),
        ("§3.3 206 of another unit", 206, {**PART, "content_range": "items 0-4/10"}, "partial"),
        (
            "§3.3 206 of several parts",
            206,
            {**PART, "content_type": "multipart/byteranges; boundary=x"},
            "partial",
        ),
        ("§7.3 Set-Cookie", 200, {"set_cookie": "a=1", **FRESH}, None),
        ("§4.2.2 an error without freshness", 404, {"last_modified": date(-60)}, None),
        ("§4.2.2 another error", 500, {"last_modified": date(-60)}, "freshness"),
        (
            "9213 §2.2 targeted",
            200,
            {"cdn_cache_control": "max-age=60", "cache_control": "no-store"},
            None,
        ),
        (
            "9213 §2.2 targeted, no-store",
            200,
            {"cdn_cache_control": "no-store", **FRESH},
            "no-store",
        ),
        ("9213 §2.2 targeted, private", 200, {"cdn_cache_control": "private", **FRESH}, "private"),
    ),
)
def test_refusal_by_the_rfc(status: int, fields: dict[str, Any], why: str | None) -> None:
    assert refusal(asked(policy=RFC), answer(status, **fields), RFC) == why


@pytest.mark.parametrize(
    "status", [201, 202, 205, 226, 299, 302, 303, 307, 400, 451, 499, 500, 599]
)
def test_any_final_status_with_explicit_freshness(status: int) -> None:
    """§3: the last clause asks for a heuristically cacheable status only otherwise."""
    assert refusal(asked(), answer(status, location="/", **FRESH), SAFE) is None


ABOUT_ONE_REQUEST = [
    401, 406, 407, 408, 411, 412, 413, 414, 415, 416, 417, 421, 422, 425, 426, 431,
]  # fmt: skip


@pytest.mark.parametrize("status", ABOUT_ONE_REQUEST)
@pytest.mark.parametrize("words", ["max-age=60", "public, s-maxage=60", "must-understand, public"])
def test_what_is_wrong_with_one_request_answers_no_other(status: int, words: str) -> None:
    response = answer(status, cache_control=words)
    assert refusal(asked(), response, SAFE) in ("status", "must-understand")
    taken = Policy(unstored_statuses=())
    if words != "must-understand, public" and status != 431:
        assert refusal(asked(), response, taken) is None


def test_the_policy_says_which_statuses_those_are() -> None:
    assert refusal(asked(), answer(404, **FRESH), Policy(unstored_statuses=(404,))) == "status"


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ((302, 303, 307, 400, 401, 403, 416, 500, 502, 503, 504), None),
        ((202, 305, 402, 409, 417, 505), "must-understand"),
    ],
)
def test_which_status_codes_are_understood(codes: tuple[int, ...], reason: str | None) -> None:
    """§5.2.2.3."""
    policy = Policy.rfc()
    for code in codes:
        response = answer(code, cache_control="must-understand, max-age=60")
        assert refusal(asked(policy=policy), response, policy) == reason, code


def test_what_cannot_be_read_is_malformed_whatever_else_it_lacks() -> None:
    lines: Any = [("Cache-Control",)]
    response = Response("200 OK", lines, (), EPOCH, EPOCH, EPOCH)
    assert refusal(asked(), response, SAFE) == "malformed"


def test_what_no_field_can_say_is_malformed() -> None:
    assert refusal(asked(), answer(200, ("X", "a\x00"), **FRESH), SAFE) == "malformed"


def test_no_lifetime_is_guessed_for_what_is_clipped() -> None:
    """A status code that is heuristically cacheable, and an error (§4.2.2)."""
    policy = Policy(heuristic_fraction=0.1)
    assert refusal(asked(), answer(404, last_modified=date(-3600)), policy) == "freshness"


def test_a_range_may_have_made_any_other_answer() -> None:
    request = asked(range="bytes=0-1", policy=RFC)
    assert refusal(request, answer(404, **FRESH), RFC) == "range"
    assert refusal(request, answer(200, **FRESH), RFC) is None


@pytest.mark.parametrize(
    ("method", "headers", "reason"),
    [
        ("POST", {}, "method"),
        ("GET", {"authorization": "x"}, "authorization"),
        ("GET", {"cookie": "sid=1"}, "cookie"),
        ("GET", {"cache_control": "no-store"}, "request-no-store"),
        ("GET", {"range": "bytes=0-1"}, "range"),
    ],
)
def test_what_is_refused_for_the_request_alone(
    method: str, headers: dict[str, Any], reason: str
) -> None:
    status = 404 if reason == "range" else 200
    assert refusal(asked(method, **headers), answer(status, **FRESH), SAFE) == reason
    assert reason in ABOUT_THE_REQUEST


def test_the_understood_status_codes_are_registered_ones() -> None:
    assert HEURISTICALLY_CACHEABLE <= UNDERSTOOD
    assert 304 not in UNDERSTOOD
    assert all(200 <= status <= 511 for status in UNDERSTOOD)


@pytest.mark.parametrize(
    ("changes", "fields", "why"),
    rows(
        ("§5.2.1.5 no-store", {"HTTP_CACHE_CONTROL": "no-store"}, FRESH, "request-no-store"),
        ("§3.5 credentials", {"HTTP_AUTHORIZATION": "x"}, FRESH, "authorization"),
        (
            "§3.5 credentials and public",
            {"HTTP_AUTHORIZATION": "x"},
            {"cache_control": "public, max-age=60"},
            "authorization",
        ),
        (
            "§3.5 credentials and s-maxage",
            {"HTTP_AUTHORIZATION": "x"},
            {"cache_control": "s-maxage=60"},
            None,
        ),
        (
            "§3.5 credentials and must-revalidate",
            {"HTTP_AUTHORIZATION": "x"},
            {"cache_control": "must-revalidate, max-age=60"},
            "authorization",
        ),
        (
            "§3.5 credentials and proxy-revalidate",
            {"HTTP_AUTHORIZATION": "x"},
            {"cache_control": "proxy-revalidate, max-age=60"},
            "authorization",
        ),
        ("cookies", {"HTTP_COOKIE": "a=1"}, FRESH, "cookie"),
        (
            "cookies and public",
            {"HTTP_COOKIE": "a=1"},
            {"cache_control": "public, max-age=60"},
            None,
        ),
        ("cookies and s-maxage", {"HTTP_COOKIE": "a=1"}, {"cache_control": "s-maxage=60"}, None),
        ("cookies that select", {"HTTP_COOKIE": "a=1"}, {"vary": "Cookie", **FRESH}, None),
        ("cookies and another Vary", {"HTTP_COOKIE": "a=1"}, {"vary": "Accept", **FRESH}, "cookie"),
        (
            "cookies and our own word",
            {"HTTP_COOKIE": "a=1"},
            {"wsgicache_cache_control": "max-age=60"},
            None,
        ),
        ("§3.3 a range", {"HTTP_RANGE": "bytes=0-1"}, FRESH, "range"),
        ("9110 §8.3 a type", {"CONTENT_TYPE": "text/plain"}, FRESH, None),
        ("9110 §8.3 a charset", {"CONTENT_TYPE": "a/b; Charset=cp037"}, FRESH, "charset"),
        ("9110 §8.3 a charset otherwise", {"CONTENT_TYPE": "a/b; charset*=''x"}, FRESH, "charset"),
        (
            "9110 §8.3 a charset that selects",
            {"CONTENT_TYPE": "a/b; charset=cp037"},
            {"vary": "Accept, content-type", **FRESH},
            None,
        ),
        (
            "9110 §8.3 a charset and another Vary",
            {"CONTENT_TYPE": "a/b; charset=cp037"},
            {"vary": "Accept", **FRESH},
            "charset",
        ),
    ),
)
def test_refusal_for_the_requests_sake(
    changes: dict[str, Any], fields: dict[str, Any], why: str | None
) -> None:
    assert refusal(asked(environ=changes), answer(200, **fields), SAFE) == why


@pytest.mark.parametrize(
    ("changes", "fields", "why"),
    rows(
        ("§3 cookies", {"HTTP_COOKIE": "a=1"}, FRESH, None),
        ("§3.3 a range", {"HTTP_RANGE": "bytes=0-1"}, FRESH, None),
        ("9110 §8.3 a charset", {"CONTENT_TYPE": "a/b; charset=cp037"}, FRESH, None),
        (
            "§3.5 credentials and another's targeted field",
            {"HTTP_AUTHORIZATION": "x"},
            {"cdn_cache_control": "max-age=60"},
            "authorization",
        ),
    ),
)
def test_refusal_for_the_requests_sake_by_the_rfc(
    changes: dict[str, Any], fields: dict[str, Any], why: str | None
) -> None:
    assert refusal(asked(environ=changes, policy=RFC), answer(200, **fields), RFC) == why


def test_a_range_says_nothing_of_what_is_stored_already() -> None:
    """§4.3.4: a 304 renews the whole."""
    ranged = asked(range="bytes=0-1")
    assert refusal(ranged, answer(200, **FRESH), SAFE, "GET", renewed=True) is None


STORED = Decision("request", kept(**FRESH))


@pytest.mark.parametrize(
    ("decision", "status", "stays"),
    rows(
        ("§5.2.1 an error", STORED, 400, True),
        ("§5.2.1 another", STORED, 404, True),
        ("§5.2.1 a redirect", STORED, 302, True),
        ("§5.2.1 a choice", STORED, 300, True),
        ("§5.2.1 a failure", STORED, 500, True),
        ("§5.2.1 a success", STORED, 200, False),
        ("§5.2.1 one with no content", STORED, 204, False),
        ("§4.2.4 it was stale", Decision("stale", kept(**FRESH)), 404, False),
        ("§4.2.4 it was stale, and forced", Decision("request", kept()), 404, False),
        ("§4 an error was stored", Decision("request", kept(b"", 404, **FRESH)), 410, False),
        ("§4 nothing was stored", Decision("request"), 404, False),
    ),
)
def test_what_a_client_forces_does_not_end_what_is_fresh(
    decision: Decision, status: int, stays: bool
) -> None:
    assert outlives(decision, answer(status), EPOCH + 1, SAFE) is stays
    assert not outlives(decision, answer(status), EPOCH + 1, RFC)


HERE: dict[str, Any] = {"wsgicache_cache_control": "max-age=60", **FRESH}


@pytest.mark.parametrize(
    ("policy", "fields", "why"),
    rows(
        ("9213 §2.2 another cache's", SAFE, {"surrogate_control": "no-store", **FRESH}, True),
        ("9213 §2.2 permits nothing", SAFE, {"surrogate_control": "max-age=60"}, "freshness"),
        ("9213 §2.2 what permits does not forbid", SAFE, {"surrogate_control": "x", **FRESH}, None),
        ("9213 §2.2 beside our own", SAFE, {"surrogate_control": "no-store", **HERE}, None),
        (
            "9213 §2.2 beside what is said of every page",
            SAFE,
            {
                "surrogate_control": "no-store",
                "wsgicache_cache_control": "max-age=60, inherited",
            },
            True,
        ),
        ("9213 §2.2 in the rfc", RFC, {"surrogate_control": "no-store", **FRESH}, None),
        (
            "9213 §2.2 where the policy names another",
            Policy(forbidding_fields=("X-Mine",)),
            {"surrogate_control": "no-store", **FRESH},
            None,
        ),
    ),
)
def test_what_is_said_to_other_shared_caches(
    policy: Policy, fields: dict[str, Any], why: str | bool | None
) -> None:
    expected = "surrogate-control" if why is True else why
    assert refusal(asked(policy=policy), answer(200, **fields), policy) == expected


def test_what_a_get_was_sent_with_is_in_no_key() -> None:
    request = asked(policy=RFC)
    request.content_was_read = True
    assert refusal(request, answer(200, **FRESH), RFC) == "body"


GUESSED: dict[str, Any] = {"last_modified": date(-3600)}
LATER: dict[str, Any] = {"cache_control": "stale-while-revalidate=10"}


@pytest.mark.parametrize(
    ("changes", "fields", "why"),
    rows(
        ("§4.2.2 of nobody", {}, GUESSED, None),
        ("§4.2.2 with a cookie", {"HTTP_COOKIE": "a=1"}, GUESSED, "cookie"),
        (
            "§4.2.2 with a cookie, public",
            {"HTTP_COOKIE": "a=1"},
            {"cache_control": "public", **GUESSED},
            None,
        ),
        (
            "§4.2.2 with a cookie, public with an argument",
            {"HTTP_COOKIE": "a=1"},
            {"cache_control": "public=x", **GUESSED},
            "cookie",
        ),
        (
            "§4.2.2 with a cookie that selects",
            {"HTTP_COOKIE": "a=1"},
            {"vary": "Cookie", **GUESSED},
            None,
        ),
        (
            "§4.2.2 with credentials, that may be shared",
            {"HTTP_AUTHORIZATION": "x"},
            {"cache_control": "must-revalidate", "vary": "Cookie", **GUESSED},
            "authorization",
        ),
        (
            "§4.2.2 with credentials, public",
            {"HTTP_AUTHORIZATION": "x"},
            {"cache_control": "public", **GUESSED},
            None,
        ),
        ("5861 §3 of nobody", {}, LATER, None),
        ("5861 §3 with a cookie", {"HTTP_COOKIE": "a=1"}, LATER, "cookie"),
        (
            "5861 §3 with a cookie, past a lifetime",
            {"HTTP_COOKIE": "a=1"},
            {"cache_control": "max-age=0, stale-while-revalidate=10"},
            None,
        ),
        (
            "5861 §4 with a cookie",
            {"HTTP_COOKIE": "a=1"},
            {"cache_control": "stale-if-error=10"},
            "cookie",
        ),
        (
            "§4.2.4 with a cookie, to stand in if the app raises",
            {"HTTP_COOKIE": "a=1"},
            {"etag": '"a"'},
            "cookie",
        ),
        (
            "§5.2.2.4 with a cookie, never without validation",
            {"HTTP_COOKIE": "a=1"},
            {"cache_control": "no-cache", "etag": '"a"'},
            None,
        ),
        (
            "5861 §3 with a cookie and our own word",
            {"HTTP_COOKIE": "a=1"},
            {"wsgicache_cache_control": "stale-while-revalidate=10"},
            None,
        ),
        ("§3 of no use, with a cookie", {"HTTP_COOKIE": "a=1"}, {}, "freshness"),
    ),
)
def test_what_gives_no_lifetime_permits_nothing_of_what_was_asked_by_somebody(
    changes: dict[str, Any], fields: dict[str, Any], why: str | None
) -> None:
    assert refusal(asked(environ=changes, policy=RFC), answer(200, **fields), RFC) == why


@pytest.mark.parametrize(
    "words",
    [
        "max-age=60, must-revalidate\xa0",
        "max-age=60, public=false",
        "max-age=60, public =",
        'max-age=60, note "must-revalidate is not meant',
        "max-age=60, s-maxage =60",
    ],
)
def test_what_is_read_leniently_releases_nothing(words: str) -> None:
    request = asked(policy=RFC, authorization="x")
    assert refusal(request, answer(200, cache_control=words), RFC) == "authorization"


@pytest.mark.parametrize(
    ("policy", "status", "fields", "why"),
    rows(
        ("9110 §9.3.3 where it is", RFC, 200, {"content_location": "/form", **FRESH}, None),
        (
            "9110 §9.3.3 with its URL",
            RFC,
            200,
            {"content_location": "http://example.org/form", **FRESH},
            None,
        ),
        (
            "9110 §9.3.3 by Expires",
            RFC,
            200,
            {"content_location": "/form", "expires": date(60)},
            None,
        ),
        ("9110 §9.3.3 created", RFC, 201, {"content_location": "/form", **FRESH}, None),
        ("9110 §9.3.3 elsewhere", RFC, 200, {"content_location": "/other", **FRESH}, "method"),
        (
            "9110 §9.3.3 of another origin",
            RFC,
            200,
            {"content_location": "//a/form", **FRESH},
            "method",
        ),
        ("9110 §9.3.3 nowhere", RFC, 200, FRESH, "method"),
        (
            "9110 §9.3.3 no explicit freshness",
            RFC,
            200,
            {"content_location": "/form", "etag": '"a"'},
            "method",
        ),
        ("9110 §9.3.3 an error", RFC, 404, {"content_location": "/form", **FRESH}, "method"),
        ("9110 §9.3.3 a choice", RFC, 300, {"content_location": "/form", **FRESH}, "method"),
        ("9110 §9.3.3 a redirect", RFC, 303, {"content_location": "/form", **FRESH}, "method"),
        (
            "9110 §9.3.3 no-store",
            RFC,
            200,
            {"content_location": "/form", "cache_control": "no-store, max-age=9"},
            "no-store",
        ),
        (
            "9110 §9.3.3 by the safe policy",
            SAFE,
            200,
            {"content_location": "/form", **FRESH},
            "method",
        ),
    ),
)
def test_post(policy: Policy, status: int, fields: dict[str, Any], why: str | None) -> None:
    request = asked("POST", "/form", policy=policy)
    assert refusal(request, answer(status, **fields), policy) == why


def test_head_is_not_stored_but_what_it_says_of_a_get_may_be() -> None:
    assert refusal(asked("HEAD"), answer(200, **FRESH), RFC) == "method"
    assert refusal(asked("HEAD"), answer(200, **FRESH), RFC, method="GET") is None


# ── which bytes? (§3.3) ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "span"),
    rows(
        ("§3.3 one range", {"content_range": "bytes 0-4/10"}, (0, 4, 10)),
        ("§3.3 of unknown length", {"content_range": "bytes 0-4/*"}, (0, 4, None)),
        ("§3.3 none", {}, None),
        ("§3.3 two lines", {"content_range": ["bytes 0-4/10", "bytes 0-4/10"]}, None),
        (
            "§3.3 several parts",
            {"content_range": "bytes 0-4/10", "content_type": "Multipart/Byteranges"},
            None,
        ),
    ),
)
def test_content_span(fields: dict[str, Any], span: tuple[int, int, int | None] | None) -> None:
    assert content_span(answer(206, **fields)) == span
