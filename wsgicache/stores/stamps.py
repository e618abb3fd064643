"""Words in a file that all processes of a machine map: they show changes at once.

A reader of an entry first notes the word of its key, and the *purges word*. It may use what it read
as long as both words stay the same. A writer changes the data first, then the words, and then
returns.

A reader of the state of an LMDBStore, which says what was purged, does the same with the purges
word alone.

A word is 64 random bits. So nobody has to count, and no value comes twice. Words are copied as
aligned 8 bytes of a memoryview, without a lock. That is enough, on x86-64 and on ARM64:

- Torn copies. Both processors copy aligned 8 bytes as one. If one did not, a half-old note would
  differ from the later word, and a comparison with half a word would differ, too. Either costs one
  more look-up.

- When a word is seen. After the change has returned, somebody learns of it by a message, and sends
  a request to another process. The message and the request pass through the kernel, which orders
  all that was written before against all that is read after it, on both processors.

- In which order two words are seen. x86-64 keeps the order of writes, and that of reads; ARM64
  keeps neither. Where an order counts, an `_in_order` stands between. It takes a lock, gives it
  back and takes it again, which orders memory on every processor (POSIX.1-2017, 4.12; on ARM64 a
  store-release and then a load-acquire).

A purge of groups, or of everything, changes three words: the purges word, those of the groups, and
the purges word again. A reader that sees a new purges word compares the words of the groups.
Without the first change, a reader could note the new word of a group beside data from before the
purge: it would have read the data before the purge changed them, and would find the purges word
unchanged. Without the last change, a reader could look at the group too early, and keep the purges
word for good.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from mmap import mmap
from typing import NamedTuple
from zlib import crc32

from wsgicache.reporting import log
from wsgicache.rules.entries import Change
from wsgicache.rules.keys import Key
from wsgicache.rules.model import CacheEntry
from wsgicache.stores import StoreError
from wsgicache.stores.folders import check_folder

__all__ = [
    "PURGES",
    "Stamps",
    "Telling",
    "allocated",
    "mapped",
    "of_cookies",
    "of_groups",
    "of_key",
]

PURGES = 0
"""The place of the purges word, which each purge of groups or of everything changes."""
_EVERYTHING = 1
_GROUPS = 1 << 12
_KEYS = 1 << 16
_FIRST_GROUP = 2
_FIRST_KEY = _FIRST_GROUP + _GROUPS
_WORDS = _FIRST_KEY + 2 * _KEYS
"""The second half of the keys' words shows released leases."""
_FILE = "stamps-1"
"""The name of the file; another layout gets another name."""
_UNUSED = (
    "%s cannot be used, so a near store sees what another process changes after a second, not at "
    "once; name a folder with ?near=…&stamps=/folder: %s: %s"
)
_LEAST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.005


def of_key(key: Key) -> int:
    """Return the place of the word of *key*; other keys may share it."""
    return _FIRST_KEY + _hashed("\n".join(key)) % _KEYS


def of_cookies(cookies: str) -> int:
    """Return the place of the word for the mark of *cookies*."""
    return _FIRST_KEY + _hashed(cookies) % _KEYS


def of_groups(names: Iterable[str]) -> list[int]:
    """Return the places of the words that end what belongs to groups with these *names*."""
    return [_EVERYTHING, *(_FIRST_GROUP + _hashed(name) % _GROUPS for name in names)]


def _hashed(text: str) -> int:
    """Return a hash that is the same in every process."""
    return crc32(text.encode("utf-8", "surrogatepass"))


class _Noted(NamedTuple):
    words: memoryview[int]
    purges: int


class Stamps:
    """The words in the folder *path*; without it, those of this process and its children.

    If they are not *needed*, the last ones also serve while the folder cannot be used.
    """

    def __init__(self, path: str = "", *, needed: bool = True) -> None:
        self._folder = path
        self._path = os.path.join(path, _FILE) if path else ""
        self._file = 0, 0
        self._has_told = False
        self._needed = needed
        size = 8 if path and needed else 8 * _WORDS
        self.words = memoryview(mmap(-1, size)).cast("Q")
        """The words as last mapped."""

    @property
    def are_shared(self) -> bool:
        """Whether other processes than children may have them, too."""
        return bool(self._path)

    def current(self) -> memoryview[int]:
        """Return the words of the file that is there now. Raises StoreError if they are needed."""
        if not self._path:
            return self.words
        try:
            try:
                found = os.stat(self._path)
            except FileNotFoundError:
                return self._mapped()
            if (found.st_dev, found.st_ino) != self._file:
                return self._mapped()
        except (OSError, ValueError) as error:
            if self._needed:
                raise StoreError(f"{self._path}: {type(error).__name__}: {error}") from error
            if not self._has_told:
                self._has_told = True
                log.warning(_UNUSED, self._path, type(error).__name__, error)
        return self.words

    def _mapped(self) -> memoryview[int]:
        with suppress(FileExistsError):
            os.mkdir(self._folder, 0o700)
        # After that: if it was not made, others may have made it a moment ago.
        check_folder(self._folder)
        words, self._file = mapped(self._path, 8 * _WORDS)
        self.words = memoryview(words).cast("Q")
        return self.words

    def noted(self, place: int) -> tuple[memoryview[int], int, int]:
        """Return the words, the purges word and the word at *place*, before all else is read."""
        words = self.current()
        purges, word = words[PURGES], words[place]
        _in_order()
        return words, purges, word

    def noted_purges(self) -> object:
        """Return a note of all purges so far, before all else is read; None without the words."""
        try:
            words, purges, _ = self.noted(PURGES)
        except StoreError:
            return None
        return _Noted(words, purges)

    def none_since(self, noted: object) -> bool:
        """Return whether there was no purge since that note."""
        words = self.words
        return type(noted) is _Noted and noted.words is words and words[PURGES] == noted.purges

    def still(self, words: memoryview[int], purges: int) -> bool:
        """Return whether the words are the same and nothing was purged, after all else was read."""
        _in_order()
        return words is self.words and words[PURGES] == purges

    def tell(self, place: int) -> None:
        """Show a change of what has its word at *place*."""
        words = self.current()
        _in_order()
        words[place] = _new_word()

    def tell_purge(self, names: Iterable[str]) -> None:
        """Show a purge of groups with these *names*, or of everything if there are none."""
        places = of_groups(names)
        words = self.current()
        for changed in ([PURGES], places[1:] or places, [PURGES]):
            _in_order()
            for place in changed:
                words[place] = _new_word()

    # ── leases that were given back ────────────────────────────────────────────────────────────

    def landed(self, key: Key) -> int:
        """Return a number that changes when a lease of *key* is given back."""
        return self.current()[of_key(key) + _KEYS]

    def land(self, key: Key) -> None:
        """Wake those who wait for a lease of *key*."""
        self.tell(of_key(key) + _KEYS)

    def wait(self, key: Key, since: int, seconds: float) -> None:
        """Wait until `landed` differs from *since*, but no longer than *seconds*."""
        place, pause, ends = of_key(key) + _KEYS, _LEAST_PAUSE, time.monotonic() + seconds
        while self.words[place] == since and (left := ends - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(1.5 * pause, _LONGEST_PAUSE)


def mapped(path: str, size: int) -> tuple[mmap, tuple[int, int]]:
    """Return the file *path*, of *size* bytes, mapped into memory, and its device and inode.

    It makes the file if it is not there. Raises OSError.
    """
    file = allocated(path, size)
    try:
        found = os.fstat(file)
        return mmap(file, size), (found.st_dev, found.st_ino)
    finally:
        os.close(file)


def allocated(path: str, size: int) -> int:
    """Return a descriptor of the file *path*, with *size* bytes of the disk allocated to it.

    On a full disk, a write to a mapped page without a place there would end the process. Raises
    OSError if the disk is full.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(file).st_size < size:
            os.ftruncate(file, size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            os.close(file)
            raise
    return file


def _new_word() -> int:
    return int.from_bytes(os.urandom(8))


def _in_order() -> None:
    """Order memory: all earlier reads and writes come before all later ones, for all processes."""
    lock = threading.Lock()
    lock.acquire()
    lock.release()
    lock.acquire()


class Telling:
    """The changes of a shared store, which it shows once they were made or have failed.

    It does nothing if the store shows them *itself*.
    """

    def __init__(self, stamps: Stamps, *, itself: bool = False) -> None:
        self._stamps = stamps
        self._tells = not itself

    def update(self, update: Callable[[Key, Change], None], key: Key, change: Change) -> None:
        """Call *update* to apply *change* to *key*, and show it unless it is a first fill.

        Before a first fill nobody has an older response, and many fills would end what others hold
        near.
        """
        news = True

        def noting(entry: CacheEntry | None) -> CacheEntry | None:
            nonlocal news
            after = change(entry)
            news = after is not entry and not _is_first(entry, after)
            return after

        try:
            update(key, noting)
        finally:
            if news and self._tells:
                self._stamps.tell(of_key(key))

    def bump(self, bump: Callable[[], None], groups: Iterable[str]) -> None:
        """Call *bump* to purge *groups*, or everything, and show it."""
        try:
            bump()
        finally:
            if self._tells:
                self._stamps.tell_purge(groups)

    def end_mark(self, end_mark: Callable[[str], None], cookies: str) -> None:
        """Call *end_mark* to give *cookies* a new mark, and show it."""
        try:
            end_mark(cookies)
        finally:
            if self._tells:
                self._stamps.tell(of_cookies(cookies))


def _is_first(before: CacheEntry | None, after: CacheEntry | None) -> bool:
    """Return whether an entry gets responses that had none."""
    held = before is not None and before.responses
    return not held and after is not None and bool(after.responses)
