"""What the nouns conclude of themselves."""

from __future__ import annotations

from dataclasses import fields as fields_of
from dataclasses import replace
from sys import getsizeof
from typing import Any

import pytest

from tests.rules.messages import RFC, kept, rows
from tests.scene import EPOCH
from wsgicache.rules.model import (
    NEVER,
    ONLY_IF_CACHED,
    UNAGED,
    UNSELECTED,
    URI_MISS,
    VARY_MISS,
    CacheEntry,
    Decision,
    Fill,
    LeasedEntry,
    StoredResponse,
)


@pytest.mark.parametrize(
    ("status", "fields", "until"),
    rows(
        ("§4 while it is fresh", 200, {}, EPOCH + 60),
        ("§4.2.3 it is older", 200, {"age": 7}, EPOCH + 53),
        ("§5.2.2.4 it needs validation", 200, {"cache_control": "no-cache, max-age=60"}, NEVER),
        ("§3.3 it is a part", 206, {"content_range": "bytes 0-9/20"}, NEVER),
    ),
)
def test_until_when_it_is_plain(status: int, fields: dict[str, Any], until: float) -> None:
    given = {"cache_control": "max-age=60", **fields}
    assert kept(status=status, policy=RFC, **given).plain_until == until


def test_what_a_mark_selects_is_never_plain() -> None:
    """Whether it may answer depends on the cookies of the request (§4.1)."""
    stored = kept(cache_control="max-age=60")
    assert replace(stored, mark="").plain_until == EPOCH + 60
    assert replace(stored, mark="m").plain_until == NEVER


def test_what_nobody_says_of_a_stored_response_is_nothing() -> None:
    stored = kept()
    optional = {
        "asked_at": NEVER,
        "weight": 0,
        "aged": UNAGED,
        "withheld": [],
        "span": None,
        "groups": (),
        "born": 0,
        "mark": "",
        "least_age": 0,
        "softened_at": NEVER,
        "asked_by": "",
        "route": "",
        "fill_seconds": 0.0,
        "kept": None,
        "kind": UNSELECTED,
        "offers": (),
    }
    needed: dict[str, Any] = {
        one.name: getattr(stored, one.name)
        for one in fields_of(StoredResponse)
        if one.name not in (*optional, "at_once", "plain_until")
    }
    bare = StoredResponse(**needed)
    assert {name: getattr(bare, name) for name in optional} == optional
    assert Fill() == (NEVER, NEVER, 0, "", "", "", 0.0, "")


def test_a_decision_to_ask_says_why() -> None:
    """In the words of RFC 9211 §2.2; only-if-cached asks nobody (§5.2.1.7)."""
    decisions = URI_MISS, VARY_MISS, ONLY_IF_CACHED
    assert [one.forward for one in decisions] == ["uri-miss", "vary-miss", None]
    assert not any(one.background or one.stored or one.detail for one in decisions)


def test_an_entry_with_leases_is_the_same_entry() -> None:
    entry = CacheEntry({}, 5.0, b"salt")
    leased = LeasedEntry(entry, ("one",))
    assert (leased.nominated, leased.emptied_at, leased.salt) == (entry.nominated, 5.0, b"salt")
    assert (leased.responses is entry.responses, leased.leases) == (True, ("one",))


@pytest.mark.parametrize(
    ("after", "fresh"),
    rows(("§4.2 before its end", 59.9, True), ("§4.2 at its end", 60.0, False)),
)
def test_a_decision_is_fresh_as_what_it_serves(after: float, fresh: bool) -> None:
    stored = kept(cache_control="max-age=60")
    assert Decision(None, stored).is_fresh(EPOCH + after) is fresh
    assert not Decision("uri-miss").is_fresh(EPOCH)


def test_whatever_it_holds_weighs() -> None:
    """Rather too much than too little, and the same when its fields were counted before."""
    one = kept(b"")
    heavier = [
        kept(b"x" * 64),
        kept(b"", x_other="1"),
        kept(b"", cache_status=["another; hit" * 8]),
        kept(b"", wsgicache_cache_control="max-age=60"),
        kept(b"", cache_tag="a"),
    ]
    assert all(other.weigh() > one.weigh() >= 1000 for other in heavier)
    assert {other.weigh() % 64 for other in heavier} == {63}
    assert kept(None, length=9_000).weigh() < 9_000


LINES = [(f"X-{number}", "a" * number) for number in range(64)]
TEXTS = [text for line in LINES for text in line]


@pytest.mark.parametrize(
    ("more", "parts"),
    rows(
        ("fields", {"fields": LINES}, [*LINES, *TEXTS]),
        ("what is withheld", {"withheld": LINES}, [*LINES, *TEXTS]),
        ("groups", {"groups": tuple(TEXTS)}, TEXTS),
    ),
)
def test_it_weighs_no_less_than_what_it_holds(more: dict[str, Any], parts: list[object]) -> None:
    bare = replace(kept(None), fields=[])
    assert replace(bare, **more).weigh() - bare.weigh() >= sum(map(getsizeof, parts))


def test_the_size_of_its_fields_may_be_known() -> None:
    stored, size = replace(kept(), fields=LINES), len("".join(TEXTS))
    assert stored.weigh(size) == stored.weight == stored.weigh()
    assert stored.weigh(size + 64) == stored.weigh() + 64


def test_what_an_entry_is_named_by() -> None:
    """The first field that any Vary nominates, and the others; not what selects in any case."""
    one, other, plain = kept(), kept(), kept()
    one.kind, other.kind = (("HTTP_B",), None), (("HTTP_A", "HTTP_B"), None)
    assert CacheEntry({"1": plain}).named == ("", ())
    entry = CacheEntry({"1": one, "2": plain, "3": other})
    assert entry.named == ("HTTP_A", ("HTTP_B",))
    assert entry.nominated == ("HTTP_A", "HTTP_B")
    assert entry.kinds == (one.kind, UNSELECTED, other.kind)
