"""How an entry changes: a row per clause."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, added, answer, asked, coded, date, kept, rows
from tests.scene import EPOCH
from wsgicache import Policy
from wsgicache.rules.entries import (
    Change,
    adding,
    dropping,
    emptied,
    softened,
    softened_all,
)
from wsgicache.rules.model import (
    NEVER,
    UNAGED,
    CacheEntry,
    Fill,
    LeasedEntry,
)
from wsgicache.rules.variants import select


def test_the_first_response() -> None:
    entry, stored = added(None, asked(), vary="Accept")
    assert entry.nominated == ("HTTP_ACCEPT",)
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


@pytest.mark.parametrize(
    ("fields", "after", "known"),
    rows(
        ("§4.1 fresh", {}, 59, True),
        ("§4.1 stale", {}, 60, False),
        ("§4.1 to be validated", {"etag": '"a"'}, 60, True),
        ("5861 §3 served meanwhile", {"more": ", stale-while-revalidate=10"}, 69, True),
        ("5861 §4 to stand in", {"more": ", stale-if-error=10"}, 69, True),
        ("5861 §4 no longer", {"more": ", stale-if-error=10"}, 70, False),
    ),
)
def test_names_that_nothing_usable_nominates_are_forgotten(
    fields: dict[str, Any], after: float, known: bool
) -> None:
    said = {**fields, "cache_control": f"max-age=60{fields.get('more', '')}"}
    said.pop("more", None)
    entry, _ = added(None, asked(x="1"), vary="X", **said)
    entry, _ = added(entry, asked(x="2"), fill=Fill(EPOCH + after))
    assert (entry.nominated == ("HTTP_X",)) is known
    assert len(entry.responses) == 1 + known


def test_a_variant_for_each_coding_that_the_app_makes() -> None:
    entry = None
    for offered in ("gzip", "gzip, deflate", "gzip, x", "gzip, y", "gzip, x, y"):
        entry = coded(entry, offered, "gzip")
    entry = coded(coded(entry, "br, gzip", "br"), "", None)
    gzip, br, identity = entry.responses.values()
    assert (gzip.kind[1], br.kind[1], identity.kind[1]) == ("gzip", "br", "identity")
    assert [offer for offer, _ in gzip.offers] == ["deflate,gzip", "gzip,x,y"]
    for offered, one in (
        ("gzip, deflate", gzip),
        ("y, gzip", gzip),
        ("br", br),
        ("x;q=0", identity),
    ):
        assert select(asked(accept_encoding=offered), entry, SAFE) is one


def test_what_the_app_chooses_by_now_counts() -> None:
    """Where it chooses another coding for what was offered before, nothing of that is left."""
    entry = coded(coded(None, "gzip, br", "gzip"), "gzip, x", "gzip")
    entry = coded(entry, "gzip, br", "br", at=1)
    assert [one.kind[1] for one in entry.responses.values()] == ["br"]
    assert select(asked(accept_encoding="gzip, x"), entry, SAFE) is None


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
    variants[0].aged, variants[1].aged = (7.0, *UNAGED[1:]), (6.0, *UNAGED[1:])
    for kind, left in (("d", ["a", "b", "d"]), ("e", ["a", "b", "e"])):
        entry, _ = added(entry, asked(accept=kind), policy, vary="Accept")
        assert [values[-1] for values in entry.responses] == left
    assert entry is not None
    for stored in entry.responses.values():
        stored.aged = stored.aged if stored in variants else (8.0, *UNAGED[1:])
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
        shared = CacheEntry({}, 10.0, b"salt")
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
    shared = CacheEntry({}, 10.0, b"salt")
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
    assert (once.kinds, once.responses) == (twice.kinds, twice.responses)
    assert list(entry.responses.values()) == [stored]


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
