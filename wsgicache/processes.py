"""Which process this is, in a word that others on the machine can ask about."""

from __future__ import annotations

import os

__all__ = ["has_ended", "this_process"]

_last: dict[str, str] = {}
"""The word of the process that asked last, and its number."""


def this_process() -> str:
    """Return a word for this process: id, begin, and the id namespace that it counts in."""
    number = os.getpid()
    if _last.get("number") != f"{number}":  # another one since a fork
        _last.update(word=_named(number), number=f"{number}")
    return _last["word"]


def has_ended(process: str) -> bool:
    """Return whether the process with this word has ended; False if that cannot be known."""
    number, _, others = process.partition("-")
    _, _, here = this_process().partition("-")
    began, _, space = others.partition("-")
    if not number.isdigit() or not began or not space or space != here.partition("-")[2]:
        return False
    told = _told(number)
    return told is None or told[0] in "ZX" or told[1] != began


def _named(number: int) -> str:
    told = _told(str(number))
    try:
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        space = 0
    return f"{number}-{told[1]}-{space}" if told and space else f"{number}"


def _told(number: str) -> tuple[str, str] | None:
    """Return the state of the process *number*, and when it began; None if there is none."""
    try:
        with open(f"/proc/{number}/stat", encoding="latin-1") as file:
            # Its name stands in parentheses, and may have some, too.
            rest = file.read().rpartition(")")[2].split()
        return rest[0], rest[19]
    except (OSError, IndexError):
        return None
