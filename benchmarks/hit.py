"""What a request costs in process, beside the constant application, and beside what a user would
pick instead, each in its own stack."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import click

from benchmarks.calls import (
    ETAG,
    LENGTH,
    PAGE,
    Prepared,
    Samples,
    Scenario,
    again,
    call,
    compared,
    constant,
    constantly,
    environ,
    fields,
    measure,
    median,
    ratio,
    verified,
)
from benchmarks.hit_peers import (
    CONTENTS,
    DJANGO,
    FLASK,
    FLASK_CACHING,
    GROUPS,
    HEAD,
    HITS,
    LENGTHS,
    NOT_MODIFIED,
    PEERS,
    RANGE,
    VARIANTS,
    VARY,
    WALK,
    speaking,
)
from benchmarks.peers import available
from benchmarks.results import Claim, show
from wsgicache import CacheMiddleware, Route, cache_for, cached, middleware, no_cache, vary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

WALK_UNCHANGED = ("hit, decorators, 64 routes", "hit, 64 routes, queries")
"""What must not cost more than a hit."""
UNCOUNTED = "hit, not counted"

# ── wsgicache ─────────────────────────────────────────────────────────────────────────────────


def kept(app: WSGIApplication, *bases: WSGIEnvironment) -> CacheMiddleware:
    """A cache that has the answers to these requests."""
    cache = app if isinstance(app, CacheMiddleware) else CacheMiddleware(app)
    for base in bases:
        call(cache, base)
    return cache


def uncounted() -> type[CacheMiddleware]:
    """The cache, but its walk lacks the line that counts a plain hit."""
    source = dedent(inspect.getsource(CacheMiddleware._serve))
    assert source.count(_COUNTS) == 1
    walk = dict(vars(middleware))
    exec(compile(source.replace(_COUNTS, "pass\n"), "uncounted", "exec"), walk)
    return type("Uncounted", (CacheMiddleware,), {"_serve": walk["_serve"]})


_COUNTS = "next(uses)\n"


def cold(calls: int) -> Prepared:
    """Every request a URL of its own, to an empty cache."""
    return CacheMiddleware(constant), [environ(f"/articles/{number}") for number in range(calls)]


def walk() -> list[Scenario]:
    """What a first look at the cache asks; the constant application first."""
    plain, large = environ(), constantly(LENGTHS["64 KiB"])
    uncacheable = CacheMiddleware(constantly(LENGTH, "no-store"))
    told, only_head = environ(HTTP_IF_NONE_MATCH=ETAG), environ(REQUEST_METHOD="HEAD")
    one_range = environ(HTTP_RANGE="bytes=1024-2047")

    def routed(app: WSGIApplication, routes: list[Route]) -> Callable[[int], Prepared]:
        return again(kept(CacheMiddleware(app, routes=routes), plain), plain)

    return [
        Scenario("constant app", again(constant, plain), outcome="", group=WALK),
        Scenario("hit", again(kept(constant, plain), plain), group=WALK),
        Scenario(UNCOUNTED, again(kept(uncounted()(constant), plain), plain), group=WALK),
        Scenario("304", again(kept(constant, plain), told), "304 Not Modified", 0, group=WALK),
        Scenario("HEAD", again(kept(constant, plain), only_head), length=0, group=WALK),
        Scenario(
            "range",
            again(kept(large, plain), one_range),
            "206 Partial Content",
            1024,
            group=WALK,
        ),
        Scenario("miss, stored", cold, outcome="stored", group=WALK),
        Scenario("uncacheable", again(uncacheable, plain), outcome="detail=no-store", group=WALK),
        Scenario("hit, decorators", routed(decorated, []), group=WALK),
        Scenario("hit, 64 routes", routed(constant, routes()), group=WALK),
        Scenario("hit, decorators, 64 routes", routed(decorated, routes()), group=WALK),
        Scenario("hit, 64 routes, queries", routed(constant, routes(early=8)), group=WALK),
    ]


@cached(client=60, server=3600)
@vary("Accept-Encoding")
def decorated(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The page of the constant application, of which decorators say what may be kept."""
    start_response("200 OK", [*fields(LENGTH)[:2], ("ETag", ETAG)])
    return [PAGE]


def routes(early: int = 0) -> list[Route]:
    """64 routes of all kinds, *early* ones among them that must be known before the look-up; the
    last is about the page."""
    kinds: list[Callable[[str], Route]] = [
        lambda path: Route(path, cache_for(minutes=5)),
        lambda path: Route(path, no_cache, method="GET"),
        lambda path: Route(path, cache_for(hours=1), content_type="image/*", override=True),
        lambda path: Route(path, cache_for(minutes=1), status=404, host="www.example.org"),
    ]
    made = [kinds[number % 4](f"/section-{number}/*") for number in range(63 - early)]
    asked = [Route(f"/search-{number}/*", query=("q", "page")) for number in range(early)]
    return [*made, *asked, Route("/articles/*", cache_for(hours=1))]


def ours() -> Iterator[Scenario]:
    """The same beside others, and where it depends on how much there is."""
    plain = environ()
    for case in walk():
        group = {"hit": HITS, "304": NOT_MODIFIED, "HEAD": HEAD, "range": RANGE}.get(case.name)
        if group is not None:
            yield case._replace(name="wsgicache", group=group)
    for count in VARIANTS:
        bases = [environ(**said) for said in speaking(count)]
        cache = kept(constantly(LENGTH, vary="Accept-Language"), *bases)
        yield Scenario(f"wsgicache, {count}", again(cache, *bases), group=VARY)
    for name, length in LENGTHS.items():
        cache = kept(constantly(length), plain)
        yield Scenario(f"wsgicache, {name}", again(cache, plain), length=length, group=CONTENTS)


# ── the command ───────────────────────────────────────────────────────────────────────────────


def scenarios() -> list[Scenario]:
    """All of wsgicache's own, the constant application first."""
    return [*walk(), *ours()]


def claims(samples: Samples) -> list[Claim]:
    """What must hold; nothing is claimed beside a peer that is not there."""
    hit = samples[WALK, "hit"]
    made = [
        Claim("hit / constant app", median(hit), 4.5),
        Claim("HEAD / constant app", median(samples[WALK, "HEAD"]), 5),
        Claim("304 / constant app", median(samples[WALK, "304"]), 6),
        Claim(
            "64 variants / 1 variant",
            ratio(samples[VARY, "wsgicache, 64"], samples[VARY, "wsgicache, 1"]),
            1.5,
        ),
    ]
    counted = ratio(hit, samples[WALK, UNCOUNTED])
    made.append(Claim("hit / hit, not counted (the cost of counters)", counted, 1.04))
    for case in WALK_UNCHANGED:
        text = f"{case} / hit (as fast: 5 % are noise)"
        made.append(Claim(text, ratio(samples[WALK, case], hit), 1.05))
    for peer, bound in ((FLASK_CACHING, 20.0), (DJANGO, 25.0), (FLASK, 12.0)):
        if (HITS, peer) in samples:
            times = ratio(samples[HITS, peer], hit)
            made.append(Claim(f"{peer} / hit", times, bound, at_most=False))
    return made


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds: a first impression.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def hit(quick: bool, output: Path | None) -> None:
    """Time hits of all kinds in process, beside the constant app and beside peers."""
    rounds, calls = (9, 200) if quick else (101, 500)
    cases = verified([*scenarios(), *available(PEERS)], GROUPS)
    samples = measure(cases, rounds, calls)
    show("hit", compared(cases, samples), claims(samples), output)
    click.echo(f"Medians and quartiles of {rounds} rounds of {calls} requests, interleaved.")
