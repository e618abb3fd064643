"""Where entries are kept: the protocols. Each store is a module of its own, imported when used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from wsgicache.rules.entries import Change
from wsgicache.rules.keys import Key
from wsgicache.rules.model import CacheEntry, StoredResponse

if TYPE_CHECKING:
    from wsgicache.stores.cachelib import CachelibStore
    from wsgicache.stores.lmdb import LMDBStore
    from wsgicache.stores.memcached import MemcachedStore
    from wsgicache.stores.memory import MemoryStore
    from wsgicache.stores.tiered import TieredStore

__all__ = [
    "CachelibStore",
    "Grouping",
    "Judging",
    "LMDBStore",
    "Listing",
    "Marking",
    "MemcachedStore",
    "MemoryStore",
    "Serving",
    "SharedStore",
    "Store",
    "StoreError",
    "TieredStore",
    "store_from_url",
]

_CLASSES = {
    "CachelibStore": "wsgicache.stores.cachelib",
    "LMDBStore": "wsgicache.stores.lmdb",
    "MemcachedStore": "wsgicache.stores.memcached",
    "MemoryStore": "wsgicache.stores.memory",
    "TieredStore": "wsgicache.stores.tiered",
}
"""Where each store is; its module, and so its client, is imported when it is asked for."""


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        return getattr(import_module(_CLASSES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class StoreError(Exception):
    """A store did not do what it was asked for; the message names it, and says why."""


class Store(Protocol):
    """What the walk asks of a store. Any method may raise: the app then answers."""

    def get(self, key: Key) -> CacheEntry | None:
        """The entry under *key*, or None."""

    def content(self, stored: StoredResponse) -> Sequence[bytes] | None:
        """The content of *stored*, in pieces; None where any of them is gone."""

    def update(self, key: Key, change: Change) -> None:
        """Replace the entry under *key* by what *change* makes of it, atomically; None removes it.

        Raises where that cannot be done.
        """


@runtime_checkable
class Grouping(Store, Protocol):
    """A store that can purge groups, and everything: by counting generations (rules/groups)."""

    def generation(self, key: Key) -> int:
        """The generation in which a request for *key* that begins now is born."""

    def bump(
        self,
        groups: Sequence[str],
        moment: float,
        *,
        soft: bool = False,
    ) -> None:
        """Begin a generation at *moment*, on the cache's clock, to purge *groups*.

        What was born earlier and belongs to one of *groups* (`rules.groups.names_of`; to anything,
        where none is named) is gone, or stale with *soft*. Raises where that did not reach all that
        the store holds.
        """

    def refuse_fills(self) -> None:
        """Begin a generation, and keep nothing any more that was born earlier and is not stored."""


@runtime_checkable
class SharedStore(Grouping, Protocol):
    """A store that several processes see; leases elect the one that fills a key."""

    def lease(self, key: Key, token: str, seconds: float) -> bool:
        """Whether *token* now holds the right to fill *key*, for at most *seconds*."""

    def release(self, key: Key, token: str) -> None:
        """Give the lease back, if *token* still holds it."""


@runtime_checkable
class Marking(Store, Protocol):
    """A store that has marks of cookies (`stores.marks`). For others each process has its own."""

    def mark(self, cookies: str) -> str:
        """The mark of *cookies*, the value of a Cookie field; nothing where they have none."""

    def first_mark(self, cookies: str) -> str:
        """A mark for *cookies* that have had none so far; nothing where they have one meanwhile."""

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* another mark, one that nothing ever had."""


@runtime_checkable
class Judging(Store, Protocol):
    """A store whose entries come from other processes, maybe of another release."""

    def judge_by(self, judge: Callable[[Key, CacheEntry], CacheEntry]) -> None:
        """Give out only what *judge*, a method, leaves of each entry.

        It is called once for each entry that enters the process, and only while its object exists.
        """


@runtime_checkable
class Serving(Store, Protocol):
    """A store that other applications may use, too, by mistake."""

    def serve(self, application: str) -> None:
        """Note that the store keeps the responses of *application*.

        If another application uses the same names, log it.
        """


@runtime_checkable
class Listing(Store, Protocol):
    """A store that can tell what it holds."""

    def keys(self, prefix: Key) -> list[Key]:
        """The keys with the scheme and host of *prefix* whose path begins with its path."""


def store_from_url(url: str, **options: Any) -> Store:
    """The store that *url* names; *options* are those of its class that a URL cannot say.

    ``memory://``, ``lmdb:///directory``, ``memcached://host:port,host:port/namespace``
    (``memcacheds`` for TLS, ``memcached:///run/memcached.sock``), ``redis://host:port/0``
    (``rediss`` for TLS, ``unix:///run/redis.sock``) and ``file:///directory``; each may end in
    ``?option=value&…``.
    Raises ValueError, which does not repeat the password, for anything else; TypeError for what is
    no str.
    """
    from wsgicache.stores.urls import opened

    return opened(url, options)
