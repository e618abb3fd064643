"""What a stored response answers: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import SAFE, asked, date, kept, names, rows
from tests.scene import EPOCH
from wsgicache import Policy
from wsgicache.rules.conditional import (
    covers,
    cut,
    multipart,
    not_modified,
    not_modified_fields,
    partial_fields,
    ranged,
    wanted_ranges,
)

TAGGED: dict[str, Any] = {"etag": '"v1"', "last_modified": date(-3600), "date": date()}
RFC850 = "Tuesday, 14-Nov-23 21:13:20 GMT"  # the Last-Modified of TAGGED


@pytest.mark.parametrize(
    ("stored", "headers", "answer"),
    rows(
        ("9110 §13.1.2 the same", TAGGED, {"if_none_match": '"v1"'}, True),
        ("9110 §13.1.2 another", TAGGED, {"if_none_match": '"v2"'}, False),
        ("9110 §13.1.2 weakly the same", TAGGED, {"if_none_match": 'W/"v1"'}, True),
        ("9110 §13.1.2 a stored weak one", {"etag": 'W/"v1"'}, {"if_none_match": '"v1"'}, True),
        ("9110 §13.1.2 both weak", {"etag": 'W/"v1"'}, {"if_none_match": 'W/"v1"'}, True),
        ("9110 §13.1.2 first of a list", TAGGED, {"if_none_match": '"v1", "a", "b"'}, True),
        ("9110 §13.1.2 second of a list", TAGGED, {"if_none_match": '"a","v1" , "b"'}, True),
        ("9110 §13.1.2 last of a list", TAGGED, {"if_none_match": '"a", "b", "v1"'}, True),
        ("9110 §13.1.2 none of a list", TAGGED, {"if_none_match": '"a", "b"'}, False),
        ("9110 §13.1.2 a star", TAGGED, {"if_none_match": " *\t"}, True),
        ("9110 §13.1.2 unquoted", TAGGED, {"if_none_match": "v1"}, False),
        ("9110 §13.1.2 a stored unquoted one", {"etag": "v1"}, {"if_none_match": "v1"}, False),
        ("9110 §13.1.2 a generated one", {}, {"if_none_match": '"v1"'}, False),
        (
            "9110 §13.2.2 goes first",
            TAGGED,
            {"if_none_match": '"v2"', "if_modified_since": date()},
            False,
        ),
        (
            "9110 §13.2.2 whatever the date says",
            TAGGED,
            {"if_none_match": '"v1"', "if_modified_since": date(-9999)},
            True,
        ),
        ("9110 §13.1.3 the same date", TAGGED, {"if_modified_since": date(-3600)}, True),
        ("9110 §13.1.3 a later date", TAGGED, {"if_modified_since": date(-60)}, True),
        ("9110 §13.1.3 an earlier date", TAGGED, {"if_modified_since": date(-3601)}, False),
        ("9110 §13.1.3 another form of date", TAGGED, {"if_modified_since": RFC850}, True),
        ("9110 §13.1.3 no date", TAGGED, {"if_modified_since": "yesterday"}, False),
        ("9110 §13.1.3 no condition", TAGGED, {}, False),
        (
            "§4.3.2 Date for Last-Modified",
            {"date": date(-60)},
            {"if_modified_since": date(-60)},
            True,
        ),
        ("§4.3.2 Date is later", {"date": date(-60)}, {"if_modified_since": date(-61)}, False),
        ("§4.3.2 receipt for Date", {}, {"if_modified_since": date()}, True),
        ("§4.3.2 received later", {}, {"if_modified_since": date(-1)}, False),
        (
            "§4.3.2 Date for an invalid Last-Modified",
            {"last_modified": "x", "date": date(-60)},
            {"if_modified_since": date(-60)},
            True,
        ),
    ),
)
def test_not_modified(stored: dict[str, Any], headers: dict[str, Any], answer: bool) -> None:
    assert not_modified(asked(**headers), kept(**stored), EPOCH) is answer


@pytest.mark.parametrize(
    ("status", "answer"),
    rows(
        ("9110 §13.2.1 200", 200, True),
        ("9110 §13.2.1 206", 206, True),
        ("9110 §13.2.1 404", 404, False),
        ("9110 §13.2.1 301", 301, False),
    ),
)
def test_conditions_count_for_success_only(status: int, answer: bool) -> None:
    stored = kept(b"", status, **TAGGED)
    assert not_modified(asked(if_none_match='"v1"'), stored, EPOCH) is answer
    assert not_modified(asked(if_modified_since=date()), stored, EPOCH) is answer


def test_a_tag_that_the_cache_generated() -> None:
    stored = kept()
    assert stored.etag is not None
    assert not_modified(asked(if_none_match=stored.etag), stored, EPOCH)


# ── ranges ───────────────────────────────────────────────────────────────────────────────────────

Spans = list[tuple[int, int]]


@pytest.mark.parametrize(
    ("method", "stored", "headers", "ranges"),
    rows(
        ("9110 §14.2 none", "GET", TAGGED, {}, None),
        ("9110 §14.2 one", "GET", TAGGED, {"range": "bytes=2-4"}, [(2, 4)]),
        ("9110 §14.2 unsatisfiable", "GET", TAGGED, {"range": "bytes=10-"}, []),
        ("9110 §14.2 GET only", "HEAD", TAGGED, {"range": "bytes=2-4"}, None),
        (
            "9110 §13.1.5 the same tag",
            "GET",
            TAGGED,
            {"range": "bytes=2-4", "if_range": '"v1"'},
            [(2, 4)],
        ),
        (
            "9110 §13.1.5 white space round it",
            "GET",
            TAGGED,
            {"range": "bytes=2-4", "if_range": ' "v1"\t'},
            [(2, 4)],
        ),
        (
            "9110 §13.1.5 another tag",
            "GET",
            TAGGED,
            {"range": "bytes=2-4", "if_range": '"v2"'},
            None,
        ),
        (
            "9110 §13.1.5 a weak one",
            "GET",
            TAGGED,
            {"range": "bytes=2-4", "if_range": 'W/"v1"'},
            None,
        ),
        (
            "9110 §13.1.5 both weak",
            "GET",
            {"etag": 'W/"v1"'},
            {"range": "bytes=2-4", "if_range": 'W/"v1"'},
            None,
        ),
        (
            "9110 §13.1.5 a list is none",
            "GET",
            TAGGED,
            {"range": "bytes=2-4", "if_range": '"v1", "v2"'},
            None,
        ),
        (
            "9110 §13.1.5 the same date",
            "GET",
            TAGGED,
            {"range": "bytes=2-4", "if_range": date(-3600)},
            [(2, 4)],
        ),
        (
            "9110 §13.1.5 a later date",
            "GET",
            TAGGED,
            {"range": "bytes=2-4", "if_range": date()},
            None,
        ),
        (
            "9110 §13.1.5 the same date in another form",
            "GET",
            TAGGED,
            {"range": "bytes=2-4", "if_range": RFC850},
            None,
        ),
        (
            "9110 §8.8.2.2 a weak date",
            "GET",
            {"last_modified": date(), "date": date()},
            {"range": "bytes=2-4", "if_range": date()},
            None,
        ),
        (
            "9110 §8.8.2.2 a date of a second before",
            "GET",
            {"last_modified": date(-1), "date": date()},
            {"range": "bytes=2-4", "if_range": date(-1)},
            [(2, 4)],
        ),
        (
            "9110 §6.6.1 no Date: that of receipt",
            "GET",
            {"last_modified": date(-1)},
            {"range": "bytes=2-4", "if_range": date(-1)},
            [(2, 4)],
        ),
        (
            "9110 §6.6.1 no Date, received in the same second",
            "GET",
            {"last_modified": date()},
            {"range": "bytes=2-4", "if_range": date()},
            None,
        ),
        (
            "9110 §6.6.1 no Date, and it may be older than it was modified",
            "GET",
            {"last_modified": date(-60), "age": "60"},
            {"range": "bytes=2-4", "if_range": date(-60)},
            None,
        ),
        (
            "9110 §13.1.5 nothing to compare with",
            "GET",
            {},
            {"range": "bytes=2-4", "if_range": "x"},
            None,
        ),
        ("9110 §13.1.5 without Range", "GET", TAGGED, {"if_range": '"v1"'}, None),
    ),
)
def test_wanted_ranges(
    method: str, stored: dict[str, Any], headers: dict[str, Any], ranges: Spans | None
) -> None:
    assert wanted_ranges(asked(method, **headers), kept(**stored), SAFE) == ranges


@pytest.mark.parametrize(
    "status", rows(("9110 §14.2 404", 404), ("9110 §14.2 204", 204), ("9110 §14.2 301", 301))
)
def test_ranges_of_200_only(status: int) -> None:
    assert wanted_ranges(asked(range="bytes=0-0"), kept(b"", status), SAFE) is None


def test_as_many_ranges_as_the_policy_says() -> None:
    request = asked(range="bytes=0-0,2-2,4-4")
    assert wanted_ranges(request, kept(), Policy(max_ranges=2)) is None
    assert wanted_ranges(request, kept(), Policy(max_ranges=3)) == [(0, 0), (2, 2), (4, 4)]


def part(span: str, content: bytes) -> Any:
    """A stored 206 of "0123456789"."""
    return kept(content, 206, content_range=f"bytes {span}", **TAGGED)


@pytest.mark.parametrize(
    ("span", "headers", "covered"),
    rows(
        ("§3.3 a plain request", "2-5/10", {}, False),
        ("§3.3 the same range", "2-5/10", {"range": "bytes=2-5"}, True),
        ("§3.3 within it", "2-5/10", {"range": "bytes=3-4"}, True),
        ("§3.3 before it", "2-5/10", {"range": "bytes=1-4"}, False),
        ("§3.3 beyond it", "2-5/10", {"range": "bytes=3-6"}, False),
        ("§3.3 to the end, beyond it", "2-5/10", {"range": "bytes=3-"}, False),
        ("§3.3 to the end", "6-9/10", {"range": "bytes=7-"}, True),
        ("§3.3 past the end", "6-9/10", {"range": "bytes=7-99"}, True),
        ("§3.3 a suffix", "6-9/10", {"range": "bytes=-4"}, True),
        ("§3.3 a longer suffix", "6-9/10", {"range": "bytes=-5"}, False),
        ("§3.3 unsatisfiable", "6-9/10", {"range": "bytes=10-"}, False),
        ("§3.3 several", "2-5/10", {"range": "bytes=2-2,4-4"}, False),
        ("§3.3 of unknown length, within", "2-5/*", {"range": "bytes=3-4"}, True),
        ("§3.3 of unknown length, a suffix", "2-5/*", {"range": "bytes=-1"}, False),
        ("§3.3 of unknown length, to the end", "2-5/*", {"range": "bytes=3-"}, False),
        ("9110 §13.1.5 the same tag", "2-5/10", {"range": "bytes=3-4", "if_range": '"v1"'}, True),
        ("9110 §13.1.5 another tag", "2-5/10", {"range": "bytes=3-4", "if_range": '"v2"'}, False),
        ("9110 §13.1.5 weak", "2-5/10", {"range": "bytes=3-4", "if_range": 'W/"v1"'}, False),
        ("9110 §13.1.5 its date", "2-5/10", {"range": "bytes=3-4", "if_range": date(-3600)}, True),
        ("9110 §13.1.5 a date", "2-5/10", {"range": "bytes=3-4", "if_range": date(-60)}, False),
    ),
)
def test_covers(span: str, headers: dict[str, Any], covered: bool) -> None:
    assert covers(asked(**headers), part(span, b"...."), SAFE) is covered


def test_the_whole_covers_everything() -> None:
    assert covers(asked(), kept(), SAFE)
    assert covers(asked(range="bytes=2-99"), kept(), SAFE)


def test_a_cut_of_the_whole_and_of_a_part() -> None:
    assert cut(kept(b"0123456789"), b"0123456789", 2, 4) == b"234"
    assert cut(part("2-5/10", b"2345"), b"2345", 3, 4) == b"34"


# ── what the answers say ─────────────────────────────────────────────────────────────────────────


def test_a_206_says_which_bytes() -> None:
    fields = dict(partial_fields(kept(**TAGGED), [(2, 4)]))
    assert fields["Content-Range"] == "bytes 2-4/10"
    assert fields["Content-Length"] == "3"
    assert fields["Etag" if "Etag" in fields else "ETag"] == '"v1"'


@pytest.mark.parametrize(
    ("span", "content_range"),
    rows(
        ("9110 §14.4 known", "2-5/10", "bytes 3-4/10"),
        ("9110 §14.4 unknown", "2-5/*", "bytes 3-4/*"),
    ),
)
def test_a_206_out_of_a_part(span: str, content_range: str) -> None:
    lines = partial_fields(part(span, b"2345"), [(3, 4)])
    assert [value for name, value in lines if name == "Content-Range"] == [content_range]
    assert [value for name, value in lines if name == "Content-Length"] == ["2"]


DIGESTS: dict[str, Any] = {
    "content_digest": "sha-256=:eA==:",
    "content_md5": "eA==",
    "repr_digest": "x",
}


@pytest.mark.parametrize(
    "ranges", rows(("9530 §2 one range", [(2, 4)]), ("9530 §2 several", [(0, 1), (8, 9)]))
)
def test_a_206_has_no_digest_of_another_content(ranges: Spans) -> None:
    stored = kept(**TAGGED, **DIGESTS)
    assert {"Content-Digest", "Content-Md5"} <= dict(stored.fields).keys()
    _, lines, _ = ranged(stored, [b"0123456789"], ranges)
    assert not {"Content-Digest", "Content-Md5"} & dict(lines).keys()
    assert dict(lines)["Repr-Digest"] == "x"


@pytest.mark.parametrize(
    "kind", rows(("9110 §14.6 with a type", "text/plain"), ("9110 §14.6 without", None))
)
def test_several_ranges(kind: str | None) -> None:
    stored = kept(content_type=kind, x_other="1")
    lines, body = multipart(stored, b"0123456789", [(0, 1), (8, 9)])
    fields = dict(lines)
    boundary = fields["Content-Type"].removeprefix("multipart/byteranges; boundary=")
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    parts = (
        f"\r\n--{boundary}\r\n{typed}Content-Range: bytes 0-1/10\r\n\r\n01"
        f"\r\n--{boundary}\r\n{typed}Content-Range: bytes 8-9/10\r\n\r\n89"
        f"\r\n--{boundary}--\r\n"
    )
    assert b"".join(body).decode() == parts
    assert fields["Content-Length"] == str(len(parts))
    assert fields["X-Other"] == "1"
    assert [name for name, _ in lines].count("Content-Type") == 1


def test_several_ranges_of_what_names_one_itself() -> None:
    """RFC 9110 §15.3.7.2: a multipart 206 has no Content-Range of its own."""
    stored = kept(content_range="bytes 0-9/10")
    lines, _ = multipart(stored, b"0123456789", [(0, 1), (8, 9)])
    assert "Content-Range" not in dict(lines)


def test_a_416_says_what_caches_and_other_origins_need_and_no_more() -> None:
    """RFC 9110 §15.5.17."""
    said = {"Cache-Control", "Content-Type", "Date", "Vary"}
    said |= {"Access-Control-Allow-Origin", "Access-Control-Expose-Headers"}
    said |= {"Cross-Origin-Resource-Policy"}
    stored = kept(b"1", 200, *[(name, "x") for name in sorted(said | {"ETag", "X-Other"})])
    lines = partial_fields(stored, [])
    assert names(lines) == said | {"Content-Range", "Content-Length"}
    assert dict(lines)["Content-Range"] == "bytes */1"


def test_a_304_leaves_out_what_describes_the_content() -> None:
    """RFC 9110 §15.4.5."""
    gone = {"Allow", "Content-Encoding", "Content-Language", "Content-Type", "Last-Modified"}
    gone |= {"Content-Digest", "Content-MD5", "Content-Range"}
    needed = {"Cache-Control", "Content-Location", "Date", "ETag", "Expires", "Vary"}
    stored = kept(b"1", 200, *[(name, "x") for name in sorted(gone | needed)])
    assert names(stored.fields) >= gone | needed | {"Content-Length"}
    assert names(not_modified_fields(stored)) == needed
