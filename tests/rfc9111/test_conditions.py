"""Conditions of the client, and HEAD, answered from what is stored (§4.3.2, RFC 9110 §13)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scene import Scene
from tests.stored import FRESH, filled


def test_head_is_answered_from_a_stored_get(scene: Scene) -> None:
    filled(scene, "hello", etag='"v1"')
    scene.after(3)
    got, head = scene.get("/"), scene.head("/")
    assert head.cache_status == "wsgicache; hit; ttl=57"
    assert head.body == b""
    assert (head.status, head.headers) == (got.status, got.headers)


def test_head_on_a_cold_key_stores_nothing_for_get(rfc_scene: Scene) -> None:
    rfc_scene.app(200, "hello", **FRESH)
    head = rfc_scene.head("/")
    assert (head.code, head.body, head.header("Content-Length")) == (200, b"", "5")
    got = rfc_scene.get("/")
    assert (got.text, got.hit) == ("hello", False)


def test_head_freshens_a_stored_get(scene: Scene) -> None:
    """§4.3.5: same validators, same length."""
    filled(scene, "hello", etag='"v1"', x_word="old")
    scene.app(200, "hello", etag='"v1"', cache_control="max-age=100", x_word="new")
    scene.after(61)
    head = scene.head("/")
    assert (head.fwd, head.body) == ("stale", b"")
    got = scene.get("/")
    assert (got.hit, got.text, got.header("X-Word")) == (True, "hello", "new")
    assert got.verdict["ttl"] == 100


def test_a_head_with_a_condition(scene: Scene) -> None:
    filled(scene, "body", etag='"v1"')
    got = scene.head("/", if_none_match='"v1"')
    assert (got.code, got.body) == (304, b"")


@pytest.mark.parametrize(
    ("stored", "condition", "code"),
    [
        ('"v1"', '"v1"', 304),
        ('"v1"', '"v2"', 200),
        ('"v1"', 'W/"v1"', 304),
        ('W/"v1"', '"v1"', 304),
        ('W/"v1"', 'W/"v1"', 304),
        ('"v1"', '"v0", "v1"', 304),
        ('"v1"', '"v0","v2" , W/"v1"', 304),
        ('"a,b"', '"x", "a,b"', 304),
        ('"a,b"', '"a", "b"', 200),
        ('"v1"', "*", 304),
        ('"v1"', '"*"', 200),
        ('"v1"', "v1", 200),
        ('"v1"', "", 200),
        ('"v1"', ',, "v1" ,', 304),
        ('"v1"', '"V1"', 200),
    ],
)
def test_if_none_match(scene: Scene, stored: str, condition: str, code: int) -> None:
    """RFC 9110 §13.1.2: weak comparison, lists, `*`."""
    filled(scene, "body", etag=stored)
    got = scene.get("/", ("If-None-Match", condition))
    assert got.code == code
    assert got.body == (b"" if code == 304 else b"body")
    assert got.hit


def test_a_304_carries_what_a_304_must(scene: Scene) -> None:
    """RFC 9110 §15.4.5."""
    must: dict[str, Any] = {
        "date": scene.clock.date(),
        "etag": '"v1"',
        "expires": scene.clock.date(60),
        "vary": "Accept",
        "content_location": "http://example.org/here",
    }
    filled(scene, "body", content_encoding="identity", **must)
    scene.after(4)
    got = scene.get("/", if_none_match='"v1"')
    assert got.status == "304 Not Modified"
    full = scene.get("/")
    for name in ("Date", "ETag", "Expires", "Vary", "Content-Location", "Cache-Control", "Age"):
        assert got.header(name) == full.header(name), name
    assert not got.names & {"content-type", "content-length", "content-encoding"}


SINCE = "Tue, 14 Nov 2023 20:13:20 GMT"


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (SINCE, 304),
        ("Tue, 14 Nov 2023 20:13:21 GMT", 304),
        ("Tue, 14 Nov 2023 20:13:19 GMT", 200),
        ("Tuesday, 14-Nov-23 20:13:20 GMT", 304),
        ("Tue Nov 14 20:13:20 2023", 304),
        ("tue, 14 nov 2023 20:13:20 gmt", 304),
        ("Tue, 14 Nov 2023 20:13:20 UTC", 200),
        ("nonsense", 200),
        ("", 200),
    ],
)
def test_if_modified_since(scene: Scene, condition: str, code: int) -> None:
    """RFC 9110 §13.1.3; a condition that is no date is ignored."""
    filled(scene, "body", last_modified=SINCE)
    assert scene.get("/", ("If-Modified-Since", condition)).code == code


def test_if_modified_since_without_last_modified_is_compared_with_date(scene: Scene) -> None:
    """§4.3.2."""
    filled(scene, "body", date=scene.clock.date(-20))
    assert scene.get("/", if_modified_since=scene.clock.date(-20)).code == 304
    assert scene.get("/", if_modified_since=scene.clock.date(-21)).code == 200


def test_if_none_match_goes_before_if_modified_since(scene: Scene) -> None:
    filled(scene, "body", etag='"v1"', last_modified=SINCE)
    assert scene.get("/", if_none_match='"v2"', if_modified_since=SINCE).code == 200
    assert scene.get("/", if_none_match='"v1"', if_modified_since="nonsense").code == 304


def test_a_star_matches_whatever_is_stored(rfc_scene: Scene) -> None:
    """If-None-Match: * (RFC 9110 §13.1.2); where nothing is stored it is the app's to say."""
    rfc_scene.app(304)
    assert rfc_scene.get("/", if_none_match="*").code == 304
    assert rfc_scene.calls[0].header("If-None-Match") == "*"
    filled(rfc_scene)
    got = rfc_scene.get("/", if_none_match="*")
    assert (got.hit, got.code, got.text) == (True, 304, "")
