"""Two server processes on one store, and clients who read what they wrote, now here, now there."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import NamedTuple

from tests.processes.serving import Answer, Client, Site, answers, serving, threads
from tests.rig.gates import together
from tests.running import DEADLINE

CLIENTS = 2


class Played(NamedTuple):
    """How many pages were older than the client's last write, and how many were hits, of all."""

    stale: int
    hits: int
    asked: int


def play(store: str, folder: Path, rounds: int) -> Played:
    """So many writes of each client. A fill is under way in the other process while it writes."""
    carts = folder / "carts"
    carts.mkdir()
    with contextlib.ExitStack() as stack:
        sites = []
        for name in ("one", "other"):
            (folder / name).mkdir()
            sites.append(
                stack.enter_context(
                    serving(
                        folder / name,
                        *threads(1, 4),
                        store=store,
                        module="tests.processes.shop:front",
                        environment={"WSGICACHE_TEST_FOLDER": str(carts)},
                    )
                )
            )
        got: list[tuple[int, Answer]] = []

        def client(number: int) -> None:
            got.extend(written(sites, str(number), rounds))

        together(CLIENTS, client, DEADLINE + 4 * rounds)
    stale = sum(int(answer.text) < wrote for wrote, answer in got)
    return Played(stale, sum(answer.hit for _, answer in got), len(got))


def written(sites: list[Site], who: str, rounds: int) -> list[tuple[int, Answer]]:
    """What one client gets after each of its writes, and how many it had made. Its pages are its
    own, so that it waits for no lease of another's."""
    chance = random.Random(who)
    cookie = f"Cookie: sid={who}"
    got: list[tuple[int, Answer]] = []
    for wrote in range(1, rounds + 1):
        here, there = chance.sample(sites, 2)
        late: Client = there.send(f"/{who}/{chance.randrange(2)}", "GET", cookie)
        assert here.ask("/add", "POST", cookie).status == 303
        answers([late])
        for site in (there, here, there):
            for target in (f"/{who}/0", f"/{who}/1"):
                answer = site.ask(target, "GET", cookie)
                assert answer.status == 200
                got.append((wrote, answer))
    return got
