"""The command that shows live how each route is doing: ``wsgicache top``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from wsgicache.cli.stats import NOTHING_YET, lacking
from wsgicache.cli.store import opened, secret_option
from wsgicache.cli.terminal import cells, keys, say, written
from wsgicache.observe.stats import SPANS, Stats
from wsgicache.observe.table import RouteRow, routes
from wsgicache.purging import number_of

__all__ = ["drawn", "top"]

if TYPE_CHECKING:
    from rich.console import RenderableType

Value = str | float | None

_LONGEST = 80
"""Most characters of a text, such as a route that a client has made up."""


class Column(NamedTuple):
    """What one column shows, and how."""

    heading: str
    value: Callable[[RouteRow], Value]
    form: Callable[[Any], str] = str
    """How a number is written."""
    is_smallest_first: bool = False
    """Whether to sort by it is to see the smallest first."""

    def text(self, row: RouteRow) -> str:
        """Return what it shows of *row*, without characters that control a terminal."""
        value = self.value(row)
        text = "-" if value is None else written(self.form(value))
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _in_window(place: int) -> Callable[[RouteRow], Value]:
    """Return what tells the hit ratio in the window at that *place*."""
    return lambda row: row.hit_ratios[place] if row.hit_ratios else None


def _size(number: float) -> str:
    """Return a *number* of bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


COLUMNS = {
    "route": Column("route", lambda row: row.route, is_smallest_first=True),
    "requests": Column("req/s", lambda row: row.requests, "{:.1f}".format),
    **{
        f"hits-{span}": Column(
            f"{'' if place else 'hit% '}{span}s", _in_window(place), "{:.0%}".format, True
        )
        for place, span in enumerate(SPANS)
    },
    "hits": Column("all", lambda row: row.hit_ratio, "{:.0%}".format, True),
    "app": Column(
        "app ms", lambda row: row.call_seconds and 1000 * row.call_seconds, "{:.1f}".format
    ),
    "saved": Column("saved s/min", lambda row: row.saved_a_minute, "{:.1f}".format),
    "bytes": Column("bytes", lambda row: row.stored_bytes, _size),
    "stale": Column("stale", lambda row: row.stale),
    "collapsed": Column("collapsed", lambda row: row.collapsed),
    "variants": Column("variants", lambda row: row.variants),
    "evicted": Column("evicted", lambda row: row.evicted),
    "count": Column("count", lambda row: row.count),
    "against": Column("mostly against", lambda row: row.against, is_smallest_first=True),
}
"""The columns by their names, by which rows are sorted."""
_TEXTS = ("route", "against")
"""Columns of text; the others are numbers, at the right of their columns."""
_FIRST_TO_GO = tuple(
    "evicted variants count collapsed stale bytes hits hits-1000 saved hits-100 against app".split()
)
"""Columns that a narrow terminal does not show."""
_ROUTE = 20
"""Most cells of a route for which other columns go."""
_BETWEEN = 2
"""Spaces between two columns."""


@click.command()
@click.argument("place", metavar="DIR|URL", envvar="WSGICACHE_COUNTERS")
@secret_option
@click.option(
    "--sort",
    type=click.Choice(list(COLUMNS)),
    default="requests",
    show_default=True,
    help="The column by which rows are sorted: numbers from the largest, hit ratios from the "
    "smallest.",
)
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Look once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line for each look.")
def top(
    place: str, secret_file: Path | None, sort: str, interval: float, once: bool, as_json: bool
) -> None:
    """Show live how each route is doing.

    Ctrl+C or q ends it, and < and > sort by another column. DIR is the folder in which the
    processes count. URL is that of an lmdb:// store, beside which they count by default. In a
    terminal this needs wsgicache[cli]; without it, or into a pipe, it prints plain lines. Exits
    with 1 if there is no folder of counters.
    """
    from wsgicache.operating import counted

    with opened(place, secret_file, "URL") if "://" in place else nullcontext() as store:

        def look() -> Stats:
            found = counted(store, None if store is not None else place)
            if found is None:
                raise click.ClickException(lacking(place))
            return found

        with suppress(KeyboardInterrupt):
            if not (once or as_json) and _can_draw():
                _live(look, sort, interval)
                return
            while True:
                stats = look()
                for line in [json.dumps(told(stats, sort))] if as_json else plain(stats, sort):
                    say(line)
                if once:
                    return
                sys.stdout.flush()
                time.sleep(interval)


# ── what is shown ──────────────────────────────────────────────────────────────────────────────


def ranked(stats: Stats, sort: str) -> list[RouteRow]:
    """Return the rows of *stats*, sorted by that column; rows without a value there come last."""
    column = COLUMNS[sort]
    known: list[tuple[Any, RouteRow]] = []
    unknown: list[RouteRow] = []
    for row in routes(stats):
        value = column.value(row)
        if value is None:
            unknown.append(row)
        else:
            known.append((value, row))
    known.sort(key=lambda one: one[0], reverse=not column.is_smallest_first)
    return [row for _, row in known] + unknown


def told(stats: Stats, sort: str) -> dict[str, Any]:
    """Return what JSON has: the totals, and the rows of all routes."""
    said = stats.as_json()
    names = ("count", "hit_ratio", "saved_seconds", "spent_seconds", "stale", "collapsed")
    rows = [asdict(row) | {"hit_ratio": row.hit_ratio} for row in ranked(stats, sort)]
    return {name: said[name] for name in (*names, "processes", "store")} | {"routes": rows}


def headline(stats: Stats) -> str:
    """Return the totals of *stats*."""
    if not stats.processes and not stats.count:
        return NOTHING_YET
    held = stats.store
    counts = {"widest": held.widest, "evicted": held.evictions, "of them unused": held.unused}
    counts["processes"] = stats.processes
    of = f" of {_size(held.budget)}" if held.budget else ""
    return ", ".join(
        [
            number_of("request", stats.count),
            f"{stats.hit_ratio:.1%} hits",
            f"{stats.saved_seconds:.1f} s saved",
            "entries unknown" if held.entries is None else f"{held.entries} entries",
            *([] if held.bytes is None else [_size(held.bytes) + of]),
            *[f"{name} {number}" for name, number in counts.items() if number is not None],
        ]
    )


def plain(stats: Stats, sort: str) -> Iterator[str]:
    """Yield the lines of the table."""
    yield headline(stats)
    rows = ranked(stats, sort)
    widths = _widths(rows)
    yield _aligned([column.heading for column in COLUMNS.values()], widths)
    for row in rows:
        yield _aligned([column.text(row) for column in COLUMNS.values()], widths)


def _widths(rows: Sequence[RouteRow]) -> dict[str, int]:
    """Return how wide each column is."""
    return {
        name: max(len(column.heading), *(cells(column.text(row)) for row in rows), 0)
        for name, column in COLUMNS.items()
    }


def _aligned(texts: Sequence[str], widths: Mapping[str, int]) -> str:
    """Return the *texts* of one line, each as wide as its column."""
    shown: list[str] = []
    for text, (name, width) in zip(texts, widths.items(), strict=True):
        rest = (width - cells(text)) * " "
        shown.append(text + rest if name in _TEXTS else rest + text)
    return (_BETWEEN * " ").join(shown).rstrip()


def fitting(rows: Sequence[RouteRow], sort: str, width: int) -> dict[str, int]:
    """Return the columns that a terminal of that *width* shows, always the one sorted by.

    Each has its own width. A route that is long, since a client has made it up, is cut off.
    """
    widths = _widths(rows)
    route, widths["route"] = widths["route"], min(widths["route"], _ROUTE)

    def left() -> int:
        return width - sum(widths.values()) - _BETWEEN * (len(widths) - 1)

    for name in _FIRST_TO_GO:
        if left() >= 0:
            break
        if name != sort:
            del widths[name]
    widths["route"] = max(min(route, widths["route"] + left()), len(COLUMNS["route"].heading))
    return widths


# ── in a terminal ──────────────────────────────────────────────────────────────────────────────


def _can_draw() -> bool:
    """Return whether this is a terminal that can show a table in place, and rich is installed."""
    is_utf = sys.stdout.encoding.lower().startswith("utf")
    is_dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return sys.stdout.isatty() and is_utf and not is_dumb and find_spec("rich") is not None


def _live(look: Callable[[], Stats], sort: str, interval: float) -> None:
    """Show the table in place of what the terminal shows, until the key q or Ctrl+C."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    with Live(screen=True, auto_refresh=False) as live, keys() as pressed:
        while True:
            hint = Text(f"sorted by {sort}: < and > change that, q ends", style="dim")
            width, height = live.console.size
            stats = look()
            # Its heading, a line with the headings, and the keys; lines break at words.
            taken = sum(1 + len(text) // max(width - 12, 1) for text in (headline(stats), hint)) + 1
            live.update(Group(drawn(stats, sort, width, height - taken), hint), refresh=True)
            key = pressed(interval)
            if key in _ENDING:
                return
            sort = sorted_next(sort, key)


_ENDING = ("q", "Q")
_MOVES = {"<": -1, "\x1b[D": -1, ">": 1, "\x1b[C": 1}
"""Keys that sort by a column to the left or right: < and >, and the arrows."""


def sorted_next(sort: str, key: str) -> str:
    """Return the column to sort by after that *key*, where it was *sort*."""
    names = list(COLUMNS)
    return names[(names.index(sort) + _MOVES.get(key, 0)) % len(names)]


def drawn(stats: Stats, sort: str, width: int, most: int | None = None) -> RenderableType:
    """Return the table for a terminal of that *width*, *most* rows of it. Texts are no markup."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = ranked(stats, sort)[: None if most is None else max(most, 1)]
    shown = fitting(rows, sort, width)
    table = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0), header_style="bold")
    for name in shown:
        heading = Text(COLUMNS[name].heading, style="reverse" if name == sort else "")
        side: Literal["left", "right"] = "left" if name in _TEXTS else "right"
        table.add_column(heading, justify=side, no_wrap=True, width=shown[name])
    for row in rows:
        table.add_row(*[Text(COLUMNS[name].text(row)) for name in shown])
    return Group(Text(headline(stats), style="bold"), table)
