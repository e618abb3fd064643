"""Does the media type of a response fit the file extension of its path?"""

from __future__ import annotations

import re

from wsgicache.rules.bounds import Remembered

__all__ = ["contradicts", "extension_of"]

_EXTENSION = re.compile(r"\*[^*/]*(\.[A-Za-z0-9]+)\Z")
_MORE = {".otf": "font/otf", ".ttf": "font/ttf", ".woff": "font/woff", ".woff2": "font/woff2"}
"""Media types that the tables of older Pythons lack."""
_ANY_FILE = "application/octet-stream"
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_ALIKE = frozenset({"audio", "font", "image", "video"})
"""Types of which the first half suffices: the second has several names."""


def extension_of(pattern: str) -> str | None:
    """Return the file extension at the end of a path *pattern* for several paths, or None."""
    found = _EXTENSION.search(pattern)
    return None if found is None else found[1].lower()


def contradicts(extension: str, kind: str) -> bool:
    """Return whether the media type *kind*, in lower case, does not fit *extension*.

    A client may end a path as it likes, and a view that answers everything below its own path
    returns its page for that. If no table knows the extension, at least a page does not fit.
    """
    return _remembered[extension, kind]


def _contradicts(asked: tuple[str, str]) -> bool:
    extension, kind = asked
    from mimetypes import guess_type

    expected, packed = guess_type(f"x{extension}", strict=False)
    if packed:
        return kind not in (_ANY_FILE, "application/x-tar") and packed not in kind
    expected = expected or _MORE.get(extension)
    if expected is None:
        return kind in _PAGES
    if kind in (expected, _ANY_FILE):
        return False
    group, _, name = kind.partition("/")
    if kind in _PAGES or not name:
        return True
    expected_group, _, expected_name = expected.partition("/")
    if group == expected_group and group in _ALIKE:
        return False
    # One type may have two names: x-zip-compressed is zip, rss+xml is xml.
    expected_name = expected_name.removeprefix("x-")
    return expected_name not in name and name.removeprefix("x-") not in expected_name


_remembered = Remembered(_contradicts, 1024)
