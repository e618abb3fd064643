"""The stale dropdown, in a real browser: a list is fetched, an item saved, the list fetched again.

Chromium by selenium, against a threaded server. The answer looks cacheable to a browser (it was
last modified years ago, or says so itself), and the old list stays until wsgicache says otherwise.
Then the same browser with a page for one person: what it shows of that after logout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.chromium import chromium, served, soon
from tests.running import ROOT, eventually
from wsgicache import (
    CacheMiddleware,
    Policy,
    Route,
    json_never_stale,
    never_cache,
    no_cache,
)

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


@pytest.fixture(scope="module", params=["pages kept", "pages loaded anew"])
def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    """Headless Chromium with a profile of its own; going back shows a page that it has kept as it
    was, or loads it anew."""
    more = ["--disable-features=BackForwardCache"] * (request.param == "pages loaded anew")
    with chromium(tmp_path_factory.mktemp("profile"), *more) as browser:
        yield browser


def shown(browser: webdriver.Chrome, when: str = "[data-loaded]") -> int:
    """How many items the list has, once the page has loaded it."""
    return soon(
        browser,
        lambda driver: len(
            driver.find_element(By.CSS_SELECTOR, when).find_elements(By.TAG_NAME, "option")
        ),
    )


def played(browser: webdriver.Chrome, app: App, shop: Shop) -> list[int]:
    """The length of the list at first, after saving, and after saving elsewhere and going back."""
    with served(app) as url:
        browser.get(url)
        lengths = [shown(browser)]
        browser.find_element(By.ID, "save").click()
        lengths.append(shown(browser, "[data-loaded][data-saved]"))
        browser.find_element(By.ID, "away").click()
        soon(browser, lambda driver: driver.title == "away")
        shop.items.append("one more")
        browser.back()
        soon(browser, lambda driver: driver.title == "items")
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


# ── after logout ─────────────────────────────────────────────────────────────────────────────────

ACCOUNT = """<!doctype html><title>account</title><link rel=icon href=data:,>
<p id=who>{who}</p> <a id=go href=/logout>log out</a>
<script>
addEventListener("pagehide", () => {{ delete document.body.dataset.shown; }});
addEventListener("pageshow", (event) => {{
  if (event.persisted && {reloads}) location.reload();
  else document.body.dataset.shown = "yes";
}});
</script>"""
HOME = """<!doctype html><title>home</title><link rel=icon href=data:,>
<a id=go href=/account>account</a>
<script type=speculationrules>
{"prefetch": [{"source": "list", "urls": ["/account"], "eagerness": "immediate"}]}
</script>"""
CLEARING = ("Clear-Site-Data", '"cache"')


class Site:
    """An app with a page for one person: Alice, until she logs out."""

    def __init__(self, said: str | None, control: Any, clearing: bool, reloads: bool) -> None:
        self.asked = 0
        self.fields = [] if said is None else [("Cache-Control", said)]
        self.leaving = [CLEARING] if clearing else []
        self.reloads = "true" if reloads else "false"
        self.account: App = self._account if control is None else control(self._account)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path, kind = environ["PATH_INFO"], ("Content-Type", "text/html; charset=utf-8")
        if path == "/account":
            self.asked += 1
            return self.account(environ, start_response)
        fields = {
            "/login": [("Set-Cookie", "who=alice; Path=/")],
            "/logout": [("Set-Cookie", "who=; Path=/; Max-Age=0"), *self.leaving],
        }
        start_response("200 OK", [kind, *fields.get(path, [])])
        return [HOME.encode() if path == "/home" else AWAY]

    def _account(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), *self.fields])
        who = "alice" if "who=alice" in environ.get("HTTP_COOKIE", "") else "nobody"
        return [ACCOUNT.format(who=who, reloads=self.reloads).encode()]


SITES: dict[str, Callable[[], Site]] = {
    "``no-cache``": lambda: Site("no-cache", None, False, False),
    "``@never_cache``": lambda: Site(None, never_cache, False, False),
    "nothing, and ``Clear-Site-Data``": lambda: Site(None, None, True, False),
    "nothing, and a ``pageshow`` handler": lambda: Site(None, None, False, True),
    "``@never_cache`` and ``Clear-Site-Data``": lambda: Site(None, never_cache, True, False),
}
HOWTO = (ROOT / "docs" / "howto" / "sessions.rst").read_text("utf-8")
SHOWN = dict(re.findall(r"^((?:nothing|``).*?)  +((?:hers|anew) .*)$", HOWTO, re.MULTILINE))
"""What the documentation says of each."""


def who(browser: webdriver.Chrome) -> str:
    """Whose page is shown, "hers" or asked for "anew", once it is."""
    script = "return document.querySelector('body[data-shown] #who')?.textContent"
    found = soon(browser, lambda driver: driver.execute_script(script))
    return "hers" if found == "alice" else "anew"


def gone(browser: webdriver.Chrome, to: str) -> None:
    """Follow the link of the page, and be there."""
    browser.find_element(By.ID, "go").click()
    soon(browser, lambda driver: driver.title == to)


@pytest.mark.parametrize("said", SITES)
def test_back_after_logout(
    browser: webdriver.Chrome, request: pytest.FixtureRequest, said: str
) -> None:
    with served(CacheMiddleware(SITES[said]())) as url:
        browser.get(f"{url}login")
        browser.get(f"{url}account")
        assert who(browser) == "hers"
        gone(browser, "away")
        browser.back()
        kept = request.node.callspec.params["browser"] == "pages kept"
        assert who(browser) == SHOWN[said].split()[0 if kept else 1]
        browser.get("about:blank")


@pytest.mark.parametrize("browser", ["pages kept"], indirect=True)
@pytest.mark.parametrize("said", ["``@never_cache``", "``@never_cache`` and ``Clear-Site-Data``"])
def test_a_page_that_was_fetched_ahead_of_logout(browser: webdriver.Chrome, said: str) -> None:
    site = SITES[said]()
    with served(CacheMiddleware(site)) as url:
        browser.get(f"{url}login")
        browser.get(f"{url}home")
        eventually(lambda: site.asked, "the page is fetched ahead")
        browser.execute_async_script("fetch('/logout').then(() => arguments[0]())")
        gone(browser, "account")
        assert who(browser) == SHOWN[said].split()[2]
        browser.get("about:blank")
