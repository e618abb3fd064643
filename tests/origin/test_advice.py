"""What authors are told in the log of pages that would be stored if they said one word more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rules.messages import rows
from tests.scene import Scene
from wsgicache import Policy

PUBLIC: dict[str, Any] = {"cache_control": "public, max-age=60"}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_what_says_public_and_was_asked_for_with_credentials(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Once for a URL, whatever the query, with the cure."""
    scene.app(200, "file", **PUBLIC)
    targets = ("/a%20b/gr%C3%BCn.csv?token=1", "/a%20b/gr%C3%BCn.csv?token=2", "/other", "/%ff")
    for target in targets:
        assert scene.get(target, authorization="Basic x").detail == "authorization"
    first, second, third = lines(caplog)
    assert first.startswith("http://example.org/a%20b/gr%C3%BCn.csv says public")
    assert "Route('/a b/grün.csv', cached(server=…))" in first
    assert "token" not in first
    assert second.startswith("http://example.org/other says public")
    assert "Route('/\ufffd', cached(server=…))" in third


@pytest.mark.parametrize(
    ("policy", "fields", "headers"),
    rows(
        ("without credentials", Policy(), PUBLIC, {}),
        ("where public does not stand alone", Policy(), {"cache_control": "max-age=60"}, {}),
        ("without public", Policy(), {"cache_control": "max-age=60"}, {"authorization": "x"}),
        (
            "with public of odd form",
            Policy(),
            {"cache_control": "public=x, max-age=60"},
            {"authorization": "x"},
        ),
        (
            "with s-maxage",
            Policy(),
            {"cache_control": "public, s-maxage=60"},
            {"authorization": "x"},
        ),
        ("where public releases", Policy.rfc(), PUBLIC, {"authorization": "x"}),
    ),
)
def test_of_others_nothing_is_said(
    make_scene: MakeScene,
    caplog: pytest.LogCaptureFixture,
    policy: Policy,
    fields: dict[str, Any],
    headers: dict[str, Any],
) -> None:
    scene = make_scene(policy)
    scene.app(200, "page", **fields)
    scene.get("/", **headers)
    assert lines(caplog) == []


def test_whoever_makes_up_urls_does_not_fill_the_log(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.app(200, "file", **PUBLIC)
    scene.get("/" + "x" * 2000, authorization="x")
    assert lines(caplog) == []
    for number in range(110):
        scene.get(f"/{number}", authorization="x")
    assert len(lines(caplog)) == 100
