"""Make the pictures of the documentation: ``python -m docs.pictures [FOLDER]``.

A site with visitors runs in this process. Chromium shows its page, and ``wsgicache top`` draws
itself.
"""

from __future__ import annotations

import argparse
import io
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from rich.console import Console
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server
from werkzeug.test import Client

from tests.browsers.driving import Chromium, chromium, until
from tests.browsers.site import Quiet
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.cli.strip import with_strip
from wsgicache.cli.top import drawn
from wsgicache.clock import SYSTEM_CLOCK
from wsgicache.dashboard import Dashboard

IMAGES = Path(__file__).parent / "images"
MOUNT = "/-/wsgicache"
PAGES = {
    "page-overview": ("", False),
    "page-requests": ("requests", False),
    "page-entries": ("entries?url={site}/basket", True),
    "page-url": ("url?url=/basket", True),
}
"""The pictures of the page: the path of each, and whether it is dark."""
STRIP, STRIP_WIDTH, STRIP_HEIGHT = "/news", 720, 230
"""The page that is shown with a strip at its foot, and how much of it, in pixels."""
OPEN = "document.querySelector('wsgicache-strip').shadowRoot.querySelector('details').open = true"
COLOURS = 96
"""Of a picture; more would make its file large."""
ICON = '<link rel="icon" href="data:,">'
SLOW = 0.004
"""Seconds that the site takes for a page."""
FONT = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)


def shop(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """A small site: a page for everybody, one for each language, one for each visitor, one that
    forgets to say how long it lasts."""
    path, cookies = environ["PATH_INFO"], environ.get("HTTP_COOKIE", "")
    html = ("Content-Type", "text/html; charset=utf-8")
    fields = {
        "/": [("Cache-Control", "public, max-age=60, s-maxage=600"), ("ETag", '"home"')],
        "/items": [("Cache-Control", "public, max-age=300"), ("Vary", "Accept-Language")],
        "/basket": [("Cache-Control", "max-age=60"), ("Vary", "Cookie")],
        "/account": [("Cache-Control", "private, no-cache")],
    }.get(path, [])
    language = environ.get("HTTP_ACCEPT_LANGUAGE", "en")
    who = cookies.partition("name=")[2] or "nobody"
    lines = ["<!doctype html>", ICON, f"<title>{path}</title>", "<h1>The shop</h1>"]
    lines += [f"<p>{language}</p>"] if path == "/items" else []
    lines += [f"<p>The basket of {who}</p>"] if path in ("/basket", "/account") else []
    time.sleep(SLOW)
    start_response("200 OK", [html, *fields])
    return ["\n".join([*lines, "<p>Have a look around.</p>", ""]).encode()]


class Passing:
    """The clock of the machine, and what has *passed* between visits."""

    passed = 0.0

    def now(self) -> float:
        return SYSTEM_CLOCK.now() + self.passed

    def wall(self) -> float:
        return SYSTEM_CLOCK.wall() + self.passed


def visited(app: Any, site: str, visits: int, clock: Passing) -> None:
    """Some visitors come, within seven minutes, and most of them in the middle."""
    chance = random.Random(9111)
    paths = ["/", "/", "/", "/items", "/items", "/basket", "/account", "/news"]
    for number in range(visits):
        clock.passed += 3000 / visits * abs(number / visits - 0.5) ** 1.5 + 0.02
        headers = {"Accept-Language": chance.choice(["en", "de", "fr"])}
        if (name := chance.choice(["", "", "ada", "alan"])) != "":
            headers["Cookie"] = f"name={name}"
        Client(app, use_cookies=False).get(chance.choice(paths), base_url=site, headers=headers)


@contextmanager
def served(app: Any) -> Iterator[int]:
    """The app on a server of its own; its port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def photographed(browser: Chromium, url: str, dark: bool, width: int) -> Image.Image:
    """The whole page, as wide as that."""
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    ask = browser.driver.execute_cdp_cmd
    ask("Emulation.setScrollbarsHidden", {"hidden": True})
    ask("Emulation.setEmulatedMedia", {"features": scheme})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    ask("Emulation.setDeviceMetricsOverride", size)
    browser.open(url)
    if url.endswith(STRIP):
        browser.run(OPEN)
        ask("Emulation.setDeviceMetricsOverride", {**size, "height": STRIP_HEIGHT})
        return Image.open(io.BytesIO(browser.driver.get_screenshot_as_png()))
    if "/url?" in url:
        browser.driver.find_element("css selector", "button[value=mine]").click()
        until(browser, "return document.querySelector('#asked') != null", "it is asked")
    height = browser.run("return document.documentElement.scrollHeight")
    ask("Emulation.setDeviceMetricsOverride", {**size, "height": min(height, 1600)})
    return Image.open(io.BytesIO(browser.driver.get_screenshot_as_png()))


def draw(folder: Path, visits: int = 600, width: int = 1100) -> list[Path]:
    """Make all pictures; the files."""
    folder.mkdir(exist_ok=True)
    clock = Passing()
    cache = CacheMiddleware(shop, store=MemoryStore(max_bytes=1 << 20), clock=clock)
    console = Console(record=True, width=120, file=io.StringIO())
    made = [folder / "top.svg"]
    app = with_strip(DispatcherMiddleware(cache, {MOUNT: Dashboard(cache)}), cache)
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        served(app) as port,
        chromium(Path(profile)) as browser,
    ):
        site = f"http://127.0.0.1:{port}"
        browser.open(f"{site}{MOUNT}/requests")  # from now on they are recorded
        visited(cache, site, visits, clock)
        console.print(drawn(cache.stats(), "requests", console.width))
        browser.open(f"{site}/")
        browser.run("document.cookie = 'name=ada'")
        for language in ("/basket", "/items"):
            browser.open(f"{site}{language}")
        urls = {
            name: (f"{site}{MOUNT}/{path.format(site=site)}", dark)
            for name, (path, dark) in PAGES.items()
        }
        for name, (url, dark) in {**urls, "strip": (f"{site}{STRIP}", False)}.items():
            wide = min(width, STRIP_WIDTH) if name == "strip" else width
            image = photographed(browser, url, dark, wide)
            made.append(folder / f"{name}.png")
            image.convert("RGB").quantize(COLOURS).save(made[-1], optimize=True)
    # Its fonts are those of whoever looks: a picture loads nothing.
    svg = console.export_svg(title="wsgicache top counters")
    made[0].write_text(FONT.sub("", svg), "utf-8")
    return made


def main() -> None:
    """Make them, and say where."""
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=IMAGES)
    for path in draw(parser.parse_args().folder):
        print(f"{path}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
