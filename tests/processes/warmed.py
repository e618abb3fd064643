"""The site, warmed before the server forks: pages are stored, connections are open, and a thread of
the cache's own hangs in the app."""

from __future__ import annotations

import time

from tests.processes.site import FOLDER, cache, front
from tests.scene import Exchange, environ_for, exchange

STALE = "/stale?cc=max-age%3D0,stale-while-revalidate%3D600"
STUCK = "/stuck?cc=max-age%3D0,stale-while-revalidate%3D600&until=validated"


def ask(target: str) -> Exchange:
    """As a client of the server will: gunicorn tells the target as it came."""
    changes = {"HTTP_HOST": "site.example", "RAW_URI": target}
    return exchange(cache, environ_for("GET", target, changes=changes))


gate = FOLDER / "validated"
gate.touch()
for target in ("/warm", STALE, STUCK):
    ask(target)
gate.unlink()
assert ask(STUCK).hit
end = time.monotonic() + 30
while (FOLDER / "asked").read_text().count("/stuck") < 2 and time.monotonic() < end:
    time.sleep(0.01)  # until the thread is in the app

__all__ = ["front"]
