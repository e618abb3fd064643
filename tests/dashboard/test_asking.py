"""The section about one URL: whom it asks for, what it shows, and what it must not do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.dashboard.visiting import SAME_ORIGIN, Visitor, assert_harmless, text_of
from tests.scene import Lint, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy
from wsgicache.dashboard import Dashboard
from wsgicache.dashboard.browsers import column
from wsgicache.rules.model import FieldLines
from wsgicache.why.browsers import BROWSERS

HTML = ("Content-Type", "text/html; charset=utf-8")
EVIL = "<script>alert('1')</script>&amp;\"'"


class Site:
    """An app that notes what it is asked, and says what a test says."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.fields: FieldLines = [HTML, ("Cache-Control", "max-age=60"), ("Vary", "Cookie")]
        self.text = "<p>Hello {}</p>\n"
        self.raises = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.asked.append(dict(environ))
        if self.raises:
            raise ValueError(EVIL)
        start_response("200 OK", self.fields)
        return [self.text.format(environ.get("HTTP_COOKIE", "stranger")).encode()]


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def cache(site: Site) -> CacheMiddleware:
    return CacheMiddleware(site, store=MemoryStore())


@pytest.fixture
def visitor(cache: CacheMiddleware) -> Visitor:
    return Visitor(Lint(Dashboard(cache)), "/admin/cache")


def with_cookies(visitor: Visitor, cookies: str) -> None:
    """Have these cookies beside that of the page."""
    visitor.ask("/url")
    visitor.cookie = f"{visitor.cookie}; {cookies}"


def test_looking_asks_the_app_for_nothing(visitor: Visitor, site: Site) -> None:
    for target in ("/url", "/url?url=/p", "/url?url=http://example.org/p&who=mine"):
        assert visitor.ask(target).code == 200
    assert site.asked == []
    for beside in ("entries", "explain"):
        assert f'<a href="{beside}?url=http%3A%2F%2Fexample.org%2Fp">' in visitor.ask(target).text


def test_a_stranger_has_no_cookies_and_no_credentials(visitor: Visitor, site: Site) -> None:
    with_cookies(visitor, "a=1")
    own = [("Authorization", "Basic QTpC"), ("X-Api-Key", "k"), ("Accept-Language", "de")]
    visitor.ask("/url", headers=own)
    got = visitor.send("/url", [*SAME_ORIGIN, *own], url="/p?q=1", who="stranger")
    (environ,) = site.asked
    assert {key: one for key, one in environ.items() if key.startswith("HTTP_")} == {
        "HTTP_HOST": "example.org",
        "HTTP_ACCEPT_LANGUAGE": "de",
        "HTTP_USER_AGENT": "Scene/1",
    }
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/p", "q=1")
    assert environ["REMOTE_ADDR"] == "192.0.2.7"
    assert "Hello" not in text_of(got.text)  # nothing is compared


def test_with_my_cookies_and_the_difference(
    visitor: Visitor, site: Site, cache: CacheMiddleware
) -> None:
    with_cookies(visitor, "a=1; _ga=2")
    got = visitor.send("/url", url="/p", who="mine")
    assert [one.get("HTTP_COOKIE") for one in site.asked] == [None, None, "a=1"]
    said = text_of(got.text)
    assert "this page is not the same for everybody" in said
    assert "- <p>Hello stranger</p> you get: + <p>Hello a=1</p>" in said
    assert "wsgicache; fwd=uri-miss; stored" in said
    assert "Nothing is stored for it." in said
    assert cache.stats().count == 0


def test_variants_side_by_side(visitor: Visitor, site: Site, cache: CacheMiddleware) -> None:
    for cookies in ([], [("Cookie", "session=secret; b=2")]):
        exchange(cache, environ_for("GET", "/p", cookies))
    asked = len(site.asked)
    said = text_of(visitor.ask("/url?url=/p").text)
    assert "A stranger now gets what is stored: a hit." in said
    assert "request: Cookie differs (absent) session=…; b=…" in said
    assert "secret" not in said
    assert "What browsers do with the response that a stranger gets" in said
    assert len(site.asked) == asked
    site.fields = [HTML, ("Cache-Control", "max-age=60"), ("Vary", "Accept-Language")]
    for number in range(9):
        headers = [("Accept-Language", f"x-{number}")]
        exchange(cache, environ_for("GET", "/q", headers))
    said = text_of(visitor.ask("/url?url=/q").text)
    assert "side by side, 3 more are not shown" in said
    assert "for a stranger" not in said


def test_a_link_to_the_page_reverses_no_text(visitor: Visitor) -> None:
    assert_harmless(visitor.ask("/url?url=/%E2%80%AEa%E2%81%A6").text)


def test_what_is_stored_is_shown_without_secrets(site: Site) -> None:
    released = ("Cache-Control", "public, max-age=60")
    site.fields = [HTML, released, ("Vary", "X-Who"), ("Set-Cookie", "a=s3cret; Path=/")]
    cache = CacheMiddleware(site, policy=replace(Policy.rfc(), credentials=("X-Who",)))
    site.fields.append(("X-Auth-Token", "s3cret"))
    for who in ("one s3cret", "another s3cret"):
        exchange(cache, environ_for("GET", "/p", [("X-Who", who)]))
    page = Visitor(Dashboard(cache), "/admin/cache")
    said = text_of(page.ask("/url?url=/p").text)
    assert "Stored responses side by side" in said
    assert "s3cret" not in said
    assert "s3cret" not in page.ask("/entries?url=http://example.org/p").text
    page.ask("/url")
    asked = text_of(page.send("/url", url="/p", who="mine").text)
    assert "X-Auth-Token … …" in asked
    assert "s3cret" not in asked


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/",
        "http://example.org@evil.example/",
        "http://evil.example\\@example.org/",
        "http://example.org:81/",
        "https://example.org/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://[::1/",
        "example.org/p",
        "/" + "x" * 5000,
        # This page does not ask itself.
        "/admin/cache",
        "/admin/cache/url?url=/p",
        "/ADMIN//cache/",
        "/%61dmin/./x/../cache/url",
        "http://example.org/admin/cache/",
    ],
)
def test_what_is_no_url_to_ask_for(visitor: Visitor, site: Site, url: str) -> None:
    visitor.ask("/url")
    got = visitor.send("/url", url=url, who="mine")
    assert (got.code, site.asked) == (400, [])
    assert 'role="alert"' in got.text


@pytest.mark.parametrize("url", ["/admin/cached", "http://EXAMPLE.org:80/p#x", "/ä b", "//evil/"])
def test_other_urls_of_the_host(visitor: Visitor, site: Site, url: str) -> None:
    visitor.ask("/url")
    assert visitor.send("/url", url=url, who="stranger").code == 200
    (environ,) = site.asked
    assert (environ["HTTP_HOST"].lower(), environ["REQUEST_METHOD"]) in [
        ("example.org", "GET"),
        ("example.org:80", "GET"),
    ]


def test_only_a_form_of_this_page_asks(visitor: Visitor, site: Site) -> None:
    visitor.ask("/url")
    for changes in ({"token": "x"}, {"headers": [("Sec-Fetch-Site", "cross-site")]}):
        got = visitor.send("/url", url="/p", who="mine", **changes)
        assert (got.code, site.asked) == (403, [])


@pytest.mark.parametrize("place", ["content", "field", "cookie", "url", "raised", "set-cookie"])
def test_hostile_texts(visitor: Visitor, site: Site, cache: CacheMiddleware, place: str) -> None:
    url = "/p"
    if place == "content":
        site.text = f"{EVIL}{{}}"
    if place == "field":
        site.fields = [*site.fields, ("X-Evil", EVIL), ("Content-Language", "x\x1b[31m")]
    if place == "set-cookie":
        site.fields = [*site.fields, ("Set-Cookie", f"{EVIL}=1")]
    if place == "url":
        url = f"/{EVIL}?{EVIL}"
    site.raises = place == "raised"
    with_cookies(visitor, f"{EVIL.replace(';', '')}=1" if place == "cookie" else "a=1")
    if not site.raises:
        exchange(cache, environ_for("GET", "/p"))
    for who in ("stranger", "mine"):
        got = visitor.send("/url", url=url, who=who)
        assert got.code == 200
        assert "<script>alert" not in got.text
        assert "\x1b" not in got.text
        assert "alert(" in got.text or (who, place) in {
            ("stranger", "content"),
            ("stranger", "cookie"),
        }


def test_a_request_that_passes_by(visitor: Visitor, cache: CacheMiddleware) -> None:
    cache.enabled = False
    assert "the request passes by the cache" in text_of(visitor.ask("/url?url=/p").text)


def test_what_browsers_do_is_said_for_each_that_does_otherwise() -> None:
    names = [f"{browser.name} {browser.version}" for browser in BROWSERS]
    same = text_of(column("200 OK", [HTML, ("Cache-Control", "max-age=60"), ("Age", "20")], 0.0))
    assert " and ".join(names) in same
    assert "answers from it for 1 min; 40 s of that are left" in same
    apart = text_of(column("200 OK", [HTML, ("Cache-Control", "no-store")], 0.0))
    assert " ".join(names) in apart
    assert "goes Back the page as it was left, no request asks for all of it" in apart
    gone = text_of(column("410 Gone", [HTML], 0.0))
    assert "keeps the browser open answers from it for ever" in gone
    picture = text_of(column("200 OK", [("Content-Type", "image/png")], 0.0))
    assert ("reloads a page that shows it" in picture, "logs out" in picture) == (True, False)
    page = b"<body onunload='x()'>"
    assert "goes Back its own copy, no request" in text_of(column("200 OK", [HTML], 0.0, page))
