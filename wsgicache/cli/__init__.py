"""The command line, ``wsgicache COMMAND``, also as ``python -m wsgicache``."""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["main"]

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
