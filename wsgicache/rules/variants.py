"""Which stored responses match a request, and which comes first (RFC 9111 §4.1)?"""

from __future__ import annotations

from collections.abc import Iterable

from wsgicache.rules.bounds import Remembered
from wsgicache.rules.keys import Kind, Selector, Values, digested, selecting_value, told_target
from wsgicache.rules.model import IMPLIED, UNSELECTED, CacheEntry, Decision, StoredResponse
from wsgicache.rules.names import environ_keys
from wsgicache.rules.negotiating import CODINGS, coding_made, rank, serves
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.searching import Variation, equivalent, variation
from wsgicache.rules.selecting import SELECTING_FIELDS

__all__ = [
    "FIRST_NAMED", "collapse_key", "fitting", "kind_beside", "kind_of", "matching", "presented",
    "remembered", "select", "selector_of", "standing", "values_of",
]  # fmt: skip

FIRST_NAMED = len(IMPLIED) + 2
"""The place of the first field that Vary names, among the values that select."""


def kind_of(request: Request, response: Response, named: tuple[str, ...], policy: Policy) -> Kind:
    """Return how *response* is selected, whose Vary has these names.

    Its coding is compared instead of what its *request* accepts, if the policy says so and the app
    has chosen one coding that was offered.
    """
    if not named:
        return UNSELECTED
    if CODINGS not in named or not policy.share_codings:
        return named, None
    return named, coding_made(response.field("content-encoding"), request.environ.get(CODINGS))


def values_of(request: Request, kind: Kind, policy: Policy) -> Values:
    """Return the values that select a response of this *kind* for *request* (§4.1).

    They are what a proxy forwarded, what is implied, and what Vary names.
    """
    environ = request.environ
    raw, target, mount = map(environ.get, IMPLIED)
    if raw or target:
        raw, target = told_target(request.target or request.key, raw, target)
    named, coding = kind
    if not named:
        return (request.forwarded, raw, target, mount)
    any_order = policy.normalize_language
    values: list[str | tuple[str, ...] | None] = [
        selecting_value(environ, key, any_order) for key in named
    ]
    if coding is not None:
        values[named.index(CODINGS)] = (coding,)
    return (request.forwarded, raw, target, mount, named, *values)


_SHOWN = frozenset(
    environ_keys(
        (
            *(
                "Accept",
                "Accept-Charset",
                "Accept-Encoding",
                "Accept-Language",
                "Origin",
                "Save-Data",
            ),
            *("User-Agent", *SELECTING_FIELDS),
        )
    )
)
"""Fields whose values may be shown to people: they do not say who asks."""
_LONGEST_SHOWN = 40


def presented(request: Request, named: Iterable[str]) -> str:
    """Return what *request* presents of the fields *named*, for people.

    Values are shortened, and those of other fields than the usual ones may be secret.
    """
    said: list[str] = []
    for key in named:
        name, value = key.removeprefix("HTTP_").replace("_", "-").title(), request.environ.get(key)
        if value is None:
            said.append(f"no {name}")
        elif key in _SHOWN or key.startswith("HTTP_SEC_"):
            short = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}..."
            said.append(f"{name} {short!r}")
        else:
            said.append(f"some {name}")
    return ", ".join(said)


def collapse_key(request: Request, kind: Kind, policy: Policy) -> int:
    """Return what requests must have in common to wait for each other.

    That is the key, what is known to select, and whether cookies make the answer private. PERF: it
    is long and is looked up six times, so a hash stands for it. If two hashes collide, requests
    wait for each other, or do not, without need.
    """
    cookies = policy.private_cookies and "HTTP_COOKIE" in request.environ
    return hash((request.key, cookies, values_of(request, kind, policy)))


def selector_of(request: Request, kind: Kind, salt: bytes, policy: Policy) -> Selector:
    """Return what a response of this *kind* to *request* is filed under, with this *salt*."""
    values = values_of(request, kind, policy)
    return digested(values, salt) if salt else values


def matching(request: Request, entry: CacheEntry, policy: Policy) -> dict[Selector, StoredResponse]:
    """Return the responses in *entry* that match *request*, the one to choose first (§4.1).

    A response matches if *request* presents the fields that its own Vary names as the request for
    it did.
    """
    found: list[tuple[Selector, StoredResponse]] = []
    for kind in entry.kinds:
        selector = selector_of(request, kind, entry.salt, policy)
        stored = entry.responses.get(selector)
        if (
            stored is None
            or (kind[1] and not serves(kind[1], stored.offers, request.environ.get(CODINGS)))
            or (not kind[0] and _omits_vary(selector, stored, request, entry))
        ):
            continue
        found.append((selector, stored))
    if len(found) > 1:
        found.sort(key=lambda one: standing(one[1], request, policy), reverse=True)
    return dict(found)


def _omits_vary(
    selector: Selector, stored: StoredResponse, request: Request, entry: CacheEntry
) -> bool:
    """Return whether *stored*, without Vary, lacks a name that a newer response has by now.

    Some resources omit Vary from their default response (§4.1). That stays the answer to a request
    without the fields that others name.
    """
    if len(entry.kinds) == 1 or any(name.lower() == "vary" for name, _ in stored.fields):
        return False
    ones = iter(entry.responses.items())
    for of, _ in ones:
        if of == selector:
            break
    return any(key in request.environ for _, one in ones for key in one.kind[0])


def kind_beside(
    others: Iterable[StoredResponse], request: Request, response: Response, policy: Policy
) -> Kind:
    """Return how *response*, without Vary, is selected beside *others* (§4.1).

    It may be a default response, which omits Vary by mistake: it does not answer requests with the
    fields that others name and its own *request* had not.
    """
    lacking = {key for one in others for key in one.kind[0]}.difference(request.environ)
    return kind_of(request, response, tuple(sorted(lacking)), policy)


def fitting(request: Request, entry: CacheEntry, policy: Policy) -> CacheEntry:
    """Return what of *entry*, under the key of an equivalent URL, may answer *request*.

    Its own No-Vary-Search has to make both URLs equivalent.
    """
    responses = entry.responses
    if found := matching(request, entry, policy):
        target = request.target or request.key
        responses = {
            of: one
            for of, one in found.items()
            if equivalent(request.key, target, variation_of(one))
        }
    # The entry remembers what requests for its own URL presented; this is another one.
    return CacheEntry(responses, entry.emptied_at, entry.salt)


def variation_of(stored: StoredResponse) -> Variation:
    """Return what *stored* says of the query of its URL."""
    lines = [*stored.fields, *stored.withheld]
    return variation(", ".join([v for n, v in lines if n.lower() == "no-vary-search"]))


def select(request: Request, entry: CacheEntry, policy: Policy) -> StoredResponse | None:
    """Return the stored response that answers *request* best (§4.1)."""
    return next(iter(matching(request, entry, policy).values()), None)


def standing(
    stored: StoredResponse, request: Request, policy: Policy
) -> tuple[int, bool, float, float]:
    """Return a number for each rule by which *stored* is chosen for *request* (§4.1)."""
    named, coding = stored.kind
    environ = request.environ
    # Deviation: its Vary names more of what the request carries; the RFC takes the most recent one.
    carried = sum([key in environ for key in named]) if policy.prefer_named else 0
    # * some resources omit Vary from their default response: one that has it is chosen;
    has_vary = bool(named)
    # * a mechanism for ranking preference may be used, such as weights;
    weight = 0 if coding is None else rank(coding, environ.get(CODINGS))
    # * else the most recent response is chosen.
    return carried, has_vary, weight, stored.generated_at


# ── What is remembered of that ─────────────────────────────────────────────────────────────────

_MOST_SEEN, _SEEN_OF_EACH, _LONGEST_SEEN = 64, 2, 512
"""Most presented values that an entry remembers, most for each of its responses, and most
characters of each. Nothing counts their memory, so they are small beside what is counted."""
_SEEN_OF_CODED = 8
"""Most for a response that answers many values of Accept-Encoding; the store counts these."""
_shared: Remembered[str, str] = Remembered(str, 1024)
"""PERF: one text for all entries: clients send the same few values."""


def remembered(
    request: Request, entry: CacheEntry, presented: Values, stored: StoredResponse
) -> Decision:
    """Return the decision to reuse *stored*, which the values *presented* select in *entry*.

    The entry remembers it, within bounds.
    """
    seen = entry.seen
    selected = next((one for one in seen.values() if one.stored is stored), Decision(None, stored))
    if (
        type(entry.responses) is dict  # else a store reads them when they are asked for
        and len(seen) < min(_MOST_SEEN, _room(entry.responses.values()))
        and request.forwarded is None
        and sum(len(value) for value in presented if isinstance(value, str)) <= _LONGEST_SEEN
    ):
        implied, named = presented[: len(IMPLIED) + 1], presented[len(IMPLIED) + 1 :]
        texts = [_shared[value] if isinstance(value, str) else value for value in named]
        presented = (*implied, *texts)
        if seen:
            seen[presented] = selected
        else:
            entry.seen = {presented: selected}
    return selected


def _room(responses: Iterable[StoredResponse]) -> int:
    """Return how many presented values an entry with these *responses* remembers."""
    return sum([_SEEN_OF_CODED if one.offers else _SEEN_OF_EACH for one in responses])
