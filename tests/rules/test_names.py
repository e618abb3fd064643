"""Which response fields stay here, and which are never stored: a row per clause."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.rules.messages import RFC, SAFE, answer, kept, names, rows
from tests.scene import Field
from wsgicache import Policy
from wsgicache.rules.answering import relayed_fields
from wsgicache.rules.conditional import not_modified_fields
from wsgicache.rules.keeping import stored_response
from wsgicache.rules.names import names_for

HOP_BY_HOP = (
    "Connection Keep-Alive Proxy-Authenticate Proxy-Authentication-Info Proxy-Authorization "
    "Proxy-Connection TE Trailer Transfer-Encoding Upgrade"
).split()


MADE_ANEW = ["Age", "Cache-Status", "X-Cache"]


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
    assert names(stored_response(response, None, policy, 0).fields) == left | {"Content-Length"}


def test_nothing_is_taken_where_nothing_must_be() -> None:
    response = answer(200, ("X-Other", "1"))
    assert relayed_fields(response, "", Policy(targets=(), cache_status=False)) == response.fields


ABOUT_ONE_EXCHANGE = """
    Server-Timing X-Request-Id X-Correlation-Id X-Runtime X-Response-Time X-Process-Time X-Timer
    Request-Id X-Request-Guid Correlation-Id X-Transaction-Id Traceparent Tracestate Traceresponse
    X-Trace-Id X-Span-Id Uber-Trace-Id Sentry-Trace Baggage X-B3-TraceId X-B3-Sampled
    X-Amzn-Trace-Id X-Amzn-RequestId X-Amz-Request-Id X-Amz-Cf-Id X-Ms-Request-Id Cf-Ray
    Fly-Request-Id X-Vercel-Id X-Cloud-Trace-Context X-Datadog-Trace-Id Djdt-Request-Id
    X-Debug-Token X-Debug-Token-Link X-Envoy-Upstream-Service-Time
    RateLimit RateLimit-Policy RateLimit-Limit RateLimit-Remaining X-RateLimit X-RateLimit-Limit
    X-RateLimit-Remaining X-RateLimit-Reset X-Rate-Limit-Limit
    Authentication-Info X-CSRF-Token X-CSRFToken X-XSRF-Token
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


def test_names_that_have_been_seen() -> None:
    """The answer is the same again, and memory has a bound: so many names, none of them long."""
    known = names_for((), (), ("X-B3-*",), ())
    for _ in range(2):
        assert known.beginning_so(["x-b3-a", "a" * 64, "b" * 65]) == ["x-b3-a"]
    assert known.known == {"a" * 64}
    for number in range(600):
        assert known.beginning_so([f"x-{number}"]) == []
    assert len(known.known) == 512
