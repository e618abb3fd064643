"""One story per outcome, told from the client's seat."""

from __future__ import annotations

import email.message
import email.parser
import hashlib
import logging
import threading
from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.scene import Call, Environ, Exchange, Reply, Scene
from wsgicache import CacheMiddleware, MemoryStore, Policy

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}


def filled(scene: Scene, body: str = "old", **fields: Any) -> None:
    """The app's answer *body* is stored under "/"."""
    scene.app(200, body, **{**FRESH, **fields})
    got = scene.get("/")
    assert got.stored, got


# ── hit and miss ─────────────────────────────────────────────────────────────────────────────────


def test_a_first_request_is_a_miss_and_stored(scene: Scene) -> None:
    scene.app(200, "hello", **FRESH)
    got = scene.get("/")
    assert (got.status, got.text) == ("200 OK", "hello")
    assert got.cache_status == "wsgicache; fwd=uri-miss; stored"
    assert got.header("Age") is None


def test_a_second_request_is_a_hit(scene: Scene) -> None:
    filled(scene, "hello", x_more="kept", content_language="en")
    scene.after(7)
    got = scene.get("/")
    assert got.cache_status == "wsgicache; hit; ttl=53"
    assert (got.status, got.text, got.age) == ("200 OK", "hello", 7)
    assert got.header("X-More") == "kept"
    assert got.header("Content-Language") == "en"
    assert got.header("Content-Type") == "text/plain"
    assert got.header("Content-Length") == "5"
    assert scene.count == 1


def test_the_age_the_app_gives_counts(scene: Scene) -> None:
    filled(scene, age=20)
    scene.after(30)
    assert scene.get("/").age == 50
    scene.after(10)
    assert scene.get("/").fwd == "stale"  # 60 is not less than 60 (§4.2)


def test_a_date_in_the_past_counts_as_age(scene: Scene) -> None:
    """corrected_initial_age = max(apparent_age, corrected_age_value), §4.2.3."""
    filled(scene, date=scene.clock.date(-25), age=10)
    scene.after(5)
    assert scene.get("/").age == 30


def test_the_time_the_app_takes_counts(scene: Scene) -> None:
    """response_delay is part of corrected_age_value (§4.2.3)."""

    def slow(environ: Environ) -> Reply:
        scene.after(8)
        return Reply(200, "slow", age=1, **FRESH)

    scene.app(slow)
    scene.get("/")
    assert scene.get("/").age == 9


def test_a_response_without_freshness_is_not_stored(scene: Scene) -> None:
    scene.app(200, "hello")
    got = scene.get("/")
    assert got.cache_status == "wsgicache; fwd=uri-miss; detail=freshness"
    assert scene.get("/").fwd == "uri-miss"
    assert scene.count == 2


REFUSALS = [
    ("no-store", {"cache_control": "no-store, max-age=60"}, {}),
    ("private", {"cache_control": "private, max-age=60"}, {}),
    ("authorization", {"cache_control": "max-age=60"}, {"authorization": "Basic YQ=="}),
    ("cookie", {"cache_control": "max-age=60"}, {"cookie": "sid=1"}),
    ("set-cookie", {"cache_control": "public, max-age=60", "set_cookie": "sid=1"}, {}),
    ("vary", {"cache_control": "max-age=60", "vary": "*"}, {}),
]


@pytest.mark.parametrize(
    ("detail", "fields", "headers"),
    REFUSALS,
    ids=[f"{detail}-{n}" for n, (detail, _, _) in enumerate(REFUSALS)],
)
def test_a_refusal_says_why(
    scene: Scene, detail: str, fields: dict[str, Any], headers: dict[str, Any]
) -> None:
    scene.app(200, "hello", **fields)
    got = scene.get("/", **headers)
    assert got.cache_status == f"wsgicache; fwd=uri-miss; detail={detail}"
    scene.get("/", **headers)
    assert scene.count == 2


@pytest.mark.parametrize(
    ("fields", "lifetime"),
    [
        ({"cache_control": "max-age=60"}, 60),
        ({"cache_control": "s-maxage=30, max-age=60"}, 30),
        ({"cache_control": "max-age=60, s-maxage=90"}, 90),
        ({"expires": 40}, 40),
        ({"expires": 40, "cache_control": "max-age=10"}, 10),
        ({"expires": 40, "cache_control": "s-maxage=15"}, 15),
        ({"expires": 40, "cache_control": "public"}, 40),
        ({"expires": 40, "date": 0}, 40),
        ({"expires": 40, "date": 10}, 30),
        ({"cache_control": "max-age=60, x-unknown, y=z"}, 60),
        ({"cache_control": 'max-age="60"'}, 60),
        ({"cache_control": ["max-age=60", "public"]}, 60),
        ({"cache_control": "max-age=31536000, immutable"}, 31536000),
    ],
    ids=str,
)
def test_freshness_lifetime(scene: Scene, fields: dict[str, Any], lifetime: int) -> None:
    """§4.2.1, rule by rule. Expires and Date are seconds from now."""
    said: dict[str, Any] = {
        name: scene.clock.date(value) if name in ("expires", "date") else value
        for name, value in fields.items()
    }
    filled(scene, **{"cache_control": None, **said})
    assert scene.get("/").verdict["ttl"] == lifetime
    scene.after(lifetime - 1)
    assert scene.get("/").hit
    scene.after(1)
    assert not scene.get("/").hit


FINAL = [200, 203, 300, 301, 302, 303, 307, 308, 404, 410, 418, 299, 599]


@pytest.mark.parametrize("status", FINAL)
def test_any_final_status_with_explicit_freshness_is_stored(rfc_scene: Scene, status: int) -> None:
    """§3: the status code is final, and an explicit lifetime is given."""
    rfc_scene.app(status, "said", location="http://example.org/x", **FRESH)
    assert rfc_scene.get("/").stored
    got = rfc_scene.get("/")
    assert got.hit
    assert (got.code, got.text) == (status, "said")


# ── Vary ─────────────────────────────────────────────────────────────────────────────────────────


def by_language(environ: Environ) -> Reply:
    language = environ.get("HTTP_ACCEPT_LANGUAGE", "none")
    return Reply(200, f"in {language}", vary="Accept-Language", cache_control="max-age=60")


def test_another_selecting_value_is_a_vary_miss(scene: Scene) -> None:
    scene.app(by_language)
    assert scene.get("/", accept_language="de").cache_status == "wsgicache; fwd=uri-miss; stored"
    got = scene.get("/", accept_language="fr")
    assert got.cache_status == "wsgicache; fwd=vary-miss; stored"
    assert got.text == "in fr"
    assert scene.get("/").fwd == "vary-miss"
    for language in ("de", "fr"):
        got = scene.get("/", accept_language=language)
        assert got.hit
        assert got.text == f"in {language}"
    assert scene.get("/").text == "in none"
    assert scene.count == 3


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("de, en", "de,en", True),
        ("de , en", "de,en", True),
        ("de,\ten", "de, en", True),
        ("de", "de-AT", False),
        ("de;q=0.5", "de", False),
        ('"a, b"', '"a,b"', False),
        ('"a , b", c', '"a , b",c', True),
        ("", None, False),
    ],
)
def test_white_space_round_commas_does_not_select(
    scene: Scene, first: str, second: str | None, same: bool
) -> None:
    """§4.1; inside a quoted string white space is part of the value."""
    scene.app(lambda environ: Reply(200, repr(environ.get("HTTP_X_LIST")), vary="X-List", **FRESH))
    scene.get("/", ("X-List", first))
    assert scene.get("/", x_list=second).hit is same


def test_language_order_is_normalised_by_policy_only(scene: Scene, rfc_scene: Scene) -> None:
    """§4.1 allows it where order has no meaning; the safe policy keeps the order."""
    for stage, same in ((scene, False), (rfc_scene, True)):
        stage.app(by_language)
        stage.get("/", accept_language="de;q=0.5, en;q=0.5")
        assert stage.get("/", accept_language="en;q=0.5, de;q=0.5").hit is same


# ── validation ───────────────────────────────────────────────────────────────────────────────────


def test_stale_and_304(scene: Scene) -> None:
    scene.resource("body", etag='"v1"', last_modified=scene.clock.date(-1000), **FRESH)
    scene.get("/")
    scene.after(61)
    got = scene.get("/")
    assert (got.fwd, got.verdict.get("fwd-status")) == ("stale", 304)
    assert got.cache_status is not None
    assert got.cache_status.startswith("wsgicache; fwd=stale; fwd-status=304")
    assert (got.code, got.text, got.header("Content-Length")) == (200, "body", "4")
    assert got.header("ETag") == '"v1"'
    asked = scene.calls[-1]
    assert asked.header("If-None-Match") == '"v1"'
    assert asked.header("If-Modified-Since") == got.header("Last-Modified")
    assert (got.age or 0) == 0
    again = scene.get("/")
    assert again.cache_status == "wsgicache; hit; ttl=60"
    assert scene.count == 2


def test_last_modified_alone_validates(scene: Scene) -> None:
    scene.resource("body", etag=None, last_modified=scene.clock.date(-1000), **FRESH)
    scene.get("/")
    scene.after(61)
    got = scene.get("/")
    assert (got.code, got.text, got.verdict.get("fwd-status")) == (200, "body", 304)
    asked = scene.calls[-1]
    assert asked.header("If-Modified-Since") == got.header("Last-Modified")
    assert asked.header("If-None-Match") is None


def test_a_304_renews_the_stored_fields(scene: Scene) -> None:
    """§3.2: every field of the 304 replaces the stored one, but for those that frame content."""
    scene.answers(
        Reply(200, "body", etag='"v1"', x_stays="1", x_old=["1", "2"], **FRESH),
        Reply(
            304,
            b"",
            etag='"v1"',
            x_old="3",
            x_new="4",
            cache_control="max-age=100",
        ),
    )
    scene.get("/")
    scene.after(61)
    for _ in range(2):
        got = scene.get("/")
        assert got.lines("X-Old") == ["3"]
        assert got.lines("X-New") == ["4"]
        assert got.lines("X-Stays") == ["1"]
        assert got.lines("Cache-Control") == ["max-age=100"]
        assert (got.code, got.text, got.lines("Content-Length")) == (200, "body", ["4"])
    assert got.cache_status == "wsgicache; hit; ttl=100"


def test_a_304_without_age_drops_the_stored_age(scene: Scene) -> None:
    scene.answers(
        Reply(200, "body", etag='"v1"', age=30, **FRESH), Reply(304, b"", etag='"v1"', **FRESH)
    )
    scene.get("/")
    scene.after(31)
    scene.get("/")
    scene.after(3)
    assert scene.get("/").age == 3


def test_stale_replaced_by_a_200(scene: Scene) -> None:
    filled(scene, "old", etag='"v1"')
    scene.app(200, "new", etag='"v2"', **FRESH)
    scene.after(61)
    got = scene.get("/")
    assert got.text == "new"
    assert (got.fwd, got.stored) == ("stale", True)
    got = scene.get("/")
    assert (got.hit, got.text, got.header("ETag")) == (True, "new", '"v2"')
    assert scene.count == 2


def test_a_304_with_a_foreign_strong_tag_asks_again_without_conditions(scene: Scene) -> None:
    """§4.3.4: it updates nothing; the client must still have its 200."""

    def odd(environ: Environ) -> Reply:
        if "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ:
            return Reply(304, b"", etag='"other"', x_wrong="1", **FRESH)
        return Reply(200, f"copy {scene.count}", etag='"v1"', **FRESH)

    scene.app(odd)
    scene.get("/")
    scene.after(61)
    got = scene.get("/")
    assert (got.code, got.text) == (200, "copy 3")
    assert "x-wrong" not in got.names
    assert scene.calls[-1].header("If-None-Match") is None
    assert scene.get("/").text == "copy 3"


def test_no_cache_in_the_response_validates_every_time(scene: Scene) -> None:
    scene.resource("body", cache_control="no-cache, max-age=60")
    assert scene.get("/").stored
    for _ in range(2):
        got = scene.get("/")
        assert (got.text, got.fwd, got.verdict.get("fwd-status")) == ("body", "stale", 304)
    assert scene.count == 3


def test_the_clients_own_condition_is_answered_after_validation(scene: Scene) -> None:
    """The forwarded condition is ours; the client's is evaluated on what came of it (§4.3.2)."""
    scene.resource("body", etag='"v1"', **FRESH)
    scene.get("/")
    scene.after(61)
    got = scene.get("/", if_none_match='"v1"')
    assert (got.code, got.body) == (304, b"")
    scene.after(61)
    got = scene.get("/", if_none_match='"other"')
    assert (got.code, got.text) == (200, "body")
    assert '"v1"' in (scene.calls[-1].header("If-None-Match") or "")


def test_fields_that_vary_names_are_kept_when_validating(scene: Scene) -> None:
    """§4.3.1: the validation is a whole request of that variant."""
    scene.resource("body", vary="Accept-Language", **FRESH)
    scene.get("/", accept_language="de")
    scene.after(61)
    assert scene.get("/", accept_language="de").verdict.get("fwd-status") == 304
    assert scene.calls[-1].header("Accept-Language") == "de"


# ── request directives (§5.2.1) ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("directive", "age", "hit"),
    [
        ("max-age=10", 10, True),
        ("max-age=10", 11, False),
        ("max-age=0", 1, False),
        ("MAX-AGE=10", 11, False),
        ("min-fresh=20", 40, True),
        ("min-fresh=20", 41, False),
        ("no-cache", 0, False),
        ("max-stale=20", 80, True),
        ("max-stale=20", 81, False),
        ("max-stale", 100000, True),
        ("max-age=70", 61, False),
        ("max-age=10, max-stale=100", 11, False),
        ("max-age=1000, max-stale=100", 70, True),
        ("no-cache, max-stale", 70, False),
        ("no-store", 1, True),
        ("no-transform", 1, True),
        ("only-if-cached", 1, True),
        ("x-unknown=1", 1, True),
        ("max-age=", 1, None),
        ("max-age=x", 1, None),
        ("min-fresh=99999999999999999999", 1, False),
    ],
)
def test_request_directives(scene: Scene, directive: str, age: int, hit: bool | None) -> None:
    filled(scene, "old")
    scene.app(200, "new", **FRESH)
    scene.after(age)
    got = scene.get("/", cache_control=directive)
    if hit is not None:
        assert got.hit is hit, got
        assert got.text == ("old" if hit else "new")
    if got.hit:
        assert got.verdict["ttl"] == 60 - age


@pytest.mark.parametrize("directive", ["max-age=1", "min-fresh=58", "no-cache"])
def test_a_fresh_response_the_request_refuses_is_fwd_request(scene: Scene, directive: str) -> None:
    filled(scene)
    scene.after(5)
    got = scene.get("/", cache_control=directive)
    assert (got.fwd, got.stored) == ("request", True)


@pytest.mark.parametrize("age", [1, 61])
def test_pragma_no_cache_is_the_old_no_cache(scene: Scene, age: int) -> None:
    """§5.4; Cache-Control, where present, wins."""
    filled(scene, "old")
    scene.app(200, "new", **FRESH)
    scene.after(1)
    assert scene.get("/", pragma="no-cache", cache_control="max-age=30").text == "old"
    assert scene.get("/", pragma="no-cache").text == "new"


@pytest.mark.parametrize("state", ["absent", "stale", "other variant", "no-cache"])
def test_only_if_cached_without_a_usable_response_is_a_504(scene: Scene, state: str) -> None:
    """§5.2.1.7."""
    if state == "stale":
        filled(scene)
        scene.after(61)
    elif state == "other variant":
        scene.app(by_language)
        scene.get("/", accept_language="de")
    elif state == "no-cache":
        filled(scene, cache_control="no-cache", etag='"v1"')
    before = scene.count
    got = scene.get("/", cache_control="only-if-cached", accept_language="fr")
    assert got.code == 504
    assert not got.hit
    assert scene.count == before


def test_a_request_with_no_store_is_forwarded_and_not_stored(scene: Scene) -> None:
    scene.app(200, "hello", **FRESH)
    got = scene.get("/", cache_control="no-store")
    assert (got.fwd, got.stored) == ("uri-miss", False)
    assert (got.detail or "").endswith("no-store")
    assert scene.get("/").fwd == "uri-miss"


DIRECTIVES = ["max-age=0", "no-cache", "min-fresh=1000", "max-stale=1000"]


@pytest.mark.parametrize("directive", DIRECTIVES)
def test_request_directives_can_be_switched_off(make_scene: MakeScene, directive: str) -> None:
    scene = make_scene(Policy(request_directives=False))
    filled(scene)
    scene.after(5)
    assert scene.get("/", cache_control=directive).hit
    assert scene.get("/", pragma="no-cache").hit
    scene.after(60)
    assert not scene.get("/", cache_control=directive).hit


# ── method and bypass ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
def test_other_methods_pass(scene: Scene, method: str) -> None:
    filled(scene)
    scene.app(200, "done", cache_control="public, max-age=60")
    for _ in range(2):
        got = scene.request(method, "/")
        assert (got.text, got.cache_status) == ("done", "wsgicache; fwd=method")
    assert scene.count == 3


def test_a_get_with_a_body_passes(scene: Scene) -> None:
    filled(scene, "plain")
    scene.app(200, "fat", **FRESH)
    got = scene.get("/", body=b"more")
    assert got.cache_status == "wsgicache; fwd=bypass; detail=body"
    assert got.text == "fat"
    assert scene.get("/").text == "plain"


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

    def failing(environ: Environ) -> Reply:
        if permission == "raised":
            raise RuntimeError("no origin")
        return Reply(503, "broken")

    scene.app(failing)
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
        assert proceed.wait(10)
        return Reply(200, "new", etag='"v2"', cache_control="max-age=60")

    scene.app(slow)
    scene.after(70)
    try:
        for _ in range(3):
            got = scene.get("/")
            assert (got.text, got.age, got.hit) == ("old", 70, True)
            assert got.verdict["ttl"] == -10
        assert asked.wait(10)
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


def test_a_background_validation_is_nobodys(scene: Scene) -> None:
    """It goes without the client's identity, conditions, range, directives and body."""
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


# ── invalidation (§4.4) ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "FOO"])
def test_an_unsafe_method_drops_the_uri_and_every_variant(scene: Scene, method: str) -> None:
    scene.app(by_language)
    for language in ("de", "fr"):
        scene.get("/list", accept_language=language)
        assert scene.get("/list", accept_language=language).hit
    scene.app(200, "done")
    scene.request(method, "/list")
    scene.app(by_language)
    for language in ("de", "fr"):
        assert not scene.get("/list", accept_language=language).hit


def test_post_drops_location_and_content_location_of_the_same_origin(scene: Scene) -> None:
    scene.app(200, "hello", **FRESH)
    for target in ("/a", "/b?x=1", "/c"):
        scene.get(target)
    scene.app(201, "made", location="/a", content_location="http://example.org/b?x=1")
    scene.post("/c")
    scene.app(200, "hello", **FRESH)
    for target in ("/a", "/b?x=1", "/c"):
        assert not scene.get(target).hit, target
    assert scene.get("/a").hit


def test_post_leaves_other_uris_alone(scene: Scene) -> None:
    scene.app(200, "hello", **FRESH)
    scene.get("/items")
    scene.get("/items?page=2")
    scene.post("/items")
    assert scene.get("/items?page=2").hit
    assert not scene.get("/items").hit


def test_the_entry_is_gone_before_the_first_byte_leaves(scene: Scene) -> None:
    filled(scene, "old")
    seen: list[Exchange] = []

    def posting(environ: Environ, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "GET":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"new"]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (chunk for chunk in (b"a", b"b"))

    scene.wsgi(posting)
    from tests.scene import environ_for, exchange

    exchange(
        scene.front,
        environ_for("POST", "/"),
        each=lambda chunk: seen.append(scene.get("/")),
    )
    assert [got.text for got in seen] == ["new", "new"]


# ── HEAD ─────────────────────────────────────────────────────────────────────────────────────────


def test_head_is_answered_from_a_stored_get(scene: Scene) -> None:
    filled(scene, "hello", etag='"v1"')
    scene.after(3)
    got, head = scene.get("/"), scene.head("/")
    assert head.cache_status == "wsgicache; hit; ttl=57"
    assert head.body == b""
    assert (head.status, head.headers) == (got.status, got.headers)


def test_head_on_a_cold_key_stores_nothing_for_get(scene: Scene) -> None:
    scene.app(200, "hello", **FRESH)
    head = scene.head("/")
    assert (head.code, head.body, head.header("Content-Length")) == (200, b"", "5")
    got = scene.get("/")
    assert (got.text, got.hit) == ("hello", False)


def test_head_freshens_a_stored_get(scene: Scene) -> None:
    """§4.3.5: same validators, same length."""
    filled(scene, "hello", etag='"v1"', x_word="old")
    scene.app(200, "hello", etag='"v1"', cache_control="max-age=100", x_word="new")
    scene.after(61)
    head = scene.head("/")
    assert (head.fwd, head.body) == ("stale", b"")
    got = scene.get("/")
    assert (got.hit, got.text, got.header("X-Word")) == (True, "hello", "new")
    assert got.verdict["ttl"] == 100


@pytest.mark.parametrize(
    "change",
    [{"etag": '"v2"'}, {"content_length": "6"}, {"last_modified": "Tue, 14 Nov 2023 22:13:19 GMT"}],
    ids=str,
)
def test_head_with_another_validator_makes_the_stored_get_stale(
    scene: Scene, change: dict[str, Any]
) -> None:
    """§4.3.5."""
    known: dict[str, Any] = {"etag": '"v1"', "last_modified": "Tue, 14 Nov 2023 20:13:20 GMT"}
    filled(scene, "hello", **known)
    scene.app(200, "hello", **{**known, **FRESH, **change})
    scene.head("/", cache_control="no-cache")
    scene.app(200, "other", **FRESH)
    got = scene.get("/")
    assert (got.hit, got.text) == (False, "other")


# ── Range (RFC 9110 §14) ─────────────────────────────────────────────────────────────────────────

DIGITS = "0123456789"


@pytest.mark.parametrize(
    ("spec", "content", "content_range"),
    [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-100", DIGITS, "bytes 0-9/10"),
        ("bytes=9-9", "9", "bytes 9-9/10"),
        ("bytes=5-1000", "56789", "bytes 5-9/10"),
        ("Bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=0-0,", "0", "bytes 0-0/10"),
        ("bytes=50-60, 2-3", "23", "bytes 2-3/10"),
    ],
)
def test_a_range_of_a_stored_response(
    scene: Scene, spec: str, content: str, content_range: str
) -> None:
    filled(scene, DIGITS, etag='"v1"')
    got = scene.get("/", range=spec)
    assert (got.status, got.text) == ("206 Partial Content", content)
    assert got.header("Content-Range") == content_range
    assert got.header("Content-Length") == str(len(content))
    assert got.header("ETag") == '"v1"'
    assert got.hit


def parts_of(got: Exchange) -> list[tuple[str, bytes]]:
    """The parts of a multipart/byteranges body: Content-Range and content."""
    content_type = got.header("Content-Type") or ""
    message = email.parser.BytesParser().parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + got.body
    )
    assert message.get_content_type() == "multipart/byteranges"
    parts = message.get_payload()
    assert isinstance(parts, list)
    found = []
    for part in parts:
        assert isinstance(part, email.message.Message)
        assert part.get_content_type() == "text/plain"
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(part["Content-Range"]), content))
    return found


def test_several_ranges_come_as_multipart(scene: Scene) -> None:
    filled(scene, DIGITS)
    got = scene.get("/", range="bytes=0-1, 4-5, -1")
    assert got.code == 206
    assert "content-range" not in got.names
    assert parts_of(got) == [
        ("bytes 0-1/10", b"01"),
        ("bytes 4-5/10", b"45"),
        ("bytes 9-9/10", b"9"),
    ]
    assert got.header("Content-Length") == str(len(got.body))


@pytest.mark.parametrize("spec", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-100, 200-"])
def test_an_unsatisfiable_range_is_a_416(scene: Scene, spec: str) -> None:
    filled(scene, DIGITS)
    got = scene.get("/", range=spec)
    assert got.code == 416
    assert got.header("Content-Range") == "bytes */10"
    assert DIGITS not in got.text


@pytest.mark.parametrize(
    "spec",
    ["bytes=3-1", "bytes=a-b", "bytes", "items=0-1", "bytes=0-1;2-3", "bytes=-", "0-1"],
)
def test_a_range_that_is_none_is_ignored(scene: Scene, spec: str) -> None:
    """RFC 9110 §14.2: an invalid ranges-specifier or an unknown unit."""
    filled(scene, DIGITS)
    got = scene.get("/", range=spec)
    assert (got.code, got.text) == (200, DIGITS)


IF_RANGE = [
    ('"v1"', 206),
    ('"v2"', 200),
    ('W/"v1"', 200),
    ("Tue, 14 Nov 2023 20:13:20 GMT", 206),
    ("Tue, 14 Nov 2023 20:13:21 GMT", 200),
    ("yesterday", 200),
]


@pytest.mark.parametrize(("condition", "code"), IF_RANGE)
def test_if_range(scene: Scene, condition: str, code: int) -> None:
    """RFC 9110 §13.1.5: strong comparison; a date counts if it is the exact one."""
    filled(
        scene,
        DIGITS,
        etag='"v1"',
        last_modified="Tue, 14 Nov 2023 20:13:20 GMT",
        date=scene.clock.date(),
    )
    got = scene.get("/", range="bytes=0-3", if_range=condition)
    assert got.code == code
    assert got.text == ("0123" if code == 206 else DIGITS)


def test_if_range_with_the_same_weak_tag_is_the_whole(scene: Scene) -> None:
    filled(scene, DIGITS, etag='W/"v1"')
    assert scene.get("/", range="bytes=0-3", if_range='W/"v1"').code == 200


def test_range_yields_to_a_failed_condition(scene: Scene) -> None:
    """RFC 9110 §13.2.2: If-None-Match first."""
    filled(scene, DIGITS, etag='"v1"')
    assert scene.get("/", range="bytes=0-3", if_none_match='"v1"').code == 304


def test_range_is_for_get_only(scene: Scene) -> None:
    """RFC 9110 §14.2: ignored for other methods."""
    filled(scene, DIGITS)
    got = scene.head("/", range="bytes=0-3")
    assert (got.code, got.header("Content-Length"), got.body) == (200, "10", b"")


@pytest.mark.parametrize("status", [404, 301])
def test_range_is_for_200_only(scene: Scene, status: int) -> None:
    filled(scene)
    scene.app(status, DIGITS, location="http://example.org/x", cache_control="max-age=9")
    scene.get("/other")
    got = scene.get("/other", range="bytes=0-3")
    assert (got.hit, got.code, got.text) == (True, status, DIGITS)


def test_a_range_on_a_cold_key_is_forwarded_as_it_is(scene: Scene) -> None:
    scene.app(206, "01", content_range="bytes 0-1/10", **FRESH)
    got = scene.get("/", range="bytes=0-1")
    assert (got.code, got.text) == (206, "01")
    assert scene.calls[-1].header("Range") == "bytes=0-1"
    scene.app(200, DIGITS, **FRESH)
    assert scene.get("/").text == DIGITS


# ── conditions of the client (RFC 9110 §13) ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("stored", "condition", "code"),
    [
        ('"v1"', '"v1"', 304),
        ('"v1"', '"v2"', 200),
        ('"v1"', 'W/"v1"', 304),
        ('W/"v1"', '"v1"', 304),
        ('W/"v1"', 'W/"v1"', 304),
        ('"v1"', '"v0", "v1"', 304),
        ('"v1"', '"v0","v2" , W/"v1"', 304),
        ('"a,b"', '"x", "a,b"', 304),
        ('"a,b"', '"a", "b"', 200),
        ('"v1"', "*", 304),
        ('"v1"', '"*"', 200),
        ('"v1"', "v1", 200),
        ('"v1"', "", 200),
        ('"v1"', ',, "v1" ,', 304),
        ('"v1"', '"V1"', 200),
    ],
)
def test_if_none_match(scene: Scene, stored: str, condition: str, code: int) -> None:
    """RFC 9110 §13.1.2: weak comparison, lists, `*`."""
    filled(scene, "body", etag=stored)
    got = scene.get("/", ("If-None-Match", condition))
    assert got.code == code
    assert got.body == (b"" if code == 304 else b"body")
    assert got.hit


def test_a_304_carries_what_a_304_must(scene: Scene) -> None:
    """RFC 9110 §15.4.5."""
    must: dict[str, Any] = {
        "date": scene.clock.date(),
        "etag": '"v1"',
        "expires": scene.clock.date(60),
        "vary": "Accept",
        "content_location": "http://example.org/here",
    }
    filled(scene, "body", content_encoding="identity", **must)
    scene.after(4)
    got = scene.get("/", if_none_match='"v1"')
    assert got.status == "304 Not Modified"
    full = scene.get("/")
    for name in ("Date", "ETag", "Expires", "Vary", "Content-Location", "Cache-Control", "Age"):
        assert got.header(name) == full.header(name), name
    assert not got.names & {"content-type", "content-length", "content-encoding"}


SINCE = "Tue, 14 Nov 2023 20:13:20 GMT"


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (SINCE, 304),
        ("Tue, 14 Nov 2023 20:13:21 GMT", 304),
        ("Tue, 14 Nov 2023 20:13:19 GMT", 200),
        ("Tuesday, 14-Nov-23 20:13:20 GMT", 304),
        ("Tue Nov 14 20:13:20 2023", 304),
        ("tue, 14 nov 2023 20:13:20 gmt", 304),
        ("Tue, 14 Nov 2023 20:13:20 UTC", 200),
        ("nonsense", 200),
        ("", 200),
    ],
)
def test_if_modified_since(scene: Scene, condition: str, code: int) -> None:
    """RFC 9110 §13.1.3; a condition that is no date is ignored."""
    filled(scene, "body", last_modified=SINCE)
    assert scene.get("/", ("If-Modified-Since", condition)).code == code


def test_if_modified_since_without_last_modified_is_compared_with_date(scene: Scene) -> None:
    """§4.3.2."""
    filled(scene, "body", date=scene.clock.date(-20))
    assert scene.get("/", if_modified_since=scene.clock.date(-20)).code == 304
    assert scene.get("/", if_modified_since=scene.clock.date(-21)).code == 200


def test_if_none_match_goes_before_if_modified_since(scene: Scene) -> None:
    filled(scene, "body", etag='"v1"', last_modified=SINCE)
    assert scene.get("/", if_none_match='"v2"', if_modified_since=SINCE).code == 200
    assert scene.get("/", if_none_match='"v1"', if_modified_since="nonsense").code == 304


def test_conditions_for_the_origin_are_not_ours(scene: Scene) -> None:
    """§4.3.2: If-Match and If-Unmodified-Since are never evaluated by a cache."""
    filled(scene, "body", etag='"v1"')
    scene.app(412, "no")
    got = scene.get("/", if_match='"v2"')
    assert got.code in (200, 412)
    if got.hit:
        assert got.text == "body"


def test_a_head_with_a_condition(scene: Scene) -> None:
    filled(scene, "body", etag='"v1"')
    got = scene.head("/", if_none_match='"v1"')
    assert (got.code, got.body) == (304, b"")


# ── generated entity tags ────────────────────────────────────────────────────────────────────────


def test_a_stored_200_without_etag_is_given_one(scene: Scene) -> None:
    filled(scene, "body")
    tag = scene.get("/").header("ETag")
    assert tag is not None
    assert tag.startswith('"')  # a strong one
    assert tag.endswith('"')
    got = scene.get("/", if_none_match=tag)
    assert (got.code, got.header("ETag"), got.hit) == (304, tag, True)
    scene.app(200, "other", **FRESH)
    scene.get("/", cache_control="no-cache")
    assert scene.get("/").header("ETag") != tag


def test_a_generated_tag_is_no_secret_and_no_name(scene: Scene) -> None:
    """The same content has the same tag in every process; it is not the content itself."""
    filled(scene, "body")
    other = Scene()
    filled(other, "body")
    tag = scene.get("/").header("ETag")
    assert tag == other.get("/").header("ETag")
    assert tag is not None
    assert "body" not in tag


def test_a_generated_tag_never_reaches_the_app(scene: Scene) -> None:
    filled(scene, "body")
    tag = scene.get("/").header("ETag")
    scene.after(61)
    got = scene.get("/", if_none_match=tag)
    assert scene.count == 2
    assert scene.calls[-1].header("If-None-Match") is None
    assert got.code in (200, 304)
    if got.code == 200:
        assert got.text == "body"


def test_generated_tags_can_be_switched_off(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(generate_etags=False))
    filled(scene, "body")
    assert scene.get("/").header("ETag") is None


@pytest.mark.parametrize("status", [404, 301, 203])
def test_only_a_200_is_given_a_tag(scene: Scene, status: int) -> None:
    scene.app(status, "said", location="http://example.org/x", cache_control="max-age=9")
    scene.get("/")
    got = scene.get("/")
    assert got.hit
    assert got.header("ETag") is None


# ── targeted fields (RFC 9213) ───────────────────────────────────────────────────────────────────

OURS = "Wsgicache-Cache-Control"


def test_our_targeted_field_wins_and_is_taken_from_the_response(scene: Scene) -> None:
    scene.app(200, "body", (OURS, "max-age=100"), cache_control="no-store", expires="0")
    got = scene.get("/")
    assert got.stored
    assert OURS.lower() not in got.names
    assert (got.header("Cache-Control"), got.header("Expires")) == ("no-store", "0")
    got = scene.get("/")
    assert got.cache_status == "wsgicache; hit; ttl=100"
    assert OURS.lower() not in got.names
    assert got.header("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("max-age=60", True),
        ("none", False),
        ("no-store", False),
        ("private, max-age=60", False),
        ("", True),
        ("max-age=60;x=1", True),
        ("max-age=abc", True),
        ('max-age="60"', True),
        ("max-age=60.5", True),
        ("max-age=-1", None),
        ("&&", True),
        ("no-store=1, max-age=60", None),
        ("MAX-AGE=60", True),
        ("max-age=0", False),
    ],
)
def test_a_targeted_field_that_is_no_dictionary_is_not_there(
    scene: Scene, value: str, stored: bool | None
) -> None:
    """RFC 9213 §2.1; then Cache-Control, here max-age=9, counts again.

    A member of the wrong type invalidates the field.
    """
    scene.app(200, "body", (OURS, value), cache_control="max-age=9")
    scene.get("/")
    got = scene.get("/")
    assert OURS.lower() not in got.names
    if stored is not None:
        assert got.hit is stored
    if got.hit:
        assert got.verdict["ttl"] == (60 if value in ("max-age=60", "max-age=60;x=1") else 9)


@pytest.mark.parametrize("name", ["CDN-Cache-Control", "Surrogate-Control", "Other-Cache-Control"])
def test_targeted_fields_of_others_pass_on(scene: Scene, name: str) -> None:
    scene.app(200, "body", (name, "max-age=1000"), **FRESH)
    scene.get("/")
    got = scene.get("/")
    assert got.cache_status == "wsgicache; hit; ttl=60"
    assert got.header(name) == "max-age=1000"


def test_the_rfc_policy_heeds_cdn_cache_control(rfc_scene: Scene) -> None:
    rfc_scene.app(200, "body", ("CDN-Cache-Control", "max-age=1000"), **FRESH)
    rfc_scene.get("/")
    got = rfc_scene.get("/")
    assert got.verdict["ttl"] == 1000
    assert got.header("CDN-Cache-Control") == "max-age=1000"
    rfc_scene.app(200, "body", ("CDN-Cache-Control", "max-age=1000"), (OURS, "max-age=5"), **FRESH)
    rfc_scene.get("/2")
    assert rfc_scene.get("/2").verdict["ttl"] == 5


def test_fields_can_be_taken_from_responses(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(strip=("Cache-Tag", "CDN-Cache-Control")))
    scene.app(200, "body", ("Cache-Tag", "a"), ("CDN-Cache-Control", "max-age=9"), **FRESH)
    for _ in range(2):
        got = scene.get("/")
        assert not got.names & {"cache-tag", "cdn-cache-control"}
    assert got.hit


# ── heuristics (§4.2.2) ──────────────────────────────────────────────────────────────────────────


def test_heuristic_freshness_is_a_tenth_of_the_age(rfc_scene: Scene) -> None:
    rfc_scene.app(200, "body", last_modified=rfc_scene.clock.date(-1000))
    assert rfc_scene.get("/").stored
    assert rfc_scene.get("/").verdict["ttl"] == 100
    rfc_scene.after(100)
    assert rfc_scene.get("/").fwd == "stale"


def test_the_safe_policy_has_no_heuristics(scene: Scene) -> None:
    scene.app(200, "body", last_modified=scene.clock.date(-1000))
    scene.get("/")
    assert not scene.get("/").hit


@pytest.mark.parametrize(
    ("status", "fields", "hit"),
    [
        (200, {}, True),
        (203, {}, True),
        (300, {}, True),
        (301, {}, True),
        (308, {}, True),
        (404, {}, True),
        (405, {}, True),
        (410, {}, True),
        (414, {}, True),
        (501, {}, True),
        (302, {}, False),
        (307, {}, False),
        (400, {}, False),
        (403, {}, False),
        (500, {}, False),
        (503, {}, False),
        (302, {"cache_control": "public"}, True),
        (200, {"cache_control": "no-store"}, False),
        (200, {"cache_control": "max-age=0"}, False),
        (200, {"expires": "0"}, False),
        (200, {"last_modified": None}, False),
        (200, {"last_modified": "Tue, 14 Nov 2029 20:13:20 GMT"}, False),
    ],
)
def test_heuristics_need_a_status_and_a_date(
    rfc_scene: Scene, status: int, fields: dict[str, Any], hit: bool
) -> None:
    """RFC 9110 §15.1 lists the status codes; `public` adds to them; explicit words forbid."""
    said: dict[str, Any] = {
        "last_modified": rfc_scene.clock.date(-1000),
        "location": "http://example.org/x",
        **fields,
    }
    rfc_scene.app(status, "body", **said)
    rfc_scene.get("/")
    assert rfc_scene.get("/").hit is hit


# ── must-understand (§5.2.2.3) ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "directives", "hit"),
    [
        (200, "must-understand, no-store, max-age=60", True),
        (200, "must-understand, max-age=60", True),
        (599, "must-understand, max-age=60", False),
        (599, "must-understand, no-store, max-age=60", False),
        (200, "no-store, max-age=60", False),
        (404, "must-understand, no-store, max-age=5", True),
    ],
)
def test_must_understand(scene: Scene, status: int, directives: str, hit: bool) -> None:
    scene.app(status, "body", cache_control=directives)
    scene.get("/")
    assert scene.get("/").hit is hit


# ── POST and 206 in the rfc policy ───────────────────────────────────────────────────────────────


def test_the_rfc_policy_stores_a_post_that_says_where_it_is(rfc_scene: Scene) -> None:
    """RFC 9110 §9.3.3: explicit freshness and a Content-Location that is the target URI."""
    rfc_scene.app(200, "posted", content_location="/form", **FRESH)
    rfc_scene.post("/form")
    got = rfc_scene.get("/form")
    assert (got.hit, got.text) == (True, "posted")


@pytest.mark.parametrize(
    "fields",
    [
        {"content_location": "/other", **FRESH},
        FRESH,
        {"content_location": "/form"},
        {"content_location": "http://elsewhere.example/form", **FRESH},
        {"content_location": "/form", "cache_control": "max-age=60, no-store"},
    ],
    ids=str,
)
def test_another_post_is_not_stored(rfc_scene: Scene, fields: dict[str, Any]) -> None:
    rfc_scene.app(200, "posted", **fields)
    rfc_scene.post("/form")
    rfc_scene.app(200, "got")
    assert rfc_scene.get("/form").text == "got"


def test_the_rfc_policy_answers_from_a_stored_part(rfc_scene: Scene) -> None:
    """§3.3: a request wholly within it; a whole request asks for the rest."""

    def parts(environ: Environ) -> Reply:
        spec = environ.get("HTTP_RANGE")
        if spec is None:
            return Reply(200, DIGITS, etag='"v1"', **FRESH)
        start, end = (int(n or 9) for n in spec.removeprefix("bytes=").split("-"))
        return Reply(
            206,
            DIGITS[start : end + 1],
            content_range=f"bytes {start}-{end}/10",
            etag='"v1"',
            **FRESH,
        )

    rfc_scene.app(parts)
    assert rfc_scene.get("/", range="bytes=0-5").text == "012345"
    got = rfc_scene.get("/", range="bytes=2-4")
    assert (got.hit, got.code, got.text) == (True, 206, "234")
    assert got.header("Content-Range") == "bytes 2-4/10"
    got = rfc_scene.get("/")
    assert (got.code, got.text) == (200, DIGITS)
    got = rfc_scene.get("/")
    assert (got.hit, got.code, got.text) == (True, 200, DIGITS)


def test_a_part_that_lies_about_its_length_is_not_stored(rfc_scene: Scene) -> None:
    rfc_scene.app(206, "0123", content_range="bytes 0-5/10", etag='"v1"', **FRESH)
    rfc_scene.get("/", range="bytes=0-5")
    rfc_scene.app(206, "abcdef", content_range="bytes 0-5/10", etag='"v1"', **FRESH)
    assert rfc_scene.get("/", range="bytes=0-5").text == "abcdef"


# ── what the client is told ──────────────────────────────────────────────────────────────────────


def test_cache_status_is_appended_to_what_the_app_says(scene: Scene) -> None:
    """RFC 9211 §2: a list, the cache nearest to the origin first."""
    filled(scene, "body", cache_status="Origin; hit")
    got = scene.get("/")
    combined = ", ".join(got.lines("Cache-Status"))
    assert combined == "Origin; hit, wsgicache; hit; ttl=60"


def test_cache_status_can_be_switched_off_or_renamed(make_scene: MakeScene) -> None:
    quiet = make_scene(Policy(cache_status=False))
    quiet.app(200, "body", **FRESH)
    for _ in range(2):
        assert quiet.get("/").header("Cache-Status") is None
    assert quiet.count == 1
    named = make_scene(Policy(name="edge"))
    named.app(200, "body", **FRESH)
    assert named.get("/").cache_status == "edge; fwd=uri-miss; stored"
    assert named.get("/").cache_status == "edge; hit; ttl=60"


def test_x_cache_is_there_for_those_who_want_it(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(x_cache=True))
    scene.app(200, "body", **FRESH)
    assert [scene.get("/").header("X-Cache") for _ in range(2)] == ["MISS", "HIT"]
    assert scene.post("/").header("X-Cache") == "MISS"


def test_no_date_is_made_up(scene: Scene) -> None:
    filled(scene)
    assert scene.get("/").header("Date") is None


def test_fields_named_by_no_cache_and_private_are_dropped(scene: Scene) -> None:
    """§5.2.2.4, §5.2.2.7: the field stays out of the store, the rest is kept."""
    filled(
        scene,
        "body",
        cache_control='max-age=60, private="X-Mine, x-other", no-cache="X-Once"',
        x_mine="1",
        x_other="2",
        x_once="3",
        x_all="4",
    )
    got = scene.get("/")
    assert got.hit
    assert not got.names & {"x-mine", "x-other", "x-once"}
    assert got.header("X-All") == "4"


# ── attributes, and a store that fails ───────────────────────────────────────────────────────────


def test_the_middleware_shows_what_it_is_made_of() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise NotImplementedError

    store, policy = MemoryStore(), Policy()
    cache = CacheMiddleware(app, store=store, policy=policy)
    assert cache.app is app
    assert cache.store is store
    assert cache.policy is policy
    assert abs(cache.clock.now() - cache.clock.wall()) < 1e6
    assert isinstance(CacheMiddleware(app).store, MemoryStore)
    assert CacheMiddleware(app).policy == policy


class FailingStore:
    """A store out of order."""

    def get(self, key: Any) -> Any:
        raise OSError("store is down")

    def content(self, stored: Any) -> Any:
        raise OSError("store is down")

    def update(self, key: Any, change: Any) -> None:
        raise OSError("store is down")


def test_a_failing_store_is_a_miss(make_scene: MakeScene, caplog: pytest.LogCaptureFixture) -> None:
    scene = make_scene(store=FailingStore())
    scene.app(200, "body", **FRESH)
    for _ in range(2):
        got = scene.get("/")
        assert (got.code, got.text, got.hit) == (200, "body", False)
        assert got.detail == "store-error"
    assert scene.post("/").code == 200
    assert scene.count == 3
    assert caplog.records


def test_a_large_content_is_the_content(scene: Scene) -> None:
    body = b"".join(hashlib.sha256(bytes([n])).digest() * 1000 for n in range(64))
    scene.app(200, [body[n : n + 65536] for n in range(0, len(body), 65536)], **FRESH)
    assert scene.get("/").body == body
    got = scene.get("/")
    assert (got.hit, got.body == body) == (True, True)


@pytest.mark.parametrize("late", [0.5, 3.0])
def test_r17_a_page_from_the_future_has_an_age_and_a_status(scene: Scene, late: float) -> None:
    """Another host's clock is ahead, or this request looked at its own a moment before."""
    scene.app(200, "x", cache_control="max-age=60")
    scene.get("/")
    entry = scene.cache.store.get(("http", "example.org", "/", ""))
    assert entry is not None
    (stored,) = entry.responses.values()
    stored.generated_at += late
    got = scene.get("/")
    assert got.lines("Age") == ["0"]
    assert got.cache_status == "wsgicache; hit; ttl=60"
