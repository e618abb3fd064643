"""The tests of a machine's store at full size, as rows of ``python -m tests.long``."""

from __future__ import annotations

import os
import random
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from math import inf
from mmap import mmap
from pathlib import Path
from typing import Any, NamedTuple

from tests.processes import machine
from tests.running import fork
from tests.scene import FakeClock, environ_for, exchange
from tests.stores.contract import content_of, fill, found
from wsgicache import CacheMiddleware, store_from_url
from wsgicache.rules.entries import emptied
from wsgicache.stores.lmdb import LMDBStore

MIB = 1 << 20
PAGES = [f"/{number}" for number in range(50)]
WORKERS = 4


def forked(do: Callable[[], object]) -> int:
    """A child that does that, and ends with 0 if it raised nothing."""
    pid = fork()
    if not pid:
        try:
            do()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def wait_for(children: list[int]) -> None:
    """Wait until *children* have ended. AssertionError if one has failed."""
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)


def opened(folder: Path, options: str = "max_bytes=64MiB") -> Any:
    """What each process has."""
    return store_from_url(f"lmdb://{folder}/cache?{options}", clock=FakeClock())


def reads(count: int) -> str:
    """Four processes read near while a fifth stores and purges."""
    with tempfile.TemporaryDirectory() as folder:
        done, purges, older = check_reads(Path(folder), count)
    assert older == 0
    return f"{done} reads and {purges} purges; none older than a purge that had returned"


def check_reads(folder: Path, count: int) -> tuple[int, int, int]:
    """So many reads in four processes: how many they were, purges meanwhile, and those too old."""
    told = memoryview(mmap(-1, 8 * (len(PAGES) + 2 * WORKERS))).cast("Q")
    least = told[: len(PAGES)]

    def read(number: int) -> None:
        store, chance = opened(folder), random.Random(number)
        for _ in range(count // WORKERS):
            page = chance.randrange(len(PAGES))
            version = least[page]
            got = content_of(store, found(store, PAGES[page]))
            told[len(PAGES) + number] += got is None or int(got) >= version
            told[len(PAGES) + WORKERS + number] += got is not None and int(got) < version

    children = [forked(partial(read, number)) for number in range(WORKERS)]
    store, clock, chance, version = opened(folder), FakeClock(), random.Random(count), 0
    left = set(children)
    while left:
        left -= {child for child in left if os.waitid(os.P_PID, child, _LOOK) is not None}
        version += 1
        pages = chance.sample(range(len(PAGES)), 3)
        how = chance.randrange(8)
        if how == 0:
            store.bump([], clock.now())
        elif how < 3:
            store.bump([f"* {chance.choice('ab')}"], clock.now())
        for page in pages:
            if how >= 3:
                store.update(("http", "example.org", PAGES[page], ""), emptied(clock.now()))
        if how < 3:
            pages = [page for page in range(len(PAGES)) if found(store, PAGES[page]) is None]
        for page in pages:
            least[page] = version
            content = b"%d" % version
            fill(store, clock, content, target=PAGES[page], cache_tag="ab"[page % 2]).commit()
    wait_for(children)
    counts = [told[len(PAGES) + number] for number in range(2 * WORKERS)]
    return sum(counts), version, sum(counts[WORKERS:])


_LOOK = os.WEXITED | os.WNOHANG | os.WNOWAIT


class Took(NamedTuple):
    """The seconds that something took, and those of them in which others had the processor."""

    wall: float
    others: float

    @property
    def own(self) -> float:
        """The seconds that it would have taken alone."""
        return self.wall - self.others


def waited(task: str = "thread-self") -> float:
    """The seconds for which that task of /proc could run, and others had the processor."""
    try:
        return int(Path(f"/proc/{task}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def timed(do: Callable[[], object]) -> Took:
    """What that takes in this thread."""
    before, began = waited(), time.perf_counter()
    do()
    return Took(time.perf_counter() - began, waited() - before)


def told(took: list[Took]) -> str:
    """The median, the 99th percentile and the maximum, in milliseconds."""
    wall = sorted(1000 * one.wall for one in took)
    own = 1000 * max(one.own for one in took)
    last = wall[-1 - len(wall) // 100]
    return (
        f"{statistics.median(wall):.1f} ms in the median, {last:.1f} ms in 99 of 100, "
        f"{wall[-1]:.1f} ms at most, and {own:.1f} ms without what others had of the processor"
    )


def killed(count: int) -> str:
    """A process is killed in the middle of its writes: the next write comes soon, no half entry.

    The same write after a process that ended by itself says what this machine does to any write.
    """
    with tempfile.TemporaryDirectory() as folder:
        took, usual = check_killed(Path(folder), count)
    assert max(one.own for one in took) <= 0.01, (told(took), told(usual))
    return (
        f"after {count} kills the next write took {told(took)}; no half entry. "
        f"After as many processes that ended by themselves: {told(usual)}"
    )


def check_killed(folder: Path, count: int) -> tuple[list[Took], list[Took]]:
    """Kill so many writers: what the write after each took, and after each that just ended."""
    clock = FakeClock()
    took: dict[bool, list[Took]] = {True: [], False: []}
    for turn in range(2 * count):
        reading, writing = os.pipe()
        kills = turn % 2 == 0
        wanted = 1 + turn % 7

        def write(
            turn: int = turn, writing: int = writing, most: float = inf if kills else wanted
        ) -> None:
            store, chance, number = opened(folder), random.Random(turn), 0
            while number < most:
                size = chance.choice((200, 5_000, 100_000))
                target = f"/{chance.randrange(40)}"
                fill(store, clock, bytes([turn % 256]) * size, target=target).commit()
                os.write(writing, b".")
                number += 1

        child = forked(write)
        os.close(writing)
        os.read(reading, wanted)
        if kills:
            time.sleep(random.Random(turn).random() / 200)
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        store = opened(folder)
        store.get(("http", "example.org", "/open", ""))  # to open it is not what is measured
        next_one = fill(store, clock, b"after", target="/after")
        took[kills].append(timed(next_one.commit))
        assert content_of(store, found(store, "/after")) == b"after"
        for number in range(40):
            got = content_of(store, found(store, f"/{number}"))
            assert got is None or (len(got) in (200, 5_000, 100_000) and len(set(got)) == 1)
    return took[True], took[False]


def bound(count: int) -> str:
    """So many URLs of mixed sizes, most of them small, in 64 MiB."""
    with tempfile.TemporaryDirectory() as folder:
        largest, kept = check_bound(Path(folder), count)
    return f"the files had {largest / MIB:.1f} MiB at most of 64 MiB; {kept} entries were kept"


def check_bound(folder: Path, count: int) -> tuple[int, int]:
    """Store so many URLs: the most bytes that the files had on the disk, and entries at the end."""
    limit, largest = 64 * MIB, 0
    store = LMDBStore(folder / "cache", max_bytes=limit, clock=FakeClock())
    chance, clock = random.Random(1), FakeClock()
    pool = chance.randbytes(MIB)
    for number in range(count):
        size = int(chance.paretovariate(1.1) * 300)
        fill(store, clock, pool[: min(size, 900_000)], target=f"/{number}").commit()
        if number % 1_000 == 0:
            files = [path.stat().st_blocks * 512 for path in (folder / "cache").iterdir()]
            largest = max(largest, sum(files))
    assert largest <= 1.1 * limit, largest
    (told,) = store.stats().values()
    return largest, int(str(told["records"]))


def memory(count: int) -> str:
    """Four workers that each ask for so many pages of 4 KiB, with 16 MiB of memory in front."""
    with tempfile.TemporaryDirectory() as folder:
        grown = check_memory(Path(folder), count)
    assert sum(grown) <= (WORKERS * 16 + 64) * MIB, grown
    return (
        f"{WORKERS} workers grew by {sum(grown) / MIB:.0f} MiB together, beside what they share, "
        f"for {WORKERS} times 16 MiB"
    )


def check_memory(folder: Path, count: int) -> list[int]:
    """Bytes that belong to each of four workers alone and have come by its requests."""
    told = memoryview(mmap(-1, 8 * WORKERS)).cast("Q")

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=600")])
        return [environ["PATH_INFO"].encode().ljust(4096, b".")]

    def work(number: int) -> None:
        store = opened(folder, "max_bytes=256MiB&near=16MiB")
        cache, before = CacheMiddleware(app, store=store, clock=FakeClock()), own_bytes()
        for turn in range(count):
            exchange(cache, environ_for("GET", f"/{turn * (number + 1) % count}"))
        told[number] = max(0, own_bytes() - before)

    wait_for([forked(partial(work, number)) for number in range(WORKERS)])
    return list(told)


def own_bytes() -> int:
    """Bytes of memory of this process that no file has."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the system does not tell")


def missed(count: int) -> str:
    """A process is killed while its app works: how long another waits for its page."""
    with tempfile.TemporaryDirectory() as folder:
        took = check_missed(Path(folder), count)
    assert max(one.own for one in took) <= 0.3, told(took)
    return f"who waited for a process that was killed went on after {told(took)}"


def check_missed(folder: Path, count: int) -> list[Took]:
    """Kill so many leaders: how long after its end one who waits has asked the app itself."""
    clock, took = FakeClock(), []
    for turn in range(count):
        leads, waits = os.pipe(), os.pipe()

        def lead(turn: int = turn, end: int = leads[1]) -> None:
            def hangs(environ: Any, start_response: Any) -> Any:
                os.write(end, b".")
                signal.pause()

            ask(hangs, turn)

        def wait(turn: int = turn, end: int = waits[1]) -> None:
            def app(environ: Any, start_response: Any) -> list[bytes]:
                os.write(end, b".")
                start_response("200 OK", [("Cache-Control", "max-age=60")])
                return [b"page"]

            ask(app, turn)

        def ask(app: Any, turn: int) -> None:
            cache = CacheMiddleware(app, store=opened(folder), clock=clock)
            exchange(cache, environ_for("GET", f"/{turn}"))

        leader = forked(lead)
        os.read(leads[0], 1)
        waiter = forked(wait)
        time.sleep(0.3)  # until it waits
        os.kill(leader, signal.SIGKILL)
        os.waitid(os.P_PID, leader, os.WEXITED | os.WNOWAIT)
        before = waited(f"{waiter}/task/{waiter}")
        here = timed(partial(os.read, waits[0], 1))
        others = waited(f"{waiter}/task/{waiter}") - before
        took.append(Took(here.wall, here.others + others))
        os.waitpid(leader, 0)
        wait_for([waiter])
        for end in (*leads, *waits):
            os.close(end)
    return took


def served(name: str) -> Callable[[int], str]:
    """So many POSTs to the workers of a server, each followed by a GET from every one."""

    def row(count: int) -> str:
        with tempfile.TemporaryDirectory() as folder:
            played = machine.play(name, Path(folder), count)
        assert played.stale == played.made_again == 0, played
        assert played.hits == played.asked, played
        assert not played.began_with[False], played
        return (
            f"{count} changes, {played.asked} pages after them, none stale; {played.cold} cold "
            "pages made once each; a restart began with hits"
        )

    return row


ROWS: dict[str, tuple[Callable[[int], str], int]] = (
    {
        "lmdb-reads": (reads, 1_000_000),
        "lmdb-killed": (killed, 1_000),
        "lmdb-missed": (missed, 50),
        "lmdb-bound": (bound, 1_000_000),
        "lmdb-memory": (memory, 20_000),
        "lmdb-gunicorn": (served("gunicorn"), 10_000),
        "lmdb-granian": (served("granian"), 10_000),
        "lmdb-uwsgi": (served("uwsgi"), 10_000),
    }
    if hasattr(os, "fork")
    else {}
)
