"""What others would have kept: small simulations of eviction, for entries that all are as large.

Each takes a trace, the numbers of what was asked for in turn, and how many entries there is room
for; it returns how often what was asked for was there.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

Trace = Sequence[int]


def lru(trace: Trace, room: int) -> int:
    """Evict what was asked for longest ago."""
    kept: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for one in trace:
        if one in kept:
            hits += 1
            kept.move_to_end(one)
            continue
        if len(kept) >= room:
            kept.popitem(last=False)
        kept[one] = None
    return hits


def sieve(trace: Trace, room: int) -> int:
    """A hand moves from the oldest to the newest and takes what was not asked for since it passed
    (Zhang et al., NSDI 2024)."""
    visited: dict[int, bool] = {}
    newer: dict[int, int | None] = {}
    older: dict[int, int | None] = {}
    oldest: int | None = None
    newest: int | None = None
    hand: int | None = None
    hits = 0
    for one in trace:
        if one in visited:
            hits += 1
            visited[one] = True
            continue
        if len(visited) >= room:
            while True:
                if hand is None:
                    hand = oldest
                assert hand is not None
                if not visited[hand]:
                    break
                visited[hand] = False
                hand = newer[hand]
            gone, hand = hand, newer[hand]
            before, after = older.pop(gone), newer.pop(gone)
            del visited[gone]
            if before is None:
                oldest = after
            else:
                newer[before] = after
            if after is None:
                newest = before
            else:
                older[after] = before
        visited[one], older[one], newer[one] = False, newest, None
        if newest is None:
            oldest = one
        else:
            newer[newest] = one
        newest = one
    return hits


def s3_fifo(trace: Trace, room: int) -> int:
    """Three queues: a tenth for what is new, the main one, and the names of what left the first
    (Yang et al., SOSP 2023)."""
    tenth = max(room // 10, 1)
    small: deque[int] = deque()
    main: deque[int] = deque()
    ghost: OrderedDict[int, None] = OrderedDict()
    asked: dict[int, int] = {}
    hits = 0

    def evict_from_main() -> None:
        while True:
            one = main.popleft()
            if asked[one] == 0:
                del asked[one]
                return
            asked[one] -= 1
            main.append(one)

    def evict_from_small() -> None:
        one = small.popleft()
        if asked[one] > 1:
            asked[one] = 0
            main.append(one)
            return
        del asked[one]
        ghost[one] = None
        if len(ghost) > room - tenth:
            ghost.popitem(last=False)

    for one in trace:
        if one in asked:
            hits += 1
            asked[one] = min(asked[one] + 1, 3)
            continue
        while len(asked) >= room:
            if len(small) >= tenth or not main:
                evict_from_small()
            else:
                evict_from_main()
        asked[one] = 0
        if one in ghost:
            del ghost[one]
            main.append(one)
        else:
            small.append(one)
    return hits


def optimum(trace: Trace, room: int) -> int:
    """Keep what will be asked for soonest, which nobody knows (Belady 1966)."""
    never = len(trace)
    following = [never] * len(trace)
    last: dict[int, int] = {}
    for place in range(len(trace) - 1, -1, -1):
        following[place] = last.get(trace[place], never)
        last[trace[place]] = place
    kept: dict[int, int] = {}
    farthest: list[tuple[int, int]] = []
    hits = 0
    for place, one in enumerate(trace):
        hits += one in kept
        kept[one] = following[place]
        heappush(farthest, (-following[place], one))
        while len(kept) > room:
            when, other = heappop(farthest)
            if kept.get(other) == -when:
                del kept[other]
    return hits


POLICIES: dict[str, Callable[[Trace, int], int]] = {
    "LRU": lru,
    "SIEVE": sieve,
    "S3-FIFO": s3_fifo,
}
