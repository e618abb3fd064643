"""The tests of processes at full size, as rows of ``python -m tests.long``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.processes import soak
from tests.processes.own_writes import play
from tests.processes.test_lives import ends_after
from tests.running import ROOT, environment
from tests.stores.servers import PLENTY, Server


def forks(store: str) -> Callable[[int], str]:
    """So often eight children are forked under load, over a memory, memcached or LMDB."""

    def row(count: int) -> str:
        line = [sys.executable, "-m", "tests.processes.forking", str(count)]
        server, named = Server("memcached"), {}
        folder = tempfile.TemporaryDirectory()
        if store == "lmdb":
            named = {"WSGICACHE_TEST_STORE": f"lmdb://{folder.name}/cache?max_bytes=64MiB"}
        elif store == "memcached":
            server.start()
            named = {"WSGICACHE_TEST_STORE": f"memcached://{server.address}/forks?timeout={PLENTY}"}
        try:
            done = subprocess.run(
                line, cwd=ROOT, env=environment(**named), capture_output=True, text=True
            )
        finally:
            server.kill()
            folder.cleanup()
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    return row


def terminated(count: int) -> str:
    """So often a server that has to end while a background validation hangs."""
    patience, took = 1, []
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            kind = ("gthread", "gevent")[number % 2]
            took.append(ends_after(kind, Path(folder), patience))
    assert max(took) <= patience + 1, took
    return f"ended {max(took):.2f} s after SIGTERM at most, with a patience of {patience} s"


def own_writes(program: str) -> Callable[[int], str]:
    """So often each of two clients writes to one of two processes, and reads from both."""

    def row(count: int) -> str:
        server = Server(program)
        server.start()
        path = "/own?" if program == "memcached" else "/0?namespace=own&"
        scheme = program.removesuffix("-server")
        try:
            with tempfile.TemporaryDirectory() as folder:
                store = f"{scheme}://{server.address}{path}timeout={PLENTY}"
                played = play(store, Path(folder), count)
        finally:
            server.kill()
        assert not played.stale, played
        assert played.hits >= played.asked / 2, played
        return f"{played.asked} pages, {played.hits} hits, none older than the last write"

    return row


ROWS: dict[str, tuple[Callable[[int], str], int]] = {
    **soak.ROWS,
    **(
        {
            "forks": (forks(""), 100),
            "forks-memcached": (forks("memcached"), 100),
            "forks-lmdb": (forks("lmdb"), 100),
        }
        if hasattr(os, "fork")
        else {}
    ),
    "terminated": (terminated, 20),
    "own-writes-memcached": (own_writes("memcached"), 5_000),
    "own-writes-redis": (own_writes("redis-server"), 5_000),
}
