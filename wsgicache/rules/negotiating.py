"""Would the app choose for this client what it chose for others (RFC 9110 §12.5)?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from wsgicache.rules.bounds import WORTH_REMEMBERING, Remembered

__all__ = [
    "CODINGS", "IDENTITY", "Offers", "canonical_codings", "coding_made", "learning",
    "preferred_coding", "rank", "serves",
]  # fmt: skip

CODINGS = "HTTP_ACCEPT_ENCODING"
"""The environ key of the codings that a client accepts."""

IDENTITY = "identity"
"""The name of no content coding (RFC 9110 §12.5.3)."""

Offers = tuple[tuple[str, float], ...]
"""Accept-Encoding values for which the app has chosen one coding, and when it did so."""

_CODING = re.compile(
    r"[ \t]*([!#$%&'*+\-.^_`|~0-9a-z]+)"
    r"(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)
_LEAST = 0.5
"""The weight of identity that is not named, in thousandths: it is acceptable, but last."""
_ANY = "*"
_OBSOLETE = frozenset({"compress", "x-compress", "x-gzip"})
"""Codings that some clients still accept, though no application makes them."""


def _weights_in(value: str) -> Mapping[str, float] | None:
    """Return the weight of each coding in an Accept-Encoding *value*, in thousandths.

    None for a value that is too long, has a member that is no coding, or names one twice (RFC 9110
    §12.4.2).
    """
    if len(value) > WORTH_REMEMBERING:
        return None
    weights: dict[str, float] = {}
    for member in value.lower().split(","):
        if not member.strip(" \t"):
            continue
        found = _CODING.fullmatch(member)
        if found is None or found[1] in weights:
            return None
        weights[found[1]] = round(float(found[2] or 1) * 1000)
    return weights


_weights = Remembered(_weights_in, 1024)


def _weight(weights: Mapping[str, float], coding: str) -> float:
    """Return the weight of *coding*; 0 is not acceptable (RFC 9110 §12.5.3)."""
    known = weights.get(coding)
    if known is None:
        known = weights.get(_ANY, _LEAST if coding == IDENTITY else 0)
    return known


def canonical_codings(value: str) -> str:
    """Return an Accept-Encoding *value*, normalised (RFC 9110 §12.5.3).

    Case, white space, order and weights of 1 do not matter. A value that is no list of codings
    stays.
    """
    return _canonical[value]


def _canonical_of(value: str) -> str:
    weights = _weights[value]
    if weights is None:
        return value
    members = (
        name if weight == 1000 else f"{name};q={weight / 1000:g}"
        for name, weight in sorted(weights.items())
    )
    return ",".join(members)


_canonical = Remembered(_canonical_of, 1024)


def coding_made(content_encoding: str | None, offered: str | None) -> str | None:
    """Return the one coding, or identity, that the app chose of what was *offered*.

    None if it chose something else, or several codings at once.
    """
    return _made[content_encoding, offered or ""]


def _made_of(asked: tuple[str | None, str]) -> str | None:
    content_encoding, offered = asked
    coding = IDENTITY if content_encoding is None else content_encoding.strip(" \t").lower()
    weights = _weights[offered]
    if weights is None or _CODING.fullmatch(coding) is None or ";" in coding:
        return None
    if coding == _ANY or coding in _OBSOLETE:
        return None
    return coding if _weight(weights, coding) else None


_made = Remembered(_made_of, 1024)


def serves(coding: str, offers: Iterable[tuple[str, float]], presented: str | None) -> bool:
    """Return whether the app would give a client with this Accept-Encoding the same *coding*.

    It chose that for each of *offers*. A client without the field accepts any coding (RFC 9110
    §12.5.3), but apps give it identity, as they do for an empty one.
    """
    return any(_chosen_again[coding, offer, presented or ""] for offer, _ in offers)


def _is_chosen_again(asked: tuple[str, str, str]) -> bool:
    """Return whether an app that chose a coding of what it was offered chooses it again.

    It is offered less now, but still what it chose, and the client prefers nothing to that choice
    which it did not prefer before.
    """
    # Deviation: the presented field differs from that of the original request (§4.1).
    coding, offered, presented = asked
    before, now = _weights[offered], _weights[presented]
    if before is None or now is None:
        return False
    # * the client accepts it;
    chosen_before, chosen = _weight(before, coding), _weight(now, coding)
    if not chosen:
        return False
    # (_ANY stands for all that neither names.)
    for other in {*before, *now, IDENTITY, _ANY} - _OBSOLETE:
        weight_before, weight = _weight(before, other), _weight(now, other)
        # * it accepts nothing that was not offered;
        if weight and not weight_before:
            return False
        # * and prefers nothing to it that was not preferred then.
        if _sign(weight - chosen) > _sign(weight_before - chosen_before):
            return False
    return True


_chosen_again = Remembered(_is_chosen_again, 1024, longest=3 * WORTH_REMEMBERING)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def rank(coding: str, presented: str | None) -> float:
    """Return the weight of *coding* in this Accept-Encoding (RFC 9110 §12.4.2)."""
    weights = _weights[presented or ""]
    return 0 if weights is None else _weight(weights, coding)


def preferred_coding(offered: Sequence[str], presented: str | None) -> str | None:
    """Return the coding of *offered* with the greatest weight, the first of several; None for none.

    A client that accepts none of them, and no identity either, keeps what it *presented*.
    """
    weights = _weights[presented or ""]
    if weights is None:
        return None
    best = max((*offered, IDENTITY), key=lambda coding: _weight(weights, coding.lower()))
    if not _weight(weights, best.lower()):
        return presented
    return None if best == IDENTITY else best


_MOST = 8
_RELEARNED = 86400
"""Seconds after which a choice no longer counts: the app may know another coding by now."""


def learning(coding: str, offers: Offers, presented: str | None, now: float) -> Offers:
    """Return *offers* after the app has chosen *coding* for *presented*, the newest last.

    Values that another one stands for are left out, as are those of more than a day ago.
    """
    offer = _canonical[presented or ""]
    if not offers:
        return ((offer, now),)
    others = [
        (one, since)
        for one, since in offers
        if now - since < _RELEARNED and not _chosen_again[coding, offer, one]
    ]
    if any(_chosen_again[coding, one, offer] for one, _ in others):
        return tuple(others)
    return (*others[1 - _MOST :], (offer, now))
