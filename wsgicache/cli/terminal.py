"""Text for a terminal, without characters that control it."""

from __future__ import annotations

import logging
import os
import sys

import click

__all__ = ["TerminalSafe", "say", "visible"]

CONTROL_CHARACTERS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
"""C0 and C1 controls, with which a path could rewrite the terminal, and their visible forms."""
_ODD = (0x61C, *range(0x200E, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Characters that end a line, or reverse what is beside them."""
CONTROL_CHARACTERS |= {code: f"\\u{code:04x}" for code in (*_ODD, *range(0xD800, 0xE000))}
"""Those, and surrogates, which no terminal has and no stream writes."""
_ALL_BUT_LINES = {c: text for c, text in CONTROL_CHARACTERS.items() if chr(c) not in "\t\n"}


def visible(text: str) -> str:
    """Return *text* with its control characters made visible."""
    return text.translate(CONTROL_CHARACTERS)


def say(line: str) -> None:
    """Print a line without control characters. Raises ClickException if it cannot be written."""
    try:
        click.echo(visible(line))
    except BrokenPipeError:
        raise  # click ends silently
    except OSError as error:
        # Otherwise Python would try to write the rest of the buffer at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.ClickException(f"cannot write the output: {error.strerror}") from None


class TerminalSafe(logging.Formatter):
    """A formatter whose lines cannot control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text with visible control characters, except line ends and tabs."""
        return super().format(record).translate(_ALL_BUT_LINES)
