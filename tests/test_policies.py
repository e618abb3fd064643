"""What a policy adds or leaves out: entity tags, the fields that speak to us alone, heuristics, and
methods and statuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rfc9111.test_ranges import DIGITS
from tests.scene import Environ, Reply, Scene
from tests.stored import FRESH, filled
from wsgicache import Policy

# ── generated entity tags ────────────────────────────────────────────────────────────────────────


def test_a_stored_200_without_etag_is_given_one(scene: Scene) -> None:
    filled(scene, "body")
    tag = scene.get("/").header("ETag")
    assert tag is not None
    assert tag.startswith('"')  # a strong one
    assert tag.endswith('"')
    got = scene.get("/", if_none_match=tag)
    assert (got.code, got.header("ETag"), got.hit) == (304, tag, True)
    scene.app(200, "other", **FRESH)
    scene.after(1)
    scene.get("/", cache_control="no-cache")
    assert scene.get("/").header("ETag") != tag


def test_a_generated_tag_is_no_secret_and_no_name(scene: Scene) -> None:
    """The same content has the same tag in every process; it is not the content itself."""
    filled(scene, "body")
    other = Scene()
    filled(other, "body")
    tag = scene.get("/").header("ETag")
    assert tag == other.get("/").header("ETag")
    assert tag is not None
    assert "body" not in tag


def test_a_generated_tag_never_reaches_the_app(scene: Scene) -> None:
    filled(scene, "body")
    tag = scene.get("/").header("ETag")
    scene.after(61)
    got = scene.get("/", if_none_match=tag)
    assert scene.count == 2
    assert scene.calls[-1].header("If-None-Match") is None
    assert got.code in (200, 304)
    if got.code == 200:
        assert got.text == "body"


def test_generated_tags_can_be_switched_off(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(generate_etags=False))
    filled(scene, "body")
    assert scene.get("/").header("ETag") is None


@pytest.mark.parametrize("status", [404, 301, 203])
def test_only_a_200_is_given_a_tag(scene: Scene, status: int) -> None:
    scene.app(status, "said", location="http://example.org/x", cache_control="max-age=9")
    scene.get("/")
    got = scene.get("/")
    assert got.hit
    assert got.header("ETag") is None


# ── targeted fields (RFC 9213) ───────────────────────────────────────────────────────────────────

OURS = "Wsgicache-Cache-Control"


def test_our_targeted_field_wins_and_is_taken_from_the_response(scene: Scene) -> None:
    scene.app(200, "body", (OURS, "max-age=100"), cache_control="no-store", expires="0")
    got = scene.get("/")
    assert got.stored
    assert OURS.lower() not in got.names
    assert (got.header("Cache-Control"), got.header("Expires")) == ("no-store", "0")
    got = scene.get("/")
    assert got.cache_status == "wsgicache; hit; ttl=100"
    assert OURS.lower() not in got.names
    assert got.header("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("max-age=60", True),
        ("none", False),
        ("no-store", False),
        ("private, max-age=60", False),
        ("", True),
        ("max-age=60;x=1", True),
        ("max-age=abc", True),
        ('max-age="60"', True),
        ("max-age=60.5", True),
        ("max-age=-1", None),
        ("&&", True),
        ("no-store=1, max-age=60", None),
        ("MAX-AGE=60", True),
        ("max-age=0", False),
    ],
)
def test_a_targeted_field_that_is_no_dictionary_is_not_there(
    scene: Scene, value: str, stored: bool | None
) -> None:
    """RFC 9213 §2.1; then Cache-Control, here max-age=9, counts again.

    A member of the wrong type invalidates the field.
    """
    scene.app(200, "body", (OURS, value), cache_control="max-age=9")
    scene.get("/")
    got = scene.get("/")
    assert OURS.lower() not in got.names
    if stored is not None:
        assert got.hit is stored
    if got.hit:
        assert got.verdict["ttl"] == (60 if value in ("max-age=60", "max-age=60;x=1") else 9)


@pytest.mark.parametrize("name", ["CDN-Cache-Control", "Surrogate-Control", "Other-Cache-Control"])
def test_targeted_fields_of_others_pass_on(scene: Scene, name: str) -> None:
    scene.app(200, "body", (name, "max-age=1000"), **FRESH)
    scene.get("/")
    got = scene.get("/")
    assert got.cache_status == "wsgicache; hit; ttl=60"
    assert got.header(name) == "max-age=1000"


def test_the_rfc_policy_heeds_cdn_cache_control(rfc_scene: Scene) -> None:
    rfc_scene.app(200, "body", ("CDN-Cache-Control", "max-age=1000"), **FRESH)
    rfc_scene.get("/")
    got = rfc_scene.get("/")
    assert got.verdict["ttl"] == 1000
    assert got.header("CDN-Cache-Control") == "max-age=1000"
    rfc_scene.app(200, "body", ("CDN-Cache-Control", "max-age=1000"), (OURS, "max-age=5"), **FRESH)
    rfc_scene.get("/2")
    assert rfc_scene.get("/2").verdict["ttl"] == 5


def test_fields_can_be_taken_from_responses(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(strip=("Cache-Tag", "CDN-Cache-Control")))
    scene.app(200, "body", ("Cache-Tag", "a"), ("CDN-Cache-Control", "max-age=9"), **FRESH)
    for _ in range(2):
        got = scene.get("/")
        assert not got.names & {"cache-tag", "cdn-cache-control"}
    assert got.hit


# ── heuristics (§4.2.2) ──────────────────────────────────────────────────────────────────────────


def test_heuristic_freshness_is_a_tenth_of_the_age(rfc_scene: Scene) -> None:
    rfc_scene.app(200, "body", last_modified=rfc_scene.clock.date(-1000))
    assert rfc_scene.get("/").stored
    assert rfc_scene.get("/").verdict["ttl"] == 100
    rfc_scene.after(100)
    assert rfc_scene.get("/").fwd == "stale"


def test_the_safe_policy_has_no_heuristics(scene: Scene) -> None:
    scene.app(200, "body", last_modified=scene.clock.date(-1000))
    scene.get("/")
    assert not scene.get("/").hit


@pytest.mark.parametrize(
    ("status", "fields", "hit"),
    [
        (200, {}, True),
        (203, {}, True),
        (300, {}, True),
        (301, {}, True),
        (308, {}, True),
        (404, {}, True),
        (405, {}, True),
        (410, {}, True),
        (414, {}, True),
        (501, {}, True),
        (302, {}, False),
        (307, {}, False),
        (400, {}, False),
        (403, {}, False),
        (500, {}, False),
        (503, {}, False),
        (302, {"cache_control": "public"}, True),
        (200, {"cache_control": "no-store"}, False),
        (200, {"cache_control": "max-age=0"}, False),
        (200, {"expires": "0"}, False),
        (200, {"last_modified": None}, False),
        (200, {"last_modified": "Tue, 14 Nov 2029 20:13:20 GMT"}, False),
    ],
)
def test_heuristics_need_a_status_and_a_date(
    rfc_scene: Scene, status: int, fields: dict[str, Any], hit: bool
) -> None:
    """RFC 9110 §15.1 lists the status codes; `public` adds to them; explicit words forbid."""
    said: dict[str, Any] = {
        "last_modified": rfc_scene.clock.date(-1000),
        "location": "http://example.org/x",
        **fields,
    }
    rfc_scene.app(status, "body", **said)
    rfc_scene.get("/")
    assert rfc_scene.get("/").hit is hit


# ── must-understand (§5.2.2.3) ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "directives", "hit"),
    [
        (200, "must-understand, no-store, max-age=60", True),
        (200, "must-understand, max-age=60", True),
        (599, "must-understand, max-age=60", False),
        (599, "must-understand, no-store, max-age=60", False),
        (200, "no-store, max-age=60", False),
        (404, "must-understand, no-store, max-age=5", True),
    ],
)
def test_must_understand(scene: Scene, status: int, directives: str, hit: bool) -> None:
    scene.app(status, "body", cache_control=directives)
    scene.get("/")
    assert scene.get("/").hit is hit


# ── POST and 206 in the rfc policy ───────────────────────────────────────────────────────────────


def test_the_rfc_policy_stores_a_post_that_says_where_it_is(rfc_scene: Scene) -> None:
    """RFC 9110 §9.3.3: explicit freshness and a Content-Location that is the target URI."""
    rfc_scene.app(200, "posted", content_location="/form", **FRESH)
    rfc_scene.post("/form")
    got = rfc_scene.get("/form")
    assert (got.hit, got.text) == (True, "posted")


@pytest.mark.parametrize(
    "fields",
    [
        {"content_location": "/other", **FRESH},
        FRESH,
        {"content_location": "/form"},
        {"content_location": "http://elsewhere.example/form", **FRESH},
        {"content_location": "/form", "cache_control": "max-age=60, no-store"},
    ],
    ids=str,
)
def test_another_post_is_not_stored(rfc_scene: Scene, fields: dict[str, Any]) -> None:
    rfc_scene.app(200, "posted", **fields)
    rfc_scene.post("/form")
    rfc_scene.app(200, "got")
    assert rfc_scene.get("/form").text == "got"


def test_the_rfc_policy_answers_from_a_stored_part(rfc_scene: Scene) -> None:
    """§3.3: a request wholly within it; a whole request asks for the rest."""

    def parts(environ: Environ) -> Reply:
        spec = environ.get("HTTP_RANGE")
        if spec is None:
            return Reply(200, DIGITS, etag='"v1"', **FRESH)
        start, end = (int(n or 9) for n in spec.removeprefix("bytes=").split("-"))
        return Reply(
            206,
            DIGITS[start : end + 1],
            content_range=f"bytes {start}-{end}/10",
            etag='"v1"',
            **FRESH,
        )

    rfc_scene.app(parts)
    assert rfc_scene.get("/", range="bytes=0-5").text == "012345"
    got = rfc_scene.get("/", range="bytes=2-4")
    assert (got.hit, got.code, got.text) == (True, 206, "234")
    assert got.header("Content-Range") == "bytes 2-4/10"
    got = rfc_scene.get("/")
    assert (got.code, got.text) == (200, DIGITS)
    got = rfc_scene.get("/")
    assert (got.hit, got.code, got.text) == (True, 200, DIGITS)


def test_a_part_that_lies_about_its_length_is_not_stored(rfc_scene: Scene) -> None:
    rfc_scene.app(206, "0123", content_range="bytes 0-5/10", etag='"v1"', **FRESH)
    rfc_scene.get("/", range="bytes=0-5")
    rfc_scene.app(206, "abcdef", content_range="bytes 0-5/10", etag='"v1"', **FRESH)
    assert rfc_scene.get("/", range="bytes=0-5").text == "abcdef"
