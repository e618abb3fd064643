"""``python -m tests.processes.patched``: wsgicache first, then gevent's patches, then 200 greenlets
for one page, while another goes on with its own work."""

from __future__ import annotations

import sys

from wsgicache import CacheMiddleware  # isort: skip
from gevent import monkey  # isort: skip

from collections.abc import Callable
from typing import Any


def main() -> int:
    """Ask, and print what happened."""
    monkey.patch_all()
    import gevent
    from gevent.event import Event

    from tests.scene import environ_for, exchange

    asked: list[str] = []
    answer = Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        answer.wait(30)
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        return [b"page"]

    cache = CacheMiddleware(app)
    clients = [
        gevent.spawn(lambda: exchange(cache, environ_for("GET", "/")).text) for _ in range(200)
    ]
    turns = 0
    while turns < 100:  # a hub that somebody blocks would never come back here
        gevent.sleep(0)
        turns += 1
    assert not any(client.ready() for client in clients), "nobody can have been answered"
    answer.set()
    gevent.joinall(clients, timeout=30)
    texts = [client.value for client in clients]
    assert texts == ["page"] * 200, texts
    times = "time" if len(asked) == 1 else "times"
    print(f"{len(texts)} answers, the app was asked {len(asked)} {times}, others went on meanwhile")
    return 0


if __name__ == "__main__":
    sys.exit(main())
