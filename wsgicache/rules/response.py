"""A response of the app's on its way through: what PEP 3333 has of it, as it says it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple, Self

from wsgicache.rules.fields import (
    NO_DIRECTIVES,
    Directives,
    are_field_names,
    parse_cache_control,
)
from wsgicache.rules.model import FieldLines

__all__ = ["Binding", "Response", "Terms"]

_STATUS = re.compile(r"[1-9][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?")
_FIELD_TEXT = bytes([*b"\t", *range(0x20, 0x7F), *range(0x80, 0x100)])
"""What field values consist of (RFC 9110 §5.5)."""
MAX_FIELDS = 65536
"""Bytes of fields on the wire above which a response is not stored."""


_MOST_REMEMBERED = 512
_codes: dict[str, int] = {}
"""Status lines that have been looked at. PERF: 0.04 µs instead of 0.5."""


def _code(status: str) -> int:
    """The code of a status line (PEP 3333), 0 for what is none."""
    code = int(status[:3]) if _STATUS.fullmatch(status) else 0
    if len(_codes) < _MOST_REMEMBERED and len(status) <= 64:
        _codes[status] = code
    return code


class _Lower(dict[str, str]):
    """Field names in lower case, the usual ones remembered. PERF: 0.02 µs a line."""

    def __missing__(self, name: str) -> str:
        lower = name.lower()
        if len(self) < _MOST_REMEMBERED and len(name) <= 64:
            self[name] = lower
        return lower


_lower = _Lower()
_known_names: set[str] = set()
"""Field names that have been looked at. PERF: 0.1 µs instead of 1."""


def _are_known(names: Iterable[str]) -> bool:
    """Whether these, in lower case, are all field names (RFC 9110 §5.1): then they are known."""
    if not are_field_names("\n".join([*names, ""])):
        return False
    if len(_known_names) < _MOST_REMEMBERED:
        _known_names.update(name for name in names if len(name) <= 64)
    return True


def _repeated(fields: FieldLines) -> dict[str, list[str]]:
    """The lines of those fields that have several, by their names in lower case."""
    lines: dict[str, list[str]] = {}
    for name, value in fields:
        lines.setdefault(name.lower(), []).append(value)
    return {name: several for name, several in lines.items() if len(several) > 1}


def _as_plain(fields: FieldLines) -> FieldLines:
    """Return *fields* as a new list of plain strings, free of subclasses.

    Nobody else can change the list. Raises TypeError for anything but field lines.
    """
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in fields):
        raise TypeError(fields)
    return [(str(name), str(value)) for name, value in fields]


class Binding(NamedTuple):
    """The directives that bind this cache, and where they stood."""

    directives: Directives
    targeted: bool
    """They come from a targeted field, so Cache-Control and Expires say nothing (RFC 9213 §2.2)."""
    own: bool
    """That field is this cache's own, spoken to it alone."""
    max_age: int | None
    """Seconds that s-maxage gives, or else max-age; 0 where that is not a number."""
    stale_while_revalidate: int | None
    stale_if_error: int | None
    """Seconds past the freshness lifetime (RFC 5861)."""
    for_credentials: tuple[bool, bool]
    """Whether they release an answer to a request with credentials (§3.5): where public does not,
    and where it does (`Policy.public_releases`)."""
    for_cookies: bool
    """Whether they release an answer to a request with cookies."""


class Terms(NamedTuple):
    """For how long a response may be used, in seconds."""

    explicit: bool
    """Whether it says so itself (§4.2.1)."""
    lifetime: float
    stale_while_revalidate: float
    stale_if_error: float
    """Past its lifetime (RFC 5861)."""
    initial_age: float
    """When it was received (§4.2.3)."""


_NOTHING_SAID: Mapping[str, str] = MappingProxyType({})
_NOTHING_REPEATED: Mapping[str, list[str]] = MappingProxyType({})


class Response:
    """A response on its way through: status line, field lines, WSGI body.

    *requested_at* and *received_at* are on the cache's clock, *wall* is the time of receipt on the
    clock that dates are written by; all in seconds since the epoch.
    """

    binding: Binding | None = None
    """What binds this cache, once that was worked out (`freshness.binding`)."""
    terms: Terms | None = None
    """For how long it may be used, once that was worked out (`freshness.terms`)."""
    code: int = 0
    is_readable: bool = False
    """Whether it says something: its status begins with a code, and its fields are lines of two.
    What does not is for the server to judge, and is never stored."""
    values: Mapping[str, str] = _NOTHING_SAID
    """What *fields* say by their names in lower case, lines joined (RFC 9110 §5.2)."""
    repeated: Mapping[str, list[str]] = _NOTHING_REPEATED
    """The lines of those that have several."""
    doubted: bool = False
    """Whether its media type is not what its path says, so that a route said nothing of it."""
    size: int = 0
    """Characters of *fields*, once they were counted."""

    def __init__(
        self,
        status: str,
        fields: FieldLines,
        body: Iterable[bytes],
        requested_at: float,
        received_at: float,
        wall: float,
    ) -> None:
        self.status = status
        self.fields = fields
        self.body = body
        self.requested_at = requested_at
        self.received_at = received_at
        self.wall = wall
        try:
            self.code = _codes.get(status) or _code(status)
            if type(fields) is not list and not isinstance(fields, list | tuple):
                raise TypeError(fields)
            plain, values = True, {}
            for line in fields:
                name, value = line
                if type(value) is not str or type(line) is not tuple:
                    plain = False
                values[_lower[name]] = value
            if not plain:
                self.fields = _as_plain(fields)
            if len(values) < len(fields):
                self.repeated = _repeated(fields)
                values.update((name, ", ".join(lines)) for name, lines in self.repeated.items())
            self.values = values
            self.is_readable = self.code > 0
        except (TypeError, ValueError, AttributeError):
            self.repeated = _NOTHING_REPEATED

    def instead(self, status: str, fields: FieldLines) -> Response:
        """Another response, asked for and received when this one was, without a body."""
        return Response(status, fields, (), self.requested_at, self.received_at, self.wall)

    def having(self, name: str, value: str) -> Self:
        """The same response, but for the field *name*, which is *value* alone."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), repeated=_NOTHING_REPEATED)
        lines = [line for line in self.fields if line[0].lower() != name.lower()]
        times = self.requested_at, self.received_at, self.wall
        Response.__init__(other, self.status, [*lines, (name, value)], self.body, *times)
        return other

    def field(self, name: str) -> str | None:
        """The value of the field *name* (lower case), its lines joined (RFC 9110 §5.2)."""
        return self.values.get(name)

    def lines(self, name: str) -> list[str]:
        """The lines of the field *name* (lower case), one by one."""
        if name in self.repeated:
            return self.repeated[name]
        return [self.values[name]] if name in self.values else []

    @property
    def names(self) -> Iterable[str]:
        """The names in *fields*, in lower case and in their order."""
        if not self.repeated:
            return self.values
        return [name.lower() for name, _ in self.fields]

    @property
    def directives(self) -> Directives:
        """The response's Cache-Control."""
        value = self.field("cache-control")
        return parse_cache_control(value) if value else NO_DIRECTIVES

    def is_sound(self) -> bool:
        """Whether status and fields are what PEP 3333 and RFC 9110 §5 allow, and not too large."""
        if not self.is_readable or type(self.fields) is not list:
            return False
        try:
            # PERF: deleting the right ones takes 0.2 µs, a regular expression 0.3, and it sees
            # what no byte on the wire can say, too.
            data = "".join(chain.from_iterable(self.fields)).encode("latin-1")
        except (TypeError, UnicodeEncodeError):
            return False
        self.size = len(data)
        return (
            self.size + 4 * len(self.fields) <= MAX_FIELDS
            and not data.translate(None, _FIELD_TEXT)
            and (_known_names.issuperset(self.values) or _are_known(self.values))
        )
