"""What authors are told in the log of pages that would be stored if they said one word more."""

from __future__ import annotations

import logging
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


REMARKS: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    # What the page says, what the request has, and what the lines begin with.
    (
        "no lifetime",
        {},
        {},
        [
            "(detail=freshness): nothing gives it a lifetime. Write @cache_for(minutes=5) on its "
            "view, or Route('/a ü', cache_for(minutes=5))"
        ],
    ),
    (
        "cookies",
        {"cache_control": "max-age=60"},
        {"cookie": "b=secret; a=secret"},
        [
            "(detail=cookie): the request had cookies ('a b'), and nothing says whether the page "
            "depends on them. If it is the same for everybody, write @cached(server=300) on its "
            "view, or Route('/a ü', cached(server=300)). If it is not, write @vary('Cookie')"
        ],
    ),
    (
        "credentials, although Vary names them",
        {"cache_control": "max-age=60", "vary": "Authorization"},
        {"authorization": "secret"},
        [
            "(detail=authorization): the request said who asks, and nothing releases the answer, "
            "not even Vary. If it is the same for everybody, write @cached(server=300) on its "
            "view, or Route('/a ü', cached(server=300))"
        ],
    ),
    (
        "cookies of its own",
        {"cache_control": "public, max-age=60", "set_cookie": ["session=secret", "x=secret"]},
        {},
        [
            "(detail=set-cookie): it sets the cookie 'session' (usually by Flask's session, where "
            "a view changes it, or where it is permanent), 'x', which belongs to one visitor. Do "
            "not set it in this view; or write SESSION_REFRESH_EACH_REQUEST = False in Flask's "
            "configuration"
        ],
    ),
    (
        "a lifetime first",
        {"set_cookie": "x=1"},
        {"cookie": "a=1"},
        ["(detail=freshness): nothing gives it", "(detail=cookie): the request had cookies"],
    ),
    ("what is forbidden on purpose", {"cache_control": "no-store"}, {}, []),
]


@pytest.mark.parametrize(("fields", "headers", "said"), rows(*REMARKS))
def test_why_a_page_is_not_stored(
    scene: Scene,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str, Any],
    headers: dict[str, Any],
    said: list[str],
) -> None:
    """Once for each URL and reason, at INFO, with the cure and without secrets."""
    scene.app(200, "page", **fields)
    scene.get("/a%20%C3%BC", **headers)
    assert lines(caplog) == []
    caplog.set_level(logging.INFO, "wsgicache")
    for query in ("", "?b=secret", "?b=secret"):
        got = scene.get(f"/a%20%C3%BC{query}", **headers)
        assert not said or f"(detail={got.detail})" in said[0]
    assert len(lines(caplog)) == len(said)
    for line, expected in zip(lines(caplog), said, strict=True):
        assert line.startswith(f"http://example.org/a%20%C3%BC is not stored {expected}")
        assert "secret" not in line
    scene.get("/other", **headers)
    assert len(lines(caplog)) == 2 * len(said)


def test_the_number_of_urls_with_a_remark_is_bounded(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wsgicache")
    scene.app(200, "page")
    scene.get("/" + "x" * 2000)
    assert lines(caplog) == []
    for number in range(1010):
        scene.get(f"/{number}")
    assert len(lines(caplog)) == 1000


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
