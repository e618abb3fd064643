"""Requests for one page in every order of what they do to the store, the flights and the app.

The page says which version of the resource it shows, for whom, and when it was made. So whatever
the order was: nobody gets a page that is older than the last change that was over before he asked,
that is another's, that is too old (§4.2) or not whole (§3.3); nobody waits for ever, and no flight
is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement, product
from random import Random
from typing import Any

import pytest

from tests.rig.turns import Choice, Turns, orders, stepping
from tests.scene import Environ, FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy
from wsgicache.stores.shared.nodes import settle_in_steps
from wsgicache.stores.shared.store import PackedStore
from wsgicache.stores.stamps import Stamps
from wsgicache.stores.tiered import TieredStore


@dataclass(frozen=True)
class Pages:
    """How the app answers."""

    control: str = "max-age=60"
    lifetime: int = 60
    personal: bool = False
    for_all: bool = False
    """Whether what is said to who has no cookie may be said to those who have."""
    vary: str | None = None
    etag: bool = False
    failures: int = 0
    """How often it raises before it answers."""


PAGES = {
    "plain": Pages(),
    "validated": Pages(etag=True),
    "window": Pages("max-age=10, stale-while-revalidate=20", 30, etag=True),
    "no-cache": Pages("no-cache", 0, etag=True),
    "private": Pages("private, max-age=60", 0, personal=True),
    "no-store": Pages("no-store", 0, personal=True),
    "cookie": Pages("max-age=60", personal=True, for_all=True),
    "vary": Pages("max-age=60", personal=True, vary="Cookie", etag=True),
    "failing": Pages(failures=1),
}


class AppDown(Exception):
    """What the app raises."""


class Body:
    """A page in two pieces, between which others may go on."""

    def __init__(self, pieces: list[bytes], turns: Turns) -> None:
        self._pieces = pieces
        self._turns = turns
        self.closes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            yield piece
            self._turns.step()

    def close(self) -> None:
        self.closes += 1


class Memory(MemoryStore):
    """A memory before which others may go on."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    def get(self, key: Any) -> Any:
        self._turns.step()
        return super().get(key)

    def update(self, key: Any, change: Any) -> None:
        self._turns.step()
        super().update(key, change)

    def generation(self, key: Any) -> int:
        self._turns.step()
        return super().generation(key)

    def bump(self, *given: Any, **named: Any) -> None:
        self._turns.step()
        super().bump(*given, **named)


class Bytes:
    """A node in memory; others may go on before each round trip."""

    name, atomic, connects = "bytes", True, 0
    limit, piece, share = 1_000_000, 1_000_000, 4_000_000

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._kept: dict[str, tuple[bytes, int]] = {}
        self._version = 0

    def read(self, names: Any) -> list[bytes | None]:
        self._turns.step()
        return [self._kept[name][0] if name in self._kept else None for name in names]

    def look(self, names: Any) -> list[tuple[bytes | None, object]]:
        self._turns.step()
        return [self._kept.get(name, (None, None)) for name in names]

    def swap(
        self, name: str, value: bytes | None, version: object, seconds: int, full: bool = False
    ) -> bool:
        self._turns.step()
        if self._kept.get(name, (None, None))[1] != version:
            return False
        self._put(name, value)
        return True

    def settle(self, *how: Any) -> bool:
        return settle_in_steps(self, *how)

    def write(self, name: str, value: bytes, seconds: int) -> None:
        self._turns.step()
        self._put(name, value)

    def make_room(self, length: int) -> None:
        pass

    def remove(self, name: str) -> None:
        self._turns.step()
        self._put(name, None)

    def _put(self, name: str, value: bytes | None) -> None:
        self._version += 1
        if value is None:
            self._kept.pop(name, None)
        else:
            self._kept[name] = value, self._version

    def listed(self, prefix: str) -> list[str]:
        return [name for name in self._kept if name.startswith(prefix)]

    def life(self) -> str:
        return ""

    def stats(self) -> dict[str, object]:
        return {}


class Mapped(Bytes):
    """One that does in a transaction what others do in several trips."""

    def settle(
        self, name: str, value: bytes, found: Any, seconds: int, guards: Any, gone: str
    ) -> bool:
        self._turns.step()
        held = [self._kept.get(guard, (None, None))[0] for guard in guards]
        if self._kept.get(name, (None, None))[1] != found[1] or held != list(guards.values()):
            return False
        self._put(name, value)
        self._put(gone, None)
        return True


def packed(node: Bytes, clock: FakeClock) -> PackedStore:
    return PackedStore([node], lambda name: node, generation_seconds=0, clock=clock)


def processes(turns: Turns, clock: FakeClock) -> list[Any]:
    """The stores of two processes that share a server."""
    node = Bytes(turns)
    return [packed(node, clock) for _ in range(2)]


def near(turns: Turns, clock: FakeClock) -> list[Any]:
    """Those of two processes that have memories in front of the store of their machine."""
    node, stamps = Mapped(turns), Stamps()
    return [
        TieredStore(MemoryStore(), packed(node, clock), seconds=60, stamps=stamps, clock=clock)
        for _ in range(2)
    ]


STORES: dict[str, Callable[[Turns, FakeClock], list[Any]]] = {
    "memory": lambda turns, clock: [Memory(turns)],
    "two-processes": processes,
    "two-near": near,
}


_PAGE = re.compile(rb"v(\d+) for (\w+) at (\d+)!")


class Play:
    """One app, one cache or two that share a store, and the clients at their turns."""

    def __init__(self, turns: Turns, how: Pages, begin: str, store: str) -> None:
        self.turns, self.how = turns, how
        self.clock = FakeClock(1000.0)
        self.version = self.floor = 1
        self.bodies: list[Body] = []
        self.asked = 0
        self.failures = 0
        self.told: list[str] = []
        stores = STORES[store](turns, self.clock)
        self.caches = [
            CacheMiddleware(
                self.app,
                store=store,
                clock=self.clock,
                runner=turns.add,
                policy=Policy(stale_if_raised=0),
            )
            for store in stores
        ]
        if begin != "cold":
            self.get(0)
            if begin == "stale":
                self.clock.advance(how.lifetime - 5 if "stale-while" in how.control else 61)
        self.failures = how.failures

    def app(self, environ: Environ, start_response: Any) -> Body:
        self.asked += 1
        self.turns.step()
        if environ["REQUEST_METHOD"] == "POST":
            self.version += 1
            environ["test.changed"](self.version)
            self.turns.step()
            start_response("204 No Content", [])
            return self.body([])
        if self.failures:
            self.failures -= 1
            raise AppDown
        version, now = self.version, self.clock.now()
        self.turns.step()
        who = environ.get("HTTP_COOKIE", "nobody") if self.how.personal else "all"
        fields = [("Content-Type", "text/plain"), ("Cache-Control", self.how.control)]
        fields += [("Cache-Groups", '"g"')]
        if self.how.vary:
            fields += [("Vary", self.how.vary)]
        if self.how.etag:
            tag = f'"{version}-{who}"'
            fields += [("ETag", tag)]
            if environ.get("HTTP_IF_NONE_MATCH") == tag:
                start_response("304 Not Modified", fields[1:])
                return self.body([])
        start_response("200 OK", fields)
        return self.body([b"v%d for %s" % (version, who.encode()), b" at %d!" % now])

    def body(self, pieces: list[bytes]) -> Body:
        self.bodies.append(Body(pieces, self.turns))
        return self.bodies[-1]

    # what clients do

    def get(self, place: int, who: str | None = None, *fields: tuple[str, str]) -> None:
        floor, now = self.floor, self.clock.now()
        cookie = [] if who is None else [("Cookie", who)]
        cache = self.caches[place % len(self.caches)]
        try:
            got = exchange(cache, environ_for("GET", "/", [*cookie, *fields]))
        except AppDown:
            return
        self.told.append(got.cache_status or "")
        page = _PAGE.fullmatch(got.body)
        assert page, f"not whole: {got}"
        version, whose, made = int(page[1]), page[2].decode(), int(page[3])
        assert version >= floor, f"{got} is older than {floor}"
        if self.how.personal:
            # What the app says to nobody may be everybody's, if it does not tell of cookies.
            allowed = {who or "nobody", "nobody" if self.how.for_all else who}
            assert whose in allowed, f"{who} got {got}"
        if got.hit:
            assert now - made < self.how.lifetime or self.how.etag, f"{got} is too old"

    def post(self, place: int) -> None:
        cache = self.caches[place % len(self.caches)]
        changed: list[int] = []
        environ = environ_for("POST", changes={"test.changed": changed.append})
        assert exchange(cache, environ).code == 204
        self.floor = max(self.floor, *changed)

    def purged(self, place: int, purge: Callable[[CacheMiddleware], object]) -> None:
        """The resource changes without the cache, which is told."""
        self.turns.step()
        self.version += 1
        version = self.version
        purge(self.caches[place % len(self.caches)])
        self.floor = max(self.floor, version)

    def tick(self, place: int) -> None:
        self.turns.step()
        self.clock.advance(6)


DOES: dict[str, Callable[[Play, int], None]] = {
    "get": lambda play, place: play.get(place),
    "alice": lambda play, place: play.get(place, "alice"),
    "bob": lambda play, place: play.get(place, "bob"),
    "reload": lambda play, place: play.get(place, None, ("Cache-Control", "no-cache")),
    "condition": lambda play, place: play.get(place, None, ("If-None-Match", '"another"')),
    "post": lambda play, place: play.post(place),
    "purge": lambda play, place: play.purged(place, lambda c: c.purge("http://example.org/")),
    "group": lambda play, place: play.purged(place, lambda c: c.purge_groups("g")),
    "all": lambda play, place: play.purged(place, lambda c: c.purge_all()),
    "tick": Play.tick,
}


class Case:
    """Who comes, to what."""

    def __init__(
        self, page: str, begin: str, does: tuple[str, ...], store: str, patient: bool = True
    ) -> None:
        self.page, self.begin, self.does = page, begin, does
        self.store, self.patient = store, patient
        self.told: set[str] = set()

    def __repr__(self) -> str:
        wait = "" if self.patient else "-impatient"
        return "-".join([self.page, self.begin, *self.does, self.store]) + wait

    def run(self, order: list[int], chance: Random | None = None) -> list[Choice]:
        """Play it in this *order*; the choices there were. Raises AssertionError, with the order,
        where something must not be."""
        turns = Turns(order, chance)
        with pytest.MonkeyPatch.context() as patch:
            stepping(turns, patch, self.patient)
            play = Play(turns, PAGES[self.page], self.begin, self.store)
            for place, name in enumerate(self.does):
                turns.add(partial(DOES[name], play, place))
            try:
                turns.run()
                for place in range(2):  # and then somebody asks again
                    play.get(place)
                    turns.run()
                for cache in play.caches:
                    assert len(cache._flights) == 0, "a flight is left"
                    assert not cache._flights._leading
                    assert cache._origin.room.taken == 0
                assert [body.closes for body in play.bodies] == [1] * len(play.bodies)
            except BaseException as error:
                error.add_note(f"{self!r}, order {[one.taken for one in turns.choices]}")
                raise
        self.told.update(play.told)
        return turns.choices


ASKS = ("get", "alice", "bob", "reload")


def begins(page: str) -> tuple[str, ...]:
    """What may be stored when it begins."""
    return ("cold",) if "no-store" in PAGES[page].control else ("cold", "stale")


def pairs(store: str) -> Iterator[Case]:
    """Everything that two may do at once."""
    for page, does in product(PAGES, combinations_with_replacement(DOES, 2)):
        if not set(ASKS).isdisjoint(does):
            for begin, patient in product(begins(page), (True, False)):
                yield Case(page, begin, does, store, patient)


EXHAUSTED = (
    ("plain", "cold", ("get", "post")),
    ("validated", "stale", ("get", "post")),
    ("plain", "stale", ("get", "all")),
    ("vary", "cold", ("alice", "bob")),
    ("window", "stale", ("get", "purge")),
)


def at_random(count: int, store: str, seed: int = 0) -> set[str]:
    """Two to four at once, in whatever order; what they were told."""
    told: set[str] = set()
    for number in range(seed, seed + count):
        chance = Random(number)
        page = chance.choice(list(PAGES))
        does = (chance.choice(ASKS), *chance.choices(list(DOES), k=chance.randrange(1, 4)))
        begin = chance.choice(begins(page))
        case = Case(page, begin, does, store, patient=chance.random() < 0.8)
        try:
            case.run([], chance)
        except BaseException as error:
            error.add_note(f"seed {number}")
            raise
        told |= case.told
    return told


def rows(store: str) -> Callable[[int], str]:
    """All orders of the first twelve steps of some two, those of any two with two interruptions,
    and more of them at random."""

    def run(count: int) -> str:
        done = 0
        for page, begin, does in EXHAUSTED:
            if done < count // 4:
                done += orders(Case(page, begin, does, store).run, 12, 12)
        for case in pairs(store):
            if done < count // 2:
                done += orders(case.run, 2, 200)
        at_random(count - count // 2, store)
        return f"{done} orders of two and {count - count // 2} of more at random, none wrong"

    return run


ROWS: dict[str, tuple[Callable[[int], str], int]] = {
    "orders": (rows("memory"), 200_000),
    "orders-shared": (rows("two-processes"), 200_000),
    "orders-near": (rows("two-near"), 200_000),
}
