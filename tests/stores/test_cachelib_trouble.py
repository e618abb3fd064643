"""Redis, and a disk, in trouble."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cachelib import FileSystemCache, RedisCache

from tests.running import binary, eventually, module
from tests.scene import EPOCH, FakeClock, Scene
from tests.stores.contract import KEY, content_of, fill, found
from tests.stores.servers import PLENTY, Server
from tests.stores.talking import listening
from wsgicache import CacheMiddleware
from wsgicache.rules.entries import emptied
from wsgicache.stores import StoreError, store_from_url
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.net.breaker import FAILURES
from wsgicache.stores.shared.records import MAGIC

redis = module("redis")


# ── Redis in trouble ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def own_redis(started: Callable[..., Server]) -> Server:
    return started("redis-server")


@pytest.fixture
def client(own_redis: Server) -> Iterator[Any]:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    with redis.Redis(port=own_redis.port, retry=Retry(NoBackoff(), 0)) as client:
        yield client


@pytest.fixture
def store(client: Any, clock: FakeClock) -> CachelibStore:
    return CachelibStore(RedisCache(client), clock=clock)


@pytest.fixture
def busy(store: CachelibStore, make_scene: Callable[..., Scene], clock: FakeClock) -> Scene:
    """A cache with a page that is stored, and an app that has more."""
    scene = make_scene(store=store, clock=clock)
    scene.app(200, "page", cache_control="max-age=60", cache_groups='"g"')
    scene.get("/stored")
    assert scene.get("/stored").hit
    return scene


@pytest.mark.network
def test_redis_is_down_and_comes_back(busy: Scene, own_redis: Server) -> None:
    own_redis.kill()
    for number in range(10):
        assert busy.get(f"/{number}").code == busy.get("/stored").code == 200
    own_redis.start()
    eventually(lambda: busy.get("/stored").hit, "the store has not healed")


@pytest.mark.network
def test_redis_is_a_replica_that_takes_no_writes(busy: Scene, client: Any) -> None:
    client.replicaof("127.0.0.1", 1)
    client.config_set("replica-serve-stale-data", "yes")
    for number in range(FAILURES + 2):
        got = busy.get(f"/{number}")
        assert (got.code, got.fwd) == (200, "uri-miss")
    assert busy.get("/stored").hit
    with pytest.raises(StoreError, match="You can't write against a read only replica"):
        busy.cache.purge("http://example.org/stored")
    client.replicaof("NO", "ONE")
    busy.get("/1")
    assert busy.get("/1").hit


PURGES: dict[str, Callable[[CacheMiddleware], object]] = {
    "url": lambda cache: cache.purge("http://example.org/stored"),
    "soft": lambda cache: cache.purge("http://example.org/stored", soft=True),
    "group": lambda cache: cache.purge_groups("g", "unknown"),
    "prefix": lambda cache: cache.purge_prefix("http://example.org/"),
    "all": lambda cache: cache.purge_all(),
}


@pytest.mark.network
@pytest.mark.parametrize("purge", PURGES.values(), ids=list(PURGES))
def test_redis_is_out_of_memory(busy: Scene, client: Any, purge: Any) -> None:
    """It stores nothing more, and a purge still ends what it has."""
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)
    for number in range(FAILURES + 2):
        got = busy.get(f"/{number}")
        assert (got.code, got.fwd) == (200, "uri-miss")
    assert busy.get("/stored").hit
    purge(busy.cache)
    assert not busy.get("/stored").hit
    assert not busy.get("/stored").hit, "there is still no room"
    with pytest.raises(StoreError, match="command not allowed when used memory"):
        busy.cache.purge("http://example.org/nothing")
    client.config_set("maxmemory", 0)
    busy.get("/stored")
    assert busy.get("/stored").hit


@pytest.mark.network
def test_a_mark_ends_in_a_redis_that_is_out_of_memory(store: CachelibStore, client: Any) -> None:
    mark = store.first_mark("sid=1")
    assert store.mark("sid=1") == mark
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)
    store.end_mark("sid=1")
    assert store.mark("sid=1") == ""


@pytest.mark.network
@pytest.mark.parametrize("planted", [b"", b"#5", b"garbage", None], ids=repr)
@pytest.mark.parametrize("kind", ["e", "g", "s"])
def test_what_others_put_into_redis_is_replaced(
    busy: Scene,
    make_scene: Callable[..., Scene],
    client: Any,
    clock: FakeClock,
    kind: str,
    planted: bytes | None,
) -> None:
    """At the names of an entry, a group and the state; None plants a list, which no read takes."""
    busy.app(200, "page", cache_control="max-age=60", cache_groups='"g"')
    busy.get("/grouped")
    names = client.keys(f"*:3{kind}:*")
    assert names
    for name in names:
        client.delete(name)
        if planted is None:
            client.rpush(name, "a", "b")
        else:
            client.set(name, planted)
    clock.advance(2)
    again = make_scene(clock=clock, store=CachelibStore(RedisCache(client), clock=clock))
    again.app(200, "page", cache_control="max-age=60", cache_groups='"g"')
    assert again.get("/grouped").text == "page"
    assert again.get("/grouped").hit
    again.cache.purge_groups("g")
    again.cache.purge("http://example.org/stored")
    assert not again.get("/grouped").hit
    assert again.get("/grouped").hit


@pytest.mark.network
def test_what_is_there_is_of_another_type(busy: Scene, client: Any, store: CachelibStore) -> None:
    (name,) = (key for key in client.keys("*:3e:*"))
    client.delete(name)
    client.rpush(name, "a", "b")
    assert busy.get("/stored").text == "page"
    busy.get("/1")
    assert busy.get("/1").hit
    (state,) = client.keys("*:3s:*")
    client.delete(state)
    client.rpush(state, "a", "b")
    busy.after(2)
    assert busy.get("/1").text == "page"


@pytest.mark.network
def test_the_password_changes(busy: Scene, client: Any, own_redis: Server) -> None:
    client.config_set("requirepass", "another")
    client.connection_pool.disconnect()
    for number in range(5):
        assert busy.get(f"/{number}").text == "page"


@pytest.mark.network
def test_the_data_are_lost(busy: Scene, client: Any, clock: FakeClock) -> None:
    client.flushall()
    assert not busy.get("/stored").hit
    busy.get("/stored")
    assert busy.get("/stored").hit


@pytest.mark.network
def test_two_redis_stores_swap_one_value_at_a_time(store: CachelibStore) -> None:
    (generations,) = store._nodes.values()
    node = generations.node
    long = MAGIC + bytes(20)
    assert node.swap("k", long + b"1", None, 10)
    assert not node.swap("k", long + b"2", None, 10)
    ((value, version),) = node.look(("k",))
    assert value == long + b"1"
    assert not node.swap("k", b"other", b"what it never was", 10)
    assert node.swap("k", b"x" * 40, version, 10)
    assert not node.swap("k", None, version, 10)
    assert node.swap("k", None, node.look(("k",))[0][1], 10)
    assert node.look(("k",)) == [(None, None)]
    assert node.swap("k", None, None, 10)


@pytest.mark.network
def test_redis_hangs_and_goes_on(own_redis: Server, make_scene: Callable[..., Scene]) -> None:
    store = store_from_url(f"redis://{own_redis.address}/0?timeout=0.2")
    scene = make_scene(store=store)
    scene.app(200, "page", cache_control="max-age=60")
    scene.get("/")
    own_redis.hang()
    for _ in range(FAILURES + 2):
        assert scene.get("/").text == "page"
    own_redis.resume()
    eventually(lambda: scene.get("/").hit, "the store has not healed")


@pytest.mark.network
def test_redis_serves_more_threads_than_redis_py_has_connections_for(own_redis: Server) -> None:
    """A pool of redis-py has 100 by default, and refuses the next thread."""
    from wsgicache.stores.net.redis import client as limited

    with limited("redis", f"redis://{own_redis.address}/0", PLENTY) as client:
        busy = [client.connection_pool.get_connection() for _ in range(120)]
        assert client.ping()
        for connection in busy:
            client.connection_pool.release(connection)


def test_redis_byte_by_byte() -> None:
    """Each byte comes in time; the answer does not."""
    dripped: list[int] = []

    def drip(connection: socket.socket) -> None:
        while connection.recv(4096):
            for byte in b"$4096\r\n" + b"x" * 4096 + b"\r\n":
                connection.sendall(bytes([byte]))
                dripped.append(byte)
                time.sleep(0.005)

    with listening(drip) as port:
        store = store_from_url(f"redis://127.0.0.1:{port}/0?timeout=0.2")
        with pytest.raises(StoreError, match=r"127\.0\.0\.1"):
            store.get(KEY)
        assert len(dripped) < 1000


@pytest.mark.network
def test_keys_that_are_no_text(client: Any, store: CachelibStore, clock: FakeClock) -> None:
    fill(store, clock, target="/a").commit()
    prefix = store._names.prefix("entry").encode()
    client.set(prefix + b"\xff\xfe", b"junk")
    client.set(prefix + b"junk", b"junk")
    assert store.keys(("http", "example.org", "/", "")) == [("http", "example.org", "/a", "")]


@pytest.mark.network
def test_redis_on_a_unix_socket(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "redis.sock"
    line = [binary("redis-server"), "--port", "0", "--unixsocket", str(path), "--save", ""]
    process = subprocess.Popen([*line, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL)
    try:
        eventually(path.exists, "redis-server has made no socket")
        store = store_from_url(f"unix://{path}?timeout={PLENTY}", clock=clock)
        fill(store, clock, content := os.urandom(300_000)).commit()
        assert content_of(store, found(store)) == content
    finally:
        process.kill()
        process.wait()


# ── a disk in trouble ────────────────────────────────────────────────────────────────────────────


def pages(scene: Scene, count: int = 6, size: int = 30_000) -> None:
    """Requests of which none fails."""
    scene.app(200, os.urandom(size), cache_control="max-age=60")
    for number in range(count):
        assert scene.get(f"/{number}").code == 200


@pytest.fixture
def on_disk(tmp_path: Path, clock: FakeClock, make_scene: Callable[..., Scene]) -> Scene:
    cache = FileSystemCache(str(tmp_path / "cache"), threshold=100)
    return make_scene(store=CachelibStore(cache, clock=clock), clock=clock)


def test_the_directory_goes_and_comes_back(on_disk: Scene, tmp_path: Path) -> None:
    pages(on_disk)
    assert on_disk.get("/0").hit
    (tmp_path / "cache").rename(tmp_path / "gone")
    pages(on_disk)
    (tmp_path / "cache").mkdir()

    def heals() -> bool:
        return on_disk.get("/0").hit

    eventually(heals, "the store has not healed")


def test_the_disk_is_full(
    tmp_path: Path, clock: FakeClock, make_scene: Callable[..., Scene]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k,mode=755", "none", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here: that takes root")
    try:
        cache = FileSystemCache(str(disk), threshold=100)
        scene = make_scene(store=CachelibStore(cache, clock=clock), clock=clock)
        pages(scene, count=12)
        assert scene.get("/0").hit
        full = pytest.raises(OSError, match="No space left")
        with full, (disk / "more").open("wb", 0) as file:
            while True:
                file.write(bytes(100))
        with pytest.raises(StoreError):
            scene.cache.purge("http://example.org/0")
        assert not scene.get("/0").hit  # it is not there any more, at least
        for path in disk.iterdir():
            path.unlink()
        pages(scene, count=1)
        assert scene.get("/0").hit
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("number", "call"),
    [("EMFILE", "open"), ("EROFS", "replace"), ("EDQUOT", "mkstemp")],
)
def test_the_system_refuses(
    on_disk: Scene, monkeypatch: pytest.MonkeyPatch, number: str, call: str
) -> None:
    import errno

    pages(on_disk, count=2)

    def refuse(*args: Any, **kwargs: Any) -> Any:
        code = getattr(errno, number)
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        if call == "open":
            broken.setattr("cachelib.file.open", refuse, raising=False)
        elif call == "replace":
            broken.setattr("cachelib.file.os.replace", refuse)
        else:
            broken.setattr("cachelib.file.tempfile.mkstemp", refuse)
        pages(on_disk, count=4)
    eventually(lambda: on_disk.get("/0").hit, "the store has not healed")


@pytest.mark.parametrize(
    ("call", "change"), [("replace", emptied(EPOCH + 1)), ("remove", lambda entry: None)]
)
def test_files_of_another_user(
    on_disk: Scene, monkeypatch: pytest.MonkeyPatch, call: str, change: Any
) -> None:
    """cachelib tries for a while, and then says that all is well; a purge must not."""
    pages(on_disk, count=1)

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError(1, "Operation not permitted")

    key = ("http", "example.org", "/0", "")
    with monkeypatch.context() as broken:
        broken.setattr("cachelib.file.sleep", lambda seconds: None)
        broken.setattr(f"cachelib.file.os.{call}", refuse)
        with pytest.raises(StoreError, match="did not replace what it had"):
            on_disk.cache.store.update(key, change)
        pages(on_disk, count=2)
    on_disk.cache.purge("http://example.org/0")
    assert not on_disk.get("/0").hit


@pytest.mark.parametrize("content", [b"", b"\0", b"\0\0\0\0", b"\0\0\0\0junk", b"\xff" * 100])
def test_files_that_others_have_written(on_disk: Scene, tmp_path: Path, content: bytes) -> None:
    pages(on_disk, count=2)
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(content)
    on_disk.after(2)
    pages(on_disk, count=2)
    pages(on_disk, count=2)
    assert on_disk.get("/0").hit


def _folder(path: Path) -> None:
    (path / "more").mkdir(parents=True)


def _link(path: Path) -> None:
    other = path.parent.parent / "other"
    other.write_bytes(b"\0\0\0\0secret")
    path.symlink_to(other)


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("plant", [_folder, _link, _loop], ids=lambda plant: plant.__name__)
def test_what_is_planted_in_the_folder(
    on_disk: Scene, tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    """No exception and nothing of it in an answer; what it points to stays as it is."""
    pages(on_disk, count=2)
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
        plant(path)
    on_disk.after(2)
    pages(on_disk, count=2)
    pages(on_disk, count=2)
    other = tmp_path / "other"
    assert not other.exists() or other.read_bytes() == b"\0\0\0\0secret"


def test_a_file_that_is_larger_than_any_of_ours(tmp_path: Path, clock: FakeClock) -> None:
    store = CachelibStore(FileSystemCache(str(tmp_path), threshold=0), limit=50_000, clock=clock)
    fill(store, clock).commit()
    for path in tmp_path.iterdir():
        with path.open("r+b") as file:
            file.truncate(100_000_000)
    clock.advance(2)
    tracemalloc.start()
    try:
        assert found(store) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_purge_on_a_disk_that_is_gone_fails_loudly(
    on_disk: Scene, tmp_path: Path, clock: FakeClock
) -> None:
    pages(on_disk)
    (tmp_path / "cache").rename(tmp_path / "gone")
    with pytest.raises(StoreError):
        on_disk.cache.purge("http://example.org/0")
    with pytest.raises(StoreError):
        on_disk.cache.purge_all()
    with pytest.raises(StoreError):
        on_disk.cache.store.update(KEY, emptied(clock.now()))
