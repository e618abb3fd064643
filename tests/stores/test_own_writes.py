"""A client never sees what was stored for its cookies before its own last write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from cachelib import FileSystemCache, SimpleCache

from tests.conftest import MakeScene
from tests.rig.gates import together
from tests.rig.stores import Faulty
from tests.scene import FakeClock
from tests.stores.servers import PLENTY, Server
from wsgicache import CacheMiddleware, MemoryStore, Policy, Route
from wsgicache.stores import store_from_url
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.lmdb import LMDBStore
from wsgicache.stores.memcached import MemcachedStore
from wsgicache.stores.tiered import TieredStore

PAGES = ("/", "/cart", "/account?tab=1")


class Shop:
    """An app with one cart per cookie, which every page shows, and a cache in front of it for each
    process."""

    def __init__(self, stores: list[Any], **options: Any) -> None:
        self.carts: dict[str, int] = {}
        self.asked = 0
        self.vary = "Cookie"
        self.status = "303 See Other"
        self.fields: list[tuple[str, str]] = []
        self.before: Callable[[str], object] = lambda method: None
        self.processes = [CacheMiddleware(self._app, store=store, **options) for store in stores]

    def _app(self, environ: Any, start_response: Any) -> list[bytes]:
        own = environ.get("HTTP_COOKIE", "nobody")
        if environ["REQUEST_METHOD"] == "GET":
            self.asked += 1
            content = b"%d" % self.carts.get(own, 0)
            self.before("GET")
            fields = [("Cache-Control", "max-age=600"), ("Vary", self.vary), *self.fields]
            start_response("200 OK", fields)
            return [content]
        if self.status < "4":
            self.carts[own] = self.carts.get(own, 0) + 1
        start_response(self.status, [("Location", "/elsewhere"), *self.fields])
        return [b""]

    def ask(
        self, method: str, target: str, cookie: str | None = None, process: int = 0
    ) -> tuple[bytes, str]:
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {"HTTP_HOST": "example.org", "QUERY_STRING": query}
        setup_testing_defaults(environ)
        environ.update(REQUEST_METHOD=method, PATH_INFO=path)
        if cookie is not None:
            environ["HTTP_COOKIE"] = cookie
        said: list[Any] = []

        def start_response(*head: Any) -> Any:
            said.append(head)

        content = b"".join(self.processes[process](environ, start_response))
        return content, dict(said[-1][1])["Cache-Status"]

    def page(self, cookie: str | None, target: str = "/", process: int = 0) -> bytes:
        return self.ask("GET", target, cookie, process)[0]

    def is_hit(self, cookie: str | None, target: str = "/", process: int = 0) -> bool:
        return "; hit" in self.ask("GET", target, cookie, process)[1]


@pytest.fixture(params="memory plain simple files lmdb memcached redis tiered".split())
def stores(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[list[Any]]:
    """The store as two processes see it; where they cannot share it, as one does twice."""
    kind = request.param
    if kind == "memory":
        yield [MemoryStore()] * 2
    elif kind == "plain":
        yield [Faulty()]
    elif kind == "simple":
        cache = SimpleCache(threshold=10_000)
        yield [CachelibStore(cache, clock=clock) for _ in "12"]
    elif kind == "files":
        caches = [FileSystemCache(str(tmp_path / "cache"), threshold=10_000) for _ in "12"]
        yield [CachelibStore(cache, clock=clock) for cache in caches]
    elif kind == "lmdb":
        yield [LMDBStore(tmp_path / "cache", clock=clock) for _ in "12"]
    elif kind == "tiered":
        cache = SimpleCache(threshold=10_000)
        shared = [CachelibStore(cache, clock=clock) for _ in "12"]
        yield [TieredStore(MemoryStore(), one, clock=clock) for one in shared]
    else:
        yield [opened(kind, request, clock) for _ in "12"]


def opened(kind: str, request: pytest.FixtureRequest, clock: FakeClock) -> Any:
    """A store on a server, as one process opens it."""
    namespace: str = request.getfixturevalue("namespace")
    server: Server = request.getfixturevalue("memcached" if kind == "memcached" else "redis_server")
    if kind == "memcached":
        how: dict[str, Any] = {"namespace": namespace, "clock": clock, "timeout": PLENTY}
        return MemcachedStore(server.address, **how)
    url = f"redis://{server.address}/0"
    return store_from_url(url, namespace=namespace, clock=clock, timeout=PLENTY)


def test_every_page_is_new_after_a_write_and_the_others_stay(
    stores: list[Any], clock: FakeClock
) -> None:
    shop = Shop(stores, clock=clock)
    for page in PAGES:
        for who in ("sid=a", "sid=b", None):
            assert shop.page(who, page) == b"0"
            assert shop.is_hit(who, page)
    shop.ask("POST", "/cart/add", "sid=a")
    for page in PAGES:
        assert shop.page("sid=a", page) == b"1"
        assert shop.is_hit("sid=a", page)
        assert shop.is_hit("sid=b", page)
        assert shop.is_hit(None, page)


def test_other_processes_know_of_a_write_at_once(stores: list[Any], clock: FakeClock) -> None:
    shop = Shop(stores, clock=clock)
    if len(stores) < 2:
        pytest.skip("one process only")
    tiered = isinstance(stores[0], TieredStore)
    for written in range(50):
        for process in (0, 1):
            assert shop.page("sid=a", process=process) == b"%d" % written
            assert shop.is_hit("sid=a", process=process)
        shop.ask("POST", "/cart/add", "sid=a", process=written % 2)
        if tiered:
            assert shop.page("sid=a", process=written % 2) == b"%d" % (written + 1)
            clock.advance(1.5)


def test_a_fill_that_began_before_a_write_answers_nothing_after_it(
    stores: list[Any], clock: FakeClock
) -> None:
    shop = Shop(stores, clock=clock)

    def write(method: str) -> None:
        shop.before = lambda method: None
        shop.ask("POST", "/cart/add", "sid=a")

    shop.before = write
    assert shop.page("sid=a") == b"0"
    assert shop.page("sid=a") == b"1"
    assert shop.is_hit("sid=a")


def test_threads_that_write_read_what_they_wrote(stores: list[Any], clock: FakeClock) -> None:
    shop = Shop(stores, clock=clock)
    stale: list[bytes] = []

    def client(number: int) -> None:
        cookie = f"sid={number}"
        for written in range(20):
            shop.page(cookie)
            shop.ask("POST", "/cart/add", cookie)
            if (content := shop.page(cookie)) != b"%d" % (written + 1):
                stale.append(content)

    together(4, client)
    assert stale == []


# ── which requests write, and for whom ─────────────────────────────────────────────────────────


@pytest.fixture
def shop(clock: FakeClock) -> Shop:
    return Shop([MemoryStore()], clock=clock)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "FROB"])
@pytest.mark.parametrize(
    ("status", "ends"),
    [
        ("200 OK", True),
        ("204 No Content", True),
        ("302 Found", True),
        ("400 Bad Request", False),
        ("403 Forbidden", False),
        ("500 Oops", False),
    ],
)
@pytest.mark.parametrize("store_post", [False, True])
def test_only_a_success_writes(
    clock: FakeClock, store_post: bool, method: str, status: str, ends: bool
) -> None:
    shop = Shop([MemoryStore()], clock=clock, policy=Policy(store_post=store_post))
    shop.page("sid=a")
    shop.status = status
    shop.ask(method, "/cart/add", "sid=a")
    assert shop.is_hit("sid=a") is not ends


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PROPFIND"])
def test_safe_methods_write_nothing(shop: Shop, method: str) -> None:
    shop.page("sid=a")
    shop.status = "200 OK"
    shop.ask(method, "/other", "sid=a")
    assert shop.is_hit("sid=a")


def test_a_write_without_cookies_ends_nothing(shop: Shop) -> None:
    for who in ("sid=a", None):
        shop.page(who)
    shop.ask("POST", "/cart/add")
    assert shop.is_hit("sid=a")
    assert shop.is_hit(None)


def test_what_does_not_vary_by_cookie_stays(shop: Shop) -> None:
    shop.vary = "Accept"
    shop.fields = [("Wsgicache-Cache-Control", "max-age=600")]
    shop.page("sid=a")
    shop.fields = []
    shop.ask("POST", "/cart/add", "sid=a")
    assert shop.is_hit("sid=a")


def test_ignored_cookies_tell_no_writers_apart(clock: FakeClock) -> None:
    shop = Shop([MemoryStore()], clock=clock, policy=Policy(ignore_cookies=("_ga*",)))
    shop.page("_ga=1;sid=a")
    assert shop.is_hit("sid=a;_ga=2")
    shop.ask("POST", "/cart/add", "_ga=3;sid=a")
    assert not shop.is_hit("sid=a;_ga=4")
    shop.ask("POST", "/cart/add", "_ga=3")
    assert shop.is_hit("sid=a")


def test_a_route_that_names_cookies_knows_of_writes_with_others(clock: FakeClock) -> None:
    routes = [Route("/account", cookies=("sid",))]
    shop = Shop([MemoryStore()], clock=clock, routes=routes)
    shop.page("theme=dark; sid=a", "/account")
    assert shop.is_hit("theme=light; sid=a", "/account")
    shop.ask("POST", "/cart/add", "theme=blue; sid=a")
    assert not shop.is_hit("theme=light; sid=a", "/account")


def test_what_the_cookies_become_is_ended_too(shop: Shop) -> None:
    shop.page("a=1; cart=2; b=3")
    shop.fields = [("Set-Cookie", "cart=2; Path=/"), ("Set-Cookie", "old=; Max-Age=0")]
    shop.ask("POST", "/cart/add", "a=1; cart=1; b=3; old=9")
    shop.fields = []
    assert not shop.is_hit("a=1; cart=2; b=3")


def test_rfc_keeps_them(clock: FakeClock) -> None:
    shop = Shop([MemoryStore()], clock=clock, policy=Policy.rfc())
    shop.page("sid=a")
    shop.ask("POST", "/cart/add", "sid=a")
    assert shop.is_hit("sid=a")


def test_many_writers_are_forgotten_together(clock: FakeClock) -> None:
    store = MemoryStore()
    shop = Shop([store], clock=clock)
    assert shop.page("sid=a") == b"0"
    shop.ask("POST", "/cart/add", "sid=a")
    shop.page("sid=a")
    for number in range(10_001):
        store.end_mark(f"sid={number}")
    assert not shop.is_hit("sid=a")
    assert shop.is_hit("sid=a")


# ── stores that fail ───────────────────────────────────────────────────────────────────────────


class Unasked(MemoryStore):
    """A store that nobody may ask for a mark."""

    def mark(self, cookies: str) -> str:
        pytest.fail("it was asked")


def test_no_mark_is_asked_for_where_writes_end_nothing(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(read_your_writes=False), store=Unasked())
    scene.app(200, "page", cache_control="public, max-age=60", vary="Cookie")
    scene.get("/", cookie="a=1")
    assert scene.get("/", cookie="a=1").hit


class Forgetful(CachelibStore):
    """A store whose marks fail on command."""

    failing = False

    def mark(self, cookies: str) -> str:
        if self.failing:
            raise OSError("gone")
        return super().mark(cookies)


def test_without_a_mark_nothing_is_served_or_kept(clock: FakeClock) -> None:
    store = Forgetful(SimpleCache(), clock=clock)
    shop = Shop([store], clock=clock)
    shop.page("sid=a")
    assert shop.is_hit("sid=a")
    store.failing = True
    assert not shop.is_hit("sid=a")
    shop.page("sid=b")
    store.failing = False
    assert not shop.is_hit("sid=b")


def test_a_mark_that_is_evicted_ends_what_was_stored(clock: FakeClock) -> None:
    cache = SimpleCache(threshold=10_000)
    shop = Shop([CachelibStore(cache, clock=clock)], clock=clock)
    shop.page("sid=a")
    for name in [name for name in cache._cache if ":3m:" in name]:
        cache.delete(name)
    assert not shop.is_hit("sid=a")
    assert shop.is_hit("sid=a")


def test_cookies_stand_nowhere(clock: FakeClock) -> None:
    cache = SimpleCache(threshold=10_000)
    shop = Shop([CachelibStore(cache, clock=clock)], clock=clock)
    shop.page("sid=topsecret")
    shop.ask("POST", "/cart/add", "sid=topsecret")
    assert not any(b"topsecret" in bytes(value) for _, value in cache._cache.values())


def test_stale_while_revalidate_goes_on_for_marked_pages(clock: FakeClock) -> None:
    jobs: list[Any] = []
    policy = Policy(stale_while_revalidate=60)
    shop = Shop([MemoryStore()], clock=clock, policy=policy, runner=jobs.append)
    shop.page("sid=a")
    clock.advance(601)
    assert shop.is_hit("sid=a")
    assert len(jobs) == 1
    shop.ask("POST", "/cart/add", "sid=a")
    assert shop.page("sid=a") == b"1"
