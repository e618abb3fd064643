"""Requests that take turns: greenlets that stop before whatever others may see, and a choice of who
goes on. So every order can be had, the same one again, and nothing ever hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from greenlet import getcurrent, greenlet

from wsgicache.origin import flights
from wsgicache.origin import turns as origin_turns
from wsgicache.origin.flights import HeldUp, Outcome
from wsgicache.origin.watch import Watch


class Choice(NamedTuple):
    """Who went on, of how many that could; the first of them is who was at it, if it *could*."""

    taken: int
    of: int
    could: bool


class Turns:
    """Tasks, and in which order they go on: as *order* says, and then each as far as it can."""

    def __init__(self, order: list[int], chance: Random | None = None) -> None:
        self._order = order
        self._chance = chance
        self._main = getcurrent()
        self._tasks: list[greenlet] = []
        self._waits: dict[greenlet, Callable[[], bool]] = {}
        self._resting: greenlet | None = None
        self.choices: list[Choice] = []

    @property
    def at_random(self) -> bool:
        """Whether chance chooses who is next."""
        return self._chance is not None

    def add(self, work: Callable[[], object]) -> None:
        """One more task; it begins when it is chosen."""
        self._tasks.append(greenlet(work, parent=self._main))

    def step(self, *_: object) -> None:
        """Called by a task: others may go on before it does."""
        if getcurrent() is not self._main:
            self._main.switch()

    def until(self, ready: Callable[[], bool]) -> None:
        """Called by a task: it cannot go on before *ready*."""
        task = getcurrent()
        if task is self._main:
            assert ready(), "waits for nobody"
            return
        self._waits[task] = ready
        self._main.switch()
        del self._waits[task]

    def rest(self, *_: object) -> None:
        """Called by a task: somebody else goes on before it does, if anybody can."""
        if getcurrent() is not self._main:
            self._resting = getcurrent()
            self._main.switch()

    def run(self) -> None:
        """Until all tasks are done. Raises what one of them raises, and AssertionError where all
        that are left wait."""
        last: greenlet | None = None
        while self._tasks:
            ready = [task for task in self._tasks if self._waits.get(task, _ready)()]
            assert ready, f"{len(self._tasks)} wait for ever"
            could = last in ready
            if self._resting is not None and len(ready) > 1:
                ready.remove(self._resting)
                could = False
            self._resting = None
            if could and last is not None:
                ready.remove(last)
                ready.insert(0, last)
            last = ready[self._choose(len(ready), could)]
            last.switch()
            if last.dead:
                self._tasks.remove(last)

    def _choose(self, of: int, could: bool) -> int:
        place = len(self.choices)
        taken = 0
        if place < len(self._order):
            taken = self._order[place]
        elif self._chance is not None:
            taken = self._chance.randrange(of)
        self.choices.append(Choice(taken, of, could))
        return taken


def _ready() -> bool:
    return True


def orders(run: Callable[[list[int]], list[Choice]], interruptions: int, depth: int) -> int:
    """Call *run* with every order that differs in the first *depth* choices, and in which no more
    than so many times a task is interrupted that could go on; how many there were."""
    count = 0
    waiting: list[list[int]] = [[]]
    while waiting:
        order = waiting.pop()
        choices = run(order)
        count += 1
        interrupted = 0
        for place, choice in enumerate(choices[:depth]):
            if place >= len(order) and interrupted + choice.could <= interruptions:
                taken = [one.taken for one in choices[:place]]
                waiting += [[*taken, other] for other in range(1, choice.of)]
            interrupted += choice.could and choice.taken > 0
    return count


def stepping(turns: Turns, patch: pytest.MonkeyPatch, patient: bool) -> None:
    """Have requests in greenlets wait for each other by *turns*; where they are not *patient* for
    no time at all. Who sleeps lets others go on."""
    here = SimpleNamespace(
        get_ident=lambda: id(getcurrent()), Lock=threading.Lock, Event=threading.Event
    )
    patch.setattr(flights, "threading", here)
    slept = iter_seconds()
    patch.setattr(
        origin_turns, "time", SimpleNamespace(monotonic=lambda: next(slept), sleep=turns.rest)
    )
    board, land = flights.Flights.board, flights.Flights.land

    def stepped_board(self: Any, *given: Any) -> Any:
        turns.step()
        return board(self, *given)

    def stepped_land(self: Any, *given: Any) -> None:
        turns.step()
        land(self, *given)

    def wait(self: Any, flight: flights.Flight, seconds: float) -> Outcome | HeldUp | None:
        def is_held_up() -> bool:
            return flight.overtaken or flight.patience(self._clock.now()) <= 0

        if patient:
            turns.until(lambda: flight.outcome is not None or is_held_up())
        else:
            turns.step()
        return flight.outcome or ("held up" if is_held_up() else None)

    patch.setattr(flights.Flights, "board", stepped_board)
    patch.setattr(flights.Flights, "land", stepped_land)
    patch.setattr(flights.Flights, "wait", wait)

    def over(self: Any, flight: flights.Flight, environ: Any) -> None:
        def look() -> None:
            if flight.patience(self._clock.now()) <= 0:
                flight.give_back()

        if turns.at_random:  # One more task makes too many orders to try all.
            turns.add(look)

    patch.setattr(Watch, "over", over)


def iter_seconds() -> Iterator[float]:
    """A monotonic clock that goes on by a part of a second whenever it is looked at."""
    now = 1000.0
    while True:
        yield now
        now += 0.4
