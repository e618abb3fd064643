"""The threads that work in the background, and programs that have none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.origin.test_background import SWR, Stage
from tests.rig.app import Turn, page
from tests.rig.gates import Gate, interrupting, together
from tests.running import DEADLINE, environment, eventually, fork
from tests.scene import Environ, Scene, environ_for
from wsgicache import Policy
from wsgicache.origin import background
from wsgicache.origin.background import Background, Job, Threads
from wsgicache.rules.keys import target_key

# ── where there are no threads ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("change", [{"wsgi.multithread": False}, {"wsgi.run_once": True}], ids=str)
def test_without_threads_the_client_waits(change: dict[str, Any], scene: Scene) -> None:
    before = threading.active_count()
    scene.app(200, "old", cache_control=SWR)
    scene.get()
    scene.after(11)
    scene.app(200, "new", cache_control=SWR)
    got = scene.get(environ=change)
    assert (got.text, got.fwd) == ("new", "stale")
    assert threading.active_count() == before


def test_without_threads_only_if_cached_asks_nobody(scene: Scene) -> None:
    """§5.2.1.7: neither in front of the client."""
    scene.app(200, "old", cache_control=SWR)
    scene.get()
    scene.after(11)
    got = scene.get(cache_control="only-if-cached", environ={"wsgi.multithread": False})
    assert (got.code, scene.count) == (504, 1)


def test_refreshing_ahead_is_left_then(make_scene: Callable[..., Scene]) -> None:
    """What is fresh is served; nobody is made to wait for a refresh that he has no need of."""
    scene = make_scene(Policy(refresh_ahead=20))
    scene.app(200, "page", cache_control="max-age=60")
    scene.get()
    scene.after(50)
    assert scene.get(environ={"wsgi.multithread": False}).hit
    assert scene.count == 1


# ── the threads of their own ─────────────────────────────────────────────────────────────────────


def job_of(work: Callable[[], object]) -> Job:
    from wsgicache.rules.request import Request

    environ = environ_for()
    key = target_key(environ)
    assert key is not None

    def run(environ: Environ) -> None:
        work()

    request = Request()
    request.environ, request.method, request.key = environ, "GET", key
    return Job(request, environ, run)


def test_threads_are_few_and_go_again() -> None:
    threads, gate = Threads(workers=2, waiting=5), Gate()
    for _ in range(2):
        threads(job_of(gate))
    gate.until(2)
    for _ in range(5):
        threads(job_of(gate))
    with pytest.raises(RuntimeError, match="5 background validations are waiting"):
        threads(job_of(gate))
    assert gate.came == 2
    gate.open()
    gate.until(7)
    eventually(lambda: not threads._workers, "threads stay though there is nothing to do")


def test_more_than_the_queue_holds_is_done_by_who_asks() -> None:
    stage, gate = Stage(runner=Threads(workers=1, waiting=2)), Gate()
    stage.app.plays(page(b"old", SWR))
    for number in range(5):
        stage.get(f"/{number}")
    stage.clock.advance(11)
    stage.app.script = lambda environ, place: (
        Turn(before=gate, reply=page(b"new"))
        if threading.current_thread().name == "wsgicache-validation"
        else Turn(reply=page(b"here"))
    )
    assert stage.get("/0").body == b"old"
    gate.until(1)
    assert [stage.get(f"/{n}").body for n in range(1, 5)] == [b"old", b"old", b"here", b"here"]
    gate.open()
    eventually(lambda: not stage.cache._background._given, "jobs stay")
    assert [stage.get(f"/{n}").body for n in range(5)] == [b"new"] * 3 + [b"here"] * 2


def test_an_app_that_exits_ends_no_thread_for_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    threads, ran = Threads(workers=1), Gate()
    ran.open()

    def leave() -> None:
        ran()
        raise SystemExit

    for number in range(1, 6):
        threads(job_of(leave))
        ran.until(number)
    eventually(lambda: not threads._workers, "a thread that is not there is waited for")
    assert caplog.text.count("a background validation raised SystemExit") == 5
    assert all(record.exc_info for record in caplog.records)


def test_no_more_threads_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads()
    stage = Stage(runner=threads)
    stage.stale(page(b"new"))

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert stage.get().body == b"new"
    assert not threads._jobs
    assert not threads._workers


def test_no_more_threads_while_one_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on with what waits."""
    threads, gate, done = Threads(), Gate(), []
    assert threads in background._runners
    threads(job_of(gate))
    gate.until(1)
    (worker,) = threads._workers
    assert worker.daemon

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    threads(job_of(lambda: done.append("second")))
    gate.open()
    worker.join(DEADLINE)
    assert done == ["second"]


def test_what_is_stopped_ends_what_it_is_at_and_no_more() -> None:
    threads, gate, done = Threads(workers=1), Gate(), []

    def first() -> None:
        gate()
        done.append("first")

    threads(job_of(first))
    threads(job_of(lambda: done.append("second")))
    gate.until(1)

    def stop(seconds: float) -> threading.Thread:
        stopping = threading.Thread(target=threads.stop, args=(time.monotonic() + seconds,))
        stopping.start()
        return stopping

    at_once, later = stop(-1.0), stop(DEADLINE)
    at_once.join(DEADLINE)
    assert not at_once.is_alive()
    later.join(0.05)
    assert later.is_alive()
    gate.open()
    later.join(DEADLINE)
    assert (later.is_alive(), done) == (False, ["first"])


def test_at_exit_each_runner_has_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: Any = Threads()
    deadlines: list[float] = []
    runners = [SimpleNamespace(patience=one, stop=deadlines.append) for one in (2.0, 3.0)]
    monkeypatch.setattr(background, "_runners", runners)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    background._at_exit()
    assert deadlines == [102.0, 103.0]
    waits: list[float] = []
    threads._workers = [SimpleNamespace(join=waits.append)]
    for deadline in (99.0, 102.0):
        threads.stop(deadline)
    assert waits == [0.0, 2.0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_begins_with_threads_of_its_own() -> None:
    """What the parent was at is not waited for in the child."""
    stage, gate = Stage(runner=Threads(workers=1)), Gate()
    stage.stale(Turn(before=gate, reply=page(b"of the parent")))
    stage.get()
    gate.until(1)
    child = fork()
    if not child:
        code = 1
        try:
            assert len(stage.cache._flights) == 0
            stage.app.script = lambda environ, place: Turn(reply=page(b"of the child"))
            assert stage.get().body == b"old"
            eventually(lambda: stage.get().body == b"of the child", "the child does not refresh")
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    gate.open()
    assert os.waitstatus_to_exitcode(status) == 0
    eventually(lambda: stage.get().body == b"of the parent", "the parent does not refresh")


STUCK = """
import signal, sys, threading, time
from tests.rig.app import App, Turn, page
from tests.scene import FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a shell's background job
stuck = threading.Semaphore(0)
for number in range(3):
    app, clock = App(page(cache_control="max-age=1, stale-while-revalidate=60")), FakeClock()
    cache = CacheMiddleware(app, clock=clock)
    exchange(cache, environ_for())
    clock.advance(2)
    app.plays(Turn(before=lambda: (stuck.release(), time.sleep(3600))))
    assert exchange(cache, environ_for()).hit
    stuck.acquire()
print("stuck", flush=True)
if "wait" in sys.argv:
    time.sleep(3600)
"""


@pytest.mark.parametrize("how", ["end", "wait"])
def test_a_stuck_refresh_keeps_no_process_alive(how: str) -> None:
    """Three caches, each with a refresh that hangs for an hour."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, how],
        cwd=Path(__file__).parents[2],
        env=environment(),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"stuck\n"
        if how == "wait":
            process.send_signal(signal.SIGINT)
        process.wait(DEADLINE)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# ── sixty threads at once ────────────────────────────────────────────────────────────────────────


def test_start_and_end_in_any_order() -> None:
    """The table of jobs is empty again, and no hit was ever lost to it."""
    stage = Stage(Policy(refresh_ahead=5), runner=Threads(workers=4, waiting=8))
    stage.app.script = lambda environ, place: Turn(reply=page(cache_control=SWR))

    def client() -> None:
        for n in range(100):
            stage.get(f"/{n % 20}")

    def ticking() -> None:
        for _ in range(200):
            stage.clock.advance(1)
            time.sleep(0)

    with interrupting():
        together(9, lambda number: client() if number else ticking())
    runner = stage.cache._background._runner
    assert isinstance(runner, Threads)
    eventually(lambda: not runner._workers, "threads stay")
    assert isinstance(stage.cache._background, Background)
    stage.clock.advance(100)
    assert all(one.until <= stage.clock.now() for one in stage.cache._background._given.values())
    assert len(stage.cache._flights) == 0
    stage.app.check_closed()
