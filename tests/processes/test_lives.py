"""How processes begin and end: forks before and under load, reloads, recycling; and greenlets."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from benchmarks.servers import free_port
from tests.processes import twice
from tests.processes.serving import Answer, Site, answers, serving, threads
from tests.running import DEADLINE, ROOT, environment, eventually, module, refuse
from tests.servers.process import running
from tests.servers.rows import program

ALONE_AND_SHARED = pytest.mark.parametrize("shared", ["", "lmdb", "memcached"], indirect=True)
STALE = "/stale?cc=max-age%3D0,stale-while-revalidate%3D600"
STUCK = "/stuck?cc=max-age%3D0,stale-while-revalidate%3D600&until=validated"


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of this package as a process of its own."""
    line = [sys.executable, "-W", "error", "-m", f"tests.processes.{name}", *arguments]
    return subprocess.run(
        line, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=4 * DEADLINE
    )


# ── before the fork ──────────────────────────────────────────────────────────────────────────────


@ALONE_AND_SHARED
def test_a_warmed_cache_is_forked(shared: str, tmp_path: Path) -> None:
    """``gunicorn --preload``: what was stored before the fork every worker has, connections and
    threads each has its own, and what was under way in the parent stops nobody."""
    with serving(
        tmp_path, "--preload", *threads(3, 4), store=shared, module="tests.processes.warmed:front"
    ) as site:
        warm = site.meets(3, "/warm")
        assert all(answer.hit for answer in warm.values())
        assert {answer.made_by for answer in warm.values()} == {site.process.pid}
        # No answer for another's question on connections that all have inherited.
        targets = [f"/page/{number}" for number in range(60)]
        for turn in range(2):
            got = answers([site.send(target) for target in targets])
            assert [answer.text.split()[1] for answer in got] == [f"{t}?" for t in targets]
            assert not (shared and turn) or all(answer.hit for answer in got)
        assert "Traceback" not in site.log.read_text(), "no store failed, nobody raised"
        # The parent's validation hangs: those of its children are their own.
        assert site.asked(f"GET {STUCK}")[site.process.pid] == 2
        assert site.meets(3, STUCK)
        for target in (STALE, STUCK):
            site.open("validated")
            eventually(partial(all_workers_ask, site, target), f"not all ask {target}")


def all_workers_ask(site: Site, target: str) -> bool:
    """Whether each of three workers has a page that it, or another of them, has made since."""
    asked = set(site.asked(f"GET {target}")) - {site.process.pid}
    made = {answer.made_by for answer in site.meets(3, target).values()}
    return bool(asked) and site.process.pid not in made


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_children_forked_under_load() -> None:
    """Eight at a time, each asking what its parent's threads are at; 100 rounds in `tests.long`."""
    done = script("forking", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "16 children, none hung, none failed\n"


# ── greenlets ────────────────────────────────────────────────────────────────────────────────────


def test_two_hundred_greenlets_on_a_cold_key(tmp_path: Path) -> None:
    module("gevent")
    with serving(tmp_path, "--worker-class", "gevent", "--workers", "1") as site:
        clients = [site.send("/cold?until=answer") for _ in range(200)]
        site.until_asked(1)
        # Who waits for the flight does not keep the others from being answered.
        assert [site.ask(f"/other/{number}").status for number in range(3)] == [200] * 3
        site.open("answer")
        assert {answer.status for answer in answers(clients)} == {200}
        assert site.asked("GET /cold").total() == 1


def test_imported_before_it_is_patched() -> None:
    """Nothing that is made at import keeps greenlets from waiting for each other."""
    module("gevent")
    done = script("patched")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "200 answers, the app was asked 1 time, others went on meanwhile\n"


# ── worker after worker ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shared", ["lmdb", "memcached"], indirect=True)
def test_workers_come_and_go_under_load(shared: str, tmp_path: Path) -> None:
    """Recycled after 60 requests or so, and all of them reloaded meanwhile: no request fails, and
    no lease is left that anybody has to wait for."""
    options = [*threads(2, 4), "--max-requests", "60", "--max-requests-jitter", "20"]
    with serving(tmp_path, *options, store=shared) as site:
        with asking(site) as outcomes:
            for part in (40, 120):
                until(outcomes, part)
                site.process.send_signal(signal.SIGHUP)
        assert len({worker for worker, _ in outcomes}) > 2
        assert {status for _, status in outcomes} == {200}
        assert site.ask("/page/0").status == 200


def test_another_server_takes_over_under_load(tmp_path: Path) -> None:
    """SIGUSR2 starts a new gunicorn beside the old one, which then ends: no request fails."""
    pid = tmp_path / "pid"
    with serving(tmp_path, *threads(2, 4), "--pid", str(pid)) as site:
        before = set(site.meets(2))  # both of them; one may be started later
        with asking(site) as outcomes:
            until(outcomes, 50)
            site.process.send_signal(signal.SIGUSR2)
            eventually(lambda: {worker for worker, _ in outcomes} - before, "no other answers")
            site.process.terminate()
            site.process.wait(DEADLINE)
        assert {status for _, status in outcomes} == {200}
        assert site.ask("/page/0").worker not in before


@contextlib.contextmanager
def asking(site: Site) -> Iterator[list[tuple[int, int]]]:
    """Six clients that ask until the end of the block and 15 times more: who answered, and how."""
    outcomes: list[tuple[int, int]] = []
    enough = threading.Event()

    def ask(number: int) -> None:
        turn = left = 0
        while left < 15:
            turn, left = turn + 1, left + enough.is_set()
            answer = site.ask(f"/page/{turn % 30 if number % 2 else number}")
            outcomes.append((answer.worker, answer.status))

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for client in clients:
        client.start()
    try:
        yield outcomes
    finally:
        enough.set()
        for client in clients:
            client.join(DEADLINE)
    assert not any(client.is_alive() for client in clients)


def until(outcomes: list[tuple[int, int]], count: int) -> None:
    """Until so many requests were answered."""
    eventually(lambda: len(outcomes) >= count, f"{len(outcomes)} of {count} answers")


# ── the end ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["gthread", "gevent"])
def test_a_refresh_that_hangs_keeps_no_server_alive(kind: str, tmp_path: Path) -> None:
    """SIGTERM ends the server within its own patience and a second; the app hangs for minutes."""
    if kind == "gevent":
        module("gevent")
    assert ends_after(kind, tmp_path) < DEADLINE


def ends_after(kind: str, folder: Path, patience: int = 1) -> float:
    """Seconds from SIGTERM to the end of a server whose app hangs in a background validation."""
    options = ["--worker-class", kind, "--threads", "4", "--graceful-timeout", str(patience)]
    with serving(folder, *options) as site:
        site.open("validated")
        site.ask(STUCK)
        (folder / "validated").unlink()
        assert site.ask(STUCK).hit
        site.until_asked(2)
        began = time.monotonic()
        site.process.terminate()
        site.process.wait(2 * DEADLINE)
        return time.monotonic() - began


def test_a_server_that_runs_no_threads(tmp_path: Path) -> None:
    """uWSGI without enable-threads: the client waits instead, and gets what is new."""
    uwsgi = program("uwsgi")
    if uwsgi is None:
        refuse("uwsgi is not installed", optional=True)
    port = free_port()
    line = [uwsgi, "--http", f"127.0.0.1:{port}", "--module", "tests.processes.site:front"]
    line += ["--need-app", "--die-on-term", "--master"]
    variables = {"WSGICACHE_TEST_FOLDER": str(tmp_path)}
    with running(line, port, tmp_path / "log", variables) as process:
        site = Site(process, tmp_path)
        pages = [site.ask(STALE) for _ in range(3)]
        assert [page.fields["cache-status"].partition(";")[2][:11] for page in pages] == [
            " fwd=uri-mi",
            " fwd=stale;",
            " fwd=stale;",
        ]
        assert len({page.text for page in pages}) == 3
        assert site.asked_for(STALE).total() == 3


# ── twice in one process ─────────────────────────────────────────────────────────────────────────


def test_a_cache_imported_twice() -> None:
    """Two copies of the package in one process, as mod_wsgi may have them, know nothing of each
    other; a fork resets both."""
    done = script("twice", "copies")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "first: miss, hit; second: miss, hit; in a child: miss, hit\n"


def test_a_cache_for_each_subinterpreter() -> None:
    """Each has a cache of its own, and its background validation ends with it."""
    module(twice.MODULE)
    done = script("twice", "interpreters")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "miss, hit, refreshed\n" * 3, done.stderr


# ── the switch on a live server ──────────────────────────────────────────────────────────────────


def test_off_at_start(tmp_path: Path) -> None:
    with serving(tmp_path, *threads(2, 2), environment={"WSGICACHE": "off"}) as site:
        said = {site.ask("/page").fields["cache-status"] for _ in range(6)}
        assert said == {"wsgicache; fwd=bypass; detail=off"}
        assert site.asked("GET /page").total() == 6


@pytest.mark.parametrize("shared", ["memcached"], indirect=True)
def test_off_by_a_file_and_for_one_request(shared: str, tmp_path: Path) -> None:
    """A file switches all workers off within a second or so, and on again; what was stored is still
    there; and what one of them changed meanwhile is not."""
    with serving(tmp_path, *threads(2, 2), store=shared) as site:
        site.meets(2, "/page")
        assert all(answer.hit for answer in site.meets(2, "/page").values())
        before = site.asked("GET /page").total()
        passing = site.ask("/page", "GET", "X-Bypass: 1")
        assert passing.fields["cache-status"] == "wsgicache; fwd=bypass; detail=bypass"
        assert site.asked("GET /page").total() == before + 1
        assert all(answer.hit for answer in site.meets(2, "/page").values())

        site.open("off")
        eventually(lambda: all(is_off(a) for a in site.meets(2, "/page").values()), "still on")
        assert site.ask("/page", "POST", "Content-Length: 0").status == 200
        (tmp_path / "off").unlink()
        eventually(lambda: not any(is_off(a) for a in site.meets(2).values()), "still off")
        assert not site.ask("/page").hit
        assert all(answer.hit for answer in site.meets(2, "/page").values())


def is_off(answer: Answer) -> bool:
    return "detail=off" in answer.fields["cache-status"]
