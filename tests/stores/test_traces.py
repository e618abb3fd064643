"""The same trace over every store: the same decisions, the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cachelib import FileSystemCache, SimpleCache

from tests.games.faulty_games import FaultyGame
from tests.games.test_state_machine import POLICIES, OriginDown
from tests.rig.stores import server_store
from tests.scene import Environ, Exchange, FakeClock
from tests.stores.servers import PLENTY, Server
from wsgicache import MemoryStore
from wsgicache.stores import store_from_url
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.tiered import TieredStore

GAMES, MOVES = 12, 40

Make = Callable[[FakeClock], Any]


class Trace(FaultyGame):
    """A game that writes down what clients see, over a store that does not fail."""

    def __init__(self, make: Make, policy: str, seed: int) -> None:
        super().__init__(lambda clock: (make(clock), lambda how: None), policy, seed)
        self.world.searched = None  # what processes share learns that only from a second response
        self.seen: list[object] = []
        send = self.world.scene.send

        def noted(environ: Environ, **more: Any) -> Exchange:
            try:
                got = send(environ, **more)
            except OriginDown:
                self.seen.append("down")
                raise
            self.seen.append((got.status, sorted(map(_without_guess, got.headers)), got.body))
            return got

        self.world.scene.send = noted  # type: ignore[method-assign]

    def fault(self) -> None:
        """There are none."""


def _without_guess(line: tuple[str, str]) -> tuple[str, str]:
    """*line* without the field that differs: where values are digests, that is not always known."""
    return line[0], re.sub("; detail=vary-[^;]*", "", line[1])


def seen(make: Make, policy: str) -> list[list[object]]:
    """What clients see in the games."""
    games = [Trace(make, policy, seed) for seed in range(GAMES)]
    for game in games:
        game.play(MOVES)
    return [game.seen for game in games]


@pytest.mark.network
@pytest.mark.parametrize("policy", POLICIES)
def test_a_trace_is_the_same_over_every_store(
    policy: str, memcached: Server, redis_server: Server, tmp_path: Path
) -> None:
    with ExitStack() as stores:
        files = iter(range(2 * GAMES))

        def over(name: str, port: int) -> Make:
            return lambda clock: stores.enter_context(server_store(name, port, clock, PLENTY))

        makes: dict[str, Make] = {
            "simple": lambda clock: CachelibStore(SimpleCache(), clock=clock),
            "files": lambda clock: CachelibStore(
                FileSystemCache(str(tmp_path / str(next(files))), threshold=0), clock=clock
            ),
            "lmdb": lambda clock: store_from_url(
                f"lmdb://{tmp_path}/{next(files)}?max_bytes=8MiB", clock=clock
            ),
            "memcached": over("memcached", memcached.port),
            "redis": over("redis", redis_server.port),
            "tiered": lambda clock: TieredStore(
                MemoryStore(), over("memcached", memcached.port)(clock)
            ),
        }
        expected = seen(lambda clock: MemoryStore(), policy)
        assert sum(map(len, expected)) > GAMES * MOVES / 3
        assert str(expected).count("wsgicache; hit") > GAMES
        for name, make in makes.items():
            assert seen(make, policy) == expected, name
