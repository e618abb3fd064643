"""Which of the offered values does a client prefer (RFC 9110 §12.5, RFC 4647)?

The app sees the outcome, and not what the client sent, so its answer depends on nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from wsgicache.rules.bounds import LONGEST, Remembered
from wsgicache.rules.checks import must_be, several, text
from wsgicache.rules.fields import TOKEN, environ_key
from wsgicache.rules.negotiating import preferred_coding

__all__ = [
    "Header", "Negotiated", "by_coding", "by_language", "by_media_type", "checked_codings",
    "checked_languages", "checked_media_types", "offers_of",
]  # fmt: skip

Values = tuple[str, ...]
Choice = Callable[[Values, str | None], str | None]

_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_MEDIA_TYPE = re.compile(r"(?!.*\*)[^\s/;,]+/[^\s/;,]+")
_CODING = re.compile(rf"(?!(?:\*|identity)\Z){TOKEN}")
_FIELD = re.compile(TOKEN)
_FIELD_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class Negotiated(NamedTuple):
    """One request field that is negotiated before the look-up."""

    field: str
    key: str
    """The environ key of the field."""
    outcome: Remembered[str | None, str | None]
    """The value that the app sees, by that of the client; None if it sees none."""
    vary: str
    """The responses whose Vary names the field: ``all``, ``coded`` or ``none``."""
    offered: Values
    """The values that the app may see."""


def _negotiated(field: str, offered: Values, choice: Choice, vary: str = "all") -> Negotiated:
    def outcome(value: str | None) -> str | None:
        if not offered:
            return None
        return choice(offered, value if len(value or "") <= LONGEST else None)

    remembered: Remembered[str | None, str | None] = Remembered(outcome, 1024)
    return Negotiated(field, environ_key(field), remembered, vary if offered else "none", offered)


def by_language(offered: Values) -> Negotiated:
    """Return the negotiation of Accept-Language among the languages *offered*."""
    return _negotiated("Accept-Language", offered, _language)


def by_media_type(offered: Values) -> Negotiated:
    """Return the negotiation of Accept among the media types *offered*."""
    return _negotiated("Accept", offered, _media_type)


def by_coding(offered: Values) -> Negotiated:
    """Return the negotiation of Accept-Encoding among the content codings *offered*."""
    return _negotiated("Accept-Encoding", offered, preferred_coding, "coded")


def offers_of(
    languages: Values | None, accept: Values | None, encodings: Values | None
) -> tuple[Negotiated, ...]:
    """Return the negotiation of each field for which something is offered, or nothing at all."""
    pairs = ((by_language, languages), (by_media_type, accept), (by_coding, encodings))
    return tuple(negotiation(offered) for negotiation, offered in pairs if offered is not None)


class Header:
    """A request field that classifies clients by a few *values*, such as one that a proxy sets.

    The app sees no other value of the field *name*. Raises TypeError and ValueError.
    """

    def __init__(self, name: str, values: Iterable[str]) -> None:
        self.name = text("Header.name", name, "the name of a field, such as 'X-Device'", _FIELD)
        kind = "a field value in ASCII, such as 'phone'"
        check = partial(text, kind=kind, pattern=_FIELD_VALUE)
        self.values = several("Header.values", values, check, "['phone', 'desktop']")
        if not self.values:
            raise ValueError(must_be("Header.values", "one value or more", self.values))
        self.negotiated = _negotiated(self.name, self.values, _one_of)

    def __repr__(self) -> str:
        return f"Header({self.name!r}, {self.values!r})"


def _one_of(offered: Values, value: str | None) -> str | None:
    value = None if value is None else value.strip(" \t")
    return value if value in offered else None


def _weighted(value: str) -> list[tuple[str, float]]:
    """Return the members of a list with their weights, in lower case (RFC 9110 §12.4.2).

    Members with an invalid weight are left out; parameters before the weight stay.
    """
    members: list[tuple[str, float]] = []
    for member in value.lower().split(","):
        name, *parameters = (piece.strip(" \t") for piece in member.split(";"))
        weight = 1.0
        for place, parameter in enumerate(parameters):
            if parameter.startswith("q="):
                valid = _WEIGHT.fullmatch(parameter[2:]) is not None
                weight = float(parameter[2:]) if valid else -1
                parameters = parameters[:place]
                break
        if name and weight >= 0:
            members.append((";".join([name, *parameters]), weight))
    return members


# ── Languages (RFC 9110 §12.5.4, RFC 4647) ─────────────────────────────────────────────────────


def _language(offered: Values, value: str | None) -> str:
    """Return the language that the client prefers, or the first one if none suits it.

    A range matches the languages that begin with it (RFC 4647 §3.3.1). If there is none, it is
    shortened from the end until it names one (§3.4): ``de-AT`` asks for ``de``, too.
    """
    members = _weighted(value or "*")
    left = [tag for tag in offered if not _is_refused(tag.lower(), members)]
    # Weights come first; among equal ones the order of the client counts.
    for asked, weight in sorted(members, key=lambda member: -member[1]):
        if weight and (found := _looked_up(asked, left, members)):
            return found
    return (left or offered)[0]


def _covers(asked: str, tag: str) -> bool:
    return tag == asked or tag.startswith(f"{asked}-")


def _is_refused(tag: str, members: list[tuple[str, float]]) -> bool:
    """Return whether the longest range for *tag* has no weight."""
    weights = [(len(asked), weight) for asked, weight in members if _covers(asked, tag)]
    weights = weights or [(0, weight) for asked, weight in members if asked == "*"]
    return bool(weights) and not max(weights)[1]


def _looked_up(asked: str, left: list[str], members: list[tuple[str, float]]) -> str | None:
    if asked == "*":
        # It stands for the languages that no other range matches.
        others = [other for other, _ in members if other != "*"]
        free = (tag for tag in left if not any(_covers(one, tag.lower()) for one in others))
        return next(free, None)
    for tag in left:
        if _covers(asked, tag.lower()):
            return tag
    known = {tag.lower(): tag for tag in left}
    while asked := asked.rpartition("-")[0]:
        if asked in known:
            return known[asked]
    return None


# ── Media types (RFC 9110 §12.5.1) ─────────────────────────────────────────────────────────────


def _media_type(offered: Values, value: str | None) -> str:
    """Return the media type that the client prefers, or the first one if none suits it.

    The most specific range for a type has its weight. Of equal weights the first range counts.
    """
    members = _weighted(value or "*/*")
    return max(offered, key=lambda kind: _wanted(kind.lower(), members))


_UNWANTED = (0.0, 0)


def _wanted(kind: str, members: list[tuple[str, float]]) -> tuple[float, int]:
    """Return how much a client wants a media type: its weight, and how early it is named."""
    for asked in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        found = [(weight, -place) for place, (one, weight) in enumerate(members) if one == asked]
        if found:
            return max(found) if max(found)[0] else _UNWANTED
    return _UNWANTED


# ── What may be offered ────────────────────────────────────────────────────────────────────────


def _checked(
    kind: str, pattern: re.Pattern[str], example: str, subject: str, given: object
) -> Values:
    return several(subject, given, partial(text, kind=kind, pattern=pattern), example)


checked_languages = partial(
    _checked, "a language tag, such as 'en' or 'pt-BR'", _LANGUAGE, "['en', 'de']"
)
checked_media_types = partial(
    _checked, "a media type, such as 'text/html'", _MEDIA_TYPE, "['text/html', 'application/json']"
)
checked_codings = partial(_checked, "a content coding, such as 'gzip'", _CODING, "['br', 'gzip']")
