"""Pages that are never kept, asked for again and again: what was understood of their head is only
compared while they say the same, and nobody can tell."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.scene import Environ, Exchange, FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, Policy, cache_for, current
from wsgicache.origin.flights import Alone
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response

NO_STORE = ("Cache-Control", "no-store")
TYPE = ("Content-Type", "text/plain")


class Str(str):
    """A string with a class of its own."""

    __slots__ = ()


class Incomparable(str):
    """What raises when it is compared."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise ValueError("neither equal nor not")


class Stage:
    """An app that says what `head` is, and a cache in front of it."""

    def __init__(self, head: Any = None, policy: Policy | None = None, **options: Any) -> None:
        self.head = head or ("200 OK", [TYPE, NO_STORE])
        self.count = 0
        self.before: Callable[[], object] | None = None
        self.clock = FakeClock()
        self.cache = CacheMiddleware(self.app, policy=policy, clock=self.clock, **options)

    def app(self, environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        self.count += 1
        if self.before is not None:
            self.before()
        start_response(*self.head)
        return [b"%d" % self.count]

    def get(self, *fields: tuple[str, str], method: str = "GET") -> Exchange:
        return exchange(self.cache, environ_for(method, "/", fields))

    def heard(self) -> list[Alone]:
        """What is known of pages whose head is remembered."""
        known = self.cache.flights._refused.values()
        return [one for one in known if one.heard is not None]

    def known(self, *fields: tuple[str, str]) -> Exchange:
        """The answer to a request for a page that is known well."""
        for _ in range(3):
            answer = self.get(*fields)
        assert len(self.heard()) == 1
        return answer


HEADS: dict[str, list[Any]] = {
    "no-store": [TYPE, NO_STORE],
    "private": [TYPE, ("Cache-Control", "private")],
    "Set-Cookie": [TYPE, ("Cache-Control", "max-age=60"), ("Set-Cookie", "a=1")],
    "nothing but that": [NO_STORE],
    "hop-by-hop fields": [NO_STORE, ("Connection", "X-A"), ("X-A", "1"), ("Keep-Alive", "1")],
    "a word to this cache": [TYPE, ("Wsgicache-Cache-Control", "no-store")],
    "what a nearer cache said": [NO_STORE, ("Cache-Status", "inner; hit")],
    "several lines of one field": [NO_STORE, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
    "Vary: *": [("Cache-Control", "max-age=60"), ("Vary", "*")],
    "strings of a class of their own": [(Str("X-A"), Str("1")), NO_STORE],
    "lines that are lists": [["X-A", "1"], NO_STORE],
    "values that are none": [("X-A", None), NO_STORE],
    "what does not compare": [("X-A", Incomparable("1")), NO_STORE],
}


@pytest.mark.parametrize("lines", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("policy", [Policy(), Policy(x_cache=True, cache_status=False)])
def test_every_answer_is_that_of_a_cache_that_knows_nothing(
    lines: list[Any], policy: Policy
) -> None:
    stage = Stage(("200 OK", lines), policy)
    first, *others = [stage.get() for _ in range(6)]
    assert [other.headers for other in others] == [first.headers] * 5
    assert [other.status for other in others] == ["200 OK"] * 5
    assert [other.body for other in (first, *others)] == [b"%d" % n for n in range(1, 7)]


def test_it_is_remembered_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of this module would mean nothing otherwise."""
    stage = Stage()
    stage.known()
    received = stage.cache.keeper.refusal
    judged: list[Response] = []

    def refusal(request: Request, response: Response) -> str | None:
        judged.append(response)
        return received(request, response)

    monkeypatch.setattr(stage.cache.keeper, "refusal", refusal)
    stage.get()
    assert not judged
    stage.head = ("200 OK", [TYPE, NO_STORE, ("X-A", "1")])
    stage.get()
    assert len(judged) == 1


OTHER_HEADS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "another value": ("200 OK", [("Content-Type", "text/html"), NO_STORE]),
    "another order": ("200 OK", [NO_STORE, TYPE]),
    "one line more": ("200 OK", [TYPE, NO_STORE, ("X-A", "1")]),
    "one line less": ("200 OK", [NO_STORE]),
    "another status": ("404 Not Found", [TYPE, NO_STORE]),
    "another refusal": ("200 OK", [TYPE, ("Cache-Control", "private")]),
    "an error": ("500 Internal Server Error", [TYPE, NO_STORE]),
}


@pytest.mark.parametrize("head", OTHER_HEADS.values(), ids=OTHER_HEADS)
def test_another_head_is_judged_anew(head: Any) -> None:
    stage = Stage()
    before = stage.known()
    usual, stage.head = stage.head, head
    answers = [stage.get() for _ in range(4)]
    expected = Stage(head).get()
    assert {answer.status for answer in answers} == {expected.status}
    assert all(answer.headers == expected.headers for answer in answers)
    stage.head = usual
    assert [stage.get().headers for _ in range(4)] == [before.headers] * 4


def test_what_may_be_kept_at_last_is_kept() -> None:
    stage = Stage()
    stage.known()
    stage.head = ("200 OK", [TYPE, ("Cache-Control", "max-age=60")])
    assert stage.get().stored
    assert stage.get().hit
    assert not stage.heard()


def test_a_word_of_the_view_counts_though_the_head_is_the_same() -> None:
    stage = Stage(("200 OK", [TYPE, ("Set-Cookie", "a=1"), ("Cache-Control", "private")]))
    stage.known()
    stage.before = lambda: current().say(cache_for(seconds=60))
    answer = stage.get()
    fresh = Stage(stage.head)
    fresh.before = stage.before
    assert answer.headers == fresh.get().headers


def test_what_a_request_makes_of_a_head_is_its_own() -> None:
    """The same head is private with a cookie, and for all without one."""
    stage = Stage(("200 OK", [TYPE, ("Cache-Control", "max-age=60")]))
    assert stage.known(("Cookie", "a=1")).detail == "cookie"
    assert stage.get().stored
    assert stage.get().hit


def test_what_time_makes_of_a_head_is_not_remembered() -> None:
    stage = Stage()
    stage.head = ("200 OK", [TYPE, ("Expires", stage.clock.date(-1))])
    for _ in range(4):
        assert stage.get().detail == "freshness"
    assert not stage.heard()


def test_lines_that_the_app_goes_on_changing() -> None:
    line = ["X-A", "1"]
    stage = Stage(("200 OK", [line, NO_STORE]))
    for _ in range(3):
        stage.get()
    line[1] = "2"
    assert stage.get().header("X-A") == "2"
    fields = [("X-A", "1"), NO_STORE]
    stage.head = ("200 OK", fields)
    stage.known()
    fields[0] = ("X-A", "2")
    assert stage.get().header("X-A") == "2"


def test_lines_that_the_server_goes_on_changing() -> None:
    stage = Stage()
    before = stage.known().headers

    def start_response(status: str, fields: list[Any], exc_info: Any = None) -> Any:
        fields.append(("Server", "x"))

    stage.cache(environ_for(), start_response)
    assert stage.get().headers == before


def test_a_server_that_raises_has_the_body_closed_once() -> None:
    stage, closed = Stage(), []
    stage.known()

    class Closing(list[bytes]):
        def close(self) -> None:
            closed.append(1)

    def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        start_response(*stage.head)
        return Closing([b""])

    def start_response(*_: object) -> Any:
        raise OSError("the client has gone")

    stage.cache.app = app
    with pytest.raises(OSError, match="has gone"):
        stage.cache(environ_for(), start_response)
    assert closed == [1]


def test_an_error_after_the_head_is_for_the_server() -> None:
    stage = Stage()
    stage.known()

    def app(environ: Environ, start_response: Callable[..., Any]) -> Any:
        start_response(*stage.head)

        def body() -> Any:
            try:
                raise ValueError("late")
            except ValueError:
                start_response("500 Internal Server Error", [TYPE], sys.exc_info())
            yield b"sorry"

        return body()

    stage.cache.app = app
    answer = stage.get()
    assert (answer.code, answer.body, answer.starts) == (500, b"sorry", 2)


def test_what_writes_is_answered_as_ever() -> None:
    stage = Stage()
    before = stage.known()

    def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        start_response(*stage.head)(b"written")
        return [b", returned"]

    stage.cache.app = app
    answer = stage.get()
    assert (answer.headers, answer.body) == (before.headers, b"written, returned")


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("HEAD", []),
        ("POST", []),
        ("GET", [("Range", "bytes=0-0")]),
        ("GET", [("Authorization", "Basic eDp5")]),
        ("GET", [("Cache-Control", "no-store")]),
        ("GET", [("If-None-Match", '"x"')]),
    ],
)
def test_what_asks_for_itself_is_judged_for_itself(method: str, fields: Any) -> None:
    stage = Stage()
    stage.known()
    answer = stage.get(*fields, method=method)
    assert answer.headers == Stage().get(*fields, method=method).headers


LARGE: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "a field": ("200 OK", [NO_STORE, ("X-A", "1" * 1024)]),
    "a field that does not leave": ("200 OK", [NO_STORE, ("Keep-Alive", "1" * 2048)]),
    "the status": ("200 " + "O" * 2048, [NO_STORE]),
}


@pytest.mark.parametrize("head", LARGE.values(), ids=LARGE)
def test_x4_no_large_head_is_remembered(head: tuple[str, list[tuple[str, str]]]) -> None:
    stage = Stage(head)
    for _ in range(4):
        stage.get()
    assert not stage.heard()


def test_x4_nothing_of_what_is_stored_is_remembered() -> None:
    """It would stay in memory though the store lets go of it."""
    stage = Stage(("200 OK", [TYPE, ("Cache-Control", "max-age=5")]))
    assert stage.get().stored
    stage.clock.advance(10)
    stage.head = ("429 Too Many Requests", [TYPE])
    for _ in range(4):
        assert stage.get().cache_status == "wsgicache; fwd=stale; detail=status"
    assert not stage.heard()


def test_x4_no_more_than_some_heads_are_remembered() -> None:
    """And they make room when nobody asks for them any more."""
    stage = Stage()
    for number in range(1_200):
        for _ in range(3):
            exchange(stage.cache, environ_for("GET", f"/{number}"))
    assert len(stage.heard()) == 1_000
    assert len(stage.cache.flights._heard) == 1_000
    stage.clock.advance(121)
    for number in range(2_000, 2_010):
        for _ in range(3):
            exchange(stage.cache, environ_for("GET", f"/{number}"))
    assert len(stage.heard()) == len(stage.cache.flights._heard) == 910


def test_a_purge_forgets_them() -> None:
    stage = Stage()
    stage.known()
    stage.cache.purge_all()
    assert not stage.heard()
