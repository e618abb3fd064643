"""The section that purges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.visiting import FORM, HOSTILE, SAME_ORIGIN, Visitor, assert_harmless, text_of
from tests.scene import Lint, environ_for, exchange
from wsgicache import CacheMiddleware, StoreError, cache_groups, cached
from wsgicache.dashboard import Dashboard
from wsgicache.stores.memory import MemoryStore


@cached(server=60)
@cache_groups("news", "<xss>")
def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"page"]


@pytest.fixture
def cache() -> CacheMiddleware:
    cache = CacheMiddleware(app)
    for target in ("/blog/1", "/blog/2", "/about"):
        assert exchange(cache, environ_for(target=target)).stored
    return cache


@pytest.fixture
def visitor(cache: CacheMiddleware) -> Visitor:
    visitor = Visitor(Lint(Dashboard(cache)), "/admin")
    visitor.ask("/purge")
    return visitor


def are_hits(cache: CacheMiddleware) -> list[bool]:
    targets = ("/blog/1", "/blog/2", "/about")
    return [exchange(cache, environ_for(target=target)).hit for target in targets]


ORIGIN = "http://example.org"
ALL, NONE = [True, True, True], [False, False, False]
BLOG, ABOUT = [True, True, False], [False, False, True]
"""What is left."""
PURGES: list[tuple[dict[str, str], str, list[bool]]] = [
    ({"kind": "url", "what": f" {ORIGIN}/about "}, f"Purged: 1 response of {ORIGIN}/about.", BLOG),
    ({"kind": "url", "what": f"{ORIGIN}/none"}, "nothing is stored there", ALL),
    ({"kind": "url", "what": "https://example.org/about", "both": "1"}, "Purged: 1", BLOG),
    ({"kind": "prefix", "what": f"{ORIGIN}/blog/"}, "Purged: 2 responses of", ABOUT),
    ({"kind": "prefix", "what": f"{ORIGIN}/none/"}, "no stored URL begins so", ALL),
    ({"kind": "groups", "what": "a\r\nnews\r\n"}, "Purged: all that belongs to a, news.", NONE),
    ({"kind": "groups", "what": "news", "origin": "http://other.example"}, "Purged: all", ALL),
    ({"kind": "all", "sure": "1"}, "Purged: everything.", NONE),
    ({"kind": "all", "sure": "1", "soft": "1"}, "Made stale: everything.", NONE),
]  # fmt: skip


@pytest.mark.parametrize(("form", "said", "left"), PURGES)
def test_a_form_purges_and_leads_to_what_it_did(
    cache: CacheMiddleware, visitor: Visitor, form: dict[str, str], said: str, left: list[bool]
) -> None:
    done = visitor.send("/purge", **form)
    location = done.header("Location") or ""
    assert (done.code, done.header("Cache-Control")) == (303, "no-store")
    assert location.startswith("purge?done=")
    page = visitor.ask(f"/{location}")
    assert said in text_of(page.text)
    assert 'class="done"' in page.text
    assert are_hits(cache) == left
    assert "not known" in text_of(visitor.ask(f"/{location.replace('done=', 'done=x')}").text)
    kind = form["kind"]
    assert list(cache.stats().purges) == [f"soft-{kind}" if "soft" in form else kind]


WRONG: list[tuple[dict[str, str], str]] = [
    ({}, "does not say what to purge"),
    ({"kind": "x"}, "does not say what to purge"),
    ({"kind": "all"}, "only if you say that you are sure"),
    ({"kind": "url", "what": "/about"}, "the URL must be an absolute"),
    ({"kind": "prefix", "what": f"{ORIGIN}/?a=1"}, "without a query"),
    ({"kind": "groups", "what": " \r\n "}, "must be one or more"),
    ({"kind": "groups", "what": "a", "origin": "x"}, "the URL must be an absolute"),
]


@pytest.mark.parametrize(("form", "said"), WRONG)
def test_a_form_that_says_nothing_sensible(
    cache: CacheMiddleware, visitor: Visitor, form: dict[str, str], said: str
) -> None:
    got = visitor.send("/purge", **form)
    assert (got.code, said in text_of(got.text)) == (400, True)
    assert are_hits(cache) == [True] * 3
    if form.get("what", " ").strip():  # what was written is still there
        assert form["what"] in got.text


NO_HEADERS: list[tuple[str, str]] = []
CROSS_SITE = [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")]


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        (CROSS_SITE, None),
        (NO_HEADERS, None),
        ([("Origin", "null")], None),
        (SAME_ORIGIN, ""),
        (SAME_ORIGIN, "0" * 40),
    ],
)
def test_others_purge_nothing(
    cache: CacheMiddleware, visitor: Visitor, headers: Any, token: str | None
) -> None:
    form = {"kind": "url", "what": f"{ORIGIN}/about", "soft": "1"}
    got = visitor.send("/purge", headers, token, **form)
    assert (got.code, got.header("Cache-Control")) == (403, "no-store")
    assert "Nothing was done." in got.text
    assert are_hits(cache) == [True] * 3
    # The form is filled in again, to be sent by who meant it.
    assert 'value="http://example.org/about"' in got.text
    assert visitor.send("/purge", **form).code == 303
    assert are_hits(cache) == [True, True, False]


def test_nothing_is_done_by_get_or_without_a_form(cache: CacheMiddleware, visitor: Visitor) -> None:
    query = f"kind=all&sure=1&{visitor.token}&token={visitor.token}"
    assert visitor.ask(f"/purge?{query}", headers=SAME_ORIGIN).code == 200
    for method, headers, code in (
        ("POST", SAME_ORIGIN, 415),
        ("PUT", [FORM, *SAME_ORIGIN], 405),
        ("DELETE", SAME_ORIGIN, 405),
    ):
        got = visitor.ask("/purge", method, headers=headers, body=query.encode())
        assert (got.code, got.header("Cache-Control")) == (code, "no-store")
    assert are_hits(cache) == [True] * 3


def test_the_cookie_is_not_sent_with_pages_of_the_site(cache: CacheMiddleware) -> None:
    got = Visitor(Dashboard(cache), "/admin").ask("/purge")
    (cookie,) = got.lines("Set-Cookie")
    assert cookie.endswith("; HttpOnly; SameSite=Strict")
    assert "path" not in cookie.lower()  # so it is the directory of the page


@pytest.mark.parametrize("shared", ["secret", "counters", ""])
def test_one_secret_serves_several_processes(shared: str, tmp_path: Path) -> None:
    """It is given, or in the folder where they count."""
    secret, counters = "s" * 32 * (shared == "secret"), tmp_path if shared == "counters" else None
    one, other = (
        Visitor(Dashboard(CacheMiddleware(app, counters=counters), secret=secret)) for _ in range(2)
    )
    one.ask("/purge")
    other.cookie, other.token = one.cookie, one.token
    done = other.send("/purge", kind="all", sure="1")
    if not shared:
        assert done.code == 403
        assert "CacheMiddleware(app, counters=DIR)" in text_of(done.text)
        return
    assert done.code == 303
    assert "Purged: everything." in text_of(one.ask(f"/{done.header('Location')}").text)


@pytest.mark.parametrize("hostile", [*HOSTILE, "\u202e<xss>\u2066"])
def test_what_was_purged_is_text(visitor: Visitor, hostile: str) -> None:
    for form in (
        {"kind": "groups", "what": hostile},
        {"kind": "url", "what": f"{ORIGIN}/{hostile}"},
    ):
        done = visitor.send("/purge", **form)
        assert_harmless(visitor.ask(f"/{done.header('Location')}").text)
        assert_harmless(visitor.send("/purge", token="x", **form).text)
    assert_harmless(visitor.send("/purge", kind="url", what=hostile).text)


class Unreachable(MemoryStore):
    def bump(self, *args: Any, **options: Any) -> None:
        raise StoreError("not reached: <xss>")


def test_a_purge_that_fails_says_so() -> None:
    visitor = Visitor(Dashboard(CacheMiddleware(app, store=Unreachable())))
    visitor.ask("/purge")
    got = visitor.send("/purge", kind="all", sure="1")
    assert got.code == 502
    assert "Not all was purged. StoreError: not reached: &lt;xss&gt;" in got.text
