"""The state machine's games at length: its moves drawn by a plain generator, from a seed.

Hypothesis draws a few hundred moves a second, and shrinks what fails; here are thousands, and a
seed for what fails. The behaviours of the app come from the strategies of the state machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.games.model import Ask
from tests.games.test_state_machine import (
    NAMES,
    POLICIES,
    TARGETS,
    Behaviour,
    World,
    behaviours,
    wishes,
)

MOVES = 60
"""Moves of one game; about two of three are exchanges."""


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """*count* examples of a strategy, the same ones each time."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


class Game:
    """One app, one cache and their clients, for some moves."""

    def __init__(
        self, policy: str, seed: int, hows: list[Behaviour], wants: list[Any], lint: bool = False
    ) -> None:
        make, rules = POLICIES[policy]
        self.random = random.Random(seed)
        self.hows, self.wants = hows, wants
        self.world = World(make(), rules, lint)
        for target in TARGETS:
            self.world.behaviours[target] = self.random.choice(hows)
        self.last: tuple[Ask, str | None, bool] = (Ask("GET", "/a"), None, False)
        self.moves = (
            [self.request] * 6
            + [self.again] * 3
            + [self.somebody_else] * 3
            + [self.wait] * 3
            + [self.configure] * 2
            + [self.change, self.fail, self.post]
        )

    def play(self, moves: int = MOVES) -> None:
        """Raises AssertionError where the cache does what the model does not allow."""
        for _ in range(moves):
            self.random.choice(self.moves)()
        self.world.end()

    def rarely(self, one_of: int) -> bool:
        return self.random.randrange(one_of) == 0

    def configure(self) -> None:
        self.world.behaviours[self.random.choice(TARGETS)] = self.random.choice(self.hows)

    def change(self) -> None:
        self.world.versions[self.random.choice(TARGETS)] += 1

    def fail(self) -> None:
        self.world.outage = self.random.choice([None, None, None, "500", "503", "raise"])

    def wait(self) -> None:
        self.world.scene.after(self.random.choice([1, 1, 2, 5, 10, 11, 30, 31, 100]))

    def request(self) -> None:
        choice = self.random.choice
        shown = {}
        if tenant := choice([None, None, "x", "y"]):
            shown["x-flavour"] = tenant
        if self.rarely(4):
            shown["x-forwarded-host"] = "evil.example"
        user = None
        if self.rarely(2):
            who, how = choice(NAMES), choice(["cookie", "authorization", "remote_user"])
            if how == "remote_user":
                user = who
            else:
                shown[how] = who
        ask = Ask(choice(["GET"] * 4 + ["HEAD"]), choice(TARGETS), shown, choice(self.wants), user)
        tag = choice([*self.world.tags[-5:], '"none"', "*"]) if self.rarely(4) else None
        ranged = ask.method == "GET" and tag is None and self.rarely(10)
        self.last = (ask, tag, ranged)
        self.world.ask(*self.last)

    def again(self) -> None:
        for _ in range(self.random.randrange(3) + 1):
            self.world.scene.after(self.random.choice([0, 0, 1, 3, 9]))
            self.world.ask(*self.last)

    def somebody_else(self) -> None:
        ask, tag, ranged = self.last
        fields = {n: v for n, v in ask.fields.items() if n not in ("cookie", "authorization")}
        if who := self.random.choice([None, *NAMES]):
            fields["cookie"] = who
        self.world.ask(replace(ask, fields=fields, remote_user=None), tag, ranged)

    def post(self) -> None:
        choice = self.random.choice
        self.world.post(
            choice(TARGETS), choice([200, 201, 204, 302, 400, 404, 500]), choice([None, *TARGETS])
        )


def play(policy: str, exchanges: int, seed: int = 0, examples: int = 4_000) -> tuple[int, int]:
    """Play games until there were so many *exchanges*; those, and the hits among them.

    *examples* is the number of behaviours that apps are chosen from. Raises AssertionError with the
    seed of the game that went wrong.
    """
    hows, wants = drawn(behaviours, examples), drawn(wishes, 200)
    return played(lambda seed: Game(policy, seed, hows, wants), exchanges, seed)


def played(begun: Callable[[int], Game], exchanges: int, seed: int) -> tuple[int, int]:
    """Play the games that *begun* makes, from *seed* on, until there were so many *exchanges*;
    those, and the hits among them. Raises AssertionError with the seed of what went wrong."""
    done = hits = 0
    while done < exchanges:
        game = begun(seed)
        try:
            game.play()
        except BaseException as error:
            error.add_note(f"seed {seed}, after {done} exchanges")
            raise
        done += game.world.steps
        hits += game.world.hits
        seed += 1
    return done, hits
