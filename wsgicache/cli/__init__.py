"""The command line, ``wsgicache COMMAND``, also as ``python -m wsgicache``."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

__all__ = ["commands_of", "main"]

if TYPE_CHECKING:
    import os
    from wsgiref.types import WSGIApplication

COMMANDS = {
    "audit": "wsgicache.cli.why",
    "doctor": "wsgicache.cli.why",
    "explain": "wsgicache.cli.why",
    "run": "wsgicache.cli.run",
    "purge": "wsgicache.cli.store",
    "stats": "wsgicache.cli.stats",
    "inspect": "wsgicache.cli.store",
    "warm": "wsgicache.cli.warm",
    "top": "wsgicache.cli.top",
}
"""The module of each command, imported when the command is used or listed in the help."""


class Commands(click.Group):
    """The group of commands, which finds them in their modules by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command called *cmd_name*, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return command


@click.command(cls=Commands)
@click.version_option(package_name="wsgicache")
def main() -> None:
    """A shared HTTP cache (RFC 9111) as WSGI middleware."""


class CommandsOf(Commands):
    """The commands for one application, which need not name it: all but ``run``."""

    app: WSGIApplication | str
    store_setting = ""
    """The setting that names the store, for errors."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. An error about a store that nothing names says what may name it."""
        try:
            return super().invoke(ctx)
        except click.MissingParameter as error:
            name = error.param.name if error.param is not None else None
            if name not in ("address", "place"):
                raise
            own = "the URL of one as its argument" if name == "place" else "one with --store"
            text = f"there is no store to look into: {self.store_setting} must be the URL of one "
            raise click.UsageError(
                f"{text}that processes share, or name {own}", error.ctx
            ) from None

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command called *cmd_name*, about the application, or None."""
        command = None if cmd_name == "run" else super().get_command(ctx, cmd_name)
        if command is None or command.callback is None:
            return None
        params = [one for one in command.params if one.name != "target"]
        if params == command.params:
            return command
        callback = partial(command.callback, target=self.app)
        summary = (command.help or "").partition("\n\n")[0]
        return click.Command(cmd_name, callback=callback, params=params, help=summary)


def commands_of(
    app: WSGIApplication | str,
    address: str | None,
    folder: str | os.PathLike[str] | None,
    *,
    origin: str | None = None,
    set_up: str | None = None,
    store_setting: str,
) -> click.Group:
    """Return the group ``wsgicache`` of the commands for *app*, or for MODULE:APP.

    By default they look into the store at *address*, and into the *folder* of its counters. Paths
    are at *origin*. A doctor looks at the store *set_up*. Errors name the *store_setting*.
    """
    store = {} if address is None else {"address": address}
    place = folder or address
    asking = {} if origin is None else {"origin": origin}
    defaults: dict[str, dict[str, Any]] = {
        "stats": {**store, "folder": folder},
        "top": {} if place is None else {"place": place},
        "purge": store,
        "inspect": store,
        "explain": asking,
        "audit": asking,
        "warm": asking,
        "doctor": {} if set_up is None else {"address": set_up},
    }
    summary = "Look into the cache of this application, and purge it."
    group = CommandsOf("wsgicache", help=summary, context_settings={"default_map": defaults})
    group.app, group.store_setting = app, store_setting
    return group
