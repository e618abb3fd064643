"""What requests cost, in bytecode steps of the package: work that no machine changes.

The most that each may take is a little above what it takes; times belong to the benchmarks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.scene import Environ, environ_for, exchange, steps
from wsgicache import CacheMiddleware, Policy, Route, cache_for, cached, no_cache, vary
from wsgicache.observe.counting import MOST_NOTED
from wsgicache.rules import response

FRESH = ("Cache-Control", "max-age=3600")
PAGE = b"x" * 2048

# The most steps that a request may take. Every CPython has its own bytecode: a column for each.
# Some are those of asserts as pytest writes them anew, since the package has a plugin.
VERSIONS = ((3, 11), (3, 12), (3, 13))
MOST = {
    "a hit": (340, 317, 312),
    "HEAD": (377, 350, 346),
    "a 304": (449, 415, 411),
    "a range": (1045, 965, 940),
    "what is never stored": (1730, 1635, 1595),
    "what is never stored, and counted": (1895, 1785, 1745),
    "a miss": (3860, 3615, 3590),
}


pytestmark = pytest.mark.usefixtures("still")
"""A hit costs more where a second has passed since the last."""


@pytest.fixture(autouse=True)
def little_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered for all caches of a process has room, whatever was tested before."""
    for name in ("_codes", "_lower", "_known_names"):
        monkeypatch.setattr(response, name, type(getattr(response, name))())


def page(*fields: tuple[str, str]) -> Callable[..., list[bytes]]:
    """A constant app."""
    lines = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(PAGE))),
        ("ETag", '"v1"'),
        *fields,
    ]

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [*lines])
        return [PAGE]

    return app


def cost(cache: CacheMiddleware, **environ: Any) -> int:
    """Steps of a request, the third of its kind after a plain one."""
    exchange(cache, environ_for(target=environ.get("target", "/")))
    for _ in range(2):
        exchange(cache, environ_for(**environ))
    asked = environ_for(**environ)
    return steps(lambda: exchange(cache, asked))


def hit(cache: CacheMiddleware, **environ: Any) -> int:
    """The same, of a hit."""
    work = cost(cache, **environ)
    assert exchange(cache, environ_for(**environ)).hit
    return work


def test_a_hit_costs_the_same_however_much_there_is() -> None:
    few, many = CacheMiddleware(page(FRESH)), CacheMiddleware(page(FRESH))
    for number in range(2_000):
        exchange(many, environ_for(target=f"/{number}"))
    assert hit(many, target="/5") == hit(few, target="/5")


def test_a_hit_costs_the_same_among_64_variants() -> None:
    one, many = (CacheMiddleware(page(FRESH, ("Vary", "X-Kind"))) for _ in range(2))
    for number in range(64):
        for _ in range(2):
            exchange(many, environ_for(headers=[("X-Kind", str(number))]))
    kind = [("X-Kind", "5")]
    assert hit(many, headers=kind) == hit(one, headers=kind)


def test_a_hit_costs_the_same_with_decorators_and_64_routes() -> None:
    decorated = vary("Accept")(cached(client=60, server=3600)(page()))
    routes = [Route(f"/{number}/*", no_cache) for number in range(64)]
    routes += [Route("/page*", cache_for(minutes=1))]
    released = ("Cache-Control", "public, max-age=60")
    plain = hit(CacheMiddleware(page(released, ("Vary", "Accept"))), target="/page")
    assert hit(CacheMiddleware(decorated, routes=routes), target="/page") == plain


def check(work: int, what: str) -> None:
    """Above its bound the work has grown: make it less, or say why it must be more."""
    if sys.version_info[:2] not in VERSIONS:
        pytest.skip("no bounds for this CPython: measure, and add a column")
    most = MOST[what][VERSIONS.index(sys.version_info[:2])]
    assert most * 0.75 < work <= most


@pytest.mark.parametrize(
    ("fields", "environ", "what"),
    [
        ([FRESH], {}, "a hit"),
        ([FRESH], {"method": "HEAD"}, "HEAD"),
        ([FRESH], {"headers": [("If-None-Match", '"v1"')]}, "a 304"),
        ([FRESH], {"headers": [("Range", "bytes=1-5")]}, "a range"),
        ([("Cache-Control", "no-store")], {}, "what is never stored"),
    ],
)
def test_what_a_request_costs(
    fields: list[tuple[str, str]], environ: dict[str, Any], what: str
) -> None:
    check(cost(CacheMiddleware(page(*fields)), **environ), what)


def test_what_is_counted_later_costs_little() -> None:
    """The mean of so many that all are in their rows by the end."""
    cache = CacheMiddleware(page(("Cache-Control", "no-store")))
    many = [environ_for() for _ in range(2 * MOST_NOTED)]
    exchange(cache, environ_for())
    work = steps(lambda: [exchange(cache, one) for one in many])
    check(work // len(many), "what is never stored, and counted")


def test_a_token_for_explanations_costs_next_to_nothing() -> None:
    with_token = CacheMiddleware(page(FRESH), policy=Policy(explain_token="x" * 16))
    assert hit(with_token) - hit(CacheMiddleware(page(FRESH))) <= 15


def test_what_a_miss_costs() -> None:
    cache = CacheMiddleware(page(FRESH, ("Vary", "Accept-Encoding")))
    for number in range(3):
        exchange(cache, environ_for(target=f"/{number}"))
    asked = environ_for(target="/new")
    check(steps(lambda: exchange(cache, asked)), "a miss")
