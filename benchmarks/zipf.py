"""A trace in which few URLs are asked for often and many seldom: how often the memory store has the
answer, beside other ways of evicting, and what the trace costs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.calls import constant, environ, progress, timed
from benchmarks.filling import path_of, room
from benchmarks.policies import POLICIES, optimum
from benchmarks.results import Claim, Figure
from wsgicache import CacheMiddleware, MemoryStore

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

ROOMS = (0.01, 0.05, 0.2)
"""The three budgets, as parts of the URLs."""
OURS, OPTIMUM = "wsgicache", "Belady's optimum"
_BATCH = 10_000


def drawn(urls: int, requests: int) -> list[int]:
    """So many requests for so many URLs: for the n-th of them 1/n as many as for the first."""
    generator = random.Random(f"{urls} {requests}")
    weights = list(accumulate(1 / (rank + 1) for rank in range(urls)))
    numbers = list(range(urls))
    generator.shuffle(numbers)
    return generator.choices(numbers, cum_weights=weights, k=requests)


class Replay(NamedTuple):
    """What came of asking a cache for a trace."""

    hits: int
    microseconds: tuple[float, ...]
    """Processor time per request, of one stretch of the trace after another, with what the garbage
    collector takes."""


def replayed(trace: Sequence[int], entries: int) -> Replay:
    """Ask a cache whose memory has room for so many pages."""
    asked = 0

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal asked
        asked += 1
        return constant(environ, start_response)

    cache = CacheMiddleware(app, store=MemoryStore(room(entries)))
    times = []
    for start in range(0, len(trace), _BATCH):
        bases = [environ(path_of(number)) for number in trace[start : start + _BATCH]]
        times.append(timed(cache, bases) * 1e6)
    return Replay(len(trace) - asked, tuple(times))


def traced(urls: int, requests: int) -> tuple[list[Figure], list[Claim]]:
    """Hit ratios and costs at all budgets."""
    ratios: list[Figure] = []
    costs: list[Figure] = []
    claims: list[Claim] = []
    trace = drawn(urls, requests)
    with progress(len(ROOMS), "Zipf") as step:
        for part in ROOMS:
            entries = int(urls * part)
            replay, best = replayed(trace, entries), optimum(trace, entries)
            hits = {OURS: replay.hits}
            hits |= {name: policy(trace, entries) for name, policy in POLICIES.items()}
            group = f"Zipf, hits with room for {entries:,} of {urls:,}"
            for name, found in {**hits, OPTIMUM: best}.items():
                misses = (requests - found) / (requests - best)
                note = f"asks the application {misses:.2f} times as often as the optimum"
                ratios.append(Figure(group, name, (found / requests * 100,), "%", note))
            name = f"room for {entries:,}"
            costs.append(
                Figure("wsgicache, Zipf trace: per request", name, replay.microseconds, "µs")
            )
            below = max(hits.values()) - hits[OURS]
            text = f"{group}: points below the best of {', '.join(POLICIES)}"
            claims.append(Claim(text, below / requests * 100, 3))
            step()
    return [*ratios, *costs], claims
