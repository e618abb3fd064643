"""The state machine's games over stores that fail: there are more misses then, what was to be
replaced may stay, and that is all (security 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.games.long_games import Game, drawn, played
from tests.games.model import Answer, Ask, Record, Rules
from tests.games.test_state_machine import POLICIES, World, behaviours, wishes
from tests.observe.counted import row_of
from tests.rig.proxy import Proxy
from tests.rig.stores import Faulty, server_store
from tests.scene import FakeClock, Scene
from tests.stores.servers import Server
from wsgicache import Policy, store_from_url
from wsgicache.stores import StoreError
from wsgicache.stores.net import breaker

HOWS = ("get", "update", "content", "all", "lose")
"""What can be wrong with a store."""

Break = Callable[[str | None], None]
"""Does so to a store; None heals it."""
Made = tuple[Any, Break]
Make = Callable[[FakeClock], Made]
"""A store for a game, and what breaks it."""


class FaultyWorld(World):
    """The world of the state machine over *store*, which may fail."""

    def __init__(self, store: Any, clock: FakeClock, policy: Policy, rules: Rules) -> None:
        super().__init__(policy, rules, lint=False)
        self.scene = Scene(policy, lint=False, store=store, clock=clock)
        self.scene.app(self.answer)
        self.broken = self.was_broken = False
        """Whether the store does not do all that it is told, now and ever."""
        must_hit = self.model.must_hit

        def certain(ask: Ask, now: float) -> Record | None:
            return None if self.was_broken else must_hit(ask, now)

        self.model.must_hit = certain  # type: ignore[method-assign]

    def set_broken(self, broken: bool) -> None:
        self.broken = broken
        self.was_broken = self.was_broken or broken

    def heard(self, ask: Ask, answer: Answer, told: bool) -> None:
        records = self.model.of(ask.target)
        before = [(dict(record.said), list(record.asks)) for record in records]
        super().heard(ask, answer, told and not self.broken)
        if self.broken:  # what a 304 says may not have arrived
            for record, (said, _) in zip(records, before, strict=True):
                record.said = {**said, **record.said}

    def post(self, target: str, status: int, location: str | None) -> None:
        if not self.broken:
            super().post(target, status, location)
            return
        self.unsafe = (status, location)
        got = self.scene.post(target)
        self.rows[row_of(got)] += 1
        assert got.code == status
        for one in (target, location):
            if one is not None:
                self.model.touched(one)


@cache
def drawn_moves(examples: int) -> tuple[list[Any], list[Any]]:
    """Behaviours of the app, and wishes of clients."""
    return drawn(behaviours, examples), drawn(wishes, 100)


class FaultyGame(Game):
    """Its moves, and those of a store that *make* made."""

    def __init__(self, make: Make, policy: str, seed: int, examples: int = 300) -> None:
        super().__init__(policy, seed, *drawn_moves(examples))
        clock = FakeClock()
        store, self.breaks = make(clock)
        profile, rules = POLICIES[policy]
        hasty = replace(profile(), collapse_timeout=0.001)  # where a lease cannot be given back
        chosen = self.world.behaviours
        self.world: FaultyWorld = FaultyWorld(store, clock, hasty, rules)
        self.world.behaviours = chosen
        self.moves += [self.fault, self.fault]

    def fault(self) -> None:
        how = self.random.choice([None, None, *HOWS])
        self.world.set_broken(how is not None)
        self.breaks(how)


def memory(clock: FakeClock) -> Made:
    """A memory that fails on command."""
    store = Faulty()
    everything = frozenset({"get", "update", "content", "searches", "note_search"})

    def breaks(how: str | None) -> None:
        store.failing = everything if how == "all" else everything & {how}
        store.lost = everything if how == "lose" else frozenset()

    return store, breaks


@contextmanager
def server(name: str, port: int) -> Iterator[Make]:
    """A real server, memcached or Redis, whose replies break on command. `breaker.PAUSE` must be
    nothing."""
    with ExitStack() as stores, Proxy(port) as proxy:

        def make(clock: FakeClock) -> Made:
            proxy.heal()
            stores.close()
            return stores.enter_context(server_store(name, proxy.port, clock, 5)), breaks

        def breaks(how: str | None) -> None:
            proxy.heal()
            if how == "get":
                proxy.cut = 5
            elif how == "update":
                proxy.shift = b"STORED\r\n"
            elif how == "content":
                proxy.double = True
            elif how == "all":
                proxy.refuse = True
                proxy.reset()
            elif how == "lose":
                proxy.reset()

        yield make


@contextmanager
def mapped() -> Iterator[Make]:
    """The store of a machine, with a memory in front, whose files break on command."""
    with TemporaryDirectory() as above:
        numbers = count()

        def make(clock: FakeClock) -> Made:
            folder = Path(above, str(next(numbers)))
            store: Any = store_from_url(f"lmdb://{folder}?max_bytes=4MiB", clock=clock)
            (generations,) = store.shared._nodes.values()
            node = generations.node

            def breaks(how: str | None) -> None:
                for name in (*_READS, *_WRITES):
                    vars(node).pop(name, None)
                for name in {"get": _READS, "update": _WRITES, "all": _READS + _WRITES}.get(
                    str(how), ()
                ):
                    setattr(node, name, _fail)
                if how == "content":
                    read = node.read
                    node.read = lambda names: [one and one[:-1] + b"x" for one in read(names)]
                elif how == "lose":
                    node._environment.close()
                    node._environment.release()
                    for path in folder.glob("*.mdb"):
                        path.unlink()

            return store, breaks

        yield make


_READS, _WRITES = ("read", "look"), ("swap", "settle", "write", "remove")


def _fail(*how: Any) -> Any:
    raise StoreError("broken")


def play(make: Make, policy: str, exchanges: int, examples: int, seed: int = 0) -> tuple[int, int]:
    """Play games until there were so many *exchanges*; those, and the hits among them."""
    return played(lambda seed: FaultyGame(make, policy, seed, examples), exchanges, seed)


def over_memory(count: int) -> str:
    """Games with both policies over a memory that fails."""
    played = [play(memory, policy, count // 2, 2_000) for policy in POLICIES]
    return _told(played)


def over_memcached(count: int) -> str:
    """Games with both policies over a memcached whose replies break."""
    pause, breaker.PAUSE = breaker.PAUSE, (0.0, 0.0)
    started = Server("memcached")
    started.start()
    try:
        with server("memcached", started.port) as make:
            return _told([play(make, policy, count // 2, 2_000) for policy in POLICIES])
    finally:
        breaker.PAUSE = pause
        started.kill()


def over_lmdb(count: int) -> str:
    """Games with both policies over a machine's store whose files break."""
    with mapped() as make:
        return _told([play(make, policy, count // 2, 2_000) for policy in POLICIES])


def _told(played: list[tuple[int, int]]) -> str:
    exchanges, hits = (sum(each) for each in zip(*played, strict=True))
    assert hits, "never a hit"
    return f"{exchanges} exchanges, {hits} hits, none of them wrong"


ROWS: dict[str, tuple[Callable[[int], str], int]] = {
    "games-faults": (over_memory, 500_000),
    "games-lmdb": (over_lmdb, 500_000),
    "games-memcached": (over_memcached, 500_000),
}
