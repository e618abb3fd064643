"""The nouns: request, response, stored response, cache entry, decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from wsgicache.rules.keys import Selector, Values

__all__ = [
    "ANY_TIME",
    "EMPTY",
    "IMPLIED",
    "NEVER",
    "NO_LINES",
    "ONLY_IF_CACHED",
    "UNAGED",
    "URI_MISS",
    "VARY_MISS",
    "CacheEntry",
    "Decision",
    "FieldLines",
    "Fill",
    "Head",
    "LeasedEntry",
    "StoredResponse",
]  # fmt: skip

Line = tuple[str, str]
FieldLines = list[Line]
Head = tuple[str, FieldLines]
"""Status and fields of a response."""
NO_LINES: FieldLines = []
"""Shared by all that have none: not to be changed."""
NEVER = float("-inf")

IMPLIED = ("RAW_URI", "REQUEST_URI", "SCRIPT_NAME")
"""Environ keys that every entry nominates, before what Vary names: the raw target, which an app may
look at and which the decoded path does not tell, and where the mount point ends."""


_RESPONSE_BYTES = 1100
"""A stored response in its entry, beside fields and content."""
_FIELD_BYTES = 170
"""A field line beside its characters: a tuple, two strings, places in two lists."""

_rounded = lru_cache(maxsize=1024)(int)
"""PERF: one number for all that weigh about as much; 32 bytes less of each."""


class Fill(NamedTuple):
    """The moment from which a response may fill an entry.

    It is noted when the entry is looked up, before the app is asked. If the entry is emptied or
    purged later, the response does not fill it.
    """

    began: float = NEVER
    """When the key was looked up, or emptied then, on this cache's clock."""
    emptied_at: float = NEVER
    """When the key had been emptied then, for the last time."""
    born: int = 0
    """The store's generation then."""
    lease: str = ""
    """The lease that it holds, in a store that has them (`SharedStore.lease`)."""
    asked_by: str = ""
    """Whose answer it is, where others may use it: `StoredResponse.asked_by`."""


ANY_TIME = Fill()
"""Of what was never looked up: anything overtakes it."""

UNAGED: tuple[float, FieldLines] = (NEVER, [])
"""No age at all: one below zero, as by a clock that was late, is not that."""


@dataclass(slots=True, eq=False, kw_only=True)
class StoredResponse:
    """A response at rest, understood once, when it is stored.

    Afterwards it is only compared, and replaced rather than changed (freezing would cost a miss 2
    µs). Only values derived from it are added later: `not_modified`, `weight` and `aged`.
    """

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
    for_cookies: bool
    """A request with cookies may be answered by it: it was released, or selected by them."""
    stale_while_revalidate: float
    stale_if_error: float
    """Seconds past the freshness lifetime (RFC 5861)."""
    etag: str | None
    """The entity tag that clients get; it may be generated."""
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
    mark: str = ""
    """Where Cookie selects it: the mark of its cookies when it was asked for. It answers while they
    have the same one."""
    least_age: int = 0
    """The Age that it says at least: a soft purge has ended it, and caches nearer to the client are
    to know."""
    softened_at: float = NEVER
    """When it was made stale before its time, for the last time."""
    asked_by: str = ""
    """Under which policy, and whether by somebody that it could tell apart, in a shared store
    (`controls.judging`)."""
    kept: tuple[str, int] | None = None
    """Where a store keeps content that is not at hand: a name and the bytes of one piece."""
    plain_until: float = field(init=False)
    """PERF: until when, on this cache's clock, nothing of it but that needs to be looked at for a
    plain request (§4): it is whole, and needs no validation."""

    def weigh(self, size: int = 0) -> int:
        """Return, and remember, the bytes of memory it takes: overhead included, rather too many.

        *size* is the number of characters of its fields, if that is known.
        """
        lines = [*self.fields, *self.withheld] if self.withheld else self.fields
        size = size or len("".join(chain.from_iterable(lines)))
        weight = _RESPONSE_BYTES + _FIELD_BYTES * len(lines) + size + len(self.cache_status)
        if self.content is not None:
            weight += self.length
        if self.groups:
            weight += sum(64 + len(group) for group in self.groups)
        self.weight = _rounded(weight | 63)
        return self.weight

    def __post_init__(self) -> None:
        plain = self.span is None and not self.no_cache and not self.mark
        self.plain_until = self.generated_at + self.refresh_age if plain else NEVER


_NOTHING_SEEN: dict[Values, Decision] = {}
"""Shared by entries that have not been asked for yet: not to be changed."""


@lru_cache(maxsize=256)
def _named(nominated: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    first, *others = nominated[len(IMPLIED) :] or ("",)
    return first, tuple(others)


class CacheEntry:
    """A key's stored responses by their selecting values, the newest last.

    What it holds is never changed, only replaced; `read_at` and `seen` are notes about its use.
    """

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


class LeasedEntry(CacheEntry):
    """An entry that is to be changed in a store that has *leases* (`SharedStore.lease`)."""

    __slots__ = ("leases",)

    def __init__(self, entry: CacheEntry, leases: tuple[str, ...]) -> None:
        super().__init__(entry.nominated, entry.responses, entry.emptied_at, entry.salt)
        self.leases = leases
        """Those on its key that no purge has taken away."""


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
ONLY_IF_CACHED = Decision(None)
"""only-if-cached and nothing usable: 504 (§5.2.1.7)."""
