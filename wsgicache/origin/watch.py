"""Which leases do other processes wait for in vain, since a client here holds up what they want?"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from wsgicache import forks
from wsgicache.clock import Clock
from wsgicache.origin.flights import Flight

__all__ = ["Watch"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_PAUSE = 0.1
"""Seconds between two looks."""


class Watch:
    """Gives back the leases of flights that are held up, by a daemon thread while there are any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.begin_in_child()
        forks.renew(self)

    def begin_in_child(self) -> None:
        """Watch nothing: the flights of the parent process do not go on here."""
        self._lock = threading.Lock()
        self._flights: list[Flight] = []
        self._runs = False

    def over(self, flight: Flight, environ: WSGIEnvironment) -> None:
        """Watch *flight* until it has no lease, if the server of *environ* has threads."""
        if not environ.get("wsgi.multithread") or environ.get("wsgi.run_once"):
            return
        with self._lock:
            self._flights.append(flight)
            if self._runs:
                return
            self._runs = True
        try:
            threading.Thread(target=self._work, name="wsgicache-leases", daemon=True).start()
        except RuntimeError:  # no more threads to be had: the leases run out
            self.begin_in_child()

    def _work(self) -> None:
        while self._look():
            time.sleep(_PAUSE)

    def _look(self) -> bool:
        """Give back what is held up, and return whether there is anything left to watch."""
        now = self._clock.now()
        with self._lock:
            self._flights = [flight for flight in self._flights if flight.landed is not None]
            self._runs = bool(self._flights)
            held_up = [flight for flight in self._flights if flight.patience(now) <= 0]
        for flight in held_up:
            flight.give_back()
        return self._runs
