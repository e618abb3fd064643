"""The nouns of the rules: stored response, cache entry, decision."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import NamedTuple

from wsgicache.rules.bounds import Remembered
from wsgicache.rules.keys import Kind, Selector, Values
from wsgicache.rules.negotiating import Offers

__all__ = [
    "ANY_TIME",
    "EMPTY",
    "IMPLIED",
    "NEVER",
    "NO_LINES",
    "ONLY_IF_CACHED",
    "SLICE",
    "UNAGED",
    "UNSELECTED",
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
"""Shared by all that have no lines; must not be changed."""
NEVER = float("-inf")

IMPLIED = ("RAW_URI", "REQUEST_URI", "SCRIPT_NAME")
"""Environ keys that select beside the fields that Vary names. They are the raw target, which an app
may read and the decoded path does not reveal, and SCRIPT_NAME, where the mount point ends."""


UNSELECTED: Kind = ((), None)
"""The kind of a response without Vary: any request matches it (§4.1)."""

SLICE = 256 * 1024
"""Most bytes of a content that leaves in one piece."""
_RESPONSE_BYTES = 1100
"""Bytes of a stored response in its entry, without fields and content."""
_FIELD_BYTES = 170
"""Bytes of a field line without its characters: a tuple, two strings, places in two lists."""

_rounded: Remembered[int, int] = Remembered(int, 1024)
"""PERF: responses of about the same weight share one number; 32 bytes less each."""


class Fill(NamedTuple):
    """The moment from which a response may fill an entry.

    It is noted when the entry is looked up, before the app is asked. If the entry is emptied or
    purged later, the response does not fill it.
    """

    began: float = NEVER
    """When the key was looked up, or, if later, when it had been emptied; on this cache's clock."""
    emptied_at: float = NEVER
    """When the key had last been emptied by then."""
    born: int = 0
    """The store's generation at that time."""
    lease: str = ""
    """The lease that the fill holds, in a store that has leases (`SharedStore.lease`)."""
    asked_by: str = ""
    """See `StoredResponse.asked_by`."""
    route: str = ""
    """See `StoredResponse.route`."""
    seconds: float = 0.0
    """See `StoredResponse.fill_seconds`."""
    presented: str = ""
    """See `StoredResponse.presented`."""


ANY_TIME = Fill()
"""The fill of a response that was never looked up: any emptying overtakes it."""

Aged = tuple[float, FieldLines, Iterator[int]]
UNAGED: Aged = (NEVER, [], repeat(0))
"""No age at all; an age below zero, from a clock that was late, is a different thing."""


@dataclass(slots=True, eq=False, kw_only=True)
class StoredResponse:
    """A response at rest, understood once, when it is stored.

    Afterwards it is only compared, and replaced rather than changed (freezing would cost a miss 2
    µs). Only values derived from it are added later: `not_modified`, `weight` and `aged`.
    """

    status: str
    """The status line, ready for start_response."""
    fields: FieldLines
    """The fields of a full answer (§3.1 applied), without Age and Cache-Status."""
    not_modified: FieldLines
    """The fields of a 304 (conditional.not_modified_fields), once one was sent."""
    content: bytes | None
    """The content, or None if the store keeps it elsewhere."""
    length: int
    """Bytes of content."""
    generated_at: float
    """When its age was zero, on this cache's clock: received_at less corrected_initial_age."""
    freshness_lifetime: float
    """Seconds (§4.2.1): from the targeted field (RFC 9213), Cache-Control, Expires or a
    heuristic."""
    refresh_age: float
    """The age from which a hit starts a background validation; at most freshness_lifetime."""
    no_cache: bool
    """Whether it needs validation before every use (§5.2.2.4)."""
    must_revalidate: bool
    """Whether it must never be served stale: must-revalidate, proxy-revalidate or s-maxage
    (§4.2.4)."""
    shareable: bool
    """Whether it may answer a request with credentials (§3.5)."""
    for_cookies: bool
    """Whether it may answer a request with cookies: it was released, or cookies selected it."""
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
    """The environ items of a conditional request about it, from what the app gave (§4.3.1)."""
    cache_status: str
    """The beginning of its Cache-Status: from caches nearer to the origin, then our name."""
    asked_at: float = NEVER
    """When the request that it answers began, in this process."""
    weight: int = 0
    """Bytes that it takes in memory, once counted."""
    aged: Aged = UNAGED
    """PERF: until when it has the age in whole seconds that it was served with last, the fields for
    that age, and the counter of its uses. A page asked for more than once a second has them ready
    (0.4 of a constant app's cost)."""
    withheld: FieldLines = field(default_factory=lambda: NO_LINES)
    """Lines that stay here, since they address this cache; a 304 need not repeat them."""
    span: tuple[int, int, int | None] | None = None
    """Which bytes of the representation the content is, if not the whole: first, last and complete
    length (§3.3)."""
    groups: tuple[str, ...] = ()
    """The groups of its origin that it belongs to (RFC 9875), as the app named them."""
    born: int = 0
    """The store's generation when the request for it began."""
    mark: str = ""
    """If Cookie selects it: the mark of its cookies when the request for it began. It answers only
    while they have the same mark."""
    least_age: int = 0
    """The least Age that it shows: after a soft purge, caches nearer to the client must see that it
    is stale."""
    softened_at: float = NEVER
    """When a soft purge last made it stale."""
    asked_by: str = ""
    """In a shared store: the policy that stored it, and whether its request said who asks
    (`controls.judging`)."""
    route: str = ""
    """The pattern by which the app's framework found what answered, if it says so."""
    fill_seconds: float = 0.0
    """The seconds that the app took for it."""
    presented: str = ""
    """In a shared store: what its request presented of the fields that select it, for people."""
    kind: Kind = UNSELECTED
    """How it is selected (§4.1)."""
    offers: Offers = ()
    """If its coding is compared: the Accept-Encoding values for which the app has chosen that."""
    kept: tuple[str, int] | None = None
    """Where a store keeps content that is not at hand: a name, and the bytes of one piece."""
    at_once: bytes | None = field(init=False)
    """PERF: the content, if that is at hand and leaves in one piece."""
    plain_until: float = field(init=False)
    """PERF: until this time, on this cache's clock, it is fresh for a plain request (§4), whole,
    and needs no validation; nothing else has to be checked."""

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
        self.weight = _rounded[weight | 63]
        return self.weight

    def __post_init__(self) -> None:
        plain = self.span is None and not self.no_cache and not self.mark
        self.plain_until = self.generated_at + self.refresh_age if plain else NEVER
        self.at_once = self.content if self.length <= SLICE else None


_NOTHING_SEEN: dict[Values, Decision] = {}
"""Shared by entries that no request has asked for yet; must not be changed."""


def _names_of(kinds: tuple[Kind, ...]) -> tuple[tuple[str, ...], tuple[str, tuple[str, ...]]]:
    """Return the environ keys that any of *kinds* selects by: all, and the first and the others."""
    keys = tuple(sorted({key for named, _ in kinds for key in named}))
    first, *others = keys or ("",)
    return keys, (first, tuple(others))


_named = Remembered(_names_of, 256, longest=4096)


class CacheEntry:
    """A key's stored responses by their selecting values, the newest last.

    What it holds is never changed, only replaced; `seen` notes its use.
    """

    __slots__ = (
        "emptied_at",
        "kinds",
        "named",
        "nominated",
        "responses",
        "salt",
        "seen",
    )

    def __init__(
        self,
        responses: dict[Selector, StoredResponse],
        emptied_at: float = NEVER,
        salt: bytes = b"",
    ) -> None:
        self.responses = responses
        self.kinds = tuple(dict.fromkeys([stored.kind for stored in responses.values()]))
        """How its responses are selected, each by its own Vary (§4.1)."""
        self.nominated, self.named = _named[self.kinds]
        """Environ keys of the fields that any of them names: all; the first, or an empty string,
        and the others."""
        self.emptied_at = emptied_at
        """When it was last invalidated or purged: no fill that began earlier may be kept."""
        self.salt = salt
        """The key of the digests of values, in stores that others can read; empty elsewhere."""
        self.seen: dict[Values, Decision] = _NOTHING_SEEN
        """PERF: decisions by values as they were presented, so that most need no normalising."""

    @property
    def left_out(self) -> int:
        """How many responses are stored, but by a clock so far ahead that they do not count."""
        return 0


EMPTY = CacheEntry({})


class LeasedEntry(CacheEntry):
    """An entry about to change in a store that has leases (`SharedStore.lease`)."""

    __slots__ = ("_left_out", "leases")

    def __init__(self, entry: CacheEntry, leases: Container[str]) -> None:
        super().__init__(entry.responses, entry.emptied_at, entry.salt)
        self._left_out = entry.left_out
        self.leases = leases
        """The leases on its key that no purge has taken away."""

    @property
    def left_out(self) -> int:
        """How many responses the entry itself has left out."""
        return self._left_out


@dataclass(slots=True)
class Decision:
    """Answer from the cache, or go forward, and why, in the terms of RFC 9211 §2.2.

    It is never changed, only replaced. Freezing it would slow a hit by a tenth.
    """

    forward: str | None
    stored: StoredResponse | None = None
    background: bool = False
    """Whether it is served now and validated in the background (RFC 5861 §3)."""
    detail: str | None = None

    def is_fresh(self, now: float) -> bool:
        """Whether what it serves is fresh (§4.2)."""
        stored = self.stored
        return stored is not None and now - stored.generated_at < stored.freshness_lifetime


URI_MISS = Decision("uri-miss")
VARY_MISS = Decision("vary-miss")
ONLY_IF_CACHED = Decision(None)
"""The 504 for only-if-cached, if nothing is usable (§5.2.1.7)."""
