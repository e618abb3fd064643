"""LMDB environments: files that all processes of a machine map into memory.

A process opens each one once, and closes it before a fork; parent and child open it again. Data
from before the last start of the machine is not trusted, since nothing waited for it to reach the
disk.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from mmap import mmap
from typing import Any, NamedTuple, TypeVar

import lmdb

from wsgicache import forks
from wsgicache.reporting import log
from wsgicache.rules.checks import must_be
from wsgicache.rules.model import NEVER
from wsgicache.stores.folders import check_folder
from wsgicache.stores.stamps import allocated, mapped

__all__ = ["MAX_BYTES", "PLACES", "Environment", "Opened", "environment_at"]

T = TypeVar("T")

MAX_BYTES = 1 << 30
PLACES = 1 << 20
"""Bytes of the file of used flags: one byte for each number."""
_READERS = 1024
_OTHER_BOUND = (
    "%s keeps the max_bytes=%d of another process, not the %d given here: "
    "give all processes the same"
)
_BOOT = "/proc/sys/kernel/random/boot_id"


class Opened(NamedTuple):
    """An open environment, its three tables, and the file of used flags."""

    env: lmdb.Environment
    entries: Any
    """By name: when the value ends, its number, and the value."""
    order: Any
    """By number, in the order of adding: the cost of the entry, and its name."""
    about: Any
    """The counters, and the position of the hand."""
    used: mmap
    lock: int
    """A locked file descriptor, by which others see that the environment is in use."""
    max_bytes: int
    """The limit of the file."""

    def close(self) -> None:
        """Close everything."""
        self.env.close()
        self.used.close()
        os.close(self.lock)


class Environment:
    """The environment in the folder *path*, whose file has *max_bytes* at most.

    If it is None, or other processes use the folder, what they have is the bound.
    """

    def __init__(self, path: str, max_bytes: int | None) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._opened: Opened | None = None
        self._looked_at = NEVER
        self.begin_in_child()
        forks.renew(self)

    def begin_in_child(self) -> None:
        """Begin with a new gate."""
        # PERF: the lock itself is 0.4 µs faster than a condition, which is entered in Python.
        self._lock = threading.RLock()
        self._gate = threading.Condition(self._lock)
        self._using = 0
        self._closing = False
        self._panicked = False

    def run(self, do: Callable[[Opened], T]) -> T:
        """Return what *do* returns for the open environment. *do* neither keeps nor calls it."""
        with self._lock:
            if self._closing:
                self._gate.wait_for(lambda: not self._closing)
            if self._opened is not None and not self._using and self._is_gone(self._opened):
                self._opened.close()
                self._opened = None
            if self._opened is None:
                self._opened = _opened(self.path, self.max_bytes)
                self._panicked = False
            opened = self._opened
            self._using += 1
        try:
            return do(opened)
        except lmdb.PanicError:
            # If a write failed in the middle, only a new environment can go on.
            self._panicked = True
            raise
        finally:
            with self._lock:
                self._using -= 1
                if self._closing:
                    self._gate.notify_all()

    def _is_gone(self, opened: Opened) -> bool:
        """Return whether the folder has other files now; it looks once a second."""
        now = time.monotonic()
        if self._panicked:
            return True
        if now - self._looked_at < 1:
            return False
        self._looked_at = now
        try:
            return not os.path.samestat(os.stat(_lock_of(self.path)), os.fstat(opened.lock))
        except OSError:
            return True

    def close(self) -> None:
        """Close it once no thread uses it, and keep it closed until `release`."""
        with self._gate:
            self._closing = True
            while self._using:
                self._gate.wait()
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def release(self) -> None:
        """Let the next operation open it again."""
        with self._gate:
            self._closing = False
            self._gate.notify_all()

    def __del__(self) -> None:
        if self._opened is not None:
            self._opened.close()


def _lock_of(path: str) -> str:
    return os.path.join(path, "in-use")


def _opened(path: str, max_bytes: int | None) -> Opened:
    """Open the environment in *path*.

    It begins anew if no process uses it and it is broken, or from before the machine last started.
    Raises OSError and lmdb.Error.
    """
    check_folder(path)
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    lock = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        alone = _is_alone(lock)
        known = _bound_in(path)
        if max_bytes is None or (known is not None and not alone):
            bound = known or MAX_BYTES
        else:
            bound = max_bytes
        if alone and not (_is_of_this_start(path) and _has_room(path, bound)):
            _begin_anew(path)
        if alone:
            _note(path, "max-bytes", str(bound))
        elif max_bytes not in (None, bound):
            log.warning(_OTHER_BOUND, path, bound, max_bytes)
        try:
            env = _environment(path, bound)
        except (lmdb.InvalidError, lmdb.CorruptedError, lmdb.VersionMismatchError):
            if not alone:
                raise
            _begin_anew(path)
            env = _environment(path, bound)
        _share(lock)
        entries, order, about = (env.open_db(name) for name in (b"entries", b"order", b"about"))
        used, _ = mapped(os.path.join(path, "used"), PLACES)
        return Opened(env, entries, order, about, used, lock, bound)
    except BaseException:
        os.close(lock)
        raise


def _environment(path: str, max_bytes: int) -> lmdb.Environment:
    # LMDB only says how large this file is: see `allocated`.
    os.close(allocated(os.path.join(path, "lock.mdb"), 64 * (_READERS + 1)))
    env = lmdb.open(
        path,
        map_size=max_bytes,
        max_dbs=3,
        max_readers=_READERS,
        mode=0o600,
        sync=False,
        metasync=False,
    )
    whole = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    if os.path.getsize(os.path.join(path, "data.mdb")) < whole:
        env.close()
        # To read a mapped page behind the end of a file ends the process (SIGBUS).
        raise lmdb.CorruptedError("data.mdb has lost its end")
    return env


def _begin_anew(path: str) -> None:
    for name in ("data.mdb", "lock.mdb", "used"):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(path, name))
    _note(path, "start", _start())


def _is_of_this_start(path: str) -> bool:
    """Return whether the environment in *path* began after the machine last started."""
    return _noted(path, "start") == _start() != ""


def _bound_in(path: str) -> int | None:
    """Return the bound that the environment in *path* has had so far."""
    noted = _noted(path, "max-bytes")
    return int(noted) if noted.isdecimal() else None


def _has_room(path: str, bound: int) -> bool:
    """Return whether what is in *path* fits into *bound*."""
    try:
        return os.stat(os.path.join(path, "data.mdb")).st_size <= bound
    except OSError:
        return True


def _note(path: str, name: str, text: str) -> None:
    with open(os.path.join(path, name), "w", encoding="ascii") as file:
        file.write(text)


def _noted(path: str, name: str) -> str:
    try:
        with open(os.path.join(path, name), encoding="ascii") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def _start() -> str:
    """Return what identifies this start of the machine, or nothing if the system does not."""
    return _noted("", _BOOT).strip()


try:
    import fcntl
except ImportError:  # Windows: other processes are unknown, so nothing is removed

    def _is_alone(lock: int) -> bool:
        return False

    def _share(lock: int) -> None:
        pass

else:

    def _is_alone(lock: int) -> bool:
        """Return whether no other process has it open; if one is opening it, wait for that."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
            return False
        return True

    def _share(lock: int) -> None:
        """Let other processes open it, too."""
        fcntl.flock(lock, fcntl.LOCK_SH)


# ── one for each path ──────────────────────────────────────────────────────────────────────────

_environments: weakref.WeakValueDictionary[str, Environment] = weakref.WeakValueDictionary()
_forking = threading.Lock()
_closed: list[Environment] = []


def environment_at(path: str, max_bytes: int | None = None) -> Environment:
    """Return the environment that this process has at *path*.

    Raises ValueError if it has one of another size there.
    """
    path = os.path.realpath(path)
    with _forking:
        known = _environments.get(path)
        if known is None:
            known = _environments[path] = Environment(path, max_bytes)
    if known.max_bytes is None:
        known.max_bytes = max_bytes
    elif max_bytes not in (None, known.max_bytes):
        kind = f"the same for all stores of a process at {path}, which is {known.max_bytes}"
        raise ValueError(must_be("LMDBStore.max_bytes", kind, max_bytes))
    return known


def _before_fork() -> None:
    _forking.acquire()
    _closed[:] = list(_environments.values())
    for one in _closed:
        one.close()


def _after_fork() -> None:
    for one in _closed:
        one.release()
    _closed.clear()
    _forking.release()


forks.around(_before_fork, _after_fork)
