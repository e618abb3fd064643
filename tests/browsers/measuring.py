"""What a browser does with a response, row by row."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from tests.browsers.driving import Browser, until
from tests.browsers.site import Row, Site

KEPT_ROWS = """
    nothing
    ETag: "1"
    Last-Modified: -100d
    Last-Modified: -1000d
    max-age=3600
    max-age=3600 | ETag: "1"
    max-age=3600 | ETag: "1" | Age: 600
    max-age=3600, must-revalidate | ETag: "1"
    max-age=3600, immutable | ETag: "1"
    private, max-age=3600 | ETag: "1"
    public | ETag: "1"
    must-revalidate | Last-Modified: -100d
    s-maxage=3600 | ETag: "1"
    s-maxage=3600 | Last-Modified: -100d
    Expires: +1h | ETag: "1"
    Expires: 0 | ETag: "1"
    max-age=0 | Expires: +1h | ETag: "1"
    max-age=600, stale-while-revalidate=3600 | ETag: "1"
    no-cache | ETag: "1"
    no-cache
    max-age=3600, no-cache | ETag: "1"
    Pragma: no-cache | ETag: "1"
    no-store | ETag: "1"
    max-age=3600, no-store | ETag: "1"
    max-age=3600 | Vary: Accept-Language | ETag: "1"
    max-age=3600 | Vary: Cookie | ETag: "1"
    max-age=3600 | Vary: Cookie | ETag: "1"; meanwhile a cookie changes
    max-age=3600 | Vary: * | ETag: "1"
    404 Not Found | max-age=3600
    404 Not Found | Last-Modified: -100d
    404 Not Found | max-age=0 | ETag: "1"
    410 Gone
    410 Gone | max-age=3600
    500 Internal Server Error | max-age=3600
"""
BACK_ROWS = """
    nothing
    no-cache
    max-age=3600
    no-store
    no-store; meanwhile a cookie changes
    private, max-age=3600; meanwhile a cookie changes
    nothing; with unload
    nothing; with beforeunload
    Permissions-Policy: unload=(); with unload
    nothing; with EventSource
    no-store; with EventSource
"""
LEFT_ROWS = """
    nothing
    nothing; meanwhile Clear-Site-Data: "cache"
    no-cache
    no-cache; meanwhile Clear-Site-Data: "cache"
    private, max-age=3600
    private, max-age=3600; meanwhile Clear-Site-Data: "cache"
    private, max-age=3600; meanwhile Clear-Site-Data: "*"
    private, max-age=3600 | Vary: Cookie
    no-store
    no-store; meanwhile Clear-Site-Data: "cache"
"""
TOLD_ROWS = """
    max-age=3600 | ETag: "1"
    no-cache | ETag: "1"
    no-store
"""
LIVES = """
let n = 0;
async function lives(age, asks) {
  const query = `age=${age}&n=${n++}`, url = `probe?${query}`;
  await (await fetch(url)).text();
  CHANGE
  const again = await (await fetch(url)).text();
  if (again != "1") return false;
  if (!BEHIND) return true;
  await new Promise(ready => setTimeout(ready, 300));
  return asks || await (await fetch(`count?${query}`)).text() == "1";
}
async function surely(age, asks) {
  for (let i = 0; i < 3; i++) if (await lives(age, asks)) return true;
  return false;
}
async function longest(asks) {
  if (!await surely(0, asks)) return 0;
  let low = 0, high = 60;
  while (high < 2 ** 31 && await surely(high, asks)) { low = high; high *= 16; }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await surely(middle, asks)) low = middle; else high = middle;
  }
  return high;
}
async function guessed() {
  return GUESS && await surely(GUESS - 30, false) && !await lives(GUESS, false);
}
async function found() {
  return await guessed() ? [GUESS, 0] : [await longest(false), BEHIND && await longest(true)];
}
found().then(done);
"""
"""For how many seconds a script gets the browser's copy: without a request, and with one behind it.
Ages are what is searched; nobody waits for them. A guess that is right within 30 seconds saves the
search."""
SHOWN = "return document.title == 'doc' && document.readyState == 'complete' && window.shown"
HOME = "return document.title == 'home' && document.readyState == 'complete' && window.shown"
NOT_RESTORED = """
const entry = performance.getEntriesByType("navigation")[0].notRestoredReasons;
return (entry?.reasons ?? []).map(one => one.reason).join(", ");
"""
TOLD = """
const entry = performance.getEntriesByType("navigation")[0], size = entry.transferSize;
return `"${entry.deliveryType ?? "?"}", ${size > 300 ? "more" : size}`;
"""
"""What a page finds out about how it came; 300 bytes stand for a 304 by definition."""
MOST = 2**31
"""Seconds; more is for ever."""
Cells = tuple[str, ...]


def rows(text: str) -> list[str]:
    """The rows of a table."""
    return [line.strip() for line in text.strip().splitlines()]


class Table(NamedTuple):
    """What is measured of each of *rows*."""

    columns: tuple[str, ...]
    rows: list[str]
    measured: Callable[[Measuring, str], Cells]


class Measuring:
    """A browser that keeps pages, one that does not, and the site at *url*; without the second,
    its cells stay empty."""

    def __init__(self, site: Site, url: str, keeping: Browser, forgetting: Browser | None) -> None:
        self._site, self._url = site, url
        self._keeping, self._forgetting = keeping, forgetting
        self._runs = map(str, itertools.count())
        self.guesses: dict[str, str] = {}
        """Of the seconds for which responses are kept."""

    def _begun(self, said: str) -> str:
        """A run of its own for a row."""
        run = next(self._runs)
        self._site.rows[run] = Row(said)
        return run

    def _left(self, browser: Browser) -> None:
        """Follow the link of the page to the other one."""
        other = HOME if browser.run("return document.title") == "doc" else SHOWN
        browser.run("document.querySelector('#go').click()")
        until(browser, other, "the link leads there")

    def _told(self, run: str, kind: str, before: int) -> str:
        """How the page was asked for since."""
        asked = self._site.asked[f"/{run}/{kind}"][before:]
        return asked[0] if asked else "own copy"

    def _after(self, browser: Browser, said: str, act: Callable[[str], Any], kind: str) -> str:
        """How the page, seen once, is asked for as *act* happens."""
        run = self._begun(said)
        browser.open(f"{self._url}/{run}/home")
        until(browser, HOME, "home")
        browser.run(f"document.querySelector('#go').href = '{kind}'")
        self._left(browser)
        self._meanwhile(browser, run)
        path = "part" if kind == "whole" else kind
        before = len(self._site.asked[f"/{run}/{path}"])
        act(run)
        if browser.run("return window.shown") == "kept":
            return "as it was"
        return self._told(run, path, before)

    def _meanwhile(self, browser: Browser, run: str) -> None:
        if self._site.rows[run].event == "a cookie changes":
            browser.finish("fetch('changed').then(() => done())")

    def lifetime(self, said: str) -> str:
        """For how many seconds a script gets the browser's own copy, and for how many more it gets
        that while the browser asks behind it; "any" if it does so at any age."""
        run, browser = self._begun(said), self._keeping
        browser.open(f"{self._url}/{run}/home")
        changes = self._site.rows[run].event == "a cookie changes"
        behind = "true" if "stale-while" in said else "false"
        script = LIVES.replace("CHANGE", "await fetch('changed');" if changes else "")
        script = script.replace("BEHIND", behind).replace("GUESS", self.guesses.get(said, "0"))
        alone, longer = browser.finish(script)
        if alone > MOST:
            return "for ever"
        more = "any" if longer > MOST else longer - alone
        return f"{alone} + {more}" if longer > alone else str(alone)

    def link(self, said: str) -> str:
        """How it is asked for by a link, once more."""
        browser = self._keeping

        def act(run: str) -> None:
            self._left(browser)
            self._left(browser)

        return self._after(browser, said, act, "doc")

    def reload(self, said: str, hard: bool = False, kind: str = "doc") -> str:
        """How it is asked for by a reload."""
        browser = self._keeping

        def act(run: str) -> None:
            browser.run("window.shown = ''")
            browser.reload(hard)
            until(browser, SHOWN, "it is loaded again")

        return self._after(browser, said, act, kind)

    def back(self, said: str, keeping: bool = True) -> str:
        """How it is asked for by Back. A page may be kept as it was: then one of three tries does
        so."""
        browser = self._keeping if keeping else self._forgetting
        if browser is None:
            return ""

        def act(run: str) -> None:
            self._left(browser)
            browser.back()
            until(browser, SHOWN, "one is back")

        found = ""
        for _ in range(3 if keeping else 1):
            found = self._after(browser, said, act, "doc")
            if found == "as it was":
                break
        return found

    def kept(self, said: str) -> Cells:
        """The cells of a row of what is kept."""
        return (
            self.lifetime(said),
            self.link(said),
            self.reload(said),
            self.reload(said, kind="whole"),
            self.reload(said, hard=True),
            self.back(said),
            self.back(said, keeping=False),
        )

    def restored(self, said: str) -> Cells:
        """Whether Back shows the page as it was, and what the browser says of that."""
        back = self.back(said)
        why = "" if back == "as it was" else self._keeping.run(NOT_RESTORED)
        return back, why

    def told(self, said: str) -> Cells:
        """What the page finds out about how it came, as it comes once more."""
        told = []
        for again, browser in (
            (self.link, self._keeping),
            (self.reload, self._keeping),
            (partial(self.back, keeping=False), self._forgetting),
        ):
            told.append("" if browser is None else f"{again(said)}: {browser.run(TOLD)}")
        return tuple(told)

    def left(self, said: str) -> Cells:
        """What Back and a link show after a logout: ``hers``, or what is asked for ``anew``."""
        shown = []
        for browser, by_link in (
            (self._keeping, False),
            (self._forgetting, False),
            (self._keeping, True),
        ):
            if browser is None:
                shown.append("")
                continue
            run = self._begun(said)
            browser.open(f"{self._url}/{run}/login")
            self._left(browser)
            browser.run("document.querySelector('#go').href = 'logout'")
            self._left(browser)
            if by_link:
                self._left(browser)
            else:
                browser.back()
                until(browser, SHOWN, "one is back")
            who = browser.run("return document.querySelector('#who').textContent")
            shown.append("hers" if who == "hers" else "anew")
        return tuple(shown)


TABLES = {
    "kept": Table(
        (
            *("seconds", "a link", "reload", "a part, on reload", "hard reload", "Back"),
            "Back, pages not kept",
        ),
        rows(KEPT_ROWS),
        Measuring.kept,
    ),
    "back": Table(("Back", "what the browser says"), rows(BACK_ROWS), Measuring.restored),
    "told": Table(("a link", "reload", "Back, pages not kept"), rows(TOLD_ROWS), Measuring.told),
    "left": Table(("Back", "Back, pages not kept", "a link"), rows(LEFT_ROWS), Measuring.left),
}
