"""What is negotiated before the look-up: the app sees the outcome, and others hear Vary."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.controls.declaring import with_routes
from tests.games.test_codings import BROWSERS
from tests.rules.messages import rows
from tests.scene import Environ, Reply, Scene, environ_for, exchange
from wsgicache import CacheMiddleware, Header, Policy, Route
from wsgicache.origin.background import Job

FRESH: dict[str, Any] = {"cache_control": "max-age=3600"}
LANGUAGES, TYPES = ("en", "de"), ("text/html", "application/json")
SEEN = ("HTTP_ACCEPT_LANGUAGE", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_X_DEVICE")


def seen(environ: Environ) -> Reply:
    """The page tells all that the app sees of what is negotiated."""
    return Reply(200, "|".join(environ.get(key, "-") for key in SEEN), **FRESH)


def negotiating(make_scene: MakeScene, policy: Policy | None = None, *routes: Route) -> Scene:
    scene = with_routes(make_scene(policy), *routes)
    scene.app(seen)
    return scene


@pytest.mark.parametrize(
    ("options", "fields", "page", "others"),
    rows(
        (
            "9110 §12.5.4 languages",
            {"languages": LANGUAGES},
            {"accept_language": "de-AT, fr;q=0.9"},
            "de|-|-|-",
            {"accept_language": "de;q=0.2"},
        ),
        (
            "9110 §12.5.4 languages, none said",
            {"languages": LANGUAGES},
            {},
            "en|-|-|-",
            {"accept_language": "fr"},
        ),
        (
            "9110 §12.5.1 media types",
            {"accept": TYPES},
            {"accept": "text/*, */*;q=0.1"},
            "-|text/html|-|-",
            {"accept": "image/png"},
        ),
        (
            "9110 §12.5.3 codings",
            {"encodings": ["br", "gzip"]},
            {"accept_encoding": "gzip, br;q=0.5"},
            "-|-|gzip|-",
            {"accept_encoding": "gzip, zstd"},
        ),
        (
            "9110 §12.5.3 codings, none of them",
            {"encodings": ["br", "gzip"]},
            {"accept_encoding": "zstd"},
            "-|-|-|-",
            {},
        ),
        ("nothing is offered", {"languages": []}, {"accept_language": "de"}, "-|-|-|-", {}),
    ),
)
@pytest.mark.parametrize("by", ["policy", "route"])
def test_who_has_the_same_outcome_has_the_same_page(
    make_scene: MakeScene,
    options: dict[str, Any],
    fields: dict[str, str],
    page: str,
    others: dict[str, str],
    by: str,
) -> None:
    if by == "policy":
        scene = negotiating(make_scene, Policy(**options))
    else:
        scene = negotiating(make_scene, None, Route("/*", **options))
    assert scene.get("/", **fields).text == page
    got = scene.get("/", **others)
    assert (got.hit, got.text) == (True, page)


@pytest.mark.parametrize("offered", [["br", "gzip"], ["gzip"], []], ids=str)
def test_all_browsers_have_as_many_pages_as_codings_are_offered(
    make_scene: MakeScene, offered: list[str]
) -> None:
    """And one without a coding. The app makes each of them once."""
    scene = make_scene(Policy(encodings=offered))

    def coded(environ: Environ) -> Reply:
        coding = environ.get("HTTP_ACCEPT_ENCODING")
        return Reply(200, coding or "-", content_encoding=coding, vary="Accept-Encoding", **FRESH)

    scene.app(coded)
    values = [*BROWSERS, "zstd, gzip;q=0.1, *;q=0"]
    pages = {scene.get("/", accept_encoding=value).text for value in values * 2}
    assert pages == {*offered, "-"}
    entry = scene.cache.store.get(("http", "example.org", "/", ""))
    assert entry is not None
    assert (len(entry.responses), scene.count) == (len(pages), len(pages))
    assert len(values) == 13


def test_another_outcome_is_another_page(make_scene: MakeScene) -> None:
    scene = negotiating(make_scene, Policy(languages=LANGUAGES))
    assert scene.get("/", accept_language="de").text == "de|-|-|-"
    assert scene.get("/", accept_language="en").text == "en|-|-|-"
    got = scene.get("/", accept_language="de-CH")
    assert (got.hit, got.text, got.header("Vary")) == (True, "de|-|-|-", "Accept-Language")


@pytest.mark.parametrize(
    ("options", "fields", "vary"),
    rows(
        ("§4.1 what is negotiated", {"accept": TYPES}, {}, "Accept"),
        ("§4.1 beside what the app says", {"accept": TYPES}, {"vary": "Cookie"}, "Cookie, Accept"),
        ("§4.1 once", {"accept": TYPES}, {"vary": "accept"}, "accept"),
        ("§4.1 a coding", {"encodings": ["gzip"]}, {"content_encoding": "gzip"}, "Accept-Encoding"),
        ("§4.1 no coding", {"encodings": ["gzip"]}, {}, None),
        ("§4.1 what is hidden", {"languages": []}, {}, None),
    ),
)
def test_vary_is_said_to_others(
    make_scene: MakeScene, options: dict[str, Any], fields: dict[str, Any], vary: str | None
) -> None:
    scene = make_scene(Policy(**options))
    scene.app(200, "page", **fields, **FRESH)
    for _ in range(2):
        got = scene.get("/", accept_encoding="gzip")
        assert got.header("Vary") == vary
    assert got.hit


def test_a_route_comes_before_the_policy(make_scene: MakeScene) -> None:
    routes = (
        Route("/static/*", languages=()),
        Route("/*/de", languages=["de"]),
        Route("/api/*", accept=["application/json"], select=Header("X-Device", ["phone"])),
    )
    scene = negotiating(make_scene, Policy(languages=LANGUAGES), *routes)
    for path, page in {
        "/": "en|-|-|phone",
        "/static/de": "-|-|-|phone",  # the first route that says anything of it
        "/a/de": "de|-|-|phone",
        "/api/x": "en|application/json|-|phone",
    }.items():
        assert scene.get(path, accept_language="en", x_device="phone").text == page


def test_a_header_classifies(make_scene: MakeScene) -> None:
    device = Header("X-Device", ("phone", "desktop"))
    scene = negotiating(make_scene, None, Route("/*", select=[device, Header("X-A", ["1"])]))
    assert scene.get("/", x_device="phone").text == "-|-|-|phone"
    got = scene.get("/", x_device="desktop")
    assert (got.fwd, got.header("Vary")) == ("vary-miss", "X-Device, X-A")
    assert scene.get("/", x_device="tablet").text == "-|-|-|-"
    assert scene.get("/").hit
    assert scene.get("/", x_device="phone").hit


def test_what_changes_anything_is_not_negotiated(make_scene: MakeScene) -> None:
    scene = negotiating(make_scene, Policy(languages=LANGUAGES))
    assert scene.post("/", accept_language="fr").text == "fr|-|-|-"


def test_a_background_validation_asks_for_the_same_outcome(make_scene: MakeScene) -> None:
    scene = negotiating(make_scene, Policy(languages=LANGUAGES))
    jobs: list[Job] = []
    scene.cache = CacheMiddleware(
        scene.cache.app,
        policy=Policy(languages=LANGUAGES, stale_while_revalidate=60),
        clock=scene.clock,
        runner=jobs.append,
    )
    scene.front = scene.cache
    scene.get("/", accept_language="de-AT")
    scene.after(3601)
    assert scene.get("/", accept_language="de-CH").hit
    jobs[0]()
    assert scene.calls[-1].environ["HTTP_ACCEPT_LANGUAGE"] == "de"
    scene.after(60)
    assert scene.get("/", accept_language="de").hit


TO_ROUTES: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("a text", {"languages": "en"}, TypeError, "Route.languages must be a list"),
    ("a range", {"accept": ["*/*"]}, ValueError, "each of Route.accept must be a media"),
    ("no header", {"select": "X-A"}, TypeError, "Route.select must be a list"),
    ("one of several", {"select": ["X-A"]}, TypeError, "each of Route.select must be a Header"),
    ("of the response", {"languages": ["en"], "status": 200}, ValueError, "Route.status and"),
]


@pytest.mark.parametrize(("options", "error", "said"), rows(*TO_ROUTES))
def test_mistakes_are_told(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Route("/*", **options)


def test_a_field_too_long_to_read_is_none() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        return [environ["HTTP_ACCEPT_LANGUAGE"].encode()]

    cache = CacheMiddleware(app, policy=Policy(languages=LANGUAGES))
    for length in (20_000, 30_000):
        got = exchange(cache, environ_for(headers=[("Accept-Language", f"de;{' ' * length}")]))
        assert got.text == "en"
    assert got.hit
