"""How an entry changes: a row per clause."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, answer, asked, date, kept, rows
from tests.scene import EPOCH
from wsgicache import Policy
from wsgicache.rules.entries import (
    Change,
    adding,
    dropping,
    emptied,
    selector_of,
    softened,
    softened_all,
    values_of,
)
from wsgicache.rules.model import (
    ANY_TIME,
    IMPLIED,
    NEVER,
    CacheEntry,
    Fill,
    LeasedEntry,
    StoredResponse,
)
from wsgicache.rules.request import Request
from wsgicache.rules.reuse import select


def added(
    entry: CacheEntry | None,
    request: Request,
    policy: Policy = SAFE,
    fill: Fill = ANY_TIME,
    **fields: Any,
) -> tuple[CacheEntry, StoredResponse]:
    """*entry* with one more response, whose fields are *fields*."""
    stored = kept(**fields)
    changed = adding(request, answer(200, **fields), stored, policy, fill)(entry)
    assert changed is not None
    return changed, stored


def test_the_first_response() -> None:
    entry, stored = added(None, asked(), vary="Accept")
    assert set(entry.nominated) == {*IMPLIED, "HTTP_ACCEPT"}
    assert list(entry.responses.values()) == [stored]
    assert select(asked(), entry, SAFE) is stored
    assert select(asked(accept="a"), entry, SAFE) is None


def test_each_variant_has_its_own() -> None:
    entry, first = added(None, asked(accept="a"), vary="Accept")
    entry, second = added(entry, asked(accept="b"), vary="Accept")
    assert select(asked(accept="a"), entry, SAFE) is first
    assert select(asked(accept="b"), entry, SAFE) is second


def test_a_newer_response_replaces_what_its_values_selected() -> None:
    entry, _ = added(None, asked(accept="a"), vary="Accept")
    entry, other = added(entry, asked(accept="b"), vary="Accept")
    entry, newer = added(entry, asked(accept="a"), vary="Accept")
    assert select(asked(accept="a"), entry, SAFE) is newer
    assert list(entry.responses.values()) == [other, newer]  # the newest last


def test_another_nominated_field_drops_what_did_not_know_it() -> None:
    entry, _ = added(None, asked(accept="a"), vary="Accept")
    entry, newer = added(entry, asked(accept="b", x_other="1"), vary="X-Other")
    assert list(entry.responses.values()) == [newer]
    assert set(entry.nominated) == {*IMPLIED, "HTTP_ACCEPT", "HTTP_X_OTHER"}


def test_a_response_without_vary_answers_only_its_like() -> None:
    """§4.1: where some responses to a URI omit Vary, the others are preferred."""
    entry, first = added(None, asked(accept="a"), vary="Accept")
    entry, default = added(entry, asked())
    assert select(asked(accept="a"), entry, SAFE) is first
    assert select(asked(), entry, SAFE) is default
    assert select(asked(accept="b"), entry, SAFE) is None


def test_the_oldest_variant_makes_room() -> None:
    policy = Policy(max_variants=2)
    entry = None
    for value in "abc":
        entry, _ = added(entry, asked(accept=value), policy, vary="Accept")
    assert entry is not None
    found = [select(asked(accept=value), entry, policy) is not None for value in "abc"]
    assert found == [False, True, True]


def test_the_least_recently_used_variant_makes_room() -> None:
    """The one that only its maker has asked for goes before one that others want."""
    policy, entry, variants = Policy(max_variants=3), None, []
    for kind in ("a", "b", "c"):
        entry, stored = added(entry, asked(accept=kind), policy, vary="Accept")
        variants.append(stored)
    variants[0].aged, variants[1].aged = (7.0, []), (6.0, [])
    for kind, left in (("d", ["a", "b", "d"]), ("e", ["a", "b", "e"])):
        entry, _ = added(entry, asked(accept=kind), policy, vary="Accept")
        assert [values[-1] for values in entry.responses] == left
    assert entry is not None
    for stored in entry.responses.values():
        stored.aged = stored.aged if stored in variants else (8.0, [])
    entry, _ = added(entry, asked(accept="f"), policy, vary="Accept")
    assert [values[-1] for values in entry.responses] == ["a", "e", "f"]


@pytest.mark.parametrize(
    ("began", "filled"),
    rows(("§4.4 before", 9.0, False), ("§4.4 at once", 10.0, True), ("§4.4 after", 11.0, True)),
)
def test_a_fill_that_began_before_an_invalidation_is_not_kept(began: float, filled: bool) -> None:
    entry, _ = added(emptied(10.0)(None), asked(), fill=Fill(began))
    assert bool(entry.responses) is filled
    assert entry.emptied_at == 10.0


def test_each_emptying_has_a_moment_of_its_own() -> None:
    """The latest, or the next there is: clocks of several machines differ."""
    entry, _ = added(None, asked())
    for change in (emptied(5.0), softened_all(5.0), emptied(10.0)):
        emptied_twice = change(emptied(10.0)(entry))
        assert emptied_twice is not None
        assert emptied_twice.responses == {}
        assert emptied_twice.emptied_at == math.nextafter(10.0, math.inf)


@pytest.mark.parametrize(
    ("seen", "filled"),
    rows(
        ("§4.4 an earlier emptying", 8.0, False),
        ("§4.4 none", NEVER, False),
        ("§4.4 this one", 10.0, True),
        ("§4.4 a later one, lost since", 12.0, False),
    ),
)
def test_in_a_shared_store_the_order_counts_and_not_the_clock(seen: float, filled: bool) -> None:
    for began in (9.0, 11.0):
        shared = CacheEntry(IMPLIED, {}, 10.0, b"salt")
        entry, _ = added(shared, asked(), fill=Fill(began, seen))
        assert bool(entry.responses) is filled


@pytest.mark.parametrize(
    ("leases", "lease", "filled"),
    rows(
        ("§4.4 a lease that it still has", ("a", "b"), "a", True),
        ("§4.4 a lease that a purge took away", ("b",), "a", False),
        ("§4.4 a fill without a lease", ("b",), "", True),
        ("§4.4 a store without leases", None, "a", True),
    ),
)
def test_an_invalidation_takes_leases_away(
    leases: tuple[str, ...] | None, lease: str, filled: bool
) -> None:
    shared = CacheEntry(IMPLIED, {}, 10.0, b"salt")
    known = shared if leases is None else LeasedEntry(shared, leases)
    entry, _ = added(known, asked(), fill=Fill(9.0, 10.0, lease=lease))
    assert bool(entry.responses) is filled


@pytest.mark.parametrize(
    ("vary", "headers", "mark", "policy", "marked"),
    rows(
        ("§4.1 Cookie selects", "Cookie", {"cookie": "a=1"}, "m", SAFE, True),
        ("§4.1 another field does", "Accept", {"cookie": "a=1"}, "m", SAFE, False),
        ("§4.1 no cookies", "Cookie", {}, "m", SAFE, False),
        ("§4.1 no mark", "Cookie", {"cookie": "a=1"}, None, SAFE, False),
        ("§4.1 without the option", "Cookie", {"cookie": "a=1"}, "m", RFC, False),
    ),
)
def test_what_cookies_select_has_their_mark(
    vary: str, headers: dict[str, Any], mark: str | None, policy: Policy, marked: bool
) -> None:
    request = asked(policy=policy, **headers)
    request.mark = mark
    _, stored = added(None, request, policy, vary=vary, cache_control="max-age=60")
    assert stored.mark == ("m" if marked else "")
    assert (stored.plain_until == NEVER) is marked


def test_dropping_takes_one_variant() -> None:
    entry, _ = added(None, asked(accept="a"), vary="Accept")
    entry, other = added(entry, asked(accept="b"), vary="Accept")
    left = dropping(asked(accept="a"), SAFE)(entry)
    assert left is not None
    assert list(left.responses.values()) == [other]
    assert dropping(asked(accept="c"), SAFE)(left) is not None
    assert dropping(asked(), SAFE)(None) is None


@pytest.mark.parametrize(
    "change",
    rows(
        ("adding", adding(asked(accept="b"), answer(200, vary="Accept"), kept(), SAFE)),
        ("emptied", emptied(1.0)),
        ("dropping", dropping(asked(accept="a"), SAFE)),
    ),
)
def test_a_change_may_run_twice(change: Change) -> None:
    """It makes a new entry and leaves the old one as it was."""
    entry, stored = added(None, asked(accept="a"), vary="Accept")
    once, twice = change(entry), change(entry)
    assert once is not None
    assert twice is not None
    assert (once.nominated, once.responses) == (twice.nominated, twice.responses)
    assert list(entry.responses.values()) == [stored]


@pytest.mark.parametrize(
    ("one", "other", "policy", "same"),
    rows(
        ("§4.1 nothing nominated", {"accept": "a"}, {"accept": "b"}, SAFE, True),
        ("§4.1 nominated", {"x": "a"}, {"x": "b"}, SAFE, False),
        ("§4.1 absent", {"x": "a"}, {}, SAFE, False),
        ("§4.1 normalised", {"x": "a,b"}, {"x": "a , b"}, SAFE, True),
        (
            "§4.1 languages in order",
            {"accept_language": "a,b;q=0.5"},
            {"accept_language": "b;q=0.5,a"},
            SAFE,
            False,
        ),
        (
            "§4.1 languages by their weights",
            {"accept_language": "a,b;q=0.5"},
            {"accept_language": "b;q=0.5,a"},
            RFC,
            True,
        ),
        ("what a proxy forwarded", {"x_forwarded_host": "a"}, {}, SAFE, False),
    ),
)
def test_values_of(one: dict[str, Any], other: dict[str, Any], policy: Policy, same: bool) -> None:
    nominated = (*IMPLIED, "HTTP_ACCEPT_LANGUAGE", "HTTP_X")
    values = [values_of(asked(**headers), nominated, policy) for headers in (one, other)]
    assert (values[0] == values[1]) is same


@pytest.mark.parametrize(
    "key",
    rows(
        ("the mount point", "SCRIPT_NAME"),
        ("the raw target", "RAW_URI"),
        ("its other name", "REQUEST_URI"),
    ),
)
def test_what_every_entry_nominates(key: str) -> None:
    """What the decoded path does not tell."""
    whole = asked(target="/a/b", environ={key: "/a%2Fb" if key != "SCRIPT_NAME" else ""})
    cut = asked(target="/a/b", environ={key: "/a/b" if key != "SCRIPT_NAME" else "/a"})
    assert values_of(whole, IMPLIED, SAFE) != values_of(cut, IMPLIED, SAFE)


@pytest.mark.parametrize("key", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize(
    ("one", "other", "same"),
    rows(
        ("an empty query is none", "/a?", "/a", True),
        ("one that ends so", "/a?b?", "/a?b", False),
        ("none at all", "", None, False),
    ),
)
def test_the_raw_target_selects(key: str, one: str, other: str | None, same: bool) -> None:
    query = "?b" if "b" in one else ""
    first, second = (
        values_of(asked(target=f"/a{query}", environ={key: value}), IMPLIED, SAFE)
        for value in (one, other)
    )
    assert (first == second) is same


@pytest.mark.parametrize(
    ("environ", "tells"),
    rows(
        ("nothing", {}, (None, None)),
        ("as the key says", {"RAW_URI": "/a/b"}, (None, None)),
        ("by the other name", {"REQUEST_URI": "/a/b"}, (None, None)),
        ("by both", {"RAW_URI": "/a/b", "REQUEST_URI": "/a/b"}, (None, None)),
        ("more", {"RAW_URI": "/a%2Fb"}, ("/a%2Fb", None)),
        ("more by the other name", {"REQUEST_URI": "/a%2Fb"}, ("/a%2Fb", None)),
        ("more by both", {"RAW_URI": "/a%2Fb", "REQUEST_URI": "/a%2Fb"}, ("/a%2Fb", None)),
        ("two", {"RAW_URI": "/a/b", "REQUEST_URI": "/a%2Fb"}, ("/a/b", "/a%2Fb")),
    ),
)
def test_a_target_is_filed_in_one_way(environ: dict[str, str], tells: Any) -> None:
    """Whichever name a server has for the raw target, and whether it tells it at all."""
    values = values_of(asked(target="/a/b", environ=environ), IMPLIED, SAFE)
    assert values[1:3] == tells


def test_a_soft_invalidation_makes_every_response_stale() -> None:
    fresh, stale = kept(cache_control="max-age=60"), kept(cache_control="max-age=5")
    entry = adding(asked(accept="a"), answer(200, vary="Accept"), fresh, SAFE)(None)
    entry = adding(asked(accept="b"), answer(200, vary="Accept"), stale, SAFE)(entry)
    softer = softened_all(EPOCH + 10)(entry)
    assert softer is not None
    assert softer.emptied_at > EPOCH + 10
    first, second = softer.responses.values()
    assert (first.freshness_lifetime, first.refresh_age, first.content) == (10, 10, fresh.content)
    assert (second.freshness_lifetime, second.refresh_age) == (5, 5)
    assert first.softened_at == second.softened_at == EPOCH + 10
    assert fresh.freshness_lifetime == 60


@pytest.mark.parametrize(
    ("fields", "least_age"),
    rows(
        ("§4.2.1 max-age", {"cache_control": "max-age=600"}, 600),
        ("§4.2.1 s-maxage, for others", {"cache_control": "max-age=600, s-maxage=60"}, 600),
        ("§4.2.1 Expires", {"expires": date(590), "date": date(-10)}, 600),
        ("§4.2.1 Expires without Date", {"expires": date(600)}, 600),
        ("§4.2.1 Expires, which is no date", {"expires": "0", "cache_control": "max-age=60"}, 60),
        ("9213 §2.2 for this cache", {"wsgicache_cache_control": "max-age=600"}, 600),
        (
            "9213 §2.2 for others",
            {"cdn_cache_control": "max-age=600", "cache_control": "max-age=60"},
            600,
        ),
        ("§1.2.2 no more than that", {"cache_control": f"max-age={2**40}"}, 2**31),
        ("it is older", {"cache_control": "max-age=10"}, 0),
        ("§4.2 it is as old as that", {"cache_control": "max-age=11"}, 0),
        (
            "stale here alone",
            {"wsgicache_cache_control": "max-age=5", "cache_control": "max-age=60"},
            60,
        ),
    ),
)
def test_a_soft_invalidation_makes_stale_everywhere(fields: Any, least_age: int) -> None:
    """Its Age is past all lifetimes that it gives."""
    softer = softened(kept(**fields), EPOCH + 11)
    assert softer.least_age == least_age
    assert softened(softer, EPOCH + 12) is softer


def test_a_soft_invalidation_of_nothing_keeps_late_fills_out() -> None:
    softer = softened_all(EPOCH)(None)
    assert softer is not None
    change = adding(asked(), answer(200), kept(), SAFE, Fill(EPOCH))
    assert change(softer) is softer


def test_an_age_is_never_below_zero() -> None:
    stored = kept(cache_control="max-age=60")
    assert softened(stored, EPOCH - 10).freshness_lifetime == 0


@pytest.mark.parametrize("salt", [b"", b"salt"], ids=["plain", "salted"])
def test_an_entry_may_file_by_digests(salt: bytes) -> None:
    """What selects may be a secret that a store is not to hold."""
    nominated = (*IMPLIED, "HTTP_COOKIE")
    one, same, other = (
        selector_of(asked(cookie=cookie), nominated, salt, RFC) for cookie in ("a=1", "a=1", "a=2")
    )
    assert (one == same, one == other) == (True, False)
    assert ("a=1" in str(one)) is not bool(salt)
    assert one != selector_of(asked(cookie="a=1"), nominated, b"other", RFC)
