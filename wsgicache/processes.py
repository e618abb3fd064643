"""Which process this is, in a word that others on the machine can ask about.

And which server: processes with the same parent are workers of one.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress

__all__ = ["has_ended", "is_first_of_server", "this_process"]

_MOST_SEEN = 1000
"""Most files of other servers that are looked at, to remove them once those have ended."""

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


def is_first_of_server(about: str) -> bool:
    """Return whether no other process with the same parent has asked that *about* the same.

    The first one leaves an empty file in a folder of its user, among the temporary ones. Where that
    cannot be, each process is the first.
    """
    try:
        folder = os.path.join(tempfile.gettempdir(), f"wsgicache-{os.getuid()}")
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        # Others may make folders and links there, too.
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            return True
        for name in os.listdir(folder)[:_MOST_SEEN]:
            if has_ended(name.partition("@")[2]):
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, name))
        server = _named(os.getppid())
        if "-" not in server:
            return True  # it would not be known once that has ended
        path = os.path.join(folder, f"{about}@{server}")
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    except (OSError, AttributeError):  # Windows has no users' numbers
        return True
    return True


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
