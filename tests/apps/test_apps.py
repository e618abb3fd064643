"""Real sites behind the cache: all get what is theirs, and nobody is logged out."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from tests.apps.crowd import KINDS, SITES
from tests.apps.playing import played

ALONE, TOGETHER = 1200, 400


@cache
def alone(site: str) -> dict[str, Any]:
    """A game of one thread, the same each time."""
    return played(site, ALONE, "--threads", "1")


@pytest.mark.parametrize("site", SITES)
def test_without_a_cache_the_oracle_finds_nothing(site: str) -> None:
    assert played(site, TOGETHER, "--bare")["wrong"] == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("site", SITES)
def test_one_after_the_other_users_get_what_is_theirs(site: str, kind: str) -> None:
    first = alone(site)["first"].get(kind)
    assert first is None, json.dumps(first, indent=1)


@pytest.mark.parametrize("site", SITES)
def test_together_users_get_what_is_theirs(site: str) -> None:
    result = played(site, TOGETHER)
    assert result["outcomes"]["hit"] > TOGETHER / 20
    assert result["first"] == {}, json.dumps(result["first"], indent=1)
