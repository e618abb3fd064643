"""What is said to other shared caches: what of it forbids, a row per field and word."""

from __future__ import annotations

import pytest

from tests.rules.messages import rows
from wsgicache.rules.other_caches import ELSEWHERE_FIELDS, forbidding_field

DICTIONARIES = (
    *("CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Vercel-CDN-Cache-Control"),
    *("Netlify-CDN-Cache-Control", "Akamai-Cache-Control", "Edge-Control", "Surrogate-Control"),
    "X-LiteSpeed-Cache-Control",
)


@pytest.mark.parametrize("name", DICTIONARIES)
@pytest.mark.parametrize(
    ("value", "forbids"),
    rows(
        ("9213 §2 no-store", "no-store", True),
        ("9213 §2 private", "private", True),
        ("9213 §2 no-cache", "no-cache", True),
        ("9213 §2 no time", "max-age=0", True),
        ("9213 §2 no time for shared caches", "max-age=60, s-maxage=0", True),
        ("9213 §2 among others", 'max-age=60, content="ESI/1.0", no-store', True),
        ("9213 §2 read leniently", "max-age=60; no-store", True),
        ("9213 §2 no time, read leniently", "max-age =0", True),
        ("no time, with a unit", "cache-maxage=0s", True),
        ("no time, and more to be stale", "max-age=0+60", True),
        ("no cache at all", "bypass-cache", True),
        ("9213 §2 a time", "max-age=60", False),
        ("9213 §2 a time for shared caches", "s-maxage=60, max-age=0", False),
        ("a time that only begins so", "max-age=05", False),
        ("9213 §2 what no time is", "max-age=x", False),
        ("9213 §2 no argument", "max-age", False),
        ("9213 §2 field names", 'private="a", no-cache="b"', False),
        ("the contrary", "!no-store", False),
        ("about stores far away", "no-store-remote", False),
        ("nothing", "", False),
    ),
)
def test_words(name: str, value: str, forbids: bool) -> None:
    found = forbidding_field({name.lower(): value}, [name.lower()])
    assert found == (name.lower() if forbids else None)


@pytest.mark.parametrize(
    ("value", "forbids"),
    rows(
        ("no time", "0", True),
        ("no time, with white space", " 00\t", True),
        ("a moment long ago", "@0", True),
        ("a time", "60", False),
        ("a moment", "@1893456000", False),
        ("a word", "off", False),
        ("nothing", "", False),
    ),
)
def test_nginx(value: str, forbids: bool) -> None:
    found = forbidding_field({"x-accel-expires": value}, ["x-accel-expires"])
    assert found == ("x-accel-expires" if forbids else None)


def test_only_the_fields_asked_about_count() -> None:
    assert forbidding_field({"a": "no-store", "b": "no-store"}, ["c", "b"]) == "b"


def test_which_fields_speak_to_other_caches() -> None:
    assert {*ELSEWHERE_FIELDS} == {*DICTIONARIES, "X-Accel-Expires"}
