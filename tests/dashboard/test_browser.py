"""The page in Chromium: at a desk and on a telephone, light and dark, empty and full, by keyboard,
and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.chromium import SIZES, chromium, followed, found, served, show_at, soon, trouble
from tests.dashboard.visiting import HOSTILE
from tests.running import ROOT
from tests.scene import environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, cache_groups, cached
from wsgicache.dashboard import Dashboard

pytestmark = pytest.mark.network

MANY = 100_000
LONG = "x" * 900


@cached(server=600)
@cache_groups("news", "<xss>", LONG)
def app(environ: Any, start_response: Any) -> list[bytes]:
    fields = [("Content-Type", "text/plain"), ("X-Long", LONG), ("X-Hostile", HOSTILE[1])]
    start_response("200 OK", [*fields, ("Vary", "Accept-Language")])
    return [b"page"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def holding(entries: int) -> CacheMiddleware:
    """A cache with so many entries."""
    cache = CacheMiddleware(app, store=MemoryStore(1 << 33))
    if not entries:
        return cache
    for language in ("de", f"en, {LONG}"):
        exchange(cache, environ_for(headers=[("Accept-Language", language)]))
    entry = cache.store.get(("http", "example.org", "/", ""))
    for number in range(entries - 1):
        path = f"/{HOSTILE[number % len(HOSTILE)]}/{number}"
        query = LONG if number % 9 == 0 else ""
        cache.store.update(("http", "example.org", path, query), lambda _: entry)
    return cache


def mounted(cache: CacheMiddleware) -> Any:
    return DispatcherMiddleware(cache, {"/admin": Dashboard(cache)})


ONE = quote("http://example.org/", safe="")
PAGES = {
    0: ["", "entries"],
    1: ["", "entries", f"entries?url={ONE}", "url?url=/", "explain?url=/", "purge", "none"],
    MANY: ["", "entries", "entries?q=99998", "entries?q=nowhere"],
}
SCROLLS = """return Math.max(...Array.from(document.querySelectorAll("*"), (e) => {
  const how = getComputedStyle(e).overflowX;
  return e === document.documentElement || how === "auto" || how === "scroll"
    ? e.scrollWidth - e.clientWidth : 0; }))"""
"""By how many pixels anything scrolls sideways. What only screen readers see is cut off."""
SCHEMES = {1280: "light", 390: "dark"}


@pytest.mark.parametrize("entries", PAGES)
def test_every_page_at_every_size(browser: webdriver.Chrome, entries: int) -> None:
    with served(mounted(holding(entries))) as url:
        for width in SIZES:
            show_at(browser, width, SCHEMES[width])
            for page in PAGES[entries]:
                browser.get(f"{url}admin/{page}")
                assert browser.execute_script(SCROLLS) == 0, (width, page)
                assert browser.find_elements(By.TAG_NAME, "xss") == []
                known = [line for line in trouble(browser) if "status of 404" not in line]
                assert known == [], (width, page)
                ground = browser.find_element(By.TAG_NAME, "body").value_of_css_property(
                    "background-color"
                )
                assert ("255, 255, 255" in ground) is (SCHEMES[width] == "light")
        browser.get("about:blank")


def test_it_works_without_javascript(browser: webdriver.Chrome) -> None:
    cache = holding(1)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show_at(browser, 1280)
        with served(mounted(cache)) as url:
            browser.get(f"{url}admin/")
            followed(browser, WebElement.click, By.LINK_TEXT, "Entries")
            followed(browser, lambda box: box.send_keys("example.org", Keys.ENTER), By.NAME, "q")
            followed(browser, WebElement.click, By.LINK_TEXT, "http://example.org/")
            followed(browser, WebElement.click, By.CSS_SELECTOR, "button.danger")
            done = found(browser, By.CSS_SELECTOR, ".done").text
            assert done == "Purged: 2 responses of http://example.org/."
            assert browser.find_elements(By.ID, "pause") == []
            browser.refresh()  # it asks again, and sends nothing again
            assert found(browser, By.CSS_SELECTOR, ".done").text == done
            assert cache.stats().purges == {"url": 1}
            assert trouble(browser) == []
            browser.get("about:blank")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_it_is_brought_up_to_date(browser: webdriver.Chrome) -> None:
    cache = holding(1)
    show_at(browser, 1280)
    with served(mounted(cache)) as url:
        browser.get(f"{url}admin/")

        def refreshed() -> None:
            browser.execute_script("document.dispatchEvent(new Event('visibilitychange'))")

        def totals() -> str:
            return browser.find_element(By.ID, "totals").text

        def shows(text: str) -> None:
            soon(browser, lambda _: text in totals())

        shows("Requests\n2\n")
        exchange(cache, environ_for(headers=[("Accept-Language", "de")]))
        refreshed()
        shows("Requests\n3\n")
        pause = browser.find_element(By.ID, "pause")
        pause.click()
        assert (pause.text, browser.find_element(By.ID, "refreshing").text) == ("Resume", "Paused.")
        exchange(cache, environ_for(headers=[("Accept-Language", "de")]))
        refreshed()
        pause.click()  # it asks at once
        shows("Requests\n4\n")
        assert trouble(browser) == []
        browser.get("about:blank")


def test_it_is_used_by_keyboard(browser: webdriver.Chrome) -> None:
    show_at(browser, 1280)
    with served(mounted(holding(1))) as url:
        browser.get(f"{url}admin/entries")
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
        skip = browser.switch_to.active_element
        assert skip.text == "Skip to the content"
        assert skip.rect["x"] >= 0
        assert skip.value_of_css_property("outline-style") != "none"
        skip.send_keys(Keys.ENTER)
        assert browser.switch_to.active_element.get_attribute("id") == "main"
        browser.switch_to.active_element.send_keys(Keys.TAB)
        assert browser.switch_to.active_element.get_attribute("name") == "q"
        browser.get("about:blank")


STYLE = (ROOT / "wsgicache" / "dashboard" / "files" / "style.css").read_text("utf-8")
PAIRS = [
    ("text", "ground"), ("text", "panel"), ("muted", "ground"), ("muted", "panel"),
    ("link", "ground"), ("link", "panel"), ("on-accent", "accent"), ("alert", "panel"),
    ("alert", "alert-ground"), ("done", "done-ground"),
]  # fmt: skip


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_texts_have_contrast(scheme: int, ink: str, ground: str) -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", STYLE.split(":root {")[1 + scheme]))
    one, other = sorted((luminance(colours[ink]), luminance(colours[ground])))
    assert (other + 0.05) / (one + 0.05) >= 4.5


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
