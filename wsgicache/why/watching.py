"""An environ that notes what an app reads of it, and where."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from typing import Any

__all__ = ["Reads", "WatchedEnviron"]

_NOT_THE_APP = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_DEEPEST = 60
_OWN = __name__.partition(".")[0]


class Reads:
    """What was read: environ keys, and for each the places in the app's own code."""

    def __init__(self) -> None:
        self.places: dict[str, dict[str, None]] = {}
        self.wholly = False
        """Whether all of it was read at once, so that nothing is known of each key."""

    def note(self, key: object) -> None:
        """Note that *key* was read, and by which line of the app."""
        if isinstance(key, str):
            known = self.places.setdefault(key, {})
            if (place := _place()) is not None:
                known[place] = None

    def are_of(self, key: str) -> bool:
        """Whether *key* may have been read."""
        return self.wholly or key in self.places


def _place() -> str | None:
    """Return the innermost line of code that is no library's, as ``file:line``, or None."""
    frame = sys._getframe(2)
    for _ in range(_DEEPEST):
        if frame.f_back is None:
            return None
        frame = frame.f_back
        file = frame.f_code.co_filename
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package != _OWN and not file.startswith((*_NOT_THE_APP, "<frozen")):
            return f"{file}:{frame.f_lineno}"
        if package == _OWN and frame.f_globals.get("__name__") == "wsgicache.why.trying":
            return None
    return None


class WatchedEnviron(dict[str, Any]):
    """An environ that tells *reads* what is read of it."""

    def __init__(self, environ: dict[str, Any], reads: Reads) -> None:
        super().__init__(environ)
        self._reads = reads

    def __getitem__(self, key: str) -> Any:
        self._reads.note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._reads.note(key)
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, or *default*."""
        self._reads.note(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove *key* and return its value."""
        self._reads.note(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, which is *default* from now on if there was none."""
        self._reads.note(key)
        return super().setdefault(key, default)

    def __iter__(self) -> Iterator[str]:
        self._reads.wholly = True
        return super().__iter__()

    def keys(self) -> Any:
        """Return all keys."""
        self._reads.wholly = True
        return super().keys()

    def items(self) -> Any:
        """Return all keys with their values."""
        self._reads.wholly = True
        return super().items()

    def values(self) -> Any:
        """Return all values."""
        self._reads.wholly = True
        return super().values()

    def copy(self) -> WatchedEnviron:
        """Return a copy, which is watched, too."""
        return WatchedEnviron(dict(super().items()), self._reads)
