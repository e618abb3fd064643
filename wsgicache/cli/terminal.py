"""Text for a terminal: whatever is in it, it commands none."""

from __future__ import annotations

import logging
import os
import sys

import click

__all__ = ["TerminalSafe", "say", "visible"]

CONTROL_CHARACTERS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
"""C0 and C1, which would let a path rewrite the terminal, and what is shown instead."""
_ALL_BUT_LINES = {c: text for c, text in CONTROL_CHARACTERS.items() if chr(c) not in "\t\n"}


def visible(text: str) -> str:
    """*text* with its control characters made visible."""
    return text.translate(CONTROL_CHARACTERS)


def say(line: str) -> None:
    """Print a line that commands no terminal. Raises ClickException where it cannot be written."""
    try:
        click.echo(visible(line))
    except BrokenPipeError:
        raise  # click ends in silence
    except OSError as error:
        # What is left in the buffer would be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.ClickException(f"cannot write what there is to say: {error.strerror}") from None


class TerminalSafe(logging.Formatter):
    """A formatter whose lines cannot command a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text, control characters but line ends and tabs made visible."""
        return super().format(record).translate(_ALL_BUT_LINES)
