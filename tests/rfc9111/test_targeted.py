"""Targeted fields (RFC 9213): CDN-Cache-Control beside Cache-Control and Expires."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rfc9111.asking import twice
from tests.rules.messages import date, rows
from tests.scene import Scene
from wsgicache import Policy

OPEN: dict[str, Any] = {"cache_control": "max-age=3600"}
SHUT: dict[str, Any] = {"cache_control": "no-store"}
SHORT: dict[str, Any] = {"cache_control": "max-age=1"}

CDN = rows(
    # alone
    ("max-age", "max-age=3600", {}, True),
    ("max-age, over", "max-age=2", {}, False),
    ("max-age of zero", "max-age=0", {}, False),
    ("2^31 - 1", "max-age=2147483647", {}, True),
    ("2^31", "max-age=2147483648", {}, True),
    ("eleven nines", "max-age=99999999999", {}, True),
    ("the greatest integer there is", "max-age=999999999999999", {}, True),
    ("s-maxage", "s-maxage=3600", {}, True),
    ("s-maxage, over", "s-maxage=1, max-age=3600", {}, False),
    ("an extension", "foobar, max-age=3600", {}, True),
    ("an extension with an argument", 'foo="bar", baz=1.5, max-age=3600', {}, True),
    ("parameters", "max-age=3600;foo;bar=baz", {}, True),
    ("parameters, over", "max-age=1;max-age=3600", {}, False),
    ("no space", "foo,max-age=3600", {}, True),
    ("much space", "foo \t,  max-age=3600 ", {}, True),
    ("two lines", ["foo", "max-age=3600"], {}, True),
    ("the last of two", "max-age=3600, max-age=1", {}, False),
    ("the last of two, longer", "max-age=1, max-age=3600", {}, True),
    ("the last of two lines", ["max-age=3600", "max-age=1"], {}, False),
    ("public", "public", {}, False),
    ("public and modified long ago", "public", {"last_modified": date(-86400)}, True),
    # beside Cache-Control
    ("longer than Cache-Control", "max-age=3600", SHORT, True),
    ("shorter than Cache-Control", "max-age=1", OPEN, False),
    ("zero, and Cache-Control", "max-age=0", OPEN, False),
    ("shorter than s-maxage", "max-age=1", {"cache_control": "s-maxage=3600"}, False),
    ("despite no-store", "max-age=3600", SHUT, True),
    ("despite private", "max-age=3600", {"cache_control": "private"}, True),
    ("despite no-cache", "max-age=3600", {"cache_control": "no-cache"}, True),
    ("despite Pragma", "max-age=3600", {"pragma": "no-cache"}, True),
    ("no-store, and Cache-Control", "no-store", OPEN, False),
    ("no-store and max-age", "no-store, max-age=3600", OPEN, False),
    ("private, and Cache-Control", "private", OPEN, False),
    ("private and max-age", "private, max-age=3600", OPEN, False),
    ("no-cache, and Cache-Control", "no-cache", OPEN, False),
    ("no-cache and max-age", "max-age=3600, no-cache", OPEN, False),
    ("must-revalidate while fresh", "max-age=3600, must-revalidate", {}, True),
    ("only an extension silences Cache-Control", "none", OPEN, False),
    ("a private list", 'private="a", max-age=3600', SHUT, True),
    ("a no-cache list", 'no-cache="a", max-age=3600', SHUT, True),
    ("must-understand", "must-understand, no-store, max-age=3600", SHUT, True),
    # beside Expires
    ("despite a past Expires", "max-age=3600", {"expires": date(-60)}, True),
    ("despite an invalid Expires", "max-age=3600", {"expires": "0"}, True),
    ("shorter than Expires", "max-age=1", {"expires": date(3600)}, False),
    ("zero, and Expires", "max-age=0", {"expires": date(3600)}, False),
    ("nothing of freshness, and Expires", "none", {"expires": date(3600)}, False),
    # invalid: as if it were not there
    ("capitals", "MaX-aGe=3600", SHORT, False),
    ("capitals, and Cache-Control", "MaX-aGe=1", OPEN, True),
    ("a string", 'max-age="3600"', SHUT, False),
    ("a string, and Cache-Control", 'max-age="1"', OPEN, True),
    ("a decimal", "max-age=3600.0", SHUT, False),
    ("a token", "max-age=a", OPEN, True),
    ("no argument", "max-age", OPEN, True),
    ("negative", "max-age=-1", OPEN, True),
    ("sixteen digits", "max-age=1000000000000000", SHUT, False),
    ("no type", "max-age=3600, &&&&&", SHUT, False),
    ("no type, and Cache-Control", "max-age=1, &&&&&", OPEN, True),
    ("space before the equals sign", "max-age =3600", SHORT, False),
    ("space after the equals sign", "max-age= 3600", SHORT, False),
    ("a trailing comma", "max-age=3600,", SHUT, False),
    ("an empty member", "foo,, max-age=3600", SHUT, False),
    ("a flag that is a number", "no-store=1", OPEN, True),
    ("a flag that is false", "no-store=?0", OPEN, True),
    ("a list that is a token", "private=a, max-age=3600", SHUT, False),
    ("a semicolon for a comma", "max-age=3600; no-store", SHUT, True),
    ("an open string", 'private="a, max-age=3600', SHUT, False),
    ("empty", "", OPEN, True),
    ("empty, and no-store", "", SHUT, False),
    ("an invalid line of two", ["max-age=1", "&"], OPEN, True),
)


@pytest.mark.parametrize(("value", "fields", "hit"), CDN)
def test_cdn_cache_control(
    make_scene: MakeScene, value: str | list[str], fields: dict[str, Any], hit: bool
) -> None:
    """Three seconds later, and whatever the field says, it goes on (§3.1)."""
    scene = make_scene(Policy.rfc(), lint=False)
    got = twice(scene, cdn_cache_control=value, **fields)
    assert got.hit is hit
    assert got.lines("CDN-Cache-Control") == (value if isinstance(value, list) else [value])
    for name, said in fields.items():
        assert got.lines(name.replace("_", "-")) == [said]


@pytest.mark.parametrize(("value", "fields", "hit"), CDN)
def test_our_own_field_is_read_alike(
    make_scene: MakeScene, value: str | list[str], fields: dict[str, Any], hit: bool
) -> None:
    """By either policy; but it goes nowhere."""
    policies = [Policy.rfc()] if "last_modified" in fields else [Policy(), Policy.rfc()]
    for policy in policies:
        scene = make_scene(policy, lint=False)
        got = twice(scene, wsgicache_cache_control=value, **fields)
        assert got.hit is hit
        assert got.header("Wsgicache-Cache-Control") is None


@pytest.mark.parametrize(
    ("own", "cdn", "hit"),
    rows(
        ("§2.2 the first of the list", "max-age=3600", "max-age=1", True),
        ("§2.2 the first of the list, shorter", "max-age=1", "max-age=3600", False),
        ("§2.2 the first that is valid", "&", "max-age=3600", True),
        ("§2.2 the first that is not empty", "", "max-age=3600", True),
        ("§2.2 the first, and the next invalid", "max-age=3600", "&", True),
        ("§2.2 neither", "&", "", False),
    ),
)
def test_target_list(make_scene: MakeScene, own: str, cdn: str, hit: bool) -> None:
    """RFC 9213 §2.2."""
    scene = make_scene(Policy.rfc(), lint=False)
    got = twice(scene, wsgicache_cache_control=own, cdn_cache_control=cdn, cache_control="no-store")
    assert got.hit is hit


@pytest.mark.parametrize("name", ["CDN-Cache-Control", "Other-Cache-Control", "Surrogate-Control"])
def test_a_field_that_is_not_on_the_list(scene: Scene, name: str) -> None:
    """RFC 9213 §2.2: it gives no lifetime and goes on; what it forbids, the policy says."""
    got = twice(scene, (name, "max-age=1"), cache_control="max-age=3600")
    assert (got.hit, got.header(name)) == (True, "max-age=1")
    scene.post("/")
    assert not twice(scene, (name, "max-age=3600"), cache_control="no-store").hit


@pytest.mark.parametrize("directives", ["max-age=60", "no-store"])
def test_in_a_request_it_means_nothing(rfc_scene: Scene, directives: str) -> None:
    rfc_scene.app(200, "page", cache_control="max-age=60")
    assert rfc_scene.get("/", cdn_cache_control=directives).stored
    assert rfc_scene.get("/", cdn_cache_control=directives).hit


def test_age_counts_against_it(rfc_scene: Scene) -> None:
    assert not twice(rfc_scene, cdn_cache_control="max-age=3600", age="7200").hit
    got = twice(rfc_scene, cdn_cache_control="max-age=9000", age="7200", **SHORT)
    assert got.hit
    assert got.lines("Age") == ["7203"]


def test_expires_is_kept_as_it_came(rfc_scene: Scene) -> None:
    got = twice(rfc_scene, cdn_cache_control="max-age=10000", expires=date(1), date=date(), **SHORT)
    assert (got.hit, got.header("Expires"), got.header("Date")) == (True, date(1), date())


@pytest.mark.parametrize("repeated", [True, False], ids=["repeated", "not repeated"])
@pytest.mark.parametrize("name", ["cdn_cache_control", "wsgicache_cache_control"])
def test_it_outlives_a_validation(rfc_scene: Scene, name: str, repeated: bool) -> None:
    """§3.2: what a 304 does not say stays as it was."""
    said: dict[str, Any] = {name: "max-age=2"}
    rfc_scene.app(200, "page", etag='"1"', **said, **SHUT)
    rfc_scene.get("/")
    rfc_scene.after(3)
    rfc_scene.app(304, etag='"1"', **(said if repeated else {}), **SHUT)
    assert rfc_scene.get("/").cache_status == "wsgicache; fwd=stale; fwd-status=304"
    assert rfc_scene.get("/").hit


@pytest.mark.parametrize("targets", [("Wsgicache-Cache-Control",), ("Mine-Cache-Control",), ()])
def test_a_targeted_field_that_is_not_listed_is_ignored(
    make_scene: MakeScene, targets: tuple[str, ...]
) -> None:
    """RFC 9213 §2.2: it must not change what the cache does, and passes through."""
    cases = [("no-store", "max-age=60", True), ("max-age=60", "no-store", False)]
    for cdn, everybody, hit in cases:
        scene = make_scene(Policy.rfc(targets=targets))
        scene.app(200, "page", cdn_cache_control=cdn, cache_control=everybody)
        scene.get("/")
        got = scene.get("/")
        assert (got.hit, got.header("CDN-Cache-Control")) == (hit, cdn)
