"""Servers with several workers that share a machine's store: a page is made once for all of them,
and what one changes the others see at their next request."""

from __future__ import annotations

import contextlib
import http.client
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.servers import free_port
from tests.processes.serving import HOST, Answer, Client, answers
from tests.running import DEADLINE
from tests.servers.process import running
from tests.servers.rows import program

SITE = {"Host": HOST}
"""The port is another one after a restart."""
MODULE = "tests.processes.versions:front"


class Server(NamedTuple):
    """How it is started on a port, its workers, and whether a connection stays with one."""

    line: Callable[[int], list[str]]
    workers: int
    stays: bool = True


SERVERS = {
    "gunicorn": Server(
        lambda port: [
            *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"),
            *("--workers", "4", "--worker-class", "gthread", "--threads", "4"),
            *("--backlog", "1024", MODULE),
        ],
        4,
        stays=False,  # it does, but waits 40 ms there for the client to tell that it has the head
    ),
    "granian": Server(
        lambda port: [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port)),
            *("--workers", "2", "--blocking-threads", "4", MODULE),
        ],
        2,
    ),
    "uwsgi": Server(
        lambda port: [
            *(program("uwsgi") or "uwsgi", "--http-socket", f"127.0.0.1:{port}", "--master"),
            *("--need-app", "--die-on-term", "--enable-threads", "--lazy-apps"),
            *("--processes", "2", "--threads", "4", "--listen", "100"),
            *("--virtualenv", sys.prefix, "--wsgi", MODULE),
        ],
        2,
        stays=False,
    ),
}


class Played(NamedTuple):
    """What came of it."""

    stale: int
    """Answers older than a change that had returned."""
    asked: int
    hits: int
    made_again: int
    """Cold pages that the workers have made more than once, of so many:"""
    cold: int
    began_with: Counter[bool]
    """After a restart: how many first answers were hits, or not."""


def play(name: str, folder: Path, rounds: int) -> Played:
    """So many rounds on the server of that *name*, and a hundredth as many cold pages."""
    server = SERVERS[name]
    (folder / "version").write_text("1")
    cold = max(2, rounds // 100)
    with started(server, folder) as port, contextlib.closing(Workers(server, port)) as workers:
        stale, got = 0, []
        for number in range(rounds):
            target = ("/page", "/news")[number % 2]
            workers.each(target)
            least = int(workers.one("/page" if number % 2 == 0 else "/other", "POST").text)
            fresh = [*workers.each(target), *workers.each(target)]
            stale += sum(int(answer.text.split()[0]) < least for answer in fresh)
            got += fresh[-server.workers :]
        made_again = 0
        for number in range(cold):
            clients = [Client(port, f"/cold/{number}") for _ in range(3 * server.workers)]
            texts = {answer.text for answer in answers(clients)}
            made_again += len(texts) > 1
    made = Counter((folder / "made").read_text().split())
    made_again += sum(made[f"/cold/{number}"] != 1 for number in range(cold))
    with started(server, folder) as port, contextlib.closing(Workers(server, port)) as workers:
        began_with = Counter(answer.hit for answer in workers.each("/page"))
    hits = sum(answer.hit for answer in got)
    return Played(stale, len(got), hits, made_again, cold, began_with)


@contextlib.contextmanager
def started(server: Server, folder: Path) -> Iterator[int]:
    """The port on which it listens."""
    port = free_port()
    variables = {
        "WSGICACHE_TEST_FOLDER": str(folder),
        "WSGICACHE_TEST_STORE": f"lmdb://{folder}/cache?max_bytes=64MiB",
    }
    with running(server.line(port), port, folder / "log", variables):
        yield port


class Workers:
    """Connections to each worker of a server."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        self.connections: dict[int, http.client.HTTPConnection] = {}

    def each(self, target: str) -> list[Answer]:
        """What each worker answers."""
        if self.server.stays and len(self.connections) == self.server.workers:
            return [self._ask(one, target) for one in self.connections.values()]
        found: dict[int, Answer] = {}
        end = time.monotonic() + DEADLINE
        while len(found) < self.server.workers:
            assert time.monotonic() < end, f"only {list(found)} answer"
            several = [self._connection() for _ in range(2 * self.server.workers)]
            for one in several:
                one.request("GET", target, headers=SITE)
            for one in several:
                answer = self._answer(one)
                found[answer.worker] = answer
                if not self.server.stays or self.connections.setdefault(answer.worker, one) != one:
                    one.close()
        return list(found.values())

    def close(self) -> None:
        """Close all."""
        for connection in self.connections.values():
            connection.close()

    def one(self, target: str, method: str) -> Answer:
        """What some worker answers."""
        connection = self._connection()
        with contextlib.closing(connection):
            return self._ask(connection, target, method)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def _ask(
        self, connection: http.client.HTTPConnection, target: str, method: str = "GET"
    ) -> Answer:
        connection.request(method, target, headers=SITE)
        return self._answer(connection)

    def _answer(self, connection: http.client.HTTPConnection) -> Answer:
        response = connection.getresponse()
        text = response.read().decode()
        assert response.status == 200, text
        return Answer(200, {name.lower(): value for name, value in response.getheaders()}, text)
