"""Which responses belong together and end together (RFC 9875)?

A store counts *generations*. Each purge of groups, or of everything, begins one. A response is born
in the generation of its request, and a purge is known by the generation that it began.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import quote

from wsgicache.rules.bounds import WORTH_REMEMBERING
from wsgicache.rules.entries import softened
from wsgicache.rules.keys import Key, Selector, same_origin_key
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse
from wsgicache.rules.response import Response

__all__ = [
    "ALWAYS", "Generation", "destination_of", "group_name", "groups_of",
    "invalidated_collections", "invalidated_groups", "invalidated_keys", "is_of_webdav", "name_of",
    "names_of", "origin_of", "reviewed", "without_late", "without_unborn",
]  # fmt: skip

MOST_GROUPS = 128
MOST_TEXT = 16_384
"""Most groups of one response, and most characters of the fields that name them. Above either the
response is not stored: without its groups it could not be purged."""

_LABELS = frozenset({"cache-groups", "cache-tag", "surrogate-key"})
_COMMAS_OR_SPACES = re.compile(r"[ \t,]+")


_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]+")


def group_name(text: str) -> str:
    """Return *text* as the name of a group, in printable ASCII (RFC 9875 §2, RFC 9651 §3.3.3).

    Other characters are percent-encoded as in a URL (RFC 3987), so that no two texts have the same
    name.
    """
    return _NOT_PRINTABLE.sub(_encoded, text)


def _encoded(found: re.Match[str]) -> str:
    return quote(found[0], safe="", errors="surrogatepass")


def _decoded(value: str) -> str:
    """Return *value* with encoded words (RFC 2047) decoded.

    Django writes them for characters outside Latin-1.
    """
    if "=?" not in value:
        return value
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(value)))
    except Exception:  # any error that odd text causes in the parser
        return value


def _label(value: str) -> str:
    """Return the name of the group that a label of Cache-Tag or Surrogate-Key means.

    WSGI delivers its bytes as Latin-1 (PEP 3333). They are read as UTF-8 if they are valid UTF-8,
    else as Latin-1.
    """
    if value.isascii():
        return group_name(value)
    try:
        return group_name(value.encode("latin-1").decode("utf-8"))
    except UnicodeError:
        return group_name(value)


def groups_of(response: Response) -> tuple[str, ...] | None:
    """Return the groups that *response* belongs to, or None if they are too many to keep it.

    Cache-Groups is a List of Strings (RFC 9875 §2), and is ignored if it is anything else.
    Cache-Tag separates its labels by commas, Surrogate-Key by spaces or commas.
    """
    if _LABELS.isdisjoint(response.values):
        return ()
    fields = {name: value for name in _LABELS if (value := response.field(name)) is not None}
    if sum(map(len, fields.values())) > MOST_TEXT:
        return None
    tags, keys = (map(_decoded, response.lines(name)) for name in ("cache-tag", "surrogate-key"))
    labels = [tag.strip(" \t") for tag in ",".join(tags).split(",")]
    labels += _COMMAS_OR_SPACES.split(" ".join(keys))
    groups = [*_strings(fields.get("cache-groups", "")), *map(_label, labels)]
    found = tuple(dict.fromkeys(filter(None, groups)))
    return found if len(found) <= MOST_GROUPS else None


def invalidated_groups(response: Response) -> tuple[str, ...]:
    """Return the groups that the response to an unsafe request invalidates (RFC 9875 §3)."""
    value = response.field("cache-group-invalidation")
    return tuple(dict.fromkeys(_strings(value))) if value else ()


def invalidated_keys(key: Key, response: Response, destination: str | None = None) -> list[Key]:
    """Return the keys that the success of an unsafe request makes invalid (§4.4).

    They are the target URI, what Location and Content-Location name of the same origin, and the
    *destination* of what was moved or copied (`destination_of`).
    """
    keys = [key]
    references = [*response.lines("location"), *response.lines("content-location")]
    for reference in references if destination is None else [*references, destination]:
        other = same_origin_key(key, reference)
        if other is not None and other not in keys:
            keys.append(other)
    return keys


def destination_of(method: str, destination: str | None) -> str | None:
    """Return the Destination field if it applies to *method* (RFC 4918 §10.3), else None."""
    return destination if method in ("COPY", "MOVE") else None


def invalidated_collections(key: Key, method: str, destination: str | None) -> list[Key]:
    """Return the collections all of whose members an unsafe request makes invalid.

    A target is a collection if its path ends in a slash (RFC 4918 §5.2). DELETE and MOVE remove its
    members. COPY and MOVE put others at their *destination* (RFC 4918 §9.6.1, §9.8.3, §9.9.2).
    """
    if method not in ("COPY", "DELETE", "MOVE") or key[2][-1:] != "/":
        return []
    named = [] if method == "COPY" else [key]
    if destination is not None and (other := same_origin_key(key, destination)) is not None:
        named.append(other)
    return [(scheme, host, f"{path.rstrip('/')}/", "") for scheme, host, path, _ in named]


def is_of_webdav(method: str, depth: str | None) -> bool:
    """Return whether the app behind an unsafe request certainly speaks WebDAV.

    COPY and MOVE belong to WebDAV alone, and so does a DELETE with a Depth (RFC 4918 §9.6.1,
    §10.2). Other APIs also have paths that end in a slash, and nothing below them.
    """
    return method in ("COPY", "MOVE") or depth is not None


def _strings(value: str) -> list[str]:
    """Return the members of a List of Strings (RFC 9651 §3.1, §3.3.3), or none if it is invalid."""
    if not value:
        return []
    import http_sf

    try:
        members: Any = http_sf.parse(value.encode("ascii"), tltype="list")
        return [text if type(text) is str else _no_string(text) for text, _ in members]
    except (ValueError, TypeError):
        return []


def _no_string(member: object) -> str:
    raise TypeError(member)


def names_of(key: Key, groups: Iterable[str]) -> list[str]:
    """Return the names by which stores know the *groups* of a response under *key*.

    Each group has a name for its origin, which the app may invalidate (RFC 9875 §2.1), and one for
    all origins, which only the operator purges.
    """
    origin = origin_of(key)
    return [name_of(where, group) for group in groups for where in (origin, "*")]


def name_of(where: str, group: str) -> str:
    """Return what stores call the *group* of an origin, or of all (``*``).

    Stores remember purged groups, so a digest stands for a long name.
    """
    if len(group) > WORTH_REMEMBERING:
        group = "\0" + blake2b(group.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
    return f"{where} {group}"


def origin_of(key: Key) -> str:
    """Return the origin of *key* (RFC 9110 §4.3.1)."""
    return f"{key[0]}://{key[1]}"


class Generation(NamedTuple):
    """How far a purge goes.

    What was born before *hard* is gone; what was born before *soft* is stale since *moment*, on the
    cache's clock.
    """

    hard: int = 0
    soft: int = 0
    moment: float = NEVER

    def begun(self, number: int, moment: float, soft: bool) -> Generation:
        """Return how far purges go after another one, which begins generation *number*."""
        if soft:
            return Generation(self.hard, max(number, self.soft), moment)
        return self._replace(hard=max(number, self.hard))


ALWAYS = Generation()


def reviewed(
    entry: CacheEntry,
    key: Key,
    everything: Generation,
    generations: Callable[[Sequence[str]], Sequence[Generation | None]],
) -> CacheEntry:
    """Return *entry* without what purges of its groups, or of *everything*, have ended.

    Returns *entry* itself if nothing has ended. *generations* returns the generation of each group
    name, None where it is unknown: then all that belongs to that group has ended.
    """
    responses: dict[Selector, StoredResponse] = {}
    for selector, stored in entry.responses.items():
        names = names_of(key, stored.groups)
        known = [everything, *(generations(names) if names else ())]
        left = _left(stored, known)
        if left is not None:
            responses[selector] = left
    if responses == entry.responses:  # responses are compared by identity
        return entry
    return CacheEntry(responses, entry.emptied_at, entry.salt)


def without_late(entry: CacheEntry, before: CacheEntry | None, fills: int) -> CacheEntry:
    """Return *entry*, which replaces *before*, without new responses born before *fills*."""
    held = set() if before is None else {_told_by(one) for one in before.responses.values()}
    late = {
        selector
        for selector, stored in entry.responses.items()
        if stored.born < fills and _told_by(stored) not in held
    }
    if not late:
        return entry
    left = {selector: one for selector, one in entry.responses.items() if selector not in late}
    return CacheEntry(left, entry.emptied_at, entry.salt)


def without_unborn(entry: CacheEntry, number: int) -> CacheEntry:
    """Return *entry* without responses born after *number*, the latest generation."""
    left = {selector: one for selector, one in entry.responses.items() if one.born <= number}
    return CacheEntry(left, entry.emptied_at, entry.salt)


def _told_by(stored: StoredResponse) -> tuple[object, ...]:
    """Return what tells a response from that of another fill, even after a soft purge."""
    return stored.born, stored.generated_at, stored.etag, stored.length


def _left(stored: StoredResponse, known: Iterable[Generation | None]) -> StoredResponse | None:
    """Return what purges leave of *stored*, or None."""
    for generation in known:
        if generation is None or stored.born < generation.hard:
            return None
        if stored.born < generation.soft:
            stored = softened(stored, generation.moment)
    return stored
