"""Chromium for tests, by selenium: with a profile of its own, and at any size."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait
from werkzeug.serving import WSGIRequestHandler, make_server

from benchmarks.servers import free_port
from tests.running import DEADLINE, binary

T = TypeVar("T")
SIZES = {1280: 800, 390: 844}
"""The sizes of a window: a desk, and a telephone."""
OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync
--disable-dev-shm-usage""".split()


@contextmanager
def chromium(folder: Path, *more: str) -> Iterator[webdriver.Chrome]:
    """Headless Chromium with *more* options, whose profile is in *folder*."""
    options = webdriver.ChromeOptions()
    options.binary_location = binary("chromium")
    for option in (*OPTIONS, f"--user-data-dir={folder}", *more):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(binary("chromedriver"), free_port())
    browser = webdriver.Chrome(options, service)
    try:
        yield browser
    finally:
        browser.quit()


def soon(browser: webdriver.Chrome, question: Callable[[webdriver.Chrome], T]) -> T:
    """What the question answers, once it is true.

    A page that leaves, or a part that is replaced, cannot be asked: the question is asked again.
    """
    waiting = WebDriverWait(browser, DEADLINE, 0.05, [WebDriverException])
    return waiting.until(question)


def found(browser: webdriver.Chrome, by: str, what: str) -> WebElement:
    """An element, once it is there."""
    return soon(browser, lambda driver: driver.find_element(by, what))


def followed(
    browser: webdriver.Chrome, act: Callable[[WebElement], object], by: str, what: str
) -> None:
    """Act on an element of the page that leads to another page, and wait until this one is left.

    The driver may come back from a click while the old page still stands.
    """
    element = found(browser, by, what)
    act(element)
    soon(browser, staleness_of(element))


def show_at(browser: webdriver.Chrome, width: int, scheme: str = "light") -> None:
    """Give the window a width of `SIZES`, and a colour scheme."""
    size = {"width": width, "height": SIZES[width], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


def overflow(browser: webdriver.Chrome) -> int:
    """How many pixels the page, or a part of it, scrolls sideways."""
    script = """return Math.max(...Array.from(document.querySelectorAll("*"),
      e => getComputedStyle(e).overflowX == "visible" && e != document.documentElement
        ? 0 : e.scrollWidth - e.clientWidth))"""
    wider: int = browser.execute_script(script)
    return wider


def trouble(browser: webdriver.Chrome) -> list[str]:
    """What the console says of errors."""
    return [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]


class Quiet(WSGIRequestHandler):
    def log_request(self, *args: Any) -> None:
        """Nothing."""


@contextmanager
def served(app: Any) -> Iterator[str]:
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
