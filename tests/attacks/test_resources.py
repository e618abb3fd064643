"""Attacks on memory and time, on invalidation and on clocks; and the operator's mistakes."""

from __future__ import annotations

import gc
import random
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from cachelib import SimpleCache

from tests.conftest import MakeScene
from tests.scene import EPOCH, Environ, FakeClock, Reply, Scene, environ_for, exchange, steps
from wsgicache import (
    CacheMiddleware,
    MemoryStore,
    Policy,
    Route,
    SystemClock,
    current,
    never_cache,
    no_cache,
    vary,
)
from wsgicache.rules.fields import environ_key
from wsgicache.stores import CachelibStore

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}


class Poisoned:
    """A wsgi.input that must not be touched."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"wsgi.input.{name} was touched")

    def __iter__(self) -> Any:
        raise AssertionError("wsgi.input was iterated over")


def page(size: int, fields: list[tuple[str, str]] | None = None) -> Callable[..., Any]:
    """An app of constant pages that keeps no record, for runs of many requests."""
    body = [b"x" * size]
    head = [("Cache-Control", "max-age=31536000"), *(fields or [])]

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", head)
        return body

    return app


def ask(cache: CacheMiddleware, path: str, **changes: str) -> bool:
    """Whether a request for *path* is a hit; as few steps round it as can be."""
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_HOST": "h",
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **changes,
    }
    told: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        told.extend(v for n, v in headers if n == "Cache-Status")

    body = cache(environ, start_response)
    for _ in body:
        pass
    if hasattr(body, "close"):
        body.close()
    return "; hit" in told[0]


# ── a flood of one-time URLs ─────────────────────────────────────────────────────────────────────


def hits_under_flood(hot: int, rounds: int, misses: int = 9) -> float:
    """The hit ratio of *hot* pages, half of the budget, with *misses* random URLs for each hit."""
    random_ = random.Random(7)
    cost = room_of(page(2000))
    cache = CacheMiddleware(page(2000), store=MemoryStore(max_bytes=2 * hot * cost))
    for n in range(hot):
        ask(cache, f"/hot/{n}")
    for n in range(hot):
        ask(cache, f"/hot/{n}")
    hits = 0
    for n in range(rounds):
        hits += ask(cache, f"/hot/{random_.randrange(hot)}")
        for m in range(misses):
            ask(cache, f"/flood/{n}/{m}")
    return hits / rounds


def room_of(app: Callable[..., Any]) -> int:
    """About how many bytes of the budget one page of *app* takes, found by filling a store."""
    budget = 1 << 20
    cache = CacheMiddleware(app, store=MemoryStore(max_bytes=budget))
    n = 0
    while n < 100_000:
        for m in range(n, n + 20):
            ask(cache, f"/{m:06}")
        n += 20
        kept = sum(ask_only(cache, f"/{m:06}") for m in range(n))
        if kept < n:
            return budget // kept
    raise AssertionError("the store is not bounded")


def ask_only(cache: CacheMiddleware, path: str) -> bool:
    """Whether *path* is stored, storing nothing."""
    return ask(cache, path, HTTP_CACHE_CONTROL="only-if-cached")


def test_hot_pages_survive_a_flood() -> None:
    assert hits_under_flood(hot=60, rounds=300) >= 0.9


# ── variants ─────────────────────────────────────────────────────────────────────────────────────


def kept_variants(agents: int, policy: Policy | None = None) -> tuple[int, bool]:
    """How many of *agents* variants of one URL are kept, and whether another URL still is."""
    app = page(10, [("Vary", "User-Agent")])
    cache = CacheMiddleware(app, policy=policy)
    ask(cache, "/other")
    for n in range(agents):
        ask(cache, "/", HTTP_USER_AGENT=f"agent {n}")
    kept = 0
    for n in range(agents):
        only = {"HTTP_CACHE_CONTROL": "only-if-cached"}
        kept += ask(cache, "/", HTTP_USER_AGENT=f"agent {n}", **only)
    return kept, ask(cache, "/other")


@pytest.mark.parametrize(("policy", "most"), [(None, 64), (Policy(max_variants=5), 5)])
def test_variants_of_one_url_are_bounded(policy: Policy | None, most: int) -> None:
    kept, other = kept_variants(400, policy)
    assert 1 <= kept <= most
    assert other


def test_the_newest_variant_is_kept() -> None:
    cache = CacheMiddleware(page(10, [("Vary", "User-Agent")]))
    for n in range(200):
        ask(cache, "/", HTTP_USER_AGENT=f"agent {n}")
        assert ask(cache, "/", HTTP_USER_AGENT=f"agent {n}")


def test_a_look_up_does_not_scan_the_variants() -> None:
    cache = CacheMiddleware(page(10, [("Vary", "User-Agent")]))
    work = []
    for n in range(60):
        ask(cache, "/", HTTP_USER_AGENT=f"agent {n}")
        ask(cache, "/", HTTP_USER_AGENT="agent 0")
        work.append(steps(lambda: ask(cache, "/", HTTP_USER_AGENT="agent 0")))
    assert min(work[-10:]) <= min(work[:2]) + 10
    assert max(work[-10:]) <= max(work[:2]) + 10


def hot_pages_left(forge: Callable[[int], dict[str, str]]) -> tuple[int, bool]:
    """Of 1,000 hot pages that fill a store, how many are left after 64 requests for a page a
    sixty-fourth of it, as *forge* makes them; and whether that page itself is."""
    pages = {"/hot": page(400), "/large": page(16 * 1024)}

    def app(environ: Environ, start_response: Any) -> Any:
        return pages["/" + environ["PATH_INFO"].split("/")[1]](environ, start_response)

    store = MemoryStore(max_bytes=1000 * 1024)
    cache = CacheMiddleware(app, store=store)
    hot = [f"/hot/{n}" for n in range(1000)]
    for path in [*hot, *hot, "/large"]:
        ask(cache, path)
    kept = [path for path in hot if path in {key[2] for key in store.keys(("http", "h", "/", ""))}]
    for n in range(64):
        ask(cache, "/large")
        ask(cache, "/large", **forge(n))
    return sum(ask_only(cache, path) for path in kept) * 1000 // len(kept), ask(cache, "/large")


def test_made_up_variants_evict_no_other_pages() -> None:
    left, itself = hot_pages_left(lambda n: {"HTTP_X_FORWARDED_HOST": f"h{n}.example"})
    assert left >= 950
    assert itself


def test_the_page_that_is_asked_for_stays_however_large() -> None:
    """Two variants that are larger than their share stay together: the one just made, and the one
    that others want."""
    store = MemoryStore(max_bytes=1 << 20)
    cache = CacheMiddleware(page(100_000), store=store)
    for n in range(20):
        assert ask(cache, "/") is (n > 0)
        ask(cache, "/", HTTP_X_FORWARDED_HOST=f"h{n}")
        assert store.bytes < 220_000


# ── memory ───────────────────────────────────────────────────────────────────────────────────────


def growth(app: Callable[..., Any], urls: int, budget: int) -> int:
    """Bytes that the process holds more after *urls* distinct URLs."""
    cache = CacheMiddleware(app, store=MemoryStore(max_bytes=budget))
    ask(cache, "/pages/warm")
    gc.collect()
    tracemalloc.start()
    try:
        for n in range(urls):
            ask(cache, f"/pages/{n:09}")
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held


SHAPES: dict[str, tuple[int, int, int, int]] = {  # URLs; content, field lines, bytes of each
    "1 byte, 2 KiB of fields": (300, 1, 20, 90),
    "1 byte, bare": (900, 1, 0, 0),
    "1 byte, many short fields": (150, 1, 100, 3),
    "8 KiB": (200, 8192, 2, 20),
}


def fresh_strings(size: int, count: int, length: int) -> Callable[..., Any]:
    """An app whose every response is made of objects of its own."""

    def app(environ: Environ, start_response: Any) -> Any:
        serial = environ["PATH_INFO"].rpartition("/")[2]
        fields = [(f"X-{n}-{serial}", (serial + "v" * length)[-length:]) for n in range(count)]
        start_response("200 OK", [("Cache-Control", "max-age=31536000"), *fields])
        return [serial.encode().ljust(size, b"x")[:size]]

    return app


@pytest.mark.parametrize("shape", SHAPES)
def test_the_budget_counts_everything(shape: str) -> None:
    """Fields and overhead too: what Python holds stays within a quarter of the budget."""
    budget = 1 << 19
    urls, *sizes = SHAPES[shape]
    held = growth(fresh_strings(*sizes), urls, budget)
    assert 0.4 * budget <= held <= 1.25 * budget + (128 << 10)


def held_for(ask_all: Callable[[CacheMiddleware], None], budget: int) -> int:
    """Bytes held for what is asked of a cache with that *budget*, whose pages vary by X-A."""
    cache = CacheMiddleware(page(1000, [("Vary", "X-A")]), store=MemoryStore(max_bytes=budget))
    gc.collect()
    tracemalloc.start()
    try:
        ask_all(cache)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held


@pytest.mark.parametrize("field", ["HTTP_X_A", "HTTP_X_FORWARDED_HOST"])
def test_variants_count_too(field: str) -> None:
    budget = 1 << 20

    def ask_all(cache: CacheMiddleware) -> None:
        for n in range(20):
            for m in range(40):
                ask(cache, f"/{n}", **{field: f"{m}" + "a" * 8000})

    assert held_for(ask_all, budget) <= 1.25 * budget + (128 << 10)


def test_presentations_of_one_variant_stay_within_the_budget() -> None:
    budget = 1 << 19

    def ask_all(cache: CacheMiddleware) -> None:
        for n in range(100):
            for m in range(32):
                ask(cache, f"/{n}", HTTP_X_A="a," + " " * m + "b" + " " * (450 - m) + ",c")

    assert held_for(ask_all, budget) <= 1.25 * budget + (128 << 10)


def test_replacing_a_page_frees_the_old_one() -> None:
    store = MemoryStore(max_bytes=1 << 20)
    cache = CacheMiddleware(page(100_000), store=store, policy=Policy(reload_seconds=0))
    for _ in range(30):
        ask(cache, "/", HTTP_CACHE_CONTROL="no-cache")
        assert ask(cache, "/")
    for n in range(8):
        ask(cache, f"/{n}")
    assert ask(cache, "/7")


def test_a_page_larger_than_the_budget_is_not_kept_and_ousts_nobody() -> None:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        return [b"x" * (200_000 if environ["PATH_INFO"] == "/large" else 100)]

    cache = CacheMiddleware(app, store=MemoryStore(max_bytes=100_000))
    ask(cache, "/small")
    assert ask(cache, "/small")
    ask(cache, "/large")
    assert not ask(cache, "/large")
    assert ask(cache, "/small")


def blocks_held(method: str, control: str, urls: int) -> list[int]:
    """Memory blocks that Python holds after *urls* different URLs, and after half as many more."""
    app = page(1, [("Cache-Control", control)]) if control else page(1)
    cache = CacheMiddleware(app, store=MemoryStore(max_bytes=1 << 18))
    held = []
    for part in (range(urls), range(urls, urls + urls // 2)):
        for n in part:
            ask(cache, f"/{n:09}", REQUEST_METHOD=method)
        gc.collect()
        held.append(sys.getallocatedblocks())
    return held


@pytest.mark.parametrize(
    ("method", "control", "urls"),
    [("GET", "", 2_500), ("GET", "no-store", 12_000), ("POST", "", 12_000)],
)
def test_nothing_beside_the_store_grows_with_urls(method: str, control: str, urls: int) -> None:
    """Markers, tombstones, statistics: whatever there is of them is full by now."""
    once, more = blocks_held(method, control, urls)
    assert more <= once + 3_000


LONG_FIELDS = (
    *("Host", "Cookie", "Cache-Control", "Accept", "If-None-Match", "Range", "X-Forwarded-Host"),
    *("Forwarded", "Authorization", "Destination", "Upgrade", "Origin", "Content-Type"),
)
SAID_BACK = (
    *("Vary", "Content-Type", "Location", "Cache-Control", "ETag", "Set-Cookie", "Last-Modified"),
    *("Cache-Group-Invalidation", "Cache-Groups", "Cache-Tag", "Wsgicache-Cache-Control"),
)


def long_requests(number: int, length: int) -> Iterator[Environ]:
    """Requests that are long in one way each, all with texts of their own."""
    text = f"{number:06}" + "x" * length
    for method in ("GET", "POST", "MOVE"):
        yield environ_for(method, f"/{text}")
        yield environ_for(method, f"/?a={text}")
        yield environ_for(method, changes={"SCRIPT_NAME": f"/{text}"})
        for field in LONG_FIELDS:
            yield environ_for(method, changes={environ_key(field): text})
        for field in SAID_BACK:
            yield environ_for(method, changes={"said": (field, text)})


@pytest.mark.parametrize("kind", ["memory", "shared"])
def test_nothing_long_is_remembered(kind: str) -> None:
    """Beside the pages themselves, of which there are none here: nothing may be stored."""

    def app(environ: Environ, start_response: Any) -> Any:
        field, text = environ.get("said", ("X-A", "a"))
        said = f'"{text}"' if field.startswith("Cache-Group") else text
        start_response("200 OK", [("Cache-Control", "no-store"), (field, said)])
        return [b"page"]

    store = MemoryStore(1) if kind == "memory" else CachelibStore(SimpleCache(), limit=16_384)
    routes = [Route("/*", vary("Accept"), query=("a",), cookies=("a",)), Route("*.js", no_cache)]
    cache = CacheMiddleware(app, store=store, routes=routes)
    length, rounds = 20_000, 3

    def ask_all(begin: int) -> None:
        for number in range(begin, begin + rounds):
            for environ in long_requests(number, length):
                exchange(cache, environ)

    ask_all(0)
    gc.collect()
    tracemalloc.start()
    try:
        ask_all(rounds)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < rounds * length


# ── what is read, and at what cost ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "FOO"])
@pytest.mark.parametrize("length", [None, "", "0", "5", "9" * 30, "x"])
def test_the_request_body_is_the_apps(method: str, length: str | None) -> None:
    cache = CacheMiddleware(page(5))
    for _ in range(2):
        environ = environ_for(method, changes={"CONTENT_LENGTH": length})
        environ["wsgi.input"] = poisoned = Poisoned()
        got = exchange(cache, environ)
        assert got.code == 200
        assert environ["wsgi.input"] is poisoned


def test_an_upload_reaches_the_app_unread(scene: Scene) -> None:
    def echo(environ: Environ) -> Reply:
        return Reply(200, environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))

    scene.app(echo)
    assert scene.post("/", body=b"all of it").text == "all of it"
    assert scene.get("/", body=b"even here").text == "even here"


REQUEST_FIELDS = [
    "Cache-Control",
    "Pragma",
    "If-None-Match",
    "If-Modified-Since",
    "Range",
    "If-Range",
    "Forwarded",
    "Cookie",
    "Accept-Language",
    "Accept-Encoding",
    "X-Forwarded-Host",
    "Host",
]
HOSTILE = {
    "digits": lambda n: "max-age=" + "9" * n,
    "commas": lambda n: "," * n,
    "spaced commas": lambda n: ", " * (n // 2),
    "spaces": lambda n: "a" + " " * n + "b",
    "tabs": lambda n: "a=" + "\t" * n,
    "quotes": lambda n: '"' * n,
    "open quotes": lambda n: 'a="' * (n // 3),
    "backslashes": lambda n: 'a="' + "\\" * n,
    "escapes": lambda n: 'a="' + '\\"' * (n // 2),
    "equals": lambda n: "=" * n,
    "semicolons": lambda n: ";" * n,
    "members": lambda n: "a=1, " * (n // 5),
    "cookies": lambda n: "a=1; " * (n // 5),
    "qualities": lambda n: "en;q=0.1, " * (n // 10),
    "letters": lambda n: "a" * n,
}


@pytest.mark.parametrize("name", REQUEST_FIELDS)
def test_reading_a_request_is_linear(bare_scene: Scene, name: str) -> None:
    """Twice the length is at most twice the steps; and 64 KiB are no exception."""
    scene = bare_scene
    scene.app(
        200,
        "page",
        etag='"v1"',
        vary="Accept-Language, Accept-Encoding",
        cache_control="public, max-age=60",
    )
    scene.get("/")

    def request(value: str) -> None:
        scene.get("/", environ={"HTTP_" + name.upper().replace("-", "_"): value})

    for shape, make in HOSTILE.items():
        request(make(100))
        work = [steps(partial(request, make(n))) for n in (1_000, 2_000)]
        assert work[1] <= 2.2 * work[0] + 1_000, shape
        request(make(65_536))


RESPONSE_FIELDS = (
    "Cache-Control Vary ETag Expires Date Age Last-Modified Wsgicache-Cache-Control Connection "
    "Cache-Status Content-Length Set-Cookie"
).split()


@pytest.mark.parametrize("name", RESPONSE_FIELDS)
def test_reading_a_response_is_linear(name: str) -> None:
    def cache(value: str) -> Callable[[], object]:
        def app(environ: Environ, start_response: Any) -> Any:
            lines = [(name, value), ("X-Cache-Control", "x")]
            if name != "Cache-Control":
                lines.append(("Cache-Control", "max-age=60"))
            start_response("200 OK", lines)
            return [b"page"]

        made = CacheMiddleware(app)

        def run() -> None:
            for _ in range(2):
                body = made(environ_for(), lambda *start: lambda data: None)
                assert b"".join(body) == b"page"
                getattr(body, "close", lambda: None)()

        return run

    for shape, make in HOSTILE.items():
        cache(make(100))()
        work = [steps(cache(make(n))) for n in (1_000, 2_000)]
        assert work[1] <= 2.2 * work[0] + 1_000, shape
        cache(make(65_536))()


# ── who may invalidate ───────────────────────────────────────────────────────────────────────────

KEEPING = [400, 401, 403, 404, 405, 409, 410, 412, 413, 422, 429, 500, 501, 502, 503, 504, 599]
DROPPING = [200, 201, 202, 204, 205, 206, 301, 302, 303, 307, 308, 299]


@pytest.mark.parametrize("method", ["POST", "DELETE", "FOO"])
@pytest.mark.parametrize("status", [*KEEPING, *DROPPING])
def test_only_success_invalidates(scene: Scene, method: str, status: int) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/")
    scene.app(status, "" if status in (204, 205) else "answer", location="http://example.org/x")
    scene.request(method, "/")
    scene.app(200, "new", **FRESH)
    got = scene.get("/")
    assert got.text == ("page" if status in KEEPING else "new")


def test_one_post_costs_one_call(scene: Scene) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/")
    scene.post("/")
    for _ in range(5):
        scene.get("/")
    assert scene.count == 3


def test_an_app_that_raises_invalidates_nothing(scene: Scene) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/")

    def crash(environ: Environ) -> Reply:
        raise RuntimeError("no")

    scene.app(crash)
    with pytest.raises(RuntimeError, match="no"):
        scene.post("/")
    assert scene.get("/").hit


FOREIGN = [
    "http://other.example/x",
    "http://example.org:8080/x",
    "https://example.org/x",
    "http://example.org@evil.example/x",
    "http://evil.example\\@example.org/x",
    "//evil.example/x",
    "///evil.example/x",
    "\\\\evil.example/x",
    "http:\\\\evil.example\\x",
    "ftp://example.org/x",
    "http://example.org.evil.example/x",
    "http://sub.example.org/x",
    "javascript:/x",
    "http:///x",
]
OWN = [
    ("/x", "/x"),
    ("http://example.org/x", "/x"),
    ("HTTP://EXAMPLE.ORG/x", "/x"),
    ("http://example.org:80/x", "/x"),
    ("//example.org/x", "/x"),
    ("x", "/x"),
    ("./x", "/x"),
    ("../x", "/x"),
    ("/y/../x", "/x"),
    ("/x?a=1&b=2", "/x?a=1&b=2"),
    ("?a=1", "/form?a=1"),
    ("/x#fragment", "/x"),
    ("/caf%C3%A9", "/caf%C3%A9"),
    ("http://example.org", "/"),
]


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize("url", FOREIGN, ids=str)
def test_another_origin_is_not_ours_to_name(bare_scene: Scene, name: str, url: str) -> None:
    """Neither the other origin's pages, nor ours of the same path."""
    scene = bare_scene
    scene.app(200, "page", **FRESH)
    targets: list[Environ] = [
        {},
        {"HTTP_HOST": "other.example"},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": "example.org:8080"},
        {"wsgi.url_scheme": "https"},
    ]
    for changes in targets:
        scene.get("/x", environ=changes)
    scene.app(201, "made", (name, url))
    scene.post("/form")
    for changes in targets:
        assert scene.get("/x", environ=changes).hit, changes


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize(("url", "target"), OWN, ids=[u for u, _ in OWN])
def test_the_same_origin_is(scene: Scene, name: str, url: str, target: str) -> None:
    scene.app(200, "page", **FRESH)
    for path in (target, "/else"):
        scene.get(path)
        assert scene.get(path).hit
    scene.app(201, "made", (name, url))
    scene.post("/form")
    scene.app(200, "new", **FRESH)
    assert scene.get("/else").hit
    assert not scene.get(target).hit


@pytest.mark.parametrize("values", [["/x", "/y"], ["/x, /y"]])
def test_several_locations_drop_no_other_page(scene: Scene, values: list[str]) -> None:
    """However it is read, no page of another name is dropped and nothing is raised."""
    scene.app(200, "page", **FRESH)
    scene.get("/z")
    scene.app(201, "made", location=values)
    assert scene.post("/form").code == 201
    assert scene.get("/z").hit


def test_a_location_is_resolved_against_the_mount(scene: Scene) -> None:
    scene.app(200, "page", **FRESH)
    mounted = {"SCRIPT_NAME": "/app"}
    scene.get("/x", environ=mounted)
    scene.app(201, "made", location="/app/x")
    scene.post("/form", environ=mounted)
    scene.app(200, "new", **FRESH)
    assert not scene.get("/x", environ=mounted).hit


def test_an_error_names_nothing(scene: Scene) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/x")
    scene.app(400, "no", location="/x")
    scene.post("/form")
    assert scene.get("/x").hit


def test_a_get_names_nothing(scene: Scene) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/x")
    scene.app(302, "over there", location="/x", content_location="/x")
    scene.get("/form")
    assert scene.get("/x").hit


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("status", [200, 204, 301, 404, 500])
def test_safe_methods_invalidate_nothing(scene: Scene, method: str, status: int) -> None:
    scene.app(200, "page", etag='"v1"', **FRESH)
    scene.get("/", accept="a")
    scene.app(status, "" if status == 204 else "page", location="/", etag='"v1"')
    scene.request(
        method,
        "/",
        origin="http://else.example",
        access_control_request_method="POST",
        authorization="Basic YQ==",
    )
    assert scene.get("/", accept="a").hit


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────

STEPS = {"-1h": -3600, "+1h": 3600, "+10y": 315_360_000, "1970": -EPOCH, "leap": 1}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_a_wall_clock_that_steps(make_scene: MakeScene, step: float) -> None:
    """The age is never negative, and no response is fresh for longer than it said."""
    scene = make_scene(clock=FakeClock())
    scene.app(
        lambda environ: Reply(
            200, str(scene.count), date=scene.clock.date(), cache_control="max-age=60"
        )
    )
    scene.get("/")
    scene.after(10)
    scene.clock.step(step)
    got = scene.get("/")
    assert got.code == 200
    assert got.age is None or 0 <= got.age <= 60
    passed = 0
    while scene.get("/").text == "1":
        scene.after(5)
        passed += 5
        assert passed <= 60
    for _ in range(3):  # and all works on
        scene.get("/")
    assert scene.get("/").hit


@pytest.mark.parametrize("offset", [6, 3600, 315_360_000])
def test_a_response_from_the_future(scene: Scene, offset: float) -> None:
    """An app whose clock is ahead: apparent_age is zero, not negative (§4.2.3)."""
    scene.app(200, "page", date=scene.clock.date(offset), cache_control="max-age=60")
    scene.get("/")
    got = scene.get("/")
    assert got.age in (0, None)
    scene.after(61)
    assert not scene.get("/").hit


def test_a_clock_that_begins_in_1970() -> None:
    scene = Scene(clock=FakeClock(0.0))
    scene.app(200, "page", cache_control="max-age=60")
    scene.get("/")
    assert scene.get("/").hit
    scene.clock.step(EPOCH)
    assert scene.get("/").code == 200


def test_the_systems_clock_never_runs_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    wall, passed = [EPOCH], [100.0]
    monkeypatch.setattr(time, "time", lambda: wall[0])
    monkeypatch.setattr("wsgicache.clock._elapsed", lambda: passed[0])
    clock = SystemClock()
    before = clock.now()
    assert abs(before - EPOCH) < 1
    wall[0] -= 3600
    passed[0] += 5
    after = clock.now()
    assert before <= after
    assert 4 <= after - before <= 6
    assert clock.wall() == EPOCH - 3600
    wall[0] += 7200
    later = clock.now()
    assert later >= after
    assert abs(later - wall[0]) < 10 or later == after


# ── nothing is left to the garbage collector ─────────────────────────────────────────────────────


def _piece(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Cache-Control", "public, max-age=60"), ("Vary", "Accept")])
    return [b"a page"]


def _stream(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Cache-Control", "max-age=60")])
    yield b"a "
    yield b"page"


def _refused(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Cache-Control", "no-store")])
    return [b"a page"]


def _late(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Cache-Control", "max-age=60")])
    yield b"a page"
    current().say(never_cache)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("app", [_piece, _stream, _refused, _late])
def test_what_a_request_made_goes_with_it(app: Callable[..., Any], method: str) -> None:
    """What waits for a garbage collection keeps what a view made in memory, and costs time."""
    cache = CacheMiddleware(app)

    def ask(number: int) -> None:
        body = cache(environ_for(method, f"/{number}"), lambda *head: lambda data: None)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()

    ask(0)
    gc.collect()
    gc.disable()
    try:
        for number in range(1, 11):
            ask(number)
        assert gc.collect() == 0
    finally:
        gc.enable()
