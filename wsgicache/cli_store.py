"""The commands that look into a store and purge it: ``wsgicache purge|stats|inspect``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsgicache.clock import SYSTEM_CLOCK
from wsgicache.rules.model import NEVER, StoredResponse

if TYPE_CHECKING:
    from wsgicache.purge import Purged
    from wsgicache.stores import Store

store_option = click.option(
    "--store",
    "address",
    metavar="URL",
    required=True,
    envvar="WSGICACHE_STORE",
    help="memcached://host:port/namespace, redis://host:port/0?namespace=… or file:///directory; "
    "also in WSGICACHE_STORE.",
)
secret_option = click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the secret of a store whose records are signed.",
)


@click.command()
@store_option
@secret_option
@click.option("--url", help="Purge all that is stored for this URL.")
@click.option("--group", "groups", multiple=True, help="Purge a group; may be repeated.")
@click.option("--prefix", metavar="URL", help="Purge all URLs that begin so (not on memcached).")
@click.option("--all", "everything", is_flag=True, help="Purge everything.")
@click.option("--soft", is_flag=True, help="Make stale instead: it may still stand in.")
@click.option("--both-schemes", is_flag=True, help="With --url: the one with http and with https.")
@click.option("--origin", metavar="URL", help="With --group: of this origin only.")
def purge(
    address: str,
    secret_file: Path | None,
    url: str | None,
    groups: tuple[str, ...],
    prefix: str | None,
    everything: bool,
    soft: bool,
    both_schemes: bool,
    origin: str | None,
) -> None:
    """Purge what a store holds; processes that share it see that within a second.

    Exits with 1 where not everything could be reached.
    """
    from wsgicache.purge import Purging

    if sum(map(bool, (url, groups, prefix, everything))) != 1:
        raise click.UsageError("one of --url, --group, --prefix and --all is needed")
    if both_schemes and not url:
        raise click.UsageError("--both-schemes goes with --url")
    if origin and not groups:
        raise click.UsageError("--origin goes with --group")
    with opened(address, secret_file) as store:
        purging = Purging(store, SYSTEM_CLOCK)
        if url:
            done = purging.purge(url, soft=soft, both_schemes=both_schemes)
        elif groups:
            done = purging.purge_groups(*groups, origin=origin, soft=soft)
        elif prefix:
            done = purging.purge_prefix(prefix, soft=soft)
        else:
            done = purging.purge_all(soft=soft)
    say(told(done, bool(groups)))


def told(done: Purged, are_groups: bool) -> str:
    """What a purge did, as a sentence."""
    verb = "made stale" if done.soft else "purged"
    if done.responses is None:
        if not done.what:
            return f"{verb} everything"
        return f"{verb} all that belongs to {', '.join(map(repr, done.what))}"
    responses = "1 response" if done.responses == 1 else f"{done.responses} responses"
    urls = "1 URL" if len(done.what) == 1 else f"{len(done.what)} URLs"
    return f"{verb} {responses} of {urls}"


@click.command()
@store_option
@secret_option
def stats(address: str, secret_file: Path | None) -> None:
    """Show what a store's servers say of themselves. Exits with 1 where one does not answer."""
    with opened(address, secret_file) as store:
        nodes: dict[str, dict[str, object]] = getattr(store, "stats", dict)()
    for name, figures in nodes.items():
        say(name)
        for figure, value in figures.items():
            say(f"  {figure}: {value}")
    if any("error" in figures for figures in nodes.values()):
        raise SystemExit(1)


@click.command()
@store_option
@secret_option
@click.option("--url", required=True, help="The URL to look for.")
def inspect(address: str, secret_file: Path | None, url: str) -> None:
    """Show what is stored for a URL: every response, its age and its fields, not its content.

    Exits with 1 where nothing is.
    """
    from wsgicache.purge import key_of

    with opened(address, secret_file) as store:
        entry = store.get(key_of(url))
    now = SYSTEM_CLOCK.now()
    if entry is None:
        say("nothing is stored")
        raise SystemExit(1)
    if entry.emptied_at != NEVER:
        say(f"purged or invalidated {now - entry.emptied_at:.0f} s ago")
    say(f"selected by {', '.join(entry.nominated)}")
    for stored in entry.responses.values():
        for line in described(stored, now):
            say(line)
    if not entry.responses:
        raise SystemExit(1)


def described(stored: StoredResponse, now: float) -> Iterator[str]:
    """What there is to know of a stored response, line by line."""
    age = now - stored.generated_at
    left = stored.freshness_lifetime - age
    fresh = f"fresh for {left:.0f} s" if left > 0 else f"stale since {-left:.0f} s"
    where = "in the entry" if stored.content is not None else "in pieces"
    yield f"{stored.status}: {age:.0f} s old, {fresh}, {stored.length} bytes {where}"
    if stored.groups:
        yield f"  in the groups {', '.join(map(repr, stored.groups))}"
    for name, value in stored.fields:
        yield f"  {name}: {value}"


@contextmanager
def opened(address: str, secret_file: Path | None) -> Iterator[Store]:
    """The store at *address*; what goes wrong with it meanwhile becomes one line, exit code 1."""
    from wsgicache.stores import StoreError, store_from_url

    options: dict[str, Any] = {}
    if secret_file is not None:
        options["secret"] = secret_file.read_bytes().strip()
    try:
        if address.partition(":")[0] == "memory":
            raise ValueError(
                "memory:// is in the memory of each process, and none of them is reached from here"
            )
        yield store_from_url(address, **options)
    except (ValueError, TypeError) as error:
        raise click.ClickException(visible(str(error))) from None
    except StoreError as error:
        raise click.ClickException(visible(str(error))) from None
    except Exception as error:
        raise click.ClickException(visible(f"{type(error).__name__}: {error}")) from None


def say(line: str) -> None:
    """Print a line that commands no terminal, whatever is in it."""
    click.echo(visible(line))


def visible(text: str) -> str:
    """*text* with its control characters made visible."""
    from wsgicache.cli import CONTROLS

    return text.translate(CONTROLS)


commands = (purge, stats, inspect)
