"""The last requests: what is recorded and when, how it is folded, and what a page makes of it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from tests.chromium import SIZES, chromium, overflow, served, show_at, soon, trouble
from tests.dashboard.visiting import Visitor, text_of
from tests.scene import FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, Policy
from wsgicache.dashboard import Dashboard
from wsgicache.dashboard.recent import MOST_BYTES, Recent, recent_of

PAGE = [("Sec-Fetch-Dest", "document")]
EVIL = "/<script>alert(1)</script>\"'&\u202e"


def app(environ: Any, start_response: Any) -> list[bytes]:
    lifetime = [("Cache-Control", "max-age=60")] if "never" not in environ["PATH_INFO"] else []
    start_response("200 OK", [("Content-Type", "text/html"), *lifetime])
    return [b"0123456789"]


class Site:
    """A cache with its page, and a browser in front."""

    def __init__(self, watched: bool = True) -> None:
        self.clock = FakeClock()
        self.cache = CacheMiddleware(app, clock=self.clock, policy=Policy(heuristic_fraction=0))
        self.visitor = Visitor(Dashboard(self.cache))
        self.recent = recent_of(self.cache)
        if watched:
            self.recent.watch()

    def go(self, target: str, **fields: str) -> None:
        """View a page."""
        exchange(self.cache, environ_for(target=target, headers=PAGE + as_lines(fields)))

    def fetch(self, target: str, page: str, kind: str = "image", **fields: str) -> None:
        """Fetch something for a page."""
        own = [("Sec-Fetch-Dest", kind), ("Referer", f"http://example.org{page}")]
        exchange(self.cache, environ_for(target=target, headers=own + as_lines(fields)))

    def listed(self) -> list[tuple[str, int, list[tuple[str, int]]]]:
        """Path and number of each row, and of what is below it."""
        return [
            (path_of(row), row.count, [(path_of(part), part.count) for part in row.parts.values()])
            for row in self.recent.rows()
        ]

    def text(self, query: str = "") -> str:
        """What the page says."""
        return text_of(self.visitor.ask(f"/requests{query}").text)


def as_lines(fields: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.replace("_", "-"), value) for name, value in fields.items()]


def path_of(row: Any) -> str:
    return str(row.what.url.removeprefix("http://example.org"))


# ── what is recorded, and when ───────────────────────────────────────────────────────────────────


def test_nothing_is_recorded_unless_somebody_looks() -> None:
    """And a plain hit then only advances a counter, as before."""
    site = Site(watched=False)
    counting = site.cache._counting
    site.go("/a")
    assert not counting.is_watched()
    assert "Recorded since 22:13:20 UTC" in site.text()
    assert counting.is_watched()
    site.clock.advance(599)
    site.go("/a?b=c")
    assert site.listed() == [("/a", 1, [])]
    assert "Recorded since" in site.text()  # somebody looks: ten minutes more
    site.clock.advance(599)
    site.go("/b")
    assert len(site.listed()) == 2
    site.clock.advance(2)
    site.go("/c")
    assert site.listed() == []
    assert not counting.is_watched()
    site.recent.watch(forever=True)
    site.clock.advance(9999)
    site.go("/d")
    assert site.listed() == [("/d", 1, [])]
    assert "ten minutes" not in site.text()


@pytest.mark.parametrize(
    ("processes", "multiprocess", "said"),
    [
        (1, False, "in the memory of this process. "),
        (1, True, "by process {} alone, one of several: each records its own requests"),
        (4, False, "by process {} alone, one of 4: each records its own requests"),
    ],
)
def test_it_says_whose_requests_these_are(
    processes: int, multiprocess: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a part that is brought up to date, since another process may answer the next time."""
    site = Site()
    told = replace(site.cache.stats(), processes=processes)
    monkeypatch.setattr(site.cache, "stats", lambda: told)
    got = site.visitor.ask("/requests", changes={"wsgi.multiprocess": multiprocess})
    assert '<p class="note" id="recorded" data-refresh>' in got.text
    assert f"UTC, {said.format(os.getpid())}" in text_of(got.text)


def test_secrets_are_not_recorded() -> None:
    site = Site()
    secret = "s3cret"
    site.go(f"/a?token={secret}", Cookie=f"session={secret}", Authorization=secret, X_Any=secret)
    site.fetch(f"/b?token={secret}", f"/a?token={secret}", Cookie=secret)
    assert site.listed() == [("/a", 1, [("/b", 1)])]
    assert "GET /a?…" in site.text()
    assert secret not in site.visitor.ask("/requests").text
    seen: set[int] = set()

    def holds(thing: object) -> bool:
        if id(thing) in seen:
            return False
        seen.add(id(thing))
        if isinstance(thing, dict):
            return any(map(holds, [*thing, *thing.values()]))
        if isinstance(thing, list | tuple):
            return any(map(holds, thing))
        return secret in repr(thing) or (hasattr(thing, "what") and holds(vars(thing)))

    assert not holds(vars(site.recent))
    assert "127.0.0.1" not in site.visitor.ask("/requests").text


def test_what_a_page_fetched_is_below_it() -> None:
    site = Site()
    site.go("/page?q=1")
    site.fetch("/style.css", "/page?q=1", "style")
    site.fetch("/font", "/style.css", "font")
    site.fetch("/frame", "/page", "iframe")
    site.fetch("/in-frame", "/frame")
    site.go("/other", Referer="http://example.org/page")
    site.fetch("/style.css", "/other", "style")
    site.fetch("/late", "/page", "empty")
    site.fetch("/other", "/page", "empty")  # what was a page itself stays one
    site.fetch("/more", "/other", "empty")
    site.fetch("/foreign", "/nowhere")
    assert site.listed() == [
        ("/foreign", 1, []),
        ("/other", 1, [("/style.css", 1), ("/more", 1)]),
        (
            "/page",
            1,
            [(path, 1) for path in "/style.css /font /frame /in-frame /late /other".split()],
        ),
    ]


@pytest.mark.parametrize(
    ("fields", "is_page"),
    [
        ({"Accept": "text/html,*/*"}, True),
        ({"Accept": "*/*"}, False),
        ({}, False),
        ({"Accept": "text/html", "HX-Request": "true"}, False),
        ({"Accept": "text/html", "X-Requested-With": "XMLHttpRequest"}, False),
        ({"Accept": "text/html", "Sec-Fetch-Dest": "empty"}, False),
        ({"Sec-Fetch-Dest": "document"}, True),
    ],
)
def test_what_a_page_view_is(fields: dict[str, str], is_page: bool) -> None:
    site = Site()
    exchange(site.cache, environ_for(target="/a", headers=list(fields.items())))
    assert [row.is_page for row in site.recent.rows()] == [is_page]


def test_a_thousand_polls_are_one_row() -> None:
    """Of a page, of a script without a browser, and of a page that loads itself again."""
    site = Site()
    site.go("/page")
    for number in range(1000):
        site.fetch(f"/poll?since={number}", "/page", "empty", Cache_Control="no-cache")
        exchange(site.cache, environ_for(target="/curl/never"))
    assert site.listed() == [("/curl/never", 1000, []), ("/page", 1, [("/poll", 1000)])]
    assert "GET /curl/never ×1,000" in site.text()
    assert "1,000 fetched" in site.text()
    for _ in range(3):
        site.go("/again/never")
    assert site.listed()[0] == ("/again/never", 3, [])


def test_another_outcome_is_another_row() -> None:
    site = Site()
    site.go("/page")
    for _ in range(3):
        site.fetch("/poll", "/page", "empty")
        site.clock.advance(0.1)
    assert [(row[1], row[2]) for row in site.listed()] == [(1, [("/poll", 1), ("/poll", 2)])]


def test_the_page_within_the_app_leaves_itself_out() -> None:
    site = Site(watched=False)
    inside = Visitor(site.visitor.app, "/admin")
    inside.ask("/requests")
    for target in ("/admin/requests", "/admin", "/administration", "/page"):
        exchange(site.cache, environ_for(target=target))
    assert [path for path, *_ in site.listed()] == ["/page", "/administration"]


def test_the_memory_is_bounded() -> None:
    """Whatever clients make up."""
    site = Site()
    for number in range(400):
        site.go(f"/{number}/{'x' * 2000}")
        for part in range(2):
            site.fetch(f"/{number}-{part}/{'y' * 2000}", f"/{number}/{'x' * 2000}")
    recent = site.recent
    rows = recent.rows()
    assert len(rows) <= 300
    assert sum(one.bytes for row in rows for one in (row, *row.parts.values())) == recent.bytes
    assert MOST_BYTES * 0.9 < recent.bytes <= MOST_BYTES or len(rows) == 300
    assert max(len(row.what.url) for row in rows) == 400
    kept = {row.number for row in rows}
    assert set(recent._viewed.values()) <= kept
    assert set(recent._alone.values()) <= kept
    site.go("/page")
    for number in range(130):
        site.fetch(f"/{number}", "/page")
    (row, *_) = recent.rows()
    assert (len(row.parts), row.left_out) == (100, 30)
    assert "30 more had no room." in site.text()


# ── what the page makes of it ────────────────────────────────────────────────────────────────────


def test_a_row_says_why() -> None:
    site = Site()
    site.go("/a/never")
    site.go("/a")
    site.go("/a")
    site.clock.advance(5)
    site.go("/a")
    page = site.text().replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"GET /a ×2 22:13:25 · 200 · HIT · age 5 s · The cache answered\.", page)
    assert re.search(
        r"GET /a [\d:]+ · 200 · STORED · application \S+ ms · uri-miss · Nothing was stored for",
        page,
    )
    assert "NOT STORED · application 0.0 ms · freshness · No lifetime is given" in page
    assert "Write @cache_for(minutes=5) on the view, or a Route." in page


@pytest.mark.parametrize(
    ("target", "method", "is_linked"),
    [("/never", "GET", True), ("/never?a=b", "GET", False), ("/never", "POST", False)],
)
def test_a_row_leads_to_more_about_its_url(target: str, method: str, is_linked: bool) -> None:
    """To its variants, and to the explanation, if the whole URL is known."""
    site = Site()
    exchange(site.cache, environ_for(method, target))
    exchange(site.cache, environ_for("GET", "/never", changes={"HTTP_HOST": "other.example"}))
    got = site.visitor.ask("/requests").text
    links = [f'href="{path}?url=http%3A%2F%2Fexample.org%2Fnever"' for path in ("url", "explain")]
    assert [one in got for one in links] == [is_linked] * 2
    assert "other.example%2F" not in got


def test_filters_are_links() -> None:
    site = Site()
    site.go("/kept")
    site.go("/kept")
    site.fetch("/kept", "/kept")
    site.fetch("/part/never", "/kept")
    exchange(site.cache, environ_for("POST", "/posted"))
    links = re.findall(r'href="(requests[^"]*)"', site.visitor.ask("/requests").text)
    assert links[-2:] == ["requests?only=asked", "requests?only=unstored"]
    asked, unstored = site.text("?only=asked"), site.text("?only=unstored")
    assert "POST /posted" in asked
    assert "POST /posted" not in unstored
    for page in (asked, unstored):
        assert "GET /part/never" in page
    assert '<details id="fetched-2" open>' in site.visitor.ask("/requests?only=unstored").text
    assert "1 fetched" in unstored
    assert "2 fetched" in site.text()
    assert "GET /kept" in site.text("?only=<script>")


def hostile(site: Site) -> None:
    quoted = EVIL.encode().decode("latin-1")
    environ = environ_for(target="/", headers=PAGE, changes={"PATH_INFO": quoted})
    exchange(site.cache, environ)
    changes = {"REQUEST_METHOD": "<b>", "PATH_INFO": quoted, "HTTP_HOST": "<i>"}
    exchange(site.cache, {**environ, **changes})
    site.fetch('/"><script>alert(2)</script>', "/<script>")


def test_nothing_in_a_row_is_markup() -> None:
    site = Site()
    hostile(site)
    html = site.visitor.ask("/requests").text
    assert re.search(r"<script(?! src=)|<i>|\u202e|=\"[^\"]*<", html) is None
    assert "alert(2)" in html
    assert "&lt;b&gt;" in html


def test_a_child_of_a_fork_begins_anew() -> None:
    site = Site()
    site.go("/a")
    site.recent.begin_in_child()
    assert (site.listed(), site.recent.bytes) == ([], 0)


def test_a_cache_that_begins_anew_has_new_ones() -> None:
    """As that of an application in Flask does, whose blueprints bring routes later."""
    site = Site()
    site.go("/old")
    vars(site.cache).update(vars(CacheMiddleware(app, clock=site.clock)))
    site.visitor.ask("/requests")
    site.go("/new")
    assert [path_of(row) for row in recent_of(site.cache).rows()] == ["/new"]


def test_without_a_cache_that_tells_there_is_nothing() -> None:
    recent = Recent(None, FakeClock())
    recent.watch()
    assert recent.rows() == []


# ── in a browser ─────────────────────────────────────────────────────────────────────────────────


NEWEST = """const first = document.querySelector("ol.requests li").innerText;
return first.includes("NEW") && [
  document.querySelector("details[open] .times").innerText, document.activeElement.localName]"""


def opened(browser: WebDriver) -> bool:
    """Whether what the first view fetched is open, or else click there; the list may be replaced
    under the click."""
    if browser.find_elements("css selector", "details[open]"):
        return True
    browser.find_element("tag name", "summary").click()
    return False


@pytest.mark.network
def test_a_browser_shows_them_as_they_come(tmp_path: Path) -> None:
    """Without a reload, and what is open stays open; strangers' texts do nothing."""
    site = Site()
    site.go("/shop")
    for number in range(1000):
        site.fetch(f"/poll?{number}", "/shop", "empty", Cache_Control="no-cache")
    hostile(site)
    site.go("/" + "long" * 90)
    with served(Dashboard(site.cache)) as url, chromium(tmp_path) as browser:
        for width, scheme in zip(SIZES, ("light", "dark"), strict=True):
            show_at(browser, width, scheme)
            browser.get(f"{url}requests")
            soon(browser, opened)
            site.go(f"/new-{width}/never")
            newest = NEWEST.replace("NEW", f"/new-{width}")
            shown = soon(browser, partial(WebDriver.execute_script, script=newest))
            assert shown == ["×1,000", "summary"]
            assert overflow(browser) == 0
        assert trouble(browser) == []
