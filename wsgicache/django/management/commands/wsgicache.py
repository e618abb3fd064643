"""``manage.py wsgicache COMMAND``: the commands of wsgicache, about this project."""

from __future__ import annotations

from argparse import REMAINDER, ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from wsgicache.cli import commands_of
from wsgicache.django.door import given_options
from wsgicache.django.options import is_shared, options_of

__all__ = ["Command"]

_OWN = "wsgicache.django:get_wsgi_application()"


class Command(BaseCommand):
    """The command, which hands its arguments over."""

    help = "Look into the cache of this project, and purge it: stats, top, purge, explain …"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take all arguments as they are."""
        text = "A command of wsgicache with its arguments; --help lists the commands."
        parser.add_argument("arguments", nargs=REMAINDER, help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command of wsgicache, with the application and the store of the settings."""
        ours = ArgumentParser(add_help=False, allow_abbrev=False)
        for name in ("--settings", "--pythonpath"):  # Django has read them, wherever they are.
            ours.add_argument(name)
        _, arguments = ours.parse_known_args(options["arguments"])
        given = options_of(given_options())
        store = given.get("STORE")
        is_open = isinstance(store, str) and is_shared(given) and not settings.DEBUG
        module, _, name = (settings.WSGI_APPLICATION or "").rpartition(".")
        group = commands_of(
            f"{module}:{name}" if module else _OWN,
            store if is_open else None,
            given.get("COUNTERS"),
        )
        try:
            group.main(arguments or ["--help"], prog_name="manage.py wsgicache")
        except SystemExit as done:
            if done.code:
                raise
