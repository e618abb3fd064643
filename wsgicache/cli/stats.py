"""The command that shows how a cache is doing: ``wsgicache stats``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsgicache.cli.store import opened, secret_option
from wsgicache.cli.terminal import say, visible
from wsgicache.observe.table import routes
from wsgicache.purging import number_of

__all__ = ["NOTHING_YET", "lacking", "stats"]

if TYPE_CHECKING:
    from wsgicache.observe.stats import Stats

_NO_COUNTERS = (
    "no counters: write CacheMiddleware(app, counters=DIR), and --counters DIR here, to see what "
    "the cache has done"
)
NOTHING_YET = "no process has counted here yet"
_APP = re.compile(r"[\w.]+:[\w.]+(?:\(\))?")
_MOST = 10
"""Routes and URLs that are shown, the most frequent ones."""


@click.command()
@click.option(
    "--store",
    "address",
    metavar="URL",
    envvar="WSGICACHE_STORE",
    help="lmdb:///directory, memcached://host:port/namespace …; also in WSGICACHE_STORE.",
)
@secret_option
@click.option(
    "--counters",
    "folder",
    metavar="DIR",
    envvar="WSGICACHE_COUNTERS",
    help="The folder in which the processes count, if that is not beside an lmdb:// store; also in "
    "WSGICACHE_COUNTERS.",
)
@click.option("--server", is_flag=True, help="Show what the servers of the store say, too.")
@click.option("--json", "as_json", is_flag=True, help="Print what was counted as JSON.")
def stats(
    address: str | None, secret_file: Path | None, folder: str | None, server: bool, as_json: bool
) -> None:
    """Show what all processes of a cache have counted.

    Without a folder of counters it shows what the servers of the store say. Exits with 1 if a
    server of the store does not answer, or if there is no folder of counters.
    """
    from wsgicache.operating import counted

    nodes: dict[str, dict[str, object]] = {}
    if address is not None:
        with opened(address, secret_file) as store:
            found = counted(store, folder)
            nodes = getattr(store, "stats", dict)()
    elif folder is None:
        context = click.get_current_context()
        (param,) = (one for one in context.command.params if one.name == "address")
        raise click.MissingParameter("Either this or --counters is needed.", context, param)
    elif (found := counted(None, folder)) is None:
        raise click.ClickException(lacking(folder))
    if as_json:
        say(json.dumps({} if found is None else found.as_json()))
    else:
        for line in () if found is None else sentences(found):
            say(line)
        for name, figures in nodes.items():
            if server or found is None or "error" in figures:
                say(name)
                for figure, value in figures.items():
                    say(f"  {figure}: {value}")
        if found is None:
            say(_NO_COUNTERS)
    if any("error" in figures for figures in nodes.values()):
        raise SystemExit(1)


def lacking(place: str) -> str:
    """Return why there are no counters at *place*, and which place has them."""
    shown = visible(place)
    name = "Name the folder that CacheMiddleware(app, counters=DIR) has"
    if "://" in place:
        return f"{shown} has no folder of counters beside it. {name}"
    name += ", or the lmdb:// store beside which the processes count"
    if _APP.fullmatch(place):
        return f"{shown} is an application, and its processes count in a folder. {name}"
    return f"there is no folder {shown}. {name}"


def sentences(stats: Stats) -> Iterator[str]:
    """Yield what *stats* say, line by line."""
    if not stats.processes and not stats.count:
        yield NOTHING_YET
        return
    yield (
        f"{number_of('request', stats.count)}, {stats.hit_ratio:.1%} hits; the application took "
        f"{stats.spent_seconds:.1f} s, hits saved it {stats.saved_seconds:.1f} s"
    )
    for rate in stats.rates:
        yield (
            f"  in the last {rate.seconds} s: {rate.requests:.1f} requests/s, "
            f"{rate.hit_ratio:.0%} hits, saved {60 * rate.saved_seconds:.1f} s a minute"
        )
    yield (
        f"  content: {stats.stored_bytes} bytes by the cache, "
        f"{stats.application_bytes} bytes by the application"
    )
    yield (
        f"  {stats.stale} stale, {stats.collapsed} collapsed, {stats.validations} background "
        f"validations ({stats.validation_failures} failed), {stats.store_errors} store errors"
    )
    for kind, count in stats.purges.items():
        yield f"  purges ({kind}): {count}"
    held = stats.store
    sizes = {"entries": held.entries, "bytes": held.bytes, "of": held.budget}
    sizes |= {"widest": held.widest, "evicted": held.evictions, "of them unused": held.unused}
    yield f"  {number_of('process', stats.processes)} now; the store: " + (
        ", ".join(f"{name} {size}" for name, size in sizes.items() if size is not None)
        or "does not say what it holds"
    )
    yield "by route:"
    for row in routes(stats)[:_MOST]:
        said = f"{number_of('request', row.count)}, {row.hit_ratio:.0%} hits"
        if row.call_seconds is not None:
            said += f", {1000 * row.call_seconds:.0f} ms of the application"
        if row.against is not None:
            said += f", most often for {row.against}"
        if row.evicted is not None:
            said += f", {number_of('variant', row.variants or 0)} at most, {row.evicted} evicted"
        yield f"  {row.route}: {said}"
    if stats.asked:
        yield "the application is asked most often for:"
    for asked in stats.asked[:_MOST]:
        why = asked.detail or asked.outcome
        yield f"  {asked.url}: {number_of('time', asked.count)}, {asked.forward}, {why}"
