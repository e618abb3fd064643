"""Chromium and Firefox, driven in the same words.

Chromium by selenium. Firefox by its own protocol, Marionette, which needs no program between.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from selenium import webdriver

from tests.chromium import chromium as driven
from tests.running import DEADLINE, binary, eventually

PATIENCE = 4 * DEADLINE
"""Seconds for what a script in a page does, on a busy machine."""
PREFERENCES: dict[str, Any] = {
    "marionette.port": 0,
    "app.update.enabled": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Browser(Protocol):
    """A browser with one page."""

    def version(self) -> str:
        """Its name and version."""

    def open(self, url: str) -> None:
        """Go there, as who types the URL."""

    def run(self, script: str) -> Any:
        """What the script in the page returns."""

    def finish(self, script: str) -> Any:
        """What the script gives to ``done``."""

    def reload(self, hard: bool = False) -> None:
        """Reload the page; *hard* as with the Shift key."""

    def back(self) -> None:
        """Go back."""


class Chromium:
    """Headless Chromium."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        driver.set_script_timeout(PATIENCE)

    def version(self) -> str:
        return f"Chromium {self.driver.capabilities['browserVersion']}"

    def open(self, url: str) -> None:
        self.driver.get(url)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def finish(self, script: str) -> Any:
        return self.driver.execute_async_script(f"const done = arguments[0]; {script}")

    def reload(self, hard: bool = False) -> None:
        self.driver.execute_cdp_cmd("Page.reload", {"ignoreCache": hard})

    def back(self) -> None:
        self.driver.back()


@contextmanager
def chromium(profile: Path, keeps_pages: bool = True) -> Iterator[Chromium]:
    """Chromium with the *profile*, which may keep pages that one leaves, or not."""
    more = [] if keeps_pages else ["--disable-features=BackForwardCache"]
    with driven(profile, *more) as driver:
        yield Chromium(driver)


class Firefox:
    """Headless Firefox, behind an open connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._number = 0
        self._read()
        self._capabilities = self.ask("WebDriver:NewSession")["capabilities"]
        self.ask("WebDriver:SetTimeouts", script=int(PATIENCE * 1000))

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._stream.read(1)
        return json.loads(self._stream.read(int(length[:-1])))

    def ask(self, command: str, **arguments: Any) -> Any:
        """What it answers to a command."""
        self._number += 1
        data = json.dumps([0, self._number, command, arguments]).encode()
        self._connection.sendall(b"%d:%b" % (len(data), data))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{command}: {error}")
        return result

    def version(self) -> str:
        return f"Firefox {self._capabilities['browserVersion']}"

    def open(self, url: str) -> None:
        self.ask("WebDriver:Navigate", url=url)

    def run(self, script: str) -> Any:
        return self.ask("WebDriver:ExecuteScript", script=script, args=[])["value"]

    def finish(self, script: str) -> Any:
        whole = f"const done = arguments[0]; {script}"
        return self.ask("WebDriver:ExecuteAsyncScript", script=whole, args=[])["value"]

    def reload(self, hard: bool = False) -> None:
        # The commands of its menu. WebDriver's own asks without conditions.
        command = "Browser:ReloadSkipCache" if hard else "Browser:Reload"
        self.ask("Marionette:SetContext", value="chrome")
        self.run(f"document.getElementById('{command}').doCommand()")
        self.ask("Marionette:SetContext", value="content")

    def back(self) -> None:
        self.ask("WebDriver:Back")


@contextmanager
def firefox(profile: Path, keeps_pages: bool = True) -> Iterator[Firefox]:
    """Firefox with the *profile*, which may keep pages that one leaves, or not."""
    chosen = dict(PREFERENCES)
    if not keeps_pages:
        chosen["browser.sessionhistory.max_total_viewers"] = 0
        chosen["fission.bfcacheInParent"] = False
    profile.mkdir(exist_ok=True)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(chosen[name])});" for name in chosen]
    (profile / "user.js").write_text("\n".join(lines), "utf-8")
    line = [binary("firefox-esr"), "--headless", "--no-remote", "--profile", str(profile)]
    process = subprocess.Popen(
        [*line, "--marionette", "--remote-allow-system-access"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    told = profile / "MarionetteActivePort"
    try:
        eventually(lambda: told.exists() and told.read_text(), "Firefox listens")
        with socket.create_connection(
            ("127.0.0.1", int(told.read_text())), 4 * DEADLINE
        ) as talking:
            yield Firefox(talking)
    finally:
        process.terminate()
        process.wait(DEADLINE)


BROWSERS: dict[str, Callable[..., Any]] = {"chromium": chromium, "firefox": firefox}


def until(browser: Browser, script: str, what: str) -> Any:
    """What the script returns once that is true."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            if found := browser.run(script):
                return found
        except Exception:  # the page is about to go
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, what
        time.sleep(0.01)
