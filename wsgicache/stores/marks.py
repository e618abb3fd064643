"""The marks of cookies in this process: a client never sees what was stored before its own write.

A fill notes the mark of its cookies before the application is asked, and what it stores answers
only while that mark is the same. A successful unsafe request gives its cookies another one.
"""

from __future__ import annotations

from itertools import count

__all__ = ["MOST", "Marks"]

MOST = 10_000
"""Cookies whose marks are remembered one by one; above it all get another one together."""


class Marks:
    """Needs no lock, so a fork at any moment does no harm."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._state: tuple[dict[int, str], str] = {}, "0"
        """Marks by the hash of the cookies, and the one of all others; replaced as one."""

    def mark(self, cookies: str) -> str:
        """The mark of *cookies*, the value of a Cookie field."""
        known, other = self._state
        return known.get(hash(cookies), other)

    def first_mark(self, cookies: str) -> str:
        """The mark of *cookies*, which have one always."""
        return self.mark(cookies)

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* another mark."""
        while True:
            state = self._state
            known, _ = state
            if len(known) >= MOST:
                # Rather too much ends than too little.
                self._state = {}, str(next(self._numbers))
                continue
            known[hash(cookies)] = str(next(self._numbers))
            if self._state is state:
                return
