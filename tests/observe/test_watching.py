"""An observer gets each request, and nothing that it does changes an answer."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.observe.counted import row_of, rows_of
from tests.observe.test_counting import heads, plain, refused, selected, validated
from tests.scene import Environ, Exchange, Scene, environ_for, exchange
from wsgicache import CacheMiddleware, Policy
from wsgicache.observe.watching import Observation


def watched(scene: Scene, observer: Callable[[Observation], object], **options: Any) -> None:
    """Let *observer* watch the cache of *scene*."""
    cache = CacheMiddleware(scene.cache.app, clock=scene.clock, observer=observer, **options)
    scene.cache = scene.front = cache


@pytest.mark.parametrize("play", [plain, refused, validated, selected, heads])
def test_each_request_is_observed(play: Callable[[Scene], Iterator[Exchange]]) -> None:
    """As it is counted, and as its answer says."""
    seen: list[Observation] = []
    scene = Scene()
    watched(scene, seen.append)
    got = list(play(scene))
    told = [(one.outcome, one.forward, one.detail, f"{one.status // 100}xx") for one in seen]
    assert told == [row_of(one) for one in got]
    assert [one.status for one in seen] == [one.code for one in got]
    assert rows_of(scene.cache.stats().requests) == Counter(told)
    for one, answer in zip(seen, got, strict=True):
        assert one.age == answer.age
        assert one.bytes == len(answer.body)
        assert one.ttl == answer.verdict.get("ttl", one.ttl)


def test_what_is_observed() -> None:
    seen: list[Observation] = []
    scene = Scene()
    watched(scene, seen.append)
    scene.app(200, "page", cache_control="max-age=60")
    scene.get("/items/1?a=b")
    scene.after(5)
    scene.get("/items/1?a=b")
    scene.request("GET", "/items/1", environ={"HTTP_HOST": "a b"})
    stored, hit, bypass = seen
    url = "http://example.org/items/1?a=b"
    assert stored == Observation("stored", "uri-miss", None, 200, "/items", url, 0.0, 4, None, None)
    assert hit == Observation("hit", None, None, 200, "/items", url, 0.0, 4, 5.0, 55.0)
    assert (bypass.outcome, bypass.detail, bypass.url) == ("bypass", "target", "/items/1")


def test_a_page_that_sets_a_hidden_cookie_is_observed() -> None:
    """The app is asked twice, and that counts once."""
    seen: list[Observation] = []
    scene = Scene(Policy(ignore_cookies=("s*",)), lint=False)
    watched(scene, seen.append, policy=scene.cache.policy)
    scene.app(200, "page", set_cookie="seen=2", cache_control="max-age=60")
    scene.get("/items/1", cookie="seen=1")
    (one,) = seen
    assert (one.detail, one.route, one.url) == (
        "hidden-cookie",
        "/items",
        "http://example.org/items/1",
    )


def test_an_observer_is_asked_whether_it_wants_to_know(caplog: pytest.LogCaptureFixture) -> None:
    class Sometimes(list[Observation]):
        wants = False

        def is_wanted(self) -> bool:
            return self.wants

        def __call__(self, seen: Observation) -> None:
            self.append(seen)

    seen, scene = Sometimes(), Scene()
    watched(scene, seen)
    scene.app(200, "page")
    scene.get("/1")
    with caplog.at_level(logging.DEBUG, "wsgicache.requests"):
        scene.get("/2")
    seen.wants = True
    scene.get("/3")
    assert [one.url for one in seen] == ["http://example.org/3"]


def test_an_observer_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    watched(scene, lambda seen: 1 / 0)
    scene.app(200, "page", cache_control="max-age=60")
    assert [scene.get("/").text for _ in range(4)] == ["page"] * 4
    assert [record.message for record in caplog.records] == ["the observer of a request raised"]
    assert scene.cache.stats().count == 4


def test_the_log_has_each_request(caplog: pytest.LogCaptureFixture) -> None:
    """While the level is DEBUG; a page that was asked for just before follows in a second."""
    scene = Scene()
    scene.app(200, "page", cache_control="max-age=60")
    for _ in range(3):
        scene.get("/items/1")
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, "wsgicache.requests"):
        scene.after(1)
        for _ in range(2):
            scene.get("/items/1")
        scene.post("/items/1")
        scene.head("/items/1")
    scene.after(1)
    scene.get("/items/1")
    said = [(record.message, vars(record)["cache_status"]) for record in caplog.records]
    assert said == [
        ("hit 'http://example.org/items/1': from the cache", 200),
        ("hit 'http://example.org/items/1': from the cache", 200),
        ("bypass 'http://example.org/items/1': invalidated", 200),
        ("stored 'http://example.org/items/1': uri-miss", 200),
    ]
    fields = {name for name in vars(caplog.records[0]) if name.startswith("cache_")}
    assert fields == {f"cache_{name}" for name in Observation.__slots__}
    assert scene.cache.stats().count == 8


def test_what_an_observer_may_be() -> None:
    with pytest.raises(TypeError, match="observer must be a callable that takes an Observation"):
        CacheMiddleware(lambda e, s: [], observer=5)  # type: ignore[arg-type]


def test_opentelemetry_gets_attributes() -> None:
    """The recipe of the documentation, with the SDK."""
    trace = pytest.importorskip("opentelemetry.trace")
    from opentelemetry.sdk.trace import TracerProvider

    from docs.examples.metrics.tracing import observe

    tracer = TracerProvider().get_tracer("tests")

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        return [b"page"]

    cache = CacheMiddleware(app, observer=observe)
    found = []
    for _ in range(2):
        with tracer.start_as_current_span("request") as span:
            exchange(cache, environ_for())
            found.append({**vars(span)["_attributes"]})
    assert [one["cache.hit"] for one in found] == [False, True]
    assert found[0]["cache.item_size"] == found[1]["cache.item_size"] == 4
    assert 59 <= found[1]["cache.ttl"] <= 60
    assert trace.get_current_span().is_recording() is False
