"""A client that wants a part is answered from the whole, if that may be stored and is small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.origin.test_flights import PATIENT, Stage
from tests.rig.app import Turn, page
from tests.rig.gates import Gate
from tests.rig.stores import Faulty
from tests.scene import Environ, Exchange, Reply, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy, Route, cache_control, current
from wsgicache.rules.ranges import parse_ranges

DIGITS = b"0123456789"
LIFE = "max-age=60"


def file(environ: Environ, content: bytes = DIGITS, **fields: Any) -> Turn:
    """A file that is sent in pieces, and in parts where a client wants one."""
    said = {"cache_control": LIFE, "etag": '"v1"', **fields}
    if environ.get("HTTP_IF_NONE_MATCH") == said["etag"]:
        return Turn(reply=Reply(304, **said))
    value, condition = environ.get("HTTP_RANGE"), environ.get("HTTP_IF_RANGE")
    wanted = None
    if value is not None and condition in (None, said["etag"]):
        wanted = parse_ranges(value, len(content), 1)
    if wanted is None:
        return Turn(reply=Reply(200, [content[:4], content[4:]], **said))
    if not wanted:
        return Turn(reply=Reply(416, content_range=f"bytes */{len(content)}"))
    ((first, last),) = wanted
    said["content_range"] = f"bytes {first}-{last}/{len(content)}"
    part = content[first : last + 1]
    return Turn(reply=Reply(206, [part[:1], part[1:]], **said))


def serving(policy: Policy | None = None, store: Any = None, **fields: Any) -> Stage:
    stage = Stage(policy, store=store)
    stage.app.script = lambda environ, place: file(environ, **fields)
    return stage


def ranges_asked(stage: Stage) -> list[str | None]:
    """The ranges that the app saw."""
    return [call.header("Range") for call in stage.app.calls]


def part(stage: Stage, wanted: str, *fields: tuple[str, str]) -> Exchange:
    return stage.get("/", ("Range", f"bytes={wanted}"), *fields)


SMALL = Policy(whole_for_range=5, **PATIENT)
"""For which DIGITS are large."""

# ── what is small and may be stored ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wanted", "more", "code", "body"),
    [
        ("0-", [], 206, DIGITS),
        ("2-5", [], 206, b"2345"),
        ("-1", [], 206, b"9"),
        ("10-", [], 416, b""),
        ("5-2", [], 200, DIGITS),
        ("2-5", [("If-Range", '"v1"')], 206, b"2345"),
        ("2-5", [("If-Range", '"v0"')], 200, DIGITS),
        ("2-5", [("If-None-Match", '"v1"')], 304, b""),
        ("2-5", [("If-None-Match", '"v0"')], 206, b"2345"),
        ("2-5", [("Cache-Control", "no-cache")], 206, b"2345"),
        ("2-5", [("Cookie", "_ga=1")], 206, b"2345"),
    ],
)
def test_the_app_gives_the_whole_and_the_client_gets_its_part(
    wanted: str, more: list[tuple[str, str]], code: int, body: bytes
) -> None:
    stage = serving()
    got = part(stage, wanted, *more)
    assert (got.code, got.body, got.stored) == (code, body, True)
    assert got.verdict.get("fwd-status") == (None if code == 200 else 200)
    (call,) = stage.app.calls
    assert [call.header(name) for name in ("Range", "If-Range", "If-None-Match")] == [None] * 3
    stage.clock.advance(2)
    again = part(stage, wanted)
    assert (again.hit, again.code) == (True, code if code != 304 and not more else 206)
    assert stage.get().body == DIGITS
    assert stage.app.count == 1
    stage.check_idle()


def test_several_ranges_are_answered_too() -> None:
    stage = serving()
    got = part(stage, "0-1,4-5")
    assert got.code == 206
    assert (got.header("Content-Type") or "").startswith("multipart/byteranges")
    assert b"bytes 4-5/10" in got.body


@pytest.mark.parametrize("etag", ['"v1"', '"v2"'])
def test_what_is_stale_is_validated_as_a_whole(etag: str) -> None:
    """§4.3.1."""
    stage = serving()
    part(stage, "0-1")
    stage.clock.advance(61)
    stage.app.script = lambda environ, place: file(environ, etag=etag)
    got = part(stage, "2-3")
    status = 304 if etag == '"v1"' else 200
    assert (got.code, got.body, got.verdict["fwd-status"]) == (206, b"23", status)
    assert (got.header("ETag"), ranges_asked(stage)) == (etag, [None, None])
    assert part(stage, "4-5").hit


def test_a_large_one_that_is_stored_and_stale_is_asked_for_the_part() -> None:
    stage = serving(SMALL)
    stage.get()
    assert part(stage, "2-3").hit
    stage.clock.advance(61)
    assert part(stage, "2-3").body == b"23"  # the app confirms the whole
    assert ranges_asked(stage) == [None, "bytes=2-3"]


def test_those_who_want_other_parts_wait() -> None:
    """§4."""
    stage, gate = Stage(), Gate()
    stage.app.script = lambda environ, place: Turn(before=gate, reply=file(environ).reply)
    leader = stage.many(1, "/", ("Range", "bytes=0-"))
    gate.until(1)
    fields = [("Range", f"bytes={n}-{n}") for n in range(5)]
    crowd = stage.crowd(environ_for(), *(environ_for(headers=[one]) for one in fields))
    stage.waiters.until(6)
    gate.open()
    assert [one.body for one in leader.answers()] == [DIGITS]
    assert [one.body for one in crowd.answers()] == [DIGITS, b"0", b"1", b"2", b"3", b"4"]
    assert stage.app.count == 1
    stage.check_idle()


@pytest.mark.parametrize("trouble", ["failing", "lost"])
def test_the_client_is_answered_although_the_store_keeps_nothing(trouble: str) -> None:
    store = Faulty()
    setattr(store, trouble, frozenset({"update"}))
    stage = serving(store=store)
    for n in range(3):
        assert part(stage, f"{n}-{n}").body == b"%d" % n
    stage.check_idle()


def test_a_store_that_fails_is_filled_with_nothing() -> None:
    store = Faulty()
    store.failing = frozenset({"get"})
    stage = serving(store=store)
    assert part(stage, "2-3").body == b"23"
    assert ranges_asked(stage) == ["bytes=2-3"]


def test_outside_the_request_is_as_it_came() -> None:
    """What the app writes into its environ is seen there, too (PEP 3333)."""

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        environ["x.seen"] = environ.get("HTTP_RANGE")
        start_response("200 OK", [("Content-Length", "10"), ("Cache-Control", LIFE)])
        yield DIGITS

    environ = environ_for(headers=[("Range", "bytes=2-3")])
    assert exchange(CacheMiddleware(app), environ).body == b"23"
    assert (environ["x.seen"], environ["HTTP_RANGE"]) == (None, "bytes=2-3")


# ── what is large, or may not be stored ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policy", "said", "seconds"),
    [
        (SMALL, "max-age=7200", 7199),
        (SMALL, "max-age=1", 119),
        (Policy(), "private", 119),
        (Policy(), "no-store, max-age=7200", 7199),
    ],
    ids=["large", "large and soon stale", "private", "no-store"],
)
def test_the_app_is_asked_twice_once(policy: Policy, said: str, seconds: int) -> None:
    """Until the lifetime has passed."""
    stage = serving(policy, cache_control=said)
    once, twice = ["bytes=2-3"], [None, "bytes=2-3"]
    for wait, asked in ((0, twice), (0, once), (seconds, once), (2, twice), (0, once)):
        stage.clock.advance(wait)
        before = stage.app.count
        got = part(stage, "2-3")
        assert (got.code, got.body) == (206, b"23")
        assert ranges_asked(stage)[before:] == asked
    assert stage.get("/other", ("Range", "bytes=2-3")).body == b"23"
    assert ranges_asked(stage)[-2:] == twice
    stage.check_idle()


def test_who_wants_all_of_it_gets_it_as_it_comes() -> None:
    """As browsers ask first for audio and video."""
    stage, gate = Stage(SMALL), Gate()
    stage.app.script = lambda environ, place: Turn(between=gate, reply=file(environ).reply)
    client = stage.crowd(environ_for(headers=[("Range", "bytes=0-")]), take=1)
    (got,) = client.answers()  # although the rest is still to come
    assert (got.code, got.body) == (206, b"0123")
    assert got.header("Content-Range") == "bytes 0-9/10"
    gate.open()
    assert part(stage, "4-").body == b"456789"
    assert ranges_asked(stage) == [None, "bytes=4-"]
    stage.check_idle()


def test_a_large_one_is_stored_for_who_wants_the_whole() -> None:
    stage = serving(SMALL)
    part(stage, "2-3")
    assert stage.get().stored
    assert part(stage, "2-3").hit


def test_those_who_wait_ask_for_their_parts_themselves() -> None:
    """And who wants the whole asks for that."""
    stage, gate = Stage(SMALL), Gate()
    stage.app.script = lambda environ, place: Turn(before=gate, reply=file(environ).reply)
    leader = stage.many(1, "/", ("Range", "bytes=9-"))
    gate.until(1)
    fields = [("Range", f"bytes={n}-{n}") for n in range(5)]
    crowd = stage.crowd(environ_for(), *(environ_for(headers=[one]) for one in fields))
    stage.waiters.until(6)
    gate.open()
    assert [one.body for one in leader.answers()] == [b"9"]
    assert [one.body for one in crowd.answers()] == [DIGITS, b"0", b"1", b"2", b"3", b"4"]
    assert ranges_asked(stage).count(None) <= 2
    assert stage.get().hit
    stage.check_idle()


def test_what_is_stored_ends_if_the_new_whole_may_not_be() -> None:
    """§4.3.3."""
    stage = serving()
    stage.get()
    stage.clock.advance(61)
    stage.app.script = lambda environ, place: file(environ, etag='"2"', cache_control="private")
    assert part(stage, "2-3").body == b"23"
    assert stage.get().fwd == "uri-miss"


def test_a_purge_ends_what_is_known() -> None:
    stage = serving(SMALL, cache_control="private")
    part(stage, "2-3")
    stage.cache.purge("http://example.org/")
    part(stage, "2-3")
    assert ranges_asked(stage) == [None, "bytes=2-3"] * 2


def test_a_cookie_says_nothing_of_those_without() -> None:
    stage = serving()
    assert part(stage, "2-3", ("Cookie", "sid=alice")).code == 206
    assert part(stage, "2-3").stored
    assert ranges_asked(stage) == [None, "bytes=2-3", None]


def test_what_varies_by_range_is_asked_for_the_part() -> None:
    stage = serving(vary="Range")
    for wanted in ("0-1", "2-3", "4-5"):
        assert part(stage, wanted).code == 206
    assert ranges_asked(stage) == [None, "bytes=2-3", "bytes=4-5"]


@pytest.mark.parametrize("status", [301, 404, 500])
def test_an_error_or_a_redirect_is_passed_on(status: int) -> None:
    stage = Stage()
    stage.app.plays(Reply(status, [b"no", b"!"]))
    assert (part(stage, "0-0").code, stage.app.count) == (status, 1)


def test_the_cookies_that_are_hidden_count_for_nothing_here() -> None:
    """A page that sets one is asked as the client asks."""
    route = Route("*", cookies=("currency",))
    stage = Stage(routes=[route])
    stage.app.script = lambda environ, place: file(environ, set_cookie="sid=1")
    got = part(stage, "2-3", ("Cookie", "sid=0"))
    assert (got.code, got.detail) == (206, "hidden-cookie")
    assert stage.app.calls[-1].header("Cookie") == "sid=0"


# ── bodies that are not as they say ──────────────────────────────────────────────────────────────


def test_a_stream_of_open_length_goes_on_as_it_comes() -> None:
    stage, gate = Stage(), Gate()
    reply = page([b"012", b"345"], length=False)
    stage.app.plays(Turn(between=gate, reply=reply))
    client = stage.crowd(environ_for(headers=[("Range", "bytes=1-")]), take=1)
    assert [(one.code, one.body) for one in client.answers()] == [(200, b"012")]
    gate.open()
    assert part(stage, "1-").body == b"012345"
    assert part(stage, "1-2").body == b"12"
    assert stage.app.count == 2
    stage.check_idle()


def test_a_stream_that_was_too_large_is_collected_no_more() -> None:
    stage = Stage(Policy(max_content=5))
    stage.app.plays(page([b"0123", b"4567"], length=False))
    for _ in range(2):
        assert part(stage, "1-2").body == b"01234567"
    assert ranges_asked(stage) == [None, "bytes=1-2"]


@pytest.mark.parametrize(
    ("chunks", "length", "body"),
    [([b"01", b"2"], 10, b"012"), ([b"0123", b"456789", b"x"], 10, DIGITS + b"x")],
    ids=["short", "long"],
)
def test_what_is_framed_wrongly_goes_on_as_it_is(
    chunks: list[bytes], length: int, body: bytes
) -> None:
    stage = Stage()
    stage.app.plays(page(chunks, content_length=str(length)))
    got = part(stage, "0-1")
    assert (got.code, got.body) == (200, body)
    assert not stage.get().hit
    stage.check_idle()


@pytest.mark.parametrize("fails", ["breaks", "closing"])
def test_a_body_that_raises(fails: str) -> None:
    stage = Stage()
    reply = page([b"01234", b"56789"], content_length="10")
    turn = Turn(reply=reply, **{fails: ZeroDivisionError()})  # type: ignore[arg-type]
    stage.app.plays(turn, reply)
    if fails == "breaks":
        with pytest.raises(ZeroDivisionError):
            part(stage, "0-1")
    else:
        assert part(stage, "0-1").body == b"01"
    assert part(stage, "0-1").body == b"01"
    stage.check_idle()


@pytest.mark.parametrize("when", ["before", "between", "closing"])
def test_what_the_app_writes_is_in_its_place(when: str) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        fields = [("Content-Length", "10"), ("Cache-Control", LIFE)]
        write = start_response("200 OK", fields)
        try:
            if when == "before":
                write(b"01")
            yield DIGITS[2 if when == "before" else 0 : 4]
            if when == "between":
                write(b"45")
            yield DIGITS[6 if when == "between" else 4 : 8 if when == "closing" else 10]
        finally:
            if when == "closing":
                write(b"89")

    cache = CacheMiddleware(app)
    wanted = environ_for(headers=[("Range", "bytes=3-6")])
    got = exchange(cache, dict(wanted))
    assert (got.code, got.body) in [(206, b"3456"), (200, DIGITS)]
    assert (got.code == 200) == (when == "before")
    again = exchange(cache, dict(wanted))
    assert (again.code, again.body, again.hit) == (206, b"3456", True)


def test_what_the_app_writes_late_goes_to_no_client_that_gets_a_304() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [("ETag", '"a"'), ("Cache-Control", LIFE)])

        def body() -> Iterator[bytes]:
            write(DIGITS[:4])
            yield DIGITS[4:]

        return body()

    cache = CacheMiddleware(app)
    got = exchange(cache, environ_for(headers=[("If-None-Match", '"a"')]))
    assert (got.code, got.body) == (304, b"")
    assert exchange(cache, environ_for()).body == DIGITS


def test_controls_said_while_the_body_is_made_count() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "10"), ("Cache-Control", LIFE)])
        yield b"01234"
        current().say(cache_control(no_store=True))
        yield b"56789"

    cache = CacheMiddleware(app)
    got = exchange(cache, environ_for(headers=[("Range", "bytes=3-6")]))
    assert (got.body, got.detail) == (b"3456", "no-store")
    assert exchange(cache, environ_for()).fwd == "uri-miss"


def test_where_others_are_collected_the_app_is_asked_for_the_part() -> None:
    """That says nothing of the next time."""
    store = MemoryStore()
    stage = serving(Policy(max_collecting=5), store=store)
    for _ in range(2):
        assert part(stage, "2-3").body == b"23"
    assert ranges_asked(stage) == [None, "bytes=2-3"] * 2
    stage.check_idle()
