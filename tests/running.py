"""``wsgicache run`` as a process of its own, for tests that talk to it over a socket."""

from __future__ import annotations

import gc
import http.client
import importlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).parent.parent
MARK = "WSGICACHE_TEST_MARK"
DEADLINE = 30.0
"""Seconds for what takes a moment: after them a test fails that hangs."""
REQUIRED = os.environ.get("WSGICACHE_REQUIRE_SERVERS") == "1"
"""Whether the programs and packages that tests need must be there: CI shall skip none of them."""


@dataclass(frozen=True)
class Answer:
    """A response as a client sees it; ``answer["Age"]`` is a field, empty if there is none."""

    status: int
    fields: http.client.HTTPMessage
    content: bytes

    def __getitem__(self, name: str) -> str:
        return ", ".join(self.fields.get_all(name, []))


def refuse(why: str, optional: bool = False) -> NoReturn:
    """Skip the test, or the module that is being imported; fail it where everything is REQUIRED,
    unless what is absent is *optional* even there."""
    if REQUIRED and not optional:
        pytest.fail(why)
    pytest.skip(why, allow_module_level=True)


def conformance_suite() -> Path:
    """The public conformance suite's data, which are not part of this project; without them, what
    `refuse` does, even where everything is REQUIRED."""
    name = os.environ.get("WSGICACHE_CONFORMANCE_SUITE")
    if not name:
        refuse(
            "the public suite's data are not here: run `npm run export` in a checkout of "
            "http-tests/cache-tests, and name what it writes in WSGICACHE_CONFORMANCE_SUITE",
            optional=True,
        )
    path = Path(name)
    if not path.is_file():
        pytest.fail(f"WSGICACHE_CONFORMANCE_SUITE must name a file, got {name!r}")
    return path


def binary(name: str) -> str:
    """The path of a program; without it, what `refuse` does."""
    path = shutil.which(name)
    if path is None:
        refuse(f"{name} is not installed")
    return path


def module(name: str) -> Any:
    """A module, imported; without it, what `refuse` does."""
    if importlib.util.find_spec(name) is None:
        refuse(f"{name} is not installed")
    return importlib.import_module(name)


def fork() -> int:
    """`os.fork`, without what Python says from 3.12 on: that other threads are there is what those
    tests are about. What other tests have left is not collected in the child, where it might write
    files or log lines."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
        child = os.fork()
    if not child:
        gc.freeze()
    return child


def run_command(*arguments: str) -> list[str]:
    """The command line of ``wsgicache run``, warnings being errors."""
    return [sys.executable, "-W", "error", "-m", "wsgicache", "run", *arguments]


def environment(**more: str) -> dict[str, str]:
    """Variables for a process that shall find this tree's wsgicache wherever it starts."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}


def eventually(question: Callable[[], object], what: object) -> None:
    """Wait until the question is answered with something true; fail after DEADLINE seconds, and say
    *what* is not so, or what it returns then."""
    end = time.monotonic() + DEADLINE
    while not question():
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.02)


class Running:
    """A server on a free port, in its own session; everything it starts bears a mark."""

    def __init__(self, *arguments: str, cwd: Path = ROOT, stderr: int = subprocess.PIPE) -> None:
        self.mark = uuid.uuid4().hex
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            run_command(*arguments, "--port", "0"),
            cwd=cwd,
            env=environment(**{MARK: self.mark}),
            stderr=stderr,
            start_new_session=True,
        )
        if self.process.stderr:
            self.reader = threading.Thread(target=self._read, daemon=True)
            self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        with self.process.stderr as stream:
            for line in stream:
                self.lines.append(line.decode("utf-8", "backslashreplace"))

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.is_gone()
        if self.process.stderr:
            self.reader.join()

    @property
    def log(self) -> str:
        """What stderr got so far."""
        return "".join(self.lines)

    def says(self, pattern: str) -> re.Match[str]:
        """Wait for the pattern in the log."""

        def found() -> object:
            return re.search(pattern, self.log) or self.process.poll() is not None

        eventually(found, lambda: f"{pattern} is not in the log:\n{self.log}")
        if self.process.poll() is not None:
            self.reader.join()
        match = re.search(pattern, self.log)
        assert match, self.log
        return match

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return int(self.says(r"runs on http://\S+:(\d+)/")[1])

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def ask(
        self, method: str, target: str, fields: dict[str, str] | None = None, content: bytes = b""
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request(method, target, content or None, fields or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, target: str, fields: dict[str, str] | None = None) -> Answer:
        """A GET."""
        return self.ask("GET", target, fields)

    def send(self, data: bytes) -> bytes:
        """Bytes, and the bytes that came back until the server closed the connection."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def is_gone(self) -> None:
        """Wait until no process is left. One that was killed is there until it has a processor."""
        eventually(lambda: not self.alive(), lambda: f"still there: {self.alive()}")

    def alive(self) -> list[str]:
        """The command lines of all processes that bear the mark, orphans too (needs /proc)."""
        mark = f"{MARK}={self.mark}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    line = (process / "cmdline").read_bytes()
                    found.append(line.replace(b"\0", b" ").decode().strip())
            except OSError:
                continue  # it ended meanwhile, or is somebody else's
        return found
