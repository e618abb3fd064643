"""Counters of all processes: each writes its own file in one directory, and any of them adds up.

A process holds a lock on its file, which the system takes back when the process ends, however it
ends. What is left then goes into the file of all that have ended, and its own file goes away.
Nothing here raises, if the directory cannot be used: the process then counts for itself, and a line
in the log says why.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Any
from uuid import uuid4

from wsgicache import forks
from wsgicache.observe import sheets
from wsgicache.observe.counting import Part
from wsgicache.observe.sharing import locked, private, take
from wsgicache.observe.summing import NOTHING, ended, merged

__all__ = ["Files", "parts_in", "write_all"]

Report = Callable[[str, str], None]

_BEGIN, _END = "counts-", ".live"
_PAST = "counts.past"
"""The file of all processes that have ended."""
_LOCK = "counts.lock"
_EVERY = 0.5
"""Seconds between two looks whether there is something to write."""
_LATE = 1.5
"""Seconds after which a request writes, since the thread does not: some servers run none."""
_MOST_FILES = 4096
_LARGEST = 4 * 1024 * 1024
"""Most bytes of the file of the past."""


_COUNTED = itemgetter("rows", "validations", "purges", "errors")
"""What changes only if something is counted."""


class Files:
    """The file of this process in *folder*: what *part* returns, written twice a second."""

    def __init__(self, folder: str, part: Callable[[], Part], report: Report) -> None:
        self.folder = folder
        self._part = part
        self._report = report
        self._file = -1
        self._last: Part = {}
        self.begin_in_child()
        forks.renew(self)
        _all.add(self)

    def begin_in_child(self) -> None:
        """Let go of the parent's file; the first request of this process begins another."""
        self._close()
        self._name = f"{_BEGIN}{os.getpid()}-{uuid4().hex}{_END}"
        self._number = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.ended = threading.Event()
        self._written = float("-inf")

    def tick(self) -> None:
        """Begin to write; if the thread for that does not run, write now. Called once a second."""
        if self._thread is None:
            work = threading.Thread(
                target=_work, args=(weakref.ref(self),), name="counters of wsgicache", daemon=True
            )
            self._thread = work
            with suppress(RuntimeError):  # the system has no more threads
                work.start()
        elif time.monotonic() - self._written > _LATE:
            self.write()

    def write(self, wait: bool = False) -> Part:
        """Write what was counted, if that is anything new, and return it.

        If another thread writes, this *wait*s for it, or leaves it to that.
        """
        if not self._lock.acquire(blocking=wait):
            return self._last
        part = self._last
        try:
            self._written = time.monotonic()
            part = self._part()
            is_there = self._is_there()
            if is_there and {**part, "at": 0} == {**self._last, "at": 0}:
                return part
            if not is_there:
                # Whoever removes a folder at the end does not want it again.
                if self._last and _COUNTED(part) == _COUNTED(self._last):
                    return part
                self._open()
            # A write to a mapped file that another program cuts off would end the process.
            for at, piece in sheets.pieces(part, self._number + 1):
                os.lseek(self._file, at, os.SEEK_SET)
                if os.write(self._file, piece) < len(piece):
                    raise OSError(errno.ENOSPC, "not all was written", self._name)
            self._number += 1
            self._last = part
        except Exception:
            self._report("counters", f"{self.folder}: the counters could not be written")
        finally:
            self._lock.release()
        return part

    def _is_there(self) -> bool:
        """Return whether the file is where it was made, and whole: somebody may have cleaned up."""
        try:
            found = os.lstat(os.path.join(self.folder, self._name))
            ours = self._file >= 0 and os.path.samestat(found, os.fstat(self._file))
        except OSError:
            return False
        return ours and found.st_size == sheets.SIZE

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _open(self) -> None:
        """Make the file, and take over what others have left. Raises OSError."""
        self._close()
        os.makedirs(self.folder, 0o700, exist_ok=True)
        with locked(os.path.join(self.folder, _LOCK), exclusive=True):
            path = os.path.join(self.folder, self._name)
            self._file = private(path, os.O_RDWR | os.O_CREAT)
            try:
                take(self._file)
                _take_over(self.folder, self._report)
                _allocate(self._file, sheets.SIZE)
            except BaseException:
                self._close()
                os.unlink(path)
                raise

    def others(self) -> tuple[list[Part], int]:
        """Return what all others have counted, and how many of them are alive."""
        return parts_in(self.folder, self._report, self._name)

    def __del__(self) -> None:
        if sys.is_finalizing():  # all was written at exit, and little works from now on
            return
        with suppress(Exception):
            self.write()
            self.begin_in_child()


_all: weakref.WeakSet[Files] = weakref.WeakSet()


def write_all() -> None:
    """Write what each cache of this process has counted until now."""
    for files in list(_all):
        files.write(wait=True)


def _at_exit() -> None:
    """End the threads, which would outlive a second interpreter, and write for the last time.

    A thread may be writing just now what was counted before.
    """
    for files in list(_all):
        if (thread := files._thread) is not None:
            files.ended.set()
            if thread.is_alive():
                thread.join(_EVERY)
            files.write()


atexit.register(_at_exit)


def _work(ref: weakref.ref[Files]) -> None:
    """Write twice a second, as long as the cache exists."""
    while (files := ref()) is not None:
        files.write()
        ended = files.ended
        del files
        if ended.wait(_EVERY):
            return


def parts_in(folder: str, report: Report, but: str = "") -> tuple[list[Part], int]:
    """Return what is in the files of *folder* *but* one, and how many live processes wrote them."""
    found: list[Part] = []
    alive = 0
    with locked(os.path.join(folder, _LOCK), exclusive=False):
        past = _past(folder, report)
        found.append(past["part"])
        for name, file in _opened(folder, os.O_RDONLY, report):
            if name == but or name in past["gone"]:
                continue
            is_alive = not take(file, exclusive=False)
            part = _read(folder, name, file, report)
            if part is not None:
                found.append(part if is_alive else ended(part))
                alive += is_alive
    return found, alive


def _take_over(folder: str, report: Report) -> None:
    """Add what processes have left that have ended to the file of the past. Raises OSError."""
    past = _past(folder, report)
    parts, gone = [past["part"]], []
    beside: list[Part] = []
    for name, file in _opened(folder, os.O_RDWR, report):
        has_ended = take(file)
        part = None if name in past["gone"] else _read(folder, name, file, report)
        if has_ended:
            gone.append(name)
        if part is not None:
            (parts if has_ended else beside).append(ended(part))
    if not gone:
        return
    # If this process ends before it has removed the files, the next one finds that they count.
    path = os.path.join(folder, _PAST)
    if os.path.lexists(f"{path}.new"):
        os.unlink(f"{path}.new")
    with open(f"{path}.new", "x", encoding="ascii", opener=private) as out:
        json.dump({"part": merged(parts, beside), "gone": gone}, out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(f"{path}.new", path)
    for name in gone:
        os.unlink(os.path.join(folder, name))


def _past(folder: str, report: Report) -> dict[str, Any]:
    """Return what processes have counted that have ended, and the names of their last files."""
    try:
        with open(os.path.join(folder, _PAST), "rb", opener=private) as file:
            found = json.loads(file.read(_LARGEST), parse_constant=sheets.no_number)
        gone = [name for name in found["gone"] if type(name) is str]
        return {"part": sheets.checked(found["part"]), "gone": gone}
    except FileNotFoundError:
        pass
    except Exception:
        report("counters", f"{folder}: {_PAST} cannot be read, and does not count")
    return {"part": NOTHING, "gone": []}


def _opened(folder: str, how: int, report: Report) -> Iterator[tuple[str, int]]:
    """Yield the names and descriptors of the files of single processes."""
    try:
        names = [name for name in os.listdir(folder) if name.startswith(_BEGIN)]
    except OSError:
        names = []
    for name in sorted(name for name in names if name.endswith(_END))[:_MOST_FILES]:
        try:
            file = private(os.path.join(folder, name), how)
        except FileNotFoundError:
            continue
        except OSError:
            report("counters", f"{folder}: {name!r} cannot be read, and does not count")
            continue
        try:
            yield name, file
        finally:
            os.close(file)


def _read(folder: str, name: str, file: int, report: Report) -> Part | None:
    """Return what a process has written, or None if that is nothing to rely on."""
    try:
        content = os.read(file, sheets.SIZE + 1)
        return sheets.read(content) if content.strip(b"\0") else None
    except (OSError, ValueError):
        said = "has no counters that can be read, and does not count"
        report("counters", f"{folder}: {name!r} {said}")
        return None


def _allocate(file: int, size: int) -> None:
    """Take the room on the disk now, so that no count is lost when it is full later."""
    os.ftruncate(file, size)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
