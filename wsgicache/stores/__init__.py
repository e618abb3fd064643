"""Where entries are kept: the protocols. Each store is a module of its own, imported when used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from wsgicache.rules.keys import Key
from wsgicache.rules.model import CacheEntry, StoredResponse


class Store(Protocol):
    """What the walk asks of a store. Any method may raise: the app then answers."""

    def get(self, key: Key) -> CacheEntry | None:
        """The entry under *key*, or None."""

    def content(self, stored: StoredResponse) -> bytes | None:
        """The content of a response whose entry came without it; None where it is gone."""

    def update(self, key: Key, change: Callable[[CacheEntry | None], CacheEntry | None]) -> None:
        """Replace the entry under *key* by what *change* makes of it, atomically.

        *change* is pure and may run more than once; None removes the entry.
        """


@runtime_checkable
class SharedStore(Store, Protocol):
    """A store that several processes see: generations purge at once, leases elect one to fill."""

    def generations(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """The current generation of each group in *names*."""

    def bump(self, name: str) -> int:
        """Begin a new generation of *name*: what was born under an older one is gone."""

    def lease(self, key: Key, token: str, seconds: float) -> bool:
        """Whether *token* now holds the right to fill *key*, for at most *seconds*."""

    def release(self, key: Key, token: str) -> None:
        """Give the lease back, if *token* still holds it."""


@runtime_checkable
class Listing(Store, Protocol):
    """A store that can tell what it holds."""

    def keys(self, prefix: str) -> list[Key]:
        """The keys whose path begins with *prefix*."""
