"""Calling an application in process as a server does, and timing that beside the constant one.

Every scenario is timed through the same caller, each time right after the constant application,
with the garbage collector off, in processor time. Ratios and differences are those of neighbours,
so that a machine that slows down for a second slows both sides.
"""

from __future__ import annotations

import gc
import io
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import thread_time
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from benchmarks.results import Figure

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ETAG = '"7c211433f02071597741e6ff5a8ea34789abbf43"'

# ── applications and requests ─────────────────────────────────────────────────────────────────


def content(length: int) -> bytes:
    """So many bytes of a page."""
    return b"<!doctype html>".ljust(length, b".")


def fields(
    length: int, cache_control: str = "max-age=3600", vary: str = "Accept-Encoding"
) -> tuple[tuple[str, str], ...]:
    """What a page of *length* bytes says."""
    return (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(length)),
        ("Vary", vary),
        ("ETag", ETAG),
        ("Cache-Control", cache_control),
    )


def constantly(
    length: int, cache_control: str = "max-age=3600", vary: str = "Accept-Encoding"
) -> WSGIApplication:
    """The same with other bytes and other words."""
    page, lines = content(length), fields(length, cache_control, vary)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [*lines])
        return [page]

    return app


LENGTH = 2048
"""Bytes of the page that everything is compared with."""
PAGE = content(LENGTH)
CACHEABLE = fields(LENGTH)


def constant(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """2 KiB that never change, as cheap as an application can be."""
    start_response("200 OK", [*CACHEABLE])
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


def observed(app: WSGIApplication, base: WSGIEnvironment) -> tuple[str, int, str]:
    """Call *app*: status, length and Cache-Status, which may be empty, of what it answers."""
    told: list[str] = []

    def observing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, fields: Any, exc_info: Any = None) -> Any:
            told.extend(value for name, value in fields if name == "Cache-Status")
            return start_response(status, fields)

        return app(environ, start)

    return *call(observing, base), "".join(told)


def timed(app: WSGIApplication, bases: Sequence[WSGIEnvironment]) -> float:
    """Processor seconds per request, over one call for each of *bases*; none of them waits."""
    began = thread_time()
    for base in bases:
        call(app, base)
    return (thread_time() - began) / len(bases)


# ── scenarios ─────────────────────────────────────────────────────────────────────────────────

Prepared = tuple["WSGIApplication", Sequence["WSGIEnvironment"]]


class Scenario(NamedTuple):
    """What is timed: *prepare* makes, for a number of calls, the application and the requests.

    *status*, *length* and *outcome* (in Cache-Status) are what every one of them must answer.
    """

    name: str
    prepare: Callable[[int], Prepared]
    status: str = "200 OK"
    length: int = LENGTH
    outcome: str = "hit"
    group: str = ""
    share: int = 1
    """What is slow is called once where the others are called so many times."""

    @property
    def key(self) -> tuple[str, str]:
        """What it is found by."""
        return self.group, self.name


def again(app: WSGIApplication, *bases: WSGIEnvironment) -> Callable[[int], Prepared]:
    """The same requests again and again, in turn."""
    return lambda calls: (app, ([*bases] * (calls // len(bases) + 1))[:calls])


def verify(scenario: Scenario) -> None:
    """Make sure that a scenario does what it is named for. Raises ClickException."""
    app, bases = scenario.prepare(max(64 // scenario.share, 1))
    for base in bases:
        _verify(scenario, app, base)


def _verify(scenario: Scenario, app: WSGIApplication, base: WSGIEnvironment) -> None:
    status, length, told = observed(app, base)
    if (status, length) != (scenario.status, scenario.length) or scenario.outcome not in told:
        raise click.ClickException(
            f"scenario {scenario.name}: {status} with {length} bytes and "
            f"Cache-Status: {told or '(none)'} is not what it is to measure"
        )


def verified(cases: Iterable[Scenario], groups: Sequence[str]) -> list[Scenario]:
    """All *cases* in the order of their *groups*; each does what it is named for. Raises
    ClickException."""
    ordered = sorted(cases, key=lambda case: groups.index(case.group))
    for case in ordered:
        verify(case)
    return ordered


# ── measuring ─────────────────────────────────────────────────────────────────────────────────


class Spread(NamedTuple):
    """The quartiles of a sample."""

    low: float
    median: float
    high: float


def spread(sample: Sequence[float]) -> Spread:
    """The quartiles of *sample*, of two values or more."""
    return Spread(*statistics.quantiles(sample, n=4, method="inclusive"))


class Sample(NamedTuple):
    """Microseconds per request of a scenario and, right before it, of the constant application;
    one of each per round."""

    microseconds: list[float]
    constant: list[float]

    @property
    def times(self) -> tuple[float, ...]:
        """How many times the constant application's cost, round by round."""
        return tuple(map(float.__truediv__, self.microseconds, self.constant))


@contextmanager
def without_collector() -> Iterator[None]:
    """The garbage collector runs only when asked, and does not look at what is there now."""
    collecting = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        (gc.enable if collecting else gc.disable)()


Samples = dict[tuple[str, str], Sample]


def measure(cases: Sequence[Scenario], rounds: int, calls: int) -> Samples:
    """Time *cases* in turn, *rounds* times, each right after the constant application."""
    samples = {case.key: Sample([], []) for case in cases}
    plain = [environ()] * calls
    with without_collector(), progress(rounds + 1) as step:
        for number in range(rounds + 1):
            gc.collect()  # which cools what comes next
            timed(*cases[0].prepare(max(calls // cases[0].share // 5, 1)))
            for case in cases:
                timed(constant, plain[: calls // 5])  # what ran before has cooled the caller
                before = timed(constant, plain)
                seconds = timed(*case.prepare(max(calls // case.share, 1)))
                if number:  # the first round warms up
                    samples[case.key].microseconds.append(seconds * 1e6)
                    samples[case.key].constant.append(before * 1e6)
            step()
    return samples


@contextmanager
def progress(steps: int, label: str = "measuring") -> Iterator[Callable[[], None]]:
    """A bar on standard error, where that is a terminal; what it yields takes one step."""
    with click.progressbar(
        length=steps, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        yield lambda: bar.update(1)


def compared(cases: Sequence[Scenario], samples: Samples) -> list[Figure]:
    """What each of *cases* costs, as times of the constant application's cost."""
    return [
        Figure(
            case.group,
            case.name,
            samples[case.key].times,
            "× constant app",
            f"{statistics.median(samples[case.key].microseconds):.2f} µs",
        )
        for case in cases
    ]


def median(sample: Sample) -> float:
    """How many times the constant application's cost, in the middle of the rounds."""
    return statistics.median(sample.times)


def ratio(one: Sample, other: Sample) -> float:
    """How many times the cost of *other*, in the middle of the rounds; each by its neighbour."""
    return statistics.median(map(float.__truediv__, one.times, other.times))
