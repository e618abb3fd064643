"""Files of one user in a folder that processes share, and locks on them."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["locked", "private", "take"]

_PATIENCE = 2.0
"""Seconds to wait for a lock: a process that has it may have been stopped."""

try:
    import fcntl
except ImportError:  # Windows: of no process is it known that it has ended

    def take(file: int, exclusive: bool = True) -> bool:
        """Return False: there are no such locks."""
        return False

else:

    def take(file: int, exclusive: bool = True) -> bool:
        """Take the lock on *file*; return whether that was possible."""
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError:  # somebody else has it, or there are no locks in that file system
            return False
        return True


def private(path: str, how: int) -> int:
    """Open a regular file, as all that this package makes are. Raises OSError for anything else.

    A link could lead to a file of somebody else, and a pipe would keep its reader waiting.
    """
    odd = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    file = os.open(path, how | odd | getattr(os, "O_BINARY", 0), 0o600)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "not a regular file", path)
    if how & os.O_CREAT and hasattr(os, "geteuid") and os.geteuid() == 0:
        # What a command of root makes must not shut out the user of the server.
        folder = os.stat(os.path.dirname(path))
        os.fchown(file, folder.st_uid, folder.st_gid)
    return file


@contextmanager
def locked(path: str, *, exclusive: bool) -> Iterator[None]:
    """Keep others from what they do under the lock *path*, if that can be.

    Raises OSError if it cannot be *exclusive*.
    """
    try:
        file = private(path, os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY)
    except OSError:
        if exclusive:
            raise
        yield  # nobody has written here, or nobody else may
        return
    until = time.monotonic() + _PATIENCE
    try:
        while not (taken := take(file, exclusive)) and time.monotonic() < until:
            time.sleep(0.01)
        if exclusive and not taken:
            raise OSError(errno.ENOLCK, "another process has the lock, or there are none", path)
        yield
    finally:
        os.close(file)
