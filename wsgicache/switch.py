"""The switch: turn the cache off at once, without a restart, if you suspect it."""

from __future__ import annotations

import os
import time

__all__ = ["OffFile", "off_at_start"]

_SECONDS_BETWEEN_LOOKS = 1.0


def off_at_start() -> bool:
    """Return whether the environment variable WSGICACHE says off."""
    return os.environ.get("WSGICACHE", "").strip().lower() in ("off", "0", "no", "false")


class OffFile:
    """A file that switches the cache off while it exists; checked once a second at most."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._looked = float("-inf")
        self._there = False

    def is_there(self) -> bool:
        """Return whether the file was there at the last check."""
        now = time.monotonic()
        if now - self._looked >= _SECONDS_BETWEEN_LOOKS:
            self._looked = now
            self._there = os.path.exists(self._path)
        return self._there
