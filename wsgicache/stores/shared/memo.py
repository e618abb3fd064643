"""A memo of unpacked records.

A store has to be asked each time, but usually it answers what it did before. Then the entry is at
hand, with all that was learned about it since.
"""

from __future__ import annotations

from wsgicache.rules.model import CacheEntry

__all__ = ["LARGEST", "MOST", "Memo"]

MOST = 256
"""Most records that are remembered."""
LARGEST = 32 * 1024
"""Most bytes of a remembered record; its entry takes about as much again."""


class Memo:
    """The latest records, and the entries made of them under certain *circumstances*.

    The circumstances are whatever else an entry depends on. It needs no lock: at worst it forgets a
    record too early.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, object, CacheEntry]] = {}

    def get(self, name: str, record: bytes, circumstances: object) -> CacheEntry | None:
        """Return the entry in *record*, if that is the last one of *name* and nothing changed."""
        known = self._known.get(name)
        if known is None or known[0] != record or known[1] != circumstances:
            return None
        return known[2]

    def put(
        self, name: str, record: bytes, circumstances: object, entry: CacheEntry, size: int = 0
    ) -> None:
        """Remember that *record* holds *entry*; *size* is its length if its name stands for it."""
        if (size or len(record)) > LARGEST:
            return
        self._known[name] = record, circumstances, entry
        if len(self._known) > MOST:
            try:
                self._known.pop(next(iter(self._known)), None)
            except RuntimeError:  # another thread changed it
                return
