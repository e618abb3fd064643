"""Stale responses: who may have one when the app fails, and who while it is asked anew."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.running import DEADLINE
from tests.scene import Call, Environ, Reply, Scene
from tests.stored import FRESH, failing, filled
from wsgicache import Policy

# ── stale answers ────────────────────────────────────────────────────────────────────────────────

UNAVAILABLE = [500, 502, 503, 504]


@pytest.mark.parametrize("status", UNAVAILABLE)
def test_stale_if_error(scene: Scene, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """RFC 5861 §4."""
    filled(scene, "old", cache_control="max-age=60, stale-if-error=30")
    scene.app(status, "broken")
    scene.after(89)
    got = scene.get("/")
    assert (got.code, got.text) == (200, "old")
    assert (got.fwd, got.verdict.get("fwd-status")) == ("stale", status)
    assert got.age == 89
    scene.after(2)
    assert scene.get("/").code == status


@pytest.mark.parametrize("status", [400, 404, 410, 429, 200])
def test_another_status_is_no_error(scene: Scene, status: int) -> None:
    filled(scene, "old", cache_control="max-age=60, stale-if-error=30")
    scene.app(status, "answer")
    scene.after(61)
    got = scene.get("/")
    assert (got.code, got.text) == (status, "answer")


def test_stale_if_error_by_policy(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(stale_if_error=30))
    filled(scene, "old")
    scene.app(503, "broken")
    scene.after(80)
    assert scene.get("/").text == "old"
    scene.after(20)
    assert scene.get("/").code == 503


def test_a_503_without_leave_is_passed_on(scene: Scene) -> None:
    filled(scene, "old")
    scene.app(503, "broken")
    scene.after(61)
    got = scene.get("/")
    assert (got.code, got.text, got.fwd) == (503, "broken", "stale")


@pytest.mark.parametrize(("status", "stays"), [(499, False), (500, True), (501, True)])
def test_an_error_of_the_server_leaves_what_is_stored(
    scene: Scene, status: int, stays: bool
) -> None:
    """§4.3.3: it says nothing about what is stored, which is validated the next time."""
    filled(scene, "old", etag='"v1"')
    scene.after(61)
    scene.app(status, "broken", cache_control="no-store")
    assert scene.get("/").code == status
    scene.get("/")
    assert (scene.calls[-1].header("If-None-Match") == '"v1"') is stays


STALE_FORBIDDEN = [
    "max-age=60, must-revalidate",
    "max-age=60, proxy-revalidate",
    "s-maxage=60",
    "max-age=60, no-cache",
]


@pytest.mark.parametrize("directives", STALE_FORBIDDEN)
@pytest.mark.parametrize("permission", ["stale-if-error", "raised", "policy", "swr", "max-stale"])
def test_what_forbids_stale_answers_wins(
    make_scene: MakeScene, directives: str, permission: str
) -> None:
    """§4.2.4: no permission stands against an explicit prohibition."""
    windows = Policy(stale_if_error=1000, stale_while_revalidate=1000)
    scene = make_scene(windows if permission == "policy" else Policy())
    if permission == "stale-if-error":
        directives += ", stale-if-error=1000"
    if permission == "swr":
        directives += ", stale-while-revalidate=1000"
    filled(scene, "old", cache_control=directives, etag='"v1"')
    scene.after(61)

    scene.app(failing(permission == "raised"))
    request: dict[str, Any] = (
        {"cache_control": "max-stale=1000"} if permission == "max-stale" else {}
    )
    if permission == "raised":
        with pytest.raises(RuntimeError, match="no origin"):
            scene.get("/", **request)
    else:
        assert scene.get("/", **request).code == 503
    scene.settle()


def crash(environ: Environ) -> Reply:
    raise RuntimeError("no origin")


def test_an_app_that_raises_is_an_origin_out_of_reach(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """§4.2.4: disconnected; for ten seconds past its freshness the stale response stands in."""
    filled(scene, "old")
    scene.app(crash)
    scene.after(69)
    with caplog.at_level(logging.DEBUG):
        got = scene.get("/")
    assert (got.code, got.text, got.age) == (200, "old", 69)
    assert got.fwd == "stale"
    assert not got.stored
    assert caplog.records, "an exception that was answered for must be logged"
    assert any(r.exc_info or "no origin" in r.getMessage() for r in caplog.records)
    scene.after(2)
    with pytest.raises(RuntimeError, match="no origin"):
        scene.get("/")


def test_stale_if_raised_can_be_switched_off(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(stale_if_raised=0))
    filled(scene, "old")
    scene.app(crash)
    scene.after(61)
    with pytest.raises(RuntimeError, match="no origin"):
        scene.get("/")


def test_an_exception_that_is_none_of_the_apps_leaves(scene: Scene) -> None:
    """A server's timeout or an interrupt is never answered for."""
    filled(scene, "old")
    scene.after(61)

    def exits(environ: Environ) -> Reply:
        raise SystemExit(1)

    scene.app(exits)
    with pytest.raises(SystemExit):
        scene.get("/")


def test_a_stored_5xx_never_stands_in_for_a_5xx(rfc_scene: Scene) -> None:
    filled(rfc_scene, "old")
    rfc_scene.app(503, "stored", cache_control="max-age=60, stale-if-error=1000")
    rfc_scene.get("/", cache_control="no-cache")
    rfc_scene.app(500, "answer")
    rfc_scene.after(61)
    got = rfc_scene.get("/")
    assert (got.code, got.text) == (500, "answer")


# ── stale-while-revalidate ───────────────────────────────────────────────────────────────────────


def test_stale_while_revalidate(scene: Scene) -> None:
    """RFC 5861 §3: served at once, and validated once behind the client's back."""
    filled(scene, "old", cache_control="max-age=60, stale-while-revalidate=30", etag='"v1"')
    asked, proceed = threading.Event(), threading.Event()
    me = threading.get_ident()

    def slow(environ: Environ) -> Reply:
        assert threading.get_ident() != me, "the client must not wait for this"
        asked.set()
        assert proceed.wait(DEADLINE)
        return Reply(200, "new", etag='"v2"', cache_control="max-age=60")

    scene.app(slow)
    scene.after(70)
    try:
        for _ in range(3):
            got = scene.get("/")
            assert (got.text, got.age, got.hit) == ("old", 70, True)
            assert got.verdict["ttl"] == -10
        assert asked.wait(DEADLINE)
        assert scene.get("/").text == "old"
    finally:
        proceed.set()
    scene.settle()
    assert scene.count == 2
    assert scene.calls[-1].header("If-None-Match") == '"v1"'
    got = scene.get("/")
    assert (got.hit, got.text, got.age) == (True, "new", 0)


def test_stale_while_revalidate_ends(scene: Scene) -> None:
    filled(scene, "old", cache_control="max-age=60, stale-while-revalidate=30")
    scene.app(200, "new", **FRESH)
    scene.after(91)
    got = scene.get("/")
    assert (got.text, got.fwd) == ("new", "stale")


def test_stale_while_revalidate_by_policy(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(stale_while_revalidate=30))
    scene.resource("body", **FRESH)
    scene.get("/")
    scene.after(70)
    assert scene.get("/").hit
    scene.settle()
    assert scene.count == 2
    got = scene.get("/")
    assert (got.hit, got.age) == (True, 0)


def test_a_background_validation_is_nobodys(make_scene: MakeScene) -> None:
    """It goes without the client's identity, conditions, range, directives and body."""
    scene = make_scene(Policy(public_releases=True))
    filled(
        scene,
        "old",
        cache_control="public, max-age=60, stale-while-revalidate=30",
        etag='"v1"',
        vary="Accept-Language",
    )
    scene.app(200, "new", cache_control="public, max-age=60", vary="Accept-Language")
    scene.after(70)
    got = scene.get(
        "/",
        cookie="sid=alice",
        authorization="Basic YQ==",
        range="bytes=0-0",
        if_modified_since=scene.clock.date(),
        cache_control="no-transform",
        environ={"REMOTE_USER": "alice"},
    )
    assert got.code in (200, 206, 304)
    scene.settle()
    call: Call = scene.calls[-1]
    assert (call.method, scene.count) == ("GET", 2)
    for name in ("Cookie", "Authorization", "Range", "If-Modified-Since", "Cache-Control"):
        assert call.header(name) is None, name
    assert not call.environ.get("REMOTE_USER")
    assert scene.get("/").text == "new"


def test_a_background_validation_that_fails_leaves_the_stale_response(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    filled(scene, "old", cache_control="max-age=60, stale-while-revalidate=30")
    scene.app(crash)
    scene.after(70)
    assert scene.get("/").text == "old"
    scene.settle()
    assert caplog.records
    scene.app(503, "broken")
    assert scene.get("/").text == "old"
    scene.settle()
    assert scene.get("/").text == "old"
    scene.settle()
    scene.after(21)
    assert scene.get("/").code == 503


@pytest.mark.parametrize(
    "fields",
    [
        {"cache_control": "private"},
        {"cache_control": "no-store"},
        {"cache_control": "max-age=60", "set_cookie": "sid=1"},
    ],
    ids=["private", "no-store", "set-cookie"],
)
def test_a_background_answer_that_may_not_be_stored_drops_the_entry(
    scene: Scene, fields: dict[str, Any]
) -> None:
    filled(scene, "old", cache_control="max-age=60, stale-while-revalidate=3000")
    scene.app(200, "mine", **fields)
    scene.after(70)
    assert scene.get("/").text == "old"
    scene.settle()
    got = scene.get("/")
    assert (got.text, got.hit) == ("mine", False)
    scene.settle()
