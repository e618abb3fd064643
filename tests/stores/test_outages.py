"""memcached killed, stopped and flapping under fifty threads.

The figures are printed (``pytest -s``); ``python -m tests.stores.outages`` takes four seconds for
each outage, and a minute for the flapping.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stores.outages import flapping, hung, killed, one_of_three
from tests.stores.servers import Server
from wsgicache.stores.net import breaker

pytestmark = pytest.mark.network
Start = Callable[..., Server]
SECONDS = 0.6


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that did not answer is asked again soon, and several times in an outage."""
    monkeypatch.setattr(breaker, "PAUSE", (0.1, 0.2))


def test_memcached_is_killed_and_comes_back(started: Start) -> None:
    load, figures = killed(started("memcached"), SECONDS)
    print(figures)
    assert load.failed() == []
    assert load.stalls


def test_memcached_hangs_and_goes_on(started: Start) -> None:
    load, figures = hung(started("memcached"), SECONDS)
    print(figures)
    assert load.failed() == []
    assert load.waited()


def test_one_of_three_is_killed(started: Start) -> None:
    servers = [started("memcached") for _ in range(3)]
    load, figures = one_of_three(servers, SECONDS)
    print(figures)
    assert load.failed() == []
    assert load.ratio > load.share(servers[1:]) / 2  # most of them


def test_one_of_three_flaps(started: Start) -> None:
    load, figures = flapping([started("memcached") for _ in range(3)], 2)
    print(figures)
    assert load.failed() == []
    assert load.older == 0
