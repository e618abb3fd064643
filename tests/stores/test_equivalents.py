"""Through the whole cache: what the app says in No-Vary-Search is honoured."""

from __future__ import annotations

from typing import Any

import pytest
from cachelib import SimpleCache

from tests.conftest import MakeScene
from tests.rig.gates import Crowd, Gate, Waiters
from tests.scene import Environ, FakeClock, Reply, Scene, environ_for, exchange, named_fields
from wsgicache import CacheMiddleware, MemoryStore, Policy
from wsgicache.stores import StoreError
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.caches import CacheNode
from wsgicache.stores.searches import MOST_SEARCHES
from wsgicache.stores.tiered import TieredStore

SAYS: dict[str, Any] = {
    "cache_control": "max-age=60",
    "no_vary_search": 'key-order, params=("utm")',
}
LONG = "max-age=10, stale-while-revalidate=60"
FIRST, OTHER, THIRD = "/list?utm=1&b=2&a=1", "/list?a=1&b=2", "/list?b=2&a=%31&utm=7&utm=8"
SITE = "http://example.org"


def echo(environ: dict[str, Any]) -> Reply:
    """The app shows the query that it got."""
    return Reply(200, environ["QUERY_STRING"], **SAYS)


def noted(scene: Scene) -> tuple[str, ...]:
    """What its store has noted."""
    store: Any = scene.cache.store
    said: tuple[str, ...] = store.searches()
    return said


def shared(cache: SimpleCache, clock: FakeClock) -> CachelibStore:
    return CachelibStore(cache, namespace="t", clock=clock)


@pytest.fixture
def sharing(cache: SimpleCache, clock: FakeClock) -> list[Scene]:
    """Two processes with one store, which has the value already."""
    scenes = [Scene(store=shared(cache, clock), clock=clock) for _ in range(2)]
    for scene in scenes:
        scene.app(echo)
    assert scenes[0].get("/first?utm=1").detail == "new-search"
    return scenes


def test_a_response_answers_equivalent_urls(scene: Scene) -> None:
    scene.app(echo)
    assert scene.get(FIRST).stored
    for url in (FIRST, OTHER, THIRD):
        got = scene.get(url)
        assert got.hit
        assert got.text == "utm=1&b=2&a=1"  # The app has seen what the client sent.
    for url in ("/list?a=2&b=2", "/list?a=1&b=2&c", "/list", "/other?a=1&b=2"):
        assert scene.get(url).fwd == "uri-miss"
    assert scene.get("/list?utm=9").hit  # what /list has


def test_only_if_cached(scene: Scene) -> None:
    scene.app(200, "page", no_vary_search="key-order", cache_control=LONG)
    scene.get("/list?b&a")
    for url, code in (("/list?a=&b", 200), ("/list?b&c", 504), ("/list?", 504)):
        assert scene.get(url, cache_control="only-if-cached").code == code
    scene.after(11)
    assert scene.get("/list?a=&b", cache_control="only-if-cached").code == 504
    assert len(scene.calls) == 1


@pytest.mark.parametrize("raw", ["RAW_URI", "REQUEST_URI"])
def test_a_raw_target_does_not_tell_them_apart(scene: Scene, raw: str) -> None:
    scene.app(echo)
    for url in (FIRST, OTHER):
        got = scene.get(url, environ={raw: url})
    assert got.hit
    # Another spelling of the path does: the app may read it. So does one that does not fit.
    assert not scene.get(OTHER, environ={raw: OTHER.replace("list", "l%2569st")}).hit
    for url, shown in ((FIRST, OTHER), (OTHER, FIRST)):
        scene.get(shown, environ={raw: shown})
        assert not scene.get(url, environ={raw: shown}).hit


@pytest.mark.parametrize("url", [FIRST, OTHER, THIRD])
@pytest.mark.parametrize("how", ["purge", "soft", "PURGE", "POST", "Location"])
def test_any_equivalent_url_ends_it(scene: Scene, url: str, how: str) -> None:
    scene.app(echo)
    scene.get(FIRST)
    if how in ("purge", "soft"):
        assert scene.cache.purge(SITE + url, soft=how == "soft").responses == 1
    elif how == "PURGE":
        scene.cache._purge_token = "an unguessable token"
        scene.request("PURGE", url, authorization="Bearer an unguessable token")
    elif how == "POST":
        scene.post(url)
    else:
        scene.app(303, location=url)
        scene.post("/")
        scene.app(echo)
    assert not scene.get(FIRST).hit
    assert scene.get(url).hit


def test_another_process_purges_by_any_equivalent_url(sharing: list[Scene]) -> None:
    one, other = sharing
    assert one.get(FIRST).stored
    assert other.cache.purge(SITE + THIRD).responses == 1  # it has never seen a response
    assert one.get(OTHER).fwd == "uri-miss"
    other.post(THIRD)
    assert not one.get(OTHER).hit


def test_another_process_has_what_was_stored(sharing: list[Scene]) -> None:
    one, other = sharing
    one.get(FIRST)
    for url in (OTHER, FIRST, THIRD):
        assert other.get(url).hit


def test_the_first_response_that_says_so_is_not_kept_in_a_shared_store(
    sharing: list[Scene],
) -> None:
    """Another process may have purged an equivalent URL since its request."""
    one, other = sharing
    assert not one.get("/first?utm=1").hit
    other.app(200, "", cache_control="max-age=60", no_vary_search="key-order")
    assert other.get("/first?b&a").detail == "new-search"
    assert other.get("/first?b&a").stored
    assert other.get("/first?a&b").hit


def test_a_fill_goes_where_it_was_looked_up_in_a_shared_store(sharing: list[Scene]) -> None:
    """Leases, generations and moments are those of a key."""
    one, _ = sharing
    one.app(200, "", cache_control="max-age=60")
    assert one.get("/silent").stored
    one.app(echo)
    assert one.get(FIRST).detail == "new-search"
    assert one.get(FIRST).stored


def test_a_purge_during_the_first_request_is_heeded(scene: Scene) -> None:
    def purging(environ: dict[str, Any]) -> Reply:
        scene.cache.purge(SITE + THIRD)
        return echo(environ)

    scene.app(purging)
    assert scene.get(FIRST).detail == "new-search"
    assert not scene.get(OTHER).hit
    scene.app(echo)
    assert scene.get(FIRST).stored


def test_an_app_that_changes_its_mind(scene: Scene) -> None:
    scene.app(echo)
    scene.get(FIRST)
    scene.after(61)
    scene.app(200, "by every query", cache_control="max-age=60")
    assert scene.get(FIRST).stored
    assert scene.get(THIRD).fwd == "uri-miss"
    assert scene.get(FIRST).hit
    scene.app(200, "by nothing", cache_control="max-age=60", no_vary_search="except=()")
    scene.after(61)
    assert scene.get(FIRST).fwd == "stale"
    assert scene.get("/list?anything").text == "by nothing"
    assert scene.get("/list?anything").hit
    assert scene.get(FIRST).hit


def test_one_that_says_so_replaces_what_said_nothing(scene: Scene) -> None:
    scene.app(200, "old", cache_control="max-age=60")
    scene.get(FIRST)
    scene.after(61)
    scene.app(echo)
    scene.get(FIRST)
    assert scene.get(FIRST).hit
    assert scene.get(OTHER).hit


@pytest.mark.parametrize("which", ["memory", "shared"])
def test_a_304_that_says_so(scene: Scene, sharing: list[Scene], which: str) -> None:
    scene = scene if which == "memory" else sharing[1]
    scene.app(200, "old", etag='"1"', cache_control="max-age=60")
    assert scene.get(FIRST).stored
    scene.after(61)
    scene.app(304, etag='"1"', **SAYS)
    assert scene.get(FIRST).detail == "new-search"
    scene.app(200, "old", etag='"1"', **SAYS)
    scene.get(FIRST)
    assert scene.get(FIRST).hit
    scene.after(61)
    scene.app(304, etag='"1"', **SAYS)
    assert scene.get(THIRD).text == "old"
    assert scene.get(OTHER).hit


def test_what_the_stored_response_says_counts(scene: Scene) -> None:
    """A response for the very URL under which others would be filed says nothing."""
    scene.app(echo)
    scene.get("/list?utm=1")
    scene.app(200, "by itself", cache_control="max-age=60")
    scene.get(OTHER)
    scene.app(echo)
    scene.get("/list?utm=2&c")
    assert scene.get(OTHER).hit
    assert scene.get(FIRST).fwd == "uri-miss"


def test_what_this_cache_says_itself_is_no_news(make_scene: MakeScene) -> None:
    """The app does not see what is left out, so the key has the rest already."""
    scene = make_scene(Policy(ignore_query=("utm",), sort_query=True))
    scene.app(200, "page", content_type="text/html", cache_control="max-age=60")
    assert scene.get(FIRST).header("No-Vary-Search")
    assert scene.get(THIRD.replace("%31", "1")).hit
    assert noted(scene) == ()
    scene.app(200, "page", content_type="text/html", **SAYS)
    scene.get("/list?b=%32")
    assert scene.get("/list?b=2&utm").hit


def test_all_who_ask_for_the_same_at_once_ask_the_app_once() -> None:
    gates: list[Gate] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        gates[-1]()
        start_response("200 OK", [*named_fields(SAYS), ("Content-Length", "0")])
        return [b""]

    cache = CacheMiddleware(app, policy=Policy(collapse_timeout=3600))
    others = [FIRST.replace("a=1", "a=2"), OTHER.replace("a=1", "a=2")]
    for targets in ([FIRST] * 20, others * 10):
        gates.append(Gate())
        waiters = Waiters(cache)
        crowd = Crowd(cache, [environ_for(target=one) for one in targets])
        waiters.until(19)
        gates[-1].open()
        assert all(one.code == 200 for one in crowd.answers())
    assert [gate.came for gate in gates] == [1, 1]


def test_those_after_the_first_wait_for_each_other(cache: SimpleCache, clock: FakeClock) -> None:
    gate = Gate(opens_at=1)

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        gate()
        start_response("200 OK", [*named_fields(SAYS), ("Content-Length", "0")])
        return [b""]

    policy = Policy(collapse_timeout=3600)
    caching = CacheMiddleware(app, store=shared(cache, clock), policy=policy, clock=clock)
    assert exchange(caching, environ_for(target=OTHER)).detail == "new-search"
    gate, waiters = Gate(), Waiters(caching)
    crowd = Crowd(caching, [environ_for(target=OTHER)] * 9)
    waiters.until(8)
    gate.open()
    assert [one.code for one in crowd.answers()] == [200] * 9
    assert gate.came == 1


@pytest.mark.parametrize("which", ["memory", "shared"])
def test_a_validation_in_the_background(cache: SimpleCache, clock: FakeClock, which: str) -> None:
    jobs: list[Any] = []
    store = MemoryStore() if which == "memory" else shared(cache, clock)
    scene = Scene(store=store, clock=clock)
    scene.cache._background._runner = jobs.append
    scene.app(200, "old", no_vary_search="key-order", cache_control=LONG)
    for _ in range(2):
        scene.get("/list?b&a")
    scene.after(11)
    assert scene.get("/list?b=&a=", environ={"RAW_URI": "/list?b=&a="}).text == "old"
    scene.app(200, "new", no_vary_search="key-order", cache_control=LONG)
    (job,) = jobs
    assert job.url == "http://example.org/list?b=&a="
    job()
    assert scene.get("/list?a&b").text == "new"
    scene.app(200, "newest", no_vary_search="key-order", cache_control=LONG)
    scene.cache.refresh(job.url, job.fields, job.mount)
    assert scene.get("/list?a&b").text == "newest"


def test_a_store_that_fails(scene: Scene) -> None:
    scene.app(echo)
    scene.get(FIRST)
    store: Any = scene.cache.store
    get = store.get

    def failing(*args: Any, **options: Any) -> Any:
        raise StoreError("down")

    store.get = lambda key: failing() if key[3] == "a=1&b=2" else get(key)
    got = scene.get(FIRST)
    assert (got.detail, got.text) == ("store-error", "utm=1&b=2&a=1")
    store.get, store.note_search = get, failing
    assert scene.get("/list?utm=1&a=3").detail == "new-search"
    store.searches = lambda now=False: failing() if now else ("key-order",)
    with pytest.raises(StoreError, match=r"equivalent URLs \(down\)"):
        scene.cache.purge(SITE)
    assert scene.post("/").code == 200


def test_a_near_store_outlives_what_the_shared_one_has_lost(
    cache: SimpleCache, clock: FakeClock
) -> None:
    store = TieredStore(MemoryStore(), shared(cache, clock), clock=clock)
    scene = Scene(store=store, clock=clock)
    scene.app(echo)
    for _ in range(3):
        got = scene.get(FIRST)
    assert got.hit
    scene.get(OTHER)
    cache.clear()
    assert scene.get(OTHER).hit
    scene.post(THIRD)
    assert not scene.get(OTHER).hit


def test_a_node_out_of_reach_is_known_from_before(
    sharing: list[Scene], cache: SimpleCache, clock: FakeClock, monkeypatch: Any
) -> None:
    known, fresh = sharing[0].cache.store, shared(cache, clock)

    def out_of_reach(node: Any, names: Any) -> Any:
        raise StoreError("down")

    monkeypatch.setattr(CacheNode, "read", out_of_reach)
    monkeypatch.setattr(CacheNode, "look", out_of_reach)
    assert known.searches(now=True) == (SAYS["no_vary_search"],)  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="not reached: down"):
        fresh.searches(now=True)


def test_too_many_values_do_not_count(scene: Scene, sharing: list[Scene]) -> None:
    for one in (scene, sharing[0]):
        for number in range(2 * MOST_SEARCHES):
            said = f'params=("p{number}")'
            one.app(200, "", cache_control="max-age=60", no_vary_search=said)
            for _ in range(2):
                one.get(f"/{number}?p{number}&x")
            assert one.get(f"/{number}?p{number}&x").hit
            shares = said in noted(one)
            assert one.get(f"/{number}?x=&p{number}").hit is shares
        assert len(noted(one)) == MOST_SEARCHES


def test_what_is_remembered_of_paths_is_bounded(scene: Scene, monkeypatch: Any) -> None:
    monkeypatch.setattr("wsgicache.stores.equivalents._MOST", 3)
    scene.app(echo)
    for number in range(20):
        scene.get(f"/{number}?utm={number}")
        scene.get(f"/list?utm={number}&{number}")
    assert len(scene.cache._keeper.equivalents._said) <= 3
    scene.get(f"/{'x' * 2000}?utm=1")
    assert all(len(path[2]) < 2000 for path in scene.cache._keeper.equivalents._said)
