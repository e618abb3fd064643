"""What goes wrong around a store: names, forks, refusals of Redis, slow writes, leftovers."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pytest
from cachelib import RedisCache, SimpleCache

from tests.rig.gates import together
from tests.rig.stores import Faulty
from tests.running import DEADLINE, eventually, fork, module
from tests.scene import FakeClock, Scene, environ_for, exchange
from tests.stores.contract import KEY, content_of, fill, found
from tests.stores.servers import PLENTY, Server
from tests.stores.talking import listening
from wsgicache import CacheMiddleware
from wsgicache.rules.entries import emptied
from wsgicache.stores import StoreError, store_from_url
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.memcached import MemcachedStore
from wsgicache.stores.net import addresses
from wsgicache.stores.shared.memo import Memo


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that did not answer is asked again soon."""
    monkeypatch.setattr("wsgicache.stores.net.breaker.PAUSE", (0.02, 0.05))


# ── names that are not looked up ─────────────────────────────────────────────────────────────────


@pytest.fixture
def nameserver(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Look-ups of names take until it is set."""
    answers = threading.Event()
    look_up = socket.getaddrinfo

    def late(host: Any, *more: Any, **how: Any) -> Any:
        if host != "127.0.0.1" and not how.get("flags"):
            assert answers.wait(DEADLINE)
            if host != "store.example":
                raise socket.gaierror(socket.EAI_NONAME, "not known")
            host = "127.0.0.1"
        return look_up(host, *more, **how)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    yield answers
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "wsgicache-look-up":
            thread.join(DEADLINE)


@pytest.mark.network
@pytest.mark.parametrize("scheme", ["memcached", "redis"])
def test_a_name_that_is_not_looked_up_in_time(
    scheme: str,
    request: pytest.FixtureRequest,
    nameserver: threading.Event,
    make_scene: Callable[..., Scene],
    namespace: str,
) -> None:
    """The nameserver answers when the requests are over; then all is well."""
    server = request.getfixturevalue("memcached" if scheme == "memcached" else "redis_server")
    address = f"{scheme}://store.example:{server.port}/?namespace={namespace}&timeout=0.05"
    scene = make_scene(store=store_from_url(address))
    scene.app(200, "page", cache_control="max-age=60")
    for _ in range(4):
        assert (scene.get("/").text, scene.get("/").detail) == ("page", "store-error")
    looking = [one for one in threading.enumerate() if one.name == "wsgicache-look-up"]
    assert len(looking) == 1  # however many have asked
    nameserver.set()
    eventually(lambda: scene.get("/").hit, "the store has not healed")


@pytest.mark.parametrize("host", ["no.example", "a" * 70, "\ud800", "a..b"])
def test_a_name_that_nobody_has(host: str, nameserver: threading.Event) -> None:
    nameserver.set()
    with pytest.raises(OSError, match=r"not known|is no name"):
        addresses.connected(host, 1, PLENTY)
    assert addresses._under_way == {}


def test_no_thread_to_look_a_name_up(
    nameserver: threading.Event, monkeypatch: pytest.MonkeyPatch, make_scene: Callable[..., Scene]
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(addresses._LookUp, "start", refuse)
        scene = make_scene(store=store_from_url("memcached://no.example:1/"))
        scene.app(200, "page", cache_control="max-age=60")
        assert (scene.get("/").text, scene.get("/").detail) == ("page", "store-error")
    assert addresses._under_way == {}


def test_the_second_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(lambda connection: None) as port:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", p)) for p in (1, port)]
        monkeypatch.setattr(addresses, "_addresses", lambda *asked: found)
        with addresses.connected("two.example", port, PLENTY) as connection:
            assert connection.gettimeout() == PLENTY
            assert connection.getpeername()[1] == port
        found.pop()
        with pytest.raises(OSError, match="refused"):
            addresses.connected("two.example", port, PLENTY)
        found.clear()
        with pytest.raises(OSError, match="has no address"):
            addresses.connected("two.example", port, PLENTY)


# ── forks ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.network
def test_a_child_has_its_own_turn_to_wait(started: Callable[..., Server], clock: FakeClock) -> None:
    """It is forked while another thread of its parent waits for a server that hangs."""
    server = started("memcached")
    store: Any = MemcachedStore(server.address, clock=clock, timeout=PLENTY)
    fill(store, clock).commit()
    (generations,) = store._nodes.values()
    turn = generations.node._connections._turn
    turn.patience = 0.05
    server.hang()

    def wait() -> None:
        found(store)

    waiting = threading.Thread(target=wait)
    waiting.start()
    eventually(lambda: turn.waiting is not None, "nobody waits")
    turn._since -= PLENTY  # for a long time
    assert server.process is not None
    child = fork()
    if child == 0:
        code = 1  # whatever is raised: nothing of the parent's goes on here
        with contextlib.suppress(BaseException):
            os.kill(server.process.pid, signal.SIGCONT)
            code = 0 if found(store) is not None else 2
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    server.resume()
    waiting.join()
    assert code == 0


# ── what Redis answers ───────────────────────────────────────────────────────────────────────────

REFUSALS = [
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk.",
    "NOAUTH Authentication required.",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOPERM User default has no permissions to run the 'eval' command",
    "MOVED 3999 127.0.0.1:6381",
    "ASK 3999 127.0.0.1:6381",
    "CLUSTERDOWN Hash slot not served",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "BUSY Redis is busy running a script.",
    "NOREPLICAS Not enough good replicas to write.",
    "ERR unknown command",
    "ERR max number of clients reached",
]


def reply(server: BinaryIO) -> bytes:
    """One answer of a Redis server, of either protocol."""
    line = server.readline()
    kind, rest = line[:1], line[1:].strip()
    if kind in (b"$", b"="):
        return line + (server.read(int(rest) + 2) if int(rest) >= 0 else b"")
    if kind in b"*~>%":
        parts = int(rest) * (2 if kind == b"%" else 1)
        return line + b"".join(reply(server) for _ in range(max(parts, 0)))
    return line


class Refusing:
    """A Redis server that answers *refusals* while there are any: to everything, or to what
    writes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.refusal = b""
        self.writes_only = False
        self.asked: list[bytes] = []
        """The names of all commands."""

    def serve(self, connection: socket.socket) -> None:
        with (
            self._server.connection() as behind,
            connection.makefile("rb") as asking,
            behind.makefile("rb") as answering,
        ):
            while asked := reply(asking):  # a command is an array of strings
                name = asked.split(b"\r\n")[2].upper()
                self.asked.append(name)
                writes = name in (b"SET", b"SETEX", b"EVAL", b"DEL")
                if self.refusal and (writes or not self.writes_only):
                    connection.sendall(b"-%b\r\n" % self.refusal)
                    continue
                behind.sendall(asked)
                connection.sendall(reply(answering))


@pytest.mark.network
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.split()[0])
@pytest.mark.parametrize("what", ["everything", "writes"])
def test_what_redis_refuses(
    refusal: str,
    what: str,
    redis_server: Server,
    namespace: str,
    make_scene: Callable[..., Scene],
) -> None:
    """No request fails, what can be read is served, a purge says why not, and then all is well."""
    behind = Refusing(redis_server)
    with listening(behind.serve) as port:
        store = store_from_url(f"redis://127.0.0.1:{port}/0?namespace={namespace}&timeout={PLENTY}")
        scene = make_scene(store=store, lint=False)
        scene.app(200, "page", cache_control="max-age=60")
        scene.get("/stored")
        assert scene.get("/stored").hit
        behind.refusal, behind.writes_only = refusal.encode(), what == "writes"
        for number in range(5):
            assert scene.get(f"/{number}").text == scene.get("/stored").text == "page"
        if what == "writes" and not refusal.startswith(("LOADING", "NOREPLICAS")):
            assert scene.get("/stored").hit
        for purge in (
            lambda: scene.cache.purge("http://example.org/stored"),
            lambda: scene.cache.purge_all(),
        ):
            with pytest.raises(StoreError, match=r"RedisCache 127\.0\.0\.1"):
                purge()
        behind.refusal = b""
        scene.app(200, "new", cache_control="max-age=60")

        def heals() -> bool:
            return scene.get("/after").hit

        eventually(heals, "the store has not healed")


@pytest.mark.network
@pytest.mark.parametrize("size", [0, 4096, 65_536])
def test_a_hit_in_redis_is_one_round_trip(
    redis_server: Server,
    namespace: str,
    make_scene: Callable[..., Scene],
    clock: FakeClock,
    size: int,
) -> None:
    behind = Refusing(redis_server)
    with listening(behind.serve) as port:
        address = f"redis://127.0.0.1:{port}/0?namespace={namespace}&timeout={PLENTY}"
        scene = make_scene(store=store_from_url(address, clock=clock), clock=clock)
        scene.app(200, b"x" * size, cache_control="max-age=60", vary="Accept", cache_tag="a")
        scene.get("/")
        assert scene.get("/").hit
        behind.asked.clear()
        for _ in range(10):
            assert scene.get("/").hit
        assert behind.asked == [b"MGET"] * 10
        scene.after(1)
        assert scene.get("/").hit
        assert behind.asked[10:] == [b"MGET"]
        # What is stored costs two more: the lease, and the swap that gives it back.
        behind.asked.clear()
        assert scene.get("/other").cache_status == "wsgicache; fwd=uri-miss; stored"
        assert behind.asked == [b"MGET", b"EVAL", b"EVAL"]


@pytest.mark.network
@pytest.mark.parametrize("scheme", ["memcached", "redis"])
def test_a_server_that_is_not_there_at_the_start(
    scheme: str, started: Callable[..., Server], make_scene: Callable[..., Scene]
) -> None:
    server = started("memcached" if scheme == "memcached" else "redis-server")
    server.kill()
    scene = make_scene(store=store_from_url(f"{scheme}://{server.address}/?timeout={PLENTY}"))
    scene.app(200, "page", cache_control="max-age=60")
    for _ in range(5):
        assert scene.get("/").text == "page"
    server.start()
    eventually(lambda: scene.get("/").hit, "the store has not healed")


# ── writes, and what is left of them ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("told", [True, False], ids=["Content-Length", "no length"])
def test_no_byte_but_the_last_waits_for_the_store(clock: FakeClock, told: bool) -> None:
    """With a length the last chunk is known, and is there when the response is stored (so that its
    reader finds it); without one, it is stored at the end."""
    happened: list[str] = []
    store = Faulty()
    store.before = lambda name: happened.append(name) if name == "update" else None

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        fields = [("Cache-Control", "max-age=60"), *[("Content-Length", "3")] * told]
        start_response("200 OK", fields)
        yield from (b"a", b"b", b"c")

    def start(status: str, fields: Any, exc_info: Any = None) -> Any:
        happened.append("start")

    cache = CacheMiddleware(app, store=store, clock=clock)
    body: Any = cache(environ_for(), start)
    happened += [chunk.decode() for chunk in _noting(body, happened)]
    last = ["update", "c"] if told else ["c", "update"]
    assert happened[: 3 + len(last)] == ["start", "a", "b", *last]


def _noting(body: Any, happened: list[str]) -> Iterator[bytes]:
    for chunk in body:
        happened.append(chunk.decode())
    body.close()
    yield from ()


@pytest.fixture
def store(cache: SimpleCache, clock: FakeClock) -> CachelibStore:
    return CachelibStore(cache, clock=clock, limit=20_000)


def pieces(cache: SimpleCache) -> list[str]:
    return [name for name in cache._cache if ":3p:" in name]


def overtaking(store: CachelibStore, clock: FakeClock, swap: Any) -> Callable[..., bool]:
    def purged_first(*asked: Any) -> bool:
        store._nodes["SimpleCache"].node.swap = swap  # type: ignore[method-assign]
        store.update(KEY, emptied(clock.now() + 0.001))
        return bool(swap(*asked))

    return purged_first


def refusing(store: CachelibStore, clock: FakeClock, swap: Any) -> Callable[..., bool]:
    def refuse(*asked: Any) -> bool:
        raise StoreError("no room")

    return refuse


def losing(store: CachelibStore, clock: FakeClock, swap: Any) -> Callable[..., bool]:
    return lambda *asked: False


@pytest.mark.parametrize("make", [overtaking, refusing, losing], ids=lambda make: make.__name__)
def test_pieces_of_what_is_not_kept_do_not_stay(
    store: CachelibStore, cache: SimpleCache, clock: FakeClock, make: Any
) -> None:
    under_way = fill(store, clock, os.urandom(100_000))
    node = store._nodes["SimpleCache"].node
    node.swap = make(store, clock, node.swap)  # type: ignore[method-assign]
    with contextlib.suppress(StoreError):  # from the one that refuses
        under_way.commit()
    assert pieces(cache) == []


def test_pieces_of_what_is_written_in_part_do_not_stay(
    store: CachelibStore, cache: SimpleCache, clock: FakeClock
) -> None:
    node = store._nodes["SimpleCache"].node
    write = node.write

    def full(name: str, value: bytes, seconds: int) -> None:
        if len(pieces(cache)) == 3:
            raise StoreError("no room")
        write(name, value, seconds)

    node.write = full  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="no room"):
        fill(store, clock, os.urandom(100_000)).commit()
    assert pieces(cache) == []


# ── what others planted ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [7, "text", None, {"a": 1}, [b"x"], 1.5], ids=repr)
def test_a_cache_that_gives_what_is_no_bytes(clock: FakeClock, value: Any) -> None:
    class Odd(SimpleCache):
        odd = False

        def get(self, key: str) -> Any:
            return value if self.odd else super().get(key)

        def get_many(self, *keys: str) -> list[Any]:
            return [self.get(key) for key in keys]

    class Plain(CachelibStore):
        pass

    store = Plain(Odd(), clock=clock)
    fill(store, clock, os.urandom(100_000)).commit()
    assert found(store) is not None
    Odd.odd = True
    assert found(store) is None
    assert store.content(_kept_elsewhere()) is None
    clock.advance(2)
    with contextlib.suppress(StoreError):  # it never has the generation that it was given
        found(store)


def _kept_elsewhere() -> Any:
    from tests.stores.samples import response

    return response(None, length=3_000_000, kept=("0" * 32, 1_000_000))


def test_a_record_that_names_endless_pieces(
    cache: SimpleCache, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write to a store without a secret can say so; who replaces it does not remove
    them one by one for ever."""
    from tests.stores.samples import entry, response
    from wsgicache.stores.shared.records import pack

    store = CachelibStore(cache, clock=clock)
    fill(store, clock).commit()
    name = store._names.of("entry", *KEY)
    endless = response(None, length=10**14, kept=("x", 1), generated_at=clock.now(), born=10**12)
    planted = pack(entry(endless, salt=store._reading.salt(name)), name.echo, 0)
    cache._cache[name.text] = (0, planted)
    removed: list[str] = []
    node = store._nodes["SimpleCache"].node
    monkeypatch.setattr(node, "remove", removed.append)
    store.update(KEY, emptied(clock.now() + 1))
    assert found(store) is None
    assert len(removed) <= 10_000


@pytest.mark.parametrize("which", ["entry", "piece", "state", "group"])
def test_what_is_no_record_is_said_once_a_minute(
    cache: SimpleCache, clock: FakeClock, caplog: pytest.LogCaptureFixture, which: str
) -> None:
    store = CachelibStore(cache, clock=clock, generation_seconds=0)
    fill(store, clock, os.urandom(100_000), cache_tag="a").commit()
    caplog.set_level(logging.WARNING, "wsgicache")
    for minute in range(2):
        for _ in range(20):
            for name in [one for one in cache._cache if f":3{which[0]}:" in one]:
                cache._cache[name] = (0, b"junk")
            content_of(store, found(store))
            store._reading._memo = Memo()
            store._nodes["SimpleCache"]._groups = {}
            clock.advance(0.1)
        said = f"a record of the kind '{which}' is not ours: it counts as missing"
        assert [record.getMessage() for record in caplog.records] == [said] * (minute + 1)
        assert caplog.records[-1].exc_info is None
        clock.advance(60)
        fill(store, clock, os.urandom(100_000), cache_tag="a").commit()


# ── more threads than connections ────────────────────────────────────────────────────────────────


@pytest.mark.network
def test_a_redis_client_with_too_few_connections(redis_server: Server, namespace: str) -> None:
    """It raises where none is left: that is a miss."""
    redis = module("redis")
    with redis.Redis(port=redis_server.port, max_connections=1, socket_timeout=PLENTY) as client:
        store = CachelibStore(RedisCache(client), namespace=namespace)

        def app(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Cache-Control", "max-age=60")])
            return [environ["PATH_INFO"].encode()]

        cache = CacheMiddleware(app, store=store)

        def ask(number: int) -> None:
            for step in range(20):
                target = f"/{(number + step) % 5}"
                got = exchange(cache, environ_for("GET", target))
                assert (got.code, got.text) == (200, target)

        together(10, ask)
