"""gunicorn with the site, and clients that all ask before one of them is answered."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.servers import free_port
from tests.running import DEADLINE, eventually
from tests.servers.process import Process, running

HOST = "site.example"


class Answer(NamedTuple):
    """What a client got; status 0 where the connection ended before all was there."""

    status: int
    fields: dict[str, str]
    text: str

    @property
    def worker(self) -> int:
        """The process that answered."""
        return int(self.fields.get("x-answered-by", 0))

    @property
    def made_by(self) -> int:
        """The process whose app made the page."""
        return int(self.text.partition(" ")[0] or 0)

    @property
    def hit(self) -> bool:
        return "; hit" in self.fields.get("cache-status", "")


class Client:
    """A connection on which one request was sent."""

    def __init__(self, port: int, target: str, method: str = "GET", *lines: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        head = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", "Connection: close", *lines]
        self.socket.sendall("\r\n".join([*head, "", ""]).encode())
        self._said = b""

    def reads(self) -> bool:
        """Take what has come; whether there may be more."""
        piece = b""
        with contextlib.suppress(ConnectionError):  # the worker was killed: that is all
            piece = self.socket.recv(65536)
        self._said += piece
        return bool(piece) and not self.is_complete()

    def _parts(self) -> tuple[str, dict[str, str], bytes]:
        head, _, body = self._said.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        split = [line.partition(":") for line in lines]
        return status, {name.lower(): value.strip() for name, _, value in split}, body

    def is_complete(self) -> bool:
        """Whether all is there; the length of everything here is told."""
        _, fields, body = self._parts()
        return b"\r\n\r\n" in self._said and len(body) == int(fields["content-length"])

    def answer(self) -> Answer:
        """What comes."""
        (answer,) = answers([self])
        return answer

    def came(self) -> Answer:
        """What came."""
        status, fields, body = self._parts()
        if not self.is_complete():
            return Answer(0, fields, "")
        return Answer(int(status.split()[1]), fields, body.decode())


def answers(clients: list[Client]) -> list[Answer]:
    """What comes to all *clients*. AssertionError where nothing comes to one."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        try:
            while left := selector.get_map():
                ready = selector.select(DEADLINE)
                assert ready, f"{len(left)} of {len(clients)} clients wait for ever"
                for key, _ in ready:
                    if not key.data.reads():
                        selector.unregister(key.fileobj)
                        key.data.socket.close()  # for which some servers wait
        finally:
            for client in clients:
                client.socket.close()
    return [client.came() for client in clients]


class Site:
    """A running server: its port, and the folder that its app looks at."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.port = process.port
        self.process = process.process
        self.log = process.log
        self.folder = folder

    def send(self, target: str, method: str = "GET", *lines: str) -> Client:
        return Client(self.port, target, method, *lines)

    def ask(self, target: str, method: str = "GET", *lines: str) -> Answer:
        return self.send(target, method, *lines).answer()

    def asked(self, beginning: str = "GET ") -> Counter[int]:
        """How often each process's app was asked for what begins so."""
        return self._noted("asked", beginning)

    def asked_for(self, target: str) -> Counter[int]:
        """How often each process's app was asked for *target*."""
        return self.asked(f"GET {target}")

    def tried(self, target: str) -> Counter[int]:
        """How often each process has tried to get the lease of *target*."""
        return self._noted("leased", f"LEASE {target}")

    def _noted(self, name: str, beginning: str) -> Counter[int]:
        path = self.folder / name
        lines = path.read_text().splitlines() if path.exists() else []
        split = [line.partition(" ") for line in lines]
        return Counter(int(pid) for pid, _, what in split if what.startswith(beginning))

    def until_asked(self, count: int, beginning: str = "GET ") -> None:
        """Until the apps were asked that often."""
        eventually(
            lambda: self.asked(beginning).total() >= count,
            f"{self.asked(beginning)} of {count} for {beginning}",
        )

    def open(self, name: str) -> None:
        """Let those go on who wait for *name*."""
        (self.folder / name).touch()

    def workers(self) -> set[int]:
        """The processes that the server has started."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return set(map(int, path.read_text().split()))

    def meets(self, wanted: int, target: str = "/who") -> dict[int, Answer]:
        """Ask until so many workers have answered; their last answers."""
        met: dict[int, Answer] = {}
        end = time.monotonic() + DEADLINE
        while len(met) < wanted:
            assert time.monotonic() < end, f"only {len(met)} workers answer"
            for answer in answers([self.send(target) for _ in range(4 * wanted)]):
                assert answer.status == 200
                met[answer.worker] = answer
        return met


@contextlib.contextmanager
def serving(
    folder: Path,
    *options: str,
    store: str = "",
    module: str = "tests.processes.site:front",
    environment: dict[str, str] | None = None,
) -> Iterator[Site]:
    """gunicorn with *options* and the site."""
    port = free_port()
    line = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--backlog", "1024"]
    line += ["--worker-tmp-dir", str(folder), *options, module]
    variables = {
        "WSGICACHE_TEST_FOLDER": str(folder),
        "WSGICACHE_TEST_STORE": store,
        **(environment or {}),
    }
    with running(line, port, folder / "log", variables) as process:
        yield Site(process, folder)


def threads(workers: int, threads: int) -> list[str]:
    return ["--worker-class", "gthread", "--workers", str(workers), "--threads", str(threads)]


def proc_is_there() -> bool:
    return os.path.isdir("/proc/self/task")
