"""What each reason means, and all reasons of one request.

To find every reason, the first one is taken away and the walk is repeated: what it says then is the
next. The names of the reasons are the details of Cache-Status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from wsgicache.why.removals import (
    Removal,
    answered_without,
    as_get,
    as_given,
    asked_without,
    cookies_set,
    credentials,
    exempt,
    forbidding_fields,
    lifetime,
    max_collecting,
    max_content,
    status,
    stream,
    taken_away,
    too_long,
    words,
)
from wsgicache.why.trying import Recorded, Trial

__all__ = ["CAUSES", "FORWARDS", "Cause", "Reason", "cause_of", "reasons"]


class Reason(NamedTuple):
    """Why a response is not stored, or a request not looked up."""

    token: str
    """The ``detail`` of Cache-Status."""
    section: str
    """Where the rule comes from."""
    said: str
    """The words that caused it."""
    by: str
    """Who: request, response, decorator, route N, default, policy, store or application."""
    no_cure: str = ""
    """Why nothing can be done about it, if so."""


class Cause(NamedTuple):
    """A reason in general."""

    section: str
    sentence: str
    removals: Callable[[Trial], Iterable[Removal]] = lambda trial: ()
    no_cure: str = ""
    """Why nothing can be done about it, if so."""


_APP = "only the application can mend that"
_CLIENT = "the client asks for it, and the cache obeys"

CAUSES: dict[str, Cause] = {
    "freshness": Cause("§3, §4.2.1", "No lifetime is given that would let it be used.", lifetime),
    "cookie": Cause(
        "§3.5",
        "The request has cookies, and nothing says whether the page depends on them.",
        asked_without("Cookie"),
    ),
    "authorization": Cause(
        "§3.5", "The request says who asks, and nothing releases the answer.", credentials
    ),
    "set-cookie": Cause(
        "§7.3",
        "The response sets a cookie, which belongs to one visitor.",
        cookies_set,
    ),
    "hidden-cookie": Cause(
        "§7.3",
        "The page sets a cookie that the cache hides from it.",
        cookies_set,
    ),
    "no-store": Cause(
        "§5.2.2.5",
        "The response forbids every cache to store it.",
        words("no-store"),
        "a prohibition counts, whoever says it: take it away where it is written",
    ),
    "private": Cause(
        "§5.2.2.7",
        "The response is for one visitor alone.",
        words("private"),
        "a prohibition counts, whoever says it: take it away where it is written",
    ),
    "must-understand": Cause(
        "§5.2.2.3",
        "The response asks for knowledge of its status, and this one is unknown.",
        words("must-understand"),
        _APP,
    ),
    "request-no-store": Cause(
        "§5.2.1.5",
        "The request forbids storing its answer.",
        asked_without("Cache-Control"),
        _CLIENT,
    ),
    "cdn-cache-control": Cause(
        "RFC 9213 §2.2", "A field for other shared caches forbids it.", forbidding_fields
    ),
    "vary": Cause(
        "§4.1",
        "Vary matches no other request, or cannot be read.",
        answered_without("Vary"),
        "the application says that every request gets another answer: have it name the fields",
    ),
    "status": Cause(
        "§3", "The status is about one request alone.", status, "such an answer suits nobody else"
    ),
    "partial": Cause("§3.3", "The answer is a part of the page.", status),
    "range": Cause("§3.3", "The request is for a part of the page.", asked_without("Range")),
    "method": Cause(
        "§3", "The answer to this method answers no GET.", as_get, "only answers to GET are stored"
    ),
    "stream": Cause(
        "RFC 9110 §6.4", "The content does not end.", stream, "it would never be complete"
    ),
    "too-large": Cause("§3", "The content is longer than the policy stores.", max_content),
    "collecting": Cause(
        "§3.3",
        "Too many bodies, or others of the same page, were being collected at the same time.",
        max_collecting,
    ),
    "new-search": Cause(
        "No-Vary-Search, §6",
        "No-Vary-Search says something else than was known of the path when the request came.",
        no_cure="the next response is stored",
    ),
    "content-length": Cause(
        "RFC 9110 §8.6",
        "Content-Length is no number, or there are several.",
        answered_without("Content-Length"),
        _APP,
    ),
    "groups": Cause(
        "RFC 9875 §2",
        "It belongs to more groups than can be kept.",
        answered_without("Cache-Groups", "Cache-Tag", "Surrogate-Key"),
        _APP,
    ),
    "charset": Cause(
        "§4.1",
        "The Content-Type of the GET names a charset, which changes how it is read.",
        asked_without("Content-Type"),
    ),
    "content-type": Cause(
        "§4.2.1", "The media type is not that of the file extension in the route.", lifetime
    ),
    "too-long": Cause(
        "RFC 9110 §5.4",
        "A field that the cache reads is longer than it reads.",
        too_long,
        "shorten the field, or leave it out",
    ),
    "malformed": Cause("RFC 9110 §5", "Status or fields are not what HTTP has.", no_cure=_APP),
    "body": Cause(
        "RFC 9110 §9.3.1",
        "The GET is sent with content.",
        asked_without("Content-Length", "Transfer-Encoding"),
        "no key contains what a GET is sent with",
    ),
    "forced": Cause(
        "§5.2.1",
        "Only the client's directive had the cache ask, and the answer is an error or a redirect.",
        asked_without("Cache-Control", "Pragma"),
        "the fresh response stays, which is what other visitors want",
    ),
    "changed": Cause("§4.4", "The entry changed meanwhile.", no_cure="it is stored the next time"),
    "raised": Cause("§4.2.4", "The application raised an exception.", no_cure=_APP),
    "error": Cause("§3", "The cache could not judge the response.", no_cure="the log has more"),
    "store-error": Cause("§3", "The store failed.", no_cure="the log has more"),
    "only-if-cached": Cause(
        "§5.2.1.7",
        "The client wants a stored answer or none.",
        asked_without("Cache-Control"),
        _CLIENT,
    ),
    # What is stored, and does not answer:
    **dict.fromkeys(
        ("no-cache", "max-age", "min-fresh"),
        Cause(
            "§5.2.1",
            "The client wants a newer answer than the stored one.",
            asked_without("Cache-Control", "Pragma"),
            f"{_CLIENT}; Route(request_directives=False) has it obey no longer",
        ),
    ),
    "vary-target": Cause("§4.1", "The raw target is spelt in another way.", no_cure=_CLIENT),
    "vary-mount": Cause("§4.1", "The application is mounted elsewhere.", no_cure=_APP),
    "vary-vary-by": Cause(
        "§4.1", "The text of a route's vary_by is another one.", no_cure="a route says so"
    ),
    "invalidated": Cause(
        "§4.4",
        "The request has emptied what was stored.",
        no_cure="what it has changed is asked for anew",
    ),
    # A request that passes by:
    "exempt": Cause("§2", "The policy exempts this path.", exempt),
    "target": Cause("§2", "Host or path make no clear URL.", no_cure=_CLIENT),
    "override": Cause(
        "§2",
        "A field replaces the method or the path.",
        asked_without(
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
        asked_without("If-Match", "If-Unmodified-Since"),
        _CLIENT,
    ),
    "expect": Cause(
        "RFC 9110 §10.1.1", "The request expects something.", asked_without("Expect"), _CLIENT
    ),
    "upgrade": Cause(
        "RFC 9110 §7.8", "The request is for another protocol.", asked_without("Upgrade"), _CLIENT
    ),
    "request": Cause(
        "§2",
        "The request could not be read.",
        no_cure="the log has more: a Route(vary_by=…) raises, or the environ is none of PEP 3333",
    ),
    "bypass": Cause("§2", "The environ tells the cache to stay away.", no_cure=_APP),
    "off": Cause(
        "§2",
        "The cache is switched off.",
        no_cure="switch it on: cache.enabled, WSGICACHE in the environment, Policy(off_file=…)",
    ),
}
"""Each reason by its token."""

FORWARDS = {
    "uri-miss": "nothing is stored for this URL",
    "vary-miss": "something is stored, but not for these values of the fields that select",
    "stale": "what is stored is not fresh, or says no-cache",
    "request": "the request does not take what is stored",
    "partial": "only a part of what is asked for is stored",
    "method": "a cache answers only GET and HEAD",
    "bypass": "the request is not one for a cache",
}
"""Why the app is asked, by the ``fwd`` of Cache-Status."""


def cause_of(token: str) -> Cause:
    """Return the cause called *token*: fields that select share one, and those for other caches."""
    if token not in CAUSES and token.startswith("vary-"):
        field = token.removeprefix("vary-").title()
        sentence = "The request differs in this field from those with a stored response."
        return Cause("§4.1", sentence, asked_without(field))
    return CAUSES.get(token) or CAUSES["cdn-cache-control"]


def reasons(trial: Trial, detail: str | None) -> list[Reason]:
    """Return all reasons of *trial*, of which *detail* is the first.

    What would remain if all others were cured comes first: a lifetime that is missing.
    """
    found: list[Reason] = []
    given = trial
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
        said = [(as_given(one.said, trial, given), one.by) for one in causing]
        said = said or [("", "policy" if detail == "off" else "response")]
        found += [_reason(detail, trial, *one) for one in said]
        if left is None:
            break
        trial, outcome = left, left.walk()
        detail = outcome.detail if outcome.outcome in ("refused", "bypass") else None
    return sorted(found, key=lambda reason: reason.token != "freshness")


def _reason(token: str, trial: Trial, said: str, by: str) -> Reason:
    cause = cause_of(token)
    no_cure = "" if by == "default" else cause.no_cure
    if token == "freshness" and isinstance(trial.app, Recorded) and trial.app.status[:1] == "5":
        no_cure = "it is an error of the server: every request asks again"
    if token in ("set-cookie", "hidden-cookie"):
        no_cure = taken_away(trial)
    return Reason(token, cause.section, said, by, no_cure)


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
