"""What is kept of a response, and what it comes to: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import answer, date, kept, names, rows
from tests.scene import EPOCH, Field
from wsgicache.rules.keeping import is_complete, nearer_caches

PART: dict[str, Any] = {"content_range": "bytes 0-4/10", "cache_control": "max-age=60"}


@pytest.mark.parametrize(
    ("status", "fields", "length", "complete"),
    rows(
        ("§3.3 no length given", 200, {}, 7, True),
        ("§3.3 the length given", 200, {"content_length": "7"}, 7, True),
        ("§3.3 less", 200, {"content_length": "7"}, 6, False),
        ("§3.3 more", 200, {"content_length": "7"}, 8, False),
        (
            "§3.3 as many bytes as Content-Range says",
            206,
            {"content_range": "bytes 2-4/10"},
            3,
            True,
        ),
        ("§3.3 fewer than it says", 206, {"content_range": "bytes 4-9/10"}, 5, False),
        ("§3.3 more than it says", 206, {"content_range": "bytes 4-9/10"}, 7, False),
        (
            "§3.3 Content-Range of another status says nothing",
            200,
            {"content_range": "bytes 4-9/10"},
            5,
            True,
        ),
        ("9110 §15.3.5 a 204 has no content", 204, {}, 0, True),
        ("9110 §15.3.5 a 204 that has some", 204, {}, 4, False),
        ("9110 §15.4.5 a 304 that has some", 304, {}, 4, False),
    ),
)
def test_is_complete(status: int, fields: dict[str, Any], length: int, complete: bool) -> None:
    assert is_complete(answer(status, **fields), length) is complete


@pytest.mark.parametrize(
    ("directives", "gone"),
    rows(
        ("§5.2.2.4 no-cache names fields", 'no-cache="a, X-Other", max-age=60', {"A", "X-Other"}),
        ("§5.2.2.7 private names fields", 'private="A", max-age=60', {"A"}),
        ("§5.2.2.7 both do", 'private="A", no-cache="x-other"', {"A", "X-Other"}),
        ("§5.2.2.7 fields that are not there", 'private="z"', set()),
        ("§5.2.2.4 unqualified", "no-cache", set()),
    ),
)
def test_fields_that_directives_name(directives: str, gone: set[str]) -> None:
    stored = kept(b"", 200, ("A", "1"), ("X-Other", "2"), cache_control=directives)
    assert {"A", "X-Other"} - names(stored.fields) == gone


KEPT = """
    CDN-Cache-Control Cache-Control Clear-Site-Data Content-Encoding Content-Foo Content-Language
    Content-Location Content-MD5 Content-Range Content-Security-Policy Content-Type Date Expires
    Last-Modified Location Public-Key-Pins Retry-After Set-Cookie Set-Cookie2 Test-Header Vary Via
    WWW-Authenticate Warning X-Content-Foo X-Frame-Options X-Test-Header X-XSS-Protection
""".split()


@pytest.mark.parametrize("name", KEPT)
def test_all_others_are_stored(name: str) -> None:
    """§3.1: unrecognised ones included, as they came."""
    assert (name, "some value") in kept(b"", 200, (name, "some value")).fields


@pytest.mark.parametrize(
    "field", [("Connection", "Content-Length"), ("Cache-Control", 'no-cache="Content-Length"')]
)
def test_a_length_that_must_not_be_kept_is_said_anew(field: Field) -> None:
    fields = kept(b"text", 200, ("Content-Length", "4"), field).fields
    assert [line for line in fields if line[0] == "Content-Length"] == [("Content-Length", "4")]


def test_lines_of_one_name_stay_apart() -> None:
    stored = kept(b"", 200, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    assert [line for line in stored.fields if line[0] == "Set-Cookie"] == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ]


@pytest.mark.parametrize(
    ("status", "length"),
    rows(
        ("9110 §8.6 200", 200, ["10"]), ("9110 §8.6 404", 404, ["10"]), ("9110 §8.6 204", 204, [])
    ),
)
def test_the_length_is_told_once(status: int, length: list[str]) -> None:
    content = b"" if status == 204 else b"0123456789"
    stored = kept(content, status, transfer_encoding="chunked")
    assert [value for name, value in stored.fields if name == "Content-Length"] == length


@pytest.mark.parametrize(
    ("lines", "nearer"),
    rows(
        ("9211 §2 none", [], []),
        ("9211 §2 one", ["a; hit"], ["a; hit"]),
        ("9211 §2 several", ["a; hit", "b"], ["a; hit", "b"]),
        ("9211 §2 broken", ["a; ;"], []),
        ("9211 §2 empty", [""], []),
        ("9211 §2 beyond bytes", ["€"], []),
    ),
)
def test_nearer_caches(lines: list[str], nearer: list[str]) -> None:
    assert nearer_caches(answer(200, cache_status=lines)) == nearer
    assert kept(b"", 200, cache_status=lines).cache_status == ", ".join([*nearer, "wsgicache"])


@pytest.mark.parametrize(
    ("directives", "no_cache", "must_revalidate", "shareable"),
    rows(
        ("§5.2.2 none", "max-age=60", False, False, False),
        ("§5.2.2.4 no-cache", "no-cache", True, False, False),
        ("§5.2.2.4 no-cache with field names", 'no-cache="a"', False, False, False),
        ("§5.2.2.2 must-revalidate", "must-revalidate", False, True, False),
        ("§5.2.2.8 proxy-revalidate", "proxy-revalidate", False, True, False),
        ("§5.2.2.9 public", "public", False, False, False),
        ("§5.2.2.10 s-maxage", "s-maxage=60", False, True, True),
    ),
)
def test_what_directives_conclude(
    directives: str, no_cache: bool, must_revalidate: bool, shareable: bool
) -> None:
    stored = kept(cache_control=directives)
    assert stored.no_cache is no_cache
    assert stored.must_revalidate is must_revalidate
    assert stored.shareable is shareable


@pytest.mark.parametrize(
    ("fields", "seconds"),
    rows(
        ("§4.2.3 new", {}, 0),
        ("§4.2.3 with an Age", {"age": 7}, 7),
        ("§4.2.3 with a Date", {"date": date(-9), "age": 7}, 9),
    ),
)
def test_generated_at_is_when_its_age_was_zero(fields: dict[str, Any], seconds: float) -> None:
    assert kept(**fields).generated_at == EPOCH - seconds


@pytest.mark.parametrize(
    ("status", "fields", "span"),
    rows(
        ("§3.3 a part", 206, PART, (0, 4, 10)),
        ("§3.3 the whole", 200, {}, None),
        ("§3.3 the whole, whatever it says", 200, {"content_range": "bytes 0-4/10"}, None),
    ),
)
def test_span(status: int, fields: dict[str, Any], span: object) -> None:
    assert kept(b"01234", status, **fields).span == span
