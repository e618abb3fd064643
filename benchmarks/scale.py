"""What a request costs with much in the store, in a full store, from many threads; what a purge of
much costs; and how well a trace is served."""

from __future__ import annotations

import gc
import itertools
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from benchmarks.calls import (
    LENGTH,
    PAGE,
    Prepared,
    Scenario,
    again,
    call,
    compared,
    constant,
    environ,
    fields,
    measure,
    progress,
    ratio,
    without_collector,
)
from benchmarks.filling import path_of, room
from benchmarks.results import Claim, Figure, show
from benchmarks.zipf import traced
from wsgicache import CacheMiddleware, MemoryStore

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Shown = tuple[list[Figure], list[Claim]]

SAME, DRAWN = "wsgicache, hit of the same ten keys", "wsgicache, hit of keys drawn uniformly"
EVICTING = "wsgicache, miss with storing"
WALL = "wsgicache, threads: time per request"
PROCESSOR = "wsgicache, threads: processor time per request"
CONSTANT = ", constant app"
UNBOUNDED = 2**50


class Sizes(NamedTuple):
    """How much of everything."""

    rounds: int
    calls: int
    entries: tuple[int, ...]
    """In the stores that are asked."""
    rooms: tuple[int, ...]
    """For entries in the stores that evict."""
    threads: tuple[int, ...]
    requests: int
    """By all threads together, in each of the rounds."""
    thread_rounds: int
    purged: int
    """Entries in the group that is purged."""
    purges: int
    urls: int
    """In the trace."""
    trace: int
    """Requests of it."""


FULL = Sizes(
    rounds=101,
    calls=500,
    entries=(10, 1_000, 100_000, 1_000_000),
    rooms=(1_000, 100_000),
    threads=(1, 2, 4, 8, 16, 32),
    requests=128_000,
    thread_rounds=11,
    purged=100_000,
    purges=3,
    urls=100_000,
    trace=1_000_000,
)
QUICK = Sizes(5, 50, (10, 100, 1_000), (50, 500), (1, 4, 32), 1_600, 5, 1_000, 2, 500, 5_000)


def full_of(entries: int, max_bytes: int = UNBOUNDED) -> CacheMiddleware:
    """A cache that was asked for so many URLs."""
    cache = CacheMiddleware(constant, store=MemoryStore(max_bytes))
    with progress(entries, f"filling {entries:,}") as step:
        for number in range(entries):
            call(cache, environ(path_of(number)))
            step()
    return cache


# ── entries ───────────────────────────────────────────────────────────────────────────────────


def drawn(cache: CacheMiddleware, entries: int) -> Callable[[int], Prepared]:
    """Each request for any of the entries, all as likely."""
    generator = random.Random(entries)

    def prepare(calls: int) -> Prepared:
        return cache, [environ(path_of(generator.randrange(entries))) for _ in range(calls)]

    return prepare


def by_entries(sizes: Sizes) -> Shown:
    """Hits in stores of all sizes."""
    caches = {entries: full_of(entries) for entries in sizes.entries}
    ten = [environ(path_of(number)) for number in range(10)]
    names = {entries: f"{entries:,} entries" for entries in caches}
    cases = [Scenario(names[n], again(cache, *ten), group=SAME) for n, cache in caches.items()]
    cases += [Scenario(names[n], drawn(cache, n), group=DRAWN) for n, cache in caches.items()]
    samples = measure(cases, sizes.rounds, sizes.calls)
    most, ten_entries = max(caches), samples[SAME, names[10]]
    text = f"the same ten keys in a store of {most:,} / in a store of ten"
    claim = Claim(text, ratio(samples[SAME, names[most]], ten_entries), 1.15)
    return compared(cases, samples), [claim]


# ── eviction ──────────────────────────────────────────────────────────────────────────────────


def never_asked(cache: CacheMiddleware, first: int) -> Callable[[int], Prepared]:
    """Each request for a URL that nobody asked for before."""
    numbers = itertools.count(first)

    def prepare(calls: int) -> Prepared:
        return cache, [environ(path_of(number)) for number in itertools.islice(numbers, calls)]

    return prepare


def after_all(cache: CacheMiddleware, first: int) -> Callable[[int], Prepared]:
    """The same when all that is in the store was asked for since: no entry gives way at once."""
    prepared = never_asked(cache, first)

    def prepare(calls: int) -> Prepared:
        store = cache.store
        assert isinstance(store, MemoryStore)
        for key in store.keys(("http", "www.example.com", "/", "")):
            store.get(key)
        return prepared(calls)

    return prepare


def evictions(sizes: Sizes) -> Shown:
    """Misses with room and without."""
    with_room = never_asked(CacheMiddleware(constant, store=MemoryStore(UNBOUNDED)), 0)
    cases = [Scenario("with room", with_room, outcome="stored", group=EVICTING)]
    for entries in sizes.rooms:
        full, worst = (full_of(entries, room(entries)) for _ in range(2))
        for name, prepare, share in (
            (f"{entries:,} entries, full", never_asked(full, entries), 1),
            (f"{entries:,} entries, all asked for", after_all(worst, entries), sizes.calls),
        ):
            cases.append(Scenario(name, prepare, outcome="stored", group=EVICTING, share=share))
    samples = measure(cases, sizes.rounds, sizes.calls)
    return compared(cases, samples), []


# ── threads ───────────────────────────────────────────────────────────────────────────────────


def together(app: WSGIApplication, threads: int, requests: int) -> tuple[float, float]:
    """Microseconds per request, and those of the processor, when so many threads ask at once."""
    bases = [environ(path_of(number)) for number in range(10)] * (requests // threads // 10)
    barrier = threading.Barrier(threads + 1)

    def ask() -> None:
        barrier.wait()
        for base in bases:
            call(app, base)

    started = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in started:
        thread.start()
    barrier.wait()
    began, worked = time.perf_counter(), time.process_time()
    for thread in started:
        thread.join()
    ended, done = time.perf_counter(), time.process_time()
    count = len(bases) * threads / 1e6
    return (ended - began) / count, (done - worked) / count


def by_threads(sizes: Sizes) -> Shown:
    """Hits by threads that all ask the same cache, as fast as they can; and what the interpreter
    itself makes of so many."""
    cache, most = full_of(10), max(sizes.threads)
    cases: dict[str, tuple[WSGIApplication, int]] = {
        **{f"{threads} threads": (cache, threads) for threads in sizes.threads},
        **{f"{threads} threads{CONSTANT}": (constant, threads) for threads in (1, most)},
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    with without_collector(), progress(sizes.thread_rounds + 1, "threads") as step:
        for number in range(sizes.thread_rounds + 1):
            gc.collect()
            for name, (app, threads) in cases.items():
                took = together(app, threads, sizes.requests)
                if number:  # the first round warms up
                    taken[name].append(took)
            step()
    figures = {
        (group, name): Figure(group, name, tuple(took[place] for took in sample), "µs")
        for place, group in enumerate((WALL, PROCESSOR))
        for name, sample in taken.items()
    }
    one = figures[WALL, "1 threads"]
    group = PROCESSOR if one.high - one.low > 0.1 * one.median else WALL  # where others work, too

    def more(app: str) -> Iterable[float]:
        times = [figures[group, f"{threads} threads{app}"].values for threads in (most, 1)]
        return map(float.__truediv__, *times)

    beside = map(float.__truediv__, more(""), more(CONSTANT))
    text = f"{group}: {most} / 1, over the same of the constant app (as fast: 5 % are noise)"
    return [*figures.values()], [Claim(text, statistics.median(beside), 1.05)]


# ── purging ───────────────────────────────────────────────────────────────────────────────────


def purges(sizes: Sizes) -> Shown:
    """Purges of a group, of everything and of a path, to which all entries belong; after each, all
    are asked for again."""
    asked = 0
    lines = [*fields(LENGTH), ("Cache-Groups", '"news"')]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal asked
        asked += 1
        start_response("200 OK", [*lines])
        return [PAGE]

    cache = CacheMiddleware(app, store=MemoryStore(UNBOUNDED))
    kinds: dict[str, Callable[[], object]] = {
        "a group": lambda: cache.purge_groups("news"),
        "everything": cache.purge_all,
        "all below a path": lambda: cache.purge_prefix("http://www.example.com/articles/"),
        "one URL": lambda: cache.purge(f"http://www.example.com{path_of(0)}?page=2"),
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    stale = 0

    def ask_for_all() -> None:
        for number in range(sizes.purged):
            call(cache, environ(path_of(number)))

    ask_for_all()
    cache.purge("http://www.example.org/")  # the first one imports
    with progress(sizes.purges, "purging") as step:
        for _ in range(sizes.purges):
            for kind, purge in kinds.items():
                began = time.perf_counter()
                purge()
                taken[kind].append((time.perf_counter() - began) * 1e3)
                before = asked
                ask_for_all()
                gone = 1 if kind == "one URL" else sizes.purged
                stale += gone - (asked - before)
            step()
    group = f"wsgicache, purge of {sizes.purged:,} entries"
    figures = [Figure(group, kind, tuple(values), "ms") for kind, values in taken.items()]
    claims = [
        Claim(f"ms: {group} by a group", statistics.median(taken["a group"]), 50),
        Claim("stale answers after purges", stale, 0),
    ]
    return figures, claims


@click.command()
@click.option("--quick", is_flag=True, help="Less of everything: a first impression.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def scale(quick: bool, output: Path | None) -> None:
    """Time hits and misses with much in the store, threads, purges, and a Zipf trace."""
    sizes = QUICK if quick else FULL
    shown = [part(sizes) for part in (by_entries, evictions, by_threads, purges)]
    shown.append(traced(sizes.urls, sizes.trace))
    figures = [figure for found, _ in shown for figure in found]
    show("scale", figures, [claim for _, found in shown for claim in found], output)
