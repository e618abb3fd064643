"""Servers whose replies are late, cut, shifted, swapped or doubled on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.test_faults import own_page
from tests.rig.app import App
from tests.rig.gates import together
from tests.rig.proxy import Proxy
from tests.rig.stores import server_store
from tests.running import eventually
from tests.scene import environ_for, exchange
from tests.stores.servers import Server
from wsgicache import CacheMiddleware, Policy
from wsgicache.stores.net import breaker

pytestmark = pytest.mark.network


def setting(**faults: Any) -> Callable[[Proxy], None]:
    """What sets these attributes of a proxy."""

    def change(proxy: Proxy) -> None:
        for name, value in faults.items():
            setattr(proxy, name, value)

    return change


def refuse(proxy: Proxy) -> None:
    proxy.refuse = True
    proxy.reset()


FAULTS: dict[str, Callable[[Proxy], None]] = {
    "delay": setting(delay=0.02),
    "too-late": setting(delay=0.2),
    "drip": setting(drip=0.002),
    "cut-0": setting(cut=0),
    "cut-7": setting(cut=7),
    "cut-200": setting(cut=200),
    "shift": setting(shift=b"END\r\n"),
    "shift-found": setting(shift=b"VALUE x 0 1\r\nx\r\nEND\r\n"),
    "shift-redis": setting(shift=b"$-1\r\n"),
    "swap": setting(shift=b"STORED\r\n", swap=True),
    "double": setting(double=True),
    "refuse": refuse,
    "hang": Proxy.hang,
    "reset": Proxy.reset,
}


class Clients:
    """They ask for ten pages, and each must get the one that he asked for."""

    def __init__(self, cache: CacheMiddleware) -> None:
        self._cache = cache
        self.wrong: list[object] = []

    def ask(self) -> int:
        """Each page once; how many were hits."""
        hits = 0
        for number in range(10):
            try:
                got = exchange(self._cache, environ_for("GET", f"/{number}"))
            except Exception as error:
                self.wrong.append(error)
                continue
            if got.code != 200 or not got.body.startswith(b"/%d " % number):
                self.wrong.append(got)
            hits += got.hit
        return hits


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["memcached", "redis"])
def test_replies_that_break_reach_no_client(
    name: str, fault: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, while and after the replies are broken everybody gets his own page, and nobody an
    error. Afterwards there are hits again."""
    monkeypatch.setattr(breaker, "PAUSE", (0.1, 0.2))
    fixture = {"memcached": "memcached", "redis": "redis_server"}[name]
    server: Server = request.getfixturevalue(fixture)
    app = App()
    app.script = own_page()
    with Proxy(server.port) as proxy, server_store(name, proxy.port) as store:
        # A lease that cannot be given back keeps others waiting until it runs out.
        policy = Policy(collapse_timeout=0.05)
        cache = CacheMiddleware(app, store=store, policy=policy)
        clients = Clients(cache)
        eventually(lambda: clients.ask() == 10, "no hits")
        FAULTS[fault](proxy)
        together(8, lambda number: clients.ask())
        proxy.heal()
        eventually(lambda: clients.ask() == 10, "no hits though the store is well")
        assert clients.wrong == []
        assert len(cache._flights) == 0
        app.check_closed()
