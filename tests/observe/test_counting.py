"""Each request is in one row, the row that its Cache-Status tells of, and no count is lost."""

from __future__ import annotations

import gc
import json
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from tests.observe.counted import Row, distinct, row_of, rows_of
from tests.rig.gates import interrupting
from tests.running import DEADLINE
from tests.scene import EPOCH, Environ, Exchange, FakeClock, Reply, Scene, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy
from wsgicache.frameworks import route_behind, route_matched
from wsgicache.observe.counting import MOST_NOTED
from wsgicache.observe.rows import MOST_ROUTES, OTHER, path_head
from wsgicache.observe.stats import Requests, Stats

RFC = Policy.rfc()
PLAIN: dict[str, Any] = {"cache_control": "max-age=60"}


def rows(cache: CacheMiddleware) -> Counter[Row]:
    """The rows of all requests, whatever their routes."""
    return rows_of(cache.stats().requests)


def plain(scene: Scene) -> Iterator[Exchange]:
    """A miss, hits, a 304, a HEAD, ranges, and an error of a range."""
    scene.app(200, "0123456789", etag='"v1"', **PLAIN)
    yield scene.get("/a")
    yield scene.get("/a")
    yield scene.head("/a")
    yield scene.get("/a", if_none_match='"v1"')
    yield scene.get("/a", range="bytes=2-4")
    yield scene.get("/a", range="bytes=20-30")
    yield scene.get("/a", if_none_match='"v1"')
    yield scene.head("/a")
    yield scene.head("/b")
    yield scene.get("/b")


def refused(scene: Scene) -> Iterator[Exchange]:
    """What is not stored, or not looked up."""
    scene.app(200, "page", cache_control="no-store")
    yield scene.get("/a")
    scene.app(404, "page", cache_control="private")
    yield scene.get("/a", authorization="Basic abc")
    scene.app(200, "page", **PLAIN)
    yield scene.get("/a", cookie="session=1")
    yield scene.get("/a", expect="100-continue")
    yield scene.get("/a", cache_control="only-if-cached")
    yield scene.post("/a", body=b"new")
    yield scene.request("OPTIONS", "/a")
    scene.cache.enabled = False
    yield scene.get("/a")
    yield scene.post("/a")


def validated(scene: Scene) -> Iterator[Exchange]:
    """Validation: a 304, a new page, an error for which the old one stands in."""
    scene.resource("page", **PLAIN)
    yield scene.get("/a")
    scene.after(61)
    yield scene.get("/a")
    scene.after(61)
    scene.resource("page", cache_control="no-store")
    yield scene.get("/a")
    scene.resource("new", etag='"v2"', cache_control="max-age=60, stale-if-error=600")
    yield scene.get("/a")
    scene.after(61)
    scene.app(503, "broken")
    yield scene.get("/a")
    scene.resource("newer", etag='"v3"', cache_control="no-cache, max-age=60")
    yield scene.get("/b")
    yield scene.get("/b", cache_control="no-cache")


def selected(scene: Scene) -> Iterator[Exchange]:
    """Variants: those that miss name the field."""
    scene.app(200, "page", vary="X-Kind", **PLAIN)
    yield scene.get("/a", x_kind="1")
    yield scene.get("/a", x_kind="2")
    yield scene.get("/a", x_kind="2")
    scene.after(2)
    yield scene.get("/a", x_kind="2", cache_control="no-cache")


def heads(scene: Scene) -> Iterator[Exchange]:
    """HEAD is asked as GET; an app without GET is asked again, and that counts once."""
    scene.app(lambda e: Reply(405 if e["REQUEST_METHOD"] == "GET" else 200, "", allow="HEAD"))
    yield scene.head("/a")
    scene.app(404, "none")
    yield scene.head("/b")


@pytest.mark.parametrize("play", [plain, refused, validated, selected, heads])
@pytest.mark.parametrize("policy", [Policy(), RFC], ids=["safe", "rfc"])
def test_each_request_is_in_the_row_that_it_says(
    play: Callable[[Scene], Iterator[Exchange]], policy: Policy
) -> None:
    scene = Scene(policy)
    told = Counter(map(row_of, play(scene)))
    assert rows(scene.cache) == told
    assert scene.cache.stats().count == told.total()


def test_what_raises_is_counted_once() -> None:
    """The server answers 500; what a stale response replaces is no error."""
    scene = Scene(lint=False)

    def broken(environ: Environ, start_response: Any) -> Any:
        raise RuntimeError("broken")

    scene.wsgi(broken)
    for method in ("GET", "HEAD", "POST"):
        with pytest.raises(RuntimeError):
            scene.request(method, "/a")
    raised: dict[Row, int] = {
        ("refused", "uri-miss", "raised", "5xx"): 2,
        ("bypass", "method", "raised", "5xx"): 1,
    }
    assert rows(scene.cache) == raised

    def half(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])(b"some")
        raise RuntimeError("broken")

    scene.wsgi(half)
    with pytest.raises(RuntimeError):
        scene.request("GET", "/a")
    assert scene.cache.stats().count == 4


def test_a_purge_over_http_is_counted() -> None:
    cache = CacheMiddleware(lambda e, s: [], purge_token="0123456789abcdef")
    for token, row in (("0123456789abcdef", "2xx"), ("wrong", "4xx")):
        exchange(cache, environ_for("PURGE", headers=[("Authorization", f"Bearer {token}")]))
        assert rows(cache)["bypass", "method", "purge", row] == 1
    cache.purge_all(soft=True)
    assert cache.stats().purges == {"url": 1, "soft-all": 1}


def sums(cache: CacheMiddleware) -> dict[str, tuple[float, float, int, int, int]]:
    """Seconds, bytes and stale answers by outcome."""
    found: dict[str, tuple[float, float, int, int, int]] = {}
    for row in cache.stats().requests:
        spent, saved, stored, app, stale = found.get(row.outcome, (0.0, 0.0, 0, 0, 0))
        found[row.outcome] = (
            spent + row.spent_seconds,
            saved + row.saved_seconds,
            stored + row.stored_bytes,
            app + row.application_bytes,
            stale + row.stale,
        )
    return found


def test_seconds_and_bytes() -> None:
    """A hit saves what its fill took, whatever the validation after it took."""
    scene = Scene()
    took = 2.0

    def answer(environ: Environ) -> Reply:
        scene.after(took)
        said: dict[str, Any] = {"etag": '"v1"', "cache_control": "max-age=60"}
        if environ.get("HTTP_IF_NONE_MATCH"):
            return Reply(304, b"", **said)
        return Reply(200, "0123456789", **said)

    scene.app(answer)
    scene.get("/a")
    scene.get("/a")
    scene.get("/a", range="bytes=0-3")
    scene.get("/a", if_none_match='"v1"')
    assert sums(scene.cache) == {"stored": (2, 0, 0, 10, 0), "hit": (0, 6, 14, 0, 0)}
    took = 0.5
    scene.after(90)
    scene.get("/a")
    scene.get("/a")
    stats = scene.cache.stats()
    assert sums(scene.cache) == {
        "stored": (2, 0, 0, 10, 0),
        "hit": (0, 8, 24, 0, 0),
        "validated": (0.5, 0, 10, 0, 0),
    }
    assert (stats.spent_seconds, stats.saved_seconds) == (2.5, 8)
    assert (stats.stored_bytes, stats.application_bytes) == (34, 10)


def test_seconds_and_bytes_of_what_comes_in_pieces() -> None:
    """The app's seconds count, and not those of the client."""
    clock = FakeClock()

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        clock.advance(1)
        start_response("200 OK", [("Cache-Control", "max-age=600")])
        for _ in range(3):
            yield b"piece"
            clock.advance(2)

    cache = CacheMiddleware(app, clock=clock)
    exchange(cache, environ_for(), each=lambda chunk: clock.advance(10))
    exchange(cache, environ_for())
    assert sums(cache) == {"stored": (7, 0, 0, 15, 0), "hit": (0, 7, 15, 0, 0)}
    exchange(cache, environ_for("HEAD", "/other"))
    assert sums(cache)["stored"] == (7 + 1, 0, 0, 15, 0), "its body may never end, and is closed"


def test_stale_answers_and_background_validations() -> None:
    jobs: list[Any] = []
    clock, status = FakeClock(), "200 OK"

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        clock.advance(1)
        fields = [("Cache-Control", "max-age=60, stale-while-revalidate=600")]
        start_response(status, fields)
        return [b"page"]

    cache = CacheMiddleware(app, clock=clock, runner=jobs.append)
    exchange(cache, environ_for())
    clock.advance(59)
    for _ in range(3):
        exchange(cache, environ_for())
    clock.advance(1)
    for _ in range(2):
        exchange(cache, environ_for())
    exchange(cache, environ_for("HEAD"))
    jobs.pop()()
    stats = cache.stats()
    assert (stats.count, stats.stale, stats.hits) == (7, 6, 6)
    assert (stats.validations, stats.validation_failures, stats.validation_seconds) == (1, 0, 1)
    status = "503 Service Unavailable"
    clock.advance(100)
    exchange(cache, environ_for())
    jobs.pop()()
    stats = cache.stats()
    assert (stats.count, stats.validations, stats.validation_failures) == (8, 2, 1)


def test_those_who_wait_are_hits_that_collapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go = threading.Event(), threading.Event()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        entered.set()
        assert go.wait(DEADLINE)
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        return [b"page"]

    policy = Policy(collapse_timeout=3600)
    cache = CacheMiddleware(app, policy=policy, clock=FakeClock())
    waiting, wait = threading.Semaphore(0), cache._flights.wait

    def noted(*arguments: Any) -> Any:
        waiting.release()
        return wait(*arguments)

    monkeypatch.setattr(cache._flights, "wait", noted)
    threads = [threading.Thread(target=exchange, args=(cache, environ_for())) for _ in range(3)]
    threads[0].start()
    assert entered.wait(DEADLINE)
    for thread in threads[1:]:
        thread.start()
    for _ in threads[1:]:
        assert waiting.acquire(timeout=DEADLINE)
    go.set()
    for thread in threads:
        thread.join()
    stats = cache.stats()
    assert (stats.count, stats.hits, stats.collapsed) == (3, 2, 2)
    assert rows(cache)["hit", "uri-miss", None, "2xx"] == 2


def test_no_hit_is_lost_under_threads_and_eviction() -> None:
    """Counters of responses that are replaced meanwhile keep what they have counted."""
    store = MemoryStore(20_000)

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        return [b"page"]

    cache = CacheMiddleware(app, store=store)
    each = 1_500

    def ask(seed: int) -> None:
        for number in range(each):
            exchange(cache, environ_for(target=f"/{(number * seed) % 7}/{number % 3}"))
            if number % 50 == 0:
                cache.stats()

    with interrupting(1e-6):
        threads = [threading.Thread(target=ask, args=(seed,)) for seed in (1, 2, 3, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    stats = cache.stats()
    assert stats.count == 4 * each
    assert (stats.store.evictions or 0) > 0
    gc.collect()
    cache.stats()
    assert len(cache._counting._uses) <= len(store)


class _Interrupted(list[Any]):
    """A list to which another thread appends whenever somebody has read a part of it."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        if isinstance(place, slice) and len(found) == 2:
            self.append(found[0])
        return found


def test_no_request_is_lost_that_comes_meanwhile() -> None:
    scene = Scene(lint=False)
    scene.app(200, "page", cache_control="no-store")
    scene.get("/a")
    assert scene.cache.stats().count == 1
    scene.cache._counting._noted = _Interrupted()
    scene.get("/a")
    scene.get("/a")
    assert scene.cache.stats().count == 4, "with the one that came meanwhile"


def test_what_waits_for_its_row_has_a_limit() -> None:
    """Within a second, too; and no child counts what its parent has noted."""
    scene = Scene(lint=False)
    scene.app(200, "page", cache_control="no-store")
    for _ in range(3 * MOST_NOTED):
        scene.get("/a")
        assert len(scene.cache._counting._noted) < MOST_NOTED
    scene.get("/a")
    scene.get("/a")
    scene.cache._counting.begin_in_child()
    assert scene.cache.stats().count == 0


# ── labels ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "mount", "head"),
    [
        ("/", "", "/"),
        ("", "", "/"),
        ("/items", "", "/items"),
        ("/items/5/more", "", "/items"),
        ("/5", "/shop", "/shop/5"),
        ("/5/6", "/shop", "/shop/5"),
        ("", "/shop", "/shop"),
        ("/caf\xc3\xa9/x", "", "/café"),
        ("/\xff", "", "/\ufffd"),
    ],
)
def test_the_head_of_a_path(path: str, mount: str, head: str) -> None:
    assert path_head(mount, mount + path) == head

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        return []

    cache = CacheMiddleware(app)
    for method in ("GET", "POST"):
        changes = {"PATH_INFO": path, "SCRIPT_NAME": mount}
        exchange(cache, environ_for(method, changes=changes))
        stats = cache.stats()
        assert {row.route for row in stats.requests} == {head}
        if method == "GET" and mount + path:  # a POST empties what is stored
            assert [held.route for held in stats.store.routes] == [head]


def test_routes_have_a_limit() -> None:
    """However many URLs there are, memory stays below 2 MiB."""
    scene = Scene(store=MemoryStore(100_000), lint=False)
    scene.app(200, "page", **PLAIN)
    scene.get("/first")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(MOST_ROUTES + 200):
            scene.get(f"/{number}/{'x' * 200}")
            scene.calls.clear()
            scene.bodies.clear()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    stats = scene.cache.stats()
    assert len({row.route for row in stats.requests}) == MOST_ROUTES + 1
    assert {row.route: row.count for row in stats.requests}[OTHER] == 201
    assert stats.count == MOST_ROUTES + 201
    assert grown < 2 << 20, grown


def test_distinct_urls_take_no_more_memory() -> None:
    distinct(3_000)


def test_the_urls_asked_most_often() -> None:
    scene = Scene(lint=False)
    scene.app(200, "page", cache_control="no-store")
    for number in range(600):
        scene.get(f"/once/{number}")
        if number % 6 == 0:
            scene.get("/often")
    first, *others = scene.cache.stats().asked
    assert first.url == "http://example.org/often"
    assert first.count - first.error <= 100 <= first.count
    assert (first.outcome, first.forward, first.detail) == ("refused", "uri-miss", "no-store")
    assert len(others) < 100


def test_frameworks_tell_their_routes() -> None:
    import bottle
    import flask

    web = flask.Flask("tests")
    web.add_url_rule("/items/<int:id>", "items", lambda id: "page", methods=["GET", "POST"])
    other = bottle.Bottle()
    other.route("/items/<id>", ["GET", "POST"], callback=lambda id: "page")
    for app, pattern in ((web.wsgi_app, "/items/<int:id>"), (other, "/items/<id>")):
        cache = CacheMiddleware(app)
        for target in ("/items/1", "/items/2", "/none/3"):
            for method in ("GET", "HEAD", "POST"):
                exchange(cache, environ_for(method, target))
        assert {row.route for row in cache.stats().requests} == {pattern, "/none"}


class _Match:
    def __init__(self, route: object) -> None:
        self.resolver_match = self
        self.route = route
        self._resource_closers = [self.close]

    def close(self) -> None:
        """The request's."""


@pytest.mark.parametrize(
    ("body", "route"),
    [
        ([b""], ""),
        (_Match("items/<int:id>/"), "/items/<int:id>/"),
        (_Match("^items/$"), "^items/$"),
        (_Match(""), "/"),
        (_Match(None), ""),
    ],
)
def test_the_route_behind_an_answer(body: Any, route: str) -> None:
    assert route_behind(body) == route


@pytest.mark.parametrize("environ", [{"werkzeug.request": None}, {"bottle.route": object()}])
def test_a_route_that_is_not_told(environ: Environ) -> None:
    assert route_matched(environ) == ""


# ── the snapshot ─────────────────────────────────────────────────────────────────────────────────


def test_what_came_in_the_last_1000_seconds() -> None:
    """Each ten of them since the counting began, without those that have not ended."""
    scene = Scene(clock=FakeClock(EPOCH // 10 * 10 + 5))
    scene.app(200, "page", cache_control="max-age=60")
    begin = int(scene.clock.wall()) - 5
    for _ in range(3):
        scene.get()
    assert scene.cache.stats().history == ()
    scene.after(25)
    scene.get()
    expected = [(0, 3, 2), (10, 0, 0), (20, 0, 0)]
    for ahead in (0, -7200):  # by the wall clock, even if somebody sets it
        scene.clock.step(ahead)
        begin += ahead
        history = scene.cache.stats().history
        assert [(one.at - begin, one.requests, one.hits) for one in history] == expected
    scene.clock.step(7200)
    scene.after(980)
    scene.get()
    history = scene.cache.stats().history
    assert (len(history), sum(one.requests for one in history)) == (100, 1)
    scene.after(3000)
    assert scene.cache.stats().history == ()


def test_rates_forget() -> None:
    """All within the last 10 seconds counts fully; what is older leaves bit by bit."""
    scene = Scene(lint=False)
    scene.app(200, "page", **PLAIN)
    scene.get("/a")
    for _ in range(4):
        scene.get("/a")
        scene.after(1)
    told = [(rate.seconds, rate.requests, rate.hit_ratio) for rate in scene.cache.stats().rates]
    for (seconds, requests, ratio), window in zip(told, (10, 100, 1000), strict=True):
        assert (seconds, round(requests * window, 6), round(ratio, 6)) == (window, 5, 0.8)
    scene.after(20)
    stats = scene.cache.stats()
    assert [round(rate.requests, 6) for rate in stats.rates] == [0, 0.05, 0.005]
    assert stats.routes[0].rates == stats.rates
    scene.after(2000)
    assert [rate.requests for rate in scene.cache.stats().rates] == [0, 0, 0]
    scene.get("/b")  # it came now, and not when requests ended
    assert round(scene.cache.stats().rates[0].requests, 6) == 0.1


def test_a_snapshot_is_frozen_and_goes_to_json() -> None:
    scene = Scene()
    empty = scene.cache.stats()
    assert (empty.count, empty.hit_ratio, empty.requests) == (0, 0.0, ())
    scene.app(200, "page", **PLAIN)
    for _ in range(4):
        scene.get("/items/1")
    stats = scene.cache.stats()
    assert isinstance(stats, Stats)
    assert (empty.count, stats.count, stats.hit_ratio) == (0, 4, 0.75)
    hits = Requests("hit", None, None, "2xx", "/items", 3, 0.0, 0.0, 12, 0, 0)
    stored = Requests("stored", "uri-miss", None, "2xx", "/items", 1, 0.0, 0.0, 0, 4, 0)
    assert stats.requests == (hits, stored)
    with pytest.raises(FrozenInstanceError):
        stats.since = 0  # type: ignore[misc]
    with pytest.raises(TypeError):
        stats.purges["url"] = 1  # type: ignore[index]
    said = json.loads(json.dumps(stats.as_json()))
    assert (said["hit_ratio"], said["since"], said["store"]["entries"]) == (0.75, EPOCH, 1)
    assert said["requests"][0]["outcome"] == "hit"
    assert (stats.store.widest, stats.store.budget) == (1, 64 << 20)


def test_errors_of_the_store_are_counted() -> None:
    class Broken(MemoryStore):
        def get(self, key: object) -> Any:
            raise OSError("no store")

    scene = Scene(store=Broken())
    scene.app(200, "page", **PLAIN)
    got = scene.get("/a")
    assert scene.cache.stats().store_errors > 0
    assert rows(scene.cache) == {row_of(got): 1}
