"""Which URLs have the same answer, by what No-Vary-Search says of their queries?

The sections are those of draft-ietf-httpbis-no-vary-search, which extends RFC 9111 §4. Queries are
read as application/x-www-form-urlencoded (WHATWG URL).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, unquote_to_bytes

from wsgicache.rules.bounds import LONGEST, Remembered
from wsgicache.rules.keys import Key

__all__ = [
    "DEFAULT", "LONGEST_SEARCH", "Variation", "canonical", "canonical_keys",
    "equivalent", "variation",
]  # fmt: skip

LONGEST_SEARCH = 1024
"""Characters of the longest No-Vary-Search that is honoured."""


class Variation(NamedTuple):
    """Which parts of a query count: a URL variation config (§4)."""

    names: frozenset[str] = frozenset()
    """The no-vary params; with *only*, the vary params."""
    only: bool = False
    """Whether just the parameters *names* count (``except``), and not all others (``params``)."""
    any_order: bool = False
    """Whether the order of parameters with different names does not count (``key-order``)."""

    def __str__(self) -> str:
        """Return the value of No-Vary-Search that says so, the same for all that say the same."""
        if self == DEFAULT:
            return ""
        names = " ".join([f'"{quote(name, safe="")}"' for name in sorted(self.names)])
        order = "key-order, " if self.any_order else ""
        return f"{order}{'except' if self.only else 'params'}=({names})"


DEFAULT = Variation()
"""All of a query counts, as it is written."""


def _parsed(value: str) -> Variation:
    """Return what No-Vary-Search says with this *value*, or `DEFAULT` if it is invalid (§5.1)."""
    import http_sf

    try:
        members: Any = http_sf.parse(value.encode("ascii"), tltype="dictionary")
    except Exception:  # the parser's own errors, and others that odd bytes may cause
        return DEFAULT
    # If value["key-order"] exists: if it is not a boolean, return the default.
    in_order = members.get("key-order", (False, {}))[0]
    if type(in_order) is not bool:
        return DEFAULT
    # If both value["params"] and value["except"] exist, return the default.
    # Deviation: not if neither exists, as the step says. Its own examples have key-order alone.
    if "params" in members and "except" in members:
        return DEFAULT
    only = "except" in members
    listed = members.get("except" if only else "params", ([], {}))[0]
    # If it is not an array, or any item in it is not a string, return the default.
    if type(listed) is not list or any(type(name) is not str for name, _ in listed):
        return DEFAULT
    names = frozenset(_decoded(name.encode("ascii")) for name, _ in listed)
    return Variation(names, only, in_order)


_variations = Remembered(_parsed, 256, LONGEST_SEARCH)


def variation(value: str | None) -> Variation:
    """Return what a response with this No-Vary-Search says of the query of its URL (§5.2)."""
    if not value or len(value) > LONGEST_SEARCH:
        return DEFAULT
    return _variations[value]


def _decoded(text: bytes) -> str:
    """Return a name or a value as a form reads it (§5.3)."""
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8", "replace")


def _pairs(query: str) -> list[tuple[str, str]]:
    """Return the names and values in *query*, of which WSGI delivers the bytes as Latin-1."""
    pieces = [piece.partition(b"=") for piece in query.encode("latin-1").split(b"&") if piece]
    return [(_decoded(name), _decoded(value)) for name, _, value in pieces]


def _canonical(asked: tuple[str, Variation]) -> str:
    query, (names, only, any_order) = asked
    try:
        pairs = _pairs(query)
    except UnicodeEncodeError:  # no server delivers that
        return query
    pairs = [pair for pair in pairs if (pair[0] in names) is only]
    if any_order:
        pairs.sort(key=lambda pair: pair[0])  # those of one name keep their order
    return "&".join([f"{_encoded(name)}={_encoded(value)}" for name, value in pairs])


def _encoded(text: str) -> str:
    return quote_plus(text, safe="/:@!$'()*,;?")


_canonicals = Remembered(_canonical, 2048, 1024)


def canonical(query: str, said: Variation) -> str:
    """Return the query that stands for all that are equivalent to *query* by what was *said*.

    It is one of them. If all of a query counts, or it is too long to read, it is the same.
    """
    if said == DEFAULT or len(query) > LONGEST:
        return query
    return _canonicals[query, said]


def equivalent(one: Key, other: Key, said: Variation) -> bool:
    """Return whether two URLs have the same answer, by what that answer *said* (§6)."""
    # * If the scheme, host, port or path of the URLs differ, return false.
    if one[:3] != other[:3]:
        return False
    # * If all counts, return whether their queries are equal. Otherwise compare the lists of names
    #   and values, without those that do not count, and sorted by name if order does not count.
    return canonical(one[3], said) == canonical(other[3], said)


def canonical_keys(key: Key, said: Sequence[str]) -> list[Key]:
    """Return under which other keys an answer for *key* may be, if it *said* any of these."""
    queries = [canonical(key[3], variation(value)) for value in said]
    return [(*key[:3], query) for query in dict.fromkeys(queries) if query != key[3]]
