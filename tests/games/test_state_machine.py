"""The real cache against the naive one of `tests.games.model`, with identities as taint.

Every answer of the app carries a serial number, in its content and in a field, and every answer to
a client who said who he is carries his name. So whatever a client sees can be traced: it is what
the app said just now, or an earlier answer that RFC 9111 allows for this very request, with the
fields of the last 304 about it; and nobody's name is ever seen by another, unless the app called
the page public.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from werkzeug.http import http_date, parse_date

from tests.games.model import (
    RFC,
    SAFE,
    Answer,
    Ask,
    Directives,
    Model,
    Record,
    Rules,
    current_age,
    freshness_lifetime,
    may_reuse,
    weak,
)
from tests.games.strategies import OFFERS, chosen, directives, styled
from tests.observe.counted import Row, row_of, rows_of
from tests.scene import Environ, Exchange, Field, Reply, Scene
from wsgicache import Policy, cached, current

TARGETS = ("/a", "/b")
EQUIVALENT = ("", "?ref=1", "?&ref", "?%72ef=2&ref=1", "")


class OriginDown(Exception):
    """What the app raises when it is out of reach."""


NAMES = ("alice", "bob")

EXPLICITLY_SHARED = ("public", "s-maxage", "must-revalidate")


@dataclass(frozen=True)
class Behaviour:
    """How the app answers for one path."""

    status: int = 200
    said: Directives = (("max-age", "30"),)
    targeted: Directives | None = None
    vary: tuple[str, ...] = ()
    etag: str = "strong"  # "weak", ""
    dated: bool = False  # Last-Modified
    expires: int | None = None
    date: int | None = None
    age: int = 0
    set_cookie: bool = False
    personal: bool = True
    style: int = 0
    made: tuple[str, ...] = ()  # the codings that the app knows
    cached: tuple[int, int, bool] | None = (
        None  # what its decorator says: client, server, everybody
    )

    @property
    def words(self) -> tuple[Directives, Directives | None]:
        """What it says to all caches, and to this one alone."""
        if self.cached is None or self.status != 200:
            return self.said, self.targeted
        client, server, everybody = self.cached
        here: Directives = (("max-age", str(server)),)
        here += (("everybody", None),) if everybody else ()
        if client:
            return (("max-age", str(client)),), (*here, ("anew", None))
        return (("no-cache", None),), here


often_none = st.sampled_from([None, None, None])

behaviours = st.builds(
    Behaviour,
    status=st.sampled_from([200, 200, 200, 301, 404, 500]),
    said=directives(),
    targeted=often_none | often_none | often_none | directives(targeted=True),
    vary=st.sampled_from(
        [
            (),
            (),
            (),
            ("x-flavour",),
            ("cookie",),
            ("x-flavour", "cookie"),
            ("authorization",),
            ("accept-encoding",),
            ("accept-encoding", "x-flavour"),
            ("*",),
        ]
    ),
    etag=st.sampled_from(["strong", "strong", "weak", ""]),
    dated=st.booleans(),
    expires=often_none | st.integers(-5, 40),
    date=often_none | st.integers(-8, 2),
    age=st.sampled_from([0, 0, 0, 3]),
    set_cookie=st.sampled_from([False, False, False, False, True]),
    personal=st.booleans(),
    style=st.integers(0, 4),
    made=st.sampled_from([(), ("gzip",), ("br", "gzip")]),
    cached=often_none
    | st.tuples(st.sampled_from([0, 4, 60]), st.sampled_from([5, 30]), st.booleans()),
)

wishes = st.sampled_from(
    [
        *[()] * 8,
        (("no-cache", None),),
        (("max-age", "3"),),
        (("max-age", "0"),),
        (("min-fresh", "5"),),
        (("max-stale", None),),
        (("max-stale", "4"),),
        (("only-if-cached", None),),
        (("no-store", None),),
    ]
)


class World:
    """The app, the cache, the model, and what every exchange must satisfy."""

    searched: str | None = "/b"
    """The path whose query does not count because its answers say so."""

    def __init__(self, policy: Policy, rules: Rules, lint: bool = True) -> None:
        self.scene = Scene(policy, lint=lint)
        self.scene.app(self.answer)
        self.rules = rules
        self.model = Model(rules)
        self.behaviours = {target: Behaviour() for target in TARGETS}
        self.versions = dict.fromkeys(TARGETS, 1)
        self.outage: str | None = None
        self.unsafe: tuple[int, str | None] = (200, None)
        self.serial = 0
        self.answers: list[tuple[int, Ask, Answer]] = []  # thread, request, response
        self.raised = 0
        self.tags: list[str] = []
        self.hits = self.steps = 0
        self.rows: Counter[Row] = Counter()
        """What the requests came to, as their answers said."""
        self.unanswered = 0

    # what the app does

    def answer(self, environ: Environ) -> Reply:
        path = environ["PATH_INFO"]
        seen = ask_of(environ)
        if environ["REQUEST_METHOD"] == "POST":
            status, location = self.unsafe
            return Reply(status, "" if status == 204 else "posted", location=location)
        if self.outage == "raise":
            self.raised += 1
            raise OriginDown
        self.serial += 1
        if self.outage is not None:
            status = int(self.outage)
            self.note(seen, Answer(self.serial, status, content=b"outage", **self.times()))
            return Reply(status, b"outage", x_serial=self.serial)
        how, now = self.behaviours[path], self.scene.clock.now()
        name = identity(environ) if how.personal else None
        varied = environ.get("HTTP_X_FLAVOUR") if "x-flavour" in how.vary else None
        version = self.versions[path]
        offer, coding = OFFERS.get(environ.get("HTTP_ACCEPT_ENCODING", ""), {}), "identity"
        if "accept-encoding" in how.vary:
            coding = chosen(how.made, offer)
            varied = f"{varied or ''}-{coding}"
        tag = f'"{path[1:]}{version}-{name or ""}-{varied or ""}"' if how.etag else None
        modified = 1_600_000_000.0 + version if how.dated else None
        if tag is not None and how.etag == "weak":
            tag = "W/" + tag
        answer = Answer(
            self.serial,
            how.status,
            *how.words,
            how.vary,
            tag,
            modified,
            None if how.expires is None or how.cached else now + how.expires,
            None if how.date is None else now + how.date,
            how.age,
            how.set_cookie,
            b"serial=%d for=%s;" % (self.serial, (name or "-").encode()),
            **self.times(),
            made=how.made,
        )
        conditions = environ.get("HTTP_IF_NONE_MATCH"), environ.get("HTTP_IF_MODIFIED_SINCE")
        if how.status == 200 and unmodified(answer, *conditions):
            answer = replace(answer, status=304, content=b"")
        self.note(seen, answer)
        said, targeted = how.words
        if how.cached is not None and how.status == 200:
            client, server, everybody = how.cached
            current().say(cached(client=client, server=server, everybody=everybody))
            said, targeted = (), None
        fields: dict[str, Any] = {
            "x_serial": answer.serial,
            "cache_control": styled(said, how.style) if said else None,
            "wsgicache_cache_control": targeted_text(targeted),
            "vary": ", ".join(how.vary) or None,
            "content_encoding": coding if answer.status != 304 and coding != "identity" else None,
            "etag": answer.etag,
            "last_modified": None if modified is None else http_date(modified),
            "expires": None if answer.expires is None else http_date(answer.expires),
            "date": None if answer.date is None else http_date(answer.date),
            "age": how.age or None,
            "set_cookie": f"sid={answer.serial}" if how.set_cookie else None,
            "location": "http://example.org/x" if how.status == 301 else None,
            "no_vary_search": 'params=("ref")' if path == self.searched else None,
        }
        pieces = [answer.content[:7], answer.content[7:]]
        return Reply(answer.status, pieces if self.serial % 2 else answer.content, **fields)

    def times(self) -> dict[str, Any]:
        now = self.scene.clock.now()
        return {"requested_at": now, "received_at": now}

    def note(self, seen: Ask, answer: Answer) -> None:
        self.answers.append((threading.get_ident(), seen, answer))

    # what a client does

    def ask(self, ask: Ask, tag: str | None = None, ranged: bool = False) -> None:
        """One exchange, and everything that must hold of it."""
        self.steps += 1
        fields = dict(ask.fields)
        if tag is not None:
            fields["if-none-match"] = tag
        if ranged:
            fields["range"] = "bytes=0-3"
        ask = replace(ask, fields=fields)
        said = ", ".join(n if a is None else f"{n}={a}" for n, a in ask.directives)
        lines = list(fields.items()) + ([("cache-control", said)] if said else [])
        environ = {"REMOTE_USER": ask.remote_user} if ask.remote_user else {}
        now = self.scene.clock.now()
        due = None if ranged else self.model.must_hit(ask, now)
        before, raised = len(self.answers), self.raised
        try:
            got = self.scene.request(ask.method, *self.noisy(ask.target, lines), environ=environ)
        except OriginDown:
            assert self.raised > raised, "an exception from nowhere"
            assert due is None, "a fresh response was not used"
            self.model.touched(ask.target)
            self.unanswered += 1
            return
        self.rows[row_of(got)] += 1
        self.scene.settle()
        me = threading.get_ident()
        mine = [(q, a) for thread, q, a in self.answers[before:] if thread == me]
        asked = [answer for _, answer in mine]
        behind = [(q, a) for thread, q, a in self.answers[before:] if thread != me]
        if due is not None:
            assert got.hit, (due, got)
        self.check(ask, got, asked, tag, now, raised=self.raised > raised)
        self.learn(ask, got, mine, behind)

    def noisy(self, target: str, lines: list[Field]) -> list[Any]:
        """The same request, now and then with what scripts of others add, which counts for nothing:
        the model does not know of it."""
        if self.steps % 3:
            return [self.equivalent(target), *lines]
        cookies = [value for name, value in lines if name == "cookie"]
        cookies.insert(self.steps % 2, f"_ga=GA1.1.{self.steps}")
        others = [line for line in lines if line[0] != "cookie"]
        return [f"{target}?utm_id={self.steps}", *others, ("cookie", "; ".join(cookies))]

    def equivalent(self, target: str) -> str:
        """A URL with the same answers."""
        return target + EQUIVALENT[self.steps % 5] if target == self.searched else target

    def check(
        self,
        ask: Ask,
        got: Exchange,
        asked: list[Answer],
        tag: str | None,
        now: float,
        raised: bool,
    ) -> None:
        only = any(name == "only-if-cached" for name, _ in ask.directives)
        if got.code == 504 and only and not asked:
            return
        assert not (only and asked), "only-if-cached, but the app was asked"
        self.hits += got.hit
        status = asked[-1].status if asked else None
        serial = int(got.header("X-Serial") or 0)
        if got.code == 304:
            allowed = [
                record
                for record in self.allowed(ask, now, asked, status, raised)
                if known(record, tag)
            ]
            assert allowed or any(unmodified(a, tag, None) or a.status == 304 for a in asked), got
            assert got.body == b""
            return
        fresh = {a.serial: a for a in asked}
        if serial in fresh and fresh[serial].status != 304:  # what the app said just now
            answer = fresh[serial]
            assert got.code in (answer.status, 206)
            if ask.method == "GET":
                assert got.body == (answer.content[:4] if got.code == 206 else answer.content)
            return
        found = [
            (record, record.said.get(serial) or record.answer.updated_by(fresh[serial]))
            for record in self.allowed(ask, now, asked, status, raised)
            if serial in record.said or serial in fresh
        ]
        found = [(r, said) for r, said in found if got.code in (r.answer.status, 206, 416)]
        assert found, f"{ask} was answered by {got} of {self.model.of(ask.target)}"
        if ask.method == "HEAD":
            assert got.body == b""
        elif got.code == 206:
            assert any(got.body == record.answer.content[:4] for record, _ in found)
        elif got.code != 416:
            found = [(r, said) for r, said in found if r.answer.content == got.body]
            assert found, f"{got.body!r} with the fields of {serial}"
        assert any(not self.model.superseded(record, ask) for record, _ in found), got
        record, answer = found[-1]
        if got.hit:
            cookies = self.rules.store_set_cookie and any(r.answer.set_cookie for r, _ in found)
            assert "set-cookie" not in got.names or cookies, got
        if record.answer.etag is None and got.header("ETag"):
            record.generated = got.header("ETag")
            self.tags.append(record.generated or "")
        assert any(self.keeps_right(got, said, now) for _, said in found), (got, found)
        if ask.method == "GET":
            self.check_taint(ask, record, answer, validated=serial in fresh)

    def keeps_right(self, got: Exchange, said: Answer, now: float) -> bool:
        """Whether a client keeps the response for as long as its author said, from now on."""
        if said.from_now is None or got.code == 416:
            return True
        found = re.search("max-age=([0-9]+)", got.header("Cache-Control") or "")
        assert found is not None, got
        fresh = freshness_lifetime(said, self.rules) > current_age(said, now)
        return int(found[1]) - (got.age or 0 if fresh else 0) == said.from_now

    def check_taint(self, ask: Ask, record: Record, said: Answer, validated: bool) -> None:
        """A name is seen by its bearer only, or the app called the page shared.

        Or the app said so itself: by a 304 to this client, or to one whom nobody knows.
        """
        name = record.answer.content.partition(b"for=")[2].partition(b";")[0].decode()
        mine = bearer(ask)
        if validated or name in ("-", "", mine):
            return
        if any(bearer(other) in (None, mine) for other in record.asks):
            return
        if record.ask.identified:
            shared = any(
                answer.says(*EXPLICITLY_SHARED)
                or (answer.targeted is not None and not self.rules.public_releases)
                for answer in (record.answer, said)
            )
        else:  # a cookie
            shared = not self.rules.private_cookies or any(
                answer.says("public", "s-maxage") or answer.targeted is not None
                for answer in (record.answer, said)
            )
        assert shared, f"{name}'s page was given to {mine}"

    def allowed(
        self, ask: Ask, now: float, asked: list[Answer], status: int | None, raised: bool
    ) -> list[Record]:
        """The records that may answer, as they are or as a 304 of just now made them."""
        found = []
        about = {
            id(record)
            for answer in asked
            if answer.status == 304
            for record in self.model.identified_by(ask, answer)
        }
        for record in self.model.of(ask.target):
            said = [*record.said.values()]
            if id(record) in about or any(
                may_reuse(record, one, ask, now, self.rules, status=status, raised=raised)
                for one in said
            ):
                found.append(record)
        return found

    def learn(
        self,
        ask: Ask,
        got: Exchange,
        mine: list[tuple[Ask, Answer]],
        behind: list[tuple[Ask, Answer]],
    ) -> None:
        """Tell the model what happened. A HEAD may have gone to the app as GET, and a range as a
        request for the whole."""
        for n, (seen, answer) in enumerate(mine):
            told = got.stored and n == len(mine) - 1
            went = replace(ask, method=seen.method, fields=dict(ask.fields))
            if "range" not in seen.fields:
                went.fields.pop("range", None)  # the cache asked for the whole
            if told and answer.status != 304:
                allowed = self.model_may_store(went, answer)
                assert allowed, f"stored {answer} for {went}"
            self.heard(went, answer, told)
        for seen, answer in behind:
            self.heard(seen, answer, False)

    def model_may_store(self, ask: Ask, answer: Answer) -> bool:
        from tests.games.model import may_store

        return may_store(ask, answer, self.rules)

    def heard(self, ask: Ask, answer: Answer, told: bool) -> None:
        if answer.etag is not None:
            self.tags.append(answer.etag)
        if answer.status == 304:
            self.model.validated(ask, answer)
        elif ask.method == "HEAD":
            self.model.headed(ask, answer)
        else:
            self.model.received(ask, answer, told)

    def end(self) -> None:
        """All bodies are closed, and the cache has counted what its answers said."""
        self.scene.check_closed()
        counted = rows_of(self.scene.cache.stats().requests)
        assert not self.rows - counted, self.rows - counted
        raised = counted - self.rows
        assert all(row[2:] == ("raised", "5xx") for row in raised), raised
        assert raised.total() == self.unanswered

    def post(self, target: str, status: int, location: str | None) -> None:
        self.unsafe = (status, location)
        self.steps += 1
        got = self.scene.post(self.equivalent(target))
        self.rows[row_of(got)] += 1
        assert got.code == status
        assert got.fwd == "method"
        if status < 400:
            self.model.invalidated(target)
            if location in TARGETS:
                self.model.invalidated(location)


def ask_of(environ: Environ) -> Ask:
    """The request that the app saw, as far as the model is concerned."""
    fields = {
        name: environ[key]
        for name, key in {
            "x-flavour": "HTTP_X_FLAVOUR",
            "cookie": "HTTP_COOKIE",
            "authorization": "HTTP_AUTHORIZATION",
            "x-forwarded-host": "HTTP_X_FORWARDED_HOST",
            "accept-encoding": "HTTP_ACCEPT_ENCODING",
            "range": "HTTP_RANGE",
        }.items()
        if key in environ
    }
    user = environ.get("REMOTE_USER") or None
    return Ask(environ["REQUEST_METHOD"], environ["PATH_INFO"], fields, (), user)


def identity(environ: Environ) -> str | None:
    return bearer(ask_of(environ))


def bearer(ask: Ask) -> str | None:
    """Who asks, by what he shows: the name is the same however it is shown."""
    return ask.remote_user or ask.fields.get("authorization") or ask.fields.get("cookie")


def unmodified(answer: Answer, tags: str | None, since: str | None) -> bool:
    """Whether a condition names what *answer* holds."""
    if tags is not None:
        mine = weak(answer.etag)
        return mine is not None and (tags == "*" or mine in map(weak, tags.split(", ")))
    date = parse_date(since) if since is not None else None
    if date is None or answer.last_modified is None:
        return False
    return answer.last_modified <= date.timestamp()


def known(record: Record, tag: str | None) -> bool:
    """Whether the client's tag is the record's, or the one that the cache made for it."""
    if tag == "*":
        return True
    return tag is not None and weak(tag) in (weak(record.answer.etag), weak(record.generated))


def targeted_text(said: Directives | None) -> str | None:
    if said is None:
        return None
    return ", ".join(n if a is None else f"{n}={a}" for n, a in said)


class Machine(RuleBasedStateMachine):
    """Whatever clients and the app do, in whatever order."""

    make: Callable[[], World]
    worlds: list[World]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make()
        self.last: tuple[Ask, str | None, bool] = (Ask("GET", "/a"), None, False)
        type(self).worlds.append(self.world)

    @initialize(a=behaviours, b=behaviours)
    def begin(self, a: Behaviour, b: Behaviour) -> None:
        self.world.behaviours.update({"/a": a, "/b": b})

    @rule(path=st.sampled_from(TARGETS), how=behaviours)
    def configure(self, path: str, how: Behaviour) -> None:
        """The app changes what it says of a path."""
        self.world.behaviours[path] = how

    @rule(path=st.sampled_from(TARGETS))
    def change(self, path: str) -> None:
        """The resource changes."""
        self.world.versions[path] += 1

    @rule(outage=st.sampled_from([None, None, None, "500", "503", "raise"]))
    def fail(self, outage: str | None) -> None:
        self.world.outage = outage

    @rule(seconds=st.sampled_from([1, 1, 2, 5, 10, 11, 30, 31, 100]))
    def wait(self, seconds: int) -> None:
        self.world.scene.after(seconds)

    @rule(
        path=st.sampled_from(TARGETS),
        method=st.sampled_from(["GET", "GET", "GET", "GET", "HEAD"]),
        who=often_none | st.sampled_from(NAMES),
        how=st.sampled_from(["cookie", "authorization", "remote_user"]),
        tenant=st.sampled_from([None, None, "x", "y"]),
        host=st.sampled_from([None, None, None, "evil.example"]),
        accepts=often_none | st.sampled_from(list(OFFERS)),
        wish=wishes,
        data=st.data(),
    )
    def request(
        self,
        path: str,
        method: str,
        who: str | None,
        how: str,
        tenant: str | None,
        host: str | None,
        accepts: str | None,
        wish: Directives,
        data: st.DataObject,
    ) -> None:
        fields = {"x-flavour": tenant, "x-forwarded-host": host, "accept-encoding": accepts}
        if who is not None and how != "remote_user":
            fields[how] = who
        user = who if how == "remote_user" else None
        shown = {n: v for n, v in fields.items() if v is not None}
        tags = self.world.tags[-5:]
        tag = data.draw(often_none | often_none | st.sampled_from([*tags, '"none"', "*"]))
        ranged = method == "GET" and tag is None and data.draw(st.integers(0, 9)) == 0
        self.last = (Ask(method, path, shown, wish, user), tag, ranged)
        self.world.ask(*self.last)

    @rule(waits=st.lists(st.sampled_from([0, 0, 1, 3, 9]), min_size=1, max_size=3))
    def again(self, waits: list[int]) -> None:
        """The same client once more, and again."""
        for seconds in waits:
            self.world.scene.after(seconds)
            self.world.ask(*self.last)

    @rule(who=st.none() | st.sampled_from(NAMES))
    def somebody_else(self, who: str | None) -> None:
        """The same request, from another client."""
        ask, tag, ranged = self.last
        fields = {n: v for n, v in ask.fields.items() if n not in ("cookie", "authorization")}
        if who is not None:
            fields["cookie"] = who
        self.world.ask(replace(ask, fields=fields, remote_user=None), tag, ranged)

    @rule(
        path=st.sampled_from(TARGETS),
        status=st.sampled_from([200, 201, 204, 302, 400, 404, 500]),
        location=st.sampled_from([None, None, *TARGETS]),
    )
    def post(self, path: str, status: int, location: str | None) -> None:
        self.world.post(path, status, location)

    def teardown(self) -> None:
        self.world.end()


POLICIES: dict[str, tuple[Callable[[], Policy], Rules]] = {
    # Some contents are longer than that, and some are not.
    "safe": (partial(Policy, ignore_query=["utm_*"], whole_for_range=17), SAFE),
    "rfc": (partial(Policy.rfc, ignore_query=["utm_*"], ignore_cookies=["_ga"]), RFC),
}


def play(
    name: str, examples: int, steps: int, *, lint: bool = True, always_the_same: bool = True
) -> tuple[int, int]:
    """Play *examples* games of up to *steps* moves; the exchanges and the hits among them."""
    policy, rules = POLICIES[name]
    worlds: list[World] = []

    class Game(Machine):
        make = staticmethod(lambda: World(policy(), rules, lint))

    Game.worlds = worlds
    run_state_machine_as_test(
        Game,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            report_multiple_bugs=False,
            derandomize=always_the_same,
        ),
    )
    return sum(w.steps for w in worlds), sum(w.hits for w in worlds)


@pytest.mark.parametrize("name", POLICIES)
def test_whatever_happens_nothing_is_reused_that_may_not_be(name: str) -> None:
    exchanges, hits = play(name, examples=100, steps=30)
    assert exchanges > 500
    assert hits > 50, "a cache that never hits proves nothing"
