"""What goes wrong, in the log: once a minute for each kind, so that no outage floods it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from wsgicache.clock import Clock

__all__ = ["Reporter", "log", "warn_of_no_requests", "warn_of_processes"]

log = logging.getLogger("wsgicache")

_SECONDS_BETWEEN = 60.0
_MOST_ONCE = 100
"""Things of which something is said once; of more nothing is."""
_LONGEST = 1024
"""Characters of what names such a thing."""


class Reporter:
    """Calls of it are warnings; *clock* tells the minutes apart."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reported: dict[str, float] = {}
        self._said: set[str] = set()

    def __call__(self, kind: str, message: str) -> None:
        """Log *message*, with the exception at hand if any, but each *kind* once a minute."""
        now = self._clock.now()
        last = self._reported.get(kind)
        if last is None or now - last >= _SECONDS_BETWEEN:
            self._reported[kind] = now
            log.warning(message, exc_info=sys.exception())

    def once(self, about: str, message: str) -> None:
        """Log *message* unless something was logged *about* that before.

        The number of messages has a limit, since clients can make up as many URLs as they like.
        """
        if about not in self._said and len(self._said) < _MOST_ONCE and len(about) <= _LONGEST:
            self._said.add(about)
            log.warning(message)


def warn_of_processes(environ: Mapping[str, Any]) -> None:
    """Log a warning if the server has several processes, each with its own memory.

    *environ* says whether it has.
    """
    if environ.get("wsgi.multiprocess"):
        log.warning(
            "the server runs several processes and each has a MemoryStore of its own: a POST "
            "or a purge clears one process's copy, the others serve theirs until it is stale; "
            "a store that processes share cures it: lmdb:///directory for one machine, or "
            "memcached, or Redis"
        )


def warn_of_no_requests() -> None:
    """Log what a purge does in a process that serves nobody and has a memory of its own."""
    log.warning(
        "a purge in a process that has asked its app for nothing: its MemoryStore is its own, and "
        "the processes that serve keep what they have; give them a store that processes share "
        "(memcached, Redis), or purge there by the method PURGE"
    )
