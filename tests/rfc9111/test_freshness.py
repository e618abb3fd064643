"""For how long a response is fresh (§4.2, §5.1, §5.2.2, §5.3): all spellings and positions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rfc9111.asking import twice
from tests.rules.messages import date, rows
from tests.scene import Scene
from wsgicache import Policy

CONTROLS = rows(
    # spelling
    ("max-age", "max-age=3600", True),
    ("max-age, over", "max-age=2", False),
    ("max-age, now over", "max-age=3", False),
    ("max-age, just not over", "max-age=4", True),
    ("max-age of zero", "max-age=0", False),
    ("in any case", "MaX-aGe=3600", True),
    ("quoted", 'max-age="3600"', True),
    ("in single quotes", "max-age='3600'", False),
    ("leading zeros", "max-age=003600", True),
    ("leading zeros, over", "max-age=0002", False),
    ("negative", "max-age=-3600", False),
    ("a sign", "max-age=+3600", False),
    ("a decimal of zero", "max-age=3600.0", False),
    ("a decimal", "max-age=3600.5", False),
    ("letters before", "max-age=a3600", False),
    ("letters after", "max-age=3600a", False),
    ("space before the equals sign", "max-age =3600", False),
    ("space after the equals sign", "max-age= 3600", False),
    ("no argument", "max-age", False),
    ("an empty argument", "max-age=", False),
    ("2^31 - 1", "max-age=2147483647", True),
    ("2^31", "max-age=2147483648", True),
    ("2^31 + 1", "max-age=2147483649", True),
    ("eleven nines", "max-age=99999999999", True),
    ("hundred nines", "max-age=" + "9" * 100, True),
    # position
    ("after others", "public, foo=bar, max-age=3600", True),
    ("before others", "max-age=3600, public, foo", True),
    ("no space", "foo,max-age=3600,bar", True),
    ("much space", "foo  ,\t max-age=3600\t,bar ", True),
    ("empty members", ", ,max-age=3600,,", True),
    ("two lines", ["foo", "max-age=3600"], True),
    ("two lines, first", ["max-age=3600", "foo"], True),
    ("an unknown directive", "max-age=3600, unknown", True),
    ("an unknown directive with an argument", 'max-age=3600, unknown="a, b"', True),
    # quotes hide
    ("within quotes", 'foo="max-age=3600"', False),
    ("within quotes, before the real one", 'foo="max-age=3600", max-age=1', False),
    ("within quotes, after the real one", 'max-age=1, foo="max-age=3600"', False),
    ("within quotes, after a comma", 'foo="bar, max-age=3600, ", max-age=1', False),
    ("within quotes, after a quoted quote", 'foo="\\", max-age=3600", max-age=1', False),
    ("within quotes, a short one", 'foo="max-age=1", max-age=3600', True),
    ("not the whole name", "x-max-age=3600", False),
    ("more than the name", "max-agex=3600", False),
    # several
    ("the same twice", "max-age=3600, max-age=3600", True),
    ("long and short", "max-age=3600, max-age=1", False),
    ("short and long", "max-age=1, max-age=3600", False),
    ("long and short on two lines", ["max-age=3600", "max-age=1"], False),
    ("short and long on two lines", ["max-age=1", "max-age=3600"], False),
    ("long and invalid", "max-age=3600, max-age=x", False),
    # s-maxage
    ("s-maxage", "s-maxage=3600", True),
    ("s-maxage, over", "s-maxage=2", False),
    ("s-maxage in any case", "S-MaxAge=3600", True),
    ("s-maxage quoted", 's-maxage="3600"', True),
    ("a short s-maxage", "s-maxage=1, max-age=3600", False),
    ("a short s-maxage, last", "max-age=3600, s-maxage=1", False),
    ("a short s-maxage on another line", ["max-age=3600", "s-maxage=1"], False),
    ("a long s-maxage", "max-age=1, s-maxage=3600", True),
    ("a long s-maxage, first", "s-maxage=3600, max-age=0", True),
    ("an invalid s-maxage", "max-age=3600, s-maxage=x", False),
    ("a negative s-maxage", "max-age=3600, s-maxage=-1", False),
    ("an s-maxage without argument", "max-age=3600, s-maxage", False),
    # what overrules
    ("must-revalidate while fresh", "max-age=3600, must-revalidate", True),
    ("proxy-revalidate while fresh", "max-age=3600, proxy-revalidate", True),
    ("immutable", "max-age=3600, immutable", True),
    ("immutable, over", "max-age=1, immutable", False),
    ("no-transform", "max-age=3600, no-transform", True),
    ("public", "max-age=3600, public", True),
    ("public, over", "max-age=1, public", False),
    ("no-cache", "max-age=3600, no-cache", False),
    ("no-cache in any case", "max-age=3600, No-CaChE", False),
    ("no-store", "max-age=3600, no-store", False),
    ("no-store in any case", "max-age=3600, NO-store", False),
    ("private", "max-age=3600, private", False),
    ("private in any case", "max-age=3600, PriVate", False),
    (
        "request directives say nothing",
        "max-age=3600, max-stale=0, min-fresh=9999, only-if-cached",
        True,
    ),
)


@pytest.mark.parametrize(("lines", "hit"), CONTROLS)
def test_cache_control(make_scene: MakeScene, lines: str | list[str], hit: bool) -> None:
    """Three seconds later."""
    scene = make_scene(Policy.rfc(), lint=False)
    assert twice(scene, cache_control=lines).hit is hit


def test_public_alone_gives_no_freshness(rfc_scene: Scene) -> None:
    assert not twice(rfc_scene, cache_control="public").hit


def test_nothing_said_is_not_reused(rfc_scene: Scene) -> None:
    assert not twice(rfc_scene).hit
    assert not twice(rfc_scene, cache_control="").hit


# ── Age (§5.1) ───────────────────────────────────────────────────────────────────────────────────

AGES = rows(
    ("young", "30", True),
    ("old", "7200", False),
    ("as old as it may be", "3600", False),
    ("negative", "-7200", True),
    ("a decimal", "7200.0", True),
    ("text", "abc", True),
    ("empty", "", True),
    ("a parameter", "7200;foo=bar", True),
    ("a numeric parameter", "7200;foo=111", True),
    ("letters after", "7200s", True),
    ("quoted", '"7200"', True),
    ("a list, old first", "7200, 0", False),
    ("a list, new first", "0, 7200", True),
    ("a list, invalid first", "abc, 7200", True),
    ("a list, invalid second", "7200, abc", False),
    ("lines, old first", ["7200", "0"], False),
    ("lines, new first", ["0", "7200"], True),
    ("lines, invalid first", ["abc", "7200"], True),
    ("lines, twice new", ["0", "0"], True),
    ("lines, twice old", ["7200", "7200"], False),
    ("2^31 - 1", "2147483647", False),
    ("2^31", "2147483648", False),
    ("2^31 + 1", "2147483649", False),
    ("hundred nines", "9" * 100, False),
    ("leading zeros", "0007200", False),
)


@pytest.mark.parametrize(("age", "hit"), AGES)
@pytest.mark.parametrize(
    "fields",
    [
        {"cache_control": "max-age=3600"},
        {"expires": date(3600), "date": date()},
        {"cdn_cache_control": "max-age=3600"},
    ],
    ids=["max-age", "expires", "targeted"],
)
def test_age(
    make_scene: MakeScene, fields: dict[str, Any], age: str | list[str], hit: bool
) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    assert twice(scene, age=age, **fields).hit is hit


@pytest.mark.parametrize(
    ("fields", "age"),
    rows(
        ("§4.2.3 resident_time", {}, 3),
        ("§4.2.3 age_value", {"age": "30"}, 33),
        ("§4.2.3 apparent_age", {"date": date(-20)}, 23),
        ("§4.2.3 the larger", {"date": date(-20), "age": "30"}, 33),
        ("§4.2.3 a fast clock", {"date": date(20)}, 3),
        ("§5.1 replacing what came", {"age": ["30", "50"]}, 33),
        ("§5.1 an ignored one", {"age": "x"}, 3),
    ),
)
def test_a_reuse_says_its_age(make_scene: MakeScene, fields: dict[str, Any], age: int) -> None:
    said: list[dict[str, Any]] = [{"cache_control": "max-age=3600"}, {"expires": date(3600)}]
    for freshness in said:
        scene = make_scene(Policy.rfc(), lint=False)
        assert twice(scene, **freshness, **fields).lines("Age") == [str(age)]


def test_a_reuse_keeps_its_date(rfc_scene: Scene) -> None:
    said = rfc_scene.clock.date()
    got = twice(rfc_scene, cache_control="max-age=3600", date=said)
    assert got.lines("Date") == [said]


# ── Expires (§5.3) ───────────────────────────────────────────────────────────────────────────────

EXPIRES = rows(
    ("ahead", date(3600), {}, True),
    ("over", date(2), {}, False),
    ("now", date(), {}, False),
    ("past", date(-3600), {}, False),
    ("less Date", date(3600), {"date": date()}, True),
    ("less a slow Date", date(-3000), {"date": date(-3600)}, False),
    ("less a fast Date", date(3600), {"date": date(3600)}, False),
    ("earlier than a fast Date", date(3600), {"date": date(7200)}, False),
    (
        "an Age greater than it less a slow Date",
        date(3600),
        {"date": date(-3600), "age": "7300"},
        False,
    ),
    (
        "an Age greater than it less a fast Date",
        date(7200),
        {"date": date(3600), "age": "7300"},
        False,
    ),
    ("an invalid Date", date(3600), {"date": "foo"}, True),
    ("max-age is longer", date(-3600), {"cache_control": "max-age=3600"}, True),
    ("max-age is longer, and it invalid", "0", {"cache_control": "max-age=3600"}, True),
    ("max-age is shorter", date(3600), {"cache_control": "max-age=1"}, False),
    ("max-age is zero", date(3600), {"cache_control": "max-age=0"}, False),
    ("max-age is invalid", date(3600), {"cache_control": "max-age=x"}, False),
    ("s-maxage is longer", date(-3600), {"cache_control": "max-age=0, s-maxage=3600"}, True),
    ("s-maxage is shorter", date(3600), {"cache_control": "s-maxage=1"}, False),
    ("no-cache", date(3600), {"cache_control": "no-cache"}, False),
    ("no-store", date(3600), {"cache_control": "no-store"}, False),
    ("private", date(3600), {"cache_control": "private"}, False),
    ("public", date(3600), {"cache_control": "public"}, True),
)


@pytest.mark.parametrize(("expires", "fields", "hit"), EXPIRES)
def test_expires(rfc_scene: Scene, expires: str, fields: dict[str, Any], hit: bool) -> None:
    assert twice(rfc_scene, expires=expires, **fields).hit is hit


FORMS = rows(
    ("IMF-fixdate", "Thu, 18 Aug 2050 02:01:18 GMT", True),
    ("RFC 850", "Thursday, 18-Aug-50 02:01:18 GMT", True),
    ("asctime", "Thu Aug 18 02:01:18 2050", True),
    ("asctime, one digit", "Mon Aug  8 02:01:18 2050", True),
    ("weekday in another case", "THU, 18 Aug 2050 02:01:18 GMT", True),
    ("month in another case", "Thu, 18 AUG 2050 02:01:18 GMT", True),
    ("zone in another case", "Thu, 18 Aug 2050 02:01:18 gMT", True),
    ("another weekday", "Fri, 18 Aug 2050 02:01:18 GMT", True),
    ("32 bits", "Tue, 19 Jan 2038 03:14:08 GMT", True),
    ("far ahead", "Sun, 21 Nov 2286 04:46:39 GMT", True),
    ("the last there is", "Fri, 31 Dec 9999 23:59:59 GMT", True),
    ("zero", "0", False),
    ("minus one", "-1", False),
    ("empty", "", False),
    ("text", "never", False),
    ("UTC", "Thu, 18 Aug 2050 02:01:18 UTC", False),
    ("another zone", "Thu, 18 Aug 2050 02:01:18 AEST", False),
    ("an offset", "Thu, 18 Aug 2050 02:01:18 +0000", False),
    ("no zone", "Thu, 18 Aug 2050 02:01:18", False),
    ("two digits of a year", "Thu, 18 Aug 50 02:01:18 GMT", False),
    ("dashes", "Thu, 18-Aug-2050 02:01:18 GMT", False),
    ("periods in the time", "Thu, 18 Aug 2050 02.01.18 GMT", False),
    ("one digit of an hour", "Thu, 18 Aug 2050 2:01:18 GMT", False),
    ("one digit of a day", "Mon, 8 Aug 2050 02:01:18 GMT", False),
    ("two spaces", "Thu, 18  Aug  2050  02:01:18  GMT", False),
    ("no comma", "Thu 18 Aug 2050 02:01:18 GMT", False),
    ("no weekday", "18 Aug 2050 02:01:18 GMT", False),
    ("ISO 8601", "2050-08-18T02:01:18Z", False),
    ("quoted", '"Thu, 18 Aug 2050 02:01:18 GMT"', False),
    ("two lines", ["Thu, 18 Aug 2050 02:01:18 GMT", "Thu, 18 Aug 2050 02:01:19 GMT"], False),
    ("one line of two", "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT", False),
)


@pytest.mark.parametrize(("expires", "hit"), FORMS)
def test_forms_of_expires(make_scene: MakeScene, expires: str | list[str], hit: bool) -> None:
    """§5.3: what is no date is the past; RFC 9110 §5.6.7 says what is one."""
    scene = make_scene(Policy.rfc(), lint=False)
    assert twice(scene, expires=expires).hit is hit


def test_time_zones_of_the_machine_do_not_count(
    make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """§4.2: the local zone must not influence an age or an expiration time."""
    import time

    for zone in ("America/New_York", "Asia/Kolkata", "UTC"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        scene = make_scene(Policy.rfc())
        got = twice(scene, expires=date(60), date=date(-5))
        assert (got.hit, got.age, got.verdict["ttl"]) == (True, 8, 57)
    monkeypatch.undo()
    time.tzset()


# ── status codes (§3, §4.2.2) ────────────────────────────────────────────────────────────────────

CODES = [
    200, 201, 202, 203, 204, 205, 226, 299, 300, 301, 302, 303, 305, 307, 308, 399, 400, 401, 402,
    403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 426,
    451, 499, 500, 501, 502, 503, 504, 505, 599,
]  # fmt: skip
HEURISTIC = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}


@pytest.mark.parametrize("status", CODES)
def test_explicit_freshness_of_a_status(make_scene: MakeScene, status: int) -> None:
    """§3: whichever final status it is."""
    fields: dict[str, Any] = {"location": "/x", "status": status}
    fresh = twice(make_scene(Policy.rfc()), cache_control="max-age=3600", **fields)
    assert (fresh.hit, fresh.code, fresh.age) == (True, status, 3)
    assert not twice(make_scene(Policy.rfc()), cache_control="max-age=2", **fields).hit
    expiring = make_scene(Policy.rfc())
    assert twice(expiring, expires=date(3600), **fields).hit


@pytest.mark.parametrize("status", [428, 429, 431, 511])
@pytest.mark.parametrize(
    "words", ["max-age=3600", "public, s-maxage=60", "must-understand, max-age=60"]
)
def test_a_status_that_must_not_be_stored(make_scene: MakeScene, status: int, words: str) -> None:
    """RFC 6585 §3 to §6: each is about one client's requests."""
    for policy in (Policy(), Policy.rfc()):
        assert not twice(make_scene(policy), cache_control=words, status=status, after=0).hit


@pytest.mark.parametrize("status", CODES)
def test_heuristic_freshness_of_a_status(make_scene: MakeScene, status: int) -> None:
    """§4.2.2, RFC 9110 §15.1: those of the list; any other where `public` says so."""
    fields: dict[str, Any] = {"location": "/x", "last_modified": date(-86400), "date": date()}
    assert twice(make_scene(Policy.rfc()), status=status, **fields).hit is (status in HEURISTIC)
    public = twice(make_scene(Policy.rfc()), status=status, cache_control="public", **fields)
    assert public.hit


@pytest.mark.parametrize("status", CODES)
def test_must_understand(make_scene: MakeScene, status: int) -> None:
    """§5.2.2.3: a status that is not known is not stored; one that is may be, despite no-store."""
    words = "max-age=3600, no-store, must-understand"
    got = twice(make_scene(Policy.rfc()), cache_control=words, location="/x", status=status)
    if status in (200, 203, 204, 301, 302, 303, 307, 308, 404, 410, 500, 503):
        assert got.hit
    if status in (299, 399, 499, 599):
        assert not got.hit


@pytest.mark.parametrize("status", [200, 404, 599])
def test_no_store_without_must_understand(make_scene: MakeScene, status: int) -> None:
    scene = make_scene(Policy.rfc())
    assert not twice(scene, cache_control="max-age=3600, no-store", status=status).hit


@pytest.mark.parametrize(
    ("modified", "after", "hit"),
    rows(
        ("a tenth of a minute", 60, 5.9, True),
        ("a tenth of a minute, over", 60, 6, False),
        ("a tenth of a day", 86400, 8639, True),
        ("a tenth of a day, over", 86400, 8640, False),
        ("modified just now", 0, 0, False),
        ("modified in the future", -60, 0, False),
    ),
)
def test_a_tenth_of_its_age(rfc_scene: Scene, modified: int, after: float, hit: bool) -> None:
    """§4.2.2, as Policy.heuristic_fraction says."""
    said = rfc_scene.clock.date(-modified)
    assert twice(rfc_scene, last_modified=said, after=after).hit is hit


@pytest.mark.parametrize(
    "fields",
    [
        {"cache_control": "max-age=1"},
        {"cache_control": "max-age=0"},
        {"cache_control": "s-maxage=1"},
        {"cache_control": "max-age=x"},
        {"cache_control": "no-cache"},
        {"expires": "0"},
        {"expires": date(1)},
        {"cdn_cache_control": "max-age=1"},
    ],
    ids=str,
)
def test_heuristics_are_for_what_says_nothing(rfc_scene: Scene, fields: dict[str, Any]) -> None:
    assert not twice(rfc_scene, last_modified=date(-864000), **fields).hit


def test_a_query_is_no_reason_against_heuristics(rfc_scene: Scene) -> None:
    """§4.2.2, the last note."""
    rfc_scene.app(200, "page", last_modified=date(-86400))
    rfc_scene.get("/?a=b")
    assert rfc_scene.get("/?a=b").hit
    assert rfc_scene.get("/?a=c").fwd == "uri-miss"


@pytest.mark.parametrize(
    "fields", [{"cache_control": "max-age=60"}, {"last_modified": date(-864000)}]
)
def test_a_download_is_like_any(rfc_scene: Scene, fields: dict[str, Any]) -> None:
    assert twice(rfc_scene, content_disposition="attachment; filename=a.txt", **fields).hit
