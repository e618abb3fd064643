"""Caches of cachelib as nodes of a shared store: any that gets and sets, and Redis."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, TypeVar

from wsgicache import forks
from wsgicache.rules.checks import must_be
from wsgicache.stores import StoreError
from wsgicache.stores.net.breaker import Breaker
from wsgicache.stores.shared.nodes import Found, settle_in_steps

__all__ = ["CacheNode", "RedisNode"]

T = TypeVar("T")

SHARE = 16 * 1024 * 1024
"""Most bytes of contents in one entry with several responses."""


_NUMBER = re.compile(r"[0-9]{1,19}")
_AT_ONCE = 1000
"""Keys that the server looks at for one answer, when it lists them."""


def _weight(error: BaseException) -> int:
    """Return how many failures *error* counts for: none, if it is the server's answer."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return int(names.isdisjoint(("ResponseError", "StoreError")))


class CacheNode:
    """A cache that gets and sets. If two processes change a value at once, the last one wins."""

    atomic = False

    def __init__(self, cache: Any, limit: int, name: str | None = None) -> None:
        self.name = name or type(cache).__name__
        self.limit = self.piece = limit
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

    def swap(
        self, name: str, value: bytes | None, version: object, seconds: int, full: bool = False
    ) -> bool:
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

    def settle(
        self,
        name: str,
        value: bytes,
        found: Found,
        seconds: int,
        guards: Mapping[str, bytes],
        gone: str,
    ) -> bool:
        """Swap, if what is under each of *guards* is the same after that, and remove *gone*."""
        return settle_in_steps(self, name, value, found, seconds, guards, gone)

    def write(self, name: str, value: bytes, seconds: int) -> None:
        """Keep *value* for at most *seconds*. Raises StoreError where the cache does not."""
        if len(value) > self.limit:
            raise StoreError(f"{self.name} takes at most {self.limit} bytes, got {len(value)}")
        if not self._ask(lambda: self._cache.set(name, value, timeout=seconds)):
            raise StoreError(f"{self.name} did not keep a value")

    def make_room(self, length: int) -> None:
        """Do nothing: the cache makes room."""

    def remove(self, name: str) -> None:
        """Remove what is under *name*."""
        self._ask(lambda: self._cache.delete(name))

    def listed(self, prefix: str) -> list[str]:
        """Raise StoreError: such a cache cannot list its keys."""
        raise StoreError(
            f"{self.name} cannot list what it holds: cachelib asks for single keys only"
        )

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


class RedisNode(CacheNode):
    """Redis, or a server like it: a script replaces a value if it is the one that was read."""

    atomic = True
    # Records begin with their digest, so their first bytes distinguish them. A server that is full
    # refuses SET, unless the script has written before: DEL counts as that.
    _VERSION = 32
    _SWAP = """
        if redis.call('GETRANGE', KEYS[1], 0, 31) ~= ARGV[1] then return 0 end
        if ARGV[3] == '' or ARGV[4] == '1' then redis.call('DEL', KEYS[1]) end
        if ARGV[3] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
        return 1
    """
    # A value of another type is not a record: MGET returns nothing for it.
    _ADD = """
        if redis.call('TYPE', KEYS[1])['ok'] == 'string' then return 0 end
        if ARGV[3] == '1' then redis.call('DEL', KEYS[1]) end
        redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
        return 1
    """

    # What is under the guards, which are all but the first key, must be what it was.
    _SETTLE = """
        if ARGV[1] == '' then
          if redis.call('TYPE', KEYS[1])['ok'] == 'string' then return 0 end
        elseif redis.call('GETRANGE', KEYS[1], 0, 31) ~= ARGV[1] then return 0 end
        for i = 2, #KEYS - 1 do
          if redis.call('TYPE', KEYS[i])['ok'] ~= 'string' then return 0 end
          if redis.call('GET', KEYS[i]) ~= ARGV[i + 2] then return 0 end
        end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        redis.call('DEL', KEYS[#KEYS])
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

    def swap(
        self, name: str, value: bytes | None, version: object, seconds: int, full: bool = False
    ) -> bool:
        """Keep *value* (None: nothing), if what is kept is still *version*."""
        key = self._key(name)
        if version is None:
            if value is None:
                return True
            given: tuple[object, ...] = value, seconds, int(full)
            return bool(self._ask(lambda: self._client.eval(self._ADD, 1, key, *given)))
        given = version, value or b"", "" if value is None else seconds, int(full)
        return bool(self._ask(lambda: self._client.eval(self._SWAP, 1, key, *given)))

    def settle(
        self,
        name: str,
        value: bytes,
        found: Found,
        seconds: int,
        guards: Mapping[str, bytes],
        gone: str,
    ) -> bool:
        """Swap, if what is under each of *guards* is still the same, and remove *gone*."""
        if self._is_cluster:
            return settle_in_steps(self, name, value, found, seconds, guards, gone)
        keys = [self._key(one) for one in (name, *guards, gone)]
        version: object = b"" if found[1] is None else found[1]
        given = version, value, seconds, *guards.values()
        return bool(self._ask(lambda: self._client.eval(self._SETTLE, len(keys), *keys, *given)))

    def listed(self, prefix: str) -> list[str]:
        """Return the names that begin with *prefix*, out of all keys of the server."""
        begin, pattern = self._key(""), self._pattern(prefix)
        found = self._ask(lambda: list(self._client.scan_iter(match=pattern, count=_AT_ONCE)))
        texts = [str(key, "utf-8", "replace") if type(key) is bytes else key for key in found]
        return [text[len(begin) :] for text in texts]

    def _pattern(self, prefix: str) -> str:
        """Return the pattern of the keys whose names begin with *prefix*."""
        text = self._key("") + prefix
        return "".join(f"\\{one}" if one in "*?[]\\" else one for one in text) + "*"

    def begun(
        self, prefix: str, place: str, most: int, length: int
    ) -> tuple[list[tuple[bytes, str]], str]:
        """Return the first *length* bytes of some values, and places (`shared.listing.Begun`).

        A place is a cursor of the server, and how many of the keys there come before it.
        """
        if self._is_cluster:
            raise StoreError(f"{self.name} cannot list a part of what it holds: it is a cluster")
        cursor, _, passed = place.partition(".")
        at, skipped = (int(one) if _NUMBER.fullmatch(one) else 0 for one in (cursor, passed))
        following, keys = self._ask(
            lambda: self._client.scan(at, match=self._pattern(prefix), count=_AT_ONCE)
        )
        wanted = keys[skipped : skipped + most]

        def ask() -> list[object]:
            pipeline = self._client.pipeline(transaction=False)
            for key in wanted:
                pipeline.getrange(key, 0, length - 1)
            return list(pipeline.execute(raise_on_error=False))

        values = self._ask(ask) if wanted else []
        found = [
            (value, f"{at}.{number}")
            for number, value in enumerate(values, skipped + 1)
            if isinstance(value, bytes)
        ]
        if skipped + most < len(keys):
            return found, f"{at}.{skipped + most}"
        return found, f"{following}.0" if following else ""

    def stats(self) -> dict[str, object]:
        """Return what the server says of its memory and its keys."""
        info = self._ask(lambda: self._client.info())
        names = ("redis_version", "used_memory", "maxmemory", "evicted_keys", "keyspace_hits")
        return {name: info[name] for name in (*names, "keyspace_misses") if name in info}
