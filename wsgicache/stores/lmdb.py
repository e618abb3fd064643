"""A store for the processes of one machine, without a server: a file that all of them map."""

from __future__ import annotations

import os
from collections.abc import Sequence

from wsgicache.clock import Clock
from wsgicache.observe.held import by_route
from wsgicache.observe.stats import Holding
from wsgicache.processes import has_ended
from wsgicache.rules.checks import whole
from wsgicache.rules.entries import Change
from wsgicache.rules.keys import Key
from wsgicache.stores.folders import check_folder, whole_path
from wsgicache.stores.shared.applications import NAMESPACE
from wsgicache.stores.shared.store import PackedStore
from wsgicache.stores.shared.survey import Survey
from wsgicache.stores.stamps import Stamps, Telling
from wsgicache.stores.tables import Tables

__all__ = ["LMDBStore"]

_LEAST = 4 << 20


class LMDBStore(PackedStore):
    """Entries in the folder *path*, for all processes of one machine.

    The files have *max_bytes* at most (and 1 MiB more); about three fifths of that are pages. Each
    process sees at once what others purge. The store outlives them, but not the machine. The folder
    is made if its parent exists. The other options are those of `PackedStore`. Raises TypeError or
    ValueError for a wrong argument.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int | None = None,
        namespace: str = NAMESPACE,
        secret: str | bytes = b"",
        generation_seconds: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        folder = whole_path("LMDBStore.path", path)
        if max_bytes is not None:
            whole("LMDBStore.max_bytes", max_bytes, _LEAST)
        check_folder(folder)
        node = self._tables = Tables(folder, max_bytes)
        super().__init__(
            [node],
            lambda name: node,
            namespace=namespace,
            secret=secret,
            generation_seconds=generation_seconds,
            clock=clock,
        )
        self.folder = folder
        self.stamps = Stamps(folder)
        """What shows changes to near stores."""
        self.landings = self.stamps
        """What wakes those who wait for a lease."""
        self._telling = Telling(self.stamps)
        self._nodes[node.name].stamps = self.stamps
        self._survey = Survey(node, self._names)
        self._leases.is_lost = lambda token: has_ended(token.rpartition(" ")[2])

    def update(self, key: Key, change: Change) -> None:
        """Replace the entry under *key* by what *change* makes of it; show that to near stores."""
        self._telling.update(super().update, key, change)

    def bump(self, groups: Sequence[str], moment: float, *, soft: bool = False) -> None:
        """Begin a generation, and show that to near stores."""
        purge = super().bump
        self._telling.bump(lambda: purge(groups, moment, soft=soft), groups)

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* a new mark, and show that to near stores."""
        self._telling.end_mark(super().end_mark, cookies)

    def holding(self) -> Holding:
        """Return what the files hold, and what each route had a short while ago."""
        tally, (size, budget, evictions, of) = self._survey.tally(), self._tables.figures()
        routes, entries, widest = by_route(tally, of)
        sizes = entries, size, budget, widest, evictions
        return Holding(*sizes, routes=routes, is_shared=True)

    def release(self, key: Key, token: str) -> None:
        """Give back the lease, if *token* still holds it, and wake those who wait for it."""
        try:
            super().release(key, token)
        finally:
            self.stamps.land(key)
