"""``manage.py wsgicache COMMAND``: the commands of wsgicache, about this project."""

from __future__ import annotations

import logging
from argparse import REMAINDER, ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from wsgicache.cli import commands_of
from wsgicache.django.door import given_options
from wsgicache.django.hosts import absolute, origin_of_site
from wsgicache.django.options import is_shared, options_of

__all__ = ["Command"]

_OWN = "wsgicache.django:get_wsgi_application()"
_SETTING = "settings.WSGICACHE['STORE']"
_LOG = logging.getLogger("wsgicache")


class Command(BaseCommand):
    """The command, which hands its arguments over."""

    help = "Look into the cache of this project, and purge it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take all arguments as they are."""
        text = "audit, doctor, explain, inspect, purge, stats, top or warm, and what that takes; "
        text += "none lists the commands, and COMMAND --help says more."
        parser.add_argument("arguments", nargs=REMAINDER, help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command of wsgicache, with the application and the store of the settings."""
        ours = ArgumentParser(add_help=False, allow_abbrev=False)
        for name in ("--settings", "--pythonpath"):  # Django has read them, wherever they are.
            ours.add_argument(name)
        _, arguments = ours.parse_known_args(options["arguments"])
        given = options_of(given_options())
        store, counters = given.get("STORE"), given.get("COUNTERS")
        shared = store if isinstance(store, str) and is_shared(given) else None
        opened = None if settings.DEBUG else shared
        if opened is None and arguments:
            _refuse_memory(arguments, counters is not None)
        module, _, name = (settings.WSGI_APPLICATION or "").rpartition(".")
        group = commands_of(
            f"{module}:{name}" if module else _OWN,
            opened,
            counters,
            origin=_origin(),
            set_up=shared,
            store_setting=_SETTING,
        )
        try:
            group.main(_with_hosts(arguments) or ["--help"], prog_name="manage.py wsgicache")
        except SystemExit as done:
            if done.code:
                raise


def _refuse_memory(arguments: list[str], counts: bool) -> None:
    """Raise CommandError if there is nothing to look into, unless the *arguments* name it."""
    name, *rest = arguments
    place = any(one[:1] != "-" for one in rest)
    looks = {"inspect": True, "purge": True, "stats": not counts, "top": not (counts or place)}
    named = any(one.startswith(("--store", "--counters", "--help")) for one in rest)
    if looks.get(name) and not named:
        why = "DEBUG is on" if settings.DEBUG else f"{_SETTING} is not the URL of one"
        how = "its URL as the argument" if name == "top" else "--store"
        raise CommandError(
            f"there is no store that processes share, as {why}: each process has a cache of its "
            f"own, which this command cannot reach. Name a store with {how}."
        )


def _with_hosts(arguments: list[str]) -> list[str]:
    """Return *arguments* with a URL for each host of the site where a path follows ``--url``."""
    found = list[str]()
    for one in arguments:
        if found[:1] in (["purge"], ["inspect"]) and found[-1] == "--url" and one[:1] == "/":
            urls = absolute([one], asked=not settings.DEBUG)
            if not urls:
                raise CommandError(
                    f"the settings name no host for {one}: name those of visitors in "
                    "settings.WSGICACHE['HOSTS'], such as ['www.example.org'], or write the whole "
                    "URL."
                )
            if found[0] == "purge":
                found += [word for url in urls[:-1] for word in (url, "--url")]
                found += [urls[-1], *({"--both-schemes"} - set(arguments))]
            else:
                found.append(f"{_origin()}{one}")
        else:
            found.append(one)
    return found


def _origin() -> str:
    """Return where the site is, for paths."""
    try:
        return origin_of_site()
    except Exception:  # the table of the sites may not be there yet
        _LOG.exception("the hosts of the site are not known")
        return "http://localhost"
