"""Which validators a response has, the app's and ours: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import SAFE, answer, date, kept, rows
from wsgicache import Policy
from wsgicache.rules.validators import app_validators, generated_etag, is_generated

IF_NONE_MATCH, IF_MODIFIED_SINCE = "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"


@pytest.mark.parametrize(
    ("fields", "items"),
    rows(
        ("§4.3.1 none", {}, ()),
        ("§4.3.1 an entity tag", {"etag": '"a"'}, ((IF_NONE_MATCH, '"a"'),)),
        ("§4.3.1 a weak one", {"etag": 'W/"a"'}, ((IF_NONE_MATCH, 'W/"a"'),)),
        ("§4.3.1 a date", {"last_modified": date()}, ((IF_MODIFIED_SINCE, date()),)),
        (
            "§4.3.1 both",
            {"etag": '"a"', "last_modified": date()},
            ((IF_NONE_MATCH, '"a"'), (IF_MODIFIED_SINCE, date())),
        ),
        ("9110 §8.8.3 what is no tag", {"etag": "a"}, ()),
        ("9110 §8.8.3 two tags", {"etag": ['"a"', '"b"']}, ()),
        ("9110 §8.8.2 what is no date", {"last_modified": "0"}, ()),
        ("a generated one", {"etag": '"wsgicache-0"'}, ()),
        ("one that is nearly so", {"etag": '"wsgicache"'}, ((IF_NONE_MATCH, '"wsgicache"'),)),
    ),
)
def test_app_validators(fields: dict[str, Any], items: tuple[tuple[str, str], ...]) -> None:
    assert app_validators(answer(200, **fields)) == items
    assert kept(**fields).validators == items


@pytest.mark.parametrize(
    ("status", "conditional"),
    rows(
        ("9110 §15.4.5 a 200", 200, True),
        ("9110 §15.4.5 a 203", 203, True),
        ("9110 §15.4.5 a 206", 206, True),
        ("9110 §15.4.5 a 204", 204, False),
        ("9110 §15.4.5 a redirect", 301, False),
        ("9110 §15.4.5 an error", 404, False),
    ),
)
def test_what_a_304_can_be_about(status: int, conditional: bool) -> None:
    assert bool(app_validators(answer(status, etag='"a"'))) is conditional


def test_a_generated_tag_tells_contents_and_codings_apart() -> None:
    tags = [
        generated_etag([("Content-Type", "a")], b"1"),
        generated_etag([("Content-Type", "a")], b"2"),
        generated_etag([("Content-Type", "b")], b"1"),
        generated_etag([("content-encoding", "a")], b"1"),
    ]
    assert len(set(tags)) == 4
    assert all(map(is_generated, tags))
    assert generated_etag([("X", "1"), ("CONTENT-TYPE", "a")], b"1") == tags[0]
    assert generated_etag([("Content-Type", "a"), ("Content-Length", "1")], b"1") == tags[0]
    others = [("Content", "1"), ("content", "1"), ("Contents", "1")]  # which describe nothing
    assert generated_etag([("Content-Type", "a"), *others], b"1") == tags[0]


@pytest.mark.parametrize(
    ("status", "policy", "fields", "generated"),
    rows(
        ("a 200 without", 200, SAFE, {}, True),
        ("a 200 with one", 200, SAFE, {"etag": '"a"'}, False),
        ("another status", 404, SAFE, {}, False),
        ("switched off", 200, Policy(generate_etags=False), {}, False),
    ),
)
def test_generated(status: int, policy: Policy, fields: dict[str, Any], generated: bool) -> None:
    stored = kept(b"x", status, policy=policy, **fields)
    assert (stored.etag is not None and is_generated(stored.etag)) is generated
    assert (("ETag", stored.etag) in stored.fields) is (stored.etag is not None)


def test_no_tag_is_generated_for_content_that_is_elsewhere() -> None:
    stored = kept(None, 200, length=4)
    assert (stored.etag, stored.content, stored.length) == (None, None, 4)
    assert kept(None, 200).length == 0
