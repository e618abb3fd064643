"""Stores that fail on command, and one that elects like those of several processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from cachelib import RedisCache

from tests.running import module
from wsgicache import Clock, MemoryStore
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.memcached import MemcachedStore


class Broken(Exception):
    """What a faulty store raises."""


class Faulty:
    """*store*, of which the methods named in `failing` raise, those in `lost` do nothing, and of
    which each call runs `before` first: a gate there makes it slow."""

    def __init__(self, store: Any = None) -> None:
        self.store = MemoryStore() if store is None else store
        self.failing: frozenset[str] = frozenset()
        self.lost: frozenset[str] = frozenset()
        self.before: Callable[[str], object] = lambda name: None
        self.failed = 0

    def _asked(self, name: str) -> bool:
        self.before(name)
        if name in self.failing:
            self.failed += 1
            raise Broken(name)
        return name in self.lost

    def get(self, key: Any) -> Any:
        return None if self._asked("get") else self.store.get(key)

    def content(self, stored: Any) -> Any:
        return None if self._asked("content") else self.store.content(stored)

    def update(self, key: Any, change: Any) -> None:
        if not self._asked("update"):
            self.store.update(key, change)

    def searches(self, *, now: bool = False) -> Any:
        return () if now and self._asked("searches") else self.store.searches(now=now)

    def note_search(self, key: Any, value: str, began: float) -> Any:
        return not self._asked("note_search") and self.store.note_search(key, value, began)


class Leasing(MemoryStore):
    """A memory with leases, as if several processes saw it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._guard = threading.Lock()
        self.leases: dict[Any, tuple[str, float]] = {}
        self.asked = 0
        self.askers: set[str] = set()
        """The tokens of all who have asked for a lease."""
        self.failing = False

    def lease(self, key: Any, token: str, seconds: float) -> bool:
        with self._guard:
            self.asked += 1
            self.askers.add(token)
            if self.failing:
                raise Broken("lease")
            now = self._clock.now()
            holder, until = self.leases.get(key, ("", now))
            if now < until and holder != token:
                return False
            self.leases[key] = token, now + seconds
            return True

    def release(self, key: Any, token: str) -> None:
        with self._guard:
            if self.leases.get(key, ("", 0.0))[0] == token:
                del self.leases[key]


@contextmanager
def server_store(
    name: str, port: int, clock: Clock | None = None, timeout: float = 0.1
) -> Iterator[Any]:
    """A store in a namespace of its own on *port*, where a memcached or, by that *name*, a Redis
    listens."""
    namespace = f"rig-{uuid4().hex[:10]}"
    if name == "memcached":
        yield MemcachedStore(f"127.0.0.1:{port}", namespace=namespace, clock=clock, timeout=timeout)
        return
    module("redis")
    from wsgicache.stores.net.redis import client

    with client("redis", f"redis://127.0.0.1:{port}/0", timeout) as connected:
        yield CachelibStore(RedisCache(connected), namespace=namespace, clock=clock)
