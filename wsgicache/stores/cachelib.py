"""Use any `cachelib.BaseCache` as a store: SimpleCache, FileSystemCache, RedisCache, UWSGICache.

cachelib pickles what it stores, and unpickles whatever it finds. Here it gets bytes and a
serializer that leaves them alone, on a copy of the cache: other users of the same object keep
theirs.
"""

from __future__ import annotations

import copy
import os
import stat
from typing import IO, Any

from cachelib import BaseCache, FileSystemCache

from wsgicache.clock import Clock
from wsgicache.rules.checks import must_be, whole
from wsgicache.stores.caches import CacheNode, RedisNode
from wsgicache.stores.folders import check_folder
from wsgicache.stores.shared.applications import NAMESPACE
from wsgicache.stores.shared.records import MAGIC
from wsgicache.stores.shared.store import PackedStore

__all__ = ["CachelibStore"]

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
        node = CacheNode(plain, limit) if client is None else RedisNode(plain, limit, client)
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


def _regular(path: str, mode: str) -> IO[bytes]:
    """Open the regular file at *path*. Raises OSError for anything else: a FIFO would block."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise FileNotFoundError(path)
    return os.fdopen(file, "rb")
