"""Requests with conditions ask for the page like others, but where it is for one client alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.origin.test_flights import Stage, told
from tests.rig.app import Turn, page
from tests.rig.gates import Gate
from tests.rules.messages import date, rows
from tests.scene import EPOCH, Environ, Reply, Scene
from wsgicache import Policy

LIFE: dict[str, Any] = {"cache_control": "max-age=60"}
NEVER: dict[str, Any] = {"cache_control": "no-store"}
TAG = ("If-None-Match", '"2"')
SINCE = ("If-Modified-Since", "Wed, 15 Nov 2023 00:00:00 GMT")
NEW = page([b"ne", b"w!"], etag='"2"', last_modified=SINCE[1], content_length="4")
BEGINS = {
    "cold": None,
    "stale": page(b"old"),
    "validated": page(b"old", etag='"1"', last_modified="Tue, 14 Nov 2023 00:00:00 GMT"),
}


@pytest.mark.parametrize("field", [TAG, SINCE], ids=["tag", "date"])
@pytest.mark.parametrize("begin", BEGINS.values(), ids=BEGINS)
def test_a_crowd_of_returning_browsers_asks_once(
    begin: Reply | None, field: tuple[str, str]
) -> None:
    """And then never again within the lifetime."""
    stage, gate = Stage(), Gate()
    if begin is not None:
        stage.app.plays(begin)
        stage.get()
        stage.clock.advance(61)
    before = stage.app.count
    stage.app.plays(Turn(before=gate, reply=NEW), Reply(500))
    crowd = stage.many(20, "/", field)
    stage.waiters.until(19)
    gate.open()
    answers = crowd.answers()
    assert {(answer.code, answer.body) for answer in answers} == {(304, b"")}
    why = "uri-miss" if begin is None else "stale"
    first = f"fwd={why}; fwd-status=200; stored"
    assert told(answers) == {first: 1, f"fwd={why}; collapsed": 19}
    stage.clock.advance(50)
    assert {stage.get("/", field).hit, stage.get().hit} == {True}
    assert stage.app.count == before + 1
    stage.check_idle()


def test_browsers_that_come_one_by_one_fill_the_cache(scene: Scene) -> None:
    scene.resource("page", etag='"1"', **LIFE)
    first, second = (scene.get("/", if_none_match='"1"') for _ in range(2))
    assert first.cache_status == "wsgicache; fwd=uri-miss; fwd-status=200; stored"
    assert (first.code, second.code, second.hit, scene.count) == (304, 304, True, 1)
    assert scene.get("/").text == "page"


def test_what_has_changed_goes_to_all(scene: Scene) -> None:
    scene.resource("page", etag='"2"', **LIFE)
    got = scene.get("/", if_none_match='"1"')
    assert (got.code, got.text, got.stored) == (200, "page", True)


@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize(
    ("fields", "headers", "detail"),
    rows(
        ("§5.2.2.5 no-store", NEVER, {}, "no-store"),
        ("§5.2.2.7 private", {"cache_control": "private, max-age=60"}, {}, "private"),
        ("for its cookies", LIFE, {"cookie": "sid=1"}, "cookie"),
        ("§4.2.1 no lifetime", {}, {}, "stored"),
    ),
)
def test_where_it_is_not_shared_the_app_gets_the_conditions(
    make_scene: MakeScene,
    fields: dict[str, Any],
    headers: dict[str, Any],
    detail: str,
    collapse: bool,
) -> None:
    """As soon as that is known; and within two minutes it is tried again what holds."""
    scene = make_scene(Policy(collapse=collapse))
    asked: dict[str, Any] = {"if_none_match": '"1"', **headers}
    scene.resource("page", etag='"1"', **fields)
    if detail == "stored":
        scene.resource("page", etag=None, last_modified=None)
        detail = "freshness"
    first = scene.get("/", **asked)
    assert (first.detail, scene.calls[-1].header("If-None-Match")) == (detail, None)
    for _ in range(3):
        scene.after(15)
        scene.get("/", **asked)
        assert scene.calls[-1].header("If-None-Match") == '"1"'
    scene.after(20)
    scene.resource("page", etag='"1"', cache_control="public, max-age=60")
    got = scene.get("/", **asked)
    assert (got.code, got.stored, scene.calls[-1].header("If-None-Match")) == (304, True, None)
    assert scene.get("/", **asked).hit


def test_a_304_for_one_client_says_nothing_of_the_page(scene: Scene) -> None:
    """Else nobody would ask whether it may be shared by now."""
    scene.resource("page", etag='"1"', **NEVER)
    scene.get("/", if_none_match='"1"')
    for _ in range(5):
        scene.after(20)
        scene.get("/", if_none_match='"1"')
    conditions = [call.header("If-None-Match") for call in scene.calls]
    assert conditions == [None, '"1"', '"1"', None, '"1"', '"1"']


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "x"},
        {"cache_control": "no-store"},
        {"cache_control": "no-store", "range": "bytes=0-1"},
    ],
    ids=str,
)
def test_for_one_client_the_conditions_go_on_at_once(scene: Scene, headers: dict[str, str]) -> None:
    scene.resource("page", etag='"1"', **LIFE)
    got = scene.get("/", if_none_match='"1"', **headers)
    assert (got.code, scene.calls[0].header("If-None-Match")) == (304, '"1"')


def test_visitors_with_cookies_keep_no_conditions_of_others_from_the_cache(scene: Scene) -> None:
    """What is not shared for cookies may be shared without."""
    scene.resource("page", etag='"1"', **LIFE)
    assert scene.get("/", if_none_match='"1"', cookie="sid=1").detail == "cookie"
    assert scene.get("/", if_none_match='"1"').stored
    assert scene.get("/", if_none_match='"1"').hit


def test_what_is_too_large_is_not_read_for_a_304(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(max_content=3))
    scene.resource("page", etag='"1"', **LIFE)
    got = scene.get("/", if_none_match='"1"')
    assert (got.code, got.detail) == (304, "too-large")
    assert scene.get("/", if_none_match='"1"').code == 304
    assert scene.calls[-1].header("If-None-Match") == '"1"'


def test_a_date_is_evaluated_on_what_is_stored(scene: Scene) -> None:
    """RFC 9110 §13.1.3: it is later than that of the page."""
    scene.resource("page", etag=None, last_modified=date(-60), **LIFE)
    assert scene.get("/", if_modified_since=date(-30)).code == 304
    assert scene.get("/", if_modified_since=date(-90)).text == "page"
    assert scene.count == 1


@pytest.mark.parametrize("ends", [True, False])
def test_a_page_of_unknown_length_is_read_for_a_while(scene: Scene, ends: bool) -> None:
    """Who has it needs none of it; but it is kept if it ends before long."""
    closed: list[bool] = []

    def body() -> Iterator[bytes]:
        try:
            yield b"pa"
            while not ends:
                scene.after(1)
                yield b"."
            yield b"ge"
        finally:
            closed.append(True)

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("ETag", '"1"')])
        return body()

    scene.wsgi(app)
    got = scene.get("/", if_none_match='"1"')
    assert (got.code, got.body, closed) == (304, b"", [True])
    assert scene.clock.now() - EPOCH <= Policy().collapse_timeout
    if ends:
        assert (scene.get("/").text, scene.count) == ("page", 1)
    assert len(scene.cache._flights) == 0
