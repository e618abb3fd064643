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
    """The difference between the environ *given* to the cache and the one *shown* to the app.

    While it is open, the one environ has the values shown; when it is shut, those it had before.
    Whatever the app changes meanwhile stays as the app left it.
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
        """Return whether there is any difference."""
        return bool(self._differing)

    def open(self) -> None:
        """Give the environ the values shown to the app."""
        for name, given, shown in self._differing:
            self._put(name, given, shown)

    def shut(self) -> None:
        """Give it the values that the cache received."""
        for name, given, shown in self._differing:
            self._put(name, shown, given)

    def renew(self) -> None:
        """Give it the values that the cache received, without any change by the app."""
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
