"""May it be kept, and what is kept of it: a row per clause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, answer, asked, date, kept, rows
from tests.scene import EPOCH, Field
from wsgicache import Policy
from wsgicache.rules.answering import relayed_fields
from wsgicache.rules.conditional import not_modified_fields
from wsgicache.rules.freshness import HEURISTICALLY_CACHEABLE
from wsgicache.rules.keeping import is_complete, nearer_caches, store
from wsgicache.rules.response import MAX_FIELDS, Response
from wsgicache.rules.storing import UNDERSTOOD, content_span, refusal
from wsgicache.rules.validators import app_validators, generated_etag, is_generated

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
PART: dict[str, Any] = {"content_range": "bytes 0-4/10", **FRESH}


# ── may it be kept? (§3) ─────────────────────────────────────────────────────────────────────────


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
        ("§3 private", 200, {"cache_control": "private, max-age=60"}, "private"),
        ("§3 private with field names", 200, {"cache_control": 'private="a", max-age=60'}, None),
        ("§3 Expires", 200, {"expires": date(60)}, None),
        ("§3 s-maxage", 200, {"cache_control": "s-maxage=60"}, None),
        ("§3 nothing of the kind", 200, {}, "freshness"),
        ("§3 a heuristically cacheable status", 200, {"etag": '"a"'}, None),
        ("§3 another status", 302, {"etag": '"a"'}, "freshness"),
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


def raw(status: Any, fields: Any) -> Response:
    """A response made of what no type allows."""
    return Response(status, fields, (), EPOCH, EPOCH, EPOCH)


@pytest.mark.parametrize(
    "response",
    rows(
        ("no status", raw("OK", [])),
        ("a status without a reason", raw("200x", [])),
        (
            "a control in a value",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X", "a\x00b")]),
        ),
        (
            "a line end in a value",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X", "a\r\nb")]),
        ),
        (
            "characters beyond bytes",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X", "€")]),
        ),
        (
            "a name that is none",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X Y", "a")]),
        ),
        (
            "too many bytes",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X", "a" * MAX_FIELDS)]),
        ),
        ("a tuple of fields", raw("200 OK", (("Cache-Control", "max-age=60"),))),
        ("a value that is no text", raw("200 OK", [("Age", 1)])),
        ("a name that is no text", raw("200 OK", [(1, "Age")])),
        ("a name of bytes", raw("200 OK", [("Cache-Control", "max-age=60"), (b"X", "1")])),
        (
            "a name of bytes, a value with a class of its own",
            raw("200 OK", [("Cache-Control", "max-age=60"), (b"X", type("Text", (str,), {})("1"))]),
        ),
        ("a line of three", raw("200 OK", [("A", "b", "c")])),
        ("no fields", raw("200 OK", None)),
        ("no status text", raw(200, [])),
    ),
)
def test_what_is_no_response_is_not_stored(response: Response) -> None:
    assert refusal(asked(), response, RFC) == "malformed"


def test_the_fields_of_a_response() -> None:
    response = answer(200, ("a", "1"), ("A", "2"), b="3")
    assert (response.field("a"), response.field("b"), response.field("c")) == ("1, 2", "3", None)
    assert (response.lines("a"), response.lines("b"), response.lines("c")) == (
        ["1", "2"],
        ["3"],
        [],
    )
    assert [*response.names] == ["a", "a", "b"]


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


@pytest.mark.parametrize(
    ("status", "fields", "length", "complete"),
    rows(
        ("§3.3 no length given", 200, {}, 7, True),
        ("§3.3 the length given", 200, {"content_length": "7"}, 7, True),
        ("§3.3 less", 200, {"content_length": "7"}, 6, False),
        ("§3.3 more", 200, {"content_length": "7"}, 8, False),
        (
            "§3.3 as many bytes as Content-Range says",
            206,
            {"content_range": "bytes 2-4/10"},
            3,
            True,
        ),
        ("§3.3 fewer than it says", 206, {"content_range": "bytes 4-9/10"}, 5, False),
        ("§3.3 more than it says", 206, {"content_range": "bytes 4-9/10"}, 7, False),
        (
            "§3.3 Content-Range of another status says nothing",
            200,
            {"content_range": "bytes 4-9/10"},
            5,
            True,
        ),
        ("9110 §15.3.5 a 204 has no content", 204, {}, 0, True),
        ("9110 §15.3.5 a 204 that has some", 204, {}, 4, False),
        ("9110 §15.4.5 a 304 that has some", 304, {}, 4, False),
    ),
)
def test_is_complete(status: int, fields: dict[str, Any], length: int, complete: bool) -> None:
    assert is_complete(answer(status, **fields), length) is complete


# ── which fields? (§3.1) ─────────────────────────────────────────────────────────────────────────

HOP_BY_HOP = (
    "Connection Keep-Alive Proxy-Authenticate Proxy-Authentication-Info Proxy-Authorization "
    "Proxy-Connection TE Trailer Transfer-Encoding Upgrade"
).split()
MADE_ANEW = ["Age", "Cache-Status", "X-Cache"]


def names(fields: list[Field]) -> set[str]:
    return {name for name, _ in fields}


@pytest.mark.parametrize("name", [*HOP_BY_HOP, *MADE_ANEW])
def test_fields_that_are_not_stored(name: str) -> None:
    stored = kept(b"", 200, (name.lower(), "1"), (name, "1"), x_other="1")
    assert not {name, name.lower()} & names(stored.fields + not_modified_fields(stored))
    assert "X-Other" in names(stored.fields)


@pytest.mark.parametrize("name", HOP_BY_HOP)
def test_fields_that_are_not_forwarded(name: str) -> None:
    response = answer(200, (name, "1"), ("X-Other", "1"))
    assert names(relayed_fields(response, "", Policy.rfc(cache_status=False))) == {"X-Other"}


@pytest.mark.parametrize(
    ("fields", "gone"),
    rows(
        ("§3.1 listed in Connection", [("Connection", "a, B"), ("A", "1"), ("b", "2")], {"A", "b"}),
        (
            "§3.1 listed in two lines",
            [("Connection", "a"), ("connection", "b"), ("A", "1"), ("b", "2")],
            {"A", "b"},
        ),
        (
            "§3.1 a Connection that is none lists nothing",
            [("Connection", "a b"), ("A", "1")],
            set(),
        ),
        (
            "9213 §2.2 our own targeted field",
            [("Wsgicache-Cache-Control", "max-age=60")],
            {"Wsgicache-Cache-Control"},
        ),
        ("9213 §2.2 not that of others", [("CDN-Cache-Control", "max-age=60")], set()),
        ("what the policy strips", [("cache-TAG", "a")], {"cache-TAG"}),
    ),
)
def test_fields_that_go_no_further(fields: list[Field], gone: set[str]) -> None:
    policy = Policy.rfc(strip=("Cache-Tag",), cache_status=False)
    response = answer(200, *fields, x_other="1")
    left = names(fields) - gone - {"Connection", "connection"} | {"X-Other"}
    assert names(relayed_fields(response, "", policy)) == left
    assert names(store(response, None, policy, 0).fields) == left | {"Content-Length"}


def test_nothing_is_taken_where_nothing_must_be() -> None:
    response = answer(200, ("X-Other", "1"))
    assert relayed_fields(response, "", Policy(targets=(), cache_status=False)) == response.fields


@pytest.mark.parametrize(
    ("directives", "gone"),
    rows(
        ("§5.2.2.4 no-cache names fields", 'no-cache="a, X-Other", max-age=60', {"A", "X-Other"}),
        ("§5.2.2.7 private names fields", 'private="A", max-age=60', {"A"}),
        ("§5.2.2.7 both do", 'private="A", no-cache="x-other"', {"A", "X-Other"}),
        ("§5.2.2.7 fields that are not there", 'private="z"', set()),
        ("§5.2.2.4 unqualified", "no-cache", set()),
    ),
)
def test_fields_that_directives_name(directives: str, gone: set[str]) -> None:
    stored = kept(b"", 200, ("A", "1"), ("X-Other", "2"), cache_control=directives)
    assert {"A", "X-Other"} - names(stored.fields) == gone


ABOUT_ONE_EXCHANGE = """
    Server-Timing X-Request-Id X-Correlation-Id X-Runtime X-Response-Time X-Process-Time
    Traceparent Tracestate RateLimit RateLimit-Policy RateLimit-Limit RateLimit-Remaining
    X-RateLimit-Limit X-RateLimit-Remaining X-RateLimit-Reset X-Rate-Limit-Limit X-B3-TraceId
    X-B3-Sampled X-Amzn-Trace-Id X-Cloud-Trace-Context Authentication-Info X-CSRF-Token
    X-Datadog-Trace-Id Djdt-Request-Id
""".split()


@pytest.mark.parametrize("name", ABOUT_ONE_EXCHANGE)
@pytest.mark.parametrize("written", [str, str.lower, str.upper])
def test_what_is_about_one_exchange_is_not_stored(name: str, written: Callable[[str], str]) -> None:
    """It goes to the client that asked, and to no other; the RFC's cache stores it."""
    field, other = (written(name), "1"), ("X-Other", "1")
    assert set(kept(b"", 200, field, other).fields) & {field, other} == {other}
    assert field in kept(b"", 200, field, other, policy=RFC).fields
    assert field in relayed_fields(answer(200, field), "", SAFE)


@pytest.mark.parametrize(
    ("unstored", "gone"),
    rows(
        ("a name", ("x-mine",), {"X-Mine"}),
        ("a beginning", ("X-Mine*",), {"X-Mine", "X-Mine-Too"}),
        ("another beginning", ("X-Mine-*", "Y-*"), {"X-Mine-Too"}),
        ("nothing", (), set()),
    ),
)
def test_the_policy_says_which_fields_those_are(unstored: tuple[str, ...], gone: set[str]) -> None:
    fields = [("X-Mine", "1"), ("X-Mine-Too", "1"), ("Server-Timing", "1")]
    stored = kept(b"", 200, *fields, policy=Policy(unstored_fields=unstored))
    assert names(fields) - names(stored.fields) == gone


KEPT = """
    CDN-Cache-Control Cache-Control Clear-Site-Data Content-Encoding Content-Foo Content-Language
    Content-Location Content-MD5 Content-Range Content-Security-Policy Content-Type Date Expires
    Last-Modified Location Public-Key-Pins Retry-After Set-Cookie Set-Cookie2 Test-Header Vary Via
    WWW-Authenticate Warning X-Content-Foo X-Frame-Options X-Test-Header X-XSS-Protection
""".split()


@pytest.mark.parametrize("name", KEPT)
def test_all_others_are_stored(name: str) -> None:
    """§3.1: unrecognised ones included, as they came."""
    assert (name, "some value") in kept(b"", 200, (name, "some value")).fields


@pytest.mark.parametrize(
    "field", [("Connection", "Content-Length"), ("Cache-Control", 'no-cache="Content-Length"')]
)
def test_a_length_that_must_not_be_kept_is_said_anew(field: Field) -> None:
    fields = kept(b"text", 200, ("Content-Length", "4"), field).fields
    assert [line for line in fields if line[0] == "Content-Length"] == [("Content-Length", "4")]


def test_lines_of_one_name_stay_apart() -> None:
    stored = kept(b"", 200, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    assert [line for line in stored.fields if line[0] == "Set-Cookie"] == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ]


def test_a_304_leaves_out_what_describes_the_content() -> None:
    """RFC 9110 §15.4.5."""
    gone = {"Allow", "Content-Encoding", "Content-Language", "Content-Type", "Last-Modified"}
    needed = {"Cache-Control", "Content-Location", "Date", "ETag", "Expires", "Vary"}
    stored = kept(b"1", 200, *[(name, "x") for name in sorted(gone | needed)])
    assert names(stored.fields) >= gone | needed | {"Content-Length"}
    assert names(not_modified_fields(stored)) == needed


@pytest.mark.parametrize(
    ("status", "length"),
    rows(
        ("9110 §8.6 200", 200, ["10"]), ("9110 §8.6 404", 404, ["10"]), ("9110 §8.6 204", 204, [])
    ),
)
def test_the_length_is_told_once(status: int, length: list[str]) -> None:
    content = b"" if status == 204 else b"0123456789"
    stored = kept(content, status, transfer_encoding="chunked")
    assert [value for name, value in stored.fields if name == "Content-Length"] == length


@pytest.mark.parametrize(
    ("lines", "nearer"),
    rows(
        ("9211 §2 none", [], []),
        ("9211 §2 one", ["a; hit"], ["a; hit"]),
        ("9211 §2 several", ["a; hit", "b"], ["a; hit", "b"]),
        ("9211 §2 broken", ["a; ;"], []),
        ("9211 §2 empty", [""], []),
        ("9211 §2 beyond bytes", ["€"], []),
    ),
)
def test_nearer_caches(lines: list[str], nearer: list[str]) -> None:
    assert nearer_caches(answer(200, cache_status=lines)) == nearer
    assert kept(b"", 200, cache_status=lines).cache_status == ", ".join([*nearer, "wsgicache"])


# ── validators ───────────────────────────────────────────────────────────────────────────────────

IF_NONE_MATCH, IF_MODIFIED_SINCE = "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"


@pytest.mark.parametrize(
    ("fields", "items"),
    rows(
        ("§4.3.1 none", {}, ()),
        ("§4.3.1 an entity tag", {"etag": '"a"'}, ((IF_NONE_MATCH, '"a"'),)),
        ("§4.3.1 a weak one", {"etag": 'W/"a"'}, ((IF_NONE_MATCH, 'W/"a"'),)),
        ("§4.3.1 a date", {"last_modified": date()}, ((IF_MODIFIED_SINCE, date()),)),
        (
            "§4.3.1 both",
            {"etag": '"a"', "last_modified": date()},
            ((IF_NONE_MATCH, '"a"'), (IF_MODIFIED_SINCE, date())),
        ),
        ("9110 §8.8.3 what is no tag", {"etag": "a"}, ()),
        ("9110 §8.8.3 two tags", {"etag": ['"a"', '"b"']}, ()),
        ("9110 §8.8.2 what is no date", {"last_modified": "0"}, ()),
        ("a generated one", {"etag": '"wsgicache-0"'}, ()),
    ),
)
def test_app_validators(fields: dict[str, Any], items: tuple[tuple[str, str], ...]) -> None:
    assert app_validators(answer(200, **fields)) == items
    assert kept(**fields).validators == items


def test_a_generated_tag_tells_contents_and_codings_apart() -> None:
    tags = [
        generated_etag([("Content-Type", "a")], b"1"),
        generated_etag([("Content-Type", "a")], b"2"),
        generated_etag([("Content-Type", "b")], b"1"),
        generated_etag([("content-encoding", "a")], b"1"),
    ]
    assert len(set(tags)) == 4
    assert all(map(is_generated, tags))
    assert generated_etag([("X", "1"), ("CONTENT-TYPE", "a")], b"1") == tags[0]
    assert generated_etag([("Content-Type", "a"), ("Content-Length", "1")], b"1") == tags[0]


@pytest.mark.parametrize(
    ("status", "policy", "fields", "generated"),
    rows(
        ("a 200 without", 200, SAFE, {}, True),
        ("a 200 with one", 200, SAFE, {"etag": '"a"'}, False),
        ("another status", 404, SAFE, {}, False),
        ("switched off", 200, Policy(generate_etags=False), {}, False),
    ),
)
def test_generated(status: int, policy: Policy, fields: dict[str, Any], generated: bool) -> None:
    stored = kept(b"x", status, policy=policy, **fields)
    assert (stored.etag is not None and is_generated(stored.etag)) is generated
    assert (("ETag", stored.etag) in stored.fields) is (stored.etag is not None)


def test_no_tag_is_generated_for_content_that_is_elsewhere() -> None:
    stored = kept(None, 200, length=4)
    assert (stored.etag, stored.content, stored.length) == (None, None, 4)
    assert kept(None, 200).length == 0


# ── what is concluded ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("directives", "no_cache", "must_revalidate", "shareable"),
    rows(
        ("§5.2.2 none", "max-age=60", False, False, False),
        ("§5.2.2.4 no-cache", "no-cache", True, False, False),
        ("§5.2.2.4 no-cache with field names", 'no-cache="a"', False, False, False),
        ("§5.2.2.2 must-revalidate", "must-revalidate", False, True, False),
        ("§5.2.2.8 proxy-revalidate", "proxy-revalidate", False, True, False),
        ("§5.2.2.9 public", "public", False, False, False),
        ("§5.2.2.10 s-maxage", "s-maxage=60", False, True, True),
    ),
)
def test_what_directives_conclude(
    directives: str, no_cache: bool, must_revalidate: bool, shareable: bool
) -> None:
    stored = kept(cache_control=directives)
    assert stored.no_cache is no_cache
    assert stored.must_revalidate is must_revalidate
    assert stored.shareable is shareable


@pytest.mark.parametrize(
    ("fields", "seconds"),
    rows(
        ("§4.2.3 new", {}, 0),
        ("§4.2.3 with an Age", {"age": 7}, 7),
        ("§4.2.3 with a Date", {"date": date(-9), "age": 7}, 9),
    ),
)
def test_generated_at_is_when_its_age_was_zero(fields: dict[str, Any], seconds: float) -> None:
    assert kept(**fields).generated_at == EPOCH - seconds


@pytest.mark.parametrize(
    ("status", "fields", "span"),
    rows(
        ("§3.3 a part", 206, PART, (0, 4, 10)),
        ("§3.3 the whole", 200, {}, None),
        ("§3.3 the whole, whatever it says", 200, {"content_range": "bytes 0-4/10"}, None),
    ),
)
def test_span(status: int, fields: dict[str, Any], span: object) -> None:
    assert kept(b"01234", status, **fields).span == span
