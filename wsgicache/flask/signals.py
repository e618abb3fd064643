"""Signals of the cache, in the way of Flask's: the sender is the application.

    from wsgicache.flask.signals import hit

    @hit.connect
    def count(app, observation):
        ...

`hit` and `stored` come with an `Observation`, before the response goes out, `purged` with what the
purge returns. A receiver that raises is logged, and changes nothing. While nobody receives `hit` or
`stored`, a hit costs nothing more. A receiver that connects while the site runs may miss the hits
of the first second.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from blinker import Namespace

from wsgicache.observe.watching import Observation, Observer
from wsgicache.purging import Purged

__all__ = ["Signalling", "hit", "purged", "stored"]

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger("wsgicache")

_signals = Namespace()
hit = _signals.signal("hit")
"""Sent with *observation* where the cache answers."""
stored = _signals.signal("stored")
"""Sent with *observation* where the application answers, and that is stored."""
purged = _signals.signal("purged")
"""Sent with *result*, a `Purged`, after a purge."""
_SENT = {"hit": hit, "validated": hit, "stored": stored}


class Signalling:
    """Sends the signals of the cache around *app*, and calls the *observer* that it has, too."""

    def __init__(self, app: Flask, observer: Observer | None) -> None:
        self._app = app
        self._observer = observer

    def is_wanted(self) -> bool:
        """Return whether somebody receives a request; tests may begin to at any time."""
        return (
            self._observer is not None
            or self._app.testing
            or bool(hit.receivers or stored.receivers)
        )

    def __call__(self, seen: Observation) -> None:
        """Send the signal of one request."""
        if self._observer is not None:
            self._observer(seen)
        if seen.outcome in _SENT:
            _SENT[seen.outcome].send(self._app, observation=seen)

    def purged(self, done: Purged) -> None:
        """Send the signal of a purge."""
        try:
            purged.send(self._app, result=done)
        except Exception:
            log.warning("a receiver of the signal purged raised", exc_info=True)
