"""Marks of cookies in this process: a client never sees what was stored before its own write.

A fill notes the mark of its cookies before the app is asked, and its response answers only while
they have the same mark. A successful unsafe request gives its cookies a new one.
"""

from __future__ import annotations

from itertools import count

__all__ = ["MOST", "Marks"]

MOST = 10_000
"""Most cookies whose marks are remembered one by one; beyond it all get a new mark together."""


class Marks:
    """The marks of all cookies. It needs no lock, so a fork at any moment does no harm."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._state: tuple[dict[int, str], str] = {}, "0"
        """Marks by the hash of the cookies, and the mark of all others; replaced together."""

    def mark(self, cookies: str) -> str:
        """Return the mark of *cookies*, the value of a Cookie field."""
        known, other = self._state
        return known.get(hash(cookies), other)

    def first_mark(self, cookies: str) -> str:
        """Return the mark of *cookies*, which always have one."""
        return self.mark(cookies)

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* a new mark."""
        while True:
            state = self._state
            known, _ = state
            if len(known) >= MOST:
                # Better to end too much than too little.
                self._state = {}, str(next(self._numbers))
                continue
            known[hash(cookies)] = str(next(self._numbers))
            if self._state is state:
                return
