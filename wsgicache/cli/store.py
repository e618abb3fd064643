"""The commands that inspect a store and purge it: ``wsgicache purge|inspect``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click

from wsgicache.cli.loading import Refusal
from wsgicache.cli.terminal import say, visible
from wsgicache.clock import SYSTEM_CLOCK
from wsgicache.rules.checks import must_be
from wsgicache.rules.model import IMPLIED, NEVER, CacheEntry, StoredResponse

__all__ = ["inspect", "opened", "purge", "secret_option", "store_of"]

if TYPE_CHECKING:
    from wsgicache.purging import Purged
    from wsgicache.stores import Store

store_option = click.option(
    "--store",
    "address",
    metavar="URL",
    required=True,
    envvar="WSGICACHE_STORE",
    help="lmdb:///directory, memcached://host:port/namespace, redis://host:port/0?namespace=… or "
    "file:///directory; also in WSGICACHE_STORE.",
)
secret_option = click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the secret of a store whose records are signed.",
)


@click.command()
@store_option
@secret_option
@click.option(
    "--url",
    "urls",
    metavar="URL",
    multiple=True,
    help="Purge all that is stored for this URL; may be repeated.",
)
@click.option(
    "--group", "groups", metavar="NAME", multiple=True, help="Purge a group; may be repeated."
)
@click.option(
    "--prefix",
    "prefixes",
    metavar="URL",
    multiple=True,
    help="Purge all URLs with this beginning (not on memcached or in files); may be repeated.",
)
@click.option("--all", "everything", is_flag=True, help="Purge everything.")
@click.option("--soft", is_flag=True, help="Make stale instead: it may still stand in.")
@click.option("--both-schemes", is_flag=True, help="With --url: purge it for http and for https.")
@click.option("--origin", metavar="URL", help="With --group: purge it for this origin only.")
def purge(
    address: str,
    secret_file: Path | None,
    urls: tuple[str, ...],
    groups: tuple[str, ...],
    prefixes: tuple[str, ...],
    everything: bool,
    soft: bool,
    both_schemes: bool,
    origin: str | None,
) -> None:
    """Purge what a store holds.

    Processes that share it see that within a second. Exits with 1 if something could not be
    reached.
    """
    from wsgicache.purging import Purging

    if sum(map(bool, (urls, groups, prefixes, everything))) != 1:
        raise click.UsageError("one of --url, --group, --prefix and --all is needed")
    if both_schemes and not urls:
        raise click.UsageError("--both-schemes goes with --url")
    if origin and not groups:
        raise click.UsageError("--origin goes with --group")
    with opened(address, secret_file) as store:
        purging = Purging(store, SYSTEM_CLOCK)
        if urls:
            done = each(urls, partial(purging.purge, soft=soft, both_schemes=both_schemes))
        elif groups:
            done = purging.purge_groups(*groups, origin=origin, soft=soft)
        elif prefixes:
            done = each(prefixes, partial(purging.purge_prefix, soft=soft))
        else:
            done = purging.purge_all(soft=soft)
    say(sentence_of(done))


def each(urls: tuple[str, ...], purge: Callable[[str], Purged]) -> Purged:
    """Call *purge* for each of *urls* and return what all of them did.

    Raises StoreError for those that were not purged, after it has tried all.
    """
    from wsgicache.stores import StoreError

    done: list[Purged] = []
    failed: list[str] = []
    for url in dict.fromkeys(urls):
        try:
            done.append(purge(url))
        except (StoreError, ValueError) as error:
            failed.append(str(error))
    if failed:
        raise StoreError("; ".join(failed))
    what = tuple(dict.fromkeys(url for one in done for url in one.what))
    responses = sum(one.responses or 0 for one in done)
    nearby = tuple(dict.fromkeys(url for one in done for url in one.nearby))
    return done[0]._replace(what=what, responses=responses, nearby=nearby)


def sentence_of(done: Purged) -> str:
    """Return a sentence about a purge."""
    from wsgicache.purging import nothing_found, number_of

    verb = "made stale" if done.soft else "purged"
    if done.responses is None:
        if not done.what:
            return f"{verb} everything"
        return f"{verb} all that belongs to {', '.join(map(repr, done.what))}"
    found = number_of("response", done.responses)
    return f"{verb} {found} of {number_of('URL', len(done.what))}{nothing_found(done)}"


@click.command()
@store_option
@secret_option
@click.option("--url", metavar="URL", required=True, help="The URL to look for.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect(address: str, secret_file: Path | None, url: str, as_json: bool) -> None:
    """Show what is stored for a URL.

    That is every response with its age and its fields, without its content. Exits with 1 if nothing
    is stored.
    """
    from wsgicache.purging import key_of

    with opened(address, secret_file) as store:
        entry = store.get(key_of(url))
        told = getattr(getattr(store, "shared", store), "ended", None)
        ended: list[tuple[StoredResponse, list[str]]] = told(key_of(url)) if told else []
    now = SYSTEM_CLOCK.now()
    found = {} if entry is None else told_of(entry, ended, now)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for line in described(found) if found else ["nothing is stored"]:
            say(line)
    if entry is None or not entry.responses:
        raise SystemExit(1)


_SHOWN = 8
"""Characters of the digest of all values that select a response."""


def told_of(
    entry: CacheEntry, ended: list[tuple[StoredResponse, list[str]]], now: float
) -> dict[str, Any]:
    """Return what is stored in *entry*, and what a purge has *ended* there, as JSON has it."""
    return {
        "emptied": None if entry.emptied_at == NEVER else now - entry.emptied_at,
        "ended": [
            {"status": gone.status, "age": now - gone.generated_at, "groups": groups}
            for gone, groups in ended
        ],
        "selected_by": [*IMPLIED, *entry.nominated],
        "responses": [
            {
                "status": stored.status,
                "age": now - stored.generated_at,
                "lifetime": stored.freshness_lifetime,
                "length": stored.length,
                "in_pieces": stored.content is None,
                "presented": stored.presented,
                "variant": str(selector)[:_SHOWN],
                "groups": list(stored.groups),
                "fields": [list(field) for field in stored.fields],
            }
            for selector in entry.responses
            if (stored := entry.responses.get(selector)) is not None
        ],
    }


def described(found: dict[str, Any]) -> Iterator[str]:
    """Yield lines that say what was *found* in an entry."""
    if found["emptied"] is not None:
        yield f"purged or invalidated {found['emptied']:.0f} s ago"
    for gone in found["ended"]:
        groups = ", ".join(map(repr, gone["groups"]))
        what = f"the group {groups}" if groups else "everything"
        since = f"stored {gone['age']:.0f} s ago, ended since by a purge of {what}"
        yield f"{gone['status'] or 'a response'}: {since}"
    yield f"selected by {', '.join(found['selected_by'])}"
    for one in found["responses"]:
        left = one["lifetime"] - one["age"]
        fresh = f"fresh for {left:.0f} s" if left > 0 else f"stale for {-left:.0f} s"
        where = "in pieces" if one["in_pieces"] else "in the entry"
        yield f"{one['status']}: {one['age']:.0f} s old, {fresh}, {one['length']} bytes {where}"
        if one["presented"]:
            yield f"  for {one['presented']} (variant {one['variant']})"
        if one["groups"]:
            yield f"  in the groups {', '.join(map(repr, one['groups']))}"
        for name, value in one["fields"]:
            yield f"  {name}: {value}"


@contextmanager
def opened(address: str, secret_file: Path | None, name: str = "--store") -> Iterator[Store]:
    """Open the store at *address*; an error meanwhile becomes one line and exit code 1.

    *name* is that of the option or argument with the address.
    """
    from wsgicache.stores import StoreError, store_from_url

    options: dict[str, Any] = {}
    try:
        if secret_file is not None:
            options["secret"] = secret_file.read_bytes().strip()
            if not options["secret"]:
                kind = "a file with a secret of 16 bytes or more"
                raise ValueError(f"{must_be('--secret-file', kind, str(secret_file))}: it is empty")
        _check_folder(address, name)
        if address.partition(":")[0] == "memory":
            kind = "a store that processes share, which the memory of one is not"
            raise ValueError(must_be(name, kind, address))
        yield store_from_url(address, **options)
    except (click.ClickException, BrokenPipeError):
        raise  # these are for click
    except (ValueError, TypeError, StoreError) as error:
        raise click.ClickException(visible(str(error))) from None
    except Exception as error:  # any error of a client library
        raise click.ClickException(visible(f"{type(error).__name__}: {error}")) from None


def _check_folder(address: str, name: str = "--store", new: bool = False) -> None:
    """Raise ValueError if *address* is in no directory that exists, or in none for a *new* one."""
    parts = urlsplit(address)
    folder = unquote(parts.path)
    folder = os.path.dirname(folder.rstrip("/")) if new else folder
    if parts.scheme in ("file", "lmdb") and not parts.netloc and not os.path.isdir(folder):
        kind = f"{'in ' if new else ''}a directory that exists"
        raise ValueError(must_be(name, kind, folder))


def store_of(address: str, new: bool = False) -> Store:
    """Return the store at *address* for a cache, maybe a *new* one. Raises Refusal."""
    from wsgicache.stores import StoreError, store_from_url

    try:
        _check_folder(address, new=new)
        return store_from_url(address)
    except (ValueError, TypeError, StoreError) as error:
        raise Refusal(visible(str(error))) from None
