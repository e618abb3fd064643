"""What the responses in a store of one process say in No-Vary-Search.

A purge of a URL has to find them under the URLs equivalent to it, so the store knows all that any
of them says. It knows it before it keeps the first response that says so.
"""

from __future__ import annotations

from wsgicache.rules.keys import Key
from wsgicache.rules.model import NEVER

__all__ = ["MOST_SEARCHES", "Searches"]

MOST_SEARCHES = 8
"""Most values that a store, or a node, notes. Each of them makes another key to purge."""


class Searches:
    """The values that were noted, and since when fills may say them; a store inherits from it."""

    def __init__(self) -> None:
        self._searches: dict[str, float] = {}
        self._values: tuple[str, ...] = ()
        self._last_emptied = NEVER
        """When any entry was last emptied."""

    def searches(self, *, now: bool = False) -> tuple[str, ...]:
        """Return the values of No-Vary-Search that responses have, the newest last."""
        return self._values

    def note_search(self, key: Key, value: str, began: float) -> bool:
        """Note *value*; return whether a fill of *key* that *began* then and says so may be kept.

        It may not if an entry was emptied before *value* was noted: perhaps that was to empty *key*
        as well.
        """
        since = self._searches.get(value)
        if since is None:
            if len(self._searches) >= MOST_SEARCHES:
                return False
            self._searches = {**self._searches, value: self._last_emptied}
            self._values = tuple(self._searches)
            since = self._last_emptied
        return began >= since

    def _forget_searches(self) -> None:
        """Forget all values: no responses are left."""
        self._searches, self._values = {}, ()
