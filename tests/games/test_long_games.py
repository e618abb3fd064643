"""The long games, for a while."""

from __future__ import annotations

import pytest

from tests.games.long_games import play


@pytest.mark.parametrize("policy", ["safe", "rfc"])
def test_nothing_is_reused_that_may_not_be(policy: str) -> None:
    exchanges, hits = play(policy, 2_000, examples=300)
    assert exchanges >= 2_000
    assert hits > 100
