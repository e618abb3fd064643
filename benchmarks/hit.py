"""What a request costs in process: through the cache, and the constant application itself.

Every scenario is timed through the same caller, each time right after the constant application,
with the garbage collector off, in processor time. Ratios and differences are those of neighbours,
so that a machine that slows down for a second slows both sides.
"""

from __future__ import annotations

import gc
import io
import json
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import thread_time
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from wsgicache import CacheMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PAGE = b"<!doctype html>".ljust(2048, b".")
ETAG = '"7c211433f02071597741e6ff5a8ea34789abbf43"'
UNCACHEABLE = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(PAGE))),
    ("Vary", "Accept-Encoding"),
    ("ETag", ETAG),
    ("Cache-Control", "no-store"),
)
CACHEABLE = (*UNCACHEABLE[:-1], ("Cache-Control", "max-age=3600"))

# ── applications and requests ─────────────────────────────────────────────────────────────────


def constant(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A page that never changes, as cheap as an application can be."""
    start_response("200 OK", [*CACHEABLE])
    return [PAGE]


def uncacheable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The same page, never to be stored."""
    start_response("200 OK", [*UNCACHEABLE])
    return [PAGE]


def environ(path: str = "/articles/42", **changes: str) -> WSGIEnvironment:
    """The 25 keys that gunicorn makes of a browser's request."""
    return {
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": iter,
        "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "http",
        "SERVER_SOFTWARE": "gunicorn/23.0.0",
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "page=2",
        "RAW_URI": f"{path}?page=2",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "52304",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "HTTP_HOST": "www.example.com",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
        **changes,
    }


def call(app: WSGIApplication, base: WSGIEnvironment) -> tuple[str, int]:
    """Call *app* as a server does: status and length of what it answers."""
    statuses: list[str] = []
    written: list[bytes] = []

    def start_response(status: str, fields: Any, exc_info: Any = None) -> Callable[[bytes], Any]:
        statuses.append(status)
        return written.append

    body = app(dict(base), start_response)
    length = 0
    for chunk in body:
        length += len(chunk)
    close = getattr(body, "close", None)
    if close is not None:
        close()
    return statuses[0], length


def timed(app: WSGIApplication, bases: Sequence[WSGIEnvironment]) -> float:
    """Processor seconds per request, over one call for each of *bases*; none of them waits."""
    began = thread_time()
    for base in bases:
        call(app, base)
    return (thread_time() - began) / len(bases)


# ── scenarios ─────────────────────────────────────────────────────────────────────────────────


class Scenario(NamedTuple):
    """What is timed: *prepare* makes, for a number of calls, the application and the requests.

    *status*, *length* and *outcome* (in Cache-Status) are what every one of them must answer.
    """

    name: str
    prepare: Callable[[int], tuple[WSGIApplication, Sequence[WSGIEnvironment]]]
    status: str = "200 OK"
    length: int = len(PAGE)
    outcome: str = "hit"


def warm(base: WSGIEnvironment) -> Callable[[int], tuple[WSGIApplication, list[WSGIEnvironment]]]:
    """The same request again and again, to a cache that has the page."""
    app = CacheMiddleware(constant)
    call(app, environ())
    return lambda calls: (app, [base] * calls)


def cold(calls: int) -> tuple[WSGIApplication, list[WSGIEnvironment]]:
    """Every request a URL of its own, to an empty cache."""
    return CacheMiddleware(constant), [environ(f"/articles/{number}") for number in range(calls)]


def scenarios() -> list[Scenario]:
    """What a first look at the cache asks; the constant application first."""
    through, plain = CacheMiddleware(uncacheable), environ()
    return [
        Scenario("constant app", lambda calls: (constant, [plain] * calls), outcome=""),
        Scenario("hit", warm(plain)),
        Scenario("304", warm(environ(HTTP_IF_NONE_MATCH=ETAG)), "304 Not Modified", 0),
        Scenario("HEAD", warm(environ(REQUEST_METHOD="HEAD")), length=0),
        Scenario("miss, stored", cold, outcome="stored"),
        Scenario(
            "uncacheable", lambda calls: (through, [plain] * calls), outcome="detail=no-store"
        ),
    ]


def verify(scenario: Scenario) -> None:
    """Make sure that a scenario does what it is named for. Raises ClickException."""
    app, (base,) = scenario.prepare(1)
    statuses: list[str] = []

    def observed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, fields: Any, exc_info: Any = None) -> Any:
            statuses.extend(value for name, value in fields if name == "Cache-Status")
            return start_response(status, fields)

        return app(environ, start)

    answered = call(observed, base)
    cache_status = "".join(statuses)
    if answered != (scenario.status, scenario.length) or scenario.outcome not in cache_status:
        raise click.ClickException(
            f"scenario {scenario.name}: {answered[0]} with {answered[1]} bytes and "
            f"Cache-Status: {cache_status or '(none)'} is not what it is to measure"
        )


# ── measuring ─────────────────────────────────────────────────────────────────────────────────


class Spread(NamedTuple):
    """The quartiles of a sample."""

    low: float
    median: float
    high: float


def spread(sample: Sequence[float]) -> Spread:
    """The quartiles of *sample*, of two values or more."""
    return Spread(*statistics.quantiles(sample, n=4, method="inclusive"))


class Figures(NamedTuple):
    """Microseconds per request, those that the constant app does not need, and the ratio to it."""

    microseconds: Spread
    own: Spread
    ratio: Spread


def measure(
    cases: Sequence[Scenario], rounds: int, calls: int, progress: Callable[[int], None]
) -> dict[str, Figures]:
    """Time *cases* in turn, *rounds* times, each right after the first of them."""
    pairs: dict[str, list[tuple[float, float]]] = {case.name: [] for case in cases}
    collecting = gc.isenabled()
    try:
        for done in range(rounds + 1):
            gc.collect()
            gc.disable()
            for case in cases:
                timed(*cases[0].prepare(calls // 5))  # what ran before has cooled the caller
                before = timed(*cases[0].prepare(calls))
                seconds = timed(*case.prepare(calls))
                if done:  # the first round warms up
                    pairs[case.name].append((seconds * 1e6, before * 1e6))
            gc.enable()
            progress(done)
    finally:
        (gc.enable if collecting else gc.disable)()
    return {
        name: Figures(
            spread([time for time, _ in sample]),
            spread([time - before for time, before in sample]),
            spread([time / before for time, before in sample]),
        )
        for name, sample in pairs.items()
    }


def table(figures: dict[str, Figures]) -> list[str]:
    """The figures for people: median, and the quartiles in brackets."""

    def cell(value: Spread) -> str:
        return f"{value.median:8.2f} [{value.low:.2f}–{value.high:.2f}]"

    heads = ("µs", "µs of its own", "times the constant app")
    lines = [f"{'':14}" + "".join(f"{head:>26}" for head in heads)]
    for name, row in figures.items():
        lines.append(f"{name:14}" + "".join(f"{cell(value):>26}" for value in row))
    return lines


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds: a first impression.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def hit(quick: bool, output: Path | None) -> None:
    """Time hits, 304s, HEAD, misses and what is not cacheable, in process."""
    rounds, calls = (9, 200) if quick else (101, 500)
    cases = scenarios()
    for case in cases:
        verify(case)

    def progress(done: int) -> None:
        if sys.stderr.isatty():
            end = "\r\033[K" if done == rounds else ""
            click.echo(f"\rround {done} of {rounds}{end}", nl=False, err=True)

    figures = measure(cases, rounds, calls, progress)
    click.echo("\n".join(table(figures)))
    click.echo(f"Medians and quartiles of {rounds} rounds of {calls} requests, interleaved.")
    if output is not None:
        rows = {
            name: {field: value._asdict() for field, value in row._asdict().items()}
            for name, row in figures.items()
        }
        data = {"benchmark": "hit", "rounds": rounds, "calls": calls, "scenarios": rows}
        output.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
