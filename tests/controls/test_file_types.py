"""A route for files says nothing of the pages whose paths end like theirs."""

from __future__ import annotations

import mimetypes
from typing import Any

import pytest

from tests.controls.declaring import NEVER, view, with_routes
from tests.scene import Reply, Scene
from wsgicache import Route, cache_control, cache_for, cached, no_cache, vary
from wsgicache.controls import file_types
from wsgicache.controls.file_types import contradicts, extension_of
from wsgicache.rules.bounds import Remembered


@pytest.mark.parametrize(
    ("pattern", "extension"),
    [
        ("*.css", ".css"),
        ("/static/*.min.JS", ".js"),
        ("/a/*/b.png", None),
        ("/static/*", None),
        ("/static/*.css*", None),
        ("/style.css", None),
        ("/*.d/file", None),
        ("*.", None),
    ],
)
def test_the_extension_of_a_pattern(pattern: str, extension: str | None) -> None:
    assert extension_of(pattern) == extension


@pytest.mark.parametrize(
    ("extension", "kind", "contradicted"),
    [
        (".css", "text/css", False),
        (".css", "text/html", True),
        (".css", "text/plain", True),
        (".css", "application/json", True),
        (".css", "application/octet-stream", False),
        (".css", "", True),
        (".css", "css", True),
        (".js", "text/javascript", False),
        (".js", "application/x-javascript", False),
        (".js", "application/json", True),
        (".json", "application/ld+json", False),
        (".xml", "application/rss+xml", False),
        (".xml", "application/xhtml+xml", True),
        (".html", "text/html", False),
        (".png", "image/webp", False),
        (".png", "text/html", True),
        (".ico", "image/x-icon", False),
        (".woff2", "application/font-woff2", False),
        (".woff2", "text/html", True),
        *[(extension, "text/css", True) for extension in (".otf", ".ttf", ".woff", ".woff2")],
        (".woff", "font/otf", False),
        (".woff2", "application/font-woff", True),
        (".ttf", "message/http", True),
        (".otf", "application/vnd.lotus-notes", True),
        (".mp3", "audio/ogg", False),
        (".mp4", "video/webm", False),
        (".css", "image/png", True),
        (".ico", "application/x-ico", False),
        (".sh", "text/shellscript", False),
        (".rtf", "text/css", True),
        (".zip", "application/x-zip-compressed", False),
        (".gz", "application/x-gzip", False),
        (".gz", "application/octet-stream", False),
        (".gz", "text/html", True),
        (".tgz", "application/x-tar", False),
        (".unheard", "application/x-own", False),
        (".unheard", "text/html", True),
    ],
)
def test_what_contradicts_an_extension(
    monkeypatch: pytest.MonkeyPatch, extension: str, kind: str, contradicted: bool
) -> None:
    """By the table of Python, whatever the system adds to it."""
    monkeypatch.setattr(mimetypes, "guess_type", mimetypes.MimeTypes().guess_type)
    fresh = Remembered(file_types._contradicts, 1)
    monkeypatch.setattr(file_types, "_remembered", fresh)
    assert contradicts(extension, kind) is contradicted


HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize("override", [False, True])
@pytest.mark.parametrize(
    ("options", "fields", "outcome"),
    [
        ({}, {"content_type": "Text/CSS"}, "stored"),
        ({}, {"content_type": HTML}, "content-type"),
        ({}, {}, "content-type"),
        ({}, {"content_type": HTML, "cache_control": "public, max-age=5"}, "stored"),
        ({}, {"content_type": HTML, "cache_control": "private"}, "private"),
        ({"content_type": "text/*"}, {"content_type": HTML}, "stored"),
    ],
    ids=str,
)
def test_a_page_that_ends_like_a_file_is_ones_own(
    bare_scene: Scene, override: bool, options: Any, fields: Any, outcome: str
) -> None:
    route = Route("*.css", cached(client=60, server=300), override=override, **options)
    with_routes(bare_scene, route).app(200, "account of alice", **{"content_type": None, **fields})
    got = bare_scene.get("/account/x.css", cookie="session=alice")
    assert ("stored" if got.stored else got.detail) == outcome
    assert bare_scene.get("/account/x.css", cookie="session=bob").hit == (outcome == "stored")


@pytest.mark.parametrize(
    ("code", "control", "said"),
    [
        (404, cache_for(seconds=9, status=404), "max-age=9"),
        (200, no_cache, NEVER["Cache-Control"]),
        (200, cache_control(private=True, max_age=9), "private"),
    ],
)
def test_what_a_route_says_of_such_a_page_all_the_same(
    scene: Scene, code: int, control: Any, said: str
) -> None:
    """Errors are pages, and what is forbidden is forbidden; so is telling apart."""
    with_routes(scene, Route("*.css", control), Route("*.css", vary("X-A")))
    scene.app(code, "page", content_type=HTML)
    got = scene.get("/x.css")
    assert (got.header("Cache-Control"), got.header("Vary")) == (said, "X-A")


def test_a_view_below_such_a_path_has_its_own_words(scene: Scene) -> None:
    with_routes(scene, Route("*.css", cached(server=300), cookies=()))
    scene.wsgi(view(Reply(200, "x", content_type=HTML), cached(server=9)))
    assert scene.get("/x.css").stored
    assert scene.get("/x.css").verdict["ttl"] == 9
