"""The page of the development server: who may see it, and what it explains."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scene import Exchange, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.cli.pages import MOUNT, Once, is_own, with_pages

PATH = f"{MOUNT}/explain"
HERE = {"HTTP_HOST": "localhost:8000"}
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
    target = f"{PATH}?{query}"
    return exchange(with_pages(cache, cache), environ_for(target=target, changes=HERE, **options))


def test_the_page_explains_what_this_browser_would_get(app: Pages, cache: CacheMiddleware) -> None:
    got = shown(cache, "url=/page%3Fq%3D%3Ci%3E", headers=COOKIE)
    assert (got.code, got.header("Cache-Control")) == (200, "no-store")
    assert "http://localhost:8000/page?q=%3Ci%3E: the application answers, and" in got.text
    assert "because of freshness" in got.text
    assert "said by the request: Cookie: a=…" in got.text
    assert "Route(&#39;/page&#39;, cached(server=300))" in got.text
    assert app.asked == ["/page"]
    assert isinstance(cache.store, MemoryStore)
    assert not cache.store.bytes


def test_an_explanation_holds_no_secret(cache: CacheMiddleware) -> None:
    secrets = [("Authorization", "Bearer secret"), ("X-API-Key", "secret"), ("Cookie", "a=secret")]
    text = shown(cache, "url=/page", headers=secrets).text
    assert "said by the request: Authorization: Bearer …" in text
    assert "secret" not in text


def test_the_cookie_of_the_page_is_not_sent_with_other_pages(cache: CacheMiddleware) -> None:
    own = [("Cookie", f"wsgicache-dashboard={'a' * 32}")]
    assert "Cookie" not in shown(cache, "url=/fresh", headers=own).text.partition("<pre>")[2]


def test_the_page_does_not_explain_itself(app: Pages, cache: CacheMiddleware) -> None:
    for path in (
        PATH,
        f"{PATH}%3Furl=/fresh",
        MOUNT,
        "/-//WSGIcache/url",
        "/%252d/x/../wsgicache/",
    ):
        assert shown(cache, f"url={path}").code == 400, path
    assert app.asked == []


def test_it_runs_nothing_and_is_stored_nowhere(cache: CacheMiddleware) -> None:
    got = shown(cache, "url=%3Cscript%3Ealert(1)%3C/script%3E")
    assert got.code == 400
    assert "<script>" not in got.text
    assert "&lt;script&gt;" in got.text
    policy = got.header("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert got.header("X-Content-Type-Options") == "nosniff"
    assert "\x1b" not in shown(cache, "url=/%1b").text


def test_a_reload_of_the_page_asks_for_no_reload(cache: CacheMiddleware) -> None:
    exchange(cache, environ_for(target="/fresh", changes=HERE))
    reload = [("Cache-Control", "max-age=61, only-if-cached, min-fresh=90"), ("Pragma", "x")]
    assert "/fresh: a hit" in shown(cache, "url=/fresh", headers=reload).text
    assert "/fresh: a hit" in shown(cache, "url=http://localhost:8000/fresh").text
    head = shown(cache, "url=/fresh", method="HEAD")
    assert (head.body, int(head.header("Content-Length") or 0) > 500) == (b"", True)


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/fresh",
        "http://localhost:81/fresh",
        "https://localhost/fresh",
        "http://localhost.other.example/",
        "http://localhost@other.example/",
        "http://localhost:80@other.example/",
        "http:/localhost/fresh",
        "page",
    ],
)
def test_it_asks_the_app_by_no_other_host(app: Pages, cache: CacheMiddleware, url: str) -> None:
    got = shown(cache, f"url={url}")
    assert (got.code, "the URL must be one of http://localhost:8000" in got.text) == (400, True)
    assert app.asked == []


def test_the_rest_is_the_applications(app: Pages, cache: CacheMiddleware) -> None:
    assert shown(cache, "url=/raises").code == 200  # it says that the application raises
    served = with_pages(cache, cache)
    for target in ("/fresh", "/-/wsgicached", "/-/"):
        assert exchange(served, environ_for(target=target)).text == "page"
    assert app.asked == ["/raises", "/fresh", "/-/wsgicached", "/-/"]


@pytest.mark.parametrize("path", ["", "/", "/entries", "/purge", "/explain", "/assets/x", "/none"])
def test_no_other_host_sees_any_of_it(app: Pages, cache: CacheMiddleware, path: str) -> None:
    """A browser may have got the name from a stranger (DNS rebinding)."""
    for method in ("GET", "HEAD", "POST"):
        environ = environ_for(method, f"{MOUNT}{path}", changes={"HTTP_HOST": "evil.example:8000"})
        got = exchange(with_pages(cache, cache), environ)
        assert (got.code, "wsgicache/style" in got.text) == (421, False)
    assert app.asked == []


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:8000", True),
        ("192.168.1.7", True),
        ("[::1]:8000", True),
        ("app.localhost", True),
        ("dev.example:80", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("[dev.example]", False),
        ("localhost@evil.example", False),
        ("", False),
        (":8000", False),
        ("localhost:80:80", False),
    ],
)
def test_own_hosts(host: str, is_one: bool) -> None:
    assert is_own(host, frozenset({"localhost", "dev.example", ""})) is is_one


def test_the_page_is_whole(cache: CacheMiddleware) -> None:
    served = with_pages(cache, cache)
    slash = exchange(served, environ_for(target=MOUNT, changes=HERE))
    assert (slash.code, slash.header("Location")) == (308, "./wsgicache/")
    page = exchange(served, environ_for(target=f"{MOUNT}/", changes=HERE))
    assert (page.code, "<h1>Overview</h1>" in page.text) == (200, True)


def test_the_place_is_named_once() -> None:
    where = Once()
    environ = environ_for(changes={"REQUEST_URI": "/a?b=%20&c=1"})
    for outcome in ("", "wsgicache; hit; ttl=3", "wsgicache; fwd=uri-miss; stored"):
        assert where(environ, outcome) == ""
    assert where(environ, "wsgicache; fwd=method; detail=invalidated") == ""
    said = where(environ, "wsgicache; fwd=uri-miss; detail=freshness")
    assert said == f"why: http://example.org{PATH}?url=/a%3Fb%3D%2520%26c%3D1"
    assert where(environ, "wsgicache; fwd=uri-miss; detail=freshness") == ""
