"""The commands that say why: ``wsgicache explain``."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING

import click

from wsgicache.cli.loading import Refusal, load, located
from wsgicache.cli.terminal import say
from wsgicache.cli.wrapped import own_cache

__all__ = ["explain"]

if TYPE_CHECKING:
    from wsgicache import CacheMiddleware


@click.command()
@click.argument("target", metavar="MODULE:APP")
@click.argument("url", metavar="URL")
@click.option("-H", "fields", metavar="'NAME: VALUE'", multiple=True, help="A request field.")
@click.option("--method", default="GET", show_default=True, help="The request's method.")
@click.option("--store", "address", metavar="URL", help="Look into this store, too.")
@click.option("--then", metavar="'NAME: VALUE'", multiple=True, help="A field of a second request.")
@click.option("--then-url", metavar="URL", help="The URL of the second request.")
@click.option("--no-ask", is_flag=True, help="Do not ask the application.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(
    target: str,
    url: str,
    fields: tuple[str, ...],
    method: str,
    address: str | None,
    then: tuple[str, ...],
    then_url: str | None,
    no_ask: bool,
    as_json: bool,
) -> None:
    """Explain what the cache does with a request for URL, why, and what would make it a hit.

    The application is written MODULE:APP. If it is a cache, or has one around it, that one's policy
    and routes count. The application is asked once; nothing is stored. URL may begin with a slash.
    """
    from wsgicache.why.explain import explain as explained

    cache = loaded(target, address)
    second = [_field(one) for one in then] or None
    with located(f"explaining {url}"):
        explanation = explained(
            cache,
            _absolute(url),
            [_field(one) for one in fields],
            method=method.upper(),
            then=second,
            then_url=None if then_url is None else _absolute(then_url),
            ask=not no_ask,
        )
    if as_json:
        click.echo(json.dumps(explanation.as_json(), indent=2))
        return
    for line in explanation.lines():
        say(line)


def loaded(target: str, address: str | None = None) -> CacheMiddleware:
    """Return the cache that *target* is or has, with an empty store or the one at *address*."""
    from wsgicache import CacheMiddleware, MemoryStore, store_from_url

    sys.path.insert(0, os.getcwd())
    logging.getLogger("wsgicache").addHandler(logging.NullHandler())
    app = load(target)
    store = MemoryStore() if address is None else store_from_url(address)
    own = own_cache(app)
    if own is None:
        return CacheMiddleware(app, store=store)
    return CacheMiddleware(own.app, store=store, policy=own.policy, routes=own._routes.all)


def _absolute(url: str) -> str:
    return f"http://localhost{url}" if url.startswith("/") else url


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise Refusal(f"-H must be 'NAME: VALUE', such as 'Cookie: theme=dark', got {text!r}")
    return name.strip(), value.strip()
