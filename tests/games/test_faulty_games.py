"""Whatever happens, and whatever fails meanwhile: the games of the state machine."""

from __future__ import annotations

import pytest

from tests.games.faulty_games import mapped, memory, play, server
from tests.games.test_state_machine import POLICIES
from tests.stores.servers import Server
from wsgicache.stores.net import breaker


@pytest.mark.parametrize("policy", POLICIES)
def test_files_of_a_machine_that_break_reuse_nothing_that_may_not_be(policy: str) -> None:
    with mapped() as make:
        exchanges, hits = play(make, policy, 400, examples=300)
    assert exchanges >= 400
    assert hits > 20


@pytest.mark.parametrize("policy", POLICIES)
def test_a_store_that_fails_reuses_nothing_that_may_not_be(policy: str) -> None:
    exchanges, hits = play(memory, policy, 1_500, examples=300)
    assert exchanges >= 1_500
    assert hits > 50, "a cache that never hits proves nothing"


@pytest.mark.network
@pytest.mark.parametrize("name", ["memcached", "redis"])
def test_replies_that_break_reuse_nothing_that_may_not_be(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE", (0.0, 0.0))
    fixture = {"memcached": "memcached", "redis": "redis_server"}[name]
    started: Server = request.getfixturevalue(fixture)
    with server(name, started.port) as make:
        exchanges, hits = play(make, "safe", 300, examples=300)
    assert exchanges >= 300
    assert hits > 5
