"""Stores by URL, for settings, environment variables and the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from wsgicache.rules.checks import must_be, whole
from wsgicache.stores import Store
from wsgicache.stores.folders import check_folder, users_folder
from wsgicache.stores.net.addresses import SERVERS, checked_timeout, names_a_server, shown

__all__ = ["check_url", "opened"]

_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,15})(|KiB|MiB|GiB)")


def size(text: str) -> int:
    """Return the bytes in *text*: a number, or one of KiB, MiB or GiB. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return int(found[1]) * _UNITS[found[2]]


OPTIONS: dict[str, Callable[[str], object]] = {
    "namespace": str,
    "generation_seconds": float,
    "timeout": float,
    "idle": int,
    "limit": size,
    "max_bytes": size,
    "near": size,
    "stamps": str,
    "threshold": int,
}
"""The options after the ``?``; each scheme takes those of its store."""

NEAR_BYTES = 64 << 20
"""Bytes of memory in each process for what it has read from an LMDBStore."""
_NEAR_SECONDS = 10.0
"""Seconds that an entry stays near. Stamps show all changes, but the file must be asked for a page
from time to time, so that the page counts as used there."""
_DATABASE = re.compile(r"/?|/[0-9]{1,9}")
_PACKED = {"namespace", "generation_seconds", "limit"}


def opened(url: str, options: dict[str, Any]) -> Store:
    """Return the store that *url* names. Raises ValueError or TypeError for a wrong one."""
    make, parts, said = _understood(url)
    return make(parts, {**said, **options})


def check_url(url: object) -> None:
    """Raise ValueError or TypeError unless *url* has the form of one; open nothing."""
    _understood(url)


def _understood(url: object) -> tuple[Make, SplitResult, dict[str, Any]]:
    """Return what makes the store, the parts of its *url*, and the options there."""
    if not isinstance(url, str):
        raise TypeError(f"the URL of a store must be a str, got {type(url).__name__}")
    try:
        parts = urlsplit(url)
        make, known = _SCHEMES[parts.scheme]
    except (ValueError, KeyError):
        raise _wrong(url, _KNOWN) from None
    _check(url, parts)
    options: dict[str, Any] = {}
    for name, text in _said(url, parts).items():
        if name not in known:
            raise _wrong(url, f"one with the options {', '.join(sorted(known))}, not {name!r}")
        try:
            options[name] = OPTIONS[name](text)
        except ValueError:
            raise _wrong(url, f"one whose {name} is a number, not {text!r}") from None
    return make, parts, options


def _check(url: str, parts: SplitResult) -> None:
    """Raise ValueError for what the URL of no store has."""
    if any(char < " " or char == "\x7f" for char in url):
        raise _wrong(url, "one without control characters")
    # urlsplit ends the host at the first of these characters.
    if parts.netloc and "@" in url.partition("://")[2][len(parts.netloc) :]:
        kind = "one with %2F, %3F and %23 for /, ? and # in a password, and @ before the host only"
        raise _wrong(url, kind)
    if "#" in url:
        raise _wrong(url, "one without a fragment (#…), and %23 for a #")


def _said(url: str, parts: SplitResult) -> dict[str, str]:
    """Return the options in *url*. Raises ValueError for a malformed or repeated one."""
    try:
        pairs = parse_qsl(parts.query, True, bool(parts.query))
    except ValueError:
        raise _wrong(url, "one with option=value&… after the ?") from None
    said = dict(pairs)
    if len(said) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _wrong(url, f"one that gives {twice} once")
    return said


def _wrong(url: str, kind: str) -> ValueError:
    return ValueError(must_be("the URL of a store", kind, shown(url)))


def _memory(parts: SplitResult, options: dict[str, Any]) -> Store:
    from wsgicache.stores.memory import MemoryStore

    if parts.netloc or parts.path:
        raise _wrong(parts.geturl(), "memory://, without host and path")
    return MemoryStore(**options)


def _memcached(parts: SplitResult, options: dict[str, Any]) -> Store:
    from wsgicache.stores.memcached import MemcachedStore

    if parts.scheme == "memcacheds" and "tls" not in options:
        import ssl

        options = {"tls": ssl.create_default_context(), **options}
    if not parts.netloc and len(parts.path) < 2:
        raise _wrong(parts.geturl(), "memcached://host:port/namespace")
    if not parts.netloc:
        return MemcachedStore(unquote(parts.path), **options)
    servers = parts.netloc.split(",")
    if "@" in parts.netloc or not all(map(names_a_server, servers)):
        kind = f"one with {SERVERS}, commas between several, and no user and password"
        raise _wrong(parts.geturl(), kind)
    namespace = unquote(parts.path.strip("/"))
    if namespace:
        if "namespace" in dict(parse_qsl(parts.query)):
            raise _wrong(parts.geturl(), "one with one namespace, not two")
        options = {"namespace": namespace, **options}
    return MemcachedStore(servers, **options)


def _redis(parts: SplitResult, options: dict[str, Any]) -> Store:
    from wsgicache.stores.cachelib import CachelibStore

    try:
        from cachelib import RedisCache

        from wsgicache.stores.net.redis import client
    except ImportError:
        raise ValueError("redis:// needs the package redis: pip install redis") from None
    timeout = checked_timeout("timeout of store_from_url()", options.pop("timeout", 0.1))
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "unix":
        if host or len(parts.path) < 2:
            raise _wrong(parts.geturl(), "unix:///path")
    elif host and not names_a_server(host):
        raise _wrong(parts.geturl(), f"one with one server, as {SERVERS}")
    elif _DATABASE.fullmatch(parts.path) is None:
        kind = "one with the number of a database after the host, such as /0, and nothing else"
        raise ValueError(f"{_wrong(parts.geturl(), kind)}: write a namespace as ?namespace=…")
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    try:
        cache = RedisCache(client(parts.scheme, url, timeout))
    except ValueError as error:
        raise ValueError(f"{shown(url)}: {error}") from None
    return CachelibStore(cache, **options)


def _file(parts: SplitResult, options: dict[str, Any]) -> Store:
    from cachelib import FileSystemCache

    from wsgicache.stores.cachelib import CachelibStore

    folder = unquote(parts.path)
    if parts.netloc or not folder.startswith("/"):
        raise _wrong(parts.geturl(), "file:///directory, a whole path")
    threshold = whole("threshold of store_from_url()", options.pop("threshold", 10_000))
    check_folder(folder)
    return CachelibStore(FileSystemCache(folder, threshold=threshold), **options)


def _lmdb(parts: SplitResult, options: dict[str, Any]) -> Store:
    try:
        from wsgicache.stores.lmdb import LMDBStore
    except ImportError:
        raise ValueError("lmdb:// needs the package lmdb: pip install lmdb") from None
    folder = unquote(parts.path)
    if parts.netloc or not folder.startswith("/"):
        raise _wrong(parts.geturl(), "lmdb:///directory, a whole path")
    near = whole("near of store_from_url()", options.pop("near", NEAR_BYTES))
    store = LMDBStore(folder, **options)
    if not near:
        return store
    from wsgicache.stores.memory import MemoryStore
    from wsgicache.stores.tiered import TieredStore

    memory, clock = MemoryStore(near), options.get("clock")
    return TieredStore(memory, store, seconds=_NEAR_SECONDS, clock=clock)


Make = Callable[[SplitResult, dict[str, Any]], Store]


def _with_near(make: Make) -> Make:
    """Return *make* for a URL that may say ``near``, which puts a memory in front of the store."""

    def made(parts: SplitResult, options: dict[str, Any]) -> Store:
        near = whole("near of store_from_url()", options.pop("near", 0))
        folder = options.pop("stamps", None)
        if folder is not None and not near:
            raise _wrong(parts.geturl(), "one with near=… beside its stamps=…")
        store = make(parts, options)
        if not near:
            return store
        from wsgicache.stores.memory import MemoryStore
        from wsgicache.stores.shared.store import PackedStore
        from wsgicache.stores.stamps import Stamps
        from wsgicache.stores.tiered import TieredStore

        assert isinstance(store, PackedStore)
        stamps = folder
        if folder is None:
            # Without them it sees changes a second later, so it need not have them.
            stamps = Stamps(users_folder(f"wsgicache-{store.namespace}"), needed=False)
        return TieredStore(MemoryStore(near), store, stamps=stamps, clock=options.get("clock"))

    return made


_REDIS: tuple[Make, set[str]] = (_with_near(_redis), _PACKED | {"timeout", "near", "stamps"})
_MEMCACHED: tuple[Make, set[str]] = (
    _with_near(_memcached),
    _PACKED | {"timeout", "idle", "near", "stamps"},
)
_SCHEMES: dict[str, tuple[Make, set[str]]] = {
    "memory": (_memory, {"max_bytes"}),
    "memcached": _MEMCACHED,
    "memcacheds": _MEMCACHED,
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
    "file": (_file, _PACKED | {"threshold"}),
    "lmdb": (_lmdb, {"namespace", "generation_seconds", "max_bytes", "near"}),
}
_KNOWN = (
    "memory://, lmdb:///directory, memcached://host:port,…/namespace, redis://host:port/0 or "
    "file:///directory"
)
