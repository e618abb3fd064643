"""The responses of an entry that has many of them.

Its record holds the newest ones as a whole. Of each other one it holds what selecting and purging
need; the rest is in a record of its own, a *part*, which is read when that response is selected.
So a hit reads little more than its own response, however many others there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wsgicache.rules.bounds import Remembered
from wsgicache.rules.keys import Kind, Selector
from wsgicache.rules.model import NEVER, NO_LINES, UNSELECTED, StoredResponse

__all__ = [
    "NUMBERS", "Apart", "Variants", "apart", "kept_of", "kind_in", "number_of", "parts_in",
    "read_row", "row_of",
]  # fmt: skip


@dataclass(slots=True, eq=False, kw_only=True)
class Apart(StoredResponse):
    """What an entry's record holds of a response that has a part. It answers nothing."""

    part: str
    """The name of the part."""


class Variants(dict[Selector, StoredResponse]):
    """Responses by their selectors; *whole* reads the part of one.

    Going through them gives some as `Apart`, to pass on. Asking for one gives it as a whole, or
    nothing if its part is lost.
    """

    __slots__ = ("_whole",)

    def __init__(
        self,
        responses: dict[Selector, StoredResponse],
        whole: Callable[[Selector, Apart], StoredResponse | None],
    ) -> None:
        super().__init__(responses)
        self._whole = whole

    def get(self, selector: Selector, default: Any = None, /) -> Any:
        """Return the whole response that *selector* selects, or *default*."""
        stored = super().get(selector)
        if isinstance(stored, Apart):
            stored = self._whole(selector, stored)
        return default if stored is None else stored

    def __getitem__(self, selector: Selector) -> StoredResponse:
        stored: StoredResponse | None = self.get(selector)
        if stored is None:
            raise KeyError(selector)
        return stored


def apart(
    part: str,
    *,
    generated_at: float,
    born: int,
    freshness_lifetime: float,
    stale_while_revalidate: float,
    stale_if_error: float,
    length: int,
    kept: tuple[str, int] | None,
    groups: tuple[str, ...],
    kind: Kind,
    validated: bool,
) -> Apart:
    """Return the `Apart` with this *part*; the rest tells its time of use and what ends it."""
    return Apart(
        part=part,
        generated_at=generated_at,
        born=born,
        freshness_lifetime=freshness_lifetime,
        refresh_age=freshness_lifetime,
        stale_while_revalidate=stale_while_revalidate,
        stale_if_error=stale_if_error,
        length=length,
        kept=kept,
        groups=groups,
        status="",
        fields=NO_LINES,
        not_modified=NO_LINES,
        content=None,
        no_cache=True,
        must_revalidate=True,
        shareable=False,
        for_cookies=False,
        etag=None,
        last_modified=None,
        modified_at=NEVER,
        strong_date=False,
        validators=_SOME if validated else (),
        kind=kind,
        cache_status="",
    )


def parts_in(responses: dict[Selector, StoredResponse]) -> set[str]:
    """Return the names of the parts of *responses*."""
    return {one.part for one in responses.values() if isinstance(one, Apart)}


# ── as they stand in records ─────────────────────────────────────────────────────────────────────

_SOME = (("HTTP_IF_NONE_MATCH", '""'),)
"""Stands for validators, which only the part has."""
_OTHERS = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})
"""What Vary may name beside fields; other environ keys may have any value."""
NUMBERS = (int, float)
_LARGEST = 1e15


def row_of(selector: object, stored: Apart, skew: float) -> tuple[Any, ...]:
    """Return what a record says of a response that has a part."""
    softened_at = None if stored.softened_at == NEVER else stored.softened_at + skew
    windows = stored.freshness_lifetime, stored.stale_while_revalidate, stored.stale_if_error
    at = stored.generated_at + skew
    rest = stored.born, stored.length, stored.kept, stored.groups, softened_at
    selected = *stored.kind, bool(stored.validators)
    return selector, stored.part, at, *windows, *rest, *selected


def read_row(row: Any, skew: float, now: float) -> tuple[Any, Apart]:
    """Return what a row says. Raises what wrong types raise, or ValueError."""
    selector, part, at, lifetime, validating, failing, *rest = row
    born, length, kept, groups, softened_at, named, coding, validated = rest
    if not all(type(one) is str for one in (selector, part, *groups)):
        raise ValueError(row)
    if (
        type(born) is not int
        or type(length) is not int
        or length < 0
        or type(validated) is not bool
    ):
        raise ValueError(row)
    stored = apart(
        part,
        generated_at=min(number_of(at) - skew, now),
        freshness_lifetime=number_of(lifetime),
        stale_while_revalidate=number_of(validating),
        stale_if_error=number_of(failing),
        born=born,
        length=length,
        kept=kept_of(kept),
        groups=tuple(groups),
        kind=kind_in(named, coding),
        validated=validated,
    )
    if softened_at is not None:
        stored.softened_at = min(number_of(softened_at) - skew, now)
    return selector, stored


def number_of(value: Any) -> float:
    """Return the number *value*. Raises ValueError for anything else, and for a huge one."""
    if type(value) not in NUMBERS or not -_LARGEST < value < _LARGEST:
        raise ValueError(value)
    number: float = value
    return number


def kept_of(value: Any) -> tuple[str, int] | None:
    """Return the place of a separate content. Raises what wrong types raise, or ValueError."""
    if value is None:
        return None
    name, size = value
    if type(name) is not str or type(size) is not int or size < 1:
        raise ValueError(value)
    return name, size


def kind_in(value: Any, coding: Any) -> Kind:
    """Return how a response is selected. Raises what wrong types raise, or ValueError."""
    if not all(key.startswith("HTTP_") or key in _OTHERS for key in value):
        raise ValueError(value)
    if coding is not None and (type(coding) is not str or "HTTP_ACCEPT_ENCODING" not in value):
        raise ValueError(coding)
    return _one[tuple(value), coding] if value else UNSELECTED


def _itself(kind: Kind) -> Kind:
    return kind


_one = Remembered(_itself, 256)
"""PERF: responses that are selected alike share one kind."""
