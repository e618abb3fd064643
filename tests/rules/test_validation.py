"""Is it still so: a row per clause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, answer, asked, date, kept, rows
from tests.scene import Environ
from wsgicache import Policy
from wsgicache.rules.entries import adding
from wsgicache.rules.keeping import stored_response
from wsgicache.rules.model import CacheEntry, StoredResponse
from wsgicache.rules.request import Request
from wsgicache.rules.validation import (
    fetching,
    freshened,
    freshening,
    is_had,
    matches_head,
    updated,
    validating,
    whole,
)
from wsgicache.rules.validators import generated_etag

# ── what is asked (§4.3.1) ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "conditions"),
    rows(
        ("§4.3.1 an entity tag", {"etag": '"a"'}, {"HTTP_IF_NONE_MATCH": '"a"'}),
        ("§4.3.1 a date", {"last_modified": date()}, {"HTTP_IF_MODIFIED_SINCE": date()}),
        (
            "§4.3.1 both",
            {"etag": 'W/"a"', "last_modified": date()},
            {"HTTP_IF_NONE_MATCH": 'W/"a"', "HTTP_IF_MODIFIED_SINCE": date()},
        ),
        ("§4.3.1 neither", {}, {}),
    ),
)
def test_validating(fields: dict[str, Any], conditions: Environ) -> None:
    """The stored response's conditions, and none of the client's."""
    request = asked(accept="a", range="bytes=0-1", if_none_match='"b"', if_modified_since=date(-9))
    environ = validating(request, kept(**fields))
    asks = {key for key in environ if key.startswith("HTTP_IF_")}
    assert {key: environ[key] for key in asks} == conditions
    assert (environ["HTTP_ACCEPT"], environ["HTTP_RANGE"]) == ("a", "bytes=0-1")
    assert request.environ["HTTP_IF_NONE_MATCH"] == '"b"'


OURS = generated_etag([], b"x")
LATER, EARLIER = date(9), date(-9)


@pytest.mark.parametrize(
    ("fields", "presented", "conditions"),
    rows(
        (
            "§4.3.2 another tag",
            {"etag": '"1"'},
            {"if_none_match": '"2"'},
            {"HTTP_IF_NONE_MATCH": '"1"'},
        ),
        (
            "§4.3.2 both",
            {"etag": '"1"', "last_modified": date()},
            {"if_none_match": '"2"', "if_modified_since": LATER},
            {"HTTP_IF_NONE_MATCH": '"1"', "HTTP_IF_MODIFIED_SINCE": date()},
        ),
        (
            "9110 §13.1.3 a tag where ours is a date, which it would hide",
            {"last_modified": date()},
            {"if_none_match": '"2"', "if_modified_since": LATER},
            {"HTTP_IF_MODIFIED_SINCE": date()},
        ),
        (
            "§4.3.2 a date where ours is a tag",
            {"etag": '"1"'},
            {"if_modified_since": LATER},
            {"HTTP_IF_NONE_MATCH": '"1"'},
        ),
    ),
)
def test_the_app_is_asked_about_what_is_stored_alone(
    fields: dict[str, Any], presented: dict[str, Any], conditions: Environ
) -> None:
    request, before = asked(**presented), asked(**presented).environ
    for environ, left in (
        (validating(request, kept(**fields)), conditions),
        (whole(request), {}),
    ):
        assert {key: environ[key] for key in environ if key.startswith("HTTP_IF_")} == left
    assert {*request.environ} == {*before}


@pytest.mark.parametrize(
    ("presented", "fields", "had"),
    rows(
        ("9110 §13.1.2 the tag", {"if_none_match": '"1", "2"'}, {"etag": '"2"'}, True),
        ("9110 §13.1.2 another", {"if_none_match": '"1"'}, {"etag": '"2"'}, False),
        ("9110 §13.1.2 none", {"if_none_match": '"1"'}, {}, False),
        ("9110 §13.1.2 any", {"if_none_match": " * "}, {"etag": '"2"'}, False),
        ("9110 §13.1.3 the date", {"if_modified_since": date()}, {"last_modified": date()}, True),
        ("9110 §13.1.3 another", {"if_modified_since": EARLIER}, {"last_modified": date()}, False),
        ("9110 §13.1.3 none", {"if_modified_since": LATER}, {}, False),
        ("no condition", {}, {"etag": '"2"'}, False),
    ),
)
def test_what_the_client_has_already(
    presented: dict[str, Any], fields: dict[str, Any], had: bool
) -> None:
    assert is_had(asked(**presented), answer(200, **fields), SAFE) is had
    assert not is_had(asked(**presented), answer(404, **fields), SAFE)
    assert not is_had(asked("HEAD", **presented), answer(200, **fields), SAFE)


def test_a_date_beside_a_tag_that_the_app_never_gave_is_not_forwarded() -> None:
    """RFC 9110 §13.1.3: it means nothing there."""
    environ = fetching(asked(if_none_match=OURS, if_modified_since=date()))
    assert not {key for key in environ if key.startswith("HTTP_IF_")}


@pytest.mark.parametrize("tag", ["abc", '"a" "b"'])
def test_what_is_no_entity_tag_says_nothing(tag: str) -> None:
    stored = kept(b"x", etag=tag, last_modified=date())
    assert stored.etag == generated_etag([], b"x")
    assert [line for line in stored.fields if line[0] == "ETag"] == [("ETag", stored.etag)]
    renewed = freshened(stored, answer(304, etag=tag, last_modified=date()), SAFE)
    assert renewed is not None
    assert renewed.field("etag") == stored.etag
    assert matches_head(stored, answer(200, etag=tag))
    assert kept(b"x", etag=tag, policy=Policy(generate_etags=False)).etag is None


@pytest.mark.parametrize(
    ("condition", "forwarded"),
    rows(
        ("§4.3.2 as it came", '"a", W/"b"', '"a", W/"b"'),
        ("§4.3.2 unquoted", "a", "a"),
        ("§4.3.2 a star", "*", "*"),
        ("a generated one", OURS, None),
        ("a generated one among others", f'"a", {OURS},W/"b"', '"a", W/"b"'),
        ("none", None, None),
    ),
)
def test_fetching(condition: str | None, forwarded: str | None) -> None:
    request = asked(if_none_match=condition)
    assert fetching(request).get("HTTP_IF_NONE_MATCH") == forwarded
    assert request.environ.get("HTTP_IF_NONE_MATCH") == condition


def test_a_plain_request_is_fetched_as_it_is() -> None:
    request = asked()
    assert fetching(request) is whole(request) is request.environ


# ── what a 304 is about (§4.3.4) ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("stored", "fields", "about"),
    rows(
        ("§4.3.4 the same strong tag", {"etag": '"a"'}, {"etag": '"a"'}, True),
        ("§4.3.4 another strong tag", {"etag": '"a"'}, {"etag": '"b"'}, False),
        ("§4.3.4 a strong tag where there was none", {}, {"etag": '"a"'}, False),
        (
            "§4.3.4 a strong tag where there was a weak one",
            {"etag": 'W/"a"'},
            {"etag": '"a"'},
            False,
        ),
        ("§4.3.4 the same weak tag", {"etag": 'W/"a"'}, {"etag": 'W/"a"'}, True),
        ("§4.3.4 weakly the same", {"etag": '"a"'}, {"etag": 'W/"a"'}, True),
        ("§4.3.4 another weak tag", {"etag": 'W/"a"'}, {"etag": 'W/"b"'}, False),
        ("§4.3.4 the same date", {"last_modified": date()}, {"last_modified": date()}, True),
        ("§4.3.4 another date", {"last_modified": date()}, {"last_modified": date(1)}, False),
        (
            "§4.3.4 another date and the same tag",
            {"etag": '"a"', "last_modified": date()},
            {"etag": '"a"', "last_modified": date(1)},
            True,
        ),
        (
            "§4.3.4 another date and no tag",
            {"etag": '"a"', "last_modified": date()},
            {"last_modified": date(1)},
            False,
        ),
        (
            "§4.3.4 the same date and no tag",
            {"etag": '"a"', "last_modified": date()},
            {"last_modified": date()},
            True,
        ),
        ("§4.3.4 no validator", {"last_modified": date()}, {}, True),
        ("§4.3.4 no validator at all", {}, {}, True),
        ("§4.3.4 a weak tag where there was none", {}, {"etag": 'W/"a"'}, False),
        ("§4.3.4 no validator, to our tag", {"etag": '"a"'}, {}, True),
    ),
)
def test_freshened(stored: dict[str, Any], fields: dict[str, Any], about: bool) -> None:
    renewed = freshened(kept(**stored), answer(304, x_new="1", **fields), SAFE)
    assert (renewed is not None) is about
    assert renewed is None or renewed.field("x-new") == "1"


def test_a_generated_tag_is_not_the_apps() -> None:
    """It speaks to clients only: an app that names it means another representation."""
    stored = kept(b"page")
    assert stored.etag is not None
    assert freshened(stored, answer(304, etag=stored.etag), SAFE) is None
    nameless = kept(None)
    assert nameless.etag is None
    assert freshened(nameless, answer(304), SAFE) is not None


# ── what is updated (§3.2) ───────────────────────────────────────────────────────────────────────


def renewed_fields(
    stored: StoredResponse, *fields: tuple[str, str], **named: Any
) -> Mapping[str, str]:
    """The fields of *stored* after a 304."""
    renewed = updated(stored, answer(304, *fields, **named), RFC)
    return renewed.values


UPDATED = """
    CDN-Cache-Control Cache-Control Clear-Site-Data Content-Foo Content-Language Content-Location
    Content-MD5 Content-Security-Policy Content-Type Date ETag Expires Last-Modified Test-Header
    Vary X-Content-Foo X-Frame-Options X-Test-Header X-XSS-Protection
""".split()


@pytest.mark.parametrize("name", UPDATED)
def test_updated(name: str) -> None:
    stored = kept(b"x", 200, (name, '"old"'), x_other="1")
    fields = renewed_fields(stored, (name.lower(), '"new"'))
    assert (fields[name.lower()], fields["x-other"]) == ('"new"', "1")
    assert renewed_fields(kept(b"x"), (name, '"new"'))[name.lower()] == '"new"'


@pytest.mark.parametrize("name", [name for name in UPDATED if name != "Date"])
def test_what_the_304_does_not_say_stays(name: str) -> None:
    assert renewed_fields(kept(b"x", 200, (name, '"old"')), x_other="1")[name.lower()] == '"old"'


@pytest.mark.parametrize(
    "name",
    [
        "Content-Digest",
        "Content-Encoding",
        "Content-Length",
        "Content-Range",
        "Set-Cookie",
        "Set-Cookie2",
    ],
)
def test_not_updated(name: str) -> None:
    """What describes the stored content, and what is one client's alone."""
    stored = kept(b"x", 200, (name, "1"), policy=RFC)
    assert renewed_fields(stored, (name, "2")).get(name.lower()) == "1"
    assert renewed_fields(kept(b"x", 204), (name, "2")).get(name.lower()) is None


@pytest.mark.parametrize("kind", ["application/json", None])
@pytest.mark.parametrize(
    ("code", "policy", "told"), [(304, SAFE, False), (304, RFC, True), (200, SAFE, False)]
)
def test_a_content_type_is_that_of_the_content(
    kind: str | None, code: int, policy: Policy, told: bool
) -> None:
    """Django and others give a 304 the Content-Type of their empty pages, as some do HEAD."""
    stored = kept(b"{}", content_type=kind)
    renewed = updated(stored, answer(code, content_type="text/html", x_new="1"), policy)
    assert renewed.field("content-type") == ("text/html" if told else kind)
    assert renewed.field("x-new") == "1"


@pytest.mark.parametrize(
    "name", ["Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade"]
)
def test_what_is_not_stored_is_not_updated_either(name: str) -> None:
    fields = renewed_fields(
        kept(b"x"), (name, "X-Listed"), ("Connection", "X-Listed"), ("X-Listed", "1")
    )
    assert not {name.lower(), "x-listed"} & fields.keys()


def test_lines_are_replaced_together() -> None:
    stored = kept(b"x", 200, ("Link", "a"), ("Link", "b"))
    assert renewed_fields(stored, ("link", "c"))["link"] == "c"
    assert renewed_fields(kept(b"x", link="a"), ("Link", "b"), ("Link", "c"))["link"] == "b, c"


def test_the_status_stays_and_the_time_is_that_of_the_answer() -> None:
    renewed = updated(kept(b"", 404), answer(304, took=5.0), SAFE)
    assert renewed.status == "404 Not Found"
    assert renewed.received_at - renewed.requested_at == 5.0


def aged(stored: dict[str, Any], fields: dict[str, Any]) -> float:
    """The age of a stored response after a 304."""
    response = answer(304, **fields)
    renewed = updated(kept(**stored), response, SAFE)
    return response.received_at - stored_response(renewed, b"x", SAFE).generated_at


@pytest.mark.parametrize(
    ("stored", "fields", "seconds"),
    rows(
        ("§4.2.3 anew", {}, {}, 0),
        ("§4.2.3 by its Date", {"date": date(-90)}, {"date": date(-5)}, 5),
        ("§4.2.3 by its Age", {"age": 90}, {"age": 5}, 5),
        ("§4.2.3 not by the stored Age", {"age": 90}, {}, 0),
        ("§4.2.3 nor by the stored Date", {"date": date(-90)}, {}, 0),
    ),
)
def test_its_age_is_that_of_its_validation(
    stored: dict[str, Any], fields: dict[str, Any], seconds: float
) -> None:
    assert aged(stored, fields) == seconds


@pytest.mark.parametrize(
    ("policy", "name"),
    rows(
        ("9213 §2.2 our own", SAFE, "wsgicache_cache_control"),
        ("9213 §2.2 another's", RFC, "cdn_cache_control"),
    ),
)
@pytest.mark.parametrize("repeated", [True, False], ids=["repeated", "not repeated"])
def test_a_targeted_field_still_counts(policy: Policy, name: str, repeated: bool) -> None:
    """§3.2: what a 304 does not say stays as it was, and our own field is never sent."""
    fields: dict[str, Any] = {"etag": '"a"', "cache_control": "no-store"}
    stored = kept(policy=policy, **{**fields, name: "max-age=60"})
    said: dict[str, Any] = {name: "max-age=90"} if repeated else {}
    renewed = updated(stored, answer(304, **{**fields, **said}), policy)
    again = stored_response(renewed, b"x", policy)
    assert again.freshness_lifetime == (90 if repeated else 60)
    assert not any(line[0].lower() == "wsgicache-cache-control" for line in again.fields)


# ── HEAD (§4.3.5) ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("stored", "fields", "matches"),
    rows(
        ("§4.3.5 nothing to compare", {}, {}, True),
        ("§4.3.5 no tag where there was one", {"etag": '"a"'}, {}, True),
        ("§4.3.5 no date where there was one", {"last_modified": date()}, {}, True),
        ("§4.3.5 the same tag", {"etag": '"a"'}, {"etag": '"a"'}, True),
        ("§4.3.5 another tag", {"etag": '"a"'}, {"etag": '"b"'}, False),
        ("§4.3.5 a tag where there was none", {}, {"etag": '"b"'}, False),
        ("§4.3.5 the same date", {"last_modified": date()}, {"last_modified": date()}, True),
        ("§4.3.5 another date", {"last_modified": date()}, {"last_modified": date(1)}, False),
        ("§4.3.5 a date where there was none", {}, {"last_modified": date(1)}, False),
        ("§4.3.5 the same length", {}, {"content_length": "10"}, True),
        ("§4.1 what it varies by is known", {"vary": "A, B"}, {"vary": "b"}, True),
        ("§4.1 what it varies by is the same", {"vary": "A"}, {"vary": "a"}, True),
        ("§4.1 it varies by anything", {"vary": "A"}, {"vary": "*"}, False),
        ("§4.1 what it varies by is new", {"vary": "A"}, {"vary": "a, B"}, False),
        ("§4.1 what it varies by is new to all", {}, {"vary": "Cookie"}, False),
        (
            "§4.1 what it varies by is new, but the tag the same",
            {"etag": '"a"'},
            {"etag": '"a"', "vary": "Cookie"},
            True,
        ),
        ("§4.3.5 another length", {}, {"content_length": "11"}, False),
        ("§4.3.5 a length that is none", {}, {"content_length": "x"}, False),
        (
            "§4.3.5 all the same but one",
            {"etag": '"a"'},
            {"etag": '"a"', "content_length": "9"},
            False,
        ),
    ),
)
def test_matches_head(stored: dict[str, Any], fields: dict[str, Any], matches: bool) -> None:
    assert matches_head(kept(b"0123456789", **stored), answer(200, **fields)) is matches


def test_a_head_names_no_generated_tag() -> None:
    stored, nameless = kept(b"0123456789"), kept(None)
    assert not matches_head(stored, answer(200, etag=stored.etag))
    assert matches_head(nameless, answer(200))


def test_a_head_does_not_describe_what_is_stored_of_another_status() -> None:
    stored = kept(b"0123456789")
    stored.status = "404 Not Found"
    assert not matches_head(stored, answer(200))


# ── what changes in the store ────────────────────────────────────────────────────────────────────


def entry_with(request: Request, stored: StoredResponse) -> CacheEntry:
    entry = adding(request, answer(200), stored, SAFE)(None)
    assert entry is not None
    return entry


def test_freshening_replaces_the_response_that_was_asked_about() -> None:
    request, stored, renewed = asked(), kept(etag='"a"'), kept(etag='"a"', x_new="1")
    entry = freshening(request, stored, answer(200), renewed, SAFE)(entry_with(request, stored))
    assert entry is not None
    assert list(entry.responses.values()) == [renewed]


def test_freshening_knows_it_by_what_it_is() -> None:
    """A store may give another object for the same response each time."""
    request, stored, renewed = asked(), kept(etag='"a"'), kept(etag='"a"', x_new="1")
    change = freshening(request, stored, answer(200), renewed, SAFE)
    entry = change(entry_with(request, kept(etag='"a"')))
    assert entry is not None
    assert list(entry.responses.values()) == [renewed]


@pytest.mark.parametrize(
    "entry",
    rows(
        ("nothing there", None),
        ("emptied meanwhile", CacheEntry({})),
        ("another response meanwhile", entry_with(asked(), kept(etag='"b"'))),
    ),
)
def test_freshening_puts_nothing_back(entry: CacheEntry | None) -> None:
    change = freshening(asked(), kept(etag='"a"'), answer(200), kept(etag='"a"'), SAFE)
    assert change(entry) is entry
