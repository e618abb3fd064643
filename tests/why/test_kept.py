"""Why a response is stored, and whom it answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scene import Scene
from wsgicache import Policy
from wsgicache.why.kept import why_kept

COOKIE = ("Cookie", "a=1")
ROWS: list[tuple[dict[str, Any], Policy | None, str]] = [
    ({"cache_control": "max-age=60"}, None, "Its lifetime is 60 s: Cache-Control says max-age=60."),
    ({"cache_control": "max-age=9, s-maxage=60"}, None, "Cache-Control says s-maxage=60."),
    (
        {"cache_control": "max-age=9", "wsgicache_cache_control": "max-age=60"},
        None,
        "Its lifetime is 60 s: Wsgicache-Cache-Control says max-age=60.",
    ),
    ({"expires": 60}, None, "Its lifetime is 60 s: Expires says "),
    ({"last_modified": -600}, Policy.rfc(), "Its lifetime is 60 s: a part of the time since Last-"),
    ({"cache_control": "no-cache", "etag": '"1"'}, None, "0 s: nothing gives one."),
    (
        {"cache_control": "no-cache", "etag": '"1"'},
        None,
        "is asked before each use",
    ),
    ({"cache_control": "max-age=60", "etag": '"1"'}, None, "The application can confirm it"),
    ({"cache_control": "max-age=60, must-revalidate"}, None, "It is never served stale"),
    ({"cache_control": "max-age=60, stale-if-error=30"}, None, "stand in for errors for 30 s"),
    ({"cache_control": "max-age=60, stale-while-revalidate=7"}, None, "For 7 s more it is served"),
    (
        {"status": 500, "cache_control": "max-age=60"},
        None,
        "an error is fresh for 10 s at most",
    ),
    ({"cache_control": "max-age=60"}, None, "It answers requests without cookies and credentials"),
    ({"cache_control": "max-age=60, public"}, None, "cookies, too (public says so), but none with"),
    ({"cache_control": "s-maxage=60"}, None, "cookies and credentials, too: s-maxage says so."),
    (
        {"wsgicache_cache_control": "max-age=60"},
        None,
        "cookies and credentials, too: the cache's own field says so.",
    ),
    ({"cache_control": "max-age=60"}, Policy.rfc(), "with cookies, too (the policy says so)"),
    (
        {"cache_control": "max-age=60", "vary": "Cookie"},
        None,
        "It answers requests with the same cookies alone, since Vary names Cookie.",
    ),
]


@pytest.mark.parametrize(("said", "policy", "sentence"), ROWS)
def test_why_a_response_is_stored(
    said: dict[str, Any], policy: Policy | None, sentence: str
) -> None:
    scene = Scene(policy=policy)
    fields = {**said}
    for name in ("expires", "last_modified"):
        if name in fields:
            fields[name] = scene.clock.date(fields[name])
    status = fields.pop("status", 200)
    scene.app(status, "hello", **fields)
    assert scene.get("/").stored
    (entry,) = [scene.cache.store.get(key) for key in [("http", "example.org", "/", "")]]
    assert entry is not None
    (stored,) = entry.responses.values()
    now, wall = scene.clock.now(), scene.clock.wall()
    lines = list(why_kept(stored, scene.cache.policy, now, wall))
    assert sentence in " ".join(lines)


def test_what_became_of_it() -> None:
    scene = Scene()
    scene.app(200, "hello", cache_control="max-age=60")
    scene.get("/")
    scene.cache.purge("http://example.org/", soft=True)
    scene.after(7)
    entry = scene.cache.store.get(("http", "example.org", "/", ""))
    assert entry is not None
    (stored,) = entry.responses.values()
    lines = list(why_kept(stored, scene.cache.policy, scene.clock.now(), scene.clock.wall()))
    assert "A soft purge made it stale 7 s ago." in lines
