"""Stores by URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scene import FakeClock
from tests.stores.contract import content_of, fill, found
from tests.stores.servers import PLENTY, Server
from wsgicache import MemoryStore
from wsgicache.stores import store_from_url
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.lmdb import LMDBStore
from wsgicache.stores.net.addresses import shown
from wsgicache.stores.tiered import TieredStore


def nodes(store: Any) -> list[str]:
    return list(store._nodes)


def test_memory() -> None:
    store = store_from_url("memory://?max_bytes=1000")
    assert isinstance(store, MemoryStore)
    assert store.max_bytes == 1000


@pytest.mark.parametrize(
    ("url", "names", "namespace"),
    [
        ("memcached://one:1/shop", ["one:1"], "shop"),
        ("memcached://one:1,two:2/shop", ["one:1", "two:2"], "shop"),
        ("memcached://one", ["one:11211"], "wsgicache"),
        ("memcached://[::1]:5/", ["::1:5"], "wsgicache"),
        ("memcached:///run/m%20c.sock?namespace=a", ["/run/m c.sock"], "a"),
        ("memcacheds://one:1/?namespace=b&timeout=0.5&idle=3", ["one:1"], "b"),
        ("redis://one:1/2?namespace=c", ["RedisCache one:1"], "c"),
        ("rediss://u:p@one:1/2?timeout=2", ["RedisCache one:1"], "wsgicache"),
        ("unix:///run/redis.sock?limit=100000", ["RedisCache /run/redis.sock"], "wsgicache"),
    ],
)
def test_servers(url: str, names: list[str], namespace: str) -> None:
    store: Any = store_from_url(url)
    assert nodes(store) == names
    assert store._names.namespace == namespace


@pytest.mark.parametrize(
    ("text", "max_bytes"),
    [("8388608", 8 << 20), ("8192KiB", 8 << 20), ("8MiB", 8 << 20), ("2GiB", 2 << 30)],
)
def test_a_size_has_a_unit(tmp_path: Path, text: str, max_bytes: int) -> None:
    memory: Any = store_from_url(f"memory://?max_bytes={text}")
    assert memory.max_bytes == max_bytes
    url = f"lmdb://{tmp_path}/{text}?max_bytes={text}&namespace=a"
    mapped: Any = store_from_url(f"{url}&near={text}")
    (told,) = mapped.stats().values()
    assert told["max_bytes"] == mapped.near.max_bytes == max_bytes
    assert mapped.shared._names.namespace == "a"
    assert isinstance(store_from_url(f"{url}&near=0"), LMDBStore)


def opened_near(url: str) -> TieredStore:
    store = store_from_url(url)
    assert isinstance(store, TieredStore)
    return store


@pytest.mark.parametrize("url", ["memcached://one:1/shop", "redis://one:1/?namespace=shop"])
def test_a_memory_in_front_of_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """All processes of a user have the same words for a namespace, whatever they call the server;
    or those in the folder that the URL names."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    sign = "&" if "?" in url else "?"
    near = opened_near(f"{url}{sign}near=2MiB")
    assert near.near.max_bytes == 2 << 20
    assert near.seconds == 1
    shop = near._stamps.current()
    same, another, named = [
        opened_near(f"memcached://{other}")._stamps.current()
        for other in (
            "localhost:1/shop?near=1MiB",
            "one:1/other?near=1MiB",
            f"one/shop?near=1&stamps={tmp_path}",
        )
    ]
    near._stamps.tell_purge(())
    assert bytes(same) == bytes(shop)
    assert bytes(another) == bytes(named) == bytes(len(shop) * 8)
    made = {path.name.split("-")[1] for path in tmp_path.glob("wsgicache-*")}
    assert made == {"shop", "other"}
    assert (tmp_path / "stamps-1").exists()
    assert not isinstance(store_from_url(url), TieredStore)
    assert not isinstance(store_from_url(f"{url}{sign}near=0"), TieredStore)


def test_options_that_a_url_cannot_say() -> None:
    clock = FakeClock()
    store: Any = store_from_url(
        "memcached://one:1/shop?limit=20000", secret="x" * 16, clock=clock, namespace="mine"
    )
    assert store._secret
    assert store._names.namespace == "mine"
    assert store._times._clock is clock


def test_file(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/a%20b?namespace=x&threshold=7"
    clock = FakeClock()
    store = store_from_url(url, clock=clock)
    assert isinstance(store, CachelibStore)
    fill(store, clock, b"page").commit()
    again = store_from_url(url, clock=clock)
    assert content_of(again, found(again)) == b"page"
    assert (tmp_path / "a b").is_dir()


@pytest.mark.network
def test_real_servers(memcached: Server, redis_server: Server, namespace: str) -> None:
    clock = FakeClock()
    for url in (
        f"memcached://{memcached.address}/{namespace}?timeout={PLENTY}",
        f"redis://{redis_server.address}/0?namespace={namespace}&timeout={PLENTY}",
    ):
        store = store_from_url(url, clock=clock)
        fill(store, clock, b"page").commit()
        assert content_of(store, found(store)) == b"page"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "the URL of a store must be memory://, lmdb:///directory, memcached://.*, got ''"),
        (
            "nothing",
            "must be memory://, .* or file:///directory, got 'nothing'",
        ),
        ("http://host/", "must be memory://, .*, got 'http://host/'"),
        ("memcached://", "must be memcached://host:port/namespace, got 'memcached:"),
        ("memcached:///", "must be memcached://host:port/namespace, got 'memcached:"),
        ("memcached://a:b/", "a port of 1 to 65535"),
        ("memcached://a:0/", "a port of 1 to 65535"),
        ("memcached://a:65536/", "a port of 1 to 65535"),
        ("memcached://a,/x", "commas between several"),
        ("memcached://a, b/x", "commas between several"),
        ("memcached://a;b/x", "commas between several"),
        ("memcached://a b/x", "commas between several"),
        ("memcached://1/x", "host, host:port"),
        ("memcached://u:secret@a/x", "no user and password"),
        ("memcached://a/x?namespace=other", "must be one with one namespace, not two, got"),
        ("memcached://a/x?idle=1&idle=2", "must be one that gives idle once, got"),
        ("memcached://a/x#y", "without a fragment"),
        ("memcached://a/x#", "without a fragment"),
        ("memcached://a\n/x", "without control characters"),
        ("memcached://a/?timeout=nan", "timeout must be a number above 0, up to 86400, got nan"),
        ("memcached://a/?timeout=inf", "timeout must be a number above 0, up to 86400, got inf"),
        ("memory://x/y", "memory://, without host and path"),
        ("memory:///y", "memory://, without host and path"),
        ("memcached://a/b c", "namespace must be .*, got 'b c'"),
        ("memcached://a/b/c", "namespace must be .*, got 'b/c'"),
        (
            "memcached://a/?timeout=x",
            "must be one whose timeout is a number, not 'x', got 'memcached://a/",
        ),
        ("memcached://a/?timeout=0", "timeout must be a number above 0, .*, got 0.0"),
        (
            "memcached://a/?what=1",
            "one with the options generation_seconds, idle, .*, not 'what', got",
        ),
        ("memcached://a/?timeout", "must be one with option=value&… after the ., got"),
        ("memory://?namespace=a", "must be one with the options max_bytes, not 'namespace', got"),
        (
            "memory://?max_bytes=0",
            "MemoryStore.max_bytes must be a whole number of 1 or more, got 0",
        ),
        ("file://host/dir", "must be file:///directory, a whole path, got 'file://"),
        ("file://", "must be file:///directory, a whole path, got 'file://"),
        ("lmdb://host/dir", "must be lmdb:///directory, a whole path, got 'lmdb://"),
        ("lmdb:cache", "must be lmdb:///directory, a whole path, got 'lmdb:"),
        ("lmdb:///dir?max_bytes=1MB", "one whose max_bytes is a number, not '1MB'"),
        ("lmdb:///dir?max_bytes=1MiB", "max_bytes must be a whole number of 4194304 or more"),
        ("memcached://a/?stamps=/tmp/x", "must be one with near=… beside its stamps=…, got"),
        ("redis://a/?near=1&stamps=x", "TieredStore.stamps must be the whole path of a folder"),
        ("memcached://a/?near=1MB", "one whose near is a number, not '1MB'"),
        ("file:///dir?near=1", "namespace, threshold, not 'near'"),
        ("lmdb:///dir?limit=100000", "max_bytes, namespace, near, not 'limit'"),
        ("file:cache", "must be file:///directory, a whole path, got 'file:"),
        ("redis://u:secret@host:1/0?what=1", r"not 'what', got 'redis://…@host:1/0\?what=1'"),
        ("redis://u:secret@host:x/0", "must be one with one server, .*, got 'redis://…@host:x/0'"),
        ("redis://host:0/0", "a port of 1 to 65535"),
        ("redis://host:99999/0", "a port of 1 to 65535"),
        ("redis://a:1,b:2/0", "one server"),
        ("redis://a b/0", "one server"),
        ("redis://host/myapp", r"number of a database.*\?namespace="),
        ("redis://host/0/1", "number of a database"),
        ("redis://host/-1", "number of a database"),
        ("redis://u:secr/et@host/0", "in a password, .*, got 'redis://…@host/0'"),
        ("redis://u:secr#et@host/0", "in a password, .*, got 'redis://…@host/0'"),
        ("redis://u:secr?et@host/0", "in a password, .*, got 'redis://…@host/0'"),
        ("redis://u:secr?timeout=et@host/0", "in a password, .*, got 'redis://…@host/0'"),
        (
            "redis://host/0?timeout=0",
            "timeout of store_from_url.. must be a number above 0, .*, got 0.0",
        ),
        (
            "redis://host/0?timeout=nan",
            "timeout of store_from_url.. must be a number above 0, .*, got nan",
        ),
        ("unix://host/x", "must be unix:///path, got 'unix://host/x'"),
        (
            "file:///dir?threshold=-1",
            "threshold of store_from_url.. must be a whole number of 0 or more, got -1",
        ),
        ("memcached://[", "must be memory://, lmdb:///directory, memcached://"),
    ],
)
def test_what_names_no_store(url: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        store_from_url(url)
    assert "secr" not in str(caught.value)


@pytest.mark.parametrize("url", [7, None, ["redis://u:secret@host/"]])
def test_a_url_is_a_str(url: Any) -> None:
    with pytest.raises(TypeError, match=r"^the URL of a store must be a str, got \w+$"):
        store_from_url(url)


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        (
            "redis://host/0",
            {"timeout": "1"},
            "timeout of store_from_url.. must be a number above 0, .*, got '1'",
        ),
        (
            "redis://host/0",
            {"timeout": True},
            "timeout of store_from_url.. must be a number above 0, .*, got True",
        ),
        (
            "memcached://host/",
            {"timeout": None},
            "MemcachedStore.timeout must be a number above 0, .*, got None",
        ),
        ("memcached://host/", {"tls": True}, "tls must be an ssl.SSLContext or None, got True"),
        (
            "file:///dir",
            {"threshold": "x"},
            "threshold of store_from_url.. must be a whole number of 0 or more, got 'x'",
        ),
        (
            "file:///dir",
            {"threshold": True},
            "threshold of store_from_url.. must be a whole number of 0 or more, got True",
        ),
    ],
)
def test_an_option_of_another_type(url: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        store_from_url(url, **options)


def test_no_password_is_shown() -> None:
    assert shown("redis://user:pass@word@host:1/0") == "redis://…@host:1/0"
    assert shown("memcached://host/") == "memcached://host/"


def test_stores_are_imported_when_they_are_used() -> None:
    import subprocess
    import sys

    code = (
        "import sys, wsgicache, wsgicache.stores, wsgicache.purging\n"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " ('pymemcache', 'cachelib', 'redis', 'http_sf', 'click')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
