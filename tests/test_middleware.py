"""One story per outcome, told from the client's seat."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.scene import Environ, Exchange, FakeClock, Reply, Scene, environ_for, exchange
from tests.stored import FRESH, filled
from wsgicache import CacheMiddleware, MemoryStore, Policy

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


def test_each_second_has_its_age(scene: Scene) -> None:
    filled(scene)
    for seconds, age in ((0.0, 0), (0.5, 0), (0.5, 1), (0.9, 1), (0.1, 2), (3.0, 5)):
        scene.after(seconds)
        assert scene.get("/").age == age


def test_what_is_no_hit_is_called_none_in_the_second_of_one(scene: Scene) -> None:
    """Nor is a hit called anything else after that."""
    filled(scene)
    scene.after(61)
    told = "wsgicache; hit; ttl=-1"
    assert scene.get("/", cache_control="max-stale").cache_status == told

    def broken(environ: Environ) -> Reply:
        raise RuntimeError

    scene.app(broken)
    assert scene.get("/").cache_status == "wsgicache; fwd=stale; detail=raised"
    assert scene.get("/", cache_control="max-stale").cache_status == told


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
    assert got.cache_status == "wsgicache; fwd=vary-miss; stored; detail=vary-accept-language"
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
    """§4.1 allows it where weights tell the order; the safe policy keeps it as it is."""
    for stage, same in ((scene, False), (rfc_scene, True)):
        stage.app(by_language)
        stage.get("/", accept_language="de;q=0.5, en")
        assert stage.get("/", accept_language="en, de;q=0.5").hit is same
        assert not stage.get("/", accept_language="de;q=0.5, en;q=0.5").hit
        assert not stage.get("/", accept_language="en;q=0.5, de;q=0.5").hit


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


def test_a_304_that_is_none_of_pep_3333_asks_again_without_conditions() -> None:
    """Its client has asked for no 304, and nothing is raised."""
    heads: list[tuple[str, list[Any]]] = [
        ("200 OK", [("ETag", '"1"'), ("Cache-Control", "max-age=1")]),
        ("304 Not Modified", [("ETag", '"1"'), "odd"]),
        ("200 OK", [("ETag", '"2"'), ("Cache-Control", "max-age=1")]),
    ]
    asked: list[Any] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        asked.append(environ.get("HTTP_IF_NONE_MATCH"))
        start_response(*heads[len(asked) - 1])
        return [b"%d" % len(asked)]

    clock = FakeClock()
    cache = CacheMiddleware(app, clock=clock)
    exchange(cache, environ_for())
    clock.advance(2)
    answer = exchange(cache, environ_for())
    assert (answer.code, answer.body, asked) == (200, b"3", [None, '"1"', None])


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
        ("no-cache", 1, False),
        ("max-stale=20", 80, True),
        ("max-stale=20", 81, False),
        ("max-stale", 100000, True),
        ("max-age=70", 61, False),
        ("max-age=10, max-stale=100", 11, True),
        ("max-age=10, max-stale=20", 31, False),
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
    assert got.status == "504 Gateway Timeout"
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
        assert (got.text, got.fwd, got.stored) == ("done", "method", False)
    assert scene.count == 3


@pytest.mark.parametrize(
    ("stored", "method", "status", "fields", "said"),
    [
        ("/", "POST", 200, {}, "fwd=method; detail=invalidated"),
        ("/", "DELETE", 303, {}, "fwd=method; detail=invalidated"),
        ("/", "POST", 403, {}, "fwd=method"),
        ("/other", "POST", 200, {}, "fwd=method"),
        ("/other", "POST", 201, {"location": "/other"}, "fwd=method; detail=invalidated"),
        ("/", "OPTIONS", 200, {}, "fwd=method"),
    ],
)
def test_a_request_that_has_emptied_something_says_so(
    scene: Scene, stored: str, method: str, status: int, fields: dict[str, Any], said: str
) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    scene.get(stored)
    scene.app(status, "done", **fields)
    assert scene.request(method, "/").cache_status == f"wsgicache; {said}"
    assert scene.request(method, "/").cache_status == "wsgicache; fwd=method"
    assert scene.get(stored).hit is ("detail" not in said)


def test_a_get_with_a_body_passes(scene: Scene) -> None:
    filled(scene, "plain")
    scene.app(200, "fat", **FRESH)
    got = scene.get("/", body=b"more")
    assert got.cache_status == "wsgicache; fwd=bypass; detail=body"
    assert got.text == "fat"
    assert scene.get("/").text == "plain"


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


def test_server_timing_comes_after_that_of_the_app_which_is_not_stored(
    make_scene: MakeScene,
) -> None:
    scene = make_scene(Policy(server_timing=True))
    scene.app(200, "body", server_timing="db;dur=5", **FRESH)
    told = [scene.get("/").lines("Server-Timing") for _ in range(2)]
    assert told == [["db;dur=5", 'cache;desc="uri-miss"'], ['cache;desc="hit"']]
    assert scene.post("/").lines("Server-Timing")[-1] == 'cache;desc="method"'


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


WRONG: list[tuple[str, Any, str]] = [
    ("store", 5, "an object with the methods get, content and update, got 5"),
    ("store", MemoryStore, "an object with the methods get, content and update, got <class"),
    ("clock", 5, "an object with the methods now and wall, got 5"),
    ("runner", 5, "a callable that takes a Job, got 5"),
    ("policy", 5, "a Policy, got 5"),
]


@pytest.mark.parametrize(("name", "value", "kind"), WRONG)
def test_what_an_argument_must_be(name: str, value: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be {kind}"):
        CacheMiddleware(lambda environ, start_response: [], **{name: value})


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
def test_a_page_from_the_future_has_an_age_and_a_status(scene: Scene, late: float) -> None:
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


# ── An entity tag of ours from the first answer on ───────────────────────────────────────────────


def test_a_client_of_a_miss_has_the_tag_of_every_hit(bare_scene: Scene) -> None:
    """So it is spared the content ever after, also where a reload asks the app for it again."""
    bare_scene.app(200, "page", **FRESH)
    first = bare_scene.get()
    tag = first.header("ETag")
    assert first.stored
    assert tag is not None
    assert bare_scene.get().header("ETag") == tag
    for fields in ({}, {"cache_control": "no-cache"}):
        bare_scene.after(1)
        assert bare_scene.get(if_none_match=tag, **fields).code == 304
    assert bare_scene.count == 2
    assert "HTTP_IF_NONE_MATCH" not in bare_scene.calls[-1].environ
    bare_scene.app(200, "other", **FRESH)
    bare_scene.after(1)
    changed = bare_scene.get(if_none_match=tag, cache_control="no-cache")
    assert (changed.code, changed.text) == (200, "other")
    assert changed.header("ETag") not in (None, tag)


def test_what_comes_in_pieces_has_none_on_a_miss(bare_scene: Scene) -> None:
    bare_scene.app(200, [b"pa", b"ge"], **FRESH)
    assert bare_scene.get().header("ETag") is None
    assert bare_scene.get().header("ETag") is not None
