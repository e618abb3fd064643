"""What must not happen when something breaks, each as one line: how often it was tried, what is
demanded, what was measured. The word before the colon says what breaks.

Counts that are demanded to be 0 are things that went wrong.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import click

from benchmarks import collapse
from benchmarks import faults_bodies as bodies
from benchmarks import faults_conditions as conditions
from benchmarks import faults_pages as pages
from benchmarks import faults_processes as processes
from benchmarks import faults_stalled as stalling
from benchmarks import faults_stores as stores
from benchmarks import faults_streams as streams
from benchmarks.results import Claim, Figure, as_data, show
from benchmarks.servers import ServerFailed

MIB = 1 << 20
T = TypeVar("T")


class Size(NamedTuple):
    """How much is tried."""

    crowd: collapse.Size
    returning: int
    """Clients that come back at once, in the larger crowd."""
    identity_rounds: int
    budget: int
    """Bytes of the store that is flooded."""
    streams: int
    stream_bytes: int
    starts: int
    """Of the servers that stream: one is a tenth quicker or slower than the next."""
    mixed: int
    """Requests for bodies, at all servers together."""
    servers: tuple[str, ...]
    forks: int
    stops: int
    """Rounds in which clients stop reading."""
    stopping: tuple[tuple[str, int], ...]
    """The servers where they do, and how many of them."""
    readers: int
    """Clients that stop in the middle of a large page."""
    peers: bool
    """Whether other caches are measured, too."""
    long_requests: int
    """Requests with a Host or query of 250,000 characters."""
    smaller: int
    """By how much the store is smaller that made-up variants flood."""
    hits: int
    """Rounds in which hits in servers and large pages are timed."""


FULL = Size(
    crowd=collapse.FULL,
    returning=200,
    identity_rounds=10_000,
    budget=32 * MIB,
    streams=10,
    stream_bytes=1024 * MIB,
    starts=5,
    mixed=100_000,
    servers=tuple(bodies.SERVERS),
    forks=100,
    stops=11,
    stopping=(("gunicorn", 8), *((server, 1) for server in stalling.COMMANDS)),
    readers=100,
    peers=True,
    long_requests=1024,
    smaller=1,
    hits=60,
)
QUICK = Size(
    crowd=collapse.QUICK,
    returning=30,
    identity_rounds=20,
    budget=2 * MIB,
    streams=2,
    stream_bytes=16 * MIB,
    starts=1,
    mixed=300,
    servers=("wsgiref", "cheroot"),
    forks=5,
    stops=1,
    stopping=(("gunicorn", 1),),
    readers=2,
    peers=False,
    long_requests=8,
    smaller=64,
    hits=2,
)


# ── pages ─────────────────────────────────────────────────────────────────────────────────────


def others_pages(size: Size) -> Iterator[Claim]:
    """Nobody sees what was made for another."""
    seen, wrong = pages.identities(size.identity_rounds)
    tried = f"{size.identity_rounds:,} rounds of {pages.CLIENTS} identities on one URL"
    yield Claim(f"identities: {tried}, {seen:,} pages: pages of another's", wrong, 0)


def one_time_urls(size: Size) -> Iterator[Claim]:
    """What is asked for often survives what is asked for once."""
    found = apart(pages.flood, size.budget)
    budget = f"{size.budget // MIB} MiB"
    yield Claim(
        f"flood: {found.requests:,} requests, nine of ten for one-time URLs, {budget}: "
        "hit ratio of the hot set, by that without them",
        found.flooded / found.calm,
        0.9,
        at_most=False,
    )
    most = 1.25 * size.budget / MIB + 64
    yield Claim("flood: MiB of the process then", found.resident / MIB, most)
    yield Claim("flood: 1,000 variants of one URL: kept", found.variants, 64)


def clock_steps(size: Size) -> Iterator[Claim]:
    """No step of a clock makes a page last."""
    found = [pages.oldest(step) for step in pages.STEPS]
    if not all(hits for hits, _ in found):
        raise click.ClickException("clocks: never a hit")
    hits = sum(hits for hits, _ in found)
    yield Claim(
        f"clocks: the wall clock steps by ±1 h and ±10 years, {hits} hits: seconds of the oldest",
        max(age for _, age in found),
        pages.LIFETIME + pages.WINDOW + 1,
    )


# ── crowds ───────────────────────────────────────────────────────────────────────────────────────


def crowds(size: Size) -> Iterator[Claim]:
    """Nobody waits for what cannot be shared, or hangs with whom he waits for.

    Times are those of the quickest round: what else the machine does adds to them. T is the time
    without a cache; what threads cost is in it once, and 20 ms are for where they begin again.
    """
    crowd = size.crowd
    found = collapse.measured(crowd)

    def quickest(name: str, share: float = 1.0) -> float:
        return min(1000 * case.burst.percentile(share) for case in found[name])

    took = quickest("no cache")
    many = f"{crowd.clients} at once"
    asked = max(case.burst.asked for case in found["cacheable"])
    yield Claim(f"crowds: {many}, cacheable: requests that reach the app", asked, 1)
    said = f"demanded 1.2 T + 20 (T = {took:.0f} is that without a cache)"
    late = quickest("cacheable", 0.99)
    yield Claim(
        f"crowds: {many}, cacheable: ms of the 99th percentile, {said}", late, 1.2 * took + 20
    )
    for name, words, bound in (
        ("uncacheable, first burst", "2 T + 20", 2 * took + 20),
        ("uncacheable, second burst", "1.1 T", 1.1 * took),
    ):
        what = f"crowds: {many}, {name}: ms until all are answered, demanded {words}"
        yield Claim(what, quickest(name), bound)
    broken = ("leader raises", "leader exits", "leader hangs", "app raises on")
    bound = 1000 * crowd.timeout + 1.2 * took + 20
    for name in broken:
        what = f"failures: {many}, {name}: ms until all others are answered, demanded"
        limit = f"{crowd.timeout:g} s + 1.2 T + 20"
        yield Claim(f"{what} {limit}", quickest(name), bound)
    once = max(case.burst.asked for name in broken[:2] for case in found[name])
    yield Claim(f"failures: {many}, leader raises or exits: requests that reach the app", once, 2)
    every = sum(len(found[name]) for name in broken)
    left = sum(case.flying for name in broken for case in found[name])
    yield Claim(f"failures: after {every} of these crowds: flights left", left, 0)


def returning_browsers(size: Size) -> Iterator[Claim]:
    """A request with conditions asks for the page like any other."""
    for clients in (20, size.returning):
        found = [conditions.returning(clients, stale=stale) for stale in (False, True)]
        at_once = f"conditions: {clients} at once who know the page, cold and stale"
        asked = max(one.asked for one in found)
        yield Claim(f"{at_once}: requests that reach the app", asked, 1)
        later = sum(one.later for one in found)
        yield Claim(f"{at_once}: requests that reach it later in the lifetime", later, 0)
        yield Claim(f"{at_once}: answers other than 304", sum(one.wrong for one in found), 0)


def reloads(size: Size) -> Iterator[Claim]:
    """However many clients reload a page, the app is asked once a second."""
    clients, seconds = 8, conditions.SECONDS
    what = f"reloads: {clients} clients reload ten times a second, for {seconds} s by a set clock"
    each = conditions.reloading(clients, ignored=False) / seconds
    yield Claim(f"{what}: requests that reach the app a second", each, 1)
    deaf = conditions.reloading(clients, ignored=True)  # The page lives longer than that.
    yield Claim(f"{what}, where a route ignores that: requests that reach it", deaf, 0)


# ── servers ──────────────────────────────────────────────────────────────────────────────────────


def endless_bodies(size: Size) -> Iterator[Claim]:
    """Streams pass as if there were no cache."""
    starts = [streams.streamed(size.streams, size.stream_bytes) for _ in range(size.starts)]
    told = f"{size.streams} streams of {size.stream_bytes // MIB} MiB over gunicorn"
    later, throughput = (
        statistics.median(values) for values in zip(*(one[:2] for one in starts), strict=True)
    )
    yield Claim("streams: events over gunicorn: ms that the first comes later", 1000 * later, 5)
    grown = max(one.grown for one in starts) / MIB
    yield Claim(f"streams: {told}: MiB that its process grows, at most", grown, 10)
    what = (
        f"streams: {told}: throughput, by that of the app alone, in the middle of {size.starts} "
        "starts"
    )
    yield Claim(what, throughput, 0.95, at_most=False)


def closed_bodies(size: Size) -> Iterator[Claim]:
    """Every body is closed once, and nobody complains of the cache or of what it is told."""
    present = [name for name in size.servers if bodies.is_installed(name)]
    share = size.mixed // len(present)
    found = [bodies.mixed(bodies.SERVERS[name](), share) for name in present]
    at = f"bodies: {share * len(found):,} mixed requests at {', '.join(present)}"
    opened = sum(one.opened for one in found)
    lost = sum(abs(one.opened - one.closed) for one in found)
    yield Claim(f"{at}: bodies not closed once, of {opened:,}", lost, 0)
    complaints = sum(one.complaints for one in found)
    said = "; ".join({one.first for one in found if one.first})
    what = f"{at}: complaints of wsgiref.validate{f' ({said})' if said else ''}"
    yield Claim(what, complaints, 0)
    heard = bodies.linted(share)
    what = f"bodies: {share:,} requests in process: complaints of LintMiddleware"
    yield Claim(f"{what} ({heard[0]})" if heard else what, len(heard), 0)


def stalled_readers(size: Size) -> Iterator[Claim | Figure]:
    """A client that stops reading keeps nobody waiting, and little memory."""
    many, page = stalling.OTHERS, f"a page of {stalling.PAGE // MIB} MiB"
    waiting, another = f"{many} others have {page}", "another page is there"
    wrong = 0
    asked: list[int] = []
    for server, readers in size.stopping:
        if not stalling.is_installed(server):
            continue
        threads = stalling.THREADS + readers - 1
        found, bare = stalling.beside(server, "cached", size.stops, readers)
        wrong += sum(one.wrong for one in found)
        asked += [one.asked for one in found]
        stop = f"stalled: {readers} stop on {page} at {server} with {threads} threads"
        took = statistics.median(one.seconds for one in found)
        yield Claim(f"{stop}: seconds until {many} others have it", took, stalling.LONGEST)
        later = statistics.median(one.other for one in found)
        later -= statistics.median(one.other for one in bare)
        what = "seconds by which another page comes later than without a cache"
        yield Claim(f"{stop}: {what}", later, stalling.LATER)
        if readers == 1:
            yield from _figures(f"the app alone on {server}", bare, waiting, another)
            yield from _figures(f"wsgicache on {server}", found, waiting, another)
    for name, there in stalling.at_peers(size.stops) if size.peers else ():
        yield from _figures(name, there, waiting, another)
    yield Claim("stalled: pages of the others that are not whole or mixed", wrong, 0)
    # Where the machine is busy, those who read look as if they had stopped.
    most = statistics.median_low(asked)
    yield Claim("stalled: requests of the others that reach the app, in the middle", most, 1)
    if stalling.is_installed("gevent"):
        bare_grown, grown = stalling.slow_readers("gevent", size.readers, 15 * MIB)
        what = f"{size.readers} stop in the middle of 15 MiB at gunicorn's gevent"
        said = "MiB that its process grows beyond what it does without a cache"
        yield Claim(f"stalled: {what}: {said}", (grown - bare_grown) / MIB, 64 + 64)


def _figures(name: str, found: Sequence[stalling.Crowd], *groups: str) -> Iterator[Figure]:
    for group, values in zip(groups, zip(*(one[:2] for one in found), strict=True), strict=True):
        yield Figure(f"one has stopped reading: until {group}", name, values, "s")


# ── processes ────────────────────────────────────────────────────────────────────────────────────


def forks_and_ends(size: Size) -> Iterator[Claim]:
    """No child hangs, and nothing that hangs keeps a server."""
    found = apart(processes.forked, size.forks)
    under = f"processes: {size.forks} forks under load"
    yield Claim(f"{under}: children or threads that hang", found.hung, 0)
    yield Claim(f"{under}: children that fail", found.failed, 0)
    grace = processes.GRACE
    what = f"processes: SIGTERM while a refresh hangs, gunicorn with {grace} s of grace"
    yield Claim(f"{what}: seconds to its end", processes.terminated(), grace + 1)


def apart(function: Callable[[int], T], size: int) -> T:
    """What *function* returns for *size* in a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, size).result()


# ── what one client asks for ────────────────────────────────────────────────────────────────────


def bounds(size: Size) -> Iterator[Claim]:
    """One client takes no room and no time from the others."""
    what = "rooms: 64 made-up hosts for a page a 64th of the store: % of 1,000 hot pages that go"
    yield Claim(what, stores.evicted(size.smaller), 5)
    count = size.long_requests
    what = f"rooms: {count:,} Hosts and queries of 250,000 characters: MiB that stay"
    yield Claim(what, stores.remembered(count), 1)
    yield Claim("fields: 60 KB in any field: ms of the request", stores.longest_field(), 25)
    for many in stores.among_variants(size.hits):
        told = f"{many.one:.0f} µs alone"
        what = f"variants: a hit among 64 of 4 KiB in {many.server}, by one alone ({told})"
        yield Claim(what, many.among / many.one, 1.3)
    yield Claim("trips: a stored miss on memcached: round trips", stores.trips(20), 3)
    if (large := stores.large_page(size.hits)) is not None:
        hit, bare = large
        what = (
            f"large: 12 MB from the store over waitress, by those without a cache ({bare:.0f} ms)"
        )
        yield Claim(what, hit / bare, 1.25)


# ── all ───────────────────────────────────────────────────────────────────────────────────────

FAULTS = (
    others_pages,
    crowds,
    returning_browsers,
    reloads,
    one_time_urls,
    endless_bodies,
    closed_bodies,
    stalled_readers,
    forks_and_ends,
    bounds,
    clock_steps,
)


@click.command()
@click.option("--quick", is_flag=True, help="A few of each: a first impression.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def faults(quick: bool, output: Path | None) -> None:
    """Break things around the cache; count what reaches a client, time what waits."""
    size = QUICK if quick else FULL
    claims: list[Claim] = []
    figures: list[Figure] = []
    failed: list[str] = []
    for fault in FAULTS:
        try:
            found = list(fault(size))
        except (ServerFailed, RuntimeError, OSError) as error:
            failed.append(f"{fault.__name__}: {error}")
            continue
        measured = sorted(
            (one for one in found if isinstance(one, Figure)), key=lambda one: one.group
        )
        said = [one for one in found if isinstance(one, Claim)]
        show("faults", measured, said)
        claims += said
        figures += measured
    if output is not None:
        data = json.dumps({"faults": as_data(figures, claims)}, indent=1, ensure_ascii=False)
        output.write_text(data + "\n", "utf-8")
    if failed:
        raise click.ClickException("not measured:\n  " + "\n  ".join(failed))
