"""Text for a terminal, without characters that control it."""

from __future__ import annotations

import logging
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from unicodedata import category, east_asian_width

import click

__all__ = ["TerminalSafe", "cells", "keys", "say", "visible", "written"]

_LONGEST_KEY = 32
"""Most bytes that are read for one key."""


def visible(text: str, but: str = "") -> str:
    """Return *text* with all but printable characters, and *but* some others, made visible.

    The others control a terminal, end a line, reverse what is beside them, or take no room.
    """
    if text.isprintable():
        return text
    return "".join([one if one.isprintable() or one in but else _code(one) for one in text])


def written(text: str) -> str:
    """Return *text*, made `visible`, with codes for what the standard output cannot write."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return visible(text).encode(encoding, "backslashreplace").decode(encoding)


def _code(one: str) -> str:
    code = ord(one)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cells(text: str) -> int:
    """Return how many cells of a terminal *text* takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if category(one) in ("Mn", "Me") else 1 + (east_asian_width(one) in "WF") for one in text
    )


def say(line: str) -> None:
    """Print a line without control characters. Raises ClickException if it cannot be written."""
    try:
        click.echo(written(line))
    except BrokenPipeError:
        raise  # click ends silently
    except OSError as error:
        # Otherwise Python would try to write the rest of the buffer at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.ClickException(f"cannot write the output: {error.strerror}") from None


@contextmanager
def keys() -> Iterator[Callable[[float], str]]:
    """Return what waits so many seconds for a key and returns it; empty if none was pressed."""
    if find_spec("termios") is None or not sys.stdin.isatty():  # Windows, or nobody can type
        yield _sleep
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return os.read(sys.stdin.fileno(), _LONGEST_KEY).decode("ascii", "replace") if ready else ""

    try:
        tty.setcbreak(sys.stdin)
        yield pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _sleep(seconds: float) -> str:
    time.sleep(seconds)
    return ""


class TerminalSafe(logging.Formatter):
    """A formatter whose lines cannot control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text with visible control characters, except line ends and tabs."""
        return visible(super().format(record), but="\t\n")
