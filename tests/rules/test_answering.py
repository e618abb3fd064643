"""What an answer says of how it came about: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import SAFE, answer, kept, rows
from wsgicache import Policy
from wsgicache.rules.answering import refused_fields, relayed_fields, reused_lines, with_own
from wsgicache.rules.model import FieldLines
from wsgicache.rules.response import Response

A = ("A", "1")
QUIET, LOUD = Policy(cache_status=False), Policy(name="mine", x_cache=True)


@pytest.mark.parametrize(
    ("policy", "told", "lines"),
    rows(
        ("9211 §2.1 a hit", SAFE, None, [("Age", "7"), ("Cache-Status", "wsgicache; hit; ttl=53")]),
        (
            "9211 §2.2 validated",
            SAFE,
            "fwd=stale; fwd-status=304",
            [("Age", "7"), ("Cache-Status", "wsgicache; fwd=stale; fwd-status=304")],
        ),
        (
            "9211 §2 by another name",
            LOUD,
            None,
            [("Age", "7"), ("Cache-Status", "mine; hit; ttl=53"), ("X-Cache", "HIT")],
        ),
        ("§5.1 Age in any case", QUIET, None, [("Age", "7")]),
    ),
)
def test_reused_lines(policy: Policy, told: str | None, lines: list[tuple[str, str]]) -> None:
    stored = kept(policy=policy, cache_control="max-age=60")
    assert reused_lines(stored, 7, told, policy) == lines


def test_a_stale_hit_has_a_negative_ttl() -> None:
    """RFC 9211 §2.4."""
    stored = kept(cache_control="max-age=60")
    assert ("Cache-Status", "wsgicache; hit; ttl=-5") in reused_lines(stored, 65, None, SAFE)


def test_a_hit_follows_what_nearer_caches_said() -> None:
    stored = kept(cache_control="max-age=60", cache_status=["inner; hit"])
    (_, line) = reused_lines(stored, 0, None, SAFE)
    assert line == ("Cache-Status", "inner; hit, wsgicache; hit; ttl=60")


@pytest.mark.parametrize(
    ("policy", "fields", "lines"),
    rows(
        (
            "9211 §2 added",
            SAFE,
            {"x": "1"},
            [("X", "1"), ("Cache-Status", "wsgicache; fwd=method")],
        ),
        (
            "9211 §2 after the nearer caches",
            SAFE,
            {"cache_status": ["a", "b; hit"]},
            [("Cache-Status", "a, b; hit, wsgicache; fwd=method")],
        ),
        (
            "9211 §2 in the stead of what is broken",
            SAFE,
            {"cache_status": "a; ;"},
            [("Cache-Status", "wsgicache; fwd=method")],
        ),
        (
            "9211 §2 not where it is switched off",
            QUIET,
            {"cache_status": "a"},
            [("Cache-Status", "a")],
        ),
        ("X-Cache", LOUD, {}, [("Cache-Status", "mine; fwd=method"), ("X-Cache", "MISS")]),
        ("9110 §7.6.1 hop by hop", QUIET, {"connection": "x", "x": "1", "y": "2"}, [("Y", "2")]),
        (
            "9110 §7.6.1 no list of names",
            QUIET,
            {"connection": "x y", "x": "1"},
            [("X", "1")],
        ),
        ("9213 §2.2 our own field", QUIET, {"wsgicache_cache_control": "max-age=60"}, []),
    ),
)
def test_relayed_fields(
    policy: Policy, fields: dict[str, Any], lines: list[tuple[str, str]]
) -> None:
    assert relayed_fields(answer(200, **fields), "fwd=method", policy) == lines


def test_what_is_no_response_is_left_to_the_server() -> None:
    response = Response("OK", [("Connection", "x")], (), 0.0, 0.0, 0.0)
    assert relayed_fields(response, "fwd=method", LOUD) is response.fields


@pytest.mark.parametrize(
    ("fields", "own", "lines"),
    rows(
        ("§3.2 nothing", [A, ("Set-Cookie", "a=1")], [], [A, ("Set-Cookie", "a=1")]),
        ("§3.2 what was not stored", [A], [("Set-Cookie", "a=2")], [A, ("Set-Cookie", "a=2")]),
        (
            "§3.2 all lines of what was, by several",
            [("set-cookie", "a=1"), A, ("Set-Cookie", "b=1")],
            [("Set-Cookie", "a=2"), ("Set-Cookie", "c=2")],
            [A, ("Set-Cookie", "a=2"), ("Set-Cookie", "c=2")],
        ),
        ("§3.2 no other name", [A], [("Set-Cookie2", "a=2")], [A, ("Set-Cookie2", "a=2")]),
    ),
)
def test_with_own(fields: FieldLines, own: FieldLines, lines: FieldLines) -> None:
    assert with_own(fields, own) == lines


@pytest.mark.parametrize(
    ("policy", "said"),
    rows(
        ("§5.2.1.7 why", SAFE, ["wsgicache; detail=only-if-cached"]),
        ("§5.2.1.7 not where it is switched off", QUIET, []),
    ),
)
def test_refused_fields(policy: Policy, said: list[str]) -> None:
    lines = refused_fields(policy)
    assert [value for name, value in lines if name == "Cache-Status"] == said
    assert dict(lines)["Content-Length"] == "0"
    assert dict(lines)["Content-Type"] == "text/plain; charset=utf-8"
