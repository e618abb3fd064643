"""What the public HTTP cache suite says it does not test, and what its client cannot see.

The first part is its own list of gaps. The second are the fields of one connection: a server
between the suite and the cache removes or rewrites them, so whether they were stored does not show.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.scene import Environ, Reply, Scene
from wsgicache import Policy

FRESH: dict[str, Any] = {"cache_control": "max-age=3600"}
PROFILES = pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
DIGITS = "0123456789"


def holding(scene: Scene, target: str = "/", **fields: Any) -> None:
    """DIGITS is stored for *target*."""
    scene.app(200, DIGITS, **{**FRESH, **fields})
    assert scene.get(target).stored


# ── invalidation ─────────────────────────────────────────────────────────────────────────────────


@PROFILES
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"])
@pytest.mark.parametrize("name", ["location", "content_location"])
@pytest.mark.parametrize(
    "origin", ["http://elsewhere.example", "https://example.org", "http://example.org:8080"]
)
def test_a_location_of_another_origin_invalidates_nothing(
    make_scene: MakeScene, policy: Policy, method: str, name: str, origin: str
) -> None:
    """Neither there nor here (§4.4)."""
    scene = make_scene(policy)
    scheme, _, host = origin.partition("://")
    there = {"wsgi.url_scheme": scheme, "HTTP_HOST": host}
    scene.app(200, DIGITS, **FRESH)
    for environ in ({}, there):
        assert scene.get("/value", environ=environ).stored
    location: dict[str, Any] = {name: f"{origin}/value"}
    scene.app(201, "", **location)
    scene.request(method, "/")
    for environ in ({}, there):
        assert scene.get("/value", environ=environ).hit


@PROFILES
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "SEARCH", "QUERY"])
@pytest.mark.parametrize("status", [200, 204, 303])
def test_a_safe_method_invalidates_nothing(
    make_scene: MakeScene, policy: Policy, method: str, status: int
) -> None:
    scene = make_scene(policy)
    for target in ("/", "/value"):
        holding(scene, target)
    scene.app(status, "", location="/value", content_location="/value")
    scene.request(method, "/")
    for target in ("/", "/value"):
        assert scene.get(target).hit


# ── conditions ───────────────────────────────────────────────────────────────────────────────────


@PROFILES
@pytest.mark.parametrize(
    "condition", [{"if_match": '"v1"'}, {"if_match": "*"}, {"if_unmodified_since": "now"}], ids=str
)
def test_a_condition_for_the_origin_is_left_to_it(
    make_scene: MakeScene, policy: Policy, condition: dict[str, str]
) -> None:
    """If-Match and If-Unmodified-Since do not apply to a cache (§4.3.2)."""
    scene = make_scene(policy)
    holding(scene, etag='"v1"', last_modified=scene.clock.date(-60))
    sent: dict[str, Any] = {
        name: value.replace("now", scene.clock.date()) for name, value in condition.items()
    }
    scene.app(412, "")
    assert scene.get("/", **sent).code == 412
    assert scene.count == 2
    assert scene.get("/").hit


@PROFILES
def test_a_star_matches_whatever_is_stored(make_scene: MakeScene, policy: Policy) -> None:
    """If-None-Match: * (RFC 9110 §13.1.2); where nothing is stored it is the app's to say."""
    scene = make_scene(policy)
    scene.app(304)
    assert scene.get("/", if_none_match="*").code == 304
    assert scene.calls[0].header("If-None-Match") == "*"
    holding(scene)
    got = scene.get("/", if_none_match="*")
    assert (got.hit, got.code, got.text) == (True, 304, "")


IF_RANGES = [
    ("the same tag", '"v1"', 206),
    ("another tag", '"v2"', 200),
    ("the same tag, weak", 'W/"v1"', 200),
    ("unquoted", "v1", 200),
    ("the same date", -3600, 206),
    ("a later date", -60, 200),
    ("an earlier date", -7200, 200),
    ("no date", "yesterday", 200),
]


@PROFILES
@pytest.mark.parametrize(
    ("condition", "code"), [row[1:] for row in IF_RANGES], ids=[row[0] for row in IF_RANGES]
)
def test_if_range(make_scene: MakeScene, policy: Policy, condition: str | int, code: int) -> None:
    """The part if it is the same representation, else the whole (RFC 9110 §13.1.5)."""
    scene = make_scene(policy)
    holding(scene, etag='"v1"', last_modified=scene.clock.date(-3600), date=scene.clock.date())
    if isinstance(condition, int):
        condition = scene.clock.date(condition)
    got = scene.get("/", range="bytes=2-4", if_range=condition)
    assert (got.hit, got.code) == (True, code)
    assert got.text == (DIGITS[2:5] if code == 206 else DIGITS)


# ── staleness and replacement ────────────────────────────────────────────────────────────────────

MAX_STALES = [
    ("within it", 69, "max-stale=10", "max-age=60", True),
    ("at its end", 70, "max-stale=10", "max-age=60", True),
    ("past it", 71, "max-stale=10", "max-age=60", False),
    ("zero", 60, "max-stale=0", "max-age=60", True),
    ("zero, past it", 61, "max-stale=0", "max-age=60", False),
    ("without end", 10**9, "max-stale", "max-age=60", True),
    ("greater than any number", 10**9, "max-stale=" + "9" * 30, "max-age=60", True),
    ("must-revalidate", 61, "max-stale", "max-age=60, must-revalidate", False),
    ("proxy-revalidate", 61, "max-stale", "max-age=60, proxy-revalidate", False),
    ("s-maxage", 61, "max-stale", "s-maxage=60", False),
    ("no-cache", 1, "max-stale", "max-age=60, no-cache", False),
]


@PROFILES
@pytest.mark.parametrize(
    ("after", "wish", "directives", "hit"),
    [row[1:] for row in MAX_STALES],
    ids=[row[0] for row in MAX_STALES],
)
def test_max_stale_has_bounds(
    make_scene: MakeScene, policy: Policy, after: float, wish: str, directives: str, hit: bool
) -> None:
    scene = make_scene(policy)
    holding(scene, cache_control=directives, etag='"v1"')
    scene.after(after)
    assert scene.get("/", cache_control=wish).hit is hit


@PROFILES
@pytest.mark.parametrize("validator", [{"etag": '"v1"'}, {}], ids=["validated", "fetched"])
def test_a_200_replaces_what_was_stale(
    make_scene: MakeScene, policy: Policy, validator: dict[str, str]
) -> None:
    """Fields and content, and nothing of the old one is left."""
    scene = make_scene(policy)
    holding(scene, x_old="1", **validator)
    scene.after(3600)
    scene.app(200, "new", etag='"v2"', x_new="2", **FRESH)
    assert scene.get("/").text == "new"
    for wish in (None, "max-stale"):
        got = scene.get("/", cache_control=wish)
        assert (got.hit, got.text, got.header("ETag"), got.age) == (True, "new", '"v2"', 0)
        assert (got.header("X-Old"), got.header("X-New")) == (None, "2")


@PROFILES
@pytest.mark.parametrize(
    "changed", [{"etag": '"v2"'}, {"last_modified": -60}, {"content_length": "11"}], ids=str
)
def test_a_head_with_a_changed_validator_makes_it_stale(
    make_scene: MakeScene, policy: Policy, changed: dict[str, Any]
) -> None:
    """§4.3.5: the old content is not served again, though its lifetime is not over."""
    scene = make_scene(policy)
    before: dict[str, Any] = {"etag": '"v1"', "last_modified": scene.clock.date(-3600)}
    holding(scene, **before)
    if "last_modified" in changed:
        changed = {"last_modified": scene.clock.date(-60)}
    scene.app(200, "", length=False, **{**FRESH, **before, **changed})
    scene.head("/", cache_control="no-cache")
    scene.app(200, "new", **FRESH)
    assert scene.get("/", cache_control="max-stale").text == "new"


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


def serving_parts(environ: Environ) -> Reply:
    first, last = environ["HTTP_RANGE"].removeprefix("bytes=").split("-")
    start, end = int(first), int(last or 9)
    span = f"bytes {start}-{end}/10"
    return Reply(206, DIGITS[start : end + 1], content_range=span, etag='"v1"', **FRESH)


def test_parts_are_combined(rfc_scene: Scene) -> None:
    """§3.4: two that meet, and the rest by a request of the cache's own."""
    rfc_scene.app(serving_parts)
    for wanted in ("0-2", "3-6"):
        rfc_scene.get("/", range=f"bytes={wanted}")
    assert rfc_scene.get("/", range="bytes=1-5").hit
    got = rfc_scene.get("/")
    assert (got.code, got.text) == (200, DIGITS)
    assert rfc_scene.calls[-1].header("Range") == "bytes=7-"
    assert rfc_scene.calls[-1].header("If-Range") == '"v1"'
    assert (rfc_scene.get("/").hit, rfc_scene.count) == (True, 3)


def test_parts_of_different_representations_are_not(rfc_scene: Scene) -> None:
    rfc_scene.app(serving_parts)
    rfc_scene.get("/", range="bytes=0-4")
    rfc_scene.app(206, "fghij", content_range="bytes 5-9/10", etag='"v2"', **FRESH)
    rfc_scene.get("/", range="bytes=5-9")
    rfc_scene.app(200, "abcdefghij", etag='"v2"', **FRESH)
    assert rfc_scene.get("/").text == "abcdefghij"


@PROFILES
@pytest.mark.parametrize("spec", ["10-", "10-20", "99-", "-0", "10-,20-"])
def test_an_unsatisfiable_range_is_a_416(make_scene: MakeScene, policy: Policy, spec: str) -> None:
    """RFC 9110 §15.5.17, from what is stored; it changes nothing of that."""
    scene = make_scene(policy)
    holding(scene)
    got = scene.get("/", range=f"bytes={spec}")
    assert (got.hit, got.status, got.body) == (True, "416 Range Not Satisfiable", b"")
    assert got.lines("Content-Range") == ["bytes */10"]
    assert scene.get("/").text == DIGITS
    assert scene.count == 1


@PROFILES
def test_a_416_of_the_apps_is_passed_on_and_not_stored(
    make_scene: MakeScene, policy: Policy
) -> None:
    """It says what it says of that range alone."""
    scene = make_scene(policy)
    scene.app(416, "", content_range="bytes */10")
    assert scene.get("/", range="bytes=10-").header("Content-Range") == "bytes */10"
    holding(scene)
    assert scene.get("/").text == DIGITS


# ── heuristics ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [206, 300, 301, 308])
def test_heuristic_freshness(make_scene: MakeScene, status: int) -> None:
    """RFC 9110 §15.1 lists these too; the safe policy guesses of none."""
    for policy, hit in ((Policy.rfc(), True), (Policy(), False)):
        scene = make_scene(policy)
        asked: dict[str, Any] = {"range": "bytes=0-9"} if status == 206 else {}
        said: dict[str, Any] = {"content_range": "bytes 0-9/99"} if status == 206 else {}
        scene.app(status, DIGITS, location="/x", last_modified=scene.clock.date(-1000), **said)
        scene.get("/", **asked)
        scene.after(99)
        got = scene.get("/", **asked)
        assert (got.hit, got.code) == (hit, status)
        scene.after(1)
        assert not scene.get("/", **asked).hit


# ── targeted fields ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("targets", [("Wsgicache-Cache-Control",), ("Mine-Cache-Control",), ()])
def test_a_targeted_field_that_is_not_listed_is_ignored(
    make_scene: MakeScene, targets: tuple[str, ...]
) -> None:
    """RFC 9213 §2.2: it must not change what the cache does, and passes through."""
    cases = [("no-store", "max-age=60", True), ("max-age=60", "no-store", False)]
    for cdn, everybody, hit in cases:
        scene = make_scene(Policy.rfc(targets=targets))
        scene.app(200, DIGITS, cdn_cache_control=cdn, cache_control=everybody)
        scene.get("/")
        got = scene.get("/")
        assert (got.hit, got.header("CDN-Cache-Control")) == (hit, cdn)


# ── fields of one connection ─────────────────────────────────────────────────────────────────────

HOP_BY_HOP = """
    Connection Keep-Alive Proxy-Authenticate Proxy-Authentication-Info Proxy-Authorization
    Proxy-Connection TE Trailer Transfer-Encoding Upgrade
""".split()
WAYS = ["stored", "refused", "validated", "head", "post", "bypass", "background", "stands-in"]


def travelled(scene: Scene, way: str, fields: list[tuple[str, str]]) -> list[set[str]]:
    """The names of the fields of all answers that *fields* of the app's may have come to, by one of
    the ways that a response takes."""
    told = {"stored": "max-age=60", "refused": "no-store"}.get(way, "max-age=2, stale-if-error=60")
    if way == "background":
        told = "max-age=2, stale-while-revalidate=60"
    scene.app(200, DIGITS, *fields, ("Cache-Control", told), ("ETag", '"v1"'))
    method = {"head": "HEAD", "post": "POST"}.get(way, "GET")
    sent: dict[str, Any] = {"if_match": "*"} if way == "bypass" else {}
    answers = [scene.request(method, "/", **sent), scene.request(method, "/", **sent)]
    scene.after(3)
    if way == "validated":
        scene.app(304, b"", *fields, ("Cache-Control", "max-age=60"), ("ETag", '"v1"'))
    if way == "stands-in":
        scene.app(503, b"", *fields)
    for _ in range(2):
        answers.append(scene.request(method, "/", **sent))
        scene.settle()
    return [answer.names for answer in answers]


@PROFILES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", HOP_BY_HOP)
def test_a_field_of_one_connection_goes_no_further(
    make_scene: MakeScene, policy: Policy, way: str, name: str
) -> None:
    """Never stored, never replayed, never forwarded (§3.1, RFC 9110 §7.6.1)."""
    scene = make_scene(policy, lint=False)
    for names in travelled(scene, way, [(name.swapcase(), "x-mine"), ("X-Other", "1")]):
        assert name.lower() not in names


@PROFILES
@pytest.mark.parametrize("way", WAYS)
def test_nor_does_what_connection_lists(make_scene: MakeScene, policy: Policy, way: str) -> None:
    scene = make_scene(policy, lint=False)
    fields = [
        ("Connection", "close, X-One"),
        ("connection", "x-two"),
        ("X-One", "1"),
        ("x-Two", "2"),
    ]
    for names in travelled(scene, way, fields):
        assert not names & {"connection", "x-one", "x-two"}


@PROFILES
@pytest.mark.parametrize("way", WAYS)
def test_other_fields_do(make_scene: MakeScene, policy: Policy, way: str) -> None:
    """The two tests above could not fail otherwise."""
    for names in travelled(make_scene(policy, lint=False), way, [("X-Other", "1")]):
        assert "x-other" in names
