"""How does a request differ from all requests with a stored response (RFC 9111 §4.1)?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wsgicache.rules.fields import Directives
from wsgicache.rules.keys import Values
from wsgicache.rules.model import IMPLIED, CacheEntry
from wsgicache.rules.negotiating import CODINGS
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.variants import FIRST_NAMED, values_of

__all__ = ["Difference", "difference", "says_why_asked", "wish"]


class Difference(NamedTuple):
    """The difference that caused a vary-miss."""

    field: str
    """The request field in lower case, or ``target``, ``mount`` or ``vary-by``."""
    variants: int
    """The number of responses stored for the URL."""
    values: tuple[str | None, ...]
    """Some values of the field, that of the request first; digests hide the others."""
    is_sure: bool = True
    """Whether it is known, and not only likely."""


_OFTEN = ("HTTP_COOKIE", "HTTP_USER_AGENT", "HTTP_ACCEPT_LANGUAGE", CODINGS, "HTTP_ACCEPT")
"""The fields with the most values come first: they are most likely the cause."""
_SOME = 4
_FORWARDED = "forwarded"


def difference(request: Request, entry: CacheEntry, policy: Policy) -> Difference | None:
    """Return how *request* differs from all requests with a response in *entry*, or None.

    If the store has digests in place of values, the most likely field is returned. Only if there is
    no other it is sure.
    """
    sure = True
    if entry.salt:
        key: str | None = _likely(request, entry)
        values: Iterable[str | None] = ()
        sure = entry.nominated == (key,) and not request.forwarded
    else:
        key, values = _compared(request, entry, policy)
    if key is None:
        return None
    name, own = _name(key), request.environ.get(key)
    if key == _FORWARDED:
        name, own = _forwarded(request)
    others = dict.fromkeys(value for value in values if value != own)
    return Difference(name, len(entry.responses), (own, *others)[:_SOME], sure)


def _likely(request: Request, entry: CacheEntry) -> str:
    carried = [key for key in entry.nominated if key in request.environ] or entry.nominated
    if not carried:
        return _FORWARDED if request.forwarded else IMPLIED[0]
    return next((key for key in _OFTEN if key in carried), carried[0])


def _compared(
    request: Request, entry: CacheEntry, policy: Policy
) -> tuple[str | None, list[str | None]]:
    """Return the key of the first value that differs from the nearest response, and its values."""
    presented = {kind: values_of(request, kind, policy) for kind in entry.kinds}
    best: tuple[int, str | None] = (len(IMPLIED) + len(entry.nominated) + 2, None)
    found: dict[str | None, list[str | None]] = {}
    for selector, stored in entry.responses.items():
        mine, (named, coding) = presented[stored.kind], stored.kind
        keys = _differing(mine, selector, named) if isinstance(selector, tuple) else []
        if not keys and coding is not None:
            keys = [CODINGS]
        for key in keys:
            values = found.setdefault(key, [])
            if coding is not None and key == CODINGS:
                values.append(", ".join(offer for offer, _ in stored.offers))
            elif key in named:
                value = selector[FIRST_NAMED + named.index(key)]
                values.append(value if isinstance(value, str) else None)
        best = min(best, (len(keys), keys[0] if keys else None), key=lambda one: one[0])
    return best[1], found.get(best[1], [])


def _differing(mine: Values, other: Values, named: tuple[str, ...]) -> list[str]:
    """Return the keys of the values that differ, those that Vary names first."""
    keys = (_FORWARDED, *IMPLIED, "", *named)
    at = [place for place, value in enumerate(mine) if value != other[place]]
    return [keys[one] for one in sorted(at, key=lambda place: place < FIRST_NAMED)]


def _name(key: str) -> str:
    if key in IMPLIED:
        return "mount" if key == IMPLIED[2] else "target"
    return key.removeprefix("HTTP_").lower().replace("_", "-")


def _forwarded(request: Request) -> tuple[str, str | None]:
    """Return the first field that selects in any case, and its value.

    The text of a vary_by has its own name, and no value here: it may be a secret.
    """
    said, *values = request.forwarded or (_FORWARDED,)
    if said == "vary_by":
        return "vary-by", None
    if "=" in said:
        return "cookie", said  # one that chooses the language
    if said.startswith("HTTP_"):
        return _name(said), values[0]
    return _FORWARDED, request.environ.get("HTTP_FORWARDED")


_WISHES = ("no-cache", "max-age", "min-fresh")


def wish(directives: Directives) -> str:
    """Return the first directive by which a request asks for more than is stored (§5.2.1)."""
    return next((name for name in _WISHES if name in directives), "")


def says_why_asked(detail: str) -> bool:
    """Return whether *detail*, of Cache-Status, says why the app was asked."""
    return detail in _WISHES or detail.startswith("vary-")
