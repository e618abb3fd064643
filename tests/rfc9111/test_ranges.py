"""Ranges of what is stored whole (RFC 9110 §14)."""

from __future__ import annotations

import email.message
import email.parser

import pytest

from tests.conftest import MakeScene
from tests.scene import Exchange, Scene
from tests.stored import FRESH, filled
from wsgicache import Policy

DIGITS = "0123456789"


@pytest.mark.parametrize(
    ("spec", "content", "content_range"),
    [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-100", DIGITS, "bytes 0-9/10"),
        ("bytes=9-9", "9", "bytes 9-9/10"),
        ("bytes=5-1000", "56789", "bytes 5-9/10"),
        ("Bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=0-0,", "0", "bytes 0-0/10"),
        ("bytes=50-60, 2-3", "23", "bytes 2-3/10"),
    ],
)
def test_a_range_of_a_stored_response(
    scene: Scene, spec: str, content: str, content_range: str
) -> None:
    filled(scene, DIGITS, etag='"v1"')
    got = scene.get("/", range=spec)
    assert (got.status, got.text) == ("206 Partial Content", content)
    assert got.header("Content-Range") == content_range
    assert got.header("Content-Length") == str(len(content))
    assert got.header("ETag") == '"v1"'
    assert got.hit


def parts_of(got: Exchange) -> list[tuple[str, bytes]]:
    """The parts of a multipart/byteranges body: Content-Range and content."""
    content_type = got.header("Content-Type") or ""
    message = email.parser.BytesParser().parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + got.body
    )
    assert message.get_content_type() == "multipart/byteranges"
    parts = message.get_payload()
    assert isinstance(parts, list)
    found = []
    for part in parts:
        assert isinstance(part, email.message.Message)
        assert part.get_content_type() == "text/plain"
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(part["Content-Range"]), content))
    return found


def test_several_ranges_come_as_multipart(scene: Scene) -> None:
    filled(scene, DIGITS)
    got = scene.get("/", range="bytes=0-1, 4-5, -1")
    assert got.code == 206
    assert "content-range" not in got.names
    assert parts_of(got) == [
        ("bytes 0-1/10", b"01"),
        ("bytes 4-5/10", b"45"),
        ("bytes 9-9/10", b"9"),
    ]
    assert got.header("Content-Length") == str(len(got.body))


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
@pytest.mark.parametrize("spec", ["10-", "10-20", "99-", "-0", "10-,20-", "99-100, 200-"])
def test_an_unsatisfiable_range_is_a_416(make_scene: MakeScene, policy: Policy, spec: str) -> None:
    """RFC 9110 §15.5.17, from what is stored; it changes nothing of that."""
    scene = make_scene(policy)
    filled(scene, DIGITS)
    got = scene.get("/", range=f"bytes={spec}")
    assert (got.hit, got.status, got.body) == (True, "416 Range Not Satisfiable", b"")
    assert got.lines("Content-Range") == ["bytes */10"]
    assert scene.get("/").text == DIGITS
    assert scene.count == 1


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
def test_a_416_of_the_apps_is_passed_on_and_not_stored(
    make_scene: MakeScene, policy: Policy
) -> None:
    """It says what it says of that range alone."""
    scene = make_scene(policy)
    scene.app(416, "", content_range="bytes */10")
    assert scene.get("/", range="bytes=10-").header("Content-Range") == "bytes */10"
    filled(scene, DIGITS)
    assert scene.get("/").text == DIGITS


@pytest.mark.parametrize(
    "spec",
    ["bytes=3-1", "bytes=a-b", "bytes", "items=0-1", "bytes=0-1;2-3", "bytes=-", "0-1"],
)
def test_a_range_that_is_none_is_ignored(scene: Scene, spec: str) -> None:
    """RFC 9110 §14.2: an invalid ranges-specifier or an unknown unit."""
    filled(scene, DIGITS)
    got = scene.get("/", range=spec)
    assert (got.code, got.text) == (200, DIGITS)


def test_range_yields_to_a_failed_condition(scene: Scene) -> None:
    """RFC 9110 §13.2.2: If-None-Match first."""
    filled(scene, DIGITS, etag='"v1"')
    assert scene.get("/", range="bytes=0-3", if_none_match='"v1"').code == 304


def test_range_is_for_get_only(scene: Scene) -> None:
    """RFC 9110 §14.2: ignored for other methods."""
    filled(scene, DIGITS)
    got = scene.head("/", range="bytes=0-3")
    assert (got.code, got.header("Content-Length"), got.body) == (200, "10", b"")


@pytest.mark.parametrize("status", [404, 301])
def test_range_is_for_200_only(scene: Scene, status: int) -> None:
    filled(scene)
    scene.app(status, DIGITS, location="http://example.org/x", cache_control="max-age=9")
    scene.get("/other")
    got = scene.get("/other", range="bytes=0-3")
    assert (got.hit, got.code, got.text) == (True, status, DIGITS)


def test_a_range_on_a_cold_key_is_forwarded_as_it_is(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(whole_for_range=0))
    scene.app(206, "01", content_range="bytes 0-1/10", **FRESH)
    got = scene.get("/", range="bytes=0-1")
    assert (got.code, got.text) == (206, "01")
    assert scene.calls[-1].header("Range") == "bytes=0-1"
    scene.app(200, DIGITS, **FRESH)
    assert scene.get("/").text == DIGITS


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
def test_a_304_to_a_range_request_freshens_the_whole(make_scene: MakeScene, policy: Policy) -> None:
    """§4.3.4."""
    scene = make_scene(policy)
    scene.resource("0123456789", cache_control="max-age=600")
    scene.get("/")
    scene.after(601)
    got = scene.get("/", range="bytes=0-1")
    assert (got.text, got.cache_status) == ("01", "wsgicache; fwd=stale; fwd-status=304")
    for first in range(5):
        got = scene.get("/", range=f"bytes={first}-")
        assert (got.hit, got.code, got.text) == (True, 206, "0123456789"[first:])
