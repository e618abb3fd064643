"""``python -m tests.processes.forking ROUNDS``: forks eight children each time while threads ask a
cache for pages that are hits, misses, waited for, and validated in the background."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from tests.rig.gates import together
from tests.running import fork
from tests.scene import environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.stores import Store, store_from_url
from wsgicache.stores.tiered import TieredStore

CHILDREN = 8
THREADS = 6
LONGEST = 60
"""Seconds after which a child is taken to hang."""


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A page that says its own target, after a moment in which others wait."""
    time.sleep(0.002)
    path = environ["PATH_INFO"]
    says = "max-age=0, stale-while-revalidate=600" if "stale" in path else "max-age=600"
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else path.encode()
    start_response("200 OK", [("Cache-Control", says), ("Content-Type", "text/plain")])
    return [body]


def ask(cache: CacheMiddleware, target: str) -> None:
    """One request; AssertionError for another's page."""
    got = exchange(cache, environ_for("GET", target))
    assert got.text == target, got


def rounds(count: int, store: Store) -> int:
    """Fork so often; the number of children that hung or failed."""
    cache = CacheMiddleware(app, store=store)
    stop = threading.Event()
    broken: list[BaseException] = []

    def load(number: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            try:
                for target in (f"/stale/{turn % 3}", "/hot", f"/cold/{turn}", f"/{number}/{turn}"):
                    ask(cache, target)
            except BaseException as error:
                broken.append(error)
                return

    workers = [threading.Thread(target=load, args=(number,)) for number in range(THREADS)]
    for worker in workers:
        worker.start()
    bad = 0
    try:
        for turn in range(count):
            children = [child(cache, turn) for _ in range(CHILDREN)]
            bad += sum(os.waitpid(pid, 0)[1] != 0 for pid in children)
    finally:
        stop.set()
        for worker in workers:
            worker.join(LONGEST)
    if broken:
        raise broken[0]
    return bad


def child(cache: CacheMiddleware, turn: int) -> int:
    """A child that asks for what its parent's threads are at, and for pages of its own, waits for a
    validation in the background, and ends."""
    pid = fork()
    if pid:
        return pid
    code = 1
    try:
        signal.alarm(LONGEST)  # ends it where it hangs
        for number in range(10):
            for target in (f"/stale/{number % 3}", "/hot", f"/cold/{number}", f"/{os.getpid()}"):
                ask(cache, target)
        together(4, lambda number: ask(cache, f"/c/{turn}"))
        while len(cache._flights):  # of validations in the background
            time.sleep(0.01)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> int:
    """Over a memory, or what WSGICACHE_TEST_STORE names, with a memory before it."""
    count, named = int(sys.argv[1]), os.environ.get("WSGICACHE_TEST_STORE")
    far: Any = store_from_url(named) if named else None
    if far is not None and not isinstance(far, TieredStore):
        far = TieredStore(MemoryStore(), far)
    bad = rounds(count, far or MemoryStore())
    told = "none hung, none failed" if not bad else f"{bad} hung or failed"
    print(f"{count * CHILDREN} children, {told}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
