"""Clients that stop reading at real servers, and who comes after them; also as a row of
``python -m tests.long``."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

from benchmarks.faults_stalled import (
    COMMANDS,
    LATER,
    LONGEST,
    THREADS,
    Beside,
    Crowd,
    beside,
    is_installed,
    rounds,
    serving,
    slow_readers,
)

__all__ = ["ROWS", "is_installed", "play"]

MIB = 1 << 20


def play(server: str, begins: Iterable[str], count: int, readers: int) -> list[Crowd]:
    """Have *readers* stop so often on a page that is not stored (cold) or stale; then others come.

    AssertionError where anybody else is not answered meanwhile, or wrongly.
    """
    found: list[Crowd] = []
    with serving(server, "patient", THREADS + readers - 1) as port:
        for begin in begins:
            found += rounds(port, count, readers, begin == "stale")
    assert sum(one.wrong for one in found) == 0
    return found


def check(found: Beside) -> None:
    """AssertionError where the cache holds anybody up.

    A machine that is busy holds up those without a cache as well, so it moves the bounds.
    """
    assert sum(one.wrong for one in found.cached) == 0
    slowest = max(one.seconds for one in found.cached)
    assert slowest <= max(LONGEST, 2 * max(one.seconds for one in found.bare)), slowest
    with_cache, without = (
        sorted(one.other for one in crowds) for crowds in (found.cached, found.bare)
    )
    usual = quantile(without, 0.5)
    for share in (0.5, 0.9):
        later, noise = quantile(with_cache, share) - usual, quantile(without, share) - usual
        assert later <= LATER + 2 * noise, (share, later, noise)
    assert statistics.median_low([one.asked for one in found.cached]) <= 1


def stops(count: int) -> str:
    """So often one client stops, or eight do."""
    lines: list[str] = []
    each = max(1, count // (4 * len(COMMANDS)))
    for server in COMMANDS:
        for readers in (1, 8):
            found = beside(server, "patient", each, readers)
            lines.append(f"{server}, {readers} stop: {described(found)}")
            try:
                check(found)
            except AssertionError as error:
                raise AssertionError("\n".join(lines)) from error
    return f"{2 * each} rounds of each kind, none wrong\n    " + "\n    ".join(lines)


def described(found: Beside) -> str:
    """What both took."""
    page, other = (
        f"{shown(sorted(one[place] for one in found.cached))}, "
        f"without a cache {shown(sorted(one[place] for one in found.bare))}"
        for place in (0, 1)
    )
    return f"the page {page}; another page {other}"


def shown(seconds: list[float]) -> str:
    """The middle, the 90th percentile and the most."""
    return f"{quantile(seconds, 0.5):.2f}/{quantile(seconds, 0.9):.2f}/{seconds[-1]:.2f} s"


def quantile(values: list[float], share: float) -> float:
    """The smallest of the sorted *values* that this *share* of them do not exceed."""
    return values[math.ceil(share * len(values)) - 1]


def memory(count: int) -> str:
    """So many clients stop in the middle of a page of 15 MiB."""
    bare, cached = slow_readers("gevent", count, 15 * MIB)
    assert cached <= bare + (64 + 64) * MIB, (bare, cached)
    return f"the process grew by {cached / MIB:.0f} MiB, without a cache by {bare / MIB:.0f} MiB"


ROWS = {"stalled": (stops, 1_000), "stalled-memory": (memory, 100)}
