"""Clients that stop reading at real servers, and who comes after them; also as a row of
``python -m tests.long``."""

from __future__ import annotations

import math
from collections.abc import Iterable

from benchmarks.faults_stalled import (
    COMMANDS,
    THREADS,
    Crowd,
    is_installed,
    rounds,
    serving,
    slow_readers,
)

__all__ = ["ROWS", "is_installed", "play"]

MIB = 1 << 20


def play(server: str, begins: Iterable[str], count: int, readers: int) -> list[Crowd]:
    """Have *readers* stop so often on a page that is not stored (cold) or stale; then others come.

    AssertionError where anybody else is not answered meanwhile, or wrongly, or has the app asked
    for himself.
    """
    found: list[Crowd] = []
    with serving(server, "patient", THREADS + readers - 1) as port:
        for begin in begins:
            found += rounds(port, count, readers, begin == "stale")
    assert sum(one.wrong for one in found) == 0
    assert max(one.asked for one in found) <= 2
    return found


def stops(count: int) -> str:
    """So often one client stops, or eight do."""
    found: list[Crowd] = []
    each = max(1, count // (4 * len(COMMANDS)))
    for server in COMMANDS:
        for readers in (1, 8):
            found += play(server, ("cold", "stale"), each, readers)
    took, other = sorted(one.seconds for one in found), sorted(one.other for one in found)
    return (
        f"{len(found)} rounds, none wrong; the others of the page took {shown(took)}, "
        f"another page {shown(other)}"
    )


def shown(seconds: list[float]) -> str:
    """The middle, the 99th percentile and the most."""
    late = seconds[math.ceil(0.99 * len(seconds)) - 1]
    return f"{seconds[len(seconds) // 2]:.2f} s, {late:.2f} s, at most {seconds[-1]:.2f} s"


def memory(count: int) -> str:
    """So many clients stop in the middle of a page of 15 MiB."""
    bare, cached = slow_readers("gevent", count, 15 * MIB)
    assert cached <= bare + (64 + 64) * MIB, (bare, cached)
    return f"the process grew by {cached / MIB:.0f} MiB, without a cache by {bare / MIB:.0f} MiB"


ROWS = {"stalled": (stops, 1_000), "stalled-memory": (memory, 100)}
