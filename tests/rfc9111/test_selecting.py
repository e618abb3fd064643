"""Which stored response is chosen (§2, §4.1): the target URI, and what Vary names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rules.messages import date, rows
from tests.scene import Environ, Reply, Scene
from wsgicache import Policy

FRESH: dict[str, Any] = {"cache_control": "max-age=3600"}


def reused(
    scene: Scene, vary: str | list[str], first: dict[str, Any], second: dict[str, Any]
) -> bool:
    """Whether what was stored for *first* answers *second*."""
    scene.app(200, "page", vary=vary, **FRESH)
    assert scene.get("/", **first).stored
    return scene.get("/", **second).hit


VARIES = rows(
    # one
    ("match", "Foo", {"foo": "1"}, {"foo": "1"}, True),
    ("no match", "Foo", {"foo": "1"}, {"foo": "2"}, False),
    ("omitted by the second", "Foo", {"foo": "1"}, {}, False),
    ("omitted by the first", "Foo", {}, {"foo": "1"}, False),
    ("omitted by both", "Foo", {}, {}, True),
    ("empty is not omitted", "Foo", {"foo": ""}, {}, False),
    ("empty and empty", "Foo", {"foo": ""}, {"foo": ""}, True),
    ("case of the name", "fOO", {"foo": "1"}, {"foo": "1"}, True),
    ("case of the value", "Foo", {"foo": "a"}, {"foo": "A"}, False),
    ("a prefix", "Foo", {"foo": "1"}, {"foo": "11"}, False),
    ("others do not count", "Foo", {"foo": "1", "other": "2"}, {"foo": "1", "other": "3"}, True),
    ("nor omitted others", "Foo", {"foo": "1", "other": "2"}, {"foo": "1"}, True),
    # several
    ("two match", "Foo, Bar", {"foo": "1", "bar": "a"}, {"foo": "1", "bar": "a"}, True),
    ("two, one no match", "Foo, Bar", {"foo": "1", "bar": "a"}, {"foo": "1", "bar": "b"}, False),
    ("two exchanged", "Foo, Bar", {"foo": "1", "bar": "a"}, {"foo": "a", "bar": "1"}, False),
    ("two, one omitted", "Foo, Bar", {"foo": "1", "bar": "a"}, {"foo": "1"}, False),
    ("two, one omitted by both", "Foo, Bar", {"foo": "1"}, {"foo": "1"}, True),
    ("two lines", ["Foo", "Bar"], {"foo": "1", "bar": "a"}, {"foo": "1", "bar": "b"}, False),
    ("two lines, match", ["Foo", "Bar"], {"foo": "1", "bar": "a"}, {"foo": "1", "bar": "a"}, True),
    (
        "three match",
        "A, B, C",
        {"a": "1", "b": "2", "c": "3"},
        {"a": "1", "b": "2", "c": "3"},
        True,
    ),
    (
        "three, one no match",
        "A, B, C",
        {"a": "1", "b": "2", "c": "3"},
        {"a": "1", "b": "2", "c": "4"},
        False,
    ),
    ("three, one omitted", "A, B, C", {"a": "1", "b": "2", "c": "3"}, {"a": "1", "c": "3"}, False),
    ("three, one omitted by both", "A, B, C", {"a": "1", "c": "3"}, {"a": "1", "c": "3"}, True),
    ("three, all omitted", "A, B, C", {}, {}, True),
    ("named twice", "Foo, foo", {"foo": "1"}, {"foo": "1"}, True),
    ("empty members", ", Foo,,", {"foo": "1"}, {"foo": "2"}, False),
    ("empty members, match", ", Foo,,", {"foo": "1"}, {"foo": "1"}, True),
    ("an empty Vary", "", {"foo": "1"}, {"foo": "2"}, True),
    # normalising
    ("white space round commas", "Foo", {"foo": "1,2"}, {"foo": " 1 ,\t2"}, True),
    ("white space at the ends", "Foo", {"foo": "1"}, {"foo": "  1 "}, True),
    ("white space within quotes", "Foo", {"foo": '"a, b"'}, {"foo": '"a,b"'}, False),
    ("order counts", "Foo", {"foo": "1, 2"}, {"foo": "2, 1"}, False),
    ("several lines", "Foo", {"foo": "1, 2"}, {"foo": ["1", "2"]}, True),
    ("several lines, out of order", "Foo", {"foo": "1, 2"}, {"foo": ["2", "1"]}, False),
    (
        "languages, order",
        "Accept-Language",
        {"accept_language": "en, de"},
        {"accept_language": "de, en"},
        False,
    ),
    (
        "languages, case",
        "Accept-Language",
        {"accept_language": "en-gb, de"},
        {"accept_language": "EN-GB, De"},
        True,
    ),
    (
        "languages, space",
        "Accept-Language",
        {"accept_language": "en, de"},
        {"accept_language": "en ,de  "},
        True,
    ),
    (
        "languages, lines",
        "Accept-Language",
        {"accept_language": "en, de"},
        {"accept_language": ["en", "de"]},
        True,
    ),
    (
        "languages, order of weights",
        "Accept-Language",
        {"accept_language": "en;q=0.8, de"},
        {"accept_language": "de, en;q=0.8"},
        True,
    ),
    (
        "languages, weights written otherwise",
        "Accept-Language",
        {"accept_language": "en;q=0.8, de;q=1"},
        {"accept_language": "de, en; q=0.80"},
        True,
    ),
    (
        "languages, other weights",
        "Accept-Language",
        {"accept_language": "en;q=0.8, de"},
        {"accept_language": "en;q=0.7, de"},
        False,
    ),
    (
        "languages, weights exchanged",
        "Accept-Language",
        {"accept_language": "en;q=0.8, de"},
        {"accept_language": "en, de;q=0.8"},
        False,
    ),
    (
        "languages, one more",
        "Accept-Language",
        {"accept_language": "en"},
        {"accept_language": "en, de"},
        False,
    ),
    (
        "languages, another",
        "Accept-Language",
        {"accept_language": "en, de"},
        {"accept_language": "fr, de"},
        False,
    ),
    ("cookies exactly", "Cookie", {"cookie": "a=1, b"}, {"cookie": "a=1,b"}, False),
)


@pytest.mark.parametrize(("vary", "first", "second", "hit"), VARIES)
def test_vary(
    make_scene: MakeScene,
    vary: str | list[str],
    first: dict[str, Any],
    second: dict[str, Any],
    hit: bool,
) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    assert reused(scene, vary, first, second) is hit


STARS = [
    "*", "*, *", "*,*", "*, Foo", "Foo, *", "Foo, *, Bar", "Foo,*", ", *", ",*", "*,", " * ",
    ["*"], ["", "*"], ["Foo", "*"], ["*", "Foo"], ["", ",*"], ["*", ""],
]  # fmt: skip


@pytest.mark.parametrize("vary", STARS, ids=repr)
def test_a_star_never_matches(make_scene: MakeScene, vary: str | list[str]) -> None:
    """§4.1: wherever it stands."""
    scene = make_scene(Policy.rfc(), lint=False)
    scene.app(200, "page", vary=vary, etag='"1"', **FRESH)
    for _ in range(2):
        assert not scene.get("/", foo="1").hit
    assert scene.get("/", foo="1", cache_control="max-stale").text == "page"
    assert scene.count == 3


@pytest.mark.parametrize("fields", [FRESH, {"expires": date(60)}, {"last_modified": date(-86400)}])
def test_vary_counts_however_fresh_it_is(rfc_scene: Scene, fields: dict[str, Any]) -> None:
    rfc_scene.app(200, "page", vary="Foo", **fields)
    rfc_scene.get("/", foo="1")
    assert rfc_scene.get("/", foo="1").hit
    assert rfc_scene.get("/", foo="2").fwd == "vary-miss"


def by_language(environ: Environ) -> Reply:
    language = environ.get("HTTP_ACCEPT_LANGUAGE")
    vary: dict[str, Any] = {} if language is None else {"vary": "Accept-Language"}
    return Reply(200, language or "default", **vary, **FRESH)


def test_variants_live_side_by_side(rfc_scene: Scene) -> None:
    rfc_scene.app(by_language)
    for language in ("en", "de", "fr"):
        assert rfc_scene.get("/", accept_language=language).text == language
    for language in ("fr", "en", "de"):
        got = rfc_scene.get("/", accept_language=language)
        assert (got.hit, got.text) == (True, language)


def test_a_response_that_omits_vary_is_not_preferred(rfc_scene: Scene) -> None:
    """§4.1: where some omit it, those that have it are."""
    rfc_scene.app(by_language)
    rfc_scene.get("/")
    assert rfc_scene.get("/", accept_language="en").text == "default"  # there is no other yet
    rfc_scene.get("/", accept_language="en", cache_control="no-cache")
    assert rfc_scene.get("/", accept_language="en").text == "en"
    assert rfc_scene.get("/", accept_language="de").text == "de"
    assert rfc_scene.get("/").text == "default"


def test_one_that_omits_it_later_is_not_either(rfc_scene: Scene) -> None:
    rfc_scene.app(by_language)
    rfc_scene.get("/", accept_language="en")
    rfc_scene.get("/")
    assert rfc_scene.get("/", accept_language="de").fwd == "vary-miss"
    assert rfc_scene.get("/", accept_language="en").hit


def test_another_variant_is_validated_by_nobodys_tag(rfc_scene: Scene) -> None:
    """§4.3.1 would allow it; what a variant's tag says of another is the app's secret."""
    rfc_scene.app(200, "page", vary="Foo", etag='"1"', **FRESH)
    rfc_scene.get("/", foo="1")
    rfc_scene.get("/", foo="2")
    assert rfc_scene.calls[1].header("If-None-Match") is None


# ── the target URI (§2, §4) ──────────────────────────────────────────────────────────────────────

TARGETS = rows(
    ("the same", "/a?b=c", "/a?b=c", True),
    ("another query argument", "/a?test=x", "/a?test=y", False),
    ("query arguments in another order", "/a?b=1&c=2", "/a?c=2&b=1", False),
    ("no query", "/a", "/a?b", False),
    ("case of the path", "/a", "/A", False),
    ("a slash at the end", "/a", "/a/", False),
    ("escapes that mean the same", "/%61", "/a", True),
    ("a question mark in the path", "/a%3Fb", "/a?b", False),
    ("a slash in the path", "/a%2Fb", "/a/b", True),
    ("plus and space", "/?a+b", "/?a%20b", False),
)


@pytest.mark.parametrize(("one", "other", "hit"), TARGETS)
def test_target(rfc_scene: Scene, one: str, other: str, hit: bool) -> None:
    rfc_scene.app(200, "page", **FRESH)
    rfc_scene.get(one)
    assert rfc_scene.get(other).hit is hit


@pytest.mark.parametrize(
    ("changes", "hit"),
    rows(
        ("another host", {"HTTP_HOST": "example.com"}, False),
        ("another port", {"HTTP_HOST": "example.org:8080"}, False),
        ("the default port", {"HTTP_HOST": "example.org:80"}, True),
        ("the host in capitals", {"HTTP_HOST": "EXAMPLE.org"}, True),
        ("another scheme", {"wsgi.url_scheme": "https"}, False),
    ),
)
def test_origin(rfc_scene: Scene, changes: Environ, hit: bool) -> None:
    rfc_scene.app(200, "page", **FRESH)
    rfc_scene.get("/")
    assert rfc_scene.get("/", environ=changes).hit is hit


def test_a_head_is_answered_by_a_get(rfc_scene: Scene) -> None:
    """§4: GET's response allows it; HEAD's does not answer a GET."""
    rfc_scene.app(200, "page", **FRESH)
    rfc_scene.head("/")
    assert not rfc_scene.get("/").hit
    got = rfc_scene.head("/")
    assert (got.hit, got.body, got.header("Content-Length")) == (True, b"", "4")
