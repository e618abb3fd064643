"""What it costs that the application is asked: with storing, and where nothing may be stored;
beside the constant application, and beside what a user would pick instead."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks import peers
from benchmarks.calls import (
    LENGTH,
    Prepared,
    Samples,
    Scenario,
    again,
    call,
    compared,
    constantly,
    content,
    environ,
    fields,
    measure,
    median,
    verified,
)
from benchmarks.peers import Peer, available
from benchmarks.results import Claim, Figure, show
from wsgicache import CacheMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CONTENTS, MISSES, PASSING = "misses by content", "miss of 2 KiB", "uncacheable, 2 KiB"
ADDED = "added by wsgicache"
GROUPS = (CONTENTS, MISSES, PASSING)
LENGTHS = {"200 B": 200, "2 KiB": LENGTH, "64 KiB": 2**16, "1 MiB": 2**20}
OURS = "wsgicache"
ANEW = "wsgicache, another ETag each time"


def in_pieces(length: int, size: int) -> WSGIApplication:
    """A page that is made piece by piece."""
    lines = fields(length)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [*lines])
        return (b"." * size for _ in range(length // size))

    return app


def another_each_time(length: int) -> WSGIApplication:
    """A page that is never kept, with another entity tag whenever it is made."""
    page, lines = content(length), fields(length, "no-store")[:-2]
    numbers = count()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        tag = ("ETag", f'"{next(numbers):016x}"')
        start_response("200 OK", [*lines, tag, ("Cache-Control", "no-store")])
        return [page]

    return app


def cold(app: WSGIApplication) -> Callable[[int], Prepared]:
    """Every request a URL of its own, to an empty cache."""

    def prepare(calls: int) -> Prepared:
        requests = [environ(f"/articles/{number}") for number in range(calls)]
        return CacheMiddleware(app), requests

    return prepare


def scenarios() -> Iterator[Scenario]:
    """wsgicache's own."""
    for name, length in LENGTHS.items():
        share = 10 if length > LENGTHS["64 KiB"] else 1
        app = cold(constantly(length))
        yield Scenario(f"{OURS}, {name}", app, "200 OK", length, "stored", CONTENTS, share)
    length = LENGTHS["1 MiB"]
    app = cold(in_pieces(length, 2**16))
    yield Scenario(f"{OURS}, 1 MiB in 16 pieces", app, "200 OK", length, "stored", CONTENTS, 10)
    yield Scenario(OURS, cold(constantly(LENGTH)), outcome="stored", group=MISSES)
    passing = CacheMiddleware(constantly(LENGTH, "no-store"))
    yield Scenario(OURS, again(passing, environ()), outcome="detail=no-store", group=PASSING)
    restless = again(CacheMiddleware(another_each_time(LENGTH)), environ())
    yield Scenario(ANEW, restless, outcome="detail=no-store", group=PASSING)


# ── peers ─────────────────────────────────────────────────────────────────────────────────────


def missed(group: str, name: str, peer: Peer, outcome: str = "") -> Scenario:
    """Every request to a peer asks its application: for a page of its own, or for one that is not
    kept. Raises ClickException if it is."""

    def prepare(calls: int) -> Prepared:
        peer.clear()
        numbers = [42] * calls if group == PASSING else range(calls)
        return peer.app, [peer.environ(number) for number in numbers]

    made = len(peer.made)
    app, bases = prepare(3)
    for base in bases:
        call(app, base)
    if len(peer.made) != made + 3:
        raise click.ClickException(f"{group}: {name} does not make the page")
    return Scenario(name, prepare, outcome=outcome, group=group, share=4)


def by_hand() -> Iterator[Scenario]:
    """A decorator without a framework."""
    yield missed(MISSES, "@cached by hand, plain WSGI", peers.wsgi_by_hand(LENGTH))


def flask() -> Iterator[Scenario]:
    """Flask alone, with a decorator of one's own, and below wsgicache."""
    view = peers.flask_view(LENGTH)

    def over_flask(calls: int) -> Prepared:
        return CacheMiddleware(view.app), [view.environ(number) for number in range(calls)]

    yield Scenario("wsgicache over Flask", over_flask, outcome="stored", group=MISSES, share=4)
    yield missed(MISSES, "@cached by hand, Flask", peers.flask_by_hand(LENGTH))
    yield missed(MISSES, "Flask, not cached", view)
    yield missed(PASSING, "Flask, not cached", view)


def flask_caching() -> Iterator[Scenario]:
    """Flask-Caching's decorator on a view; what it refuses is uncacheable."""
    yield missed(MISSES, "Flask-Caching", peers.flask_caching(LENGTH))
    refusing = peers.flask_caching(LENGTH, response_filter=lambda response: False)
    yield missed(PASSING, "Flask-Caching", refusing)


def django() -> Iterator[Scenario]:
    """Django's cache of whole sites; what is private is uncacheable."""
    yield missed(MISSES, "Django's cache", peers.django_cache(LENGTH))
    yield missed(MISSES, "Django, not cached", peers.django(LENGTH))
    yield missed(PASSING, "Django's cache", peers.django_cache(LENGTH, said="private"))
    yield missed(PASSING, "Django, not cached", peers.django(LENGTH))


PEERS: dict[str, Callable[[], Iterable[Scenario]]] = {
    "a decorator by hand": by_hand,
    "Flask": flask,
    "Flask-Caching": flask_caching,
    "Django": django,
}

# ── the command ───────────────────────────────────────────────────────────────────────────────


def added(samples: Samples) -> Figure:
    """What an uncacheable page costs more than the application alone."""
    values = tuple(times - 1 for times in samples[PASSING, OURS].times)
    return Figure(PASSING, ADDED, values, "× constant app")


def claims(samples: Samples) -> list[Claim]:
    """What must hold."""
    more = statistics.median(added(samples).values)
    miss = median(samples[CONTENTS, f"{OURS}, 2 KiB"])
    return [
        Claim("what an uncacheable pass-through adds / constant app", more, 10),
        Claim("miss with storing of 2 KiB / constant app", miss, 40),
    ]


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds: a first impression.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def miss(quick: bool, output: Path | None) -> None:
    """Time misses and what is not cacheable, beside the constant app and beside peers."""
    rounds, calls = (9, 100) if quick else (101, 500)
    cases = verified([*scenarios(), *available(PEERS)], GROUPS)
    samples = measure(cases, rounds, calls)
    show("miss", [*compared(cases, samples), added(samples)], claims(samples), output)
    click.echo(f"Medians and quartiles of {rounds} rounds of {calls} requests, interleaved.")
