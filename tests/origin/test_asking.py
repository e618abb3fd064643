"""Why the app was asked: in Cache-Status, and in the log for a URL that splits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cachelib import SimpleCache

from tests.conftest import MakeScene
from tests.rules.messages import rows
from tests.scene import Scene
from wsgicache.stores.cachelib import CachelibStore

PUBLIC: dict[str, Any] = {"cache_control": "public, max-age=60"}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("app", "first", "second", "status"),
    rows(
        ("§4.1", {"vary": "X"}, {"x": "1"}, {"x": "2"}, "fwd=vary-miss; stored; detail=vary-x"),
        ("§4.1 nothing stored", {}, {}, {}, "fwd=uri-miss; stored"),
        ("§5.2.1.4", {}, {}, {"cache_control": "no-cache"}, "fwd=request; stored; detail=no-cache"),
        ("§5.4", {}, {}, {"pragma": "no-cache"}, "fwd=request; stored; detail=no-cache"),
    ),
)
def test_the_reason_stands_beside_stored(
    scene: Scene, app: dict[str, Any], first: dict[str, Any], second: dict[str, Any], status: str
) -> None:
    scene.app(200, "page", **app, **PUBLIC)
    scene.get("/" if second else "/other", **first)
    scene.after(1)
    assert scene.get("/", **second).cache_status == f"wsgicache; {status}"


def test_a_reason_not_to_store_comes_first(scene: Scene) -> None:
    scene.app(200, "page", vary="X", **PUBLIC)
    scene.get("/", x="1")
    scene.app(200, "page", vary="X", cache_control="no-store")
    assert scene.get("/", x="2").cache_status == "wsgicache; fwd=vary-miss; detail=no-store"


def split(scene: Scene, name: str, value: Callable[[int], str], count: int = 18) -> None:
    """Ask for one page with *count* values of the field *name*."""
    scene.app(200, "page", vary=name, **PUBLIC)
    for number in range(count):
        scene.get("/a b?q=secret", (name, value(number)))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    rows(
        (
            "cookies",
            "Cookie",
            "sid=secret{}; theme=dark",
            "cookie tells them apart (detail=vary-cookie), by the cookies 'sid'. If there are "
            "fewer pages than that, write Policy.django(), Policy.flask() or "
            "Policy(only_cookies=[…])",
        ),
        (
            "several cookies that differ",
            "Cookie",
            "b=secret{0}; a=secret{0}; theme=dark",
            "by the cookies 'a b'. If",
        ),
        (
            "languages",
            "Accept-Language",
            "de;q=0.{}",
            "(detail=vary-accept-language), with values such as 'de;q=0.16', 'de;q=0.0', "
            "'de;q=0.1', 'de;q=0.2'. If there are fewer pages than that, write "
            "Policy(languages=['en', 'de'])",
        ),
        ("types", "Accept", "text/x-{}", "write Route('/a b', accept=['text/html', "),
        ("another field", "X-Kind", "{}", "write Route('/a b', select=Header('X-Kind', [...]))"),
        ("long values", "X-Kind", "x" * 80 + "{}", f"such as '{'x' * 60}...',"),
    ),
)
def test_the_log_says_what_splits_a_page(
    scene: Scene, caplog: pytest.LogCaptureFixture, name: str, value: str, said: str
) -> None:
    """Once, from 16 responses on; no value of a cookie, and no query."""
    split(scene, name, value.format, 16)
    assert lines(caplog) == []
    split(scene, name, value.format)
    (line,) = lines(caplog)
    assert line.startswith("http://example.org/a%20b has 16 stored responses. ")
    assert said in line
    assert "secret" not in line


def test_digests_tell_the_field_and_the_value_at_hand(
    make_scene: MakeScene, caplog: pytest.LogCaptureFixture
) -> None:
    scene = make_scene(store=CachelibStore(SimpleCache()))
    split(scene, "X-Kind", "kind {}".format)
    line = next(line for line in lines(caplog) if "tells them apart" in line)
    assert "with values such as 'kind 16'. If" in line


def test_an_absent_field_is_none(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    split(scene, "Cookie", "a={}".format, 16)
    scene.get("/a b?q=secret")
    assert "by the cookies 'a'." in lines(caplog)[0]
