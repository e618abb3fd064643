"""What the app says: every word, and who wins."""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, assert_type
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import MakeScene
from tests.controls.declaring import NEVER, StartResponse, view, with_routes
from tests.scene import Environ, Reply, Scene, environ_for
from wsgicache import (
    Control,
    Policy,
    Route,
    cache_control,
    cache_for,
    cache_groups,
    cached,
    current,
    json_never_stale,
    no_cache,
    vary,
)
from wsgicache.rules.response import Response

# ── Words ────────────────────────────────────────────────────────────────────────────────────────

EXPIRES = "Tue, 14 Nov 2023 22:18:20 GMT"  # five minutes after the scene begins
WORDS: dict[str, tuple[Control, dict[str, str | None], str | None]] = {
    "no_cache": (no_cache, dict(NEVER), None),
    "no_cache()": (no_cache(), dict(NEVER), None),
    "not cacheable": (cached(cacheable=False), dict(NEVER), None),
    "cache_for": (
        cache_for(minutes=5),
        {"Cache-Control": "max-age=300", "Expires": EXPIRES, "Pragma": None},
        "hit; ttl=300",
    ),
    "cache_for, added up": (
        cache_for(weeks=1, days=1, hours=1, minutes=1, seconds=1, milliseconds=999),
        {"Cache-Control": "max-age=694861"},
        "hit; ttl=694861",
    ),
    "cache_for nothing": (cache_for(seconds=0), {"Cache-Control": "max-age=0"}, None),
    "max_age": (
        cache_control(max_age=60),
        {"Cache-Control": "max-age=60", "Expires": None},
        "hit; ttl=60",
    ),
    "all directives": (
        cache_control(
            max_age=timedelta(minutes=1),
            s_maxage=90,
            public=True,
            no_transform=True,
            must_revalidate=True,
            proxy_revalidate=True,
            immutable=True,
        ),
        {
            "Cache-Control": "max-age=60, s-maxage=90, public, no-transform, must-revalidate, "
            "proxy-revalidate, immutable"
        },
        "hit; ttl=90",
    ),
    "both windows": (
        cache_control(max_age=60, stale_while_revalidate=5, stale_if_error=6),
        {"Cache-Control": "max-age=60, stale-while-revalidate=5, stale-if-error=6"},
        "hit; ttl=60",
    ),
    "must_understand": (
        cache_control(must_understand=True, no_store=True, max_age=9),
        {"Cache-Control": "must-understand, no-store, max-age=9"},
        "hit; ttl=9",
    ),
    "no_store": (cache_control(no_store=True), {"Cache-Control": "no-store"}, None),
    "False is left out": (
        cache_control(max_age=9, public=False, private=False),
        {"Cache-Control": "max-age=9"},
        "hit; ttl=9",
    ),
    "private": (
        cache_control(private=True, max_age=9),
        {"Cache-Control": "private, max-age=9"},
        None,
    ),
    "private fields": (
        cache_control(private="X-User", max_age=9),
        {"Cache-Control": 'private="X-User", max-age=9'},
        "hit; ttl=9",
    ),
    "no_cache fields": (
        cache_control(no_cache=("X-User", "X-Cart"), max_age=9),
        {"Cache-Control": 'no-cache="X-User, X-Cart", max-age=9'},
        "hit; ttl=9",
    ),
    "client": (cached(client=60), {"Cache-Control": "max-age=60"}, "hit; ttl=60"),
    "client, public": (
        cached(client=60, public=True),
        {"Cache-Control": "public, max-age=60"},
        "hit; ttl=60",
    ),
    "client, private": (
        cached(client=60, private=True),
        {"Cache-Control": "private, max-age=60", "Vary": "Cookie"},
        None,
    ),
    "no client, private": (
        cached(client=0, private=True),
        {"Cache-Control": "private, no-cache", "Vary": None},
        None,
    ),
    "client, private, not here": (
        cached(client=60, server=0, private=True),
        {"Cache-Control": "private, max-age=60", "Vary": "Cookie"},
        None,
    ),
    "client, not here": (cached(client=60, server=0), {"Cache-Control": "max-age=60"}, None),
    "server": (cached(server=60), {"Cache-Control": "no-cache"}, "hit; ttl=60"),
    "client and server": (
        cached(client=5, server=timedelta(minutes=1)),
        {"Cache-Control": "max-age=5"},
        "hit; ttl=60",
    ),
    "server, private to others": (
        cached(client=5, server=60, private=True),
        {"Cache-Control": "private, max-age=5", "Vary": None},
        "hit; ttl=60",
    ),
    "server, for everybody": (
        cached(client=5, server=60, everybody=True),
        {"Cache-Control": "max-age=5"},
        "hit; ttl=60",
    ),
    "server, windows": (
        cached(server=60, stale_while_revalidate=5, stale_if_error=6),
        {"Cache-Control": "no-cache"},
        "hit; ttl=60",
    ),
    "client, windows": (
        cached(client=60, stale_while_revalidate=5),
        {"Cache-Control": "max-age=60, stale-while-revalidate=5"},
        "hit; ttl=60",
    ),
    "revalidate": (
        cached(revalidate=True, public=True),
        {"Cache-Control": "public, no-cache"},
        None,
    ),
    "vary": (vary("Accept", "Cookie"), {"Vary": "Accept, Cookie", "Cache-Control": None}, None),
    "groups": (
        cache_groups("news", 'a "b"\\', "news"),
        {"Cache-Groups": '"news", "a \\"b\\"\\\\"'},
        None,
    ),
}


@pytest.mark.parametrize("word", WORDS)
def test_each_word(scene: Scene, word: str) -> None:
    control, fields, outcome = WORDS[word]
    scene.wsgi(view(None, control))
    got = scene.get()
    assert {name: got.header(name) for name in fields} == fields
    assert got.header("Wsgicache-Cache-Control") is None
    again = scene.get()
    assert again.hit == (outcome is not None)
    if outcome is not None:
        assert again.cache_status == f"wsgicache; {outcome}"
        assert {name: again.header(name) for name in fields} == fields
        assert again.header("Wsgicache-Cache-Control") is None


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (("GET", {}), 200),
        (("GET", {}), 404),
        (("GET", {}), 500),
        (("HEAD", {}), 200),
        (("POST", {"body": b"x"}), 201),
        (("DELETE", {}), 204),
        (("OPTIONS", {}), 200),
        (("GET", {"body": b"x"}), 200),
        (("GET", {"x_original_url": "/y"}), 200),
        (("GET", {"environ": {"HTTP_HOST": "no host"}}), 200),
        (("GET", {"cookie": "a=1", "authorization": "Basic QTpC"}), 200),
    ],
    ids=lambda row: re.sub(r"\W+", " ", str(row)),
)
def test_never_reaches_the_browser_however_the_cache_is_passed(
    bare_scene: Scene, request_line: tuple[str, Any], status: int
) -> None:
    reply = Reply(
        status,
        "" if status == 204 else "page",
        etag='"1"',
        last_modified=bare_scene.clock.date(-9),
        cache_control="public, max-age=60",
        cdn_cache_control="max-age=600",
        surrogate_control="max-age=600",
        wsgicache_cache_control="max-age=600",
        x_accel_expires="600",
        age="3",
        expires=bare_scene.clock.date(60),
        pragma="x",
    )
    bare_scene.wsgi(view(reply, no_cache))
    method, sent = request_line
    for _ in range(2):
        got = bare_scene.request(method, "/", **sent)
        assert not got.hit
        assert not got.stored
        assert {name: got.header(name) for name in NEVER} == NEVER
        assert got.names.isdisjoint(
            {"etag", "last-modified", "age", "cdn-cache-control", "surrogate-control"}
            | {"wsgicache-cache-control", "x-accel-expires"}
        )
    assert bare_scene.count == 2


NO_TRANS = "no-transform"
ATTACHED = {
    "Cache-Control": "private, max-age=0, must-revalidate",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    "Pragma": None,
}


@pytest.mark.parametrize(
    ("scheme", "disposition", "expected"),
    [
        ("https", "attachment; filename=report.xls", ATTACHED),
        ("https", "Attachment", ATTACHED),
        ("https", "inline", NEVER),
        ("https", None, NEVER),
        ("http", "attachment; filename=report.xls", NEVER),
    ],
)
def test_a_download_that_old_browsers_can_open(
    scene: Scene, scheme: str, disposition: str | None, expected: dict[str, str | None]
) -> None:
    reply = Reply(200, "x", content_disposition=disposition, etag='"1"')
    scene.wsgi(view(reply, no_cache))
    for _ in range(2):
        got = scene.get(environ={"wsgi.url_scheme": scheme})
        assert {name: got.header(name) for name in expected} == expected
        assert got.header("ETag") is None
        assert not got.stored
        assert not got.hit


# ── Who wins ─────────────────────────────────────────────────────────────────────────────────────

# view, overriding route, the response's own, route, default; and Cache-Control, lifetime here
VIEW, OVER, ROUTE, DEFAULT = (cache_control(max_age=n) for n in (1, 2, 4, 5))
WINNERS: list[tuple[Any, Any, str | None, Any, Any, str | None, int | None]] = [
    (VIEW, OVER, "max-age=3", ROUTE, DEFAULT, "max-age=1", 1),
    (None, OVER, "max-age=3", ROUTE, DEFAULT, "max-age=2", 2),
    (None, None, "max-age=3", ROUTE, DEFAULT, "max-age=3", 3),
    (None, None, None, ROUTE, DEFAULT, "max-age=4", 4),
    (None, None, None, None, DEFAULT, "max-age=5", 5),
    (None, None, None, None, None, None, None),
    (VIEW, None, "no-cache", None, None, "max-age=1", 1),
    (None, OVER, "no-cache", None, None, "max-age=2", 2),
    (None, None, "no-cache", ROUTE, DEFAULT, "no-cache", None),
    (None, None, "", ROUTE, DEFAULT, "", None),
    # the whole of one source, not directives of several
    (
        VIEW,
        cache_control(public=True),
        "s-maxage=9",
        cache_control(s_maxage=9),
        None,
        "max-age=1",
        1,
    ),
    # what forbids beats what allows, whoever says it
    (no_cache, OVER, "max-age=3", ROUTE, DEFAULT, NEVER["Cache-Control"], None),
    (VIEW, no_cache, "max-age=3", ROUTE, DEFAULT, NEVER["Cache-Control"], None),
    (VIEW, OVER, "no-store", ROUTE, DEFAULT, "no-store", None),
    (VIEW, OVER, "max-age=3", no_cache, DEFAULT, NEVER["Cache-Control"], None),
    (None, None, "max-age=3", no_cache, None, NEVER["Cache-Control"], None),
    (VIEW, cache_control(no_store=True), "max-age=3", None, None, "no-store", None),
    (VIEW, None, "private, max-age=3", None, None, "private, max-age=1", None),
    (VIEW, None, "PRIVATE", None, None, "private, max-age=1", None),
    (cache_control(public=True, s_maxage=7), None, "private", None, None, "private", None),
    (cached(server=60), None, "private, max-age=3", None, None, "private, no-cache", None),
    (cached(server=60), None, "no-store", None, None, "no-store", None),
    (
        cached(client=3, server=60),
        None,
        None,
        cache_control(private=True),
        None,
        "private, max-age=3",
        None,
    ),
    (None, None, "public, s-maxage=3", cache_control(private=True), None, "private", None),
    (None, None, "max-age=3", cached(client=9, server=0), None, "max-age=3", None),
    (None, OVER, None, cache_control(private=True), None, "private, max-age=2", None),
    # but the default speaks only where nobody else does
    (VIEW, None, None, None, no_cache, "max-age=1", 1),
    (None, None, "max-age=3", None, no_cache, "max-age=3", 3),
    (None, None, None, ROUTE, no_cache, "max-age=4", 4),
    (None, None, None, None, no_cache, NEVER["Cache-Control"], None),
    # a field list forbids no more than it says, and goes on doing that
    (VIEW, None, 'private="X-A"', None, None, 'private="x-a", max-age=1', 1),
]


@pytest.mark.parametrize(
    ("by_view", "by_override", "own", "by_route", "by_default", "said", "lifetime"),
    WINNERS,
    ids=["|".join(str(part) for part in row[:5]) for row in WINNERS],
)
def test_who_wins(
    make_scene: MakeScene,
    by_view: Any,
    by_override: Any,
    own: str | None,
    by_route: Any,
    by_default: Any,
    said: str | None,
    lifetime: int | None,
) -> None:
    scene = make_scene(Policy(default=by_default))
    routes = [Route("/", by_override, override=True)] if by_override else []
    routes += [Route("/", by_route)] if by_route else []
    with_routes(scene, *routes)
    scene.wsgi(view(Reply(200, "x", cache_control=own), *([by_view] if by_view else [])))
    got = scene.get()
    assert got.header("Cache-Control") == said
    again = scene.get()
    if lifetime is None:
        assert not again.hit
    else:
        assert again.verdict.get("ttl") == lifetime


@pytest.mark.parametrize(
    ("own", "is_said"),
    [
        ({"expires": "0"}, True),
        ({"pragma": "no-cache"}, True),
        ({"pragma": "other"}, False),
        ({"wsgicache_cache_control": "max-age=3"}, True),
        ({"wsgicache_cache_control": "?!"}, False),
        ({"cdn_cache_control": "max-age=3"}, False),
        ({"vary": "Accept"}, False),
    ],
    ids=str,
)
def test_what_counts_as_the_responses_own_words(
    make_scene: MakeScene, own: Any, is_said: bool
) -> None:
    scene = make_scene(Policy(default=cache_for(seconds=9)))
    scene.app(200, "x", **own)
    got = scene.get()
    assert (got.header("Cache-Control") == "max-age=9") != is_said


def test_a_response_of_which_nothing_is_said_is_not_touched(make_scene: MakeScene) -> None:
    scene = with_routes(make_scene(Policy(default=no_cache)), Route("/other", no_cache))
    fields = [("cache-CONTROL", ' max-age=9,,X="y" '), ("Pragma", "x"), ("VARY", "b , A")]
    scene.app(200, "x", *fields)
    assert scene.get().headers[:3] == fields


def test_several_decorators_add_up_and_the_nearest_counts(scene: Scene) -> None:
    scene.wsgi(view(None, cache_for(minutes=5), cache_control(public=True), cache_for(minutes=3)))
    got = scene.get()
    assert got.header("Cache-Control") == "max-age=180, public"
    assert got.header("Expires") == scene.clock.date(180)


def test_the_view_itself_has_the_last_word(scene: Scene) -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        current().say(cache_control(max_age=7))
        assert environ["wsgicache.controls"] is current()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "1")])
        return [b"x"]

    scene.wsgi(cache_for(minutes=5)(app))
    assert scene.get().header("Cache-Control") == "max-age=7"


def test_vary_and_groups_add_up_from_everywhere(scene: Scene) -> None:
    with_routes(
        scene,
        Route("/", vary("Accept"), cache_groups("one")),
        Route("/*", cache_groups("two"), override=False),
    )
    reply = Reply(
        200, "x", vary=["accept , X-A", "X-B"], cache_groups='"own"', cache_control="max-age=9"
    )
    scene.wsgi(view(reply, vary("x-a", "X-C"), cache_groups("three", "one")))
    got = scene.get()
    assert got.lines("Vary") == ["accept , X-A, X-B, X-C"]
    assert got.lines("Cache-Groups") == ['"own", "three", "one", "two"']
    assert scene.get().hit


@pytest.mark.parametrize("own", ["*", "Accept, *"])
def test_a_star_in_vary_stays(scene: Scene, own: str) -> None:
    scene.wsgi(view(Reply(200, "x", vary=own), vary("X-A"), cache_for(minutes=1)))
    got = scene.get()
    assert got.lines("Vary") == [own]
    assert got.detail == "vary"


def test_a_broken_list_of_groups_does_not_break_ours(scene: Scene) -> None:
    scene.wsgi(view(Reply(200, "x", cache_groups='"broken'), cache_groups("ours")))
    assert scene.get().lines("Cache-Groups") == ['"ours"']


# ── Statuses ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("control", "status", "said"),
    [
        (cache_for(minutes=5), 200, "max-age=300"),
        (cache_for(minutes=5), 201, "max-age=300"),
        (cache_for(minutes=5), 206, "max-age=300"),
        (cache_for(minutes=5), 304, "max-age=300"),
        (cache_for(minutes=5), 301, None),
        (cache_for(minutes=5), 404, None),
        (cache_for(minutes=5), 500, None),
        (cache_for(minutes=5, status=404), 404, "max-age=300"),
        (cache_for(minutes=5, status=404), 200, None),
        (cache_for(minutes=5, status=200), 201, None),
        (cache_for(minutes=5, status=200), 304, "max-age=300"),
        (cache_for(minutes=5, status=("2xx", 404)), 404, "max-age=300"),
        (cache_for(minutes=5, status="any"), 500, "max-age=300"),
        (cached(client=5), 404, None),
        (cached(cacheable=False), 500, NEVER["Cache-Control"]),
        (cache_control(private=True, max_age=9), 404, "private"),
        (cache_control(no_store=True), 500, "no-store"),
        (cache_control(no_store=True, status=200), 500, None),
        (json_never_stale, 404, None),
    ],
    ids=str,
)
def test_an_error_page_inherits_no_lifetime(
    scene: Scene, control: Control, status: int, said: str | None
) -> None:
    scene.wsgi(view(Reply(status, "" if status == 304 else "x"), control))
    assert scene.get().header("Cache-Control") == said


def test_a_restriction_of_an_error_page_leaves_what_it_says_itself(scene: Scene) -> None:
    reply = Reply(404, "x", cache_control="max-age=3")
    scene.wsgi(view(reply, cache_control(private=True, max_age=900)))
    assert scene.get().header("Cache-Control") == "private, max-age=3"


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "never"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/problem+json", True),
        ("text/json", True),
        ("text/html", False),
        ("application/javascript", False),
        ("application/json-patch", False),
        ("", False),
    ],
)
def test_json_is_never_stale(make_scene: MakeScene, kind: str, never: bool) -> None:
    scene = make_scene(Policy(default=json_never_stale), lint=False)
    scene.app(200, "[]", content_type=kind, etag='"1"')
    for method in ("GET", "HEAD", "POST"):
        got = scene.request(method)
        assert (got.header("Cache-Control") == NEVER["Cache-Control"]) == never
        assert (got.header("ETag") is None) == never
    scene.app(200, "[]", content_type=kind, cache_control="max-age=9")
    assert scene.get().stored
    assert scene.get().hit


# ── Streams ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["view", "route", "override", "default"])
@pytest.mark.parametrize(
    ("kind", "control", "said"),
    [
        ("text/event-stream", cache_for(minutes=5), None),
        ("Text/Event-Stream; charset=utf-8", cache_control(max_age=9, no_transform=True), NO_TRANS),
        ("multipart/x-mixed-replace; boundary=x", cache_control(max_age=9, immutable=True), None),
        ("text/event-stream", cache_control(no_cache=True), "no-cache"),
        ("text/event-stream", no_cache, NEVER["Cache-Control"]),
        ("text/plain", cache_control(max_age=9), "max-age=9"),
    ],
)
def test_a_stream_is_given_no_lifetime(
    make_scene: MakeScene, by: str, kind: str, control: Control, said: str | None
) -> None:
    scene = make_scene(Policy(default=control if by == "default" else None))
    if by in ("route", "override"):
        with_routes(scene, Route("/*", control, override=by == "override"))
    reply = Reply(200, [b"data: 1\n\n"], length=False, content_type=kind)
    scene.wsgi(view(reply, *([control] if by == "view" else [])))
    got = scene.get()
    assert (got.header("Cache-Control"), got.header("Expires")) == (
        said,
        "0" if control is no_cache else None,
    )
    assert got.stored == (kind == "text/plain")


# ── Words of one's own ───────────────────────────────────────────────────────────────────────────


class ShortWhenSmall(Control):
    """A control that looks at the response."""

    def about(self, response: Response, environ: Environ) -> Control | None:
        if environ.get("QUERY_STRING") == "quiet":
            return None
        small = len(response.field("content-length") or "") < 2
        return cache_for(seconds=1) if small else cache_for(minutes=1)


def test_a_decorator_of_ones_own(scene: Scene) -> None:
    scene.wsgi(view(Reply(200, "x"), ShortWhenSmall()))
    assert scene.get("/").header("Cache-Control") == "max-age=1"
    assert scene.get("/?quiet").header("Cache-Control") is None
    scene.wsgi(view(Reply(200, "x" * 10), ShortWhenSmall()))
    assert scene.get("/long").header("Cache-Control") == "max-age=60"


class Broken(Control):
    def about(self, response: Response, environ: Environ) -> Control | None:
        raise RuntimeError("broken on purpose")


def test_one_that_raises_keeps_the_response_from_being_stored(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.wsgi(view(Reply(200, "x", cache_control="max-age=60"), Broken()))
    got = scene.get()
    assert (got.code, got.header("Cache-Control")) == (200, "no-store")
    assert not scene.get().hit
    assert "broken on purpose" in caplog.text
    assert {record.levelname for record in caplog.records} == {"WARNING"}


# ── 304 and HEAD ─────────────────────────────────────────────────────────────────────────────────


def tagged(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """A page with an entity tag, and a 304 to those who have it."""
    known = environ.get("HTTP_IF_NONE_MATCH") == '"1"'
    fields = [("ETag", '"1"')] if known else [("ETag", '"1"'), ("Content-Type", "text/plain")]
    start_response("304 Not Modified" if known else "200 OK", fields)
    return [] if known or environ["REQUEST_METHOD"] == "HEAD" else [b"page"]


class Chosen(Control):
    """A control that says what a default may not say outright."""

    def about(self, response: Response, environ: Environ) -> Control | None:
        return cached(client=5, server=60)


@pytest.mark.parametrize("by", ["view", "route", "override", "default", "kind"])
def test_a_304_renews_what_was_said(make_scene: MakeScene, by: str) -> None:
    words = cached(client=5, server=60)
    scene = make_scene(Policy(default=Chosen() if by == "default" else None))
    if by == "kind":
        with_routes(scene, Route("/", words, content_type="text/plain"))
    elif by in ("route", "override"):
        with_routes(scene, Route("/", words, override=by == "override"))
    scene.wsgi(words(tagged) if by == "view" else tagged)
    for _ in range(3):
        assert scene.get().header("Cache-Control") == "max-age=5"
        assert scene.get().verdict["ttl"] == 60
        scene.after(61)
        got = scene.get()
        assert got.cache_status == "wsgicache; fwd=stale; fwd-status=304"
        assert got.text == "page"


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "first",
    [cached(client=5, server=60), cache_control(max_age=60), cached(server=60, public=True)],
    ids=str,
)
@pytest.mark.parametrize(
    "then",
    [
        no_cache,
        cache_control(no_store=True),
        cache_control(private=True),
        cached(client=9, server=0),
    ],
    ids=str,
)
def test_a_prohibition_ends_what_was_allowed_before(
    make_scene: MakeScene, policy: Policy, method: str, first: Control, then: Control
) -> None:
    scene = make_scene(policy)
    words = [first]

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        current().say(words[-1])
        return tagged(environ, start_response)

    scene.wsgi(app)
    scene.get()
    assert scene.get().hit
    words.append(then)
    scene.after(61)
    got = scene.request(method)
    assert got.code == 200
    assert not got.hit
    assert then is not no_cache or got.header("Cache-Control") == NEVER["Cache-Control"]
    assert not scene.get().hit
    assert not scene.get().hit


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
def test_a_shorter_word_replaces_the_one_to_us(make_scene: MakeScene, policy: Policy) -> None:
    scene = make_scene(policy)
    words = [cached(client=5, server=60)]

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        current().say(words[-1])
        return tagged(environ, start_response)

    scene.wsgi(app)
    scene.get()
    words.append(cache_control(max_age=7))
    scene.after(61)
    assert scene.get().cache_status == "wsgicache; fwd=stale; fwd-status=304"
    assert scene.get().verdict["ttl"] == 7


def test_a_default_that_forbids_is_not_said_of_a_304(make_scene: MakeScene) -> None:
    """The 304 says nothing new of a response that has its own words."""
    scene = make_scene(Policy(default=json_never_stale))
    said: list[Any] = [("Cache-Control", "max-age=9"), ("Content-Type", "application/json")]

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        known = "HTTP_IF_NONE_MATCH" in environ
        start_response("304 X" if known else "200 OK", [("ETag", '"1"'), *([] if known else said)])
        return [] if known else [b"[]"]

    scene.wsgi(app)
    scene.get()
    scene.after(10)
    assert scene.get().cache_status == "wsgicache; fwd=stale; fwd-status=304"
    assert scene.get().hit


def test_words_to_an_outer_cache_do_not_stand_in_for_the_views(make_scene: MakeScene) -> None:
    """In Policy.rfc() CDN-Cache-Control is heeded, and a view's word comes before it."""
    scene = make_scene(Policy.rfc())
    scene.wsgi(view(Reply(200, "x", cdn_cache_control="max-age=600"), cache_control(max_age=7)))
    got = scene.get()
    assert got.header("CDN-Cache-Control") == "max-age=600"
    assert scene.get().verdict["ttl"] == 7


# ── Errors, and error handlers ───────────────────────────────────────────────────────────────────


def test_an_error_handler_that_starts_anew_has_no_lifetime(scene: Scene) -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        fields = [("Content-Type", "text/plain")]
        start_response("200 OK", fields)
        try:
            raise RuntimeError("on purpose")
        except RuntimeError as error:
            start_response("500 Internal Server Error", fields, (type(error), error, None))
        return [b"sorry"]

    scene.wsgi(cache_for(minutes=5)(app))
    for method in ("GET", "POST"):
        got = scene.request(method)
        assert (got.code, got.header("Cache-Control")) == (500, None)


def test_an_error_handler_after_the_first_chunk_keeps_the_prohibition(bare_scene: Scene) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        fields = [("Content-Type", "text/plain")]
        start_response("200 OK", fields)
        yield b""
        try:
            raise RuntimeError("on purpose")
        except RuntimeError as error:
            start_response("500 Internal Server Error", fields, (type(error), error, None))
        yield b"sorry"

    bare_scene.wsgi(no_cache(app))
    got = bare_scene.get()
    assert (got.code, got.header("Cache-Control")) == (500, NEVER["Cache-Control"])


def test_a_head_that_breaks_the_rules_is_left_to_the_server(bare_scene: Scene) -> None:
    heads: list[tuple[str, Any]] = [("200", 5), ("odd", []), ("200 OK", [("X", 1)])]
    for head in heads:
        answer: Any = head

        def app(environ: Environ, start_response: StartResponse, answer: Any = answer) -> Any:
            start_response(*answer)
            return []

        bare_scene.wsgi(no_cache(app))
        sent = Mock()
        bare_scene.cache(environ_for("POST"), sent)
        sent.assert_called_once_with(*head)


# ── Groups ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("names", "stored"),
    [
        ([f"g{number}" for number in range(128)], True),
        ([f"g{number}" for number in range(129)], False),
        (["x" * 8000, "y" * 8000], True),
        (["x" * 8200, "y" * 8200], False),
    ],
    ids=["128", "129", "16 KB", "more than 16 KiB"],
)
def test_too_many_groups_are_not_stored(scene: Scene, names: list[str], stored: bool) -> None:
    """Without its groups a response could not be purged."""
    scene.wsgi(view(None, cache_for(minutes=1), cache_groups(*names)))
    assert scene.get().stored == stored
    assert scene.get().hit == stored


@given(
    st.lists(
        st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1),
        min_size=1,
        max_size=9,
    )
)
@settings(max_examples=50)
def test_no_name_breaks_the_list(names: list[str]) -> None:
    import http_sf

    scene = Scene()
    scene.wsgi(view(None, cache_groups(*names)))
    value = scene.get().header("Cache-Groups") or ""
    members: Any = http_sf.parse(value.encode("ascii"), tltype="list")
    assert [str(text) for text, _ in members] == list(dict.fromkeys(names))


# ── Views of all kinds ───────────────────────────────────────────────────────────────────────────


def test_a_decorated_function_is_what_it_was() -> None:
    @no_cache
    @cache_for(minutes=1)
    def function(number: int, *, more: str = "x") -> str:
        """What it does."""
        return more * number

    assert_type(function(2, more="y"), str)
    assert function.__name__ == "function"
    assert function.__doc__ == "What it does."
    assert str(inspect.signature(function)) == "(number: 'int', *, more: 'str' = 'x') -> 'str'"


def counting(calls: list[str]) -> Any:
    """A decorator of somebody else's."""

    def decorate(decorated: Any) -> Any:
        @functools.wraps(decorated)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            calls.append("called")
            return decorated(*args, **kwargs)

        return wrapper

    return decorate


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))], ids=str)
def test_decorators_work_in_any_order_and_between_others(
    scene: Scene, order: tuple[int, ...]
) -> None:
    calls: list[str] = []
    decorators = [cache_for(minutes=5), vary("Accept"), cache_groups("a"), counting(calls)]
    scene.wsgi(view(None, *(decorators[place] for place in order)))
    got = scene.get()
    assert got.header("Cache-Control") == "max-age=300"
    assert (got.header("Vary"), got.header("Cache-Groups")) == ("Accept", '"a"')
    assert calls == ["called"]


def test_a_group_is_what_a_purge_purges(scene: Scene) -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        current().say(cache_for(minutes=5), cache_groups(f"item-{environ['QUERY_STRING']}"))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    scene.wsgi(cache_groups("items")(app))
    for query in "12":
        scene.get(f"/?{query}")
    scene.cache.purge_groups("item-1")
    assert (scene.get("/?1").hit, scene.get("/?2").hit) == (False, True)
    scene.cache.purge_groups("items")
    assert (scene.get("/?1").hit, scene.get("/?2").hit) == (False, False)


def test_methods_and_classes(scene: Scene) -> None:
    class View:
        @cache_control(max_age=7)
        def one(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"x"]

        @staticmethod
        @cache_control(max_age=8)
        def two(environ: Environ, start_response: StartResponse) -> list[bytes]:
            return View().one(environ, start_response)

        @classmethod
        @cache_control(max_age=9)
        def three(cls, environ: Environ, start_response: StartResponse) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"x"]

    for app, said in ((View().one, 7), (View.two, 7), (View.three, 9)):
        scene.wsgi(app)
        assert scene.get(f"/{said}{app}").header("Cache-Control") == f"max-age={said}"


@pytest.mark.parametrize("name", ["dispatch", "dispatch_request"])
def test_a_class_of_views_is_decorated_where_it_dispatches(scene: Scene, name: str) -> None:
    Base: Any = type("Base", (), {name: lambda self: b"x"})
    View: Any = type("View", (Base,), {})
    decorated = no_cache(View)
    assert decorated is View

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        body = getattr(View() if environ["PATH_INFO"] == "/view" else Base(), name)()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    scene.wsgi(app)
    assert scene.get("/view").header("Pragma") == "no-cache"
    assert scene.get("/base").header("Pragma") is None


def test_a_coroutine_function_stays_one(scene: Scene) -> None:
    @cache_control(max_age=7)
    async def page() -> bytes:
        return b"x"

    assert inspect.iscoroutinefunction(page)

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        body = asyncio.run(page())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    scene.wsgi(app)
    assert scene.get().header("Cache-Control") == "max-age=7"


class Unbound:
    """A proxy to nothing, as frameworks have them."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("working outside of request context")


class OfSomeFramework:
    def __init__(self, environ: Environ, name: str) -> None:
        setattr(self, name, environ)


@pytest.mark.parametrize("name", ["environ", "META"])
def test_a_request_object_tells_whose_it_is(scene: Scene, name: str) -> None:
    @cache_control(max_age=7)
    def page(unbound: Any, request: Any) -> bytes:
        return b"x"

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        # A request of nobody's: what is allowed to it is not said of this response.
        page(Unbound(), OfSomeFramework(environ_for(), name))
        if environ["PATH_INFO"] == "/own":
            page(Unbound(), OfSomeFramework(environ, name))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    scene.wsgi(app)
    assert scene.get("/own").header("Cache-Control") == "max-age=7"
    assert scene.get("/other").header("Cache-Control") is None


# ── From when the client gets it ─────────────────────────────────────────────────────────────────


def test_the_lifetime_for_clients_counts_from_when_they_get_it(scene: Scene) -> None:
    scene.wsgi(view(None, cached(client=60, server=3600, private=True)))
    assert scene.get().header("Cache-Control") == "private, max-age=60"
    for age in (0, 1800, 1799):
        scene.after(age)
        got, unchanged = scene.get(), scene.get(if_none_match="*")
        for one in (got, unchanged):
            seconds = int(one.header("Age") or "")
            assert one.lines("Cache-Control") == [f"private, max-age={60 + seconds}"]
    assert scene.request("HEAD").header("Cache-Control") == f"private, max-age={60 + seconds}"
    assert unchanged.code == 304
    # What others say of themselves counts from when it was made.
    words: dict[str, Any] = {"wsgicache_cache_control": "max-age=3600"}
    scene.app(200, "x", cache_control="max-age=60", **words)
    scene.get("/own")
    scene.after(1800)
    assert scene.get("/own").header("Cache-Control") == "max-age=60"


def test_what_is_stale_is_not_said_to_be_fresh(scene: Scene) -> None:
    scene.wsgi(view(None, cached(client=60, server=10, stale_if_error=100)))
    scene.get()
    scene.app(503, "x")
    scene.after(20)
    got = scene.get()
    assert (got.header("Age"), got.header("Cache-Control")) == ("20", "max-age=60")


def test_what_was_purged_softly_is_stale_for_clients(scene: Scene) -> None:
    scene.wsgi(view(None, cached(client=60, server=10, stale_if_error=100)))
    scene.get()
    scene.cache.purge("http://example.org/", soft=True)
    scene.app(500, "x")
    got = scene.get()
    assert (got.text, got.header("Cache-Control")) == ("page", "max-age=60")
    assert int(got.header("Age") or "") >= 60


def test_a_policy_that_strips_cache_control_says_none(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(strip=["Cache-Control"]))
    scene.wsgi(view(None, cached(client=60, server=60)))
    for _ in range(2):
        assert scene.get().header("Cache-Control") is None


# ── The same for everybody ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("by", "policy"),
    [("view", Policy()), ("view", Policy.rfc()), ("route", Policy()), ("fields", Policy())],
    ids=["view", "view, rfc", "route", "fields"],
)
def test_what_is_the_same_for_everybody_is_made_once(
    make_scene: MakeScene, by: str, policy: Policy
) -> None:
    """Vary says Cookie to everybody else; the other fields that it names select here as ever."""
    control = cached(server=60, everybody=True)
    scene = make_scene(policy)
    said = "max-age=60, everybody" if by == "fields" else None
    reply = Reply(200, "page", vary="Cookie, X-Kind", wsgicache_cache_control=said)
    scene.wsgi(view(reply, *([control] if by == "view" else [])))
    if by == "route":
        with_routes(scene, Route("/p*", control))
    for number in range(3):
        got = scene.get("/p", cookie=f"sid={number}", x_kind="a")
        assert (got.hit, got.header("Vary")) == (number > 0, "Cookie, X-Kind")
    assert not scene.get("/p", cookie="sid=1", x_kind="b").hit
    assert scene.get("/p", x_kind="b").hit


def test_a_cookie_that_it_sets_is_for_one(scene: Scene) -> None:
    reply = Reply(200, "page", vary="Cookie", set_cookie="sid=1")
    scene.wsgi(view(reply, cached(server=60, everybody=True)))
    for _ in range(2):
        assert scene.get(cookie="sid=1").detail == "set-cookie"


def test_a_validated_page_stays_the_same_for_everybody(scene: Scene) -> None:
    words: dict[str, Any] = {"wsgicache_cache_control": "max-age=60, everybody"}
    scene.app(200, "page", vary="Cookie", etag='"1"', **words)
    assert scene.get(cookie="sid=1").stored
    scene.app(304, etag='"1"')
    scene.after(90)
    assert scene.get(cookie="sid=2").text == "page"
    assert scene.get(cookie="sid=3").hit


def test_what_a_default_says_of_everybody_counts_for_nothing(scene: Scene) -> None:
    """Nobody has vouched for this page."""
    words: dict[str, Any] = {"wsgicache_cache_control": "max-age=60, everybody, inherited"}
    scene.app(200, "page", vary="Cookie", **words)
    for number in range(2):
        assert not scene.get(cookie=f"sid={number}").hit


# ── Whatever is said together ────────────────────────────────────────────────────────────────────

ALLOWING = [
    cache_for(minutes=1),
    cached(server=60),
    cached(server=60, everybody=True),
    cached(client=9, server=60, private=True),
    vary("X"),
]
FORBIDDING = [
    no_cache,
    cache_control(no_store=True),
    cache_control(private=True, max_age=60),
    cached(client=60, private=True),
    cached(client=60, server=0),
    Broken(),
]
said = st.lists(st.sampled_from(ALLOWING), max_size=2)
OWN_WORDS: list[Any] = [
    {},
    {"cache_control": "public, max-age=9"},
    {"wsgicache_cache_control": "max-age=9"},
]
FORBIDDING_OWN: list[Any] = [{"cache_control": "no-store"}, {"cache_control": "private, max-age=9"}]


@given(
    said,
    said,
    said,
    st.sampled_from(OWN_WORDS),
    st.sampled_from(
        [("view", c) for c in FORBIDDING]
        + [("over", c) for c in FORBIDDING]
        + [("route", c) for c in FORBIDDING]
        + [("own", w) for w in FORBIDDING_OWN]
    ),
    st.integers(0, 2),
    st.sampled_from([Policy(), Policy.rfc()]),
)
@settings(max_examples=150)
def test_a_prohibition_beats_every_permission(
    by_view: list[Control],
    by_override: list[Control],
    by_route: list[Control],
    own: dict[str, Any],
    forbidden: tuple[str, Any],
    position: int,
    policy: Policy,
) -> None:
    logging.disable(logging.WARNING)
    places = {"view": by_view, "over": by_override, "route": by_route}
    where, what = forbidden
    if where == "own":
        own = what
        # What the response says to this cache itself is its own affair.
        places = {
            name: [one for one in said if one is not ALLOWING[2]] for name, said in places.items()
        }
    else:
        places[where] = [*places[where][:position], what, *places[where][position:]]
    scene = Scene(policy)
    routes = [Route("/", *places["over"], override=True)] if places["over"] else []
    routes += [Route("/", *places["route"])] if places["route"] else []
    with_routes(scene, *routes)
    scene.wsgi(view(Reply(200, "x", **own), *places["view"]))
    try:
        for _ in range(2):
            got = scene.get()
            assert not got.stored
            assert not got.hit
    finally:
        logging.disable(logging.NOTSET)
