"""How long a crowd on one cold key waits, and how often its app is asked: cacheable, uncacheable,
failing, hanging; and without a cache.

The clients are threads of this process that all begin at once, and the app sleeps. So one processor
is enough, and what is measured beyond the app's own time is waiting for others.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from benchmarks.calls import call, environ
from benchmarks.results import Figure, show
from wsgicache import CacheMiddleware, Policy

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST = 60.0
"""Seconds after which whatever hangs on purpose goes on, and whatever hangs otherwise is told."""


TIMEOUT = 5.0
"""The cache's collapse_timeout, in seconds, where nobody hangs: it is not to run out."""


class Size(NamedTuple):
    """How much is measured."""

    clients: int
    pause: float
    """Seconds that the app takes."""
    timeout: float
    """The cache's collapse_timeout where a leader hangs, in seconds."""
    rounds: int


FULL = Size(100, 0.2, TIMEOUT, 5)
QUICK = Size(20, 0.05, 0.3, 1)


class App:
    """It takes *pause* seconds to answer, by what *answers* returns for the number of the request,
    or raises: a status. Everything has the Cache-Control *said*."""

    def __init__(
        self,
        pause: float,
        said: str = "max-age=3600",
        answers: Callable[[int], str] = lambda number: "200 OK",
    ) -> None:
        self._pause = pause
        self._said = said
        self._answers = answers
        self._lock = threading.Lock()
        self.asked = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            number = self.asked
            self.asked += 1
        time.sleep(self._pause)
        status = self._answers(number)
        start_response(status, [("Content-Type", "text/plain"), ("Cache-Control", self._said)])
        return [b"page"]


class Burst(NamedTuple):
    """What came of a crowd."""

    asked: int
    """Requests that reached the app."""
    seconds: tuple[float, ...]
    """Until each client had its answer or error, the quickest first; not of those that hang."""
    answered: int
    """Clients that got a page."""

    def percentile(self, share: float) -> float:
        """The time within which that *share* of the clients had theirs."""
        return self.seconds[math.ceil(share * len(self.seconds)) - 1]


def burst(
    front: WSGIApplication, app: App, clients: int, release: Callable[[], object] | None = None
) -> Burst:
    """Have so many *clients* ask *front* at once. With *release* one of them hangs until that is
    called: when all others have their answer. Raises RuntimeError where others hang, too."""
    seconds: list[float] = []
    answered: list[str] = []
    done = threading.Semaphore(0)
    began = 0.0

    def begin() -> None:
        nonlocal began
        began = time.perf_counter()

    together = threading.Barrier(clients, begin)

    def ask() -> None:
        together.wait(LONGEST)
        try:
            status, length = call(front, environ("/cold"))
            if (status, length) == ("200 OK", 4):
                answered.append(status)
        except BaseException:  # what an app raises, SystemExit included, ends no client
            pass
        seconds.append(time.perf_counter() - began)
        done.release()

    before = app.asked
    threads = [threading.Thread(target=ask, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    waiting = clients if release is None else clients - 1
    for _ in range(waiting):
        if not done.acquire(timeout=LONGEST):
            raise RuntimeError(f"of {clients} clients {len(seconds)} have an answer: others hang")
    result = Burst(app.asked - before, tuple(sorted(seconds[:waiting])), len(answered))
    if release is not None:
        release()
    for thread in threads:
        thread.join(LONGEST)
    return result


def raising(error: BaseException, times: float = math.inf) -> Callable[[int], str]:
    """Raise *error* for the first so many requests."""

    def answers(number: int) -> str:
        if number < times:
            raise error
        return "200 OK"

    return answers


def hanging(event: threading.Event) -> Callable[[int], str]:
    """Have the first request wait for *event*."""

    def answers(number: int) -> str:
        if number == 0:
            event.wait(LONGEST)
        return "200 OK"

    return answers


class Case(NamedTuple):
    """A scenario: what it is called, and what came of it."""

    name: str
    burst: Burst
    flying: int
    """Flights that were left when everything was over."""


def cases(size: Size) -> Iterator[Case]:
    """Every scenario once."""
    policy = Policy(collapse_timeout=TIMEOUT)

    def case(name: str, app: App, release: Callable[[], object] | None = None) -> Case:
        timeout = size.timeout if release else TIMEOUT
        cache = CacheMiddleware(app, policy=Policy(collapse_timeout=timeout))
        found = burst(cache, app, size.clients, release)
        return Case(name, found, len(cache._flights))

    bare = App(size.pause)
    yield Case("no cache", burst(bare, bare, size.clients), 0)
    yield case("cacheable", App(size.pause))
    private = App(size.pause, "private")
    cache = CacheMiddleware(private, policy=policy)
    for name in ("uncacheable, first burst", "uncacheable, second burst"):
        yield Case(name, burst(cache, private, size.clients), len(cache._flights))
    yield case("leader raises", App(size.pause, answers=raising(ValueError("on purpose"), 1)))
    yield case("leader exits", App(size.pause, answers=raising(SystemExit("on purpose"), 1)))
    yield case("app raises on", App(size.pause, answers=raising(ValueError("on purpose"))))
    event = threading.Event()
    yield case("leader hangs", App(size.pause, answers=hanging(event)), event.set)


def measured(size: Size) -> dict[str, list[Case]]:
    """Every scenario in every round, by its name."""
    found: dict[str, list[Case]] = {}
    for _ in range(size.rounds):
        for case in cases(size):
            found.setdefault(case.name, []).append(case)
    return found


GROUPS: dict[str, tuple[str, Callable[[Burst], float]]] = {
    "requests that reach the app": ("requests", lambda found: float(found.asked)),
    "until the last client has an answer": ("ms", lambda found: 1000 * found.seconds[-1]),
    "median client": ("ms", lambda found: 1000 * found.percentile(0.5)),
    "99th percentile of the clients": ("ms", lambda found: 1000 * found.percentile(0.99)),
}


def figures(found: dict[str, list[Case]], size: Size) -> list[Figure]:
    """The rows of the table."""
    notes = {
        "leader hangs": f"the others wait {size.timeout:g} s for it (collapse_timeout)",
        "app raises on": "one leads, one more tries, then all",
    }
    return [
        Figure(group, name, tuple(of(case.burst) for case in rows), unit, notes.get(name, ""))
        for group, (unit, of) in GROUPS.items()
        for name, rows in found.items()
    ]


@click.command()
@click.option("--quick", is_flag=True, help="Fewer clients, once: a first impression.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def collapse(quick: bool, output: Path | None) -> None:
    """Send a crowd to one cold key: who waits how long, how often the app is asked."""
    size = QUICK if quick else FULL
    show("collapse", figures(measured(size), size), json_file=output)
    click.echo(
        f"{size.clients} clients at once, an app that takes {1000 * size.pause:g} ms; "
        f"medians and quartiles of {size.rounds} rounds."
    )
