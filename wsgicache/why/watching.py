"""An environ that notes what an app reads of it, and where."""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from types import CodeType, FrameType
from typing import Any

__all__ = ["Reads", "WatchedEnviron", "raised_at"]

_INSTALLED = re.compile(r".*/(?:site|dist)-packages/")
_STANDARD = tuple(sorted({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}))
_PASSING_ON = frozenset({"werkzeug", "webob"})
"""Packages that read a field because their caller wants it."""
_DEEPEST = 80
_OWN = __name__.partition(".")[0]
_NEAREST = 3
"""In so many of the app's functions on the stack, texts may be values that it looks for."""
_MOST_LOCATED = 64
"""So often the reader of a key is looked for."""
_MOST_WORDS = 24
_LONGEST_WORD = 60


class Reads:
    """What was read: environ keys and cookies, and for each the places in the app's own code."""

    def __init__(self) -> None:
        self.places: dict[str, dict[str, None]] = {}
        """Environ keys, and ``cookie NAME`` for a cookie, that were read by name."""
        self.own: set[str] = set()
        """Those of them that the app's own code read, and not only a library."""
        self.words: dict[str, dict[str, None]] = {}
        """For each of those, the texts in the functions that read it, such as values."""
        self.copied: dict[str, None] | None = None
        """Where all of it was read at once, so that nothing is known of each key; None if it was
        not."""
        self.parsed: dict[str, None] | None = None
        """Where all cookies were read at once; None if they were not."""
        self._located: Counter[str] = Counter()
        self._is_following = False

    def note(self, key: object) -> None:
        """Note that *key* was read by name, and by which line of the app."""
        if not isinstance(key, str) or self._is_following or self._located[key] >= _MOST_LOCATED:
            return
        self._located[key] += 1
        place, codes = _reader()
        known = self.places.setdefault(key, {})
        if place is not None and place not in known:
            known[place] = None
            texts = [text for code in codes for text in _texts(code)]
            self.words.setdefault(key, {}).update(dict.fromkeys(texts[:_MOST_WORDS]))
        if codes:
            self.own.add(key)
        if key == "HTTP_COOKIE":
            self.note_cookies()

    def note_copy(self) -> None:
        """Note that all of the environ was read at once."""
        if not self._is_following:
            self.copied = (self.copied or {}) | _known(_reader()[0])
            self.note_cookies()

    def note_cookies(self) -> None:
        """Note that all cookies were read at once."""
        if not self._is_following:
            self.parsed = (self.parsed or {}) | _known(_reader()[0])

    @contextmanager
    def following(self) -> Iterator[None]:
        """Note nothing meanwhile: what is read is followed in another way."""
        before, self._is_following = self._is_following, True
        try:
            yield
        finally:
            self._is_following = before


def _known(place: str | None) -> dict[str, None]:
    return {} if place is None else {place: None}


def _reader() -> tuple[str | None, list[CodeType]]:
    """Return who reads, as ``file:line``, and the code of the app's nearest functions.

    That is the innermost line of code that belongs to no library. If there is none, it is the
    innermost line of a library that reads for itself.
    """
    frame: FrameType | None = sys._getframe(2)
    library: str | None = None
    own: list[FrameType] = []
    for _ in range(_DEEPEST):
        if frame is None or frame.f_globals.get("__name__") == f"{_OWN}.why.trying":
            break
        file = frame.f_code.co_filename
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package != _OWN and not file.startswith("<frozen"):
            if _INSTALLED.search(file):
                if library is None and package not in _PASSING_ON:
                    library = _shown(frame)
            elif not file.startswith(_STANDARD) and _has_lines(frame):
                own.append(frame)
            if "start_response" in frame.f_code.co_varnames[: frame.f_code.co_argcount]:
                break  # What is around another app's call did not ask for this.
        frame = frame.f_back
    if not own:
        return library, []
    return _shown(own[0]), [one.f_code for one in own[:_NEAREST]]


def _has_lines(frame: FrameType) -> bool:
    """Return whether somebody can look up the lines of *frame*."""
    template = frame.f_globals.get("__jinja_template__")
    if template is not None:
        return bool(template.name)
    return bool(linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals))


def _shown(frame: FrameType) -> str:
    file, line = frame.f_code.co_filename, frame.f_lineno
    template = frame.f_globals.get("__jinja_template__")
    if template is not None:
        file = template.filename or template.name
        line = template.get_corresponding_lineno(line)
    return f"{_INSTALLED.sub('', file)}:{line}"


def raised_at(error: BaseException) -> str:
    """Return the kind of *error*, and the line of the application that raised it."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    others = (*_STANDARD, os.path.dirname(os.path.dirname(__file__)))
    own = [
        frame
        for frame in frames
        if not _INSTALLED.search(file := frame.f_code.co_filename) and not file.startswith(others)
    ]
    return f"{type(error).__name__} at {_shown((own or frames)[-1])}"


def _texts(code: CodeType) -> tuple[str, ...]:
    """Return the short texts that *code* mentions, but not those of the functions within it."""
    found: list[str] = []
    queue: list[object] = [*code.co_consts]
    while queue:
        one = queue.pop(0)
        if isinstance(one, tuple | frozenset):
            queue += sorted(one, key=repr)
        elif isinstance(one, str) and 0 < len(one) <= _LONGEST_WORD and _could_be_sent(one):
            found.append(one)
    return tuple(found)


def _could_be_sent(text: str) -> bool:
    return text.isascii() and text.isprintable() and not text.isspace() and "<" not in text


class WatchedEnviron(dict[str, Any]):
    """An environ that tells *reads* what is read of it."""

    def __init__(self, environ: dict[str, Any], reads: Reads) -> None:
        super().__init__(environ)
        self._reads = reads

    def __getitem__(self, key: str) -> Any:
        self._reads.note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._reads.note(key)
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, or *default*."""
        self._reads.note(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove *key* and return its value."""
        self._reads.note(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, which is *default* from now on if there was none."""
        self._reads.note(key)
        return super().setdefault(key, default)

    def __iter__(self) -> Iterator[str]:
        self._reads.note_copy()
        return super().__iter__()

    def keys(self) -> Any:
        """Return all keys."""
        self._reads.note_copy()
        return super().keys()

    def items(self) -> Any:
        """Return all keys with their values."""
        self._reads.note_copy()
        return super().items()

    def values(self) -> Any:
        """Return all values."""
        self._reads.note_copy()
        return super().values()

    def copy(self) -> WatchedEnviron:
        """Return a copy, which is watched, too."""
        return WatchedEnviron(dict(super().items()), self._reads)
