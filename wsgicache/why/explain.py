"""Explain what the cache does with a request, why, and what would make it a hit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.keys import Key
from wsgicache.rules.model import StoredResponse
from wsgicache.rules.request import Request
from wsgicache.why.asked import Asked, absolute, lines_of
from wsgicache.why.causes import FORWARDS, Reason, cause_of, reasons
from wsgicache.why.cures import Cure, cures
from wsgicache.why.trying import Outcome, Recorded, Recorder, Shelf, StandingClock, Trial, summary
from wsgicache.why.watching import raised_at

__all__ = ["Explanation", "Lines", "explain"]

Lines = Mapping[str, str] | Iterable[tuple[str, str]]
"""The fields of a request."""

_METHODS = ("GET", "HEAD")


@dataclass(frozen=True)
class Explanation:
    """What the cache does with one request, as it would be now, and why."""

    url: str
    outcome: str
    """``hit``, ``validated``, ``stored``, ``refused`` (the app answers, and nothing is kept) or
    ``bypass`` (nothing is looked up). Where the app was not to be asked: ``hit`` or ``unknown``."""
    forward: str | None
    """Why the app is asked, in the words of Cache-Status; None for a hit."""
    reasons: tuple[Reason, ...]
    """Everything that keeps it from being stored, or from being looked up."""
    cures: tuple[Cure, ...]
    """Changes that make it a hit, the smallest first. Each was tried."""
    selecting: dict[str, str | None]
    """The request fields that select among stored responses, with their values."""
    stored: tuple[dict[str, Any], ...]
    """What is stored for the URL now."""
    key: Key | None
    """What responses are filed under; None if the request passes by."""
    status: str
    """The status line that the client gets; empty where the app was not asked."""
    location: str = ""
    """Where the app's answer, a redirect, leads to."""
    again: str | None = None
    """What comes of the same request once more: ``hit``, or why the app is asked again. None where
    the app was not asked, or nothing is stored."""
    then: Explanation | None = None
    """The same for a second request, after this one."""
    differing: tuple[str, ...] = ()
    """Of a second request: the selecting fields in which it differs from the first."""
    equivalent: bool = False
    """Whether *key* is that of an equivalent URL, by No-Vary-Search."""

    def as_json(self) -> dict[str, Any]:
        """Return the explanation as JSON has it."""
        return {
            "url": self.url,
            "outcome": self.outcome,
            "forward": self.forward,
            "reasons": [reason._asdict() for reason in self.reasons],
            "cures": [cure._asdict() for cure in self.cures],
            "selecting": self.selecting,
            "stored": list(self.stored),
            "key": None if self.key is None else list(self.key),
            "status": self.status,
            "location": self.location,
            "again": self.again,
            "differing": list(self.differing),
            "equivalent": self.equivalent,
            "then": None if self.then is None else self.then.as_json(),
        }

    def lines(self) -> Iterator[str]:
        """Yield the explanation line by line, in plain sentences."""
        yield f"{self.url}: {_SENTENCES[self.outcome]}"
        if self.key is not None:
            scheme, host, path, query = self.key
            same = ", which is the same by No-Vary-Search" if self.equivalent else ""
            yield f"  filed under {scheme}://{host}{path}{'?' + query if query else ''}{same}"
        for field, value in self.selecting.items():
            yield f"  selected by {field}: {'(absent)' if value is None else value}"
        for variant in self.stored:
            yield (
                f"  stored: {variant['status']}, {variant['age']} s old, "
                f"lifetime {variant['lifetime']} s, {variant['length']} bytes"
            )
        if not self.stored:
            yield "  stored: nothing"
        if self.outcome == "unknown":
            yield f"  the application would be asked: {FORWARDS[self.forward or 'uri-miss']}"
        elif self.forward is not None:
            yield f"  the application is asked ({self.forward}: {FORWARDS[self.forward]})"
            where = f", to {self.location}" if self.location else ""
            yield (f"  it answers {self.status}{where}" if self.status else "  it was not asked")
        if self.again is not None:
            more = "" if self.again == "hit" else f" ({FORWARDS[self.again]})"
            yield f"  the same request again: {self.again}{more}"
        for reason in self.reasons:
            cause = cause_of(reason.token)
            yield f"  because of {reason.token} ({reason.section}): {cause.sentence}"
            if reason.said:
                yield f"    said by the {reason.by}: {reason.said}"
            if reason.no_cure:
                yield f"    no cure: {reason.no_cure}"
        for cure in self.cures:
            yield f"  cure: {cure.what}{', ' if cure.provided else ''}{cure.provided}"
            whom = "visitors without cookies" if cure.for_strangers else "this visitor"
            whom = "everybody" if cure.for_others else whom
            tried = cure.outcome == "hit"
            result = f"then it is a hit for {whom}" if tried else "nobody tried that"
            yield f"    in {cure.where}: {result}"
        if self.then is not None:
            yield "then"
            yield from self.then.lines()
            for field in self.then.differing:
                yield f"  it differs from the first in {field}"


_SENTENCES = {
    "hit": "a hit, the cache answers",
    "validated": "the application confirms what is stored, and the cache answers",
    "stored": "the application answers, and the answer is stored",
    "refused": "the application answers, and the answer is not stored",
    "bypass": "the request passes by the cache",
    "unknown": "the application would be asked, and was not",
}


def explain(
    cache: CacheMiddleware,
    url: str,
    headers: Lines = (),
    *,
    method: str = "GET",
    then: Lines | None = None,
    then_url: str | None = None,
    ask: bool = True,
    given: Mapping[str, Any] | None = None,
) -> Explanation:
    """Explain what *cache* does with a request for *url*, or a path of localhost, with *headers*.

    The app is asked as the request itself would ask it: once, rarely twice, and only for GET and
    HEAD; its body is read up to the policy's ``max_content``. Nothing is written into the store.
    With *then* or *then_url* a second request follows, which the answer to the first may serve.
    With *ask* false the app is not asked. *given* is the environ in which the request has come to
    a server. Raises TypeError or ValueError for another kind of URL, or of *headers*.
    """
    url = absolute(url)
    asked = Asked(url, lines_of(headers), method, given=given)
    clock = StandingClock(cache.clock.now(), cache.clock.wall())
    shelf = Shelf(cache.store)
    may_ask = ask and method in _METHODS
    first = _Walk(cache, asked, shelf, clock, may_ask)
    explanation = first.explained()
    if then is None and then_url is None:
        return explanation
    again = lines_of(headers if then is None else then)
    second = Asked(absolute(then_url or url), again, method)
    other = _Walk(cache, second, shelf, clock, may_ask)
    return replace(explanation, then=other.explained(after=first))


class _Walk:
    """A request that went through the cache with what is on *shelf*."""

    def __init__(
        self,
        cache: CacheMiddleware,
        asked: Asked,
        shelf: Shelf,
        clock: StandingClock,
        ask: bool,
    ) -> None:
        self.asked = asked
        self.key, self.is_equivalent = _key(cache, asked, shelf)
        self._cache = cache
        self._shelf = shelf
        self._troubles: dict[str, tuple[str, str]] = {}
        self._stored = tuple(summary(one, clock.now()) for one in self._found())
        recorder = Recorder(cache.app if ask else _NOBODY, cache.policy.max_content)
        trial = Trial(asked, recorder, cache.policy, cache._routes.all, clock)
        outcome = trial.walk(shelf)
        if not cache.enabled or (cache._off_file is not None and cache._off_file.is_there()):
            outcome = outcome._replace(outcome="bypass", forward="bypass", detail="off")
        elif not ask and outcome.outcome not in ("hit", "bypass"):
            outcome = outcome._replace(outcome="unknown", detail=None)
        if not ask and outcome.outcome != "hit":
            outcome = outcome._replace(status="")
        self.outcome = outcome
        self.location = (recorder.recorded and recorder.recorded.value("Location")) or ""
        answer = recorder.recorded or Recorded("200 OK", [("Cache-Control", "max-age=60")])
        if answer.raised is not None:
            self._troubles["raised"] = raised_at(answer.raised), "application"
        self.replayed = replace(trial, app=answer)

    def _found(self) -> list[StoredResponse]:
        try:
            entry = None if self.key is None else self._shelf.get(self.key)
        except Exception as error:  # the walk says that the store fails
            self._troubles["store-error"] = f"{type(error).__name__}: {error}", "store"
            return []
        found = {} if entry is None else entry.responses
        # A shared store holds some of them as a whole only for who asks by name.
        return [stored for name in found if (stored := found.get(name)) is not None]

    def selecting(self) -> dict[str, str | None]:
        """Return the fields that select among what is stored for the request, with its values."""
        found = self._found() and self.key is not None and self._shelf.get(self.key)
        names = found.nominated if found else ()
        return {_field_name(name): self.asked.value(_field_name(name)) or None for name in names}

    def explained(self, after: _Walk | None = None) -> Explanation:
        """Explain it, as a request that came *after* another."""
        outcome, detail = self.outcome.outcome, self.outcome.detail
        why: list[Reason] = []
        if detail is not None and outcome not in ("hit", "unknown"):
            why = reasons(self.replayed, detail)
            if detail in self._troubles:
                said, by = self._troubles[detail]
                why = [reason._replace(said=said, by=by) for reason in why]
            if outcome in ("stored", "validated"):  # then it says why the app was asked
                why = [reason for reason in why if reason.token == detail]
        selecting = self.selecting()
        differing: tuple[str, ...] = ()
        if after is not None:
            mine = after.asked
            differing = tuple(n for n, v in selecting.items() if (mine.value(n) or None) != v)
        again = self._again()
        return Explanation(
            self.asked.url,
            outcome,
            self.outcome.forward,
            tuple(why),
            tuple(self._cures(why, again, after, differing)),
            selecting,
            self._stored,
            self.key,
            self.outcome.status,
            self.location,
            None if again is None else again.forward or "hit",
            differing=differing,
            equivalent=self.is_equivalent,
        )

    def _again(self) -> Outcome | None:
        """Send the same request once more, if something is stored now."""
        if self.outcome.outcome not in ("stored", "validated"):
            return None
        return self.replayed.walk(self._shelf.copy())

    def _cures(
        self,
        why: list[Reason],
        again: Outcome | None,
        after: _Walk | None,
        differing: tuple[str, ...],
    ) -> list[Cure]:
        if any(reason.no_cure for reason in why):
            return []
        outcome, forward = self.outcome.outcome, self.outcome.forward
        if outcome in ("refused", "bypass"):
            return cures(self.replayed, dict.fromkeys(reason.token for reason in why))
        if again is not None and again.outcome != "hit":
            # It is stored, and of no use.
            token = again.detail or ("freshness" if again.forward == "stale" else "")
            return cures(self.replayed, [token])
        if outcome == "stored" and forward == "vary-miss":
            return self._shared(after, differing)
        if outcome == "stored" and forward == "uri-miss" and after is not None:
            return cures(self.replayed, ["query"], after.asked)
        return []

    def _shared(self, after: _Walk | None, differing: tuple[str, ...]) -> list[Cure]:
        """Return what makes it a hit for what was stored by other values of what selects."""
        if after is not None:
            return cures(self.replayed, [f"field {name}" for name in differing], after.asked)
        found = []
        for name in self.selecting():
            other = self.asked.having(name, "another")
            found += cures(self.replayed, [f"field {name}"], other)
        return found


_NOBODY = Recorded("200 OK", [])
"""The app that stands in for one that is not to be asked."""


def _key(cache: CacheMiddleware, asked: Asked, shelf: Shelf) -> tuple[Key | None, bool]:
    """Return what *cache* files responses under, and whether that is an equivalent URL.

    The key is None if the request passes by.
    """
    if asked.method not in _METHODS:
        return None, False
    try:
        request = cache._read(asked.environ(), asked.method, cache.policy)
    except Exception:  # the walk says that it cannot be read
        return None, False
    if not isinstance(request, Request):
        return None, False
    equivalents = cache._keeper.equivalents
    shelf.likely = equivalents.said_at(request.key)
    with suppress(Exception):  # the walk says that the store fails
        equivalents.over(shelf).found(request, shelf.get(request.key))
    return request.key, request.target is not None


def _field_name(key: str) -> str:
    return key.removeprefix("HTTP_").replace("_", "-").title()
