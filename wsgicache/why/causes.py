"""What each reason means, and how a request or its answer looks without it.

To find every reason, the first one is taken away and the walk is repeated: what it says then is the
next. The names of the reasons are the details of Cache-Status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import NamedTuple

from wsgicache.controls.decorators import cache_control
from wsgicache.rules.fields import parse_cache_control, written
from wsgicache.rules.storing import is_endless
from wsgicache.why.trying import Recorded, Trial

__all__ = ["CAUSES", "Cause", "Reason", "cause_of", "reasons"]


class Removal(NamedTuple):
    """One way to take a cause away: who caused it, by what words, and how it would be without."""

    by: str
    said: str
    without: Trial


class Reason(NamedTuple):
    """Why a response is not stored, or a request not looked up."""

    token: str
    """The ``detail`` of Cache-Status."""
    section: str
    """Where the rule comes from."""
    said: str
    """The words that caused it."""
    by: str
    """Who said them: request, response, decorator, route N, default or policy."""


class Cause(NamedTuple):
    """A reason in general."""

    section: str
    sentence: str
    removals: Callable[[Trial], Iterable[Removal]] = lambda trial: ()
    no_cure: str = ""
    """Why nothing can be done about it, if so."""


# ── what the request says ──────────────────────────────────────────────────────────────────────


def _asked_without(*names: str) -> Callable[[Trial], Iterator[Removal]]:
    def removals(trial: Trial) -> Iterator[Removal]:
        for name in names:
            if value := trial.asked.value(name):
                changed = replace(trial, asked=trial.asked.without(name))
                yield Removal("request", f"{name}: {value}", changed)

    return removals


def _credentials(trial: Trial) -> Iterator[Removal]:
    return _asked_without("Authorization", *trial.policy.credentials)(trial)


def _as_get(trial: Trial) -> Iterator[Removal]:
    changed = replace(trial, asked=replace(trial.asked, method="GET"))
    yield Removal("request", trial.asked.method, changed)


# ── what the response says ─────────────────────────────────────────────────────────────────────


def _answer(trial: Trial) -> Recorded:
    assert isinstance(trial.app, Recorded)
    return trial.app


def _answered(trial: Trial, answer: Recorded) -> Trial:
    return replace(trial, app=answer)


def _answered_without(*names: str) -> Callable[[Trial], Iterator[Removal]]:
    def removals(trial: Trial) -> Iterator[Removal]:
        answer = _answer(trial)
        for name in names:
            if (value := answer.value(name)) is not None:
                changed = _answered(trial, answer.without(name))
                yield Removal("response", f"{name}: {value}", changed)

    return removals


def _forbidding_fields(trial: Trial) -> Iterator[Removal]:
    return _answered_without(*trial.policy.forbidding_fields)(trial)


def _status(trial: Trial) -> Iterator[Removal]:
    answer = _answer(trial).without("Content-Range")
    changed = _answered(trial, replace(answer, status="200 OK"))
    yield Removal("response", answer.status, changed)


def _stream(trial: Trial) -> Iterator[Removal]:
    kind = _answer(trial).value("Content-Type") or ""
    if is_endless(kind):
        changed = _answered(trial, _answer(trial).having("Content-Type", "text/html"))
        yield Removal("response", f"Content-Type: {kind}", changed)


def _lifetime(trial: Trial) -> Iterator[Removal]:
    answer = _answer(trial)
    control = cache_control(max_age=60, status=int(answer.status[:3]))
    changed = _answered(trial, replace(answer, said=(*answer.said, control)))
    field = answer.value("Cache-Control")
    said = f"Cache-Control: {field}" if field else "no lifetime"
    yield Removal("response", said, changed)


def _words(*names: str) -> Callable[[Trial], Iterator[Removal]]:
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


# ── what the policy says ───────────────────────────────────────────────────────────────────────


def _exempt(trial: Trial) -> Iterator[Removal]:
    changed = replace(trial, policy=replace(trial.policy, exempt=()))
    yield Removal("policy", f"exempt={trial.policy.exempt!r}", changed)


def _max_content(trial: Trial) -> Iterator[Removal]:
    most = trial.policy.max_content
    changed = replace(trial, policy=replace(trial.policy, max_content=2**62))
    yield Removal("policy", f"max_content={most}", changed)


_APP = "only the application can mend that"
_CLIENT = "the client asks for it, and the cache obeys"

CAUSES: dict[str, Cause] = {
    "freshness": Cause("§3, §4.2.1", "No lifetime is given that would let it be used.", _lifetime),
    "cookie": Cause(
        "§3.5",
        "The request has cookies, and nothing says whether the page depends on them.",
        _asked_without("Cookie"),
    ),
    "authorization": Cause(
        "§3.5", "The request says who asks, and nothing releases the answer.", _credentials
    ),
    "set-cookie": Cause(
        "§7.3",
        "The response sets a cookie, which belongs to one visitor.",
        _answered_without("Set-Cookie", "Set-Cookie2"),
    ),
    "hidden-cookie": Cause(
        "§7.3",
        "The page sets a cookie that the cache hides from it.",
        _answered_without("Set-Cookie", "Set-Cookie2"),
    ),
    "no-store": Cause(
        "§5.2.2.5",
        "The response forbids every cache to store it.",
        _words("no-store"),
        "a prohibition counts, whoever says it: take it away where it is written",
    ),
    "private": Cause(
        "§5.2.2.7",
        "The response is for one visitor alone.",
        _words("private"),
        "a prohibition counts, whoever says it: take it away where it is written",
    ),
    "must-understand": Cause(
        "§5.2.2.3",
        "The response asks for knowledge of its status, and this one is unknown.",
        _words("must-understand"),
        _APP,
    ),
    "request-no-store": Cause(
        "§5.2.1.5",
        "The request forbids storing its answer.",
        _asked_without("Cache-Control"),
        _CLIENT,
    ),
    "cdn-cache-control": Cause(
        "RFC 9213 §2.2", "A field for other shared caches forbids it.", _forbidding_fields
    ),
    "vary": Cause(
        "§4.1",
        "Vary matches no other request, or cannot be read.",
        _answered_without("Vary"),
        "the application says that every request gets another answer: have it name the fields",
    ),
    "status": Cause(
        "§3", "The status is about one request alone.", _status, "such an answer suits nobody else"
    ),
    "partial": Cause("§3.3", "The answer is a part of the page.", _status),
    "range": Cause("§3.3", "The request is for a part of the page.", _asked_without("Range")),
    "method": Cause(
        "§3", "The answer to this method answers no GET.", _as_get, "only answers to GET are stored"
    ),
    "stream": Cause(
        "RFC 9110 §6.4", "The content does not end.", _stream, "it would never be complete"
    ),
    "too-large": Cause("§3", "The content is longer than the policy stores.", _max_content),
    "collecting": Cause(
        "§3.3",
        "Too many bodies, or others of the same page, were being collected at the same time.",
        no_cure="it is stored when it comes alone; Policy(max_collecting=…) gives more room",
    ),
    "content-length": Cause(
        "RFC 9110 §8.6",
        "Content-Length is no number, or there are several.",
        _answered_without("Content-Length"),
        _APP,
    ),
    "groups": Cause(
        "RFC 9875 §2",
        "It belongs to more groups than can be kept.",
        _answered_without("Cache-Groups", "Cache-Tag", "Surrogate-Key"),
        _APP,
    ),
    "charset": Cause(
        "§4.1",
        "The Content-Type of the GET names a charset, which changes how it is read.",
        _asked_without("Content-Type"),
    ),
    "content-type": Cause(
        "§4.2.1", "The media type is not that of the file extension in the route."
    ),
    "malformed": Cause("RFC 9110 §5", "Status or fields are not what HTTP has.", no_cure=_APP),
    "body": Cause(
        "RFC 9110 §9.3.1",
        "The GET is sent with content.",
        _asked_without("Content-Length", "Transfer-Encoding"),
        "no key contains what a GET is sent with",
    ),
    "forced": Cause(
        "§5.2.1",
        "Only the client's directive had the cache ask, and the answer is an error or a redirect.",
        _asked_without("Cache-Control", "Pragma"),
        "the fresh response stays, which is what other visitors want",
    ),
    "changed": Cause("§4.4", "The entry changed meanwhile.", no_cure="it is stored the next time"),
    "raised": Cause("§4.2.4", "The application raised an exception.", no_cure=_APP),
    "error": Cause("§3", "The cache could not judge the response.", no_cure="the log has more"),
    "store-error": Cause("§3", "The store failed.", no_cure="the log has more"),
    "only-if-cached": Cause(
        "§5.2.1.7",
        "The client wants a stored answer or none.",
        _asked_without("Cache-Control"),
        _CLIENT,
    ),
    # A request that passes by:
    "exempt": Cause("§2", "The policy exempts this path.", _exempt),
    "target": Cause("§2", "Host or path make no clear URL.", no_cure=_CLIENT),
    "override": Cause(
        "§2",
        "A field replaces the method or the path.",
        _asked_without(
            "X-HTTP-Method-Override",
            "X-HTTP-Method",
            "X-Method-Override",
            "X-Original-URL",
            "X-Rewrite-URL",
        ),
        "the application may answer for another URL",
    ),
    "precondition": Cause(
        "§4.3.2",
        "Only the application can answer this condition.",
        _asked_without("If-Match", "If-Unmodified-Since"),
        _CLIENT,
    ),
    "expect": Cause(
        "RFC 9110 §10.1.1", "The request expects something.", _asked_without("Expect"), _CLIENT
    ),
    "upgrade": Cause(
        "RFC 9110 §7.8", "The request is for another protocol.", _asked_without("Upgrade"), _CLIENT
    ),
    "request": Cause("§2", "The request could not be read.", no_cure=_CLIENT),
    "bypass": Cause("§2", "The environ tells the cache to stay away.", no_cure=_APP),
}
"""Each reason by its token."""


def cause_of(token: str) -> Cause:
    """Return the cause called *token*: fields for other caches share one."""
    return CAUSES.get(token) or CAUSES["cdn-cache-control"]


def reasons(trial: Trial, detail: str | None) -> list[Reason]:
    """Return all reasons of *trial*, of which *detail* is the first.

    What would remain if all others were cured comes first: a lifetime that is missing.
    """
    found: list[Reason] = []
    while detail is not None and all(detail != reason.token for reason in found):
        cause = cause_of(detail)
        left: Trial | None = None
        causing = []
        for removal in cause.removals(trial):
            without = removal.without
            now = without.walk().detail
            if now != detail:
                causing, left = [removal], without
                break
        else:
            causing, left = _one_by_one(trial, detail, cause)
        found += [Reason(detail, cause.section, one.said, one.by) for one in causing] or [
            Reason(detail, cause.section, "", "response")
        ]
        if left is None:
            break
        trial, outcome = left, left.walk()
        detail = outcome.detail if outcome.outcome in ("refused", "bypass") else None
    return sorted(found, key=lambda reason: reason.token != "freshness")


def _one_by_one(trial: Trial, detail: str, cause: Cause) -> tuple[list[Removal], Trial | None]:
    """Take away what several have said, one after the other; None if that does not help."""
    causing: list[Removal] = []
    for _ in range(100):
        removal = next(iter(cause.removals(trial)), None)
        if removal is None:
            return causing, None
        causing.append(removal)
        trial = removal.without
        if trial.walk().detail != detail:
            return causing, trial
    return causing, None
