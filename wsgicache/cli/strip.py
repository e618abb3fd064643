"""The strip of ``wsgicache run --strip``: what the cache did, at the foot of each page.

Only what a person goes to gets it, as the last bytes of a page that is otherwise untouched. It is
added in front of the cache, so nothing stored has it. A page with a strip is another page than the
one without, and has an entity tag of its own. By that a page view gets a 304 as without the strip,
while a script that fetches the same URL gets the page, and no range is added to the one or the
other. Digests of the content leave.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wsgicache.cli.foot import FILES, PLACE, Came, foot
from wsgicache.dashboard.assets import CACHED
from wsgicache.dashboard.recent import is_page_view
from wsgicache.middleware import CacheMiddleware
from wsgicache.observe.stats import Told
from wsgicache.rules.fields import delta_seconds, parse_cache_control
from wsgicache.rules.model import FieldLines

__all__ = ["KEY", "with_strip"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "wsgicache.strip"
"""The environ key of what is known of the request."""
_OF_CONTENT = frozenset({"content-digest", "repr-digest", "digest", "content-md5"})
"""Fields about the very bytes of the content."""
_VARY = ("Vary", "Sec-Fetch-Dest")
_MARK = "+strip"
"""What the entity tag of a page with a strip ends with."""
_MARKED = re.compile(rf'W/"([^"]*){re.escape(_MARK)}"')
_SCRIPT = re.compile(rb"<(/?)script[\s/>]", re.IGNORECASE)
_LONGEST_TAG = 9
"""Bytes of a chunk in which such a tag may have begun."""


class _Known:
    """What is known of one request, once its answer begins."""

    told: Told | None = None


def with_strip(app: WSGIApplication, cache: CacheMiddleware) -> WSGIApplication:
    """Return *app*, in which *cache* is, with a strip at the foot of each page."""
    if cache._counting.watching is not None:
        cache._counting.watching.add(_note)

    def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if path in FILES and method in ("GET", "HEAD"):
            kind, content = FILES[path]
            lines = [
                ("Content-Type", kind),
                ("Content-Length", str(len(content))),
                CACHED,
                ("X-Content-Type-Options", "nosniff"),
            ]
            start_response("200 OK", lines)
            return [] if method == "HEAD" else [content]
        if method != "GET" or path.startswith(PLACE) or not is_page_view(environ):
            return app(environ, start_response)
        return _with_foot(app, cache, environ, start_response)

    return served


def _note(told: Told, route: str, environ: Mapping[str, Any]) -> None:
    known = environ.get(KEY)
    if isinstance(known, _Known):
        known.told = told


def _with_foot(
    app: WSGIApplication,
    cache: CacheMiddleware,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterator[bytes]:
    known = environ[KEY] = _Known()
    marked = frozenset(_MARKED.findall(environ.get("HTTP_IF_NONE_MATCH", "")))
    _unmark(environ)
    came: Came | None = None
    scripts = _Scripts()

    def start(status: str, fields: FieldLines, exc_info: Any = None) -> Callable[[bytes], object]:
        nonlocal came
        came = None
        if status[:3] == "304":
            fields = [*(_marked(*line, of=marked) for line in fields), _VARY]
        elif status[:3] == "200" and _takes_a_foot(fields):
            came = Came(environ, fields, known.told, cache.clock.wall())
            fields = _with_length(fields, len(foot(came)))
        write = start_response(status, fields, exc_info)

        def seeing(data: bytes) -> object:
            scripts.see(data)
            return write(data)

        return seeing

    body = app(environ, start)
    try:
        for chunk in body:
            scripts.see(chunk)
            yield chunk
        if came is not None:
            came.lifetime = _lifetime(cache, came.told)
            below = foot(came)
            # Within a script that does not end, the end of ours would be that of the page's.
            yield b" " * len(below) if scripts.is_open else below
    finally:
        if hasattr(body, "close"):
            body.close()


def _lifetime(cache: CacheMiddleware, told: Told | None) -> float | None:
    """Return the lifetime of what was stored just now, if it can be found."""
    if told is None or told.key is None or told.outcome != "stored":
        return None
    try:
        entry = cache._entries.get(told.key)
    except Exception:  # a store that fails is the concern of the cache
        return None
    responses = [] if entry is None else entry.responses.values()
    newest = max(responses, key=lambda stored: stored.generated_at, default=None)
    return None if newest is None else newest.freshness_lifetime


def _takes_a_foot(fields: FieldLines) -> bool:
    """Return whether the content of a 200 is a whole page, as text that may be added to."""
    values: dict[str, str] = {}
    for name, value in fields:
        name = name.lower()
        values[name] = f"{values[name]}, {value}" if name in values else value
    kind, _, parameters = values.get("content-type", "").partition(";")
    return (
        kind.strip().lower() == "text/html"
        and _has_ascii(parameters)
        and values.get("content-encoding", "identity").strip().lower() in ("identity", "")
        and "content-range" not in values
        and "transfer-encoding" not in values
        and not values.get("content-disposition", "").strip().lower().startswith("attachment")
        and ("content-length" not in values or delta_seconds(values["content-length"]) is not None)
        # RFC 9111 §5.2.2.6: intermediaries must not transform the content.
        and "no-transform" not in parse_cache_control(values.get("cache-control", ""))
    )


def _has_ascii(parameters: str) -> bool:
    """Return whether the charset among *parameters* has the characters of ASCII as its bytes."""
    named = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", parameters, re.IGNORECASE)
    try:
        return named is None or "<a>".encode(codecs.lookup(named[1]).name) == b"<a>"
    except (LookupError, TypeError, UnicodeError):
        return False


def _with_length(fields: FieldLines, more: int) -> FieldLines:
    """Return the *fields* of a page that has gained *more* bytes."""
    changed = []
    for name, value in fields:
        lower = name.lower()
        if lower == "content-length":
            value = str((delta_seconds(value) or 0) + more)
        elif lower in _OF_CONTENT or lower == "accept-ranges":
            continue
        changed.append(_marked(name, value))
    names = {name.lower() for name, _ in changed}
    if "etag" not in names and "last-modified" in names:
        changed.append(("ETag", f'W/"{_MARK}"'))
    return [*changed, ("Accept-Ranges", "none"), _VARY]


def _marked(name: str, value: str, of: frozenset[str] | None = None) -> tuple[str, str]:
    """Return a field line, an entity tag as that of a page with a strip: any, or one *of* these.

    It is weak: what the strip says changes, and the tag does not.
    """
    tag = value.strip().removeprefix("W/")
    if name.lower() != "etag" or tag[:1] != '"' or not (of is None or tag[1:-1] in of):
        return name, value
    return name, f'W/"{tag[1:-1]}{_MARK}"'


def _unmark(environ: WSGIEnvironment) -> None:
    """Let the tags that the browser has be those that cache and app know."""
    asked = environ.get("HTTP_IF_NONE_MATCH")
    if asked is None or _MARKED.search(asked) is None:
        return
    known = _MARKED.sub(lambda tag: f'W/"{tag[1]}"' if tag[1] else "", asked).strip(" ,\t")
    if known:
        environ["HTTP_IF_NONE_MATCH"] = known
    else:  # there is If-Modified-Since
        del environ["HTTP_IF_NONE_MATCH"]


class _Scripts:
    """Whether the page ends within a script that does not end."""

    is_open = False
    _rest = b""

    def see(self, chunk: bytes) -> None:
        """See the next bytes of the page."""
        text = self._rest + chunk
        for tag in _SCRIPT.finditer(text):
            self.is_open = not tag[1]
        self._rest = text[-_LONGEST_TAG + 1 :]
