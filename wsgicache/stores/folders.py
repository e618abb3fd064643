"""Which folders may hold responses for everybody: those that no other user can change."""

from __future__ import annotations

import os
import stat
import tempfile

from wsgicache.rules.checks import must_be

__all__ = ["check_folder", "users_folder", "whole_path"]

_KIND = "a folder of the cache's user, below folders that only that user and root may change"


def whole_path(subject: str, given: str | os.PathLike[str]) -> str:
    """Return *given*, the whole path of a folder. Raises TypeError or ValueError."""
    if not isinstance(given, str | os.PathLike) or not os.path.isabs(given):
        kind = "the whole path of a folder, such as '/var/cache/myapp'"
        raise (ValueError if isinstance(given, str) else TypeError)(must_be(subject, kind, given))
    return os.fspath(given)


def users_folder(name: str) -> str:
    """Return where this user has the folder *name* among the temporary files, or an empty string.

    All processes of the user with the same temporary files get the same path.
    """
    user = f"-{os.geteuid()}" if hasattr(os, "geteuid") else ""
    try:
        return os.path.join(os.path.abspath(tempfile.gettempdir()), name + user)
    except OSError:  # there is no place for temporary files
        return ""


def check_folder(path: str) -> None:
    """Raise ValueError if other users could put files into *path*, or replace it.

    Others are all but root and the user of this process. A folder that does not exist yet passes.
    """
    if not hasattr(os, "geteuid"):
        return
    whole = os.path.abspath(path)
    for one in dict.fromkeys((whole, os.path.realpath(whole))):
        _check(one)


def _check(path: str) -> None:
    """Check *path* as it is written: a symbolic link in it is a place of its own."""
    above = False
    """Whether every user may add files to the folder above, which then has the sticky bit."""
    for place in _from_root(path):
        try:
            found = os.lstat(place)
        except OSError:
            return
        if above and found.st_uid not in (0, os.geteuid()):
            raise ValueError(f"{_wrong(path)}: {place} belongs to another user")
        if stat.S_ISLNK(found.st_mode):
            above = False
            continue
        above = bool(found.st_mode & stat.S_IWOTH)
        if above and (place == path or not found.st_mode & stat.S_ISVTX):
            raise ValueError(f"{_wrong(path)}: every user may write to {place}")


def _wrong(path: str) -> str:
    return must_be("the directory of a store", _KIND, path)


def _from_root(path: str) -> list[str]:
    """Return the folders on the way to *path*, and *path* itself."""
    places = [path]
    while (above := os.path.dirname(places[-1])) != places[-1]:
        places.append(above)
    return places[::-1]
