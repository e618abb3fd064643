"""Explain what the cache does with a request, why, and what would make it a hit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.keys import Key
from wsgicache.rules.model import StoredResponse
from wsgicache.rules.request import Request
from wsgicache.why.causes import Reason, cause_of, reasons
from wsgicache.why.cures import Cure, cures
from wsgicache.why.trying import Asked, Recorded, Recorder, Shelf, StandingClock, Trial

__all__ = ["Explanation", "explain"]

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
    """The status line that the client gets."""
    then: Explanation | None = None
    """The same for a second request, after this one."""
    differing: tuple[str, ...] = ()
    """Of a second request: the selecting fields in which it differs from the first."""

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
            "differing": list(self.differing),
            "then": None if self.then is None else self.then.as_json(),
        }

    def lines(self) -> Iterator[str]:
        """Yield the explanation line by line, in plain sentences."""
        yield f"{self.url}: {_SENTENCES[self.outcome]}"
        if self.key is not None:
            scheme, host, path, query = self.key
            yield f"  filed under {scheme}://{host}{path}{'?' + query if query else ''}"
        for field, value in self.selecting.items():
            yield f"  selected by {field}: {'(absent)' if value is None else value}"
        for variant in self.stored:
            yield (
                f"  stored: {variant['status']}, {variant['age']} s old, "
                f"lifetime {variant['lifetime']} s, {variant['length']} bytes"
            )
        if not self.stored:
            yield "  stored: nothing"
        if self.forward is not None:
            yield f"  the application is asked ({self.forward}) and answers {self.status}"
        for reason in self.reasons:
            cause = cause_of(reason.token)
            yield f"  because of {reason.token} ({reason.section}): {cause.sentence}"
            if reason.said:
                yield f"    said by the {reason.by}: {reason.said}"
            if cause.no_cure:
                yield f"    no cure: {cause.no_cure}"
        for cure in self.cures:
            whom = "everybody" if cure.for_others else "this visitor"
            yield f"  cure: {cure.what}"
            yield f"    in {cure.where}: then it is a hit for {whom}"
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
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    *,
    method: str = "GET",
    then: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    then_url: str | None = None,
    ask: bool = True,
) -> Explanation:
    """Explain what *cache* does with a request for the absolute *url* with *headers*.

    The app is asked once at most, and only for GET and HEAD; its body is read up to the policy's
    ``max_content``. Nothing is written into the store. With *then* or *then_url* a second request
    follows, which the answer to the first may serve. With *ask* false the app is not asked. Raises
    ValueError for a URL that is not absolute.
    """
    asked = Asked(url, _lines(headers), method)
    clock = StandingClock(cache.clock.now(), cache.clock.wall())
    shelf = Shelf(cache.store)
    may_ask = ask and method in _METHODS
    first = _explained(cache, asked, shelf, clock, ask=may_ask)
    if then is None and then_url is None:
        return first
    second = Asked(then_url or url, _lines(headers if then is None else then), method)
    other = _explained(cache, second, shelf, clock, ask=may_ask)
    mine = _selecting(cache, asked, shelf)
    differing = [name for name, value in other.selecting.items() if mine.get(name) != value]
    return replace(first, then=replace(other, differing=tuple(differing)))


def _lines(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
) -> list[tuple[str, str]]:
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def _explained(
    cache: CacheMiddleware, asked: Asked, shelf: Shelf, clock: StandingClock, *, ask: bool
) -> Explanation:
    """Send a request on its way with what is on *shelf*, and explain what came of it."""
    request = _read(cache, asked)
    key = None if request is None else request.key
    entry = None if key is None else shelf.get(key)
    stored = entry.responses.values() if entry is not None else ()
    described = tuple(_described(one, clock.now()) for one in stored)
    recorder = Recorder(cache.app if ask else _NOBODY, cache.policy.max_content)
    trial = Trial(asked, recorder, cache.policy, cache._routes.all, clock)
    outcome = trial.walk(shelf)
    why: list[Reason] = []
    better: list[Cure] = []
    if not ask and outcome.outcome not in ("hit", "bypass"):
        outcome = outcome._replace(outcome="unknown", detail=None)
    elif outcome.detail is not None and outcome.outcome != "hit":
        answer = recorder.recorded or Recorded(outcome.status, [])
        replayed = replace(trial, app=answer)
        why = reasons(replayed, outcome.detail)
        if outcome.outcome in ("refused", "bypass"):
            better = cures(replayed, why)
    return Explanation(
        asked.url,
        outcome.outcome,
        outcome.forward,
        tuple(why),
        tuple(better),
        _selecting(cache, asked, shelf),
        described,
        key,
        outcome.status,
    )


_NOBODY = Recorded("200 OK", [])
"""The app that stands in for one that is not to be asked."""


def _read(cache: CacheMiddleware, asked: Asked) -> Request | None:
    """Return *asked* as the cache understands it, or None if it passes by."""
    if asked.method not in _METHODS:
        return None
    request = cache._read(asked.environ(), asked.method, cache.policy)
    return request if isinstance(request, Request) else None


def _selecting(cache: CacheMiddleware, asked: Asked, shelf: Shelf) -> dict[str, str | None]:
    """Return the fields that select among what is stored for a request, with its values."""
    request = _read(cache, asked)
    entry = None if request is None else shelf.get(request.key)
    if request is None or entry is None:
        return {}
    names = entry.nominated
    return {_field_name(key): request.environ.get(key) for key in names}


def _field_name(key: str) -> str:
    return key.removeprefix("HTTP_").replace("_", "-").title()


def _described(stored: StoredResponse, now: float) -> dict[str, Any]:
    return {
        "status": stored.status,
        "age": int(now - stored.generated_at),
        "lifetime": int(stored.freshness_lifetime),
        "length": stored.length,
    }
