"""The nouns: request, response, stored response, cache entry, decision."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from wsgicache.rules.fields import NO_DIRECTIVES, Directives, parse_cache_control
from wsgicache.rules.keys import Key, Selector, Values

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

Line = tuple[str, str]
FieldLines = list[Line]
Head = tuple[str, FieldLines]
"""Status and fields of a response."""
NO_LINES: FieldLines = []
"""Shared by all that have none: not to be changed."""
NEVER = float("-inf")

IMPLIED = ("SCRIPT_NAME", "RAW_URI", "REQUEST_URI")
"""Environ keys that every entry nominates, after what Vary names: where the mount point ends, and
the raw target, which an app may look at and which the decoded path does not tell."""


Outcome = Literal["kept", "refused", "failed", "stood in", "failed again"]
"""How it ended that the origin was asked: there is a response in the store; it cannot be shared, so
everybody goes on alone; there is none, and somebody else should ask; there is none, but a stale one
stood in, and may for others, too; there is none again, and everybody goes on alone."""


class Landing(Protocol):
    """What tells those who wait how the origin was asked for them (`collapse`)."""

    def land(self, outcome: Outcome, why: str | None, code: int | None) -> None:
        """It ended so."""


class Request:
    """What the cache needs to know of a request; everything else stays in the environ.

    The class holds what is true of a plain request; only one with something to say has attributes
    of its own beyond the first three, which whoever makes one sets (`reading.read`).
    """

    environ: WSGIEnvironment
    """As the app will see it: whatever the key leaves out has left the environ too."""
    method: str
    key: Key

    forwarded: tuple[str, ...] | None = None
    """What a proxy says of the original request, and what a route has it vary by."""
    plain: bool = True
    """Whether it has neither directives nor credentials."""
    directives: Directives = NO_DIRECTIVES
    identified: bool = False
    """Whether it carries credentials, in a field or in what an outer layer says of its user."""
    conditional: bool = False
    """Whether it has a precondition or a range that a cache evaluates (RFC 9110 §13, §14)."""
    nominated: tuple[str, ...] = IMPLIED
    """What selects among the responses to its key, as far as was known when it was looked up."""
    looked_up_at: float = NEVER
    """On this cache's clock, for the last time."""
    began: float = NEVER
    """The same, or when its key was emptied then: what is emptied after that is not filled by its
    response."""
    emptied_at: float = NEVER
    """When its key had been emptied then, for the last time."""
    born: int = 0
    """The store's generation then; what a later one purges is not filled by its response either."""
    collapses: bool = True
    """Whether it may wait for another request to the same key, and others for it."""
    too_large: bool = False
    """Whether its key is known for content that is not kept."""
    flight: Landing | None = None
    """The flight that it leads (collapse.Flight), or what stands for one where nobody waits
    (collapse.Alone): to be landed on every way out."""

    def land(self, outcome: Outcome, why: str | None = None, code: int | None = None) -> None:
        """Tell those who wait how it ended, if it leads a flight; the first word counts.

        *why* says why the response is not shared, *code* with what status the app failed where
        something stale stood in.
        """
        flight, self.flight = self.flight, None
        if flight is not None:
            flight.land(outcome, why, code)


_STATUS = re.compile(r"[1-9][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?")
_FIELD_TEXT = bytes([*b"\t", *range(0x20, 0x7F), *range(0x80, 0x100)])
"""What field values consist of (RFC 9110 §5.5)."""
_FIELD_NAMES = re.compile(r"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+\n)*")
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


def _are_names(names: str) -> bool:
    """Whether each line of *names* is a field name (RFC 9110 §5.1)."""
    return _FIELD_NAMES.fullmatch(names) is not None


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
    """Whether these are all field names in lower case, which from now on are known."""
    if not _are_names("\n".join([*names, ""])):
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
    """*fields* with strings that have no class of their own, in lines that nobody goes on changing.
    Raises TypeError for values that are none."""
    if not all(isinstance(value, str) for _, value in fields):
        raise TypeError(fields)
    return [(str(name), str(value)) for name, value in fields]


_NOTHING_SAID: Mapping[str, str] = MappingProxyType({})
_NOTHING_REPEATED: Mapping[str, list[str]] = MappingProxyType({})


class Response:
    """A response on its way through: status line, field lines, WSGI body.

    *requested_at* and *received_at* are on the cache's clock, *wall* is the time of receipt on the
    clock that dates are written by; all in seconds since the epoch.
    """

    controls: Any = None
    """What binds this cache, once it was asked for (freshness.Controls)."""
    terms: Any = None
    """For how long it may be used, once it was asked for (freshness.Terms)."""
    code: int = 0
    is_readable: bool = False
    """Whether it is what PEP 3333 has; what breaks that is for the server to judge, and is never
    stored."""
    values: Mapping[str, str] = _NOTHING_SAID
    """What *fields* say by their names in lower case, lines joined (RFC 9110 §5.2)."""
    repeated: Mapping[str, list[str]] = _NOTHING_REPEATED
    """The lines of those that have several."""
    size: int = 0
    """Characters of *fields*, once they were counted."""

    def __init__(
        self,
        status: str,
        fields: FieldLines,
        body: Iterable[bytes] = (),
        requested_at: float = 0.0,
        received_at: float = 0.0,
        wall: float = 0.0,
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
            # PERF: deleting what is allowed takes 0.2 µs, a regular expression 0.3, and it sees
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


_RESPONSE_BYTES = 1100
"""A stored response in its entry, beside fields and content."""
_FIELD_BYTES = 170
"""A field line beside its characters: a tuple, two strings, places in two lists."""

UNAGED: tuple[float, FieldLines] = (NEVER, [])
"""No age at all: one below zero, as by a clock that was late, is not that."""


@dataclass(slots=True, eq=False, kw_only=True)
class StoredResponse:
    """A response at rest. Understood once, when stored; only compared afterwards, and replaced
    rather than changed (but for `weight` and `aged`; freezing would cost a miss 2 µs)."""

    status: str
    """Ready for start_response."""
    fields: FieldLines
    """What a full answer says (§3.1 applied), but for Age and Cache-Status."""
    not_modified: FieldLines
    """What a 304 says instead (conditional.not_modified_fields), once there was one."""
    content: bytes | None
    """None: kept elsewhere by the store."""
    length: int
    """Bytes of content."""
    generated_at: float
    """When its age was zero, on this cache's clock: received_at less corrected_initial_age."""
    freshness_lifetime: float
    """Seconds (§4.2.1): the targeted field first (RFC 9213), heuristics last."""
    refresh_age: float
    """The age from which a hit has it validated in the background; freshness_lifetime or less."""
    no_cache: bool
    """Needs validation before every use (§5.2.2.4)."""
    must_revalidate: bool
    """must-revalidate, proxy-revalidate or s-maxage: never served stale (§4.2.4)."""
    shareable: bool
    """A request with credentials may be answered by it (§3.5)."""
    stale_while_revalidate: float
    stale_if_error: float
    """Seconds past the freshness lifetime (RFC 5861)."""
    etag: str | None
    """The entity tag that clients are told; it may be generated."""
    last_modified: str | None
    modified_at: float
    """What If-Modified-Since is compared with: Last-Modified, else Date (§4.3.2)."""
    strong_date: bool
    """Whether Last-Modified is a strong validator (RFC 9110 §8.8.2.2)."""
    validators: tuple[tuple[str, str], ...]
    """The environ items that make a request about it conditional: what the app gave (§4.3.1)."""
    cache_status: str
    """How its Cache-Status begins: what caches nearer to the origin said, and our name."""
    asked_at: float = NEVER
    """When the request began that it answers, in this process."""
    weight: int = 0
    """Bytes that it takes in memory, once that was counted."""
    aged: tuple[float, FieldLines] = UNAGED
    """PERF: the last age in seconds it was served with, and what its fields then said of that:
    a page asked for more than once a second has them ready (0.4 of a constant app's cost)."""
    withheld: FieldLines = field(default_factory=lambda: NO_LINES)
    """Lines that do not leave, but say something to this cache: a 304 need not repeat them."""
    span: tuple[int, int, int | None] | None = None
    """Which bytes of the representation the content is, first, last and complete length, where
    it is not the whole (§3.3)."""
    groups: tuple[str, ...] = ()
    """The groups of its origin that it belongs to (RFC 9875), as the app named them."""
    born: int = 0
    """The store's generation when it was asked for."""
    kept: tuple[str, int] | None = None
    """Where a store keeps content that is not at hand: a name and the bytes of one piece."""
    plain_until: float = field(init=False)
    """PERF: until when, on this cache's clock, nothing of it but that needs to be looked at for a
    plain request (§4): it is whole, and needs no validation."""

    def weigh(self, size: int = 0) -> int:
        """Bytes of memory that it takes, overhead included, rather too many; and remember them.
        *size* is how many characters its fields have, if that is known."""
        lines = [*self.fields, *self.withheld] if self.withheld else self.fields
        size = size or len("".join(chain.from_iterable(lines)))
        weight = _RESPONSE_BYTES + _FIELD_BYTES * len(lines) + size + len(self.cache_status)
        if self.content is not None:
            weight += self.length
        if self.groups:
            weight += sum(64 + len(group) for group in self.groups)
        self.weight = weight
        return weight

    def __post_init__(self) -> None:
        plain = self.span is None and not self.no_cache
        self.plain_until = self.generated_at + self.refresh_age if plain else NEVER


_NOTHING_SEEN: dict[Values, Decision] = {}
"""Shared by entries that have not been asked for yet: not to be changed."""


@lru_cache(maxsize=256)
def _named(nominated: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    first, *others = nominated[: -len(IMPLIED)] or ("",)
    return first, tuple(others)


class CacheEntry:
    """A key's stored responses by their selecting values, the newest last. Never changed, only
    replaced."""

    __slots__ = (
        "emptied_at",
        "named",
        "nominated",
        "read_at",
        "responses",
        "salt",
        "seen",
    )

    def __init__(
        self,
        nominated: tuple[str, ...],
        responses: dict[Selector, StoredResponse],
        emptied_at: float = NEVER,
        salt: bytes = b"",
    ) -> None:
        self.nominated = nominated
        """Environ keys of the fields nominated by any response stored here (§4.1)."""
        self.named = _named(nominated)
        """The first of them that is not implied, or nothing, and the other ones."""
        self.responses = responses
        self.emptied_at = emptied_at
        """When it was last invalidated or purged: no fill that began earlier may be kept."""
        self.salt = salt
        """What values are digested with, in stores that others can read; nothing: they are not."""
        self.read_at = NEVER
        """When a near cache had it from the shared store."""
        self.seen: dict[Values, Decision] = _NOTHING_SEEN
        """PERF: to reuse what values selected as they were presented, so that most are never
        normalised."""


EMPTY = CacheEntry(IMPLIED, {})


@dataclass(slots=True)
class Decision:
    """Answer from the cache, or go forward, and why in the words of RFC 9211 §2.2.

    Never changed, only replaced; freezing would cost a hit a tenth.
    """

    forward: str | None
    stored: StoredResponse | None = None
    background: bool = False
    """Served stale, to be validated meanwhile (RFC 5861 §3)."""
    detail: str | None = None

    def is_fresh(self, now: float) -> bool:
        """Whether what it serves is fresh (§4.2)."""
        stored = self.stored
        return stored is not None and now - stored.generated_at < stored.freshness_lifetime


URI_MISS = Decision("uri-miss")
VARY_MISS = Decision("vary-miss")
UNSATISFIABLE = Decision(None)
"""only-if-cached and nothing usable: 504 (§5.2.1.7)."""
