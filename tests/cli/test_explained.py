"""The page of the development server that explains a request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scene import Exchange, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.cli.explained import PATH, Once, explaining

COOKIE = [("Cookie", "a=<b>")]


class Pages:
    """Pages with a lifetime, except for one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.asked.append(environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/raises":
            raise RuntimeError("<no>")
        lifetime = [("Cache-Control", "max-age=60")] if environ["PATH_INFO"] == "/fresh" else []
        start_response("200 OK", [("Content-Type", "text/html"), *lifetime])
        return [b"page"]


@pytest.fixture
def app() -> Pages:
    return Pages()


@pytest.fixture
def cache(app: Pages) -> CacheMiddleware:
    return CacheMiddleware(app)


def shown(cache: CacheMiddleware, query: str, **options: Any) -> Exchange:
    return exchange(explaining(cache, cache), environ_for(target=f"{PATH}?{query}", **options))


def test_the_page_explains_what_this_browser_would_get(app: Pages, cache: CacheMiddleware) -> None:
    got = shown(cache, "url=/page%3Fq%3D%3Ci%3E", headers=COOKIE)
    assert (got.code, got.header("Cache-Control")) == (200, "no-store")
    assert "http://example.org/page?q=&lt;i&gt;: the application answers, and" in got.text
    assert "because of freshness" in got.text
    assert "said by the request: Cookie: a=&lt;b&gt;" in got.text
    assert "Route(&#x27;/page&#x27;, cached(server=300))" in got.text
    assert app.asked == ["/page"]
    assert isinstance(cache.store, MemoryStore)
    assert not cache.store.bytes


def test_it_runs_nothing_and_is_stored_nowhere(cache: CacheMiddleware) -> None:
    got = shown(cache, "url=%3Cscript%3Ealert(1)%3C/script%3E")
    assert got.code == 400
    assert "<script" not in got.text
    assert "&lt;script&gt;" in got.text
    policy = got.header("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'; form-action 'self';")
    assert got.header("X-Content-Type-Options") == "nosniff"
    assert "\x1b" not in shown(cache, "url=/%1b").text


def test_a_reload_of_the_page_asks_for_no_reload(cache: CacheMiddleware) -> None:
    exchange(cache, environ_for(target="/fresh"))
    reload = [("Cache-Control", "max-age=61, only-if-cached, min-fresh=90"), ("Pragma", "x")]
    assert "/fresh: a hit" in shown(cache, "url=/fresh", headers=reload).text
    assert "/fresh: a hit" in shown(cache, "url=http://example.org/fresh").text
    head = shown(cache, "url=/fresh", method="HEAD")
    assert (head.body, int(head.header("Content-Length") or 0) > 500) == (b"", True)


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/fresh",
        "http://example.org:81/fresh",
        "https://example.org/fresh",
        "http://example.org.other.example/",
        "http://example.org@other.example/",
        "http://example.org:80@other.example/",
        "http:/example.org/fresh",
        "page",
    ],
)
def test_it_asks_the_app_by_no_other_host(app: Pages, cache: CacheMiddleware, url: str) -> None:
    got = shown(cache, f"url={url}")
    assert (got.code, "the URL must be one of http://example.org" in got.text) == (400, True)
    assert app.asked == []


def test_the_rest_is_the_applications(app: Pages, cache: CacheMiddleware) -> None:
    assert shown(cache, "url=/raises").code == 200  # it says that the application raises
    assert exchange(explaining(cache, cache), environ_for(target="/fresh")).text == "page"
    assert shown(cache, "url=/fresh", method="POST").text == "page"
    assert app.asked == ["/raises", "/fresh", PATH]


def test_the_place_is_named_once() -> None:
    where = Once()
    environ = environ_for(changes={"REQUEST_URI": "/a?b=%20&c=1"})
    for outcome in ("", "wsgicache; hit; ttl=3", "wsgicache; fwd=uri-miss; stored"):
        assert where(environ, outcome) == ""
    assert where(environ, "wsgicache; fwd=method; detail=invalidated") == ""
    said = where(environ, "wsgicache; fwd=uri-miss; detail=freshness")
    assert said == f"why: http://example.org{PATH}?url=/a%3Fb%3D%2520%26c%3D1"
    assert where(environ, "wsgicache; fwd=uri-miss; detail=freshness") == ""
