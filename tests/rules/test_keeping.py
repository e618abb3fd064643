"""What is kept of a response, and what it comes to: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import SAFE, answer, date, kept, names, rows
from tests.scene import EPOCH, Field
from wsgicache import Policy
from wsgicache.rules.groups import MOST_TEXT
from wsgicache.rules.keeping import is_complete, nearer_caches, stored_response, tagged
from wsgicache.rules.model import NEVER, NO_LINES, UNAGED, Fill
from wsgicache.rules.validators import generated_etag, is_generated

PART: dict[str, Any] = {"content_range": "bytes 0-4/10", "cache_control": "max-age=60"}


@pytest.mark.parametrize(
    ("status", "fields", "length", "complete"),
    rows(
        ("§3.3 no length given", 200, {}, 7, True),
        ("§3.3 the length given", 200, {"content_length": "7"}, 7, True),
        ("9110 §8.6 with a zero before it", 200, {"content_length": "07"}, 7, True),
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


@pytest.mark.parametrize(
    ("fields", "policy", "gone"),
    rows(
        ("§3.1 Connection names fields", {"connection": "x-other"}, SAFE, {"X-Other"}),
        ("§3.1 Connection is no list of names", {"connection": "x other"}, SAFE, set()),
        (
            "§3.1 what the policy leaves out",
            {"x_a_b": "1"},
            Policy(unstored_fields=("X-A-*",)),
            {"X-A-B"},
        ),
        ("§3.1 without that", {"x_a_b": "1"}, SAFE, set()),
    ),
)
def test_fields_that_are_not_stored(fields: dict[str, Any], policy: Policy, gone: set[str]) -> None:
    stored = kept(b"", 200, ("X-Other", "2"), policy=policy, **fields)
    given = {"X-Other", *(["X-A-B"] if "x_a_b" in fields else [])}
    assert given - names(stored.fields) == gone


@pytest.mark.parametrize("counted", [True, False])
def test_it_weighs_no_less_than_its_fields(counted: bool) -> None:
    """Whether they were counted before or not."""
    for more in range(64):
        response = answer(200, x_other="x" * (500 + more))
        response.size = sum(len(name) + len(value) for name, value in response.fields) * counted
        stored = stored_response(response, b"x", SAFE)
        weight = stored.weight
        assert weight >= stored.weigh()


def test_lines_of_one_name_stay_apart() -> None:
    stored = kept(b"", 200, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    assert [line for line in stored.fields if line[0] == "Set-Cookie"] == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ]


@pytest.mark.parametrize(
    ("status", "fields", "length"),
    rows(
        ("9110 §8.6 200", 200, {"transfer_encoding": "chunked"}, ["10"]),
        ("9110 §8.6 404", 404, {"transfer_encoding": "chunked"}, ["10"]),
        ("9110 §8.6 a zero before it", 200, {"content_length": "010"}, ["10"]),
        ("9110 §8.6 another one", 200, {"content_length": "11"}, ["10"]),
        ("9110 §8.6 204 has none", 204, {}, []),
        ("9110 §8.6 204 must not have one", 204, {"content_length": "0"}, []),
        ("9110 §8.6 304 has that of a 200, which is not its own", 304, {"content_length": "9"}, []),
    ),
)
def test_the_length_is_told_once(status: int, fields: dict[str, Any], length: list[str]) -> None:
    content = b"" if status in (204, 304) else b"0123456789"
    stored = kept(content, status, **fields)
    assert [value for name, value in stored.fields if name == "Content-Length"] == length


def test_fields_stay_in_their_order() -> None:
    """9110 §5.3: Content-Length, too, where it is right."""
    fields = [("A", "1"), ("Content-Length", "4"), ("B", "2")]
    assert kept(b"text", 200, *fields, policy=Policy(generate_etags=False)).fields == fields


@pytest.mark.parametrize(
    ("value", "groups"),
    rows(
        ("9875 §2 none", None, ()),
        ("9875 §2 two", '"a", "b"', ("a", "b")),
        ("9875 §2 no list", '"a', ()),
        ("9875 §2 more than is kept", f'"{"a" * MOST_TEXT}"', ()),
    ),
)
def test_its_groups(value: str | None, groups: tuple[str, ...]) -> None:
    assert kept(cache_groups=value).groups == groups


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


# ── what it comes to ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "etag", "modified", "modified_at", "strong"),
    rows(
        ("9110 §8.8 none", {}, None, None, EPOCH, False),
        ("9110 §8.8.3 an entity tag", {"etag": '"a"'}, '"a"', None, EPOCH, False),
        ("9110 §8.8.3 no entity tag", {"etag": "a"}, None, None, EPOCH, False),
        (
            "9110 §8.8.2.2 a second before the receipt",
            {"last_modified": date(-1)},
            None,
            date(-1),
            EPOCH - 1,
            True,
        ),
        ("9110 §8.8.2.2 at the receipt", {"last_modified": date()}, None, date(), EPOCH, False),
        (
            "9110 §8.8.2.2 at the time of its Date",
            {"last_modified": date(-9), "date": date(-9)},
            None,
            date(-9),
            EPOCH - 9,
            False,
        ),
        (
            "9110 §8.8.2.2 a second before its Date",
            {"last_modified": date(-9), "date": date(-8)},
            None,
            date(-9),
            EPOCH - 9,
            True,
        ),
        (
            "9110 §8.8.2.2 its Date counts, whatever its Age",
            {"last_modified": date(-9), "date": date(-8), "age": 9},
            None,
            date(-9),
            EPOCH - 9,
            True,
        ),
        (
            "9110 §6.6.1 without a Date it may be older",
            {"last_modified": date(-9), "age": 9},
            None,
            date(-9),
            EPOCH - 9,
            False,
        ),
        (
            "9110 §8.8.2 no date",
            {"last_modified": "0", "date": date(-5)},
            None,
            None,
            EPOCH - 5,
            False,
        ),
    ),
)
def test_its_validators(
    fields: dict[str, Any], etag: str | None, modified: str | None, modified_at: float, strong: bool
) -> None:
    stored = kept(b"x", policy=Policy(generate_etags=False), **fields)
    assert (stored.etag, stored.last_modified, stored.modified_at) == (etag, modified, modified_at)
    assert stored.strong_date is strong


@pytest.mark.parametrize(
    ("content", "status", "etag", "lines"),
    rows(
        ("9110 §8.8.3 none", b"x", 200, None, 1),
        ("9110 §8.8.3 none of the app's that is one", b"x", 200, "a", 1),
        ("9110 §8.8.3 no tag, and no content at hand", None, 200, "a", 1),
        ("9110 §8.8.3 no tag of another status", b"x", 404, "a", 1),
        ("9110 §8.8.3 the app's", b"x", 200, '"a"', 1),
    ),
)
def test_an_entity_tag_is_said_once(
    content: bytes | None, status: int, etag: str | None, lines: int
) -> None:
    """Ours replaces an ETag that is no entity tag (RFC 9110 §8.8.3); other fields stay."""
    stored = kept(content, status, ("X-Other", "1"), etag=etag)
    said = [value for name, value in stored.fields if name == "ETag"]
    ours = content is not None and status == 200 and etag != '"a"'
    assert len(said) == lines
    assert is_generated(said[0]) is ours
    assert ("X-Other", "1") in stored.fields


@pytest.mark.parametrize(
    ("ahead", "refresh_age"),
    rows(
        ("not ahead of its end", 0, 60), ("ahead of its end", 10, 50), ("half-way at most", 50, 30)
    ),
)
def test_refresh_age(ahead: int, refresh_age: float) -> None:
    stored = kept(cache_control="max-age=60", policy=Policy(refresh_ahead=ahead))
    assert (stored.freshness_lifetime, stored.refresh_age) == (60, refresh_age)


@pytest.mark.parametrize(
    ("took", "fields", "seconds"),
    rows(
        ("§4.2.3 as old as its request", 4.0, {}, 4.0),
        ("§4.2.3 older than its request", 4.0, {"age": 7}, 11.0),
        ("§4.2.3 with a Date before that", 4.0, {"date": date(-9)}, 9.0),
    ),
)
def test_its_age_counts_the_time_that_it_took(
    took: float, fields: dict[str, Any], seconds: float
) -> None:
    stored = stored_response(answer(200, took=took, **fields), b"", SAFE)
    assert stored.generated_at == EPOCH - seconds


def test_what_says_something_to_this_cache_alone_is_withheld() -> None:
    """RFC 9213 §2.2."""
    stored = kept(b"", 200, ("Wsgicache-Cache-Control", "max-age=5"), ("X-Other", "1"))
    assert stored.withheld == [("Wsgicache-Cache-Control", "max-age=5")]
    assert "Wsgicache-Cache-Control" not in names(stored.fields)
    assert kept(b"", 200, ("X-Other", "1")).withheld is NO_LINES


def test_it_begins_as_its_fill_says() -> None:
    stored = kept(b"text", fill=Fill(3.0, NEVER, 5, "", "others"))
    assert (stored.asked_at, stored.born, stored.asked_by) == (3.0, 5, "others")
    assert (stored.mark, stored.aged, stored.least_age, stored.kept) == ("", UNAGED, 0, None)
    assert (stored.softened_at, stored.content, stored.length) == (NEVER, b"text", 4)
    assert stored.not_modified is NO_LINES


# ── our entity tag on what is always validated (§5.2.2.4) ────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "fields", "body", "policy", "ours"),
    rows(
        ("§5.2.2.4 no-cache", 200, {"cache_control": "no-cache"}, [b"x"], SAFE, True),
        ("§5.2.2.4 a tuple", 200, {"cache_control": "no-cache"}, (b"x",), SAFE, True),
        ("§5.2.2.4 of names", 200, {"cache_control": 'no-cache="a"'}, [b"x"], SAFE, False),
        ("§5.2.2.4 not said", 200, {"cache_control": "max-age=60"}, [b"x"], SAFE, False),
        ("§5.2.2.5 no-store", 200, {"cache_control": "no-cache, no-store"}, [b"x"], SAFE, False),
        ("9110 §15.5.5 a 404", 404, {"cache_control": "no-cache"}, [b"x"], SAFE, False),
        (
            "9110 §8.8.3 a tag of the app's",
            200,
            {"cache_control": "no-cache", "etag": '"a"'},
            [b"x"],
            SAFE,
            False,
        ),
        (
            "9110 §8.8.3 no tag of the app's",
            200,
            {"cache_control": "no-cache", "etag": "a"},
            [b"x"],
            SAFE,
            True,
        ),
        (
            "switched off",
            200,
            {"cache_control": "no-cache"},
            [b"x"],
            Policy(generate_etags=False),
            False,
        ),
        ("content that comes later", 200, {"cache_control": "no-cache"}, iter([b"x"]), SAFE, False),
        ("in two pieces", 200, {"cache_control": "no-cache"}, [b"x", b"y"], SAFE, False),
        ("no piece", 200, {"cache_control": "no-cache"}, [], SAFE, False),
        ("no bytes", 200, {"cache_control": "no-cache"}, ["x"], SAFE, False),
        (
            "as long as is kept",
            200,
            {"cache_control": "no-cache"},
            [b"xy"],
            Policy(max_content=2),
            True,
        ),
        (
            "longer than is kept",
            200,
            {"cache_control": "no-cache"},
            [b"xyz"],
            Policy(max_content=2),
            False,
        ),
    ),
)
def test_tagged(status: int, fields: dict[str, Any], body: Any, policy: Policy, ours: bool) -> None:
    response = answer(status, **fields)
    response.body = body
    found = tagged(response, policy)
    assert (found is not response) is ours
    if ours:
        lines = [line for line in found.fields if line[0].lower() == "etag"]
        assert lines == [("ETag", generated_etag(response.fields, body[0]))]


def test_what_is_kept_is_tagged_though_nobody_has_to_validate_it() -> None:
    response = answer(200, cache_control="max-age=60")
    response.body = [b"x"]
    assert tagged(response, SAFE) is response
    found = tagged(response, SAFE, kept=True)
    assert found.field("etag") == generated_etag(response.fields, b"x")
