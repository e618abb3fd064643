"""memcached servers that are none of ours, slow, or none at all."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from tests.running import eventually
from tests.scene import FakeClock, Scene
from tests.stores.contract import KEY, content_of, fill, found
from tests.stores.servers import PLENTY, Server
from tests.stores.talking import is_command, listening, proxied, whole
from wsgicache.stores import StoreError
from wsgicache.stores.memcached import MemcachedStore
from wsgicache.stores.net import breaker
from wsgicache.stores.net.breaker import Breaker

# ── servers that are none ────────────────────────────────────────────────────────────────────────


def shifted(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    """Each answer goes to the next question."""
    held.append(said)
    return [held.pop(0)] if len(held) > 1 else [b"END\r\n"]


def truncated(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    return [said[: len(said) // 2], b"CLOSE"] if said.startswith(b"VALUE") else [said]


def doubled(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    return [said, said]


def chatty(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    return [b"OH HELLO\r\n" + said]


def of_another(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    """Values under the name that was asked for, but what was said before."""
    if not said.startswith(b"VALUE"):
        return [said]
    held.append(said)
    before = held[-2] if len(held) > 1 else said
    line, _, rest = before.partition(b"\r\n")
    words = line.split()
    words[1] = asked.split()[1]
    return [b" ".join(words) + b"\r\n" + rest]


def of_another_name(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    held.append(said)
    return [held[-2] if len(held) > 1 else said]


def silent(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    return [b"CLOSE"]


def junk(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    return [b"VALUE x y z\r\n\xff\x00", b"CLOSE"]


def endless(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    name = asked.split()[1]
    return [b"VALUE " + name + b" 0 4000000000\r\n" + b"x" * 1000, b"CLOSE"]


def honest(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
    return [said]


LIARS = [
    honest,
    shifted,
    truncated,
    doubled,
    chatty,
    of_another,
    of_another_name,
    silent,
    junk,
    endless,
]


@pytest.mark.network
@pytest.mark.parametrize("answer", LIARS, ids=lambda answer: answer.__name__)
def test_a_server_that_answers_something_else(
    memcached: Server,
    open_store: Callable[..., Any],
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[list[bytes], bytes, bytes], list[bytes]],
) -> None:
    """No wrong content, ever; and what is odd ends the connection."""
    monkeypatch.setattr(breaker, "FAILURES", 10**9)
    direct = open_store()
    pages = {f"/{number}": os.urandom(20_000) for number in range(10)}
    for target, content in pages.items():
        fill(direct, clock, content, target=target).commit()
    with proxied(memcached, answer=answer) as port:
        timeout = PLENTY if answer is honest else 0.3
        store = open_store(("127.0.0.1", port), timeout=timeout)
        right = 0
        for _ in range(3):
            for target, content in pages.items():
                try:
                    got = content_of(store, found(store, target))
                except StoreError:
                    continue
                assert got in (None, content)
                right += got == content
    assert right == 30 or answer is not honest


# ── servers that are slow, or none at all ────────────────────────────────────────────────────────

TIMEOUT = 0.2


dripped: list[int] = []


def drip(connection: socket.socket) -> None:
    """An answer that comes byte by byte."""
    asked = whole(connection, is_command)
    name = asked.split()[1]
    for byte in b"VALUE " + name + b" 0 4096\r\n" + b"x" * 4096 + b"\r\nEND\r\n":
        connection.sendall(bytes([byte]))
        dripped.append(byte)
        time.sleep(TIMEOUT / 40)


def hang(connection: socket.socket) -> None:
    whole(connection, lambda data: False)


def reset(connection: socket.socket) -> None:
    asked = whole(connection, is_command)
    connection.sendall(b"VALUE " + asked.split()[1] + b" 0 4096\r\nxxxx")
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@pytest.mark.parametrize("serve", [drip, hang, reset], ids=lambda serve: serve.__name__)
def test_an_operation_has_an_end(serve: Callable[[socket.socket], None], clock: FakeClock) -> None:
    """The deadline is over after forty of four thousand bytes that come one by one."""
    dripped.clear()
    with listening(serve) as port:
        store = MemcachedStore(("127.0.0.1", port), clock=clock, timeout=TIMEOUT)
        with pytest.raises(StoreError, match=r"127\.0\.0\.1:\d+: (Timeout|ConnectionReset)Error"):
            store.get(KEY)
        assert len(dripped) < 400


def test_one_thread_waits_for_a_server_that_hangs(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on soon; when it has waited for all of its time, the server is left alone."""
    now, said = 100.0, list[str]()
    monkeypatch.setattr("wsgicache.stores.net.memcached.monotonic", lambda: now)
    monkeypatch.setattr(breaker, "PAUSE", (3600, 3600))

    def ask() -> None:
        with pytest.raises(StoreError) as caught:
            store.get(KEY)
        said.append(str(caught.value))

    with listening(hang) as port:
        store = MemcachedStore(("127.0.0.1", port), clock=clock, timeout=PLENTY)
        (generations,) = store._nodes.values()
        node: Any = generations.node
        node._connections._turn.patience = 0.01
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(20)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(said) >= 19, f"more than one wait: {said}")
        assert [one for one in said if "NotWaited" not in one] == []
        now += PLENTY + 1
        eventually(lambda: len(said) == 20, "it waits for ever")
        assert "Hung" in said[-1]
        with pytest.raises(StoreError, match="is left alone"):
            store.get(KEY)
        for thread in threads:
            thread.join()


def test_a_black_hole(clock: FakeClock) -> None:
    """Nobody accepts, and the backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _ in range(3):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(address)
        store = MemcachedStore(address, clock=clock, timeout=TIMEOUT)
        with pytest.raises(StoreError, match="Timeout"):
            store.get(KEY)
        for one in waiting:
            one.close()


@pytest.mark.parametrize("server", ["127.0.0.1:1", "no-such-host.invalid:1", "/no/such/socket"])
def test_a_server_that_is_not_there(server: str, make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(store=MemcachedStore(server, timeout=TIMEOUT))
    scene.app(200, "page", cache_control="max-age=60")
    for _ in range(5):
        got = scene.get("/")
        assert (got.text, got.detail) == ("page", "store-error")


@pytest.mark.network
def test_a_server_that_comes_later(
    started: Callable[..., Server], make_scene: Callable[..., Scene]
) -> None:
    server = started("memcached")
    server.kill()
    scene = make_scene(store=MemcachedStore(server.address, timeout=PLENTY))
    scene.app(200, "page", cache_control="max-age=60")
    for _ in range(5):
        assert scene.get("/").text == "page"
    server.start()
    eventually(lambda: scene.get("/").hit, "the store has not healed")


@pytest.mark.network
def test_a_server_that_was_started_anew_is_used_at_once(
    started: Callable[..., Server], clock: FakeClock
) -> None:
    """Its connections are of no use any more, and are replaced."""
    server = started("memcached")
    store = MemcachedStore(server.address, clock=clock, timeout=PLENTY)
    fill(store, clock).commit()
    assert found(store) is not None
    server.kill()
    server.start()
    assert store.get(KEY) is None
    fill(store, clock).commit()
    assert found(store) is not None


def test_the_breaker_opens_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open after three failures, one attempt each 0.65 to 0.9 s, closed after a success."""
    now = 100.0
    monkeypatch.setattr("wsgicache.stores.net.breaker.monotonic", lambda: now)
    asked: list[float] = []
    works = False

    def ask() -> str:
        asked.append(now)
        if not works:
            raise OSError("no route")
        return "answer"

    one = Breaker("the server")

    def is_open() -> bool:
        return one.is_open

    def outcome() -> str:
        try:
            return one.call(lambda error: 1, ask)
        except StoreError as error:
            return str(error)

    failed, left_alone = "the server: OSError: no route", "the server does not answer and is left"
    assert [outcome() for _ in range(3)] == [failed] * 3
    assert is_open()
    assert outcome().startswith(left_alone)
    assert len(asked) == 3
    for _ in range(400):
        now += 0.01
        outcome()
    times = asked[2:]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert 4 <= len(pauses) <= 6
    assert all(0.65 <= pause <= 0.92 for pause in pauses)
    assert len({round(pause, 6) for pause in pauses}) > 1
    works = True
    now += 1
    assert [outcome() for _ in range(3)] == ["answer"] * 3
    assert not is_open()
    works = False
    assert outcome() == failed
    works = True
    assert outcome() == "answer"
    assert one.failures == 0


def test_an_exception_may_tell_nothing_or_all() -> None:
    one = Breaker("the server")

    def fail() -> None:
        raise TimeoutError

    def weigh(weight: int | None, error: Exception) -> int | None:
        return weight

    for weight, failures in ((1, 1), (None, 1), (1, 2), (0, 0), (None, 0), (3, 3)):
        with pytest.raises(StoreError):
            one.call(partial(weigh, weight), fail)
        assert one.failures == failures
    assert one.is_open


def test_an_answer_that_refuses_is_an_answer() -> None:
    one = Breaker("the server")

    def refuse() -> None:
        raise LookupError("no")

    for _ in range(10):
        with pytest.raises(StoreError, match="the server: LookupError: no"):
            one.call(lambda error: 0, refuse)
    assert not one.is_open


def test_base_exceptions_are_not_swallowed() -> None:
    def stop() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        Breaker("the server").call(lambda error: 1, stop)
