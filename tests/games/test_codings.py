"""Each client gets the coding that the app would choose for it, and a page is made once a coding.

The model is the app, asked each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cachelib import SimpleCache
from hypothesis import given
from hypothesis import strategies as st

from tests.games.strategies import Offer, accepted, chosen, examples
from tests.scene import Environ, FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy
from wsgicache.stores.cachelib import CachelibStore

CODINGS = ["gzip", "br"]
weights = st.sampled_from([5, 10, 10])
often = st.dictionaries(st.sampled_from(CODINGS), weights, min_size=1)
seldom = st.dictionaries(st.sampled_from([*CODINGS, "zstd", "identity", "*"]), weights | st.just(0))
offers = often | often | seldom
STORES: dict[str, Callable[[FakeClock], Any]] = {
    "memory": lambda clock: MemoryStore(),
    "digests": lambda clock: CachelibStore(SimpleCache(), clock=clock),
}


def written(offer: Offer) -> str:
    return ", ".join(f"{name};q={weight / 10}" for name, weight in offer.items())


class App:
    """An app that makes some codings, and counts how often it is asked.

    Unless it heeds weights, it takes the first of its codings that is accepted.
    """

    def __init__(self, made: list[str], heeds: bool = True) -> None:
        self.made = tuple(made)
        self.heeds = heeds
        self.offer: Offer = {}
        self.asked = 0

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        self.asked += 1
        coding = self.choice()
        fields = [("Content-Encoding", coding)] if coding != "identity" else []
        fields += [("Vary", "Accept-Encoding"), ("Cache-Control", "max-age=60")]
        start_response("200 OK", fields)
        return [coding.encode()]

    def choice(self) -> str:
        if self.heeds:
            return chosen(self.made, self.offer)
        return next((one for one in self.made if accepted(self.offer, one)), "identity")


@pytest.mark.parametrize("store", STORES)
@examples(50)
@given(
    made=st.sampled_from([["gzip"], ["br", "gzip"], ["gzip", "br"], ["br", "zstd"], []]),
    asked=st.lists(
        st.tuples(offers, st.sampled_from(["", "", "", "no-cache"])), min_size=6, max_size=12
    ),
    heeds=st.booleans(),
    rfc=st.booleans(),
)
def test_who_is_answered_gets_what_the_app_would_choose(
    store: str, made: list[str], asked: list[tuple[Offer, str]], heeds: bool, rfc: bool
) -> None:
    app, clock = App(made, heeds), FakeClock()
    policy = Policy.rfc() if rfc else Policy()
    cache = CacheMiddleware(app, policy=policy, store=STORES[store](clock), clock=clock)
    given_so_far: set[str] = set()
    for offer, wish in asked:
        clock.advance(1)
        app.offer = offer
        headers = [
            ("Accept-Encoding", written(offer)),
            *([("Cache-Control", wish)] if wish else []),
        ]
        got = exchange(cache, environ_for(headers=headers))
        coding = app.choice()
        assert (got.text, got.header("Content-Encoding") or "identity") == (coding, coding)
        if accepted(offer, coding):
            given_so_far.add(coding)
        else:
            return  # the app does not heed what is refused: each such value is for itself
        entry = cache.store.get(("http", "example.org", "/", ""))
        assert entry is not None
        assert rfc or len(entry.responses) <= len(given_so_far)


BROWSERS = [
    *("gzip, deflate, br, zstd", "gzip, deflate, br", "gzip, deflate", "gzip", "br, gzip"),
    *(
        "gzip,deflate,br",
        "GZIP",
        "br;q=1.0, gzip;q=0.8",
        None,
        "",
        "identity",
        "deflate, gzip;q=1.0",
    ),
]


@pytest.mark.parametrize(
    ("made", "most"), [(["gzip"], 3), (["br", "gzip"], 4), ([], 2)], ids=["gzip", "both", "none"]
)
def test_a_few_calls_fill_a_page_for_all_browsers(made: list[str], most: int) -> None:
    app = App(made)
    cache = CacheMiddleware(app)
    for _ in range(3):
        for value in BROWSERS:
            names = [part.partition(";")[0].strip().lower() for part in (value or "").split(",")]
            weights = [8 if "0.8" in part else 10 for part in (value or "").split(",")]
            app.offer = dict(zip(names, weights, strict=True))
            headers = [] if value is None else [("Accept-Encoding", value)]
            exchange(cache, environ_for(headers=headers))
    assert app.asked <= most
    entry = cache.store.get(("http", "example.org", "/", ""))
    assert entry is not None
    assert len(entry.responses) <= len(made) + 1
