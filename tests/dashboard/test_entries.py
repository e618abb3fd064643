"""What is stored: the search, and what is stored for one URL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.dashboard.visiting import HOSTILE, Visitor, assert_harmless, text_of
from tests.scene import FakeClock, environ_for, exchange
from tests.stores.servers import PLENTY, Server
from wsgicache import CacheMiddleware, MemoryStore, Policy, store_from_url
from wsgicache.dashboard import Dashboard, entries
from wsgicache.rules.keys import Key, url_of
from wsgicache.rules.model import CacheEntry
from wsgicache.stores import TieredStore

Fields = list[tuple[str, str]]


class Site:
    """Pages that say what the test wants."""

    def __init__(self, *fields: tuple[str, str], status: str = "200 OK") -> None:
        self.fields = [("Content-Type", "text/html"), *fields]
        self.status = status

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        start_response(self.status, list(self.fields))
        return [b"0123456789"]


FRESH = ("Cache-Control", "public, max-age=100")


def fetched(cache: CacheMiddleware, *targets: str, **options: Any) -> None:
    for target in targets:
        assert exchange(cache, environ_for(target=target, **options)).stored, target


def listed(cache: CacheMiddleware, **query: str) -> str:
    got = Visitor(Dashboard(cache)).ask(f"/entries?{urlencode(query)}")
    assert got.code == 200
    return got.text


def about(cache: CacheMiddleware, url: str) -> str:
    return text_of(listed(cache, url=url)).replace("\N{NO-BREAK SPACE}", " ")


# ── every store ──────────────────────────────────────────────────────────────────────────────────

Make = Callable[[str], Any]
STORES = {
    "memory": (True, ""),
    "lmdb": (True, ""),
    "tiered": (True, ""),
    "redis": (True, ""),
    "file": (
        False,
        "FileSystemCache cannot list what it holds: cachelib asks for single keys only",
    ),
    "memcached": (False, "memcached cannot list what it holds: clients ask by name"),
    "own": (False, "Own cannot list what it holds"),
}


class Own:
    """A store with no more than the protocol asks for."""

    def __init__(self) -> None:
        self.held: dict[Key, CacheEntry] = {}

    def get(self, key: Key) -> CacheEntry | None:
        return self.held.get(key)

    def content(self, stored: Any) -> Any:
        return [stored.content]

    def update(self, key: Key, change: Any) -> None:
        self.held[key] = change(self.held.get(key))


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest, namespace: str) -> Make:
    def made(kind: str) -> Any:
        if kind == "memory":
            return MemoryStore()
        if kind == "own":
            return Own()
        if kind == "tiered":
            shared: Any = store_from_url(f"lmdb://{tmp_path}/cache")
            return TieredStore(MemoryStore(), shared)
        if kind in ("redis", "memcached"):
            server: Server = request.getfixturevalue(
                "redis_server" if kind == "redis" else "memcached"
            )
            place = f"0?namespace={namespace}&" if kind == "redis" else f"{namespace}?"
            return store_from_url(f"{kind}://127.0.0.1:{server.port}/{place}timeout={PLENTY}")
        return store_from_url(f"{kind}://{tmp_path}/cache")

    return made


@pytest.mark.network
@pytest.mark.parametrize("kind", STORES)
def test_every_store(make: Make, kind: str) -> None:
    lists, why = STORES[kind]
    cache = CacheMiddleware(Site(FRESH, ("Cache-Tag", "news")), store=make(kind))
    fetched(cache, "/a?page=2", "/b")
    page = text_of(listed(cache))
    assert ("http://example.org/a?page=2 1 200" in page) is lists
    assert ("This store does not list what it holds." in page) is not lists
    assert why in page
    assert "fresh for" in text_of(listed(cache, q="http://example.org/b"))
    assert "/b" not in text_of(listed(cache, q="page="))
    one = about(cache, "http://example.org/a?page=2")
    assert "The stored response: 200 OK" in one
    assert "Cache-Control says max-age=100." in one
    assert "Groups news" in one
    visitor = Visitor(Dashboard(cache))
    visitor.ask("/purge")
    assert visitor.send("/purge", kind="url", what="http://example.org/a?page=2").code == 303
    one = about(cache, "http://example.org/a?page=2")
    assert "Purged or invalidated" in one
    assert "stored response" not in one
    if lists:
        page = text_of(listed(cache))
        assert "/a?page=2" not in page
        assert "http://example.org/b" in page


class Down(MemoryStore):
    def get(self, key: Key) -> Any:
        raise OSError("<xss>")


def test_a_store_that_fails() -> None:
    cache = CacheMiddleware(Site(FRESH), store=Down())
    cache.store.update(("http", "example.org", "/", ""), lambda entry: CacheEntry({}))
    page = listed(cache)
    assert "The store failed: OSError: &lt;xss&gt;" in page
    got = Visitor(Dashboard(cache)).ask("/entries?url=http://example.org/")
    assert (got.code, "OSError: &lt;xss&gt;" in got.text) == (502, True)


# ── searching ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"/a", "/B%20c", "/d?page=2"}),
        ({"q": "b%20C"}, {"/B%20c"}),
        ({"q": "b c"}, {"/B%20c"}),
        ({"q": "/d?page"}, {"/d?page=2"}),
        ({"q": " a "}, {"/a", "/d?page=2", "/B%20c"}),
        ({"q": "nothing"}, set()),
        ({"host": "EXAMPLE"}, {"/a", "/B%20c", "/d?page=2"}),
        ({"host": "other"}, set()),
        ({"q": "http://example.org/a"}, {"/a"}),
        ({"q": "http://example.org/nowhere"}, set()),
        ({"q": "http://["}, set()),
    ],
)
def test_search(query: dict[str, str], found: set[str]) -> None:
    cache = CacheMiddleware(Site(FRESH))
    fetched(cache, "/a", "/B%20c", "/d?page=2")
    page = listed(cache, **query)
    targets = ("/a", "/B%20c", "/d?page=2")
    assert {one for one in targets if f">http://example.org{one}<" in page} == found
    assert page.count("Nothing was found.") == (len(found) == 0)


def test_pages_are_bounded_and_lead_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "_ROWS", 3)
    monkeypatch.setattr(entries, "_AT_ONCE", 2)
    monkeypatch.setattr(entries, "_MOST_LOOKED_AT", 5)
    cache = CacheMiddleware(Site(FRESH))
    targets = [f"/{number:02}" for number in range(13)]
    fetched(cache, *targets)
    cache.purge("http://example.org/12")
    found, place, pages = [], "", 0
    while True:
        page = listed(cache, at=place)
        found += [target for target in reversed(targets) if f"{target}</a>" in page]
        pages += 1
        if ">More<" not in page:
            break
        place = page.rpartition("&amp;at=")[2].partition('"')[0]
    assert found == list(reversed(targets[:12]))
    assert pages == 4
    assert ">To the beginning<" in page
    # A search that finds little stops, too.
    page = listed(cache, q="/03")
    assert "5 of about 12 were looked at for this page." in page
    assert ">Search on<" in page


def test_many_entries_are_answered_with_little() -> None:
    cache = CacheMiddleware(Site(FRESH), store=MemoryStore(512 << 20))
    fetched(cache, "/")
    entry = cache.store.get(("http", "example.org", "/", ""))
    for number in range(3_000):
        cache.store.update(("http", "example.org", f"/{number}", "x" * 900), lambda _: entry)
    asked = 0
    get = cache.store.get

    def counting(key: Key) -> CacheEntry | None:
        nonlocal asked
        asked += 1
        return get(key)

    vars(cache.store)["get"] = counting
    page = listed(cache)
    assert asked == 50
    assert len(page) < 150_000


# ── one URL ──────────────────────────────────────────────────────────────────────────────────────


def test_it_shows_the_variants_with_what_selects_them() -> None:
    clock = FakeClock()
    site = Site(FRESH, ("Vary", "Accept-Language, Authorization"), ("ETag", '"1"'))
    cache = CacheMiddleware(site, clock=clock, policy=Policy.rfc())
    for language in ("de", "x" * 200):
        fetched(cache, "/", headers=[("Accept-Language", language)])
        clock.advance(30)
    page = about(cache, "http://example.org/")
    assert "2 variants" in page
    assert "Variant 1 of 2: 200 OK Accept-Language: xxx" in page
    assert f"{'x' * 26} (200 characters)" in page
    assert "x" * 60 not in page
    assert "Selected by Accept-Language de;q=1 Selected by Authorization (absent)" in page
    assert "Age 1 min Freshness fresh for 40 s" in page
    clock.advance(90)
    assert "stale for 50 s" in about(cache, "http://example.org/")


def test_many_fields_are_shown_in_part() -> None:
    cache = CacheMiddleware(Site(FRESH, *((f"X-{n}", "x" * 200) for n in range(200))))
    fetched(cache, "/")
    page = about(cache, "http://example.org/")
    assert " and 15" in page
    assert page.count("x" * 200) < 50


def test_it_keeps_secrets() -> None:
    site = Site(FRESH, ("Vary", "Cookie, Authorization"), ("Set-Cookie", "sid=secret; Path=/"))
    cache = CacheMiddleware(site, policy=Policy.rfc())
    headers = [("Cookie", "sid=secret; theme=secret"), ("Authorization", "Bearer secret")]
    fetched(cache, "/", headers=headers)
    page = about(cache, "http://example.org/")
    assert "secret" not in page.replace("(a secret)", "")
    assert "Selected by Cookie sid=…, theme=…" in page
    assert "Selected by Authorization (a secret)" in page
    assert "sid=…" in page


@pytest.mark.parametrize(
    ("url", "code", "text"),
    [
        ("http://example.org/none", 200, "Nothing is stored there."),
        ("https://example.org/", 200, "only for http://example.org/"),
        ("none", 400, "the URL must be an absolute http or https URL"),
        ("http://[", 400, "the URL must be"),
    ],
)
def test_what_is_not_there(url: str, code: int, text: str) -> None:
    cache = CacheMiddleware(Site(FRESH))
    fetched(cache, "/")
    got = Visitor(Dashboard(cache)).ask(f"/entries?{urlencode({'url': url})}")
    assert (got.code, text in text_of(got.text)) == (code, True), text_of(got.text)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_strangers_say_is_text(hostile: str) -> None:
    lines = [
        FRESH,
        ("X-Said", hostile),
        ("Vary", "X-Asked"),
        ("Cache-Tag", "a"),
        ("ETag", '"<xss>"'),
    ]
    cache = CacheMiddleware(Site(*lines, status=f"200 {hostile}"))
    path = f"/{hostile}".replace("?", "")
    changes = {"PATH_INFO": path, "QUERY_STRING": "<xss>", "HTTP_X_ASKED": hostile}
    assert exchange(cache, environ_for(changes=changes)).stored
    store: Any = cache.store
    (key,) = [key for key, _ in store.some_keys("", 9)[0]]
    stored = next(iter(store.get(key).responses.values()))
    stored.groups, stored.route = (hostile, "<xss>"), hostile
    for page in (
        listed(cache),
        listed(cache, q=hostile, host=hostile, at=hostile),
        listed(cache, url=url_of(key)),
        Visitor(Dashboard(cache)).ask(f"/entries?{urlencode({'url': hostile})}").text,
    ):
        assert_harmless(page)
        assert "&lt;xss" in page or "%3Cxss" in page
