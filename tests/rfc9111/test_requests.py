"""What a request may ask for (§5.2.1, §5.4), and when stale responses are served (§4.2.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rfc9111.asking import twice
from tests.rules.messages import date, rows
from tests.scene import Environ, Reply, Scene
from wsgicache import Policy

WISHES = rows(
    # max-age
    ("max-age, old", "max-age=1", {"cache_control": "max-age=3600"}, False),
    ("max-age, as old", "max-age=3", {"cache_control": "max-age=3600"}, True),
    ("max-age of zero", "max-age=0", {"cache_control": "max-age=3600"}, False),
    ("max-age in any case", "Max-Age=1", {"cache_control": "max-age=3600"}, False),
    ("max-age quoted", 'max-age="1"', {"cache_control": "max-age=3600"}, False),
    ("max-age and an Age", "max-age=600", {"cache_control": "max-age=3600", "age": "1800"}, False),
    ("max-age without a number", "max-age", {"cache_control": "max-age=3600"}, True),
    ("max-age longer than freshness", "max-age=60", {"cache_control": "max-age=2"}, False),
    # max-stale
    ("max-stale", "max-stale=1000", {"cache_control": "max-age=2"}, True),
    ("max-stale of any length", "max-stale", {"cache_control": "max-age=2"}, True),
    ("max-stale, as stale", "max-stale=1", {"cache_control": "max-age=2"}, True),
    ("max-stale, staler", "max-stale=1", {"cache_control": "max-age=1"}, False),
    (
        "max-stale and an Age",
        "max-stale=1000",
        {"cache_control": "max-age=1500", "age": "2000"},
        True,
    ),
    (
        "max-stale and a greater Age",
        "max-stale=100",
        {"cache_control": "max-age=1500", "age": "2000"},
        False,
    ),
    (
        "max-stale without a number that is one",
        "max-stale=x",
        {"cache_control": "max-age=2"},
        False,
    ),
    ("max-stale and Expires", "max-stale=10", {"expires": date(1)}, True),
    (
        "max-stale and must-revalidate",
        "max-stale=1000",
        {"cache_control": "max-age=2, must-revalidate"},
        False,
    ),
    (
        "max-stale and proxy-revalidate",
        "max-stale=1000",
        {"cache_control": "max-age=2, proxy-revalidate"},
        False,
    ),
    ("max-stale and s-maxage", "max-stale=1000", {"cache_control": "s-maxage=2"}, False),
    ("max-stale and no-cache", "max-stale=1000", {"cache_control": "max-age=2, no-cache"}, False),
    ("max-stale and no-store", "max-stale=1000", {"cache_control": "max-age=2, no-store"}, False),
    # min-fresh
    ("min-fresh, long enough", "min-fresh=10", {"cache_control": "max-age=13"}, True),
    ("min-fresh, not long enough", "min-fresh=10", {"cache_control": "max-age=12"}, False),
    (
        "min-fresh and an Age",
        "min-fresh=1000",
        {"cache_control": "max-age=1500", "age": "1000"},
        False,
    ),
    ("min-fresh and Expires", "min-fresh=1000", {"expires": date(500)}, False),
    # no-cache, no-store, Pragma
    ("no-cache", "no-cache", {"cache_control": "max-age=3600"}, False),
    ("no-cache in any case", "No-Cache", {"cache_control": "max-age=3600"}, False),
    ("no-cache after others", "foo, bar=baz, no-cache", {"cache_control": "max-age=3600"}, False),
    ("no-cache within quotes", 'foo="no-cache"', {"cache_control": "max-age=3600"}, True),
    ("no-store", "no-store", {"cache_control": "max-age=3600"}, True),
    ("no-transform", "no-transform", {"cache_control": "max-age=3600"}, True),
    ("only-if-cached", "only-if-cached", {"cache_control": "max-age=3600"}, True),
    ("unknown", "nothing-to-see-here", {"cache_control": "max-age=3600"}, True),
    (
        "response directives",
        "s-maxage=0, private, must-revalidate",
        {"cache_control": "max-age=3600"},
        True,
    ),
)


@pytest.mark.parametrize(("wish", "fields", "hit"), WISHES)
def test_wishes(make_scene: MakeScene, wish: str, fields: dict[str, Any], hit: bool) -> None:
    """Three seconds later."""
    options: list[dict[str, Any]] = [{}, {"etag": '"1"'}]
    for validators in options:
        scene = make_scene(Policy.rfc())
        got = twice(scene, second={"cache_control": wish}, **fields, **validators)
        assert got.hit is hit


@pytest.mark.parametrize("fields", [{"etag": '"1"'}, {"last_modified": date(-60)}], ids=str)
@pytest.mark.parametrize("wish", ["no-cache", "max-age=0", "min-fresh=9999"])
def test_a_wish_validates(rfc_scene: Scene, fields: dict[str, Any], wish: str) -> None:
    """§5.2.1.4: not without successful validation."""
    rfc_scene.resource("page", cache_control="max-age=3600", **{"etag": None, **fields})
    rfc_scene.get("/")
    rfc_scene.after(3)
    got = rfc_scene.get("/", cache_control=wish)
    detail = wish.partition("=")[0]
    assert got.cache_status == f"wsgicache; fwd=request; fwd-status=304; detail={detail}"
    assert got.text == "page"


@pytest.mark.parametrize(
    ("headers", "hit"),
    rows(
        ("§5.4 no-cache", {"pragma": "no-cache"}, False),
        ("§5.4 no-cache in any case", {"pragma": "No-Cache"}, False),
        ("§5.4 no-cache in a list", {"pragma": "foo, no-cache"}, False),
        ("§5.4 unknown", {"pragma": "foo"}, True),
        ("§5.4 with Cache-Control beside it", {"pragma": "no-cache", "cache_control": "foo"}, True),
    ),
)
def test_pragma(rfc_scene: Scene, headers: dict[str, Any], hit: bool) -> None:
    assert twice(rfc_scene, second=headers, cache_control="max-age=3600").hit is hit


@pytest.mark.parametrize(
    ("fields", "hit"),
    rows(
        ("§5.4 unknown", {"pragma": "foo", "cache_control": "max-age=3600"}, True),
        (
            "§5.4 no-cache, and Cache-Control",
            {"pragma": "no-cache", "cache_control": "max-age=3600"},
            True,
        ),
        ("§5.4 no-cache alone", {"pragma": "no-cache", "expires": date(3600)}, False),
        (
            "§5.4 no-cache and heuristics",
            {"pragma": "no-cache", "last_modified": date(-86400)},
            False,
        ),
    ),
)
def test_pragma_in_a_response(rfc_scene: Scene, fields: dict[str, Any], hit: bool) -> None:
    assert twice(rfc_scene, **fields).hit is hit


# ── only-if-cached (§5.2.1.7) ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_if_cached_and_nothing_stored(rfc_scene: Scene, method: str) -> None:
    got = rfc_scene.request(method, "/", cache_control="only-if-cached")
    assert (got.status, got.body, rfc_scene.count) == ("504 Gateway Timeout", b"", 0)


@pytest.mark.parametrize(
    ("wish", "directives", "code"),
    rows(
        ("stale", "only-if-cached", "max-age=2", 504),
        ("stale, and content with it", "only-if-cached, max-stale", "max-age=2", 200),
        ("too old", "only-if-cached, max-age=1", "max-age=60", 504),
        ("in any case", "Only-If-Cached", "max-age=2", 504),
        ("fresh", "only-if-cached", "max-age=60", 200),
        ("to be validated", "only-if-cached", "max-age=60, no-cache", 504),
    ),
)
def test_only_if_cached(rfc_scene: Scene, wish: str, directives: str, code: int) -> None:
    got = twice(rfc_scene, second={"cache_control": wish}, cache_control=directives, etag='"1"')
    assert (got.code, rfc_scene.count) == (code, 1)


# ── stale (§4.2.4, RFC 5861) ─────────────────────────────────────────────────────────────────────


def failing(scene: Scene, failure: int | None, overdue: float, **fields: Any) -> Any:
    """What is answered when the app fails, *overdue* seconds past a freshness of two."""
    broken = False

    def answer(environ: Environ) -> Reply:
        if not broken:
            return Reply(200, "page", **fields)
        if failure is None:
            raise RuntimeError("broken")
        return Reply(failure, "sorry")

    scene.app(answer)
    scene.get("/")
    broken = True
    scene.after(2 + overdue)
    try:
        return scene.get("/").code
    except RuntimeError:
        return None


FAILING = rows(
    ("nothing allows it", 503, 1, {"cache_control": "max-age=2"}, 503),
    ("stale-if-error", 503, 1, {"cache_control": "max-age=2, stale-if-error=60"}, 200),
    ("stale-if-error in any case", 503, 1, {"cache_control": "max-age=2, Stale-If-Error=60"}, 200),
    (
        "stale-if-error at its end",
        503,
        59.9,
        {"cache_control": "max-age=2, stale-if-error=60"},
        200,
    ),
    ("stale-if-error past it", 503, 60, {"cache_control": "max-age=2, stale-if-error=60"}, 503),
    ("stale-if-error, 500", 500, 1, {"cache_control": "max-age=2, stale-if-error=60"}, 200),
    ("stale-if-error, 502", 502, 1, {"cache_control": "max-age=2, stale-if-error=60"}, 200),
    ("stale-if-error, 504", 504, 1, {"cache_control": "max-age=2, stale-if-error=60"}, 200),
    ("stale-if-error, 501", 501, 1, {"cache_control": "max-age=2, stale-if-error=60"}, 501),
    ("stale-if-error, 404", 404, 1, {"cache_control": "max-age=2, stale-if-error=60"}, 404),
    (
        "stale-if-error and Expires",
        503,
        1,
        {"expires": date(2), "cache_control": "stale-if-error=60"},
        200,
    ),
    (
        "stale-if-error, targeted",
        503,
        1,
        {"cdn_cache_control": "max-age=2, stale-if-error=60"},
        200,
    ),
    (
        "stale-if-error that is invalid",
        503,
        1,
        {"cache_control": "max-age=2, stale-if-error=x"},
        503,
    ),
    ("raised", None, 1, {"cache_control": "max-age=2"}, 200),
    ("raised, long past it", None, 10, {"cache_control": "max-age=2"}, None),
    ("raised and stale-if-error", None, 59, {"cache_control": "max-age=2, stale-if-error=60"}, 200),
    ("must-revalidate", None, 1, {"cache_control": "max-age=2, must-revalidate"}, None),
    ("proxy-revalidate", None, 1, {"cache_control": "max-age=2, proxy-revalidate"}, None),
    ("s-maxage", None, 1, {"cache_control": "s-maxage=2"}, None),
    ("no-cache", None, 1, {"cache_control": "max-age=2, no-cache", "etag": '"1"'}, None),
    ("must-revalidate in any case", None, 1, {"cache_control": "max-age=2, MUST-revalidate"}, None),
    (
        "must-revalidate and stale-if-error",
        503,
        1,
        {"cache_control": "max-age=2, stale-if-error=60, must-revalidate"},
        503,
    ),
    (
        "s-maxage and stale-if-error",
        503,
        1,
        {"cache_control": "s-maxage=2, stale-if-error=60"},
        503,
    ),
    (
        "must-revalidate, targeted",
        None,
        1,
        {"cdn_cache_control": "max-age=2, must-revalidate"},
        None,
    ),
    (
        "must-revalidate for others",
        None,
        1,
        {"cdn_cache_control": "max-age=2", "cache_control": "must-revalidate"},
        200,
    ),
)


@pytest.mark.parametrize(("failure", "overdue", "fields", "code"), FAILING)
def test_the_app_fails(
    rfc_scene: Scene, failure: int | None, overdue: float, fields: dict[str, Any], code: int | None
) -> None:
    """None: the exception leaves, and the server answers with an error of its own (§5.2.2.2)."""
    assert failing(rfc_scene, failure, overdue, **fields) == code


WHILE = rows(
    ("fresh", 1, "max-age=2, stale-while-revalidate=10", True),
    ("stale", 2, "max-age=2, stale-while-revalidate=10", True),
    ("at the end of the window", 11.9, "max-age=2, stale-while-revalidate=10", True),
    ("past it", 12, "max-age=2, stale-while-revalidate=10", False),
    ("long past it", 1000, "max-age=2, stale-while-revalidate=10", False),
    ("in any case", 3, "max-age=2, STALE-While-Revalidate=10", True),
    ("quoted", 3, 'max-age=2, stale-while-revalidate="10"', True),
    ("a window of zero", 2, "max-age=2, stale-while-revalidate=0", False),
    ("an invalid window", 3, "max-age=2, stale-while-revalidate=x", False),
    ("no window", 3, "max-age=2, stale-while-revalidate", False),
    ("must-revalidate", 3, "max-age=2, stale-while-revalidate=10, must-revalidate", False),
    ("proxy-revalidate", 3, "max-age=2, stale-while-revalidate=10, proxy-revalidate", False),
    ("s-maxage", 3, "s-maxage=2, stale-while-revalidate=10", False),
    ("no-cache", 1, "max-age=2, stale-while-revalidate=10, no-cache", False),
    ("no max-age", 3, "stale-while-revalidate=10", True),
)


@pytest.mark.parametrize(("after", "directives", "hit"), WHILE)
@pytest.mark.parametrize("name", ["cache_control", "cdn_cache_control"])
def test_stale_while_revalidate(
    make_scene: MakeScene, name: str, after: float, directives: str, hit: bool
) -> None:
    if name == "cdn_cache_control":
        directives = directives.lower().replace('"', "")
    scene = make_scene(Policy.rfc())
    said: dict[str, Any] = {name: directives}
    scene.app(200, "page", etag='"1"', **said)
    scene.get("/")
    scene.after(after)
    assert scene.get("/").hit is hit
    scene.settle()


def test_it_is_validated_meanwhile(rfc_scene: Scene) -> None:
    rfc_scene.resource("page", cache_control="max-age=2, stale-while-revalidate=10")
    rfc_scene.get("/")
    rfc_scene.after(3)
    got = rfc_scene.get("/")
    assert (got.hit, got.age, got.verdict["ttl"]) == (True, 3, -1)
    rfc_scene.settle()
    assert rfc_scene.calls[-1].header("If-None-Match") == '"v1"'
    assert rfc_scene.get("/").age == 0


def test_no_warning_is_made(rfc_scene: Scene) -> None:
    """§5.5: it is obsolete."""
    rfc_scene.app(200, "page", cache_control="max-age=2")
    for wish in (None, "max-stale"):
        rfc_scene.after(3)
        assert rfc_scene.get("/", cache_control=wish).header("Warning") is None
    got = twice(
        rfc_scene, second={"cache_control": "max-stale"}, cache_control="max-age=0", etag='"1"'
    )
    assert (got.hit, got.header("Warning")) == (True, None)


def test_what_is_stored_already_stale_is_not_served(rfc_scene: Scene) -> None:
    rfc_scene.app(200, "page", cache_control="max-age=2", age="100", etag='"1"')
    assert rfc_scene.get("/").stored
    assert rfc_scene.get("/").fwd == "stale"
    assert rfc_scene.get("/", cache_control="max-stale").hit


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


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
@pytest.mark.parametrize(
    ("after", "wish", "directives", "hit"),
    [row[1:] for row in MAX_STALES],
    ids=[row[0] for row in MAX_STALES],
)
def test_max_stale_has_bounds(
    make_scene: MakeScene, policy: Policy, after: float, wish: str, directives: str, hit: bool
) -> None:
    scene = make_scene(policy)
    scene.app(200, "page", cache_control=directives, etag='"v1"')
    assert scene.get("/").stored
    scene.after(after)
    assert scene.get("/", cache_control=wish).hit is hit


@pytest.mark.parametrize("wish", ["no-cache", "max-age=0", "min-fresh=60"])
@pytest.mark.parametrize("status", [302, 400, 404, 500])
@pytest.mark.parametrize("said", ["public, max-age=60", "no-store"])
def test_what_a_wish_forces_does_not_replace_a_fresh_success_by_an_error(
    make_scene: MakeScene, wish: str, status: int, said: str
) -> None:
    """Who sends an odd field, and a wish with it, does not choose what others get."""
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        scene.app(200, "page", cache_control="max-age=60")
        scene.get("/")
        scene.after(1)
        scene.app(status, "odd", cache_control=said, location="/x")
        got = scene.get("/", cache_control=wish)
        assert (got.code, got.text) == (status, "odd")
        if policy.forced_errors:
            assert scene.get("/").code == (200 if status == 500 and said == "no-store" else status)
            continue
        assert (got.fwd, got.detail) == ("request", "forced")
        got = scene.get("/")
        assert (got.hit, got.text) == (True, "page")
        scene.after(60)
        assert scene.get("/").code == status, "once it is stale that is the answer"
