"""Log failures, each kind once a minute, and what else there is to say, once.

So neither an outage nor a client that makes up URLs floods the log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from wsgicache.clock import Clock
from wsgicache.processes import is_first_of_server
from wsgicache.rules.keys import Key, url_of

__all__ = [
    "Reporter", "log", "tell_of_full_store", "warn_of_lost_updates", "warn_of_no_requests",
    "warn_of_processes",
]  # fmt: skip

log = logging.getLogger("wsgicache")

_INFO = logging.INFO
_SECONDS_BETWEEN = 60.0
_OF_STORES = frozenset({"store", "lease", "groups", "collection"})
"""Kinds of messages about errors of a store."""
_MOST_ONCE = 100
"""Most subjects of which a warning is logged once; of others none is."""
_MOST_TOLD = 1000
"""Most URLs with a reason of which the log says something; of others it says nothing."""
_LONGEST = 1024
"""Most characters of the name of such a subject."""


class Reporter:
    """A reporter, whose calls log warnings; *clock* measures the minutes.

    It calls *failed* for each error of a store.
    """

    def __init__(self, clock: Clock, failed: Callable[[], object] = lambda: None) -> None:
        self._clock = clock
        self._failed = failed
        self._reported: dict[str, float] = {}
        self._said: set[str] = set()
        self._told: set[tuple[Key, str]] = set()
        self.is_quiet = False
        """Whether it logs failures only: the cache tries what would be."""

    def __call__(self, kind: str, message: str) -> None:
        """Log *message*, with the current exception if any, but each *kind* once a minute."""
        if kind in _OF_STORES:
            self._failed()
        now = self._clock.now()
        last = self._reported.get(kind)
        if last is None or now - last >= _SECONDS_BETWEEN:
            self._reported[kind] = now
            log.warning(message, exc_info=sys.exception())

    def once(self, about: str, message: str) -> None:
        """Log *message* unless something was logged *about* that before.

        The number of messages has a limit, since clients can make up as many URLs as they like.
        """
        if self.is_quiet:
            return
        if about not in self._said and len(self._said) < _MOST_ONCE and len(about) <= _LONGEST:
            self._said.add(about)
            log.warning(message)

    def tell(self, key: Key, reason: str, message: Callable[[str], str]) -> None:
        """Log at INFO what *message* says of the URL of *key*, once for each URL and *reason*.

        The query does not count, and stays out of the log.
        """
        url = (*key[:3], "")
        about = url, reason
        if about in self._told or len(self._told) >= _MOST_TOLD or not log.isEnabledFor(_INFO):
            return
        if self.is_quiet:
            return
        if len(key[2]) <= _LONGEST:
            self._told.add(about)
            log.info("%s", message(url_of(url)))


def tell_of_full_store(store: str, max_bytes: int) -> None:
    """Log that *store* evicts pages, since it is full."""
    log.info(
        "%s is full: max_bytes=%d hold no more. So pages leave it before their time, first those "
        "for which no request came again, and a page that is too large for it is gone at once, "
        "although Cache-Status says stored. A larger max_bytes keeps more of them",
        store,
        max_bytes,
    )


def warn_of_processes(environ: Mapping[str, Any]) -> None:
    """Log a warning if the server has several processes, each with its own memory.

    *environ* says whether it has. One process of the server logs it.
    """
    if environ.get("wsgi.multiprocess") and is_first_of_server("memory"):
        log.warning(
            "the server runs several processes, and each has its own MemoryStore: a POST "
            "or a purge clears the copy of one, and the others serve theirs until it is stale. "
            'Write CacheMiddleware(app, store=store_from_url("lmdb:///var/cache/myapp")): all '
            "processes of the machine share that store, without a server (pip install "
            "wsgicache[lmdb]). For several machines there are memcached and Redis"
        )


def warn_of_lost_updates(environ: Mapping[str, Any]) -> None:
    """Log a warning if the server has several processes, and their changes may be lost.

    *environ* says whether it has. One process of the server logs it.
    """
    if environ.get("wsgi.multiprocess") and is_first_of_server("updates"):
        log.warning(
            "the server runs several processes, and this store may lose one of two changes that "
            "they make at once: file:// is for development. lmdb:///directory loses none, is "
            "faster, and keeps to its max_bytes (pip install wsgicache[lmdb])"
        )


def warn_of_no_requests() -> None:
    """Warn of a purge in a process that serves nobody and has its own memory."""
    log.warning(
        "a purge in a process that has served no request: its MemoryStore is its own, and "
        "the serving processes keep what they have. Use a store that processes share "
        "(lmdb, memcached, Redis), or purge there by the method PURGE"
    )
