"""A trace with a cache that may store nothing is the trace without a cache (security 3.4, D-a)."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.games import test_properties as properties
from tests.games.strategies import environs, examples
from tests.scene import Environ
from wsgicache import CacheMiddleware, Policy


class Acting(properties.Acting):
    """An app whose answers are fresh for no second."""

    def begin(self) -> None:
        headers = [*self.how["headers"], ("Cache-Control", self.how["control"])]
        write = self.start_response(self.how["status"], headers)
        for data in self.how["writes"]:
            write(data)


class Series:
    """An app that does one thing after the other, and what it was asked each time."""

    def __init__(self, hows: list[dict[str, Any]]) -> None:
        self.acting = [Acting(how) for how in hows]
        self.environs: list[Environ] = []

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        acting = self.acting[len(self.environs)]
        self.environs.append(dict(environ))
        return acting(environ, start_response)


def unseen(environ: Environ) -> Environ:
    """*environ* without our own additions, and Host as it is compared, or as the server has it."""
    left = {k: v for k, v in environ.items() if not k.startswith("wsgicache.")}
    left.setdefault("HTTP_HOST", f"{left.get('SERVER_NAME', '')}:{left.get('SERVER_PORT', '')}")
    if isinstance(left.get("HTTP_HOST"), str):
        left["HTTP_HOST"] = re.sub(":(80|443)?$", "", left["HTTP_HOST"].lower())
    return left


@examples(60)
@given(
    trace=st.lists(
        st.tuples(
            properties.behaviours(),
            environs(),
            st.none() | st.integers(0, 3),
            st.sampled_from(["no-store", "private", "max-age=0", "s-maxage=0, max-age=9", ""]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_trace_with_nothing_to_store_is_the_trace_without_a_cache(trace: list[Any]) -> None:
    """Heads, bytes, blocks, exceptions, close() and what the app is asked: all the same."""
    hows = []
    for how, environ, _, control in trace:
        environ.pop("HTTP_CACHE_CONTROL", None)  # only-if-cached is ours to answer
        # No validators, which would be asked about; and the app starts at once.
        fields = [line for line in how["headers"] if line[0] not in ("ETag", "Expires")]
        hows.append({**how, "headers": fields, "start": "eager", "control": control})
    bare, cached = Series(hows), Series(hows)
    # A HEAD stays one, with its conditions: else the app would say more than without a cache.
    policy = Policy(head_as_get=False, forward_conditions=True)
    cache = CacheMiddleware(cached, policy=policy)
    for _, environ, take, _ in trace:
        expected = properties.seen_by_a_server(bare, dict(environ), take)
        assert properties.seen_by_a_server(cache, dict(environ), take) == expected
    assert [unseen(e) for e in cached.environs] == [unseen(e) for e in bare.environs]
    assert [one.closes for one in cached.acting] == [one.closes for one in bare.acting]
    assert len(cache._flights) == 0
