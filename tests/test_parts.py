"""Less than the whole stored response: its head alone, parts of it, or that it has not changed."""

from __future__ import annotations

import email.message
import email.parser
from typing import Any

import pytest

from tests.scene import Exchange, Scene
from tests.stored import FRESH, filled

# ── HEAD ─────────────────────────────────────────────────────────────────────────────────────────


def test_head_is_answered_from_a_stored_get(scene: Scene) -> None:
    filled(scene, "hello", etag='"v1"')
    scene.after(3)
    got, head = scene.get("/"), scene.head("/")
    assert head.cache_status == "wsgicache; hit; ttl=57"
    assert head.body == b""
    assert (head.status, head.headers) == (got.status, got.headers)


def test_head_on_a_cold_key_stores_nothing_for_get(scene: Scene) -> None:
    scene.app(200, "hello", **FRESH)
    head = scene.head("/")
    assert (head.code, head.body, head.header("Content-Length")) == (200, b"", "5")
    got = scene.get("/")
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


@pytest.mark.parametrize(
    "change",
    [{"etag": '"v2"'}, {"content_length": "6"}, {"last_modified": "Tue, 14 Nov 2023 22:13:19 GMT"}],
    ids=str,
)
def test_head_with_another_validator_makes_the_stored_get_stale(
    scene: Scene, change: dict[str, Any]
) -> None:
    """§4.3.5."""
    known: dict[str, Any] = {"etag": '"v1"', "last_modified": "Tue, 14 Nov 2023 20:13:20 GMT"}
    filled(scene, "hello", **known)
    scene.app(200, "hello", **{**known, **FRESH, **change})
    scene.head("/", cache_control="no-cache")
    scene.app(200, "other", **FRESH)
    got = scene.get("/")
    assert (got.hit, got.text) == (False, "other")


# ── Range (RFC 9110 §14) ─────────────────────────────────────────────────────────────────────────

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


@pytest.mark.parametrize("spec", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-100, 200-"])
def test_an_unsatisfiable_range_is_a_416(scene: Scene, spec: str) -> None:
    filled(scene, DIGITS)
    got = scene.get("/", range=spec)
    assert got.code == 416
    assert got.header("Content-Range") == "bytes */10"
    assert DIGITS not in got.text


@pytest.mark.parametrize(
    "spec",
    ["bytes=3-1", "bytes=a-b", "bytes", "items=0-1", "bytes=0-1;2-3", "bytes=-", "0-1"],
)
def test_a_range_that_is_none_is_ignored(scene: Scene, spec: str) -> None:
    """RFC 9110 §14.2: an invalid ranges-specifier or an unknown unit."""
    filled(scene, DIGITS)
    got = scene.get("/", range=spec)
    assert (got.code, got.text) == (200, DIGITS)


IF_RANGE = [
    ('"v1"', 206),
    ('"v2"', 200),
    ('W/"v1"', 200),
    ("Tue, 14 Nov 2023 20:13:20 GMT", 206),
    ("Tue, 14 Nov 2023 20:13:21 GMT", 200),
    ("yesterday", 200),
]


@pytest.mark.parametrize(("condition", "code"), IF_RANGE)
def test_if_range(scene: Scene, condition: str, code: int) -> None:
    """RFC 9110 §13.1.5: strong comparison; a date counts if it is the exact one."""
    filled(
        scene,
        DIGITS,
        etag='"v1"',
        last_modified="Tue, 14 Nov 2023 20:13:20 GMT",
        date=scene.clock.date(),
    )
    got = scene.get("/", range="bytes=0-3", if_range=condition)
    assert got.code == code
    assert got.text == ("0123" if code == 206 else DIGITS)


def test_if_range_with_the_same_weak_tag_is_the_whole(scene: Scene) -> None:
    filled(scene, DIGITS, etag='W/"v1"')
    assert scene.get("/", range="bytes=0-3", if_range='W/"v1"').code == 200


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


def test_a_range_on_a_cold_key_is_forwarded_as_it_is(scene: Scene) -> None:
    scene.app(206, "01", content_range="bytes 0-1/10", **FRESH)
    got = scene.get("/", range="bytes=0-1")
    assert (got.code, got.text) == (206, "01")
    assert scene.calls[-1].header("Range") == "bytes=0-1"
    scene.app(200, DIGITS, **FRESH)
    assert scene.get("/").text == DIGITS


# ── conditions of the client (RFC 9110 §13) ──────────────────────────────────────────────────────


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


def test_conditions_for_the_origin_are_not_ours(scene: Scene) -> None:
    """§4.3.2: If-Match and If-Unmodified-Since are never evaluated by a cache."""
    filled(scene, "body", etag='"v1"')
    scene.app(412, "no")
    got = scene.get("/", if_match='"v2"')
    assert got.code in (200, 412)
    if got.hit:
        assert got.text == "body"


def test_a_head_with_a_condition(scene: Scene) -> None:
    filled(scene, "body", etag='"v1"')
    got = scene.head("/", if_none_match='"v1"')
    assert (got.code, got.body) == (304, b"")
