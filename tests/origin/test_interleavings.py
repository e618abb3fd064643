"""Every order of two requests with one interruption, and some of more."""

from __future__ import annotations

from itertools import product

import pytest

from tests.origin.interleavings import PAGES, Case, at_random, begins
from tests.rig.turns import orders

TWO = {
    "plain": ["get get", "get post", "get purge", "get group", "get all", "reload reload"],
    "validated": ["get post", "reload group"],
    "window": ["get post", "get tick"],
    "no-cache": ["get post"],
    "private": ["alice bob"],
    "no-store": ["alice bob"],
    "cookie": ["get alice", "alice bob"],
    "vary": ["alice bob", "alice post"],
    "failing": ["get get", "get post"],
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("store", ["memory", "two-processes"])
def test_two_at_once_in_every_order(page: str, store: str) -> None:
    tried = 0
    for two, begin in product(TWO[page], begins(page)):
        tried += orders(Case(page, begin, tuple(two.split()), store).run, 1, 200)
    assert tried > 8 * len(TWO[page])


@pytest.mark.parametrize(
    ("store", "count"), [("memory", 400), ("two-processes", 150), ("two-near", 100)]
)
def test_more_at_once_in_some_order(store: str, count: int) -> None:
    told = at_random(count, store)
    for word in ("hit", "collapsed", "fwd-status=304", "stored", "detail=private"):
        assert any(word in one for one in told), word
