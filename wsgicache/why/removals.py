"""How a request, its answer, routes or the policy look without one cause."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import NamedTuple

from wsgicache.controls.decorators import cache_control
from wsgicache.rules.bounds import LONGEST
from wsgicache.rules.cookies import USUAL_SETTERS, cookie_name
from wsgicache.rules.dates import parse_date
from wsgicache.rules.fields import parse_cache_control, written
from wsgicache.rules.storing import is_endless
from wsgicache.why.trying import Recorded, Trial

__all__ = [
    "Removal", "answered_without", "as_get", "as_given", "asked_without", "cookies_set",
    "credentials", "exempt", "forbidding_fields", "lifetime", "max_collecting", "max_content",
    "status", "stream", "taken_away", "too_long", "words",
]  # fmt: skip

_LIFETIMES = {"max-age", "s-maxage"}
"""The directives before which Expires does not count (§5.3)."""

Removals = Callable[[Trial], Iterable["Removal"]]


class Removal(NamedTuple):
    """One way to take a cause away: who caused it, by what words, and how it would be without."""

    by: str
    said: str
    without: Trial


# ── what the request says ──────────────────────────────────────────────────────────────────────


def asked_without(*names: str) -> Callable[[Trial], Iterator[Removal]]:
    """Take each of the request fields *names* away."""

    def removals(trial: Trial) -> Iterator[Removal]:
        for name in names:
            if value := trial.asked.value(name):
                changed = replace(trial, asked=trial.asked.without(name))
                yield Removal("request", f"{name}: {value}", changed)

    return removals


def credentials(trial: Trial) -> Iterator[Removal]:
    """Take each field that says who asks away."""
    return asked_without("Authorization", *trial.policy.credentials)(trial)


def as_get(trial: Trial) -> Iterator[Removal]:
    """Ask with GET."""
    changed = replace(trial, asked=replace(trial.asked, method="GET"))
    yield Removal("request", trial.asked.method, changed)


# ── what the response says ─────────────────────────────────────────────────────────────────────


def _answer(trial: Trial) -> Recorded:
    assert isinstance(trial.app, Recorded)
    return trial.app


def _answered(trial: Trial, answer: Recorded) -> Trial:
    return replace(trial, app=answer)


def answered_without(*names: str) -> Callable[[Trial], Iterator[Removal]]:
    """Take each of the response fields *names* away."""

    def removals(trial: Trial) -> Iterator[Removal]:
        answer = _answer(trial)
        for name in names:
            if (value := answer.value(name)) is not None:
                changed = _answered(trial, answer.without(name))
                yield Removal("response", f"{name}: {value}", changed)

    return removals


def cookies_set(trial: Trial) -> Iterator[Removal]:
    """Set no cookie."""
    for removal in answered_without("Set-Cookie", "Set-Cookie2")(trial):
        lines = [value for name, value in _answer(trial).fields if name.lower() == "set-cookie"]
        names = dict.fromkeys(cookie_name(line.partition(";")[0]) for line in lines)
        known = (f"; usually set by {USUAL_SETTERS[n].who}" for n in names if n in USUAL_SETTERS)
        yield removal._replace(said=removal.said + "".join(known))


_GONE = re.compile(r";\s*(?:max-age=(?:0+|-\d+)\s*(?:;|$)|expires=[^;]*\b1970\b)", re.IGNORECASE)
"""What takes a cookie away."""


def taken_away(trial: Trial) -> str:
    """Return why nothing can be done about cookies that are all taken away; else an empty text."""
    lines = [value for name, value in _answer(trial).fields if name.lower() == "set-cookie"]
    if not all(map(_GONE.search, lines)):
        return ""
    names = dict.fromkeys(cookie_name(line.partition(";")[0]) for line in lines)
    return (
        f"it takes the cookie {', '.join(names)} away, so the next request is without it. "
        "That happens to a cookie that was made up for this question, too: give a real one"
    )


def forbidding_fields(trial: Trial) -> Iterator[Removal]:
    """Take each field for other caches away."""
    return answered_without(*trial.policy.forbidding_fields)(trial)


def status(trial: Trial) -> Iterator[Removal]:
    """Answer with 200 and the whole page."""
    answer = _answer(trial).without("Content-Range")
    changed = _answered(trial, replace(answer, status="200 OK"))
    yield Removal("response", answer.status, changed)


def stream(trial: Trial) -> Iterator[Removal]:
    """Give endless content a type that ends."""
    kind = _answer(trial).value("Content-Type") or ""
    if is_endless(kind):
        changed = _answered(trial, _answer(trial).having("Content-Type", "text/html"))
        yield Removal("response", f"Content-Type: {kind}", changed)


def lifetime(trial: Trial) -> Iterator[Removal]:
    """Give the response a lifetime."""
    answer = _answer(trial)
    control = cache_control(max_age=60, status=int(answer.status[:3]))
    changed = _answered(trial, replace(answer, said=(*answer.said, control)))
    yield Removal("response", _said_of_lifetime(answer, trial.clock.wall()), changed)


def _said_of_lifetime(answer: Recorded, wall: float) -> str:
    """Return the fields of *answer* that might give a lifetime (§4.2.1), as they are."""
    control, expires = answer.value("Cache-Control"), answer.value("Expires")
    said = [] if control is None else [f"Cache-Control: {control}"]
    if expires is not None and not _LIFETIMES & parse_cache_control(control or "").keys():
        # RFC 9110 §5.6.7: "+0000" and "-0000" are those of electronic mail.
        wrong = " (no HTTP date, which ends in GMT)" if parse_date(expires, wall) is None else ""
        said.append(f"Expires: {expires}{wrong}")
    return "; ".join(said) or "no lifetime"


def words(*names: str) -> Callable[[Trial], Iterator[Removal]]:
    """Take the directives *names* away from each who may have said them."""

    def removals(trial: Trial) -> Iterator[Removal]:
        answer = _answer(trial)
        for number, control in enumerate(answer.said):
            if control.forbids():
                left = (*answer.said[:number], *answer.said[number + 1 :])
                changed = _answered(trial, replace(answer, said=left))
                yield Removal("decorator", repr(control), changed)
        for number, route in enumerate(trial.routes):
            if any(control.forbids() for control in route.controls):
                silent = copy(route)
                silent.controls, silent.forbids = (), False
                left_routes = (*trial.routes[:number], silent, *trial.routes[number + 1 :])
                changed = replace(trial, routes=left_routes)
                yield Removal(f"route {number + 1}", repr(route), changed)
        if trial.policy.default is not None:
            changed = replace(trial, policy=replace(trial.policy, default=None))
            yield Removal("default", repr(trial.policy.default), changed)
        for field in (*trial.policy.targets, "Cache-Control"):
            value = answer.value(field)
            directives = parse_cache_control(value or "")
            if value is not None and not directives.keys().isdisjoint(names):
                left_words = {n: a for n, a in directives.items() if n not in names}
                changed = _answered(trial, answer.having(field, written(left_words)))
                yield Removal("response", f"{field}: {value}", changed)

    return removals


def as_given(said: str, left: Trial, given: Trial) -> str:
    """Return what the response *said* in a field as *given*, before any of it was taken away.

    *left* is what was left when it said that.
    """
    for field in (*given.policy.targets, "Cache-Control"):
        value, rest = _answer(given).value(field), f"{field}: {_answer(left).value(field)}"
        if value is not None and said.startswith(rest):
            return f"{field}: {value}{said[len(rest) :]}"
    return said


# ── what the policy says ───────────────────────────────────────────────────────────────────────


def too_long(trial: Trial) -> Iterator[Removal]:
    """Take each field away that is too long to be read."""
    for name, value in trial.asked.fields:
        if len(value) > LONGEST:
            changed = replace(trial, asked=trial.asked.without(name))
            yield Removal("request", f"{name}, {len(value)} bytes", changed)
    answer = _answer(trial)
    for name, value in answer.fields:
        if len(value) > LONGEST:
            yield Removal(
                "response", f"{name}, {len(value)} bytes", _answered(trial, answer.without(name))
            )


def exempt(trial: Trial) -> Iterator[Removal]:
    """Exempt no path."""
    changed = replace(trial, policy=replace(trial.policy, exempt=()))
    yield Removal("policy", f"exempt={trial.policy.exempt!r}", changed)


def max_content(trial: Trial) -> Iterator[Removal]:
    """Store content of any length."""
    most = trial.policy.max_content
    changed = replace(trial, policy=replace(trial.policy, max_content=2**62))
    yield Removal("policy", f"max_content={most}", changed)


def max_collecting(trial: Trial) -> Iterator[Removal]:
    """Collect any number of bytes."""
    most = trial.policy.max_collecting
    changed = replace(trial, policy=replace(trial.policy, max_collecting=2**62))
    yield Removal("policy", f"max_collecting={most}", changed)
