"""Requests for the same wait for one that is on its way; nobody waits for what cannot be shared.

Counts, not times: the app's gates open when as many stand before them as may stand there, so a
request that waits where it must not, or does not wait where it must, is one that a gate misses.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bodies import FRESH, giving
from tests.origin.conftest import LEASE_SECONDS
from tests.rig.app import App, Script, Turn, echo, page
from tests.rig.gates import Crowd, Gate, Waiters, interrupting
from tests.rig.stores import Faulty, Leasing
from tests.running import DEADLINE, eventually, fork
from tests.scene import Environ, Exchange, FakeClock, Field, Reply, environ_for, exchange
from wsgicache import CacheMiddleware, Policy
from wsgicache.origin import turns
from wsgicache.origin.flights import (
    REFUSED_SECONDS,
    Flight,
    Flights,
    HeldUp,
    Outcome,
    put_last,
)
from wsgicache.rules.collapsing import HELD_UP_SECONDS
from wsgicache.rules.keys import target_key
from wsgicache.stores.lmdb import LMDBStore

PATIENT: dict[str, Any] = {"collapse_timeout": 3600}
"""Whoever waits for nothing would wait for ever, and the test fails."""


class Stage:
    """A scripted app behind a cache, and crowds in front of it."""

    def __init__(
        self, policy: Policy | None = None, clock: FakeClock | None = None, **options: Any
    ) -> None:
        self.clock = clock or FakeClock()
        self.app = App()
        self.cache = CacheMiddleware(
            self.app, policy=policy or Policy(**PATIENT), clock=self.clock, **options
        )
        self.waiters = Waiters(self.cache)

    def get(self, target: str = "/", *fields: Field, **changes: Any) -> Exchange:
        return exchange(self.cache, environ_for("GET", target, fields, changes=changes))

    def crowd(self, *environs: Environ, take: int | None = None) -> Crowd:
        return Crowd(self.cache, environs, take)

    def many(self, count: int, target: str = "/", *fields: Field) -> Crowd:
        return self.crowd(*(environ_for("GET", target, fields) for _ in range(count)))

    def check_idle(self) -> None:
        """No flight is left, no content that was collected, every body was closed."""
        assert len(self.cache._flights) == 0
        assert self.cache._origin.room.taken == 0
        assert not self.cache._flights._leading
        self.app.check_closed()


def users(count: int, how: str = "Cookie") -> list[Environ]:
    return [environ_for("GET", "/", [(how, f"user-{n}")]) for n in range(count)]


def gated(answer: Script, gate: Gate) -> Script:
    """*answer*, whose head waits at *gate*."""
    return lambda environ, place: replace(answer(environ, place), before=gate)


def told(answers: list[Exchange]) -> dict[str, int]:
    """How many were told what, in Cache-Status."""
    found: dict[str, int] = {}
    for answer in answers:
        status = (answer.cache_status or "").removeprefix("wsgicache; ")
        found[status] = found.get(status, 0) + 1
    return found


# ── one for all ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("late", ["head", "body"])
def test_a_hundred_misses_ask_once(late: str) -> None:
    stage, gate = Stage(), Gate()
    turn = Turn(before=gate) if late == "head" else Turn(between=gate)
    stage.app.plays(turn, Reply(500))
    crowd = stage.many(100)
    stage.waiters.until(99)
    gate.open()
    answers = crowd.answers()
    assert stage.app.count == 1
    assert {answer.body for answer in answers} == {b"page"}
    assert told(answers) == {"fwd=uri-miss; stored": 1, "fwd=uri-miss; collapsed": 99}
    assert {answer.verdict.get("collapsed") for answer in answers} == {None, True}
    assert stage.get().hit
    stage.check_idle()


def test_a_hundred_validations_ask_once() -> None:
    stage, gate = Stage(), Gate()
    stage.app.plays(page(etag='"1"'))
    stage.get()
    stage.clock.advance(61)
    stage.app.plays(Turn(before=gate, reply=Reply(304, etag='"1"', cache_control="max-age=60")))
    crowd = stage.many(100)
    stage.waiters.until(99)
    gate.open()
    answers = crowd.answers()
    assert stage.app.count == 2
    assert stage.app.calls[1].header("If-None-Match") == '"1"'
    assert {answer.body for answer in answers} == {b"page"}
    assert told(answers) == {"fwd=stale; fwd-status=304": 1, "fwd=stale; collapsed": 99}
    stage.check_idle()


def test_what_is_stale_and_new_answers_those_who_waited() -> None:
    """It was validated right now: none of them has to validate it again."""
    stage, gate = Stage(), Gate()
    reply = page(b"page", "max-age=0, stale-while-revalidate=60")
    stage.app.plays(Turn(before=gate, reply=reply), Reply(500))
    crowd = stage.many(3)
    stage.waiters.until(2)
    gate.open()
    assert told(crowd.answers()) == {"fwd=uri-miss; stored": 1, "fwd=uri-miss; collapsed": 2}
    stage.check_idle()


def test_whoever_comes_after_the_answer_hits() -> None:
    """The answer is kept before its last byte leaves, so nobody who saw it asks again."""
    stage = Stage()
    stage.app.plays(Turn(reply=Reply(200, [b"a", b"b"], cache_control="max-age=60")), Reply(500))
    seen: list[bool] = []

    def client(chunk: bytes) -> None:
        if chunk == b"b":
            seen.append(stage.get().hit)

    exchange(stage.cache, environ_for(), each=client)
    assert seen == [True]


def test_a_flood_of_reloads_asks_once_at_a_time() -> None:
    """Clients that say no-cache, max-age=0 or Pragma: who comes meanwhile gets its answer."""
    stage, gate = Stage(), Gate()
    stage.app.plays(page(b"old"))
    stage.get()
    stage.clock.advance(1)
    stage.app.plays(Turn(before=gate, reply=page(b"new")))
    reloads: list[list[Field]] = [
        [("Cache-Control", "no-cache")],
        [("Cache-Control", "max-age=0")],
        [("Pragma", "no-cache")],
    ]
    crowd = stage.crowd(*(environ_for("GET", "/", reloads[n % 3]) for n in range(60)))
    stage.waiters.until(59)
    gate.open()
    answers = crowd.answers()
    assert {answer.body for answer in answers} == {b"new"}
    assert stage.app.count == 2
    (asked,) = (one for one in told(answers) if one != "fwd=request; collapsed")
    assert asked.startswith("fwd=request; stored; detail=")
    stage.check_idle()


RAISED = ZeroDivisionError("on purpose")


@pytest.mark.parametrize("said", ["no-cache", "max-age=60"])
@pytest.mark.parametrize(
    "failure", [Turn(reply=Reply(503)), Turn(raises=RAISED)], ids=["503", "raised"]
)
def test_a_reload_gets_nothing_from_a_validation_that_failed(said: str, failure: Turn) -> None:
    """§5.2.1: who wants the origin asked does not get what was stored before, but asks himself."""
    stage, gate = Stage(Policy(stale_if_raised=0, **PATIENT)), Gate()
    stage.app.plays(page(b"old", "max-age=90"))
    stage.get()
    stage.clock.advance(80)
    stage.app.plays(replace(failure, before=gate), page(b"new"))
    crowd = stage.many(3, "/", ("Cache-Control", said))
    stage.waiters.until(2)
    gate.open()
    answers = [outcome for outcome in crowd.outcomes() if isinstance(outcome, Exchange)]
    assert [answer.body for answer in answers if answer.code == 200] == [b"new", b"new"]
    stage.check_idle()


# ── nobody waits for what cannot be shared ───────────────────────────────────────────────────────

UNSHARED: dict[str, dict[str, Any]] = {
    "private": {"cache_control": "private, max-age=60"},
    "no-store": {"cache_control": "no-store"},
    "set-cookie": {"cache_control": "public, max-age=60", "set_cookie": "sid=1"},
    "vary-all": {"cache_control": "public, max-age=60", "vary": "*"},
    "no-cc": {},
    "206": {"status": 206, "cache_control": "public, max-age=60"},
    "max-age=0": {"cache_control": "max-age=0"},
    "cookie": {"cache_control": "max-age=60"},
}
IN_RFC = UNSHARED.keys() - {"set-cookie", "206", "cookie"}
"""Policy.rfc() stores the others, as RFC 9111 lets it."""

UNSHARED_ROWS = [
    pytest.param(profile, named, id=f"{name}-{profile.__name__.lower()}")
    for profile in (Policy, Policy.rfc)
    for name, named in UNSHARED.items()
    if profile is Policy or name in IN_RFC
]


def check_own(answers: list[Exchange], environs: list[Environ], key: str) -> None:
    """Everybody has the page that was made for him, and nobody was served from the cache."""
    for answer, environ in zip(answers, environs, strict=True):
        assert answer.text == f"for {environ[key]}", answer
        assert not answer.hit
        assert "collapsed" not in answer.verdict


@pytest.mark.parametrize(("profile", "named"), UNSHARED_ROWS)
def test_fifty_users_get_fifty_pages(profile: Callable[..., Policy], named: dict[str, Any]) -> None:
    """The first wave waits for one head and for no body, the second wave for nobody."""
    stage, environs = Stage(profile(**PATIENT)), users(50)
    answer = echo(**named)
    heads, bodies, second = Gate(), Gate(opens_at=50), Gate(opens_at=50)

    def script(environ: Environ, place: int) -> Turn:
        reply = answer(environ, place).reply
        return Turn(before=None if place else heads, reply=reply, between=bodies)

    stage.app.script = script
    crowd = stage.crowd(*environs)
    stage.waiters.until(49)
    heads.open()
    check_own(crowd.answers(), environs, "HTTP_COOKIE")
    stage.check_idle()
    stage.app.script = gated(answer, second)
    check_own(stage.crowd(*environs).answers(), environs, "HTTP_COOKIE")
    assert stage.app.count == 100
    assert len(stage.waiters) == 49, "the second wave waited"
    stage.check_idle()


def test_vary_on_cookie_keeps_each_his_own() -> None:
    """Fifty users of a page that is stored for each: all but one go on in parallel when the first
    head names Cookie, and find their own the next time."""
    stage, environs = Stage(), users(50)
    first, others = Gate(), Gate(opens_at=49)
    answer = echo(cache_control="max-age=60", vary="Cookie")
    stage.app.script = lambda environ, place: replace(
        answer(environ, place), before=others if place else first
    )
    crowd = stage.crowd(*environs)
    stage.waiters.until(49)
    first.open()
    check_own(crowd.answers(), environs, "HTTP_COOKIE")
    again = stage.crowd(*environs).answers()
    assert [got.text for got in again] == [f"for user-{n}" for n in range(50)]
    assert all(got.hit for got in again)
    assert stage.app.count == 50
    stage.check_idle()


AUTHORIZED = {
    **{name: UNSHARED[name] for name in ("private", "no-store", "no-cc", "max-age=0", "cookie")},
    "vary": {"cache_control": "max-age=60", "vary": "Authorization"},
    "500": {"status": 500},
}


@pytest.mark.parametrize("profile", [Policy, Policy.rfc], ids=["safe", "rfc"])
@pytest.mark.parametrize("named", AUTHORIZED.values(), ids=AUTHORIZED)
def test_credentials_wait_for_nobody(profile: Callable[..., Policy], named: dict[str, Any]) -> None:
    stage, environs = Stage(profile(**PATIENT)), users(50, "Authorization")
    for _ in range(2):
        stage.app.script = gated(echo("HTTP_AUTHORIZATION", **named), Gate(opens_at=50))
        check_own(stage.crowd(*environs).answers(), environs, "HTTP_AUTHORIZATION")
    assert stage.app.count == 100
    assert len(stage.waiters) == 0
    stage.check_idle()


@pytest.mark.parametrize(
    "named",
    [{"status": 500}, {"status": 503, "cache_control": "private, max-age=9"}],
    ids=["500", "503"],
)
def test_an_error_may_be_over_soon(named: dict[str, Any]) -> None:
    """One more is sent to see; when that gets an error, too, everybody goes on alone."""
    stage, environs = Stage(), users(50)
    answer, rest = echo(**named), Gate(opens_at=48)

    def script(environ: Environ, place: int) -> Turn:
        waiting = (49, 49 + 48)
        before = rest if place > 1 else lambda: stage.waiters.until(waiting[place])
        return replace(answer(environ, place), before=before)

    stage.app.script = script
    check_own(stage.crowd(*environs).answers(), environs, "HTTP_COOKIE")
    assert stage.app.count == 50
    stage.check_idle()


STORED_FOR_VALIDATION: dict[str, dict[str, Any]] = {
    "no-cache": {"cache_control": "no-cache, public", "etag": '"1"'},
    "max-age=0": {"cache_control": "max-age=0, public", "etag": '"1"'},
    "no-lifetime": {"cache_control": "public", "etag": '"1"'},
}


@pytest.mark.parametrize("named", STORED_FOR_VALIDATION.values(), ids=STORED_FOR_VALIDATION)
def test_what_is_asked_about_every_time_keeps_nobody_waiting(named: dict[str, Any]) -> None:
    """A response that is stored for its validator only answers nobody else (§5.2.2.4): the first
    wave waits for one answer at most, the next for none."""
    stage = Stage()
    first, rest, again = Gate(), Gate(opens_at=19), Gate(opens_at=20)
    turn = Turn(reply=page(**named))
    stage.app.script = lambda environ, place: replace(turn, before=rest if place else first)
    crowd = stage.many(20)
    stage.waiters.until(19)
    first.open()
    crowd.answers()
    turn = Turn(before=again, reply=Reply(304, **named))
    stage.app.script = lambda environ, place: turn
    waited = len(stage.waiters)
    assert told(stage.many(20).answers()) == {"fwd=stale; fwd-status=304": 20}
    assert len(stage.waiters) == waited == 19
    assert stage.app.count == 40
    stage.check_idle()


def test_heads_that_tell_release_at_once() -> None:
    """An endless stream: who waits goes on when its head is there, not at the end of its body."""
    stage, head, end = Stage(), Gate(), Gate()
    stream = Reply(200, b"data: 1", content_type="text/event-stream", cache_control="max-age=60")
    stage.app.script = lambda environ, place: Turn(before=head, reply=stream, between=end)
    crowd = stage.many(5)
    stage.waiters.until(4)
    head.open()
    end.until(5)  # all five bodies are under way
    assert len(stage.cache._flights) == 0
    end.open()
    crowd.answers()
    assert stage.app.count == 5


def test_content_that_turns_out_too_large_is_remembered() -> None:
    stage = Stage(Policy(max_content=10, **PATIENT))
    large = Reply(200, [b"x" * 8, b"y" * 8], cache_control="max-age=60", length=False)
    gate, again = Gate(), Gate(opens_at=4)
    stage.app.plays(Turn(before=gate, reply=large), Turn(before=again, reply=large))
    crowd = stage.many(5)
    stage.waiters.until(4)
    gate.open()
    assert {answer.body for answer in crowd.answers()} == {b"x" * 8 + b"y" * 8}
    assert stage.get().detail == "too-large"
    stage.check_idle()


def test_one_piece_that_is_too_large_is_remembered() -> None:
    """Whatever its head says: nothing of its length."""
    stage = Stage(Policy(max_content=10, **PATIENT))

    def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("Content-Type", "text/plain")])
        return [b"x" * 11]

    stage.cache._origin.app = app
    assert stage.get().stored
    assert stage.get().detail == "too-large"
    stage.check_idle()


def test_content_that_was_too_large_once_is_not_for_ever() -> None:
    """While that is known nobody looks, so nothing is learned that could be remembered anew."""
    stage = Stage(Policy(max_content=10, **PATIENT))
    stage.app.plays(Reply(200, [b"x" * 11], cache_control="max-age=60", length=False), page(b"y"))
    answers = [stage.get()]
    while len(answers) < 20 and not answers[-1].hit:
        stage.clock.advance(REFUSED_SECONDS / 8)
        answers.append(stage.get())
    assert [answer.detail for answer in answers[1:8]] == ["too-large"] * 7
    assert [answer.hit for answer in answers[8:]] == [False, True]


def refusal(stage: Stage, key: int) -> str | None:
    """Why the responses of *key* are known not to be shared."""
    known = stage.cache._flights.refused(key, stage.clock.now())
    return None if known is None else known.why


def test_a_refusal_is_remembered_for_two_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, keys = Stage(), []
    board = stage.cache._flights.board

    def noted(key: int, now: float, may_lead: bool = True) -> tuple[Flight | None, bool]:
        keys.append(key)
        return board(key, now, may_lead)

    monkeypatch.setattr(stage.cache._flights, "board", noted)
    stage.app.plays(page(cache_control="no-store"))
    stage.get()
    key = keys.pop()
    assert refusal(stage, key) == "no-store"
    stage.clock.advance(REFUSED_SECONDS - 1)
    assert stage.cache._flights.board(key, stage.clock.now()) == (None, False)
    stage.clock.advance(2)
    assert refusal(stage, key) is None
    flight, leads = stage.cache._flights.board(key, stage.clock.now())
    assert leads
    assert flight is not None
    flight.land("kept", None, None)
    assert not stage.cache._flights._refused


def test_a_refusal_that_goes_on_is_remembered_from_its_second_minute_on() -> None:
    stage = Stage()
    flights: list[Any] = []
    stage.app.plays(page(cache_control="no-store"))
    for seconds in (0, REFUSED_SECONDS / 4, REFUSED_SECONDS / 4, REFUSED_SECONDS * 3 / 4):
        stage.clock.advance(seconds)
        stage.get()
        flights += stage.cache._flights._refused.values()
    assert flights[0] is flights[1], "nothing is written that soon"
    begun = stage.clock.now() - REFUSED_SECONDS * 5 / 4
    assert [one.until - begun - REFUSED_SECONDS for one in flights[1:]] == [
        0,
        REFUSED_SECONDS / 2,
        REFUSED_SECONDS * 5 / 4,
    ]
    stage.check_idle()


@pytest.mark.parametrize(
    ("turn", "wish", "known"),
    [
        (page(), None, ("landed", None)),
        (page([b"pa", b"ge"]), None, ("landed", None)),
        (page(cache_control="no-cache", etag='"1"'), None, ("refused", "validation")),
        (page([b"pa", b"ge"], "no-cache", etag='"1"'), None, ("refused", "validation")),
        (page(cache_control="no-store"), None, ("refused", "no-store")),
        (page([b"x" * 50] * 3), None, ("refused", "too-large")),
        (page(b"x" * 150), None, ("refused", "too-large")),
        (Turn(cut=0), None, ("failed", None)),
        (Turn(reply=page(length=False), breaks=ValueError("on purpose")), None, ("failed", None)),
        (Turn(raises=ValueError("on purpose")), None, ("failed", None)),
        (Reply(503, "busy"), None, ("failed", None)),
        (Reply(404, "no"), None, ("refused", "freshness")),
        (Reply(404, "no"), "no-cache", ("failed", None)),
    ],
    ids=[
        "one piece", "two pieces", "no-cache", "no-cache in pieces", "no-store", "large pieces",
        "a large piece", "cut short", "breaks", "raises", "503", "404", "forced",
    ],
)  # fmt: skip
def test_how_it_ended_is_known(
    turn: Turn | Reply, wish: str | None, known: tuple[str, str | None]
) -> None:
    stage = Stage(Policy(max_content=120, **PATIENT))
    flights = stage.cache._flights
    if wish is not None:
        stage.get()
        stage.clock.advance(1)
        flights.begin_in_child()
    stage.app.plays(turn)
    with suppress(ValueError):
        stage.get("/", *[("Cache-Control", wish)] if wish else [])
    found: list[tuple[str, str | None]] = [("landed", None) for _ in flights._landed]
    found += [("failed", None) for _ in flights._failed]
    found += [("refused", one.why) for one in flights._refused.values()]
    assert found == [known]
    stage.check_idle()


@pytest.mark.parametrize("failing", [frozenset(), frozenset({"update"})], ids=["kept", "failed"])
def test_how_keeping_one_piece_ended_is_known(failing: frozenset[str]) -> None:
    store = Faulty()
    store.failing = failing
    cache = CacheMiddleware(giving([b"page"], FRESH), store=store)
    exchange(cache, environ_for())
    assert (len(cache._flights._landed), len(cache._flights._failed)) == (
        (0, 1) if failing else (1, 0)
    )


def test_a_304_may_say_that_nobody_is_to_wait() -> None:
    """What it renews needs validation every time from now on, until it is said otherwise."""
    stage = Stage()
    never, nowhere = "no-cache", "no-cache, no-store"
    stage.app.plays(
        page(cache_control="max-age=1", etag='"1"'),
        *(Reply(304, cache_control=said, etag='"1"') for said in (never, "max-age=1", nowhere)),
    )
    known = []
    for _ in range(4):
        stage.get()
        known.append([one.why for one in stage.cache._flights._refused.values()])
        stage.clock.advance(2)
    assert known == [[], ["validation"], [], ["no-store"]]
    stage.check_idle()


def test_a_refusal_is_forgotten_when_something_is_kept() -> None:
    """A page that was private once collapses like any other when it is so no longer."""
    stage, gate = Stage(), Gate()
    stage.app.plays(page(cache_control="no-store"), page(b"shared", "max-age=1"))
    stage.get()
    assert stage.get().stored
    stage.clock.advance(2)
    stage.app.plays(Turn(before=gate, reply=page(b"new")))
    crowd = stage.many(10)
    stage.waiters.until(9)
    gate.open()
    crowd.answers()
    assert stage.app.count == 3
    stage.check_idle()


def test_what_is_remembered_is_bounded() -> None:
    stage = Stage()
    stage.app.plays(page(cache_control="no-store"))
    for number in range(10_050):
        flight, leads = stage.cache._flights.board(number, stage.clock.now())
        assert leads
        assert flight is not None
        flight.land("refused", "no-store", None)
    assert 9_000 < len(stage.cache._flights._refused) <= 10_000
    assert refusal(stage, 49) is None
    assert refusal(stage, 10_049) == "no-store"
    assert len(stage.cache._flights) == 0


# ── what never waits, nor is waited for ──────────────────────────────────────────────────────────

ALONE: dict[str, dict[str, Any]] = {
    "no-store": {"headers": [("Cache-Control", "no-store")]},
    "authorization": {"headers": [("Authorization", "Basic eDp5")]},
    "remote-user": {"changes": {"REMOTE_USER": "alice"}},
    "body": {"body": b"x=1"},
    "chunked": {"headers": [("Transfer-Encoding", "chunked")]},
    "if-match": {"headers": [("If-Match", '"x"')]},
    "post": {"method": "POST"},
    "bypass": {"changes": {"wsgicache.bypass": True}},
}


@pytest.mark.parametrize("given", ALONE.values(), ids=ALONE)
def test_passes_neither_lead_nor_follow(given: dict[str, Any]) -> None:
    stage, leader, gate = Stage(), Gate(), Gate(opens_at=3)
    own = page(b"alone", "no-store")
    stage.app.plays(Turn(before=leader), Turn(before=gate, reply=own))
    crowd = stage.many(1)
    leader.until(1)
    alone = stage.crowd(*(environ_for(**given) for _ in range(3)))
    assert {answer.body for answer in alone.answers()} <= {b"alone", b""}
    assert len(stage.cache._flights) == 1
    assert len(stage.waiters) == 0
    stage.app.plays(Turn(before=gate))
    follower = stage.many(1)
    stage.waiters.until(1)
    leader.open()
    assert [answer.body for answer in crowd.answers() + follower.answers()] == [b"page"] * 2 or (
        given.get("method") == "POST"
    )
    stage.check_idle()


def test_the_switch() -> None:
    stage, gate = Stage(Policy(collapse=False)), Gate(opens_at=10)
    stage.app.script = lambda environ, place: Turn(before=gate)
    assert told(stage.many(10).answers()) == {"fwd=uri-miss; stored": 10}
    assert stage.app.count == 10
    assert stage.get().hit


# ── variants ─────────────────────────────────────────────────────────────────────────────────────


def test_a_vary_that_nobody_knew_of() -> None:
    """Those whom the leader's answer does not fit go on in parallel, one for each of their values;
    those whom it fits are served."""
    stage = Stage()
    first, others = Gate(), Gate(opens_at=9)
    answer = echo("HTTP_X_KIND", cache_control="max-age=60", vary="X-Kind")
    stage.app.script = lambda environ, place: replace(
        answer(environ, place), before=others if place else first
    )
    crowd = stage.crowd(environ_for(headers=[("X-Kind", "0")]))
    first.until(1)
    environs = [environ_for(headers=[("X-Kind", str(n % 10))]) for n in range(50)]
    crowd.add(*environs)
    stage.waiters.until(50)
    first.open()
    answers = crowd.answers()
    assert [answer.text for answer in answers[1:]] == [f"for {n % 10}" for n in range(50)]
    assert stage.app.count == 10
    assert told(answers)["fwd=uri-miss; collapsed"] >= 5
    stage.check_idle()
    # Known by now: nobody waits for a variant of another.
    waited = len(stage.waiters)
    together = Gate(opens_at=10)
    stage.clock.advance(61)
    stage.app.script = gated(answer, together)
    assert [a.text for a in stage.crowd(*environs[:10]).answers()] == [
        f"for {n}" for n in range(10)
    ]
    assert len(stage.waiters) == waited
    stage.check_idle()


def test_cookies_and_none_do_not_wait_for_each_other() -> None:
    """Whether cookies matter is known when the app has said so: who has none waits for nobody who
    has some."""
    stage, gate = Stage(), Gate(opens_at=2)
    stage.app.script = gated(echo(cache_control="max-age=60"), gate)
    crowd = stage.crowd(environ_for(), environ_for(headers=[("Cookie", "sid=1")]))
    assert [answer.text for answer in crowd.answers()] == ["for nobody", "for sid=1"]
    assert len(stage.waiters) == 0
    assert stage.get().text == "for nobody"


def test_followers_decide_with_their_own_directives() -> None:
    """§5.2.1: an answer too old, or not fresh for long enough, is not his who asks for better."""
    stage, gate = Stage(), Gate()
    stage.app.plays(Turn(before=gate, reply=page(b"short", "max-age=10")), page(b"asked again"))
    crowd = stage.crowd(environ_for())
    gate.until(1)
    crowd.add(environ_for(headers=[("Cache-Control", "min-fresh=30")]), environ_for())
    stage.waiters.until(2)
    gate.open()
    short, better, content = [answer.text for answer in crowd.answers()]
    assert (short, better) == ("short", "asked again")
    assert content in (short, better), "whoever came last has been served"
    assert stage.app.count == 2
    stage.check_idle()


# ── leaders that fail ────────────────────────────────────────────────────────────────────────────

FAILING = {
    "raises": Turn(raises=ValueError("on purpose")),
    "raises-lazily": Turn(raises=ValueError("on purpose"), lazy=True),
    "exits": Turn(raises=SystemExit("on purpose")),
    "interrupted": Turn(raises=KeyboardInterrupt()),
    "breaks": Turn(reply=page([b"pa", b"ge"]), cut=1, breaks=ValueError("on purpose")),
    "exits-in-body": Turn(reply=page([b"pa", b"ge"]), cut=1, breaks=SystemExit("on purpose")),
    "cut": Turn(reply=page([b"pa", b"ge"]), cut=1),
    "503": Turn(reply=Reply(503, "busy")),
}


@pytest.mark.parametrize("failure", FAILING.values(), ids=FAILING)
def test_one_follower_takes_over(failure: Turn) -> None:
    """A failure that is over when one more asks costs one more request, and no more."""
    stage, gate, second = Stage(), Gate(), Gate()
    stage.app.plays(replace(failure, before=gate), Turn(before=second), Reply(500))
    crowd = stage.many(30)
    stage.waiters.until(29)
    gate.open()
    stage.waiters.until(29 + 28)
    second.open()
    answers = [one for one in crowd.outcomes() if isinstance(one, Exchange)]
    assert stage.app.count == 2
    assert sum(answer.body == b"page" for answer in answers) == 29
    assert told(answers)["fwd=uri-miss; collapsed"] == 28
    stage.check_idle()


@pytest.mark.parametrize("failure", FAILING.values(), ids=FAILING)
def test_then_everybody_is_free(failure: Turn) -> None:
    """A failure that goes on costs nobody more than two of them, one after the other."""
    stage = Stage()
    gates = [Gate(), Gate(), Gate(opens_at=28)]
    stage.app.script = lambda environ, place: replace(failure, before=gates[min(place, 2)])
    crowd = stage.many(30)
    stage.waiters.until(29)
    gates[0].open()
    stage.waiters.until(29 + 28)
    gates[1].open()
    assert len(crowd.outcomes()) == stage.app.count == 30
    stage.check_idle()


def failed_twice(stage: Stage) -> None:
    """Two clients, one waiting for the other, have got an error each."""
    gate = Gate()
    stage.app.plays(Turn(before=gate, reply=Reply(503)), Reply(503))
    crowd = stage.many(2)
    stage.waiters.until(1)
    gate.open()
    assert [answer.code for answer in crowd.answers()] == [503, 503]


def test_who_comes_while_it_goes_on_waits_for_one() -> None:
    """The app has failed twice: who comes now waits for one more attempt, not for two."""
    stage, probe, rest = Stage(), Gate(), Gate(opens_at=9)
    failed_twice(stage)
    turns = [Turn(before=gate, reply=Reply(503)) for gate in (probe, rest)]
    stage.app.script = lambda environ, place: turns[place > 2]
    crowd = stage.many(10)
    stage.waiters.until(1 + 9)
    probe.open()
    assert {answer.code for answer in crowd.answers()} == {503}
    assert stage.app.count == 12
    assert len(stage.waiters) == 10
    stage.check_idle()


@pytest.mark.parametrize("over", ["answered", "forgotten"])
def test_a_failure_that_is_over_is_forgotten(over: str) -> None:
    """By the next answer, or when nobody would wait so long: then one more is sent to see again."""
    stage, gate, second = Stage(), Gate(), Gate()
    failed_twice(stage)
    if over == "answered":
        stage.app.plays(page())
        stage.get()
        stage.clock.advance(61)
    else:
        stage.clock.advance(3601)
    stage.app.plays(Turn(before=gate, reply=Reply(503)), Turn(before=second), Reply(500))
    asked = stage.app.count
    crowd = stage.many(10)
    stage.waiters.until(1 + 9)
    gate.open()
    stage.waiters.until(1 + 9 + 8)
    second.open()
    assert sum(answer.body == b"page" for answer in crowd.answers()) == 9
    assert stage.app.count == asked + 2
    stage.check_idle()


STALE = "max-age=10, stale-if-error=60"


@pytest.mark.parametrize(
    ("said", "failure"),
    [(STALE, Turn(reply=Reply(503))), ("max-age=10", Turn(raises=RAISED))],
    ids=["503", "raised"],
)
def test_where_a_stale_response_stands_in_it_does_for_all(said: str, failure: Turn) -> None:
    """RFC 5861 §4: an error was met; those who have waited for it need not meet it again."""
    stage, gate = Stage(Policy(stale_if_raised=60, **PATIENT)), Gate()
    stage.app.plays(page(b"old", said), replace(failure, before=gate))
    stage.get()
    stage.clock.advance(11)
    crowd = stage.many(30)
    stage.waiters.until(29)
    gate.open()
    answers = crowd.answers()
    assert {(answer.body, answer.age) for answer in answers} == {(b"old", 11)}
    assert told(answers)["fwd=stale; collapsed"] == 29
    assert stage.app.count == 2
    stage.check_idle()


@pytest.mark.parametrize(
    ("said", "failure"),
    [("max-age=10", Turn(reply=Reply(503))), ("max-age=10", Turn(raises=RAISED))],
    ids=["503", "raised"],
)
def test_a_stale_response_stands_in_for_those_only_whom_it_may(said: str, failure: Turn) -> None:
    """The one in front allows it by a directive of its own (RFC 5861 §4); the others do not."""
    policy = Policy(stale_if_raised=0, **PATIENT)
    stage, gate, second = Stage(policy), Gate(), Gate()
    stage.app.plays(page(b"old", said), replace(failure, before=gate), Turn(before=second))
    stage.get()
    stage.clock.advance(11)
    allowing = stage.many(1, "/", ("Cache-Control", "stale-if-error=60"))
    gate.until(1)
    crowd = stage.many(5)
    stage.waiters.until(5)
    gate.open()
    stage.waiters.until(5 + 4)
    second.open()
    assert [answer.body for answer in allowing.answers()] == [b"old"]
    assert {answer.body for answer in crowd.answers()} == {b"page"}
    assert stage.app.count == 3
    stage.check_idle()


def test_failures_are_bounded() -> None:
    stage = Stage()
    for number in range(1_050):
        flight, _ = stage.cache._flights.board(number, stage.clock.now())
        assert flight is not None
        flight.land("failed", None, None)
    assert 900 < len(stage.cache._flights._failed) <= 1_000


def test_nobody_waits_while_the_store_goes_on_failing() -> None:
    """What one gets, no other would find."""
    store, gate = Faulty(), Gate(opens_at=10)
    store.failing = frozenset({"get", "update"})
    stage = Stage(store=store)
    stage.get()
    stage.app.script = lambda environ, place: Turn(before=gate)
    assert {answer.body for answer in stage.many(10).answers()} == {b"page"}
    assert len(stage.waiters) == 0
    stage.check_idle()


def test_a_look_up_that_fails_once_is_no_reason_to_ask_alone() -> None:
    """A slow store in front of a crowd on a cold key: one asks for all."""
    store, gate = Faulty(), Gate()
    store.failing = frozenset({"get"})
    stage = Stage(store=store)
    stage.app.plays(Turn(before=gate), Reply(500))
    crowd = stage.many(10)
    stage.waiters.until(9)
    store.failing = frozenset()
    gate.open()
    assert {answer.body for answer in crowd.answers()} == {b"page"}
    assert stage.app.count == 1
    stage.check_idle()


@pytest.mark.parametrize("take", [0, 1])
def test_a_leader_that_hangs_up(take: int) -> None:
    """What its client did not read to the end is not stored; somebody else asks."""
    stage, gate, second = Stage(), Gate(), Gate()
    two = page([b"pa", b"ge"])
    stage.app.plays(Turn(before=gate, reply=two), Turn(before=second, reply=two), Reply(500))
    leader = stage.crowd(environ_for(), take=take)
    gate.until(1)
    crowd = stage.many(10)
    stage.waiters.until(10)
    gate.open()
    leader.answers()
    stage.waiters.until(19)
    second.open()
    assert {answer.body for answer in crowd.answers()} == {b"page"}
    assert stage.app.count == 2
    stage.check_idle()


def test_a_leader_that_is_slow_keeps_nobody_longer_than_the_timeout() -> None:
    stage, slow = Stage(Policy(collapse_timeout=0.05)), Gate()
    stage.app.plays(Turn(before=slow, reply=page(b"old")), page(b"new"))
    leader = stage.many(1)
    slow.until(1)
    crowd = stage.many(10)
    assert {answer.body for answer in crowd.answers()} == {b"new"}
    assert 2 <= stage.app.count <= 11
    slow.open()
    assert leader.answers()[0].body == b"old"
    stage.check_idle()


def test_waiting_makes_no_answer_older() -> None:
    """§4.2.3: its age begins when the app is asked, not when somebody came."""
    stage, gate = Stage(), Gate()
    stage.app.plays(
        Turn(before=gate, reply=Reply(200, cache_control="private")),
        Reply(200, cache_control="max-age=5"),
    )
    crowd = stage.many(2)
    stage.waiters.until(1)
    stage.clock.advance(10)
    gate.open()
    crowd.answers()
    assert stage.app.count == 2
    assert stage.get().header("Age") == "0"


def test_an_answer_that_took_long_replaces_none_that_was_asked_for_later() -> None:
    stage, slow = Stage(Policy(collapse_timeout=0.05)), Gate()
    stage.app.plays(Turn(before=slow, reply=page(b"old")), page(b"new"))
    leader = stage.many(1)
    slow.until(1)
    stage.clock.advance(1)
    assert stage.get().body == b"new"
    stage.clock.advance(1)
    slow.open()
    leader.answers()
    assert stage.get().body == b"new"


def test_a_flight_that_is_overdue_is_joined_by_nobody() -> None:
    stage, stuck = Stage(), Gate()
    stage.app.plays(Turn(before=stuck, reply=page(b"old")), page(b"new"))
    leader = stage.many(1)
    stuck.until(1)
    stage.clock.advance(3601)
    assert stage.get().body == b"new"
    assert len(stage.waiters) == 0
    stuck.open()
    leader.answers()
    stage.check_idle()


def test_a_body_that_is_neither_read_nor_closed() -> None:
    """A server that breaks PEP 3333: nobody waits longer than for any other."""
    stage = Stage()
    stage.app.plays(page([b"pa", b"ge"]))
    body = stage.cache(environ_for(), lambda *args: lambda data: None)
    assert len(stage.cache._flights) == 1
    stage.clock.advance(stage.cache.policy.collapse_timeout + 1)
    assert stage.get().stored
    assert len(stage.cache._flights) == 0
    del body


def test_an_exit_while_waiting_for_another_process() -> None:
    """What interrupts the one that leads here lands his flight, wherever he was."""
    clock = FakeClock()
    stage = Stage(store=Leasing(clock))

    def interrupted(*_: object) -> bool:
        raise SystemExit

    stage.cache.store.lease = interrupted  # type: ignore[attr-defined]
    with pytest.raises(SystemExit):
        stage.get()
    stage.check_idle()


# ── apps that call themselves ────────────────────────────────────────────────────────────────────


def test_an_app_that_includes_itself() -> None:
    """The same key, in the same thread: the inner request goes on alone."""
    stage = Stage()
    depth = 0

    def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        nonlocal depth
        depth += 1
        inner = stage.get().body if depth < 3 else b"end"
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("Content-Type", "text/plain")])
        return [b"(" + inner + b")"]

    stage.cache._origin.app = app
    assert stage.get().body == b"(((end)))"
    assert len(stage.waiters) == 0
    stage.check_idle()


def test_two_pages_that_include_each_other() -> None:
    """Each leads its own and asks for the other: none waits for what waits for it."""
    stage, both = Stage(), Gate(opens_at=2)

    def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        other = {"/a": "/b", "/b": "/a"}.get(environ["PATH_INFO"])
        included = b""
        if other is not None and "HTTP_X_INNER" not in environ:
            both()
            included = stage.get(other, ("X-Inner", "1")).body
        start_response("200 OK", [("Cache-Control", "no-cache"), ("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode() + included]

    stage.cache._origin.app = app
    crowd = stage.crowd(environ_for("GET", "/a"), environ_for("GET", "/b"))
    assert [answer.body for answer in crowd.answers()] == [b"/a/b", b"/b/a"]
    assert len(stage.waiters) == 0
    stage.check_idle()


# ── unsafe requests, and what is on its way (§4.4) ───────────────────────────────────────────────


def test_an_unsafe_request_dooms_the_fill_under_way() -> None:
    stage, gate = Stage(), Gate()
    stage.app.plays(Turn(between=gate, reply=page(b"old")), Reply(204), page(b"new"))
    leader = stage.many(1)
    gate.until(1)
    crowd = stage.many(5)
    stage.waiters.until(5)
    assert exchange(stage.cache, environ_for("POST")).code == 204
    crowd.add(environ_for())
    stage.waiters.until(6)
    gate.open()
    assert leader.answers()[0].body == b"old"
    # Who asked after the POST must not see what was before it; nobody else does either.
    assert {answer.body for answer in crowd.answers()} == {b"new"}
    assert stage.app.count == 3
    assert stage.get().body == b"new"
    stage.check_idle()


def test_an_unsafe_request_dooms_the_validation_under_way() -> None:
    stage, gate = Stage(), Gate()
    stage.app.plays(page(b"old", etag='"1"'))
    stage.get()
    stage.clock.advance(61)
    confirmed = Reply(304, etag='"1"', cache_control="max-age=60")
    stage.app.plays(Turn(before=gate, reply=confirmed), Reply(204), page(b"new"))
    leader = stage.many(1)
    gate.until(1)
    assert exchange(stage.cache, environ_for("POST")).code == 204
    gate.open()
    assert leader.answers()[0].body == b"old"
    assert stage.get().body == b"new"
    stage.check_idle()


def test_a_failed_unsafe_request_dooms_nothing() -> None:
    stage, gate = Stage(), Gate()
    stage.app.plays(Turn(between=gate), Reply(403))
    leader = stage.many(1)
    gate.until(1)
    assert exchange(stage.cache, environ_for("POST")).code == 403
    gate.open()
    leader.answers()
    assert stage.get().hit


def test_unsafe_requests_keep_no_hit_waiting() -> None:
    """A thousand of them at once, each with its answer still on the way: hits pass by."""
    stage, gate = Stage(), Gate()
    stage.app.plays(page())
    stage.get("/hot")
    stage.app.plays(Turn(before=gate, reply=Reply(204)))
    crowd = stage.crowd(*(environ_for("POST", f"/{n}") for n in range(200)))
    gate.until(200)
    assert all(stage.get("/hot").hit for _ in range(1000))
    gate.open()
    assert {answer.code for answer in crowd.answers()} == {204}
    assert stage.get("/hot").hit


def test_after_a_purge_of_everything_one_asks() -> None:
    stage, gate = Stage(), Gate()
    stage.app.plays(page(b"old"))
    stage.get()
    stage.cache.purge_all()
    stage.app.plays(Turn(before=gate, reply=page(b"new")), Reply(500))
    crowd = stage.many(50)
    stage.waiters.until(49)
    gate.open()
    assert {answer.body for answer in crowd.answers()} == {b"new"}
    assert stage.app.count == 2
    stage.check_idle()


# ── leases: one process of several ───────────────────────────────────────────────────────────────


def processes(store: Leasing, clock: FakeClock, count: int, **options: Any) -> list[Stage]:
    """Caches that share a store, as several processes would."""
    policy = Policy(**PATIENT, **options)
    return [Stage(policy, clock, store=store) for _ in range(count)]


def test_one_process_fills_for_the_others() -> None:
    clock = FakeClock()
    store, gate = Leasing(clock), Gate()
    here, there = processes(store, clock, 2)
    here.app.plays(Turn(before=gate))
    there.app.plays(Reply(500))
    first = here.many(5)
    gate.until(1)
    second = there.many(5)
    there.waiters.until(4)
    here.waiters.until(4)
    gate.open()
    assert {answer.body for answer in first.answers() + second.answers()} == {b"page"}
    assert (here.app.count, there.app.count) == (1, 0)
    assert store.leases == {}
    here.check_idle()
    there.check_idle()


def test_a_reload_gets_nothing_that_was_there_before() -> None:
    """Whoever waits for another process with no-cache gets what that one learns, nothing older."""
    clock = FakeClock()
    store, gate = Leasing(clock), Gate()
    here, there = processes(store, clock, 2)
    here.app.plays(page(b"old"))
    here.get()
    clock.advance(5)
    here.app.plays(Turn(before=gate, reply=page(b"new")))
    there.app.plays(page(b"newer"))
    reload = ("Cache-Control", "no-cache")
    first = here.many(1, "/", reload)
    gate.until(1)
    second = there.many(1, "/", reload)
    eventually(lambda: store.asked >= 4 or there.app.count, "nobody asks for the lease")
    gate.open()
    assert first.answers()[0].body == b"new"
    assert second.answers()[0].body in (b"new", b"newer")


def test_a_holder_that_died_costs_the_lifetime_of_its_lease() -> None:
    clock = FakeClock()
    store = Leasing(clock)
    (here,) = processes(store, clock, 1)
    key = target_key(environ_for())
    assert store.lease(key, "somebody who was killed", LEASE_SECONDS)
    crowd = here.many(5)
    here.waiters.until(4)
    clock.advance(LEASE_SECONDS + 1)
    assert {answer.body for answer in crowd.answers()} == {b"page"}
    assert here.app.count == 1
    here.check_idle()


def test_nobody_gives_back_what_is_anothers() -> None:
    """A lease that ran out and was taken over stays with its new holder."""
    clock = FakeClock()
    store, gate = Leasing(clock), Gate()
    (here,) = processes(store, clock, 1)
    here.app.plays(Turn(before=gate))
    crowd = here.many(1)
    gate.until(1)
    clock.advance(LEASE_SECONDS + 1)
    key = target_key(environ_for())
    assert store.lease(key, "another", 1000)
    gate.open()
    crowd.answers()
    assert store.leases[key][0] == "another"


def test_processes_that_waited_for_nothing_go_on_together() -> None:
    """The others wait for one that holds the lease; when it has nothing for them, for no other."""
    clock = FakeClock()
    store, gate, together = Leasing(clock), Gate(), Gate(opens_at=4)
    here, *others = processes(store, clock, 5)
    own = page(cache_control="private")
    here.app.plays(Turn(before=gate, reply=own))
    first = here.many(1)
    gate.until(1)
    for other in others:
        other.app.plays(Turn(before=together, reply=own))
    crowds = [other.many(1) for other in others]
    eventually(lambda: len(store.askers) == 5, "somebody does not ask for the lease")
    gate.open()
    assert [crowd.answers()[0].detail for crowd in (first, *crowds)] == ["private"] * 5
    assert store.leases == {}
    for stage in (here, *others):
        stage.check_idle()


def test_whoever_gets_the_lease_late_looks_again() -> None:
    """The holder may have stored its answer and gone just after the last look."""
    clock = FakeClock()
    store = Leasing(clock)
    here, there = processes(store, clock, 2)
    key = target_key(environ_for())
    assert store.lease(key, "held", LEASE_SECONDS)
    lease = store.lease

    def just_released(key: Any, token: str, seconds: float) -> bool:
        if store.asked == 2:
            store.release(key, "held")
            here.get()
        return lease(key, token, seconds)

    there.app.plays(Reply(500))
    store.lease = just_released  # type: ignore[method-assign]
    answer = there.get()
    assert (answer.body, answer.cache_status) == (b"page", "wsgicache; fwd=uri-miss; collapsed")
    assert there.app.count == 0
    assert store.leases == {}
    there.check_idle()


def test_whoever_gets_the_lease_at_once_looks_again_where_that_is_cheap(
    tmp_path: Path,
) -> None:
    """On one machine: another has stored its answer just after the look-up, and gone."""
    clock = FakeClock()
    store: Any = LMDBStore(tmp_path / "cache", max_bytes=8 << 20, clock=clock)
    here, there = processes(store, clock, 2)
    lease = store.lease

    def just_done(key: Any, token: str, seconds: float) -> bool:
        store.lease = lease
        here.get()
        return bool(lease(key, token, seconds))

    there.app.plays(Reply(500))
    store.lease = just_done
    answer = there.get()
    assert (answer.body, answer.cache_status) == (b"page", "wsgicache; fwd=uri-miss; collapsed")
    assert there.app.count == 0
    there.app.plays(page(b"other"))
    assert there.get("/other").body == b"other"
    there.check_idle()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_who_is_killed_while_the_app_works_holds_no_lease_on_one_machine(tmp_path: Path) -> None:
    clock = FakeClock()
    store: Any = LMDBStore(tmp_path / "cache", max_bytes=8 << 20, clock=clock)
    reading, writing = os.pipe()

    def app(environ: Any, start_response: Any) -> Any:
        os.write(writing, b".")
        signal.alarm(60)
        signal.pause()

    child = fork()
    if not child:
        exchange(CacheMiddleware(app, store=store, clock=clock), environ_for())
    os.read(reading, 1)
    key = target_key(environ_for())
    assert not store.lease(key, "another", LEASE_SECONDS)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert store.lease(key, "another", LEASE_SECONDS)
    os.close(reading)
    os.close(writing)


def test_all_waiting_together_is_no_longer_than_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """First for a flight in this process, then for another process."""
    seconds = 1000.0

    def sleep(pause: float) -> None:
        nonlocal seconds
        seconds += pause

    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: seconds, sleep=sleep))
    clock = FakeClock()
    store, slow = Leasing(clock), Gate()
    here = Stage(Policy(collapse_timeout=5), store=store)
    here.app.plays(Turn(before=slow, reply=Reply(503)), page())
    leader = here.many(1)
    slow.until(1)
    wait = here.cache._flights.wait

    def waits(flight: Flight, seconds: float) -> Outcome | HeldUp | None:
        sleep(4.5)
        slow.open()
        outcome = wait(flight, DEADLINE)
        leader.answers()
        assert store.lease(target_key(environ_for()), "another", 60)
        return outcome

    here.cache._flights.wait = waits  # type: ignore[method-assign]
    assert here.get().body == b"page"
    assert 1005 <= seconds <= 1005.2


@pytest.mark.parametrize("filled", [True, False])
def test_how_often_a_lease_is_asked_for(filled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until another process has the answer, or *collapse_timeout* is over."""
    clock, naps = FakeClock(), []
    store = Leasing(clock)
    store.lease(target_key(environ_for()), "another process", 3600)
    policy = Policy(collapse_timeout=0.25)
    here, there = (Stage(policy, store=store) for _ in range(2))

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if filled and len(naps) == 3:
            others = dict(store.leases)
            store.leases.clear()
            assert there.get().stored
            store.leases.update(others)

    now = SimpleNamespace(monotonic=lambda: round(sum(naps), 6), sleep=sleep)
    monkeypatch.setattr(turns, "time", now)
    got = here.get()
    assert naps == [0.01, 0.02, 0.04, 0.08, 0.1][: 3 if filled else 5]
    assert (got.text, here.app.count) == ("page", not filled)
    here.check_idle()


def test_no_lease_to_be_had_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    store = Leasing(clock)
    store.failing = True
    (here,) = processes(store, clock, 1)
    assert here.get().stored
    assert ["grants no lease" in message for message in caplog.messages] == [True]
    here.check_idle()


@pytest.mark.parametrize("failure", FAILING.values(), ids=FAILING)
def test_a_lease_is_given_back_on_every_way_out(failure: Turn) -> None:
    clock = FakeClock()
    store = Leasing(clock)
    (here,) = processes(store, clock, 1)
    here.app.plays(failure)
    here.many(1).outcomes()
    assert store.asked == 1
    assert store.leases == {}
    here.check_idle()


# ── many rounds ──────────────────────────────────────────────────────────────────────────────────


def late(answer: Script, naps: list[float]) -> Script:
    """*answer*, after one of *naps* in seconds."""
    return lambda environ, place: replace(answer(environ, place), delay=naps[place % len(naps)])


def jitter(rounds: int, clients: int = 50, seed: int = 7) -> tuple[int, int]:
    """Rounds of *clients* with cookies or credentials of their own on one key, in whatever order
    the machine has them, for every kind of answer; how many pages were seen, in how many rounds.

    AssertionError where one sees another's page.
    """
    chance = random.Random(seed)
    kinds = list({**UNSHARED, "vary": {"vary": "Cookie", "cache_control": "max-age=60"}}.values())
    kinds.append({"status": 500})
    stage = Stage(Policy())
    seen = 0
    with interrupting():
        for place in range(rounds):
            stage.clock.advance(chance.choice([0, 1, 70, 130]))
            how = chance.choice(["Cookie", "Cookie", "Authorization"])
            answer = echo(f"HTTP_{how.upper()}", **chance.choice(kinds))
            naps = [chance.random() / 1000 for _ in range(4)]
            stage.app.script = late(answer, naps)
            stage.app.calls.clear()
            environs = [
                environ_for("GET", f"/{place % 3}", [(how, f"user-{place}-{n}")])
                for n in range(clients)
            ]
            check_own(stage.crowd(*environs).answers(), environs, f"HTTP_{how.upper()}")
            assert stage.app.count == clients
            seen += clients
            stage.check_idle()
            stage.app.bodies.clear()
    return seen, rounds


def test_nobody_ever_sees_anothers_page() -> None:
    assert jitter(40) == (2000, 40)


def test_board_and_land_in_any_order() -> None:
    """The table of flights is empty again, whatever threads do to it."""
    clock = FakeClock()
    flights = Flights(1000, clock)
    chance = random.Random(1)
    outcomes: list[Outcome] = [chance.choice(["kept", "failed"]) for _ in range(50)]
    led: list[int] = []

    def fly(number: int) -> None:
        for step in range(100):
            flight, leads = flights.board(step % 5, clock.now())
            if leads and flight is not None:
                led.append(number)
                flight.land(outcomes[step % 50], None, None)
                flight.land("refused", None, None)  # the first word counts
            elif flight is not None:
                assert flights.wait(flight, 10) is not None

    threads = [threading.Thread(target=fly, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert led
    assert len(flights) == 0
    assert not flights._leading
    assert not flights._refused


def test_a_thread_that_left_a_body_waits_for_others_again() -> None:
    """Neither read nor closed, as by a layer outside that raised; nobody waits for it for ever."""
    clock = FakeClock()
    flights = Flights(5.0, clock)
    assert flights.board(1, clock.now())[1]
    other = threading.Thread(target=lambda: flights.board(2, clock.now()))
    other.start()
    other.join()
    assert flights.board(2, clock.now()) == (None, False)  # it might wait for itself
    clock.advance(4)
    theirs = flights._flying[2]
    theirs.took_off = clock.now()
    clock.advance(2)
    assert flights.board(2, clock.now()) == (theirs, False)
    assert len(flights) == 1


@pytest.mark.parametrize(
    ("landings", "why", "failed"),
    [
        ([], "no-store", False),
        ([("refused", "private")], "private", False),
        ([("failed", "no-store")], "no-store", True),
        ([("failed", "no-store"), ("refused", "no-store")], "no-store", False),
        ([("kept", None)], None, False),
    ],
    ids=["nothing", "another reason", "a failure", "a failure and a refusal", "a success"],
)
def test_what_is_known_of_those_who_go_on_alone(
    landings: list[tuple[Outcome, str | None]], why: str | None, failed: bool
) -> None:
    flights = Flights(5.0, FakeClock())
    flights.land_alone(1, "refused", "no-store")
    alone = flights._refused[1]
    for outcome, reason in landings:
        alone.land(outcome, reason, None)
    assert [one.why for one in flights._refused.values()] == ([] if why is None else [why])
    assert (1 in flights._failed) is failed


def led_by_another(flights: Flights, key: int, now: float) -> Flight:
    """A flight of another thread."""
    thread = threading.Thread(target=lambda: flights.board(key, now))
    thread.start()
    thread.join()
    return flights._flying[key]


@pytest.mark.parametrize(
    ("pace", "seconds", "waits"),
    [
        (None, 5.0, True),
        (None, 5.1, False),
        (0.0, HELD_UP_SECONDS - 0.1, True),
        (0.0, HELD_UP_SECONDS, False),
    ],
    ids=["as long as may be", "longer", "it gets on", "it is held up"],
)
def test_how_long_a_flight_is_waited_for(pace: float | None, seconds: float, waits: bool) -> None:
    flights = Flights(5.0, FakeClock())
    flight = led_by_another(flights, 1, 0.0)
    if pace is not None:
        flight.pace = SimpleNamespace(moved_at=pace, begun=True, in_app=False)
    assert flights.board(1, seconds, may_lead=False) == (flight if waits else None, False)
    ahead, leads = flights.board(1, seconds)
    assert ahead is not None
    assert leads is not waits
    assert len(flights) == len(flights._leading) == 1
    if pace is not None and leads:
        assert (flight.overtaken, ahead.ahead) == (True, flight)


@pytest.mark.parametrize(
    ("pace", "overtook", "patience"),
    [
        (None, False, 0.25),
        ((False, False), False, 0.125),
        ((True, False), False, 0.125),
        ((False, True), False, 0.25),
        ((True, True), False, 0.125),
        ((True, True), True, 0.25),
    ],
    ids=[
        "no body yet", "its client is slow with the head", "its client is slow",
        "the app is at the first chunk", "the app is at another", "nor is it asked again and again",
    ],
)  # fmt: skip
def test_how_long_a_body_is_waited_for(
    pace: tuple[bool, bool] | None, overtook: bool, patience: float
) -> None:
    flights = Flights(5.0, FakeClock())
    flight = Flight(flights, 1, 0, 0.0)
    if overtook:
        flight.ahead = Flight(flights, 1, 0, 0.0)
    if pace is not None:
        begun, in_app = pace
        flight.pace = SimpleNamespace(moved_at=7.0, begun=begun, in_app=in_app)
    assert flight.patience(7.125) == patience


@pytest.mark.parametrize(("in_app", "longest"), [(True, 0.25), (False, 0.0625)])
def test_how_long_many_wait_for_a_body(in_app: bool, longest: float) -> None:
    flight = Flight(Flights(5.0, FakeClock()), 1, 0, 0.0)
    flight.pace = SimpleNamespace(moved_at=7.0, begun=True, in_app=in_app)
    flight.followers = 4
    assert flight.patience(7.0) == longest


def test_what_a_wait_comes_to() -> None:
    clock = FakeClock()
    flights = Flights(5.0, clock)
    flight = led_by_another(flights, 1, clock.now())
    assert flights.wait(flight, 0.0) is None
    naps: list[float] = []
    waiting: Any = SimpleNamespace(wait=naps.append)
    flight.event = waiting
    assert flights.wait(flight, 0.001) is None
    assert 0.0 < naps[0] <= 0.001, "no longer than that, however long its body may take"
    moved_at = clock.now() - HELD_UP_SECONDS
    flight.pace = SimpleNamespace(moved_at=moved_at, begun=True, in_app=False)
    assert flights.wait(flight, 5.0) == "held up"
    flight.pace, flight.event, flight.overtaken = None, None, True
    assert flights.wait(flight, 0.01) == "held up"


@pytest.mark.parametrize(
    ("outcome", "then"), [("kept", "kept"), ("failed", None), ("refused", None)]
)
def test_what_one_that_was_overtaken_says_of_the_other(
    outcome: Outcome, then: Outcome | None
) -> None:
    """That there is a response after all; no more."""
    flights = Flights(5.0, FakeClock())
    flight = led_by_another(flights, 1, 0.0)
    flight.pace = SimpleNamespace(moved_at=0.0, begun=True, in_app=False)
    other, leads = flights.board(1, 1.0)
    assert leads
    assert other is not None
    flight.land(outcome, None, None)
    assert (flight.outcome, other.outcome) == (outcome, then)
    assert [*flights._flying.values()] == ([] if then else [other])


@pytest.mark.parametrize(
    ("before", "seconds", "outcome", "comes_to"),
    [
        (None, 0.0, "failed", "failed"),
        ("failed", 5.0, "failed", "failed again"),
        ("failed", 5.1, "failed", "failed"),
        ("failed", 5.0, "stood in", "stood in"),
        ("kept", 5.0, "failed", "failed"),
    ],
)
def test_what_fails_again(
    before: Outcome | None, seconds: float, outcome: Outcome, comes_to: Outcome
) -> None:
    clock = FakeClock()
    flights = Flights(5.0, clock)
    if before is not None:
        flights.land_alone(1, before, None)
    clock.advance(seconds)
    flight, _ = flights.board(1, clock.now())
    assert flight is not None
    flight.land(outcome, None, None)
    assert flight.outcome == comes_to


def test_nobody_waits_more_than_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often there is another one ahead, which has kept nothing for this request."""
    stage = Stage()
    keys: list[int] = []

    def board(key: int, now: float, may_lead: bool = True) -> tuple[Flight | None, bool]:
        keys.append(key)
        flight = Flight(stage.cache._flights, key, 0, now)
        flight.outcome = "kept"
        return flight, False

    monkeypatch.setattr(stage.cache._flights, "board", board)
    assert stage.get().stored
    assert len(keys) == 2


@pytest.mark.parametrize("why", ["too-large", "private"])
def test_what_is_refused_before_boarding(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    flights = stage.cache._flights
    stage.app.plays(page([b"pa", b"ge"]))

    def board(key: int, now: float, may_lead: bool = True) -> tuple[Flight | None, bool]:
        flights.land_alone(key, "refused", why)
        return None, False

    monkeypatch.setattr(flights, "board", board)
    assert stage.get().detail == (why if why == "too-large" else None)
    assert len(flights._refused) == (why == "too-large"), "what is kept is refused no more"


def test_who_overtakes_in_one_process_has_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage = Stage(store=Leasing(stage.clock))
    flights = stage.cache._flights
    given_back: list[str] = []
    ahead = Flight(flights, 1, 0, 0.0)
    ahead.landed = lambda: given_back.append("lease")
    board = flights.board

    def overtaking(*args: Any) -> tuple[Flight | None, bool]:
        flight, leads = board(*args)
        assert flight is not None
        flight.ahead = ahead
        return flight, leads

    monkeypatch.setattr(flights, "board", overtaking)
    assert stage.get().stored
    assert given_back == ["lease"]


def test_what_was_refused_is_forgotten() -> None:
    flights = Flights(5.0, FakeClock())
    flights.land_alone(1, "refused", "no-store")
    flights.forget()
    assert not flights._refused


def test_what_landed_between_a_look_and_boarding_is_not_asked_for_again() -> None:
    stage = Stage(store=Faulty())
    store: Any = stage.cache.store
    look, looks = store.get, []

    def slow(key: Any) -> Any:
        entry = look(key)
        looks.append(key)
        if len(looks) == 1:
            stage.clock.advance(1)
            assert stage.get().stored
        return entry

    store.get = slow
    got = stage.get()
    assert (got.body, got.cache_status) == (b"page", "wsgicache; fwd=uri-miss; collapsed")
    assert (stage.app.count, len(stage.cache._flights._failed)) == (1, 0)
    stage.check_idle()


def test_where_many_fly_those_are_forgotten_that_took_off_long_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wsgicache.origin.flights._MOST_FLYING", 3)
    flights = Flights(5.0, FakeClock())
    for key, now in ((1, 0.0), (2, 0.0), (3, 0.125), (4, 5.125)):
        led_by_another(flights, key, now)
    assert [*flights._flying] == [3, 4]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_knows_of_no_flight() -> None:
    flights = Flights(5.0, FakeClock())
    led_by_another(flights, 1, 0.0)
    child = fork()
    if not child:
        os._exit(len(flights))
    assert os.waitpid(child, 0)[1] == 0


def test_the_first_are_forgotten_a_tenth_at_once() -> None:
    known: dict[int, int] = {}
    for number in (*range(20), 0):
        put_last(known, number, number, 21)
    assert [*known] == [*range(1, 20), 0]
    put_last(known, 20, 20, 20)
    assert [*known] == [*range(3, 20), 0, 20]


def test_how_long_a_failure_is_known() -> None:
    clock = FakeClock()
    flights = Flights(5.0, clock)
    flights.land_alone(1, "failed", None)
    now = clock.now()
    found = [flights.failing(key, now + by) for key, by in ((1, 5.0), (1, 5.1), (2, 0.0))]
    assert found == [True, False, False]
