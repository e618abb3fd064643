"""MemcachedStore beside the contract: what may be given, what a hit costs, and threads and
processes."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import socket
import ssl
import subprocess
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient
from pymemcache.serde import CompressedSerde, PickleSerde

from tests.rig.gates import together
from tests.running import binary, eventually, fork
from tests.scene import FakeClock, Scene, environ_for
from tests.stores.contract import KEY, content_of, fill, found
from tests.stores.servers import PLENTY, Server
from tests.stores.shared.test_records import Canary
from tests.stores.talking import each_command, proxied
from wsgicache import CacheMiddleware
from wsgicache.rules.entries import emptied
from wsgicache.stores import StoreError
from wsgicache.stores.memcached import MemcachedStore

# ── what may be given ────────────────────────────────────────────────────────────────────────────

CLIENTS: dict[str, Callable[[str, int], Any]] = {
    "host:port": lambda host, port: f"{host}:{port}",
    "(host, port)": lambda host, port: (host, port),
    "[host:port]": lambda host, port: [f"{host}:{port}"],
    "[(host, port), the same]": lambda host, port: [(host, port), f"{host}:{port}"],
    "localhost": lambda host, port: f"localhost:{port}",
    "Client": lambda host, port: Client((host, port), serde=PickleSerde(), ignore_exc=True),
    "PooledClient": lambda host, port: PooledClient((host, port), serde=CompressedSerde()),
    "HashClient": lambda host, port: HashClient([(host, port)], serde=PickleSerde()),
    "pooled HashClient": lambda host, port: HashClient([(host, port)], use_pooling=True),
    "RetryingClient": lambda host, port: RetryingClient(Client((host, port)), attempts=3),
}


@pytest.mark.network
@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
def test_what_may_be_given(
    make: Callable[[str, int], Any],
    open_store: Callable[..., Any],
    memcached: Server,
    clock: FakeClock,
) -> None:
    store = open_store(make("127.0.0.1", memcached.port))
    fill(store, clock, b"x" * 70_000).commit()
    assert content_of(store, found(store)) == b"x" * 70_000


@pytest.mark.network
def test_a_client_of_a_class_of_ones_own(
    open_store: Callable[..., Any], memcached: Server, clock: FakeClock
) -> None:
    connected = []

    class Own(Client):  # type: ignore[misc]
        def _connect(self) -> None:
            super()._connect()
            connected.append(self.sock)

    store = open_store(Own(("127.0.0.1", memcached.port), key_prefix=b"own:"))
    fill(store, clock).commit()
    assert found(store) is not None
    assert connected


@pytest.mark.network
def test_a_unix_socket(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "socket"
    user = ["-u", "root"] if os.getuid() == 0 else []
    process = subprocess.Popen([binary("memcached"), "-s", str(path), *user])
    try:
        eventually(path.exists, "memcached has made no socket")
        store = MemcachedStore(str(path), clock=clock, timeout=PLENTY)
        eventually(lambda: store.generation(KEY), "memcached does not listen")
        fill(store, clock).commit()
        assert found(store) is not None
    finally:
        process.kill()
        process.wait()


@pytest.mark.network
def test_tls(tmp_path: Path, memcached: Server, clock: FakeClock, namespace: str) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "certificate.pem"
    line = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -batch"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = [binary("openssl"), *line.split(), *names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, capture_output=True, check=True)
    inside = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    inside.load_cert_chain(cert, key)

    def dressed(connection: socket.socket) -> socket.socket:
        return inside.wrap_socket(connection, server_side=True)

    with proxied(memcached, dressed) as port:
        trusting = ssl.create_default_context(cafile=str(cert))
        how: Any = {"namespace": namespace, "clock": clock, "timeout": PLENTY}
        store = MemcachedStore(("localhost", port), tls=trusting, **how)
        fill(store, clock, b"x" * 200_000).commit()
        assert content_of(store, found(store)) == b"x" * 200_000
        with pytest.raises(StoreError, match="CERTIFICATE_VERIFY_FAILED"):
            MemcachedStore(("localhost", port), tls=ssl.create_default_context(), **how).get(KEY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"servers": None}, "TypeError.*'host:port'.*, got None"),
        ({"servers": 7}, "TypeError.*7"),
        ({"servers": []}, "TypeError"),
        ({"servers": ""}, "TypeError"),
        ({"servers": [7]}, "TypeError.*7"),
        ({"servers": ("a", "b", 3)}, "TypeError"),
        ({"servers": "a:b"}, "ValueError.*'a:b'"),
        ({"servers": object()}, "TypeError"),
        ({"servers": "memcached://u:short@a:1"}, "ValueError.*store_from_url"),
        ({"servers": "a:1,b:2"}, "ValueError.*'a:1,b:2'.*several in a list"),
        ({"servers": ("a", "1")}, "ValueError.*host:port.*, got '1'"),
        ({"servers": "a:0"}, "ValueError.*1 to 65535"),
        ({"servers": "a:-1"}, "ValueError.*1 to 65535"),
        ({"servers": "a:70000"}, "ValueError.*1 to 65535"),
        ({"servers": "a:"}, "ValueError.*1 to 65535"),
        ({"servers": ":1"}, "ValueError.*host:port"),
        ({"servers": " a:1"}, "ValueError.*host:port"),
        ({"servers": ("a", 0)}, "ValueError.*1 to 65535"),
        ({"servers": ("", 1)}, "ValueError.*host:port"),
        ({"timeout": 0}, "ValueError.*MemcachedStore.timeout must be a number above 0, .*, got 0"),
        ({"timeout": "1"}, "TypeError.*timeout must be .*, got '1'"),
        ({"timeout": True}, "TypeError.*timeout must be .*, got True"),
        ({"timeout": float("nan")}, "ValueError.*timeout must be .*, got nan"),
        ({"timeout": float("inf")}, "ValueError.*timeout must be .*, got inf"),
        ({"timeout": 86_401}, "ValueError.*timeout must be .*up to 86400, got 86401"),
        (
            {"tls": True},
            "TypeError.*MemcachedStore.tls must be an ssl.SSLContext or None, got True",
        ),
        ({"idle": 0}, "ValueError.*idle must be a whole number of 1 or more, got 0"),
        ({"limit": 1}, "ValueError.*limit must be a whole number of 16384 or more, got 1"),
        ({"namespace": "a b"}, "ValueError.*namespace must be .*, got 'a b'"),
        ({"secret": 7}, "TypeError.*secret"),
        ({"secret": "short"}, "ValueError.*16 bytes"),
        ({"generation_seconds": -1}, "ValueError.*generation_seconds must be .*, got -1"),
        ({"generation_seconds": "1"}, "TypeError.*generation_seconds must be .*, got '1'"),
        ({"clock": 5}, "TypeError.*clock must be an object with the methods now and wall, got 5"),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_what_may_not(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        MemcachedStore(**{"servers": "127.0.0.1:1", **arguments})
    assert re.search(message, f"{caught.typename}: {caught.value}")
    assert "short" not in str(caught.value)


# ── what a hit costs ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.network
@pytest.mark.parametrize("size", [0, 4096, 65_536])
def test_a_hit_is_one_round_trip(
    memcached: Server,
    open_store: Callable[..., Any],
    make_scene: Callable[..., Scene],
    clock: FakeClock,
    size: int,
) -> None:
    """Counted by a proxy before the server."""
    commands: list[bytes] = []

    def counted(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
        commands.append(asked)
        return [said]

    with proxied(memcached, answer=counted) as port:
        scene = make_scene(store=open_store(("127.0.0.1", port)), clock=clock)
        scene.app(200, b"x" * size, cache_control="max-age=60", vary="Accept", cache_tag="a")
        scene.get("/")
        assert scene.get("/").hit
        commands.clear()
        for _ in range(10):
            assert scene.get("/").hit
        assert [len(command.split()) for command in commands] == [2] * 10
        # Once a second the generation is read along with it.
        for _ in range(3):
            scene.after(1)
            assert scene.get("/").hit
        assert [len(command.split()) for command in commands[10:]] == [3] * 3


@pytest.mark.network
def test_a_large_content_is_there_once(
    open_store: Callable[..., Any], make_scene: Callable[..., Scene], clock: FakeClock
) -> None:
    """10 MiB are served in their pieces: with them there is room for two pieces more, no second
    copy of the whole."""
    size = 10 * 1024 * 1024
    store = open_store()
    fill(store, clock, os.urandom(size)).commit()
    cache = CacheMiddleware(lambda environ, start_response: [], store=store, clock=clock)
    tracemalloc.start()
    try:
        body = cache(environ_for(), lambda status, fields, *exc_info: lambda data: None)
        length = sum(len(chunk) for chunk in body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert length == size
    assert size <= peak < size + 4 * 1024 * 1024


@pytest.mark.network
def test_a_purge_of_everything_costs_the_same_however_much_there_is(
    memcached: Server, open_store: Callable[..., Any], clock: FakeClock
) -> None:
    commands: list[bytes] = []

    def counted(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
        commands.append(asked.split()[0])
        return [said]

    with proxied(memcached, answer=counted) as port:
        store = open_store(("127.0.0.1", port))
        costs = []
        for number in range(40):
            fill(store, clock, target=f"/{number}", cache_tag="a").commit()
            if number in (0, 39):
                commands.clear()
                store.bump([], clock.now())
                store.bump(["* a"], clock.now())
                costs.append(list(commands))
    assert costs[0] == costs[1] == [b"gets", b"cas", b"gets", b"gets", b"cas", b"cas"]


# ── values of others ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.network
@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (pickle.dumps(Canary()), 1),
        (b"12", 2),
        (b"12", 4),
        (zlib.compress(bytes(50_000_000)), 8),
        (zlib.compress(pickle.dumps(Canary())), 9),
        (b"\xff\xfe", 16),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize(
    "make", [CLIENTS["host:port"], CLIENTS["HashClient"]], ids=["plain", "own"]
)
def test_what_others_planted_is_not_unpickled(
    open_store: Callable[..., Any],
    memcached: Server,
    clock: FakeClock,
    make: Callable[[str, int], Any],
    value: bytes,
    flags: int,
) -> None:
    store = open_store(make("127.0.0.1", memcached.port))
    fill(store, clock).commit()
    with contextlib.closing(Client(("127.0.0.1", memcached.port))) as client:
        name = store._names.of("entry", *KEY).text
        assert client.set(name, value, flags=flags, noreply=False)
    assert found(store) is None
    assert store.corrupt == 1
    assert not Canary.sung
    fill(store, clock, b"new").commit()
    assert content_of(store, found(store)) == b"new"


@pytest.mark.network
def test_a_server_that_takes_less_than_we_think(
    started: Callable[..., Server], make_scene: Callable[..., Scene], clock: FakeClock
) -> None:
    server = started("memcached", "-I", "512k")
    store = MemcachedStore(server.address, clock=clock, timeout=PLENTY)
    fill(store, clock, b"old").commit()
    with pytest.raises(StoreError, match="too large"):
        fill(store, clock, os.urandom(3_000_000)).commit()
    assert content_of(store, found(store)) == b"old"
    scene = make_scene(store=store, clock=clock)
    scene.app(200, os.urandom(900_000), cache_control="max-age=60")
    assert scene.get("/large").code == 200
    assert scene.get("/large").code == 200
    fitting = MemcachedStore(server.address, clock=clock, timeout=PLENTY, limit=500_000)
    fill(fitting, clock, content := os.urandom(3_000_000)).commit()
    assert content_of(fitting, found(fitting)) == content


@pytest.mark.network
def test_a_stored_miss_is_three_round_trips(
    memcached: Server,
    open_store: Callable[..., Any],
    make_scene: Callable[..., Scene],
    clock: FakeClock,
) -> None:
    """Look up; take the lease; swap, with the lease given back in a command that has no answer."""
    commands: list[bytes] = []

    def counted(held: list[bytes], asked: bytes, said: bytes) -> list[bytes]:
        commands.append(asked)
        return [said]

    def trips() -> list[str]:
        """What was asked in each, without what has no answer."""
        asked = [
            [one for one in each_command(piece) if b"noreply" not in one] for piece in commands
        ]
        return [" ".join(one.split()[0].decode() for one in piece) for piece in asked]

    with proxied(memcached, answer=counted) as port:
        scene = make_scene(store=open_store(("127.0.0.1", port)), clock=clock)
        scene.app(200, b"x" * 4096, cache_control="max-age=60", vary="Accept", etag='"a"')
        scene.get("/")
        for number in range(3):
            commands.clear()
            assert scene.get(f"/{number}").cache_status == "wsgicache; fwd=uri-miss; stored"
            assert scene.get(f"/{number}").hit
            assert trips() == ["gets", "add", "add gets", "gets"]
        scene.after(60)
        for number in range(3):
            commands.clear()
            assert scene.get(f"/{number}").cache_status == "wsgicache; fwd=stale; stored"
            assert trips()[1:] == ["get", "add", "cas gets"]


@pytest.mark.network
def test_an_entry_that_is_too_large_loses_its_oldest_responses(
    open_store: Callable[..., Any], clock: FakeClock
) -> None:
    store = open_store(limit=50_000)
    for number in range(20):
        odd = (("Accept", str(number)),)
        fill(store, clock, headers=odd, vary="Accept", cache_tag="x" * 10_000).commit()
    have = [found(store, "/", ("Accept", str(n))) is not None for n in range(20)]
    assert have == [False] * 17 + [True] * 3
    with pytest.raises(StoreError, match="takes 50000 bytes, and a response needs"):
        fill(store, clock, target="/2", x_odd="x" * 60_000).commit()


# ── threads and processes ────────────────────────────────────────────────────────────────────────


@pytest.mark.network
def test_as_many_threads_as_there_are(open_store: Callable[..., Any], clock: FakeClock) -> None:
    store = open_store(idle=4)
    pages = {f"/{number}": f"page {number}".encode() * 100 for number in range(20)}
    for target, content in pages.items():
        fill(store, clock, content, target=target).commit()

    def read(number: int) -> None:
        for step in range(10):
            target = f"/{(number + step) % 20}"
            assert content_of(store, found(store, target)) == pages[target]

    together(100, read)
    (generations,) = store._nodes.values()
    assert len(generations.node._connections._idle) <= 4


@pytest.mark.network
def test_children_have_connections_of_their_own(
    open_store: Callable[..., Any], clock: FakeClock
) -> None:
    store = open_store()
    pages = {f"/{number}": os.urandom(5_000) for number in range(10)}
    for target, content in pages.items():
        fill(store, clock, content, target=target).commit()

    def read() -> bool:
        return all(
            content_of(store, found(store, target)) == content
            for _ in range(20)
            for target, content in pages.items()
        )

    children = []
    for _ in range(4):
        child = fork()
        if child == 0:
            code = 1  # whatever is raised: nothing of the parent's goes on here
            with contextlib.suppress(BaseException):
                code = 0 if read() else 2
            os._exit(code)
        children.append(child)
    assert read()
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4


@pytest.mark.network
def test_a_purge_with_a_server_down_names_it(
    started: Callable[..., Server], memcached: Server, clock: FakeClock
) -> None:
    down = started("memcached")
    how: Any = {"clock": clock, "timeout": PLENTY, "generation_seconds": 0}
    store = MemcachedStore([memcached.address, down.address], namespace="cluster", **how)
    targets = [f"/{number}" for number in range(20)]
    for target in targets:
        fill(store, clock, target=target, cache_tag="a").commit()
    down.kill()
    with pytest.raises(StoreError, match=f"not reached: {down.address}: "):
        store.bump(["* a"], clock.now())
    left = 0
    for target in targets:
        with contextlib.suppress(StoreError):  # from the one that is down
            left += found(store, target) is not None
    assert left == 0  # what could be reached was purged
    for target in targets:
        name = store._names.of("entry", "http", "example.org", target, "")
        if store._route(name.text).name == down.address:
            with pytest.raises(StoreError, match=down.address):
                store.update(("http", "example.org", target, ""), emptied(clock.now()))
            return
    raise AssertionError("no page is on the server that is down")
