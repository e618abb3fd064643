"""Where threads wait for each other, and crowds of clients that do."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.running import DEADLINE
from tests.scene import Environ, Exchange, exchange
from wsgicache import CacheMiddleware


class Gate:
    """A place where threads stop until it opens: by `open`, or when *opens_at* have come."""

    def __init__(self, opens_at: int | None = None) -> None:
        self._condition = threading.Condition()
        self._open = False
        self._opens_at = opens_at
        self.came = 0
        """How many have come, whether they passed or not."""

    def __call__(self, *_: object) -> None:
        """Stop here until it is open; AssertionError where nobody opens it."""
        with self._condition:
            self.came += 1
            if self.came == self._opens_at:
                self._open = True
            self._condition.notify_all()
            if not self._condition.wait_for(lambda: self._open, DEADLINE):
                raise AssertionError(f"the gate stayed shut, {self.came} came")

    def open(self) -> None:
        """Let everybody pass from now on."""
        with self._condition:
            self._open = True
            self._condition.notify_all()

    def until(self, count: int) -> None:
        """Wait until *count* have come."""
        with self._condition:
            if not self._condition.wait_for(lambda: self.came >= count, DEADLINE):
                raise AssertionError(f"{self.came} of {count} came")


def together(count: int, work: Callable[[int], object], longest: float = DEADLINE) -> None:
    """Have *work* done by *count* threads at once, each of which is told its number, from 0 on.

    Raises what the first of them raised; AssertionError where one takes longer than so many
    seconds.
    """
    raised: list[BaseException] = []

    def one(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=one, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(longest)
    if raised:
        raise raised[0]
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"


@contextmanager
def interrupting(seconds: float = 1e-5) -> Iterator[None]:
    """Have threads take turns after so many seconds, so that they meet in more places."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Waiters:
    """Counts who waits for flights of *cache*, now and before."""

    def __init__(self, cache: CacheMiddleware) -> None:
        self._gate = Gate()
        self._gate.open()
        wait = cache._flights.wait

        def counted(flight: Any, seconds: float) -> Any:
            self._gate()
            return wait(flight, seconds)

        cache._flights.wait = counted  # type: ignore[method-assign]

    def __len__(self) -> int:
        return self._gate.came

    def until(self, count: int) -> None:
        """Wait until *count* have begun to wait."""
        self._gate.until(count)


class Crowd:
    """Clients that ask *front* at the same time, each in a thread of its own. They *take* so many
    chunks, and do something with *each*."""

    def __init__(
        self,
        front: Callable[..., Any],
        environs: Iterable[Environ],
        take: int | None = None,
        each: Callable[[bytes], object] | None = None,
    ) -> None:
        self._front = front
        self._take = take
        self._each = each
        self._outcomes: list[Exchange | BaseException | None] = []
        self._threads: list[threading.Thread] = []
        self.add(*environs)

    def add(self, *environs: Environ) -> None:
        """More clients come."""
        for environ in environs:
            place = len(self._outcomes)
            self._outcomes.append(None)
            thread = threading.Thread(target=self._ask, args=(place, environ), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _ask(self, place: int, environ: Environ) -> None:
        try:
            self._outcomes[place] = exchange(self._front, environ, take=self._take, each=self._each)
        except BaseException as error:
            self._outcomes[place] = error

    @property
    def answered(self) -> int:
        """How many have got something by now."""
        return sum(outcome is not None for outcome in self._outcomes)

    def outcomes(self) -> list[Exchange | BaseException]:
        """What everybody got, in the order they came; AssertionError where one hangs."""
        for thread in self._threads:
            thread.join(DEADLINE)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"
        assert None not in self._outcomes
        return [one for one in self._outcomes if one is not None]

    def answers(self) -> list[Exchange]:
        """What everybody got, which must be an answer."""
        outcomes = self.outcomes()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [one for one in outcomes if isinstance(one, Exchange)]
