"""What parts make: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, answer, asked, date, kept, rows
from tests.scene import FieldValue
from wsgicache import Policy
from wsgicache.rules.entries import adding
from wsgicache.rules.model import CacheEntry, StoredResponse
from wsgicache.rules.partial import combining, completed, completing, part_or_whole, strong_etag
from wsgicache.rules.response import Response

DIGITS = b"0123456789"
TAG: dict[str, Any] = {"etag": '"v1"'}


def a_206(span: str, **fields: FieldValue) -> Response:
    return answer(206, content_range=f"bytes {span}", **{**TAG, **fields})


def part(span: str, **fields: FieldValue) -> StoredResponse:
    """A stored part of DIGITS."""
    first, _, last = span.partition("/")[0].partition("-")
    content = DIGITS[int(first) : int(last) + 1]
    return kept(content, 206, policy=RFC, content_range=f"bytes {span}", **{**TAG, **fields})


@pytest.mark.parametrize(
    ("fields", "tag"),
    rows(
        ("§3.4 a strong one", {"etag": '"v1"'}, '"v1"'),
        ("§3.4 a weak one", {"etag": 'W/"v1"'}, None),
        ("§3.4 none", {"etag": None}, None),
        ("§3.4 a date is not enough", {"etag": None, "last_modified": date()}, None),
        ("§3.4 beside a date", {"etag": '"v1"', "last_modified": date()}, '"v1"'),
    ),
)
def test_strong_etag(fields: dict[str, Any], tag: str | None) -> None:
    assert strong_etag(part("0-4/10", **fields)) == tag


# ── asking for the rest (§3.3) ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("stored", "range_", "if_range"),
    rows(
        ("§3.3 the rest", part("0-4/10"), "bytes=5-", '"v1"'),
        ("§3.3 of unknown length", part("0-4/*"), "bytes=5-", '"v1"'),
        ("§3.3 without a tag", part("0-4/10", etag=None), "bytes=5-", None),
        ("§3.3 with a weak tag", part("0-4/10", etag='W/"v1"'), "bytes=5-", None),
    ),
)
def test_completing(stored: StoredResponse, range_: str, if_range: str | None) -> None:
    request = asked(accept="a")
    environ = completing(request, stored)
    assert environ is not None
    assert (environ["HTTP_RANGE"], environ.get("HTTP_IF_RANGE")) == (range_, if_range)
    assert environ["HTTP_ACCEPT"] == "a"
    assert "HTTP_RANGE" not in request.environ


@pytest.mark.parametrize(
    ("method", "headers", "stored"),
    rows(
        ("§3.3 the whole", "GET", {}, kept()),
        ("§3.3 not from the beginning", "GET", {}, part("2-4/10")),
        ("§3.3 HEAD", "HEAD", {}, part("0-4/10")),
        ("§3.3 a range", "GET", {"range": "bytes=3-7"}, part("0-4/10")),
        ("§3.3 a condition of the client's", "GET", {"if_none_match": '"v1"'}, part("0-4/10")),
    ),
)
def test_what_is_not_completed(
    method: str, headers: dict[str, Any], stored: StoredResponse
) -> None:
    assert completing(asked(method, **headers), stored) is None


# ── the whole (§3.4) ─────────────────────────────────────────────────────────────────────────────


def test_completed() -> None:
    """The stored fields, updated by those of the new response (§3.2)."""
    stored = part("0-4/10", x_old="1", x_both="1", cache_control="max-age=1")
    response = a_206(
        "5-9/10", x_both="2", x_new="2", cache_control="max-age=60", content_length="5"
    )
    whole = completed(stored, response, RFC)
    assert whole is not None
    assert whole.status == "200 OK"
    fields = {
        name: whole.field(name)
        for name in ("x-old", "x-both", "x-new", "cache-control", "content-length")
    }
    assert list(fields.values()) == ["1", "2", "2", "max-age=60", "10"]
    assert whole.field("content-range") is None


DIGESTS: dict[str, Any] = {
    "content_digest": "sha-256=:eA==:",
    "content_md5": "eA==",
    "repr_digest": "x",
}


def test_the_whole_has_no_digest_of_a_part() -> None:
    """RFC 9530 §2: that is of one message's content; Repr-Digest is of the representation."""
    joined = completed(part("0-4/10", **DIGESTS), a_206("5-9/10", **DIGESTS), RFC)
    assert joined is not None
    for lines in (
        joined.fields,
        filed(part("0-4/10"), "5-9/10", **DIGESTS).fields,
        filed(kept(DIGITS, **TAG), "5-9/10", **DIGESTS).fields,
    ):
        named = {name.lower(): value for name, value in lines}
        assert not {"content-digest", "content-md5"} & named.keys()
        assert named["repr-digest"] == "x"


@pytest.mark.parametrize(
    ("stored", "response"),
    rows(
        ("§3.4 another strong tag", part("0-4/10"), a_206("5-9/10", etag='"v2"')),
        ("§3.4 no tag", part("0-4/10"), a_206("5-9/10", etag=None)),
        ("§3.4 no stored tag", part("0-4/10", etag=None), a_206("5-9/10")),
        ("§3.4 weak tags", part("0-4/10", etag='W/"v1"'), a_206("5-9/10", etag='W/"v1"')),
        ("§3.4 a gap", part("0-4/10"), a_206("6-9/10")),
        ("§3.4 an overlap", part("0-4/10"), a_206("4-9/10")),
        ("§3.4 not to the end", part("0-4/10"), a_206("5-8/10")),
        ("§3.4 of another length", part("0-4/10"), a_206("5-10/11")),
        ("§3.4 of unknown length", part("0-4/10"), a_206("5-9/*")),
        ("§3.4 no Content-Range", part("0-4/10"), answer(206, **TAG)),
        ("§3.4 another unit", part("0-4/10"), answer(206, content_range="items 5-9/10", **TAG)),
        ("§3.4 no part was stored", kept(b"01234", **TAG), a_206("5-9/10")),
    ),
)
def test_what_does_not_complete(stored: StoredResponse, response: Response) -> None:
    assert completed(stored, response, RFC) is None


def test_the_length_may_be_known_from_the_rest() -> None:
    whole = completed(part("0-4/*"), a_206("5-9/10"), RFC)
    assert whole is not None
    assert whole.field("content-length") == "10"


# ── joining (§3.4) ───────────────────────────────────────────────────────────────────────────────


def filed(
    held: StoredResponse | None, span: str, *, policy: Policy = RFC, **fields: Any
) -> StoredResponse:
    """What is stored after a 206 with *span* of DIGITS, where *held* was."""
    request = asked(range="bytes=0-")
    first, _, last = span.partition("/")[0].partition("-")
    content = DIGITS[int(first) : int(last) + 1]
    entry: CacheEntry | None = None
    if held is not None:
        entry = adding(request, answer(206), held, policy)(None)
    entry = combining(request, a_206(span, **fields), content, policy)(entry)
    assert entry is not None
    (stored,) = entry.responses.values()
    return stored


@pytest.mark.parametrize(
    ("held", "span", "joined", "content"),
    rows(
        ("§3.4 nothing held", None, "2-4/10", (2, 4, 10), b"234"),
        ("§3.4 adjacent, after", part("2-4/10"), "5-7/10", (2, 7, 10), b"234567"),
        ("§3.4 adjacent, before", part("5-7/10"), "2-4/10", (2, 7, 10), b"234567"),
        ("§3.4 overlapping, after", part("2-5/10"), "4-7/10", (2, 7, 10), b"234567"),
        ("§3.4 overlapping, before", part("4-7/10"), "2-5/10", (2, 7, 10), b"234567"),
        ("§3.4 within", part("2-7/10"), "4-5/10", (2, 7, 10), b"234567"),
        ("§3.4 around", part("4-5/10"), "2-7/10", (2, 7, 10), b"234567"),
        ("§3.4 the same", part("2-4/10"), "2-4/10", (2, 4, 10), b"234"),
        ("§3.4 from the same byte, shorter", part("2-6/10"), "2-4/10", (2, 6, 10), b"23456"),
        ("§3.4 to the same byte", part("2-6/10"), "4-6/10", (2, 6, 10), b"23456"),
        ("§3.4 a length that was unknown", part("2-4/*"), "5-7/10", (2, 7, 10), b"234567"),
        ("§3.4 a length that is unknown", part("2-4/10"), "5-7/*", (2, 7, 10), b"234567"),
        ("§3.4 a length never known", part("2-4/*"), "5-7/*", (2, 7, None), b"234567"),
        ("§3.4 a gap of one: the newer", part("0-2/10"), "4-6/10", (4, 6, 10), b"456"),
        ("§3.4 a gap of one before: the newer", part("4-6/10"), "0-2/10", (0, 2, 10), b"012"),
        ("§3.4 a gap: the newer", part("0-2/10"), "6-8/10", (6, 8, 10), b"678"),
        ("§3.4 a gap before: the newer", part("6-8/10"), "0-2/10", (0, 2, 10), b"012"),
        ("§3.4 another length: the newer", part("2-4/10"), "5-7/11", (5, 7, 11), b"567"),
        ("§3.4 another tag: the newer", part("2-4/10", etag='"v0"'), "5-7/10", (5, 7, 10), b"567"),
        ("§3.4 no tag: the newer", part("2-4/10", etag=None), "5-7/10", (5, 7, 10), b"567"),
        ("§3.4 a weak tag: the newer", part("2-4/10", etag='W/"v1"'), "5-7/10", (5, 7, 10), b"567"),
        ("§3.4 all of it, after", part("0-4/10"), "5-9/10", None, DIGITS),
        ("§3.4 all of it, before", part("5-9/10"), "0-4/10", None, DIGITS),
        ("§3.4 all of it at once", None, "0-9/10", None, DIGITS),
        ("§3.4 all of it, where a part was", part("2-4/10"), "0-9/10", None, DIGITS),
        ("§3.4 the whole was there", kept(DIGITS, **TAG), "2-4/10", None, DIGITS),
        ("§3.4 another whole was there", kept(DIGITS, etag='"v0"'), "2-4/10", (2, 4, 10), b"234"),
    ),
)
def test_combining(
    held: StoredResponse | None,
    span: str,
    joined: tuple[int, int, int | None] | None,
    content: bytes,
) -> None:
    stored = filed(held, span)
    assert (stored.span, stored.content) == (joined, content)
    assert stored.status == ("200 OK" if joined is None else "206 Partial Content")
    fields = dict(stored.fields)
    assert fields["Content-Length"] == str(len(content))
    if joined is None:
        assert "Content-Range" not in fields
    else:
        first, last, length = joined
        assert (
            fields["Content-Range"] == f"bytes {first}-{last}/{'*' if length is None else length}"
        )


@pytest.mark.parametrize(
    "held",
    rows(
        ("§3.4 of a part", part("0-4/10", x_old="1", x_both="1")),
        ("§3.4 of the whole", kept(DIGITS, x_old="1", x_both="1", **TAG)),
    ),
)
def test_the_new_response_updates_the_fields(held: StoredResponse) -> None:
    fields = dict(filed(held, "5-7/10", x_both="2", x_new="2").fields)
    assert (fields["X-Old"], fields["X-Both"], fields["X-New"]) == ("1", "2", "2")


def test_joined_parts_stay_below_the_policys_limit() -> None:
    policy = Policy.rfc(max_content=5)
    assert filed(part("0-2/10"), "3-4/10", policy=policy).content == b"01234"
    assert filed(part("0-2/10"), "3-5/10", policy=policy).content == b"345"


def test_content_that_is_elsewhere_is_not_joined() -> None:
    held = kept(None, 206, policy=RFC, length=5, content_range="bytes 0-4/10", **TAG)
    assert filed(held, "5-7/10").content == b"567"


@pytest.mark.parametrize(
    ("span", "status", "content_range"),
    rows(
        ("9110 §15.3.7.3 a part", (0, 4, 10), "206 Partial Content", "bytes 0-4/10"),
        ("9110 §15.3.7.3 of unknown length", (0, 9, None), "206 Partial Content", "bytes 0-9/*"),
        ("9110 §15.3.7.3 everything", (0, 9, 10), "200 OK", None),
    ),
)
def test_part_or_whole(
    span: tuple[int, int, int | None], status: str, content_range: str | None
) -> None:
    stored = part_or_whole(a_206("1-2/3"), DIGITS[: span[1] + 1], span, SAFE)
    assert stored.status == status
    assert dict(stored.fields).get("Content-Range") == content_range


def test_a_part_of_another_variant_is_not_joined() -> None:
    entry = adding(asked(accept="a"), answer(206, vary="Accept"), part("0-4/10"), RFC)(None)
    response = a_206("5-9/10", vary="Accept")
    entry = combining(asked(accept="b"), response, DIGITS[5:], RFC)(entry)
    assert entry is not None
    assert [stored.content for stored in entry.responses.values()] == [b"01234", b"56789"]
