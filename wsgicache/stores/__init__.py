"""The protocols of stores. Each store is a module of its own, imported when used."""

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
    "Browsing",
    "CachelibStore",
    "Grouping",
    "Judging",
    "LMDBStore",
    "Listing",
    "Marking",
    "MemcachedStore",
    "MemoryStore",
    "Searching",
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
"""The module of each store; it, and so its client, is imported on first use."""


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        return getattr(import_module(_CLASSES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class StoreError(Exception):
    """A store failed; the message names it, and says why."""


class Store(Protocol):
    """What the cache needs of a store. If a method raises, the app answers."""

    def get(self, key: Key) -> CacheEntry | None:
        """Return the entry under *key*, or None."""

    def content(self, stored: StoredResponse) -> Sequence[bytes] | None:
        """Return the content of *stored*, in pieces, or None if any piece is gone."""

    def update(self, key: Key, change: Change) -> None:
        """Replace the entry under *key* by what *change* makes of it, atomically.

        If *change* returns None, the entry goes. Raises if that cannot be done.
        """


@runtime_checkable
class Grouping(Store, Protocol):
    """A store that can purge groups and everything, by counting generations (rules/groups)."""

    def generation(self, key: Key) -> int:
        """Return the generation in which a request for *key* that begins now is born."""

    def bump(
        self,
        groups: Sequence[str],
        moment: float,
        *,
        soft: bool = False,
    ) -> None:
        """Begin a generation at *moment*, on the cache's clock, to purge *groups*.

        Responses born earlier that belong to one of *groups* (`rules.groups.names_of`; any
        response, if it is empty) are gone, or stale with *soft*. Raises if that did not reach all
        that the store holds.
        """

    def refuse_fills(self) -> None:
        """Begin a generation, and refuse fills that were born earlier."""


@runtime_checkable
class SharedStore(Grouping, Protocol):
    """A store that several processes share; leases elect the one that fills a key."""

    def lease(self, key: Key, token: str, seconds: float) -> bool:
        """Return whether *token* now holds the right to fill *key*, for at most *seconds*."""

    def release(self, key: Key, token: str) -> None:
        """Give back the lease, if *token* still holds it."""


@runtime_checkable
class Marking(Store, Protocol):
    """A store that has marks of cookies (`stores.marks`). Otherwise each process has its own."""

    def mark(self, cookies: str) -> str:
        """Return the mark of *cookies*, a Cookie value, or an empty string if they have none."""

    def first_mark(self, cookies: str) -> str:
        """Return a mark for *cookies* without one; an empty string if they have one meanwhile."""

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* a new mark, which nothing ever had."""


@runtime_checkable
class Searching(Store, Protocol):
    """A store that knows which queries its responses call the same (No-Vary-Search).

    Elsewhere each URL has its own responses, whatever they say.
    """

    def searches(self, *, now: bool = False) -> tuple[str, ...]:
        """Return the values of No-Vary-Search that responses have, the newest last.

        They are those read last, or with *now* those that are there now. Raises if the store cannot
        tell then.
        """

    def note_search(self, key: Key, value: str, began: float) -> bool:
        """Note *value*; return whether a fill of *key* that *began* then and says so may be kept.

        Only what began after *value* was noted is ended by every purge of an equivalent URL. If the
        store has too many values, it does not note this one. Raises if it cannot.
        """


@runtime_checkable
class Judging(Store, Protocol):
    """A store whose entries come from other processes, perhaps of another release."""

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
    """A store that can list its keys."""

    def keys(self, prefix: Key) -> list[Key]:
        """Return the keys with the scheme and host of *prefix* whose path begins with its path."""


@runtime_checkable
class Browsing(Store, Protocol):
    """A store that can list all its keys, a part at a time."""

    def some_keys(self, place: str, most: int) -> tuple[list[tuple[Key, str]], str]:
        """Return the keys from *place* on, *most* at most, and the place of those after them.

        The first place is an empty string, and so is the one after the end. Each key comes with the
        place after it. A place of no store is one of the first. Raises StoreError where the store
        cannot list what it holds.
        """


def store_from_url(url: str, **options: Any) -> Store:
    """Return the store that *url* names; *options* are further arguments of its class.

    ``memory://``, ``lmdb:///directory``, ``memcached://host:port,host:port/namespace``
    (``memcacheds`` for TLS, ``memcached:///run/memcached.sock``), ``redis://host:port/0``
    (``rediss`` for TLS, ``unix:///run/redis.sock``) and ``file:///directory``; each may end in
    ``?option=value&…``. Raises ValueError, which does not repeat the password, for any other URL,
    and TypeError for anything but a str.
    """
    from wsgicache.stores.urls import opened

    return opened(url, options)
