"""Four gunicorn workers on one store: what one stores the others have; what one invalidates, or the
command line purges, all lose."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.servers import free_port
from tests.running import DEADLINE
from tests.servers.process import running
from tests.stores.servers import PLENTY, Server

WORKERS = 4
SECONDS = 0.2
"""For so long a process may not know of a purge by another: not the second that is the default."""
WINDOW = f"generation_seconds={SECONDS}"


class Answer(NamedTuple):
    worker: str
    text: str
    hit: bool


class Site:
    def __init__(self, port: int, address: str) -> None:
        self.port = port
        self.address = address
        self.at_once = address.startswith("lmdb:") or "stamps=" in address
        """Whether all purges are seen at once."""

    def ask(self, target: str, method: str = "GET") -> Answer:
        """A connection of its own each time, so that any worker may answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            status = response.headers["Cache-Status"]
            text = response.read().decode()
            assert response.status == 200
            return Answer(response.headers["X-Worker"], text, "; hit" in status)
        finally:
            connection.close()

    def all_workers(self, target: str) -> list[Answer]:
        """What each of the workers answers, the last time it was asked."""
        answers: dict[str, Answer] = {}
        deadline = time.monotonic() + DEADLINE
        while len(answers) < WORKERS:
            assert time.monotonic() < deadline, f"only {len(answers)} workers answer"
            answer = self.ask(target)
            answers[answer.worker] = answer
        return list(answers.values())


@pytest.fixture(params=["memcached", "redis near", "lmdb"])
def site(request: pytest.FixtureRequest, tmp_path: Path, namespace: str) -> Iterator[Site]:
    if request.param == "memcached":
        server: Server = request.getfixturevalue("memcached")
        address = f"memcached://{server.address}/{namespace}?timeout={PLENTY}&{WINDOW}"
    elif request.param == "lmdb":
        address = f"lmdb://{tmp_path}/cache?max_bytes=64MiB"
    else:
        server = request.getfixturevalue("redis_server")
        near = f"near=8MiB&stamps={tmp_path}/stamps"
        address = f"redis://{server.address}/0?namespace={namespace}&timeout={PLENTY}&{near}"
    port = free_port()
    line = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    line += ["--workers", str(WORKERS), "--worker-tmp-dir", str(tmp_path)]
    line += ["tests.stores.site:application"]
    with running(line, port, tmp_path / "log", {"WSGICACHE_STORE": address}):
        yield Site(port, address)


def command(*arguments: str, address: str) -> str:
    line = [sys.executable, "-m", "wsgicache", *arguments]
    done = subprocess.run(
        line, capture_output=True, text=True, env={**os.environ, "WSGICACHE_STORE": address}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.network
def test_four_workers_share_a_store(site: Site) -> None:
    first = site.ask("/page")
    assert not first.hit
    assert {(a.text, a.hit) for a in site.all_workers("/page")} == {(first.text, True)}

    # A POST that one of them answers invalidates its target in all, at once.
    site.ask("/page", "POST")
    second = site.ask("/page")
    assert (second.hit, second.text == first.text) == (False, False)
    assert {(a.text, a.hit) for a in site.all_workers("/page")} == {(second.text, True)}

    # And the groups that it names, in all others within the window.
    news = {target: site.ask(target).text for target in ("/news/1", "/news/2")}
    for target, text in news.items():
        assert {a.text for a in site.all_workers(target)} == {text}
    site.ask("/elsewhere", "POST")
    if not site.at_once:
        time.sleep(SECONDS)  # in processes with clocks of their own
    for target, text in news.items():
        assert text not in {a.text for a in site.all_workers(target)}
    assert {a.text for a in site.all_workers("/page")} == {second.text}

    # A purge from the command line: of a URL at once, of groups and everything within the window.
    url = f"http://127.0.0.1:{site.port}"
    said = command("purge", "--url", f"{url}/page", address=site.address)
    assert said == "purged 1 response of 1 URL\n"
    assert second.text not in {a.text for a in site.all_workers("/page")}
    for options in (["--group", "news"], ["--all"]):
        before = site.ask("/news/1").text
        assert {a.text for a in site.all_workers("/news/1")} == {before}
        command("purge", *options, address=site.address)
        if not site.at_once:
            time.sleep(SECONDS)
        after = {a.text for a in site.all_workers("/news/1")}
        assert before not in after
    assert "generation: " in command("stats", "--server", address=site.address)
    assert "fresh for" in command("inspect", "--url", f"{url}/news/1", address=site.address)
