"""What another release has stored is judged by the policy and the routes of now."""

from __future__ import annotations

from typing import Any

import pytest
from cachelib import SimpleCache

from tests.rules.messages import date, rows
from tests.scene import FakeClock, environ_for, exchange, named_fields
from wsgicache import CacheMiddleware, Control, MemoryStore, Policy, Route, cache_control, no_cache
from wsgicache.controls import judging
from wsgicache.controls.judging import Judge
from wsgicache.rules.response import Response
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.tiered import TieredStore

SAFE, RFC = Policy(), Policy.rfc()
FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
PUBLIC: dict[str, Any] = {"cache_control": "public, max-age=60"}
GUESSED: dict[str, Any] = {"last_modified": date(-86400)}


class Releases:
    """Processes of several releases on one shared store."""

    def __init__(self, *, near: bool = False) -> None:
        self.clock = FakeClock()
        self.backend = SimpleCache()
        self.near = near
        self.asked = 0
        self.status = "200 OK"
        self.fields: dict[str, Any] = PUBLIC
        self.stores: list[Any] = []

    def app(self, environ: Any, start_response: Any) -> list[bytes]:
        self.asked += 1
        length = [] if self.status.startswith("304") else [("Content-Length", "4")]
        start_response(self.status, [*length, *named_fields(self.fields)])
        return [b"page"] if length else []

    def release(self, policy: Policy = SAFE, *routes: Route) -> CacheMiddleware:
        store: Any = CachelibStore(self.backend, clock=self.clock)
        if self.near:
            store = TieredStore(MemoryStore(), store, seconds=60, clock=self.clock)
        self.stores.append(store)
        return CacheMiddleware(
            self.app, store=store, policy=policy, routes=routes, clock=self.clock
        )

    def hits(self, cache: CacheMiddleware, target: str = "/account", **headers: Any) -> bool:
        before = self.asked
        got = exchange(cache, environ_for("GET", target, named_fields(headers)))
        assert got.hit is (self.asked == before)
        return got.hit


@pytest.fixture(params=[False, True], ids=["shared", "near and shared"])
def releases(request: pytest.FixtureRequest) -> Releases:
    return Releases(near=request.param)


class Fails(Control):
    def about(self, response: Response, environ: Any) -> Control | None:
        raise RuntimeError


class ByLength(Control):
    """Forbids by what the response says."""

    def about(self, response: Response, environ: Any) -> Control | None:
        return no_cache if response.field("content-length") == "4" else None


@pytest.mark.parametrize(
    ("routes", "hit"),
    rows(
        ("none", [], True),
        ("elsewhere", [Route("/other", no_cache)], True),
        ("it forbids", [Route("/account", no_cache)], False),
        ("it forbids shared caches", [Route("/acc*", cache_control(private=True))], False),
        (
            "it forbids below another",
            [Route("/*", cache_control(max_age=9)), Route("*", no_cache)],
            False,
        ),
        ("of another host", [Route("/account", no_cache, host="example.com")], True),
        ("of another method", [Route("/account", no_cache, method="POST")], True),
        ("by media type", [Route("/account", no_cache, content_type="text/html")], False),
        ("of another media type", [Route("/account", no_cache, content_type="image/*")], True),
        ("of another status", [Route("/account", no_cache, status=404)], True),
        ("by what is looked at", [Route("/account", ByLength())], False),
        ("in doubt", [Route("/account", Fails())], False),
        ("it only gives a lifetime", [Route("/account", cache_control(max_age=9))], True),
    ),
)
def test_routes_of_now(releases: Releases, routes: list[Route], hit: bool) -> None:
    releases.fields = {**PUBLIC, "content_type": "text/html"}
    assert not releases.hits(releases.release())
    assert releases.hits(releases.release(SAFE, *routes)) is hit
    assert releases.hits(releases.release())


@pytest.mark.parametrize(
    ("before", "now", "asked", "fields", "hit"),
    rows(
        ("public", RFC, SAFE, {}, PUBLIC, True),
        ("neither public nor asked by somebody", RFC, SAFE, {}, FRESH, True),
        ("public, asked with a cookie", RFC, SAFE, {"cookie": "a=1"}, PUBLIC, False),
        ("asked with a cookie", RFC, SAFE, {"cookie": "a=1"}, FRESH, False),
        ("asked with a key", RFC, SAFE, {"x_api_key": "a"}, FRESH, False),
        ("asked for a fragment", RFC, SAFE, {"hx_request": "true"}, FRESH, False),
        ("asked with a cookie under the same", RFC, RFC, {"cookie": "a=1"}, FRESH, True),
        ("asked with a cookie, released", SAFE, SAFE, {"cookie": "a=1"}, PUBLIC, True),
        ("a cookie in it", RFC, SAFE, {}, {"set_cookie": "a=1", **PUBLIC}, False),
        ("a heuristic lifetime", RFC, SAFE, {}, GUESSED, False),
        ("a heuristic lifetime under the same", RFC, RFC, {}, GUESSED, True),
        ("a longer one than now", RFC, Policy.rfc(heuristic_limit=60), {}, GUESSED, False),
        (
            "a lifetime in a field that is not heeded",
            RFC,
            SAFE,
            {},
            {"cdn_cache_control": "max-age=60", "cache_control": "max-age=1"},
            False,
        ),
        (
            "what other shared caches are forbidden",
            Policy(forbidding_fields=()),
            SAFE,
            {},
            {"surrogate_control": "no-store", **PUBLIC},
            False,
        ),
        ("a field that is not stored", RFC, SAFE, {}, {"x_request_id": "a", **PUBLIC}, False),
        (
            "a field of those that begin so",
            RFC,
            SAFE,
            {},
            {"x_datadog_trace": "a", **PUBLIC},
            False,
        ),
        ("by Expires", RFC, SAFE, {}, {"expires": date(60)}, True),
        (
            "a window that the policy gave",
            Policy(stale_while_revalidate=60),
            SAFE,
            {},
            FRESH,
            False,
        ),
        (
            "a window for errors that the policy gave",
            Policy(stale_if_error=60),
            SAFE,
            {},
            FRESH,
            False,
        ),
        (
            "asked with a cookie, released by our own field",
            SAFE,
            SAFE,
            {"cookie": "a=1"},
            {"wsgicache_cache_control": "max-age=60"},
            True,
        ),
        ("too large for now", SAFE, Policy(max_content=3), {}, PUBLIC, False),
        ("another credential", SAFE, Policy(credentials=["X-Mine"]), {}, PUBLIC, False),
        (
            "the same other credential",
            Policy(credentials=["X-Mine"]),
            Policy(credentials=["X-Mine"]),
            {},
            PUBLIC,
            True,
        ),
        ("what is no matter", SAFE, Policy(x_cache=True), {"cookie": "a=1"}, PUBLIC, True),
    ),
)
def test_policies_of_now(
    releases: Releases,
    before: Policy,
    now: Policy,
    asked: dict[str, Any],
    fields: dict[str, Any],
    hit: bool,
) -> None:
    releases.fields = fields
    first = releases.release(before)
    assert not releases.hits(first, **asked)
    assert releases.hits(first)
    assert releases.hits(releases.release(now)) is hit


def test_what_is_kept_is_released_to_those_of_now(releases: Releases) -> None:
    releases.fields = FRESH
    old, new = releases.release(RFC), releases.release(SAFE)
    releases.hits(old)
    assert releases.hits(old, cookie="a=1")
    assert releases.hits(new)
    assert not releases.hits(new, cookie="a=1")


def test_public_is_no_release_any_more_for_credentials(releases: Releases) -> None:
    old, new = releases.release(RFC), releases.release(SAFE)
    releases.hits(old)
    assert releases.hits(old, authorization="x")
    assert not releases.hits(new, authorization="x")


def test_what_somebody_has_freshened_is_somebodys(releases: Releases) -> None:
    releases.fields = {"etag": '"a"', **FRESH}
    old, new = releases.release(RFC), releases.release(SAFE)
    releases.hits(old)
    releases.clock.advance(61)
    releases.status = "304 Not Modified"
    assert not releases.hits(old, cookie="a=1")
    assert releases.hits(old)
    assert not releases.hits(new)


def test_what_cannot_be_judged_is_not_used(
    releases: Releases, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    releases.hits(releases.release())
    new = releases.release()
    monkeypatch.setattr(judging, "terms", None)
    assert not releases.hits(new)
    assert "could not be judged" in caplog.text


def test_one_store_for_two_caches(releases: Releases) -> None:
    """What is there was judged by both, also what was read already."""
    first = releases.release()
    assert not releases.hits(first)
    assert releases.hits(first)
    store, key = releases.stores[0], ("http", "example.org", "/account", "")
    assert store.get(key).responses
    second = CacheMiddleware(
        releases.app, store=store, routes=[Route("/account", ByLength())], clock=releases.clock
    )
    assert not store.get(key).responses
    assert not releases.hits(second)


@pytest.mark.parametrize(
    ("control", "looks"),
    [
        (no_cache, False),
        (cache_control(private=True), False),
        (ByLength(), True),
        (cache_control(max_age=9), True),
    ],
    ids=["never", "private", "by what it looks at", "no prohibition"],
)
def test_what_is_forbidden_whatever_the_response_is_not_looked_up(
    releases: Releases, control: Control, looks: bool
) -> None:
    cache = releases.release(SAFE, Route("/account", control))
    looked: list[Any] = []
    store = releases.stores[-1]
    get = store.get

    def looking(key: Any) -> Any:
        looked.append(key)
        return get(key)

    store.get = looking
    releases.hits(cache)
    assert bool(looked) is looks
    looked.clear()
    releases.hits(cache, "/other")
    assert looked


def test_a_record_is_judged_once(releases: Releases, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Any] = []
    passes = Judge._passes

    def judging(self: Judge, environ: Any, stored: Any) -> bool:
        judged.append(stored)
        return passes(self, environ, stored)

    releases.hits(releases.release())
    cache = releases.release()
    monkeypatch.setattr(Judge, "_passes", judging)
    for _ in range(3):
        assert releases.hits(cache)
    assert len(judged) == 1
