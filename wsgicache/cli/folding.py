"""Fold the repeated lines of a log, so that a page that polls does not bury the others."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Folding"]

_AT_ONCE = 4
"""How often a line is written each time that it comes."""
_MOST = 16
"""How many different lines are known, those that came last."""
_CHANGING = re.compile(r"\bttl=-?\d+")
"""What differs in lines that say the same."""


class Folding:
    """Gives lines to *write*, and those that repeat with their number: ``x37``.

    A line that comes again and again is written whenever its number has doubled, and before a line
    that is new.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, ...], _Repeated] = OrderedDict()

    def __call__(self, line: str, *said: str) -> None:
        """Write *line*, or count it. Lines that have *said* the same count together."""
        key = tuple(_CHANGING.sub("", part) for part in said)
        with self._lock:
            known = self._known.get(key)
            if known is None:
                for other in self._known.values():
                    self._show(other)
                known = self._known[key] = _Repeated()
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end(key)
            known.line, known.count = line, known.count + 1
            if known.count <= _AT_ONCE or known.count >= 2 * known.shown:
                self._show(known)

    def _show(self, known: _Repeated) -> None:
        if known.count > known.shown:
            known.shown = known.count
            times = f" x{known.count}" if known.count > 1 else ""
            self._write(f"{known.line}{times}")


class _Repeated:
    """A line as it came last, and how often it came."""

    def __init__(self) -> None:
        self.line = ""
        self.count = 0
        self.shown = 0
        """The number with which it was written."""
