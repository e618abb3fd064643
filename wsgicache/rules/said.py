"""What was said of a response, and what of it forbids storing (RFC 9111 §5.2; RFC 9213)?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from wsgicache.rules.fields import NO_DIRECTIVES, Directives
from wsgicache.rules.response import Response

__all__ = [
    "ALL_CACHES", "NEVER_KEPT", "NO_STORE", "PRIVATE", "Said", "Speaking", "allowing_nothing",
    "forbidding", "forbids_here", "severity", "together", "vouches", "without_lifetime",
]  # fmt: skip

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


class Said(NamedTuple):
    """What one control says of one response."""

    directives: Directives = NO_DIRECTIVES
    """Directives for all caches, in Cache-Control."""
    here: Directives = NO_DIRECTIVES
    """Directives for this cache alone, in its own targeted field (RFC 9213 §2); they replace
    those."""
    never: bool = False
    """Whether no cache may keep it; said so that even the oldest browser understands."""
    expires: bool = False
    """Whether Expires repeats max-age (§5.3)."""
    vary: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    search: str = ""
    """What No-Vary-Search says, if the response does not say it itself."""
    only_forbids: bool = False
    """Whether it only removes permissions, and says nothing where there are none."""
    everywhere: bool = False
    """Whether it is about every page alike, so that it vouches for none (credentials.INHERITED)."""

    @property
    def speaks(self) -> bool:
        """Return whether it has anything to say in place of the response's own Cache-Control."""
        return bool(self.directives or self.here) and not self.only_forbids


@runtime_checkable
class Speaking(Protocol):
    """A control: an object with something to say about responses."""

    def said_of(
        self, response: Response, environ: WSGIEnvironment, any_status: bool = False
    ) -> Said | None:
        """Return what it says of *response*, or None if it says nothing.

        With *any_status* its own filter for statuses does not count. Raises nothing.
        """

    def vouches(self) -> bool:
        """Return whether it releases answers to everybody, whoever asked for them."""


NEVER_KEPT = Said(
    {"no-store": None, "no-cache": None, "must-revalidate": None, "max-age": "0"}, never=True
)
NO_STORE = Said({"no-store": None})

PRIVATE, ALL_CACHES, EVERYBODY = 1, 2, 3
"""How much is forbidden: storing by shared caches, by all caches, and so that the oldest browser
understands."""


def severity(said: Said) -> int:
    """Return how much *said* forbids to all caches: 0 is nothing an earlier word could allow."""
    if said.never:
        return EVERYBODY
    if "no-store" in said.directives:
        return ALL_CACHES
    return PRIVATE if said.directives.get("private", "") is None else 0


def forbids_here(said: Said) -> bool:
    """Return whether *said* forbids this cache to store."""
    words = said.here or said.directives
    return said.never or "no-store" in words or words.get("private", "") is None


def forbidding(said: Said) -> Said | None:
    """Return what of *said* forbids storing, or None if nothing does."""
    if said.never:
        return said._replace(only_forbids=True)
    if not (severity(said) or forbids_here(said)):
        return None
    return Said(_prohibitions(said.directives), _prohibitions(said.here), only_forbids=True)


def vouches(said: Said) -> bool:
    """Return whether *said* releases an answer to everybody though its request had cookies.

    For one page its author can vouch; for all pages nobody can (credentials.INHERITED).
    """
    if said.here and not forbids_here(said):
        return True
    return not (_RELEASING.isdisjoint(said.directives) and _RELEASING.isdisjoint(said.here))


_RELEASING = frozenset({"public", "s-maxage"})
_LIFETIME = frozenset(
    {"max-age", "s-maxage", "stale-while-revalidate", "stale-if-error", "immutable", "public"}
)


def without_lifetime(said: Said) -> Said:
    """Return *said* without lifetimes and permissions to share."""
    if said.never:
        return said
    directives = {name: a for name, a in said.directives.items() if name not in _LIFETIME}
    here = {name: a for name, a in said.here.items() if name not in _LIFETIME}
    return said._replace(directives=directives, here=here, expires=False)


def allowing_nothing(said: Said) -> Said:
    """Return what of *said* forbids storing or selects."""
    return (forbidding(said) or Said())._replace(vary=said.vary, groups=said.groups)


def _prohibitions(directives: Directives) -> Directives:
    return {
        name: argument
        for name, argument in directives.items()
        if name == "no-store" or (name == "private" and argument is None)
    }


def together(said: Iterable[Said]) -> Said | None:
    """Return several controls of one source as one, or None if none of them says anything.

    If several give the same directive, the last one counts.
    """
    speaking = [one for one in said if one.speaks]
    if len(speaking) < 2:
        return speaking[0] if speaking else None
    directives: Directives = {}
    here: Directives = {}
    for one in speaking:
        directives |= one.directives
        here |= one.here
    return Said(
        directives,
        here,
        never=any(one.never for one in speaking),
        expires=any(one.expires for one in speaking),
        everywhere=any(one.everywhere for one in speaking),
    )
