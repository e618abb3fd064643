"""Static files under URLs that name a version of their content, which browsers keep for ever."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from wsgicache.controls.control import Control
from wsgicache.controls.decorators import cache_control
from wsgicache.controls.routes import Route
from wsgicache.rules.checks import must_be, text
from wsgicache.rules.dates import parse_date
from wsgicache.rules.response import Response

__all__ = ["StaticVersions"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_DIRECTORY = "the path of a directory, such as 'static'"
_PREFIX = re.compile(r"/(?:[^*]*/)?")
_PREFIXES = "a path that begins and ends with / and has no *, such as '/static/'"
_FOR_EVER = cache_control(public=True, max_age=31_536_000, immutable=True)
_ANOTHER = cache_control(no_store=True)


class StaticVersions(Control):
    """Versions for the files in *directory*, for URLs that browsers may keep for ever.

    The app serves the files under *prefix*::

        versions = StaticVersions("static")
        app = CacheMiddleware(app, routes=[versions.route])
        versions.url("app.js")  # /static/app.js?v=6f1c…

    The answer to a request with the right version says ``public, max-age=31536000, immutable`` (RFC
    8246). With another version it says ``no-store``. Without a version it says what the app says.
    *prefix* is the path in the URL, mount point included. Raises TypeError and ValueError.
    """

    def __init__(self, directory: str | os.PathLike[str], prefix: str = "/static/") -> None:
        if not isinstance(directory, str | os.PathLike):
            raise TypeError(must_be("StaticVersions.directory", _DIRECTORY, directory))
        if not os.path.isdir(directory):
            raise ValueError(
                must_be("StaticVersions.directory", "a directory that exists", directory)
            )
        text("StaticVersions.prefix", prefix, _PREFIXES, _PREFIX)
        super().__init__()
        self.directory = os.path.abspath(os.fspath(directory))
        self.prefix = prefix
        self._known: dict[str, tuple[tuple[int, int], str]] = {}

    @property
    def route(self) -> Route:
        """The route for ``CacheMiddleware(routes=…)`` that makes versioned URLs immutable.

        The app sees no cookies there, since a file is the same whatever cookies a browser sends.
        """
        return Route(f"{self.prefix}*", self, method="GET", override=True, cookies=())

    def url(self, name: str) -> str:
        """Return the URL of the file *name*, with its version if there is such a file.

        Raises TypeError for anything but a name.
        """
        version = self.version(name)
        return self.prefix + quote(name) + (f"?v={version}" if version else "")

    def version(self, name: str) -> str | None:
        """Return the version of the file *name*, or None if there is no such file.

        A file is read again only if its time or its size has changed. Raises TypeError for anything
        but a name.
        """
        found = self._stat(text("name of version()", name, "the name of a file, such as 'app.js'"))
        return None if found is None else self._digest(*found)

    def about(self, response: Response, environ: WSGIEnvironment) -> Control | None:
        """Return the control that makes *response* immutable, if it is the file in its version.

        For another version the control forbids storing: during a deployment a process may be asked
        for a version that it does not have yet.
        """
        path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        query: str = environ.get("QUERY_STRING", "")
        asked = [piece for piece in query.split("&") if piece.partition("=")[0] == "v"]
        if not asked:
            return None
        # A WSGI environ has the path's bytes as Latin-1 (PEP 3333).
        name = path.encode("latin-1").decode("utf-8", "replace")[len(self.prefix) :]
        found = self._stat(name)
        if found is None or asked != [f"v={self._digest(*found)}"]:
            return _ANOTHER
        if response.code not in (200, 206, 304):
            return None
        if not _may_be(response, found[1]):
            return _ANOTHER
        return _FOR_EVER if query == asked[0] else None

    def _stat(self, name: str) -> tuple[str, os.stat_result] | None:
        from werkzeug.security import safe_join

        file = safe_join(self.directory, name) if "\0" not in name else None
        try:
            return None if file is None or not os.path.isfile(file) else (file, os.stat(file))
        except OSError:
            return None

    def _digest(self, file: str, stat: os.stat_result) -> str | None:
        state = (stat.st_mtime_ns, stat.st_size)
        known = self._known.get(file)
        if known is not None and known[0] == state:
            return known[1]
        try:
            with open(file, "rb") as content:
                digest = hashlib.file_digest(content, "blake2b").hexdigest()[:20]
        except OSError:
            return None
        self._known[file] = (state, digest)
        return digest


def _may_be(response: Response, stat: os.stat_result) -> bool:
    """Return whether *response* may be the file as it is now.

    It is not if its fields show that it was opened before the file was replaced.
    """
    modified = parse_date(response.field("last-modified"), response.wall)
    if modified is not None and modified != int(stat.st_mtime):
        return False
    length = response.field("content-length")
    whole = response.code == 200 and "content-encoding" not in response.values
    return not whole or length is None or length == str(stat.st_size)
