"""The commands that say why: ``wsgicache explain|audit|doctor``."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, TextIO

import click

from wsgicache.cli.loading import Refusal, load, located
from wsgicache.cli.store import store_of
from wsgicache.cli.terminal import say, visible
from wsgicache.rules.checks import must_be
from wsgicache.rules.fields import TOKEN
from wsgicache.why.layers import own_cache

__all__ = [
    "audit",
    "doctor",
    "explain",
    "field",
    "imported",
    "loaded",
    "origin_option",
    "with_store",
]

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from wsgicache import CacheMiddleware
    from wsgicache.stores import Store
    from wsgicache.why.audit import Audit
    from wsgicache.why.doctor import Diagnosis


def _origin(context: click.Context, option: click.Parameter, given: str) -> str:
    if not re.match("https?://.", given):
        kind = "a scheme and a host, such as 'https://www.example.org'"
        raise click.BadParameter(must_be("it", kind, given))
    return given.rstrip("/")


origin_option = click.option(
    "--origin",
    metavar="URL",
    default="http://localhost",
    show_default=True,
    callback=_origin,
    help="The scheme and the host of paths.",
)


@click.command()
@click.argument("target", metavar="MODULE:APP")
@click.argument("url", metavar="URL")
@origin_option
@click.option(
    "-H", "fields", metavar="'NAME: VALUE'", multiple=True, help="A request field; may be repeated."
)
@click.option("--method", default="GET", show_default=True, help="The request's method.")
@click.option("--store", "address", metavar="URL", help="Look into this store, too.")
@click.option("--then", metavar="'NAME: VALUE'", multiple=True, help="A field of a second request.")
@click.option("--then-url", metavar="URL", help="The URL of the second request.")
@click.option("--no-ask", is_flag=True, help="Do not ask the application.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(
    target: str | WSGIApplication,
    url: str,
    origin: str,
    fields: tuple[str, ...],
    method: str,
    address: str | None,
    then: tuple[str, ...],
    then_url: str | None,
    no_ask: bool,
    as_json: bool,
) -> None:
    """Explain what happens to a request, and what makes it a hit.

    The application is written MODULE:APP. If it is a cache, or has one around it, that one's policy
    and routes count, and its store if processes share that. The application is asked once; nothing
    is stored. URL may begin with a slash.
    """
    from wsgicache import MemoryStore
    from wsgicache.purging import Purging
    from wsgicache.why.explain import explain as explained

    app = imported(target)
    own = own_cache(app)
    forgets = address is None and own is not None and isinstance(own.store, MemoryStore)
    if address is not None:
        store = store_of(address)
    else:
        store = MemoryStore() if own is None or forgets else own.store
    cache = with_store(app, own, store)
    second = [field(one, "--then") for one in then] or None
    with located(f"explaining {url}"):
        explanation = explained(
            cache,
            _absolute(url, origin),
            [field(one) for one in fields],
            method=method.upper(),
            then=second,
            then_url=None if then_url is None else _absolute(then_url, origin),
            ask=not no_ask,
        )
    if as_json:
        click.echo(json.dumps(explanation.as_json(), indent=2))
        return
    for line in explanation.lines():
        say(line)
    if explanation.key is not None and not explanation.stored:
        for near in Purging(cache.store, cache.clock).nearby([explanation.key]):
            say(f"what is stored is for {near}")
    if forgets:
        say(_IN_MEMORY)


@click.command()
@click.argument("target", metavar="MODULE:APP")
@click.argument("paths", metavar="[PATH …]", nargs=-1)
@origin_option
@click.option("--urls", type=click.File(), help="A file of paths or URLs, one a line.")
@click.option("--crawl", is_flag=True, help="Follow the links of each page.")
@click.option(
    "--login",
    "logins",
    metavar="'NAME: VALUE'",
    multiple=True,
    help="A field by which somebody is logged in, such as 'Cookie: …' or 'Authorization: …'; "
    "several are on lines of their own. May be repeated, for several visitors.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 on any finding.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(
    target: str | WSGIApplication,
    paths: tuple[str, ...],
    origin: str,
    urls: TextIO | None,
    crawl: bool,
    logins: tuple[str, ...],
    strict: bool,
    as_json: bool,
) -> None:
    """Find pages that would go to the wrong visitors.

    An input may change a page though neither the cache key nor Vary knows it. So each PATH is asked
    for many times, by GET and HEAD, each time with another field or cookie. Without any, the root
    is. Exits with 1 where visitors would get each other's pages.
    """
    from wsgicache.why.audit import audit as audited

    cache = loaded(target)
    asked = [*paths, *(line.strip() for line in urls or ())]
    for line in "\n".join(logins).splitlines():
        if not re.search("[:=]", line):
            raise Refusal(must_be("--login", "'NAME: VALUE', such as 'Cookie: sid=…'", line))
    show = sys.stderr.isatty()

    def progress(url: str) -> None:
        if show:
            click.echo(f"auditing {visible(url)}", err=True)

    with located("the audit"), redirect_stdout(sys.stderr):  # see `imported`
        done = audited(
            cache,
            [_absolute(one, origin) for one in asked if one] or [_absolute("/", origin)],
            login=logins,
            crawl=crawl,
            progress=progress,
        )
    _tell(done, as_json, strict)


@click.command()
@click.argument("target", metavar="MODULE:APP")
@click.option("--store", "address", metavar="URL", help="Look at this store instead.")
@click.option("--strict", is_flag=True, help="Exit with 1 on any finding.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(target: str | WSGIApplication, address: str | None, strict: bool, as_json: bool) -> None:
    """Find what is wrong with the set-up, without any traffic.

    The application is written MODULE:APP. It is loaded and not asked for anything. Exits with 1
    where something is wrong.
    """
    from wsgicache.why.doctor import doctor as diagnosed

    app = imported(target)
    store = None if address is None else store_of(address, new=True)
    with located("looking at the set-up"):
        done = diagnosed(app, store=store)
    _tell(done, as_json, strict)


def _tell(done: Audit | Diagnosis, as_json: bool, strict: bool) -> None:
    """Print the findings. Exits with 1 where they are bad."""
    if as_json:
        click.echo(json.dumps(done.as_json(), indent=2))
    else:
        for line in done.lines():
            say(line)
    if done.is_bad(strict):
        raise SystemExit(1)


def imported(target: str | WSGIApplication) -> WSGIApplication:
    """Return the application *target*, or that of this name, maybe in the current folder."""
    if not isinstance(target, str):
        return target
    sys.path.insert(0, os.getcwd())
    logging.getLogger("wsgicache").addHandler(logging.NullHandler())
    with redirect_stdout(sys.stderr):  # nothing that it prints may stand beside JSON
        return load(target)


_IN_MEMORY = (
    "the store is the memory of each process, so what servers hold is not seen here: ask one of "
    "them, with Policy(explain_token=…)"
)


def loaded(target: str | WSGIApplication) -> CacheMiddleware:
    """Return the cache that *target* is or has, with an empty store."""
    from wsgicache import MemoryStore

    app = imported(target)
    return with_store(app, own_cache(app), MemoryStore())


def with_store(app: WSGIApplication, own: CacheMiddleware | None, store: Store) -> CacheMiddleware:
    """Return a cache around *app* with *store*, and with the policy and routes of its *own*."""
    from wsgicache import CacheMiddleware

    if own is None:
        return CacheMiddleware(app, store=store)
    return CacheMiddleware(own.app, store=store, policy=own.policy, routes=own._routes.all)


def _absolute(url: str, origin: str) -> str:
    from wsgicache.why.asked import absolute

    try:
        return absolute(url, origin)
    except ValueError as error:
        raise Refusal(str(error)) from None


def field(text: str, option: str = "-H") -> tuple[str, str]:
    """Return the name and the value of a field that *option* gives. Raises Refusal."""
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(TOKEN, name.strip()):
        raise Refusal(must_be(option, "'NAME: VALUE', such as 'Cookie: theme=dark'", text))
    return name.strip(), value.strip()
