"""Use any `cachelib.BaseCache` as a store: SimpleCache, FileSystemCache, RedisCache, UWSGICache.

cachelib pickles what it stores, and unpickles whatever it finds. Here it gets bytes and a
serializer that leaves them alone, on a copy of the cache: other users of the same object keep
theirs.
"""

from __future__ import annotations

import copy
import os
import stat
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import IO, Any, TypeVar

from cachelib import BaseCache, FileSystemCache

from wsgicache import forks
from wsgicache.clock import Clock
from wsgicache.rules.checks import must_be, whole
from wsgicache.stores import StoreError
from wsgicache.stores.folders import check_folder
from wsgicache.stores.net.breaker import Breaker
from wsgicache.stores.shared.applications import NAMESPACE
from wsgicache.stores.shared.records import MAGIC
from wsgicache.stores.shared.store import PackedStore

__all__ = ["CachelibStore"]

T = TypeVar("T")

SHARE = 16 * 1024 * 1024
"""Most bytes of contents in one entry with several responses."""
LIMIT = 32 * 1024 * 1024
"""Most bytes of a value in a cache without a limit of its own."""


_EXPIRY = 4
"""Bytes before the value in a file of FileSystemCache."""


class CachelibStore(PackedStore):
    """Entries in *cache*, a `cachelib.BaseCache`.

    *limit* is the most bytes of a value. The other options are those of `PackedStore`. Raises
    TypeError for a cache without a serializer, such as MemcachedCache: it would unpickle what it
    reads. Raises ValueError for a FileSystemCache in a folder that other users can write to
    (`check_folder`).

    Redis and its like replace entries atomically. In others, two processes that change an entry at
    once may lose one change: one more miss, or an entry that survives a purge.
    """

    def __init__(
        self,
        cache: BaseCache,
        *,
        namespace: str = NAMESPACE,
        secret: str | bytes = b"",
        generation_seconds: float = 1.0,
        limit: int = LIMIT,
        clock: Clock | None = None,
    ) -> None:
        if not isinstance(cache, BaseCache):
            raise TypeError(must_be("CachelibStore.cache", "a cachelib.BaseCache", cache))
        if getattr(cache, "serializer", None) is None:
            kind = "one with a serializer, since others unpickle what they read"
            cure = ": for memcached there is MemcachedStore"
            raise TypeError(must_be("CachelibStore.cache", kind, cache) + cure)
        whole("CachelibStore.limit", limit, 16_384)
        plain = copy.copy(cache)
        plain.serializer = _Plain(limit)  # type: ignore[attr-defined]
        client = getattr(cache, "_write_client", None)
        if isinstance(plain, FileSystemCache):
            check_folder(plain._path)
        if isinstance(plain, FileSystemCache) and hasattr(os, "O_NONBLOCK"):
            plain._safe_stream_open = _regular  # type: ignore[method-assign, assignment]
        node = _Node(plain, limit) if client is None else _RedisNode(plain, limit, client)
        super().__init__(
            [node],
            lambda name: node,
            namespace=namespace,
            secret=secret,
            generation_seconds=generation_seconds,
            clock=clock,
        )


class _Plain:
    """A serializer that leaves bytes as they are, and reads nothing else.

    Only FileSystemCache uses streams. It counts its files in one of them, so numbers are written in
    digits, and anything else there is ignored. It reads *limit* bytes at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def dumps(self, value: object) -> bytes:
        return b"#%d" % value if type(value) is int else _bytes(value)

    def loads(self, value: object) -> Any:
        return value if type(value) is bytes else None

    def dump(self, value: object, file: IO[bytes]) -> None:
        file.write(self.dumps(value))

    def load(self, file: IO[bytes]) -> Any:
        if os.fstat(file.fileno()).st_size > self._limit + _EXPIRY:
            return None
        value = file.read()
        if value[:1] == b"#" and value[1:].isdigit() and len(value) < 20:
            return int(value[1:])
        return value if value.startswith(MAGIC) else None


def _bytes(value: object) -> bytes:
    if type(value) is not bytes:
        raise TypeError(f"a stored value must be bytes, got {type(value).__name__}")
    return value


def _weight(error: BaseException) -> int:
    """Return how many failures *error* counts for: none, if it is the server's answer."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return int(names.isdisjoint(("ResponseError", "StoreError")))


class _Node:
    """A cache that gets and sets. If two processes change a value at once, the last one wins."""

    atomic = False

    def __init__(self, cache: Any, limit: int, name: str | None = None) -> None:
        self.name = name or type(cache).__name__
        self.limit = limit
        self.share = SHARE
        self._cache = cache
        self._breaker = Breaker(self.name)
        self._lock = threading.Lock()
        forks.renew(self)

    def _ask(self, do: Callable[[], T]) -> T:
        return self._breaker.call(_weight, do)

    def begin_in_child(self) -> None:
        """Begin with a new lock, and without failures."""
        self._lock = threading.Lock()
        self._breaker = Breaker(self.name)

    def read(self, names: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept under *names*."""
        if len(names) == 1:
            return [_found(self._ask(lambda: self._cache.get(names[0])))]
        return [_found(value) for value in self._ask(lambda: self._cache.get_many(*names))]

    def look(self, names: Sequence[str]) -> Sequence[tuple[bytes | None, object]]:
        """Return what is kept under *names*; the value is also its version."""
        return [(value, value) for value in self.read(names)]

    def swap(self, name: str, value: bytes | None, version: object, seconds: int) -> bool:
        """Keep *value* (None: nothing), if what is kept is still *version*."""
        with self._lock:
            if self.read((name,))[0] != version:
                return False
            if value is None:
                self.remove(name)
            else:
                self.write(name, value, seconds)
            # A cache may report success where it failed: with a file of another user, for example.
            if self.read((name,))[0] != value:
                raise StoreError(f"{self.name} did not replace what it had")
            return True

    def write(self, name: str, value: bytes, seconds: int) -> None:
        """Keep *value* for at most *seconds*. Raises StoreError where the cache does not."""
        if len(value) > self.limit:
            raise StoreError(f"{self.name} takes at most {self.limit} bytes, got {len(value)}")
        if not self._ask(lambda: self._cache.set(name, value, timeout=seconds)):
            raise StoreError(f"{self.name} did not keep a value")

    def remove(self, name: str) -> None:
        """Remove what is under *name*."""
        self._ask(lambda: self._cache.delete(name))

    def listed(self, prefix: str) -> list[str]:
        """Raise StoreError: such a cache cannot list its keys."""
        raise StoreError(f"{self.name} cannot list what it holds")

    @property
    def connects(self) -> int:
        """Return 0: such a cache counts no connections."""
        return 0

    def life(self) -> str:
        """Return an empty string: such a cache has no server, or does not identify it."""
        return ""

    def stats(self) -> dict[str, object]:
        """Return no figures. Raises StoreError if the cache does not answer."""
        self._ask(lambda: self._cache.get("wsgicache:stats"))
        return {}


def _found(value: object) -> bytes | None:
    """Return *value* if it is a stored one; anything else counts as missing."""
    return value if type(value) is bytes else None


def _regular(path: str, mode: str) -> IO[bytes]:
    """Open the regular file at *path*. Raises OSError for anything else: a FIFO would block."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise FileNotFoundError(path)
    return os.fdopen(file, "rb")


class _RedisNode(_Node):
    """Redis, or a server like it: a script replaces a value if it is the one that was read."""

    atomic = True
    # Records begin with their digest, so their first bytes distinguish them.
    _VERSION = 32
    _SWAP = """
        if redis.call('GETRANGE', KEYS[1], 0, 31) ~= ARGV[1] then return 0 end
        if ARGV[3] == '' then redis.call('DEL', KEYS[1])
        else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
        return 1
    """
    # A value of another type is not a record: MGET returns nothing for it.
    _ADD = """
        if redis.call('TYPE', KEYS[1])['ok'] == 'string' then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
        return 1
    """

    def __init__(self, cache: Any, limit: int, client: Any) -> None:
        options = getattr(getattr(client, "connection_pool", None), "connection_kwargs", {})
        if options.get("decode_responses"):
            kind = "one whose client has no decode_responses=True"
            raise TypeError(must_be("CachelibStore.cache", kind, cache))
        where = options.get("path") or f"{options.get('host', '')}:{options.get('port', '')}"
        super().__init__(cache, limit, f"{type(cache).__name__} {where.strip(':')}".strip())
        self._client = client
        self._is_cluster = hasattr(client, "mget_nonatomic")
        made = getattr(getattr(client, "connection_pool", None), "connection_class", None)
        self._counted: Any = made if hasattr(made, "connects") else None
        """The class of the connections, if it counts them (`net.redis.client`)."""
        self._life = ""
        self._life_of: object = None

    @property
    def connects(self) -> int:
        """Return how many connections were made, or 0 if they are not counted."""
        return 0 if self._counted is None else int(self._counted.connects)

    def life(self) -> str:
        """Return the server's ``run_id``: another one may have started from old data."""
        # It is read after each connection, or each second if connections are not counted.
        of = monotonic() // 1 if self._counted is None else self._counted.connects
        if of != self._life_of and not self._is_cluster:
            self._life = self._run_id()
            self._life_of = of
        return self._life

    def _run_id(self) -> str:
        """Return the run_id, or an empty string if the server refuses. Raises StoreError."""
        try:
            info = self._ask(lambda: self._client.info("server"))
        except StoreError as error:
            if error.__cause__ is None or _weight(error.__cause__):
                raise
            return ""
        return str(info.get("run_id", ""))

    def _key(self, name: str) -> str:
        prefix = self._cache.key_prefix or ""
        return f"{prefix if isinstance(prefix, str) else prefix()}{name}"

    def read(self, names: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept under *names*, in one round trip except for a cluster."""
        if self._is_cluster and len(names) > 1:
            return [value for name in names for value in self.read((name,))]
        return [_found(value) for value in self._ask(lambda: self._cache.get_many(*names))]

    def look(self, names: Sequence[str]) -> Sequence[tuple[bytes | None, object]]:
        """Return what is kept under *names*; the first bytes of each are its version."""
        return [
            (value, None if value is None else value[: self._VERSION]) for value in self.read(names)
        ]

    def swap(self, name: str, value: bytes | None, version: object, seconds: int) -> bool:
        """Keep *value* (None: nothing), if what is kept is still *version*."""
        key = self._key(name)
        if version is None:
            if value is None:
                return True
            return bool(self._ask(lambda: self._client.eval(self._ADD, 1, key, value, seconds)))
        left = b"" if value is None else str(seconds)
        return bool(
            self._ask(lambda: self._client.eval(self._SWAP, 1, key, version, value or b"", left))
        )

    def listed(self, prefix: str) -> list[str]:
        """Return the names that begin with *prefix*, out of all keys of the server."""
        begin = self._key("")
        pattern = "".join(f"\\{one}" if one in "*?[]\\" else one for one in begin + prefix) + "*"
        found = self._ask(lambda: list(self._client.scan_iter(match=pattern, count=1000)))
        texts = [str(key, "utf-8", "replace") if type(key) is bytes else key for key in found]
        return [text[len(begin) :] for text in texts]

    def stats(self) -> dict[str, object]:
        """Return what the server says of its memory and its keys."""
        info = self._ask(lambda: self._client.info())
        names = ("redis_version", "used_memory", "maxmemory", "evicted_keys", "keyspace_hits")
        return {name: info[name] for name in (*names, "keyspace_misses") if name in info}
