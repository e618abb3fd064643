"""Workers that count together, and an access log that knows better: a program, and its play.

``python -m tests.observe.counted FOLDER THREADS EACH`` is a worker: each of its threads sends so
many requests, and it prints what their answers said. Without an end (EACH is 0) it writes a log of
totals, until somebody kills it.
"""

from __future__ import annotations

import gc
import itertools
import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType, MethodType, ModuleType
from typing import Any

from tests.running import ROOT, environment, eventually
from tests.scene import Environ, Exchange, environ_for
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.observe.counting import MOST_ROWS, Counting
from wsgicache.observe.files import parts_in
from wsgicache.observe.rows import MOST_ROUTES
from wsgicache.observe.stats import Holding, Requests, Stats
from wsgicache.observe.summing import summed
from wsgicache.observe.watching import Watching

TTL = re.compile("; ttl=-?[0-9]+")
PAGE = b"0123456789"
Row = tuple[str, str | None, str | None, str]


def row_of(got: Exchange) -> Row:
    """The row of an answer, as its Cache-Status says."""
    said, status = got.verdict, f"{got.status[0]}xx"
    forward, detail = said.get("fwd"), said.get("detail")
    if said.get("hit") or said.get("collapsed"):
        return "hit", forward, None, status
    if forward in ("bypass", "method"):
        return "bypass", forward, detail, status
    if said.get("stored"):
        return "stored", forward, None, status
    asked = forward == "request" and detail in ("no-cache", "max-age", "min-fresh")
    asked = asked or (detail is not None and detail.startswith("vary-"))
    if said.get("fwd-status") == 304 and (detail is None or asked):
        return "validated", forward, None, status
    return "refused", forward, detail, status


def rows_of(requests: tuple[Requests, ...]) -> Counter[Row]:
    """The rows of all requests, whatever their routes."""
    found: Counter[Row] = Counter()
    for row in requests:
        found[row.outcome, row.forward, row.detail, row.status] += row.count
    return found


def app(environ: Environ, start_response: Any) -> list[bytes]:
    """Pages for a minute, and some that nobody may keep."""
    never = environ["PATH_INFO"].startswith("/never")
    fields = [("Content-Type", "text/plain"), ("Content-Length", "10"), ("ETag", '"v1"')]
    fields.append(("Cache-Control", "no-store" if never else "max-age=60"))
    start_response("200 OK", fields)
    return [PAGE]


KINDS: list[Environ] = [
    environ_for(headers=headers, method=method)
    for method, headers in (
        *[("GET", [])] * 9,
        ("HEAD", []),
        ("GET", [("If-None-Match", '"v1"')]),
        ("GET", [("Range", "bytes=2-4")]),
        ("GET", [("Cache-Control", "no-cache")]),
        ("POST", []),
    )
]


def worker(folder: str, threads: int, each: int) -> None:
    """Send the requests, and print what came of them."""
    cache = CacheMiddleware(app, store=MemoryStore(40_000), counters=folder)
    said: list[Counter[tuple[str, str]]] = [Counter() for _ in range(threads)]
    total = itertools.count(1)

    def ask(number: int) -> None:
        mine = said[number]

        def start(status: str, fields: Any, exc_info: Any = None) -> Any:
            told = next((value for name, value in fields if name == "Cache-Status"), "")
            mine[status, TTL.sub("", told)] += 1
            return lambda data: None

        for turn in range(each) if each else itertools.count():
            place = (turn * (number + 3)) % 97
            path = f"/never/{place}" if place < 9 else f"/{place % 5}/{place}"
            for _ in cache({**KINDS[turn % len(KINDS)], "PATH_INFO": path}, start):
                pass
            if not each and (reached := next(total)) % 100 == 0:
                sys.stdout.write(f"{reached}\n")
                sys.stdout.flush()

    workers = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    print(json.dumps([[*what, count] for one in said for what, count in one.items()]))


def play(workers: int, threads: int, each: int) -> str:
    """Run *workers* and one that is killed; compare what they counted with what they answered."""
    with TemporaryDirectory() as place:
        folder = f"{place}/counters"
        line = [sys.executable, "-m", __name__, folder, str(threads)]

        def started(count: int, output: Any) -> subprocess.Popen[str]:
            return subprocess.Popen(
                [*line, str(count)], cwd=ROOT, env=environment(), stdout=output, text=True
            )

        with open(f"{place}/log", "w+", encoding="ascii") as log:
            killed = started(0, log)
            others = [started(each, subprocess.PIPE) for _ in range(workers)]
            answers = [one.communicate(timeout=3600)[0] for one in others]
            told: Counter[Row] = Counter()
            for status, said, count in [one for text in answers for one in json.loads(text)]:
                got = Exchange()
                got.status, got.headers = status, [("Cache-Status", said)]
                told[row_of(got)] += count
            complaints: list[str] = []

            def counted() -> tuple[int, Stats]:
                """How many processes are alive, and what all of them have counted."""
                parts, alive = parts_in(folder, lambda kind, message: complaints.append(message))
                return alive, summed(parts, Holding(), alive)

            def logged() -> int:
                """How many requests the log of the worker that is killed tells of."""
                return int(Path(log.name).read_text("ascii").rpartition("\n")[0].split()[-1])

            eventually(lambda: Path(log.name).stat().st_size > 500, "its log is short")
            least = logged()
            eventually(lambda: counted()[1].count - told.total() >= least, "others see too little")
            killed.kill()
            killed.wait()
            alive, stats = counted()
            assert (alive, complaints) == (0, []), (alive, complaints)
            by_killed, most = stats.count - told.total(), logged() + 100 * threads
            assert 0 < least <= by_killed <= most, (least, by_killed, most)
        assert told.total() == workers * threads * each
        lacking = told - rows_of(stats.requests)
        assert not lacking, lacking
        return f"{told.total()} requests, each counted; {by_killed} of a worker that was killed"


def row(count: int) -> str:
    """So many requests of each of 8 threads in 4 workers."""
    return play(4, 8, count)


MOST_BYTES = 2 << 20
"""Most memory that the counters of a process may take."""
_OTHERS = (ModuleType, type, FunctionType, MethodType, partial, Watching)


def weight(counting: Counting) -> int:
    """The bytes of all that *counting* refers to, but for what it was given."""
    seen: dict[int, object] = {}
    found: list[object] = [vars(counting)]
    while found:
        one = found.pop()
        if id(one) in seen or isinstance(one, _OTHERS) or one is counting._clock:
            continue
        seen[id(one)] = one
        found += gc.get_referents(one)
    return sum(map(sys.getsizeof, seen.values()))


def distinct(count: int) -> str:
    """So many URLs, each with a first segment of its own: rows, routes and memory have limits."""
    cache, most = CacheMiddleware(app, store=MemoryStore(100_000)), 0
    asked = environ_for()

    def start(status: str, fields: Any, exc_info: Any = None) -> Any:
        return lambda data: None

    for number in range(count):
        heads = "/never/" if number % 3 else "/"
        for _ in cache({**asked, "PATH_INFO": f"{heads}{number}/{number:0300}"}, start):
            pass
        for _ in cache({**asked, "PATH_INFO": f"/{number}"}, start):
            pass
        if number % (count // 10) == 0:
            most = max(most, weight(cache._counting))
    stats = cache.stats()
    routes = {one.route for one in stats.requests}
    assert stats.count == 2 * count, (stats.count, count)
    assert len(routes) <= MOST_ROUTES + 1, len(routes)
    assert len(stats.requests) <= MOST_ROWS + 100, len(stats.requests)
    assert len(stats.asked) <= 100, len(stats.asked)
    most = max(most, weight(cache._counting))
    assert most < MOST_BYTES, most
    return f"{len(routes)} routes, {len(stats.requests)} rows, {most} bytes at most"


ROWS: dict[str, tuple[Callable[[int], str], int]] = {
    "counters": (row, 100_000),
    "labels": (distinct, 1_000_000),
}

if __name__ == "__main__":
    worker(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
