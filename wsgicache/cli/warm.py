"""The command that fills a store before visitors come: ``wsgicache warm``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, TextIO

import click

from wsgicache.cli.loading import Refusal, located
from wsgicache.cli.store import store_of
from wsgicache.cli.terminal import say, visible
from wsgicache.cli.why import field, imported, origin_option, with_store
from wsgicache.why.layers import own_cache

__all__ = ["warm"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from wsgicache import CacheMiddleware
    from wsgicache.warming import Warmed

_IN_MEMORY = (
    "the pages would be in the memory of this process, which ends: use a store that processes "
    "share, such as --store lmdb:///var/cache/myapp"
)


@click.command()
@click.argument("target", metavar="MODULE:APP")
@click.argument("paths", metavar="[PATH …]", nargs=-1)
@click.option(
    "--sitemap", "sitemaps", metavar="URL|FILE", multiple=True, help="A sitemap; may be repeated."
)
@click.option("--urls", type=click.File(), help="A file of paths or URLs, one a line.")
@origin_option
@click.option(
    "-H",
    "fields",
    metavar="'NAME: VALUE'",
    multiple=True,
    help="A field of each request; may be repeated.",
)
@click.option(
    "--variant",
    "variants",
    metavar="'NAME: VALUE'",
    multiple=True,
    help="Ask once with this field; several are on lines of their own. May be repeated.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Requests at the same time.",
)
@click.option(
    "--store",
    "address",
    metavar="URL",
    help="Fill this store, in place of that of the application.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def warm(
    target: str | WSGIApplication,
    paths: tuple[str, ...],
    sitemaps: tuple[str, ...],
    urls: TextIO | None,
    origin: str,
    fields: tuple[str, ...],
    variants: tuple[str, ...],
    jobs: int,
    address: str | None,
    as_json: bool,
) -> None:
    """Store pages before visitors ask for them.

    The application is asked for each. The requests go through the cache, within this process. A
    sitemap at a URL is asked of the application, too. The store is that of the application, or
    --store; processes must share it. Exits with 1 where the application or the store fails, and
    with 2 where there is nothing to do.
    """
    from wsgicache.warming import warm as warmed

    cache = _cache(target, address)
    every = [field(one) for one in fields]
    asking = [
        dict([*every, *(field(line, "--variant") for line in one.splitlines())]) for one in variants
    ] or [dict(every)]
    known = [*paths, *(line.strip() for line in urls or ())]
    with redirect_stdout(sys.stderr):  # nothing that the application prints may stand beside JSON
        for one in sitemaps:
            known += _listed(cache, one, origin)
        wanted = [origin + one if one[:1] == "/" else one for one in known if one]
        if not wanted:
            raise Refusal("there is no URL: name paths, --sitemap or --urls")
        with _shown(len(set(wanted)) * len(asking)) as progress:
            try:
                done = warmed(cache, wanted, variants=asking, jobs=jobs, progress=progress)
            except ValueError as error:
                raise Refusal(visible(str(error))) from None
    if as_json:
        click.echo(json.dumps(done.as_json(), indent=2))
    else:
        for line in done.lines():
            say(line)
    if done.failed:
        raise SystemExit(1)


def _listed(cache: CacheMiddleware, source: str, origin: str) -> list[str]:
    """Return the URLs in the sitemap *source*: a file, a URL, or a path of the application."""
    from wsgicache.warming import SitemapError, sitemap

    if source[:1] == "/" and not os.path.exists(source):
        source = origin + source
    with located(f"reading {source}"):
        try:
            return sitemap(cache, source)
        except OSError as error:
            raise Refusal(visible(f"{source}: {error.strerror}")) from None
        except SitemapError as error:
            raise Refusal(visible(f"{source}: {str(error).removeprefix(f'{source}: ')}")) from None


def _cache(target: str | WSGIApplication, address: str | None) -> CacheMiddleware:
    """Return the cache to fill: of the application *target*, and with the store at *address*."""
    from wsgicache import MemoryStore

    app = imported(target)
    own = own_cache(app)
    if address is None:
        if own is None or isinstance(own.store, MemoryStore):
            raise Refusal(_IN_MEMORY)
        return own
    store = store_of(address, new=True)
    if isinstance(store, MemoryStore):
        raise Refusal(_IN_MEMORY)
    return with_store(app, own, store)


@contextmanager
def _shown(total: int) -> Iterator[Callable[[Warmed], object]]:
    """Show the progress on a terminal: as a bar where rich is installed, else as lines."""
    if not sys.stderr.isatty():
        yield lambda one: None
        return
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda one: click.echo(f"{one.outcome} {visible(one.url)}", err=True)
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("warming", total=total)
        yield lambda one: bar.advance(task)
