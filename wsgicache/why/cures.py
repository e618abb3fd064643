"""The smallest change that makes a request a hit, tried before it is given.

Each cure is applied to a copy of policy and routes, and the request is sent twice: a cure counts if
the second time is a hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from wsgicache.why.asked import SESSION_COOKIES, Asked, cookie_names
from wsgicache.why.changes import Change, changes_for, has_form_token
from wsgicache.why.trying import Shelf, Trial

__all__ = ["Cure", "cures"]


class Cure(NamedTuple):
    """A change that was tried."""

    what: str
    """The line to write."""
    where: str
    outcome: str
    """``hit``, or ``unchecked`` if it could not be tried."""
    for_others: bool = False
    """Whether every other visitor gets a hit, too, those with cookies included."""
    provided: str = ""
    """What must be so, and only people know."""
    for_strangers: bool = False
    """Whether a visitor without cookies and credentials gets a hit, too."""


_ADVICE = Cure(
    "serve the form token from a view of its own with @never_cache, and have a script put it into "
    "the form",
    "the application",
    "unchecked",
    True,
)


def cures(trial: Trial, tokens: Iterable[str], first: Asked | None = None) -> list[Cure]:
    """Return the changes that make *trial* a hit, the cheapest first.

    *tokens* say what is in the way: details of Cache-Status, or ``field NAME`` and ``query`` where
    the request is to be answered by what was stored for another, *first*. Without it, the request
    comes twice.
    """
    known = {token: list(changes_for(token, trial, first)) for token in tokens}
    found: dict[str, Cure] = {}
    for change in (change for changes in known.values() for change in changes):
        for one in _plain_first(change):
            if (cure := _tried(trial, [one], first)) is not None:
                found.setdefault(cure.what, cure)
                break
    if not found and len(known) > 1:
        each = (
            [one for change in changes for one in _plain_first(change)]
            for changes in known.values()
        )
        for several in product(*(changes[:6] for changes in each)):
            distinct = list({change.what: change for change in several}.values())
            if (cure := _tried(trial, distinct, first)) is not None:
                found[cure.what] = cure
                break
    if known and has_form_token(trial):
        # No page with a token is for everybody.
        left = [cure for cure in found.values() if not (cure.for_others or cure.for_strangers)]
        return [*left, _ADVICE]
    return list(found.values())


def _plain_first(change: Change) -> Iterator[Change]:
    bolder: Change | None = change
    while bolder is not None:
        yield bolder
        bolder = bolder.bolder


def _tried(trial: Trial, changes: list[Change], first: Asked | None) -> Cure | None:
    """Return the cure that *changes* are together, or None if they are none."""
    try:
        for change in changes:
            trial = change.apply(trial)
    except (TypeError, ValueError):  # a path, say, that no pattern can have
        return None
    shelf = Shelf()
    replace(trial, asked=first or trial.asked).walk(shelf)
    if trial.walk(shelf).outcome != "hit":
        return None
    nobody = trial.asked.without("Cookie", "Authorization", *trial.policy.credentials)
    strangers = replace(trial, asked=nobody).walk(shelf).outcome == "hit"
    another = nobody.having("Cookie", _other_cookies(trial))
    others = strangers and replace(trial, asked=another).walk(shelf).outcome == "hit"
    return Cure(
        " and ".join(change.what for change in changes),
        "; ".join(dict.fromkeys(change.where for change in changes)),
        "hit",
        others,
        ", and ".join(dict.fromkeys(change.provided for change in changes if change.provided)),
        strangers,
    )


def _other_cookies(trial: Trial) -> str:
    """Return the cookies of another visitor: those of this one, and of a session."""
    seen = [name for name in trial.policy.only_cookies or () if name in SESSION_COOKIES]
    names = dict.fromkeys([*cookie_names(trial.asked.value("Cookie")), *seen]) or ["session"]
    return "; ".join(f"{name}=another" for name in names)
