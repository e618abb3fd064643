"""Show what the app writes into its environ to what is outside of the cache (PEP 3333)."""

from __future__ import annotations

from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING

__all__ = ["Sight"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_NOTHING = object()


class Sight:
    """What an app shall see otherwise than the cache was *given* it: as in *shown*.

    While it is open, the one environ says that; shut, it says what it said before. What the app has
    changed meanwhile stays as the app left it.
    """

    __slots__ = ("_differing", "_environ", "_shown")

    def __init__(self, given: WSGIEnvironment, shown: WSGIEnvironment) -> None:
        self._environ = given
        self._shown = shown
        names = given.keys() | shown.keys()
        differ = map(is_not, map(given.get, names), map(shown.get, names))
        self._differing = [
            (name, given.get(name, _NOTHING), shown.get(name, _NOTHING))
            for name in compress(names, differ)
        ]

    @property
    def differs(self) -> bool:
        """Whether there is anything."""
        return bool(self._differing)

    def open(self) -> None:
        """Have the environ say what the app shall see."""
        for name, given, shown in self._differing:
            self._put(name, given, shown)

    def shut(self) -> None:
        """Have it say what the cache was given."""
        for name, given, shown in self._differing:
            self._put(name, shown, given)

    def renew(self) -> None:
        """Have it say what the cache was given, and nothing that the app has made of that."""
        self._environ.clear()
        self._environ.update(self._shown)
        self.shut()

    def _put(self, name: str, there: object, instead: object) -> None:
        if self._environ.get(name, _NOTHING) is not there:
            return
        if instead is _NOTHING:
            del self._environ[name]
        else:
            self._environ[name] = instead
