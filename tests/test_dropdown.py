"""The stale dropdown, in a real browser: a list is fetched, an item saved, the list fetched again.

Chromium by selenium, against a threaded server. The answer looks cacheable to a browser (it was
last modified years ago, or says so itself), and the old list stays until wsgicache says otherwise.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.running import DEADLINE, binary
from wsgicache import CacheMiddleware, Policy, Route, json_never_stale, no_cache

pytestmark = pytest.mark.network

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

PAGE = b"""<!doctype html><title>items</title><link rel=icon href=data:,>
<select id=items></select> <button id=save>save</button> <a id=away href=/away>away</a>
<script>
const items = document.querySelector("#items");
async function load() {
  const names = await (await fetch("/items")).json();
  items.replaceChildren(...names.map((name) => new Option(name)));
  items.dataset.loaded = "yes";
}
document.querySelector("#save").onclick = async () => {
  delete items.dataset.loaded;
  await fetch("/save", {method: "POST"});
  await load();
  items.dataset.saved = "yes";
};
addEventListener("pagehide", () => { delete items.dataset.loaded; });
addEventListener("pageshow", load);
</script>"""
AWAY = b"""<!doctype html><title>away</title><link rel=icon href=data:,>elsewhere"""
HEURISTIC = ("Last-Modified", "Fri, 01 Jan 2010 00:00:00 GMT")
EXPLICIT = ("Cache-Control", "public, max-age=3600")


class Shop:
    """An app with a list that grows with each POST."""

    def __init__(self, *fields: tuple[str, str], decorator: Any = None) -> None:
        self.items = ["item 1"]
        self.fields = fields
        self.listed: App = self._list if decorator is None else decorator(self._list)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/items":
            return self.listed(environ, start_response)
        if path == "/save":
            self.items.append(f"item {len(self.items) + 1}")
            start_response("204 No Content", [])
            return []
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [AWAY if path == "/away" else PAGE]

    def _list(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json"), *self.fields])
        return [json.dumps(self.items).encode()]


class Quiet(WSGIRequestHandler):
    def log_request(self, *args: Any) -> None:
        """Nothing."""


@contextmanager
def served(app: App) -> Iterator[str]:
    """The app on a threaded server of its own, hence an origin of its own in the browser."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module", params=["pages kept", "pages loaded anew"])
def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    """Headless Chromium with a profile of its own; going back shows a page that it has kept as it
    was, or loads it anew."""
    options = webdriver.ChromeOptions()
    options.binary_location = binary("chromium")
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(f"--{flag}")
    if request.param == "pages loaded anew":
        options.add_argument("--disable-features=BackForwardCache")
    service = webdriver.ChromeService(binary("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def shown(browser: webdriver.Chrome, when: str = "[data-loaded]") -> int:
    """How many items the list has, once the page has loaded it."""
    waiting = WebDriverWait(browser, DEADLINE)
    loaded = waiting.until(lambda driver: driver.find_element(By.CSS_SELECTOR, when))
    return len(loaded.find_elements(By.TAG_NAME, "option"))


def played(browser: webdriver.Chrome, app: App, shop: Shop) -> list[int]:
    """The length of the list at first, after saving, and after saving elsewhere and going back."""
    with served(app) as url:
        browser.get(url)
        lengths = [shown(browser)]
        browser.find_element(By.ID, "save").click()
        lengths.append(shown(browser, "[data-loaded][data-saved]"))
        browser.find_element(By.ID, "away").click()
        WebDriverWait(browser, DEADLINE).until(lambda driver: driver.title == "away")
        shop.items.append("one more")
        browser.back()
        WebDriverWait(browser, DEADLINE).until(lambda driver: driver.title == "items")
        lengths.append(shown(browser))
        browser.get("about:blank")
    return lengths


CACHEABLE = [HEURISTIC, EXPLICIT]


@pytest.mark.parametrize("said", CACHEABLE, ids=["heuristic", "explicit"])
def test_a_cacheable_answer_is_stale(browser: webdriver.Chrome, said: tuple[str, str]) -> None:
    shop = Shop(said)
    assert played(browser, shop, shop) == [1, 1, 1]


def test_json_never_stale(browser: webdriver.Chrome) -> None:
    shop = Shop(HEURISTIC)
    app = CacheMiddleware(shop, policy=Policy(default=json_never_stale))
    assert played(browser, app, shop) == [1, 2, 3]


@pytest.mark.parametrize("said", CACHEABLE, ids=["heuristic", "explicit"])
def test_the_decorator(browser: webdriver.Chrome, said: tuple[str, str]) -> None:
    shop = Shop(said, decorator=no_cache)
    assert played(browser, CacheMiddleware(shop), shop) == [1, 2, 3]


def test_a_route(browser: webdriver.Chrome) -> None:
    shop = Shop(EXPLICIT)
    app = CacheMiddleware(shop, routes=[Route("/items", no_cache)])
    assert played(browser, app, shop) == [1, 2, 3]


def test_the_decorator_without_a_cache_in_front(browser: webdriver.Chrome) -> None:
    """It says nothing: the list is as stale as without."""
    shop = Shop(HEURISTIC, decorator=no_cache)
    assert played(browser, shop, shop) == [1, 1, 1]
