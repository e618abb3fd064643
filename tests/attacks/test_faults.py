"""What breaks around the cache reaches no client: stores, clocks, clients, and the app itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.rig.app import App, Script, Turn, page
from tests.rig.gates import Crowd, Gate, together
from tests.rig.stores import Faulty
from tests.running import DEADLINE, eventually
from tests.scene import Environ, FakeClock, Field, Reply, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy, SystemClock, clock
from wsgicache.origin.background import Threads
from wsgicache.rules.keys import Key
from wsgicache.rules.model import CacheEntry

# ── stores that fail ─────────────────────────────────────────────────────────────────────────────


def own_page(**named: Any) -> Script:
    """A page that says which URL it is, and how often the app was asked."""
    fields = {"cache_control": "max-age=60", **named}
    return lambda environ, place: Turn(reply=page(f"{environ['PATH_INFO']} {place}", **fields))


OUTAGES = {
    "get": frozenset({"get"}),
    "update": frozenset({"update"}),
    "content": frozenset({"content"}),
    "all": frozenset({"get", "update", "content"}),
}


@pytest.mark.parametrize("failing", OUTAGES.values(), ids=OUTAGES)
@pytest.mark.parametrize("how", ["failing", "lost"])
def test_a_store_that_fails_costs_no_request(
    failing: frozenset[str], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    store, app, clock = Faulty(), App(), FakeClock()
    app.script = own_page()
    cache = CacheMiddleware(app, store=store, clock=clock)
    assert exchange(cache, environ_for("GET", "/0")).body == b"/0 0"
    setattr(store, how, failing)
    for method in ("GET", "HEAD", "POST", "GET"):
        for number in range(5):
            got = exchange(cache, environ_for(method, f"/{number}"))
            assert got.code == 200
            if method != "HEAD":
                assert got.body.startswith(b"/%d " % number)
    assert len(cache._flights) == 0
    messages = [record.message for record in caplog.records]
    assert len(messages) == len(set(messages)), "told once a minute"
    assert bool(messages) is (how == "failing" and failing != {"content"})
    app.check_closed()
    store.failing = store.lost = frozenset()
    exchange(cache, environ_for("GET", "/9"))
    assert exchange(cache, environ_for("GET", "/9")).hit, "it heals without a restart"


@pytest.mark.parametrize("failing", ["get", "content"])
@pytest.mark.parametrize("how", ["failing", "lost"])
def test_only_if_cached_asks_nobody_where_the_store_fails(failing: str, how: str) -> None:
    """§5.2.1.7: what cannot be read is not there."""
    store, app = Faulty(Heads()), App(page())
    cache = CacheMiddleware(app, store=store)
    exchange(cache, environ_for())
    setattr(store, how, frozenset({failing}))
    got = exchange(cache, environ_for(headers=[("Cache-Control", "only-if-cached")]))
    assert (got.code, app.count) == (504, 1)


class Heads(MemoryStore):
    """A store whose contents are elsewhere."""

    def get(self, key: Key) -> CacheEntry | None:
        entry = super().get(key)
        for stored in () if entry is None else entry.responses.values():
            stored.content = stored.at_once = None
        return entry


def test_a_hundred_at_once_over_a_store_that_fails() -> None:
    """The others wait for an answer that is kept nowhere; one more asks, then everybody."""
    store, app, gate = Faulty(), App(), Gate()
    store.failing = OUTAGES["all"]
    app.plays(Turn(before=gate), page(b"page"))
    cache = CacheMiddleware(app, store=store, policy=Policy(collapse_timeout=3600))
    crowd = Crowd(cache, [environ_for() for _ in range(100)])
    gate.until(1)
    gate.open()
    assert {answer.body for answer in crowd.answers()} == {b"page"}
    assert len(cache._flights) == 0
    app.check_closed()


def test_slow_readers_hold_nothing() -> None:
    """Two hundred clients have begun to read a hit and do not go on: others hit all the same."""
    store = Faulty()
    app = App(page(b"x" * 1000))
    cache = CacheMiddleware(app, store=store)
    exchange(cache, environ_for())
    bodies = [iter(cache(environ_for(), lambda *head: lambda data: None)) for _ in range(200)]
    assert app.count == 1
    assert exchange(cache, environ_for()).hit
    assert len(cache._flights) == 0
    assert not store.store._lock.locked()
    exchange(cache, environ_for("POST"))
    assert [b"".join(body) for body in bodies] == [b"x" * 1000] * 200


def test_the_body_of_a_request_is_the_apps() -> None:
    """wsgi.input is never read here, whatever the method and however it goes on."""

    class Poisoned:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the cache has asked wsgi.input for {name}")

    app, clock = App(page(cache_control="max-age=5, stale-while-revalidate=50")), FakeClock()
    cache = CacheMiddleware(app, clock=clock, runner=lambda job: job())
    for seconds in (0, 1, 5, 100):
        clock.advance(seconds)
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            for length in (None, "", "0", "5", "-1", "x"):
                environ = environ_for(method)
                environ["wsgi.input"] = Poisoned()
                if length is not None:
                    environ["CONTENT_LENGTH"] = length
                exchange(cache, environ)
    assert app.count > 50


@pytest.mark.parametrize(
    ("said", "asked_for"),
    [
        ([], [None] * 3),
        ([("Content-Length", "9999999")], [None, *["bytes=0-0"] * 3]),
        ([("Cache-Control", "no-store")], [None, *["bytes=0-0"] * 2]),
    ],
    ids=["of open length", "large", "no-store"],
)
def test_a_byte_of_a_cold_page_is_a_byte(said: list[Field], asked_for: list[str | None]) -> None:
    """RangeAmp: an app that does not heed the range is read no further than the client reads, and
    nothing of it is stored, unless it is small and has a length."""
    made = 0
    asked: list[object] = []

    def endless() -> Iterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x" * 1000

    def all_of_it(environ: Environ, start_response: Any) -> Iterator[bytes]:
        asked.append(environ.get("HTTP_RANGE"))
        start_response("200 OK", [("Content-Type", "x/y"), ("Cache-Control", "max-age=60"), *said])
        return endless()

    cache = CacheMiddleware(all_of_it)
    for _ in range(3):
        got = exchange(cache, environ_for(headers=[("Range", "bytes=0-0")]), take=2)
        assert (got.code, got.body) == (200, b"x" * 2000)
    assert asked == asked_for
    assert made <= 9
    assert not exchange(cache, environ_for(), take=2).hit
    assert len(cache._flights) == 0


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────

STEPS = {"hour-back": -3600, "hour-on": 3600, "ten-years-on": 315_360_000, "to-1970": -1.7e9}


def served_ages(
    steps: dict[int, float], said: str, patch: pytest.MonkeyPatch
) -> list[tuple[float, bool]]:
    """Seconds of monotonic time since the served page was made, and whether it was a hit, for each
    of 200 seconds; while the wall clock steps: by how much at which second."""
    moment, wall = 5000.0, 1_700_000_000.0
    patch.setattr(clock, "_elapsed", lambda: moment)
    patch.setattr(time, "time", lambda: wall)
    app = App()
    app.script = lambda environ, place: Turn(reply=page(str(moment), said))
    cache = CacheMiddleware(app, clock=SystemClock(), runner=lambda job: None)
    ages = []
    for second in range(200):
        wall += steps.get(second, 0)
        got = exchange(cache, environ_for())
        assert got.age is None or got.age >= 0
        ages.append((moment - float(got.text), got.hit))
        moment += 1
        wall += 1
    return ages


@pytest.mark.parametrize("by", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize(
    ("said", "longest"),
    [("max-age=20", 20), ("max-age=10, stale-while-revalidate=15", 25)],
    ids=["fresh", "window"],
)
def test_no_step_of_a_clock_makes_a_page_last(
    by: float, said: str, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured by a clock that does not step: never older than its lifetime, its windows and a
    second; and there are hits before and after."""
    with monkeypatch.context() as patch:
        ages = served_ages({50: by, 120: -by}, said, patch)
    assert max(age for age, _ in ages) <= longest + 1
    assert any(hit for _, hit in ages[:50])
    assert any(hit for _, hit in ages[130:])


# ── close() ──────────────────────────────────────────────────────────────────────────────────────

KINDS: list[Turn] = [
    Turn(reply=page(cache_control="max-age=1, stale-while-revalidate=5", etag='"1"')),
    Turn(reply=page([b"pa", b"ge"])),
    Turn(reply=page(cache_control="no-store")),
    Turn(reply=page(cache_control="private")),
    Turn(reply=page([b"x" * 50] * 3, "max-age=60", vary="X-Flavour")),
    Turn(reply=Reply(503, "busy")),
    Turn(reply=Reply(304, etag='"1"')),
    Turn(raises=ValueError("on purpose")),
    Turn(breaks=ValueError("on purpose")),
    Turn(cut=0),
    Turn(lazy=True),
    Turn(raises=SystemExit()),
]


def mixed(requests: int, threads: int = 8) -> tuple[int, int]:
    """A mix of everything, some of it cut short, by several threads; bodies opened and closed."""
    app, clock, store, runner = App(), FakeClock(), Faulty(), Threads()
    app.script = lambda environ, place: KINDS[place * 7919 % len(KINDS)]
    policy = Policy(max_content=120)
    cache = CacheMiddleware(app, store=store, clock=clock, policy=policy, runner=runner)

    def work(number: int) -> None:
        for n in range(number, requests, threads):
            method = ("GET", "GET", "GET", "HEAD", "POST")[n % 5]
            headers = [("X-Flavour", str(n % 3)), ("Range", "bytes=0-1")][: n % 3]
            environ = environ_for(method, f"/{n % 11}", headers)
            with suppress(ValueError, SystemExit):  # which the app raises, told to
                exchange(cache, environ, take=None if n % 4 else n % 3)
            if n % 50 == 0:
                clock.advance(1)
                store.failing = frozenset({"get"} if n % 100 else set())

    together(threads, work, max(DEADLINE, requests / 100))
    eventually(lambda: not runner._workers, "the background does not end")
    assert len(cache._flights) == 0
    assert not cache._flights._leading
    assert all(body.closes <= 1 for body in app.bodies)
    return len(app.bodies), sum(body.closes for body in app.bodies)


def test_every_body_is_closed_once() -> None:
    opened, closed = mixed(1500)
    assert opened == closed > 500
