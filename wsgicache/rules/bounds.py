"""How long may a text be that is read, and that is remembered?

Clients can make up as many texts as they like, of any length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["LONGEST", "WORTH_REMEMBERING", "Remembered"]

K = TypeVar("K")
V = TypeVar("V")

LONGEST = 16 * 1024
"""Characters of the longest field value that is read. Honest clients and apps send less."""
WORTH_REMEMBERING = 256
"""Characters of a text worth remembering: most apps and clients repeat a few short texts."""


class Remembered(dict[K, V]):
    """Answers of *function* by its argument, which may be a tuple: ``remembered[argument]``.

    It holds *most* answers; when it is full, it begins anew. For arguments of more than *longest*
    characters *function* is called each time. PERF: a known answer costs 0.05 µs, and no step in
    Python.
    """

    __slots__ = ("_function", "_longest", "_most")

    def __init__(
        self, function: Callable[[K], V], most: int, longest: int = WORTH_REMEMBERING
    ) -> None:
        super().__init__()
        self._function = function
        self._most = most
        self._longest = longest

    def __missing__(self, asked: K) -> V:
        answer = self._function(asked)
        if _length(asked) <= self._longest:
            if len(self) >= self._most:
                self.clear()
            self[asked] = answer
        return answer


def _length(asked: object) -> int:
    """Return the number of characters in *asked*."""
    if isinstance(asked, str):
        return len(asked)
    return sum(map(_length, asked)) if isinstance(asked, tuple) else 0
