"""Find the inputs that change one page, and that neither the cache key nor Vary knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from wsgicache.controls.routes import Route
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.cookies import cookie_name
from wsgicache.why.asked import Asked
from wsgicache.why.bases import Base, fails
from wsgicache.why.comparing import Template
from wsgicache.why.following import followed
from wsgicache.why.grouping import groups
from wsgicache.why.inputs import (
    Input,
    cookie_inputs,
    environ_inputs,
    field_inputs,
    query_inputs,
    together,
)
from wsgicache.why.logins import Logins
from wsgicache.why.remedies import cure_of, hiding, waste, written
from wsgicache.why.trying import (
    Outcome,
    Recorded,
    Recorder,
    Shelf,
    StandingClock,
    Trial,
    standing,
)
from wsgicache.why.watching import Reads, WatchedEnviron

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

__all__ = ["Finding", "Page"]

Watching = Callable[["WSGIEnvironment"], "WSGIEnvironment"]
"""What makes of an environ the one that the app gets."""

_CONTROLS = 3
"""How often the same is asked, to learn what differs by itself."""
_TURNS = 8
"""How often both are asked in turns, before a difference counts."""
_FEW_VALUES = 2
_CLIENT = (("REMOTE_ADDR", "127.0.0.1"), ("REMOTE_PORT", "50000"))
_BROWSER = [
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"),
]


class Finding(NamedTuple):
    """One input that changes a page, unknown to the cache or to caches behind it."""

    url: str
    input: str
    """``header NAME``, ``cookie NAME``, ``environ NAME`` or ``query NAME``."""
    severity: str
    """``leak``: it says who asks, or from where. ``wrong``: another page is served. ``downstream``:
    this cache knows it, others do not, since Vary does not name it. ``waste``: Vary names it, and
    it changes nothing."""
    values: tuple[str, ...]
    """The two values with which the answers differ; an empty one stands for none. For ``waste``,
    those that were tried."""
    evidence: str
    """In what the answers differ."""
    read_at: tuple[str, ...]
    """Where the app read it, as ``file:line``, from the present folder."""
    cure: str


class Page:
    """One URL, as a stranger asks for it and as each of those logged in does."""

    def __init__(self, cache: CacheMiddleware, url: str, logins: Logins) -> None:
        self._cache = cache
        self._policy = standing(cache.policy)
        self._url = url
        self._clock = StandingClock(cache.clock.now(), cache.clock.wall())
        self._reads = Reads()
        self._watching: Watching = lambda environ: WatchedEnviron(environ, self._reads)
        self._app = Recorder(cache.app, cache.policy.max_content, self._watching)
        self._is_behind = False
        """Whether the app is asked as the cache asks it, since it needs what that makes of
        requests."""
        self._logins = logins
        self._cookies = dict(logins.cookies)
        early = cache._routes.matching(Asked(url).environ()).early
        self._offered = {one.key: one.offered for one in early.negotiated}
        self.answers: list[Recorded] = []
        """What each of them is answered first."""
        self._asked = [Asked(url, fields, changes=_CLIENT) for fields in ([], *logins.each)]
        self.is_stored = False
        """Whether the cache stores any of these answers."""
        self.why_not = ""
        """Why nothing can be said of it, or of its content, if so."""

    def _ask(self, asked: Asked) -> Recorded:
        """Ask the app itself, and note the cookies that it sets."""
        behind = self._through(asked, watching=self._watching)[1] if self._is_behind else None
        answer = behind or self._app.asked(asked)
        for name, value in answer.fields:
            if name.lower() == "set-cookie":
                self._cookies.setdefault(cookie_name(value.partition(";")[0]), ())
        return answer

    def _through(
        self,
        asked: Asked,
        shelf: Shelf | None = None,
        more: tuple[Route, ...] = (),
        watching: Watching = lambda environ: environ,
    ) -> tuple[Outcome, Recorded | None]:
        """Send a request through the cache, with *more* routes.

        Return what that did, and what the app answered.
        """
        recorder = Recorder(self._cache.app, self._cache.policy.max_content, watching)
        routes = (*more, *self._cache._routes.all)
        outcome = Trial(asked, recorder, self._policy, routes, self._clock).walk(shelf)
        return outcome, recorder.recorded

    def findings(self) -> list[Finding]:
        """Return what was found, an input once."""
        found: dict[str, Finding] = {}
        with followed(self._reads):
            for asked in self._asked:
                base = self._base(asked)
                if base is None:
                    continue
                for one in self._candidates(base):
                    if one.name not in found and (finding := self._tried(base, one)) is not None:
                        found[one.name] = finding
                self.why_not = self.why_not or base.template.why_incomparable or ""
        return list(found.values())

    def _base(self, asked: Asked) -> Base | None:
        """Ask as *asked* does; if the app fails then, as a browser does, then behind the cache.

        Return None if it fails again.
        """
        fields = [line for line in _BROWSER if not asked.value(line[0])]
        browsers = replace(asked, fields=[*asked.fields, *fields])
        for one, is_behind in ((asked, False), (browsers, False), (browsers, True)):
            self._is_behind = is_behind
            answers = [self._ask(one)]
            while len(answers) < _CONTROLS and not fails(answers[-1]):
                answers.append(self._ask(one))
            if not fails(answers[-1]):
                self.answers.append(answers[0])
                shelf = Shelf()
                outcome = self._through(one, shelf)[0]
                self.is_stored = self.is_stored or outcome.outcome == "stored"
                return Base(one, Template(answers), answers[0], shelf, outcome)
        raised = answers[0].raised
        self.why_not = (
            f"the application answers {answers[0].status}"
            if raised is None
            else f"the application raises {type(raised).__name__}: {raised}"
        )
        return None

    def _candidates(self, base: Base) -> Iterator[Input]:
        """Yield the inputs that may change the page, also those that only a change shows.

        An input that the app reads by name is one, and so is a field that Vary names. Where the app
        copies all of them, the others are tried in groups, and those of a group that changes the
        page.
        """
        seen: set[tuple[str, bool]] = set()
        again = True
        while again:
            again = False
            reads = self._reads
            inputs = [*field_inputs(reads, self._offered, self._logins.values)]
            inputs += [*environ_inputs(reads), *cookie_inputs(self._cookies, reads)]
            inputs += query_inputs(self._url, base.answer.value("No-Vary-Search"))
            new = [one for one in inputs if (one.name, one.is_identity) not in seen]
            many = []
            for one in new:
                if self._is_alone(base, one):
                    seen.add((one.name, one.is_identity))
                    again = True
                    yield one
                elif (reads.copied if one.noted == one.key else reads.parsed) is not None:
                    many.append(one)
            seen.update((one.name, one.is_identity) for one in many)
            suspects: dict[Input, None] = {}
            # Those with few values together, so that these are tried once.
            few = [one for one in many if len(one.values) <= _FEW_VALUES]
            more = [one for one in many if len(one.values) > _FEW_VALUES]
            for group in [*groups(few), *groups(more)]:
                if not suspects.keys() >= set(group) and self._counts(base, group):
                    suspects.update(dict.fromkeys(group))
            again = again or bool(suspects)
            yield from suspects

    def _is_alone(self, base: Base, one: Input) -> bool:
        """Whether *one* input is tried whatever else the app may have read."""
        if one.noted in self._reads.places or one.key in ("REQUEST_METHOD", "QUERY_STRING"):
            return True
        return one.noted == one.key and base.names(one.key)

    def _counts(self, base: Base, group: list[Input]) -> bool:
        """Whether the page changes if all of a *group* change at once."""
        with self._reads.following():  # what is copied is no sign of what is needed
            for turn in range(max(len(one.values) for one in group)):
                values = [(one, one.values[turn % len(one.values)]) for one in group]
                asked = together(base.asked, values)
                if self._difference(base, asked) is not None:
                    return True
        return False

    def _difference(self, base: Base, asked: Asked) -> str | None:
        """Return in what the app's answer differs because of the request, or None."""
        difference = base.difference(self._ask(asked), asked)
        if difference is not None:
            # Something may differ by itself after a while.
            base.template.learn(self._ask(base.asked))
            difference = base.difference(self._ask(asked), asked)
        return difference

    def _tried(self, base: Base, one: Input) -> Finding | None:
        """Change *one* input alone, and compare."""
        same = True
        for value in one.values:
            asked = one.asked(base.asked, value)
            if self._difference(base, asked) is None:
                continue
            same = False
            if one.key == "QUERY_STRING":  # equivalent URLs, once it is known that they are
                severity = "wrong" if base.outcome.outcome == "stored" else None
            else:
                severity = base.severity(one, self._served(base, asked))
            if severity is None or not self._is_seen(base, asked):
                continue
            if (difference := self._confirmed(base, asked)) is not None:
                line = cure_of(one, severity, self._policy.credentials)
                line += self._hiding(base, one, asked)
                values = (base.value(one), value)
                return self._finding(one, severity, values, difference, line)
        is_named = one.noted == one.key and base.names(one.key) and one.tells(self._reads)
        if is_named and same and base.outcome.outcome == "stored":
            names = partial(self._names, base.asked, one.key)
            said, line = waste(self._url, one, base.answer, self._cache._routes.all, names)
            return self._finding(one, "waste", one.values, said, line)
        return None

    def _served(self, base: Base, asked: Asked) -> Outcome:
        """Return what a request gets after the other one, either way round if need be."""
        outcome = self._through(asked, base.shelf.copy())[0]
        if outcome.outcome == "hit" or base.outcome.outcome == "stored":
            return outcome
        shelf = Shelf()
        self._through(asked, shelf)
        return self._through(base.asked, shelf)[0]

    def _confirmed(self, base: Base, asked: Asked) -> str | None:
        """Return in what the answers differ each time, while what differs by itself is learned."""
        changed = []
        for _ in range(_TURNS):
            base.template.learn(self._ask(base.asked))
            changed.append(self._ask(asked))
        differences = [base.difference(answer, asked) for answer in changed]
        return None if None in differences else differences[-1]

    def _is_seen(self, base: Base, asked: Asked) -> bool:
        """Whether the app answers otherwise behind the cache, too, which may hide an input."""
        seen: Base | None = None
        changed = []
        for _ in range(_TURNS):
            answer, given = self._through(base.asked)[1], self._through(asked)[1]
            if answer is None or given is None:
                return False
            if seen is None:
                seen = replace(base, template=Template([answer]))
            seen.template.learn(answer)
            changed.append(given)
            if seen.difference(given, asked) is None:
                return False
        return all(seen.difference(one, asked) is not None for one in changed) if seen else False

    def _hiding(self, base: Base, one: Input, asked: Asked) -> str:
        """Return the route that hides *one* input, if the page of *asked* is the same then."""
        route = hiding(self._url, one, base.named())
        if route is None or (one.is_identity and base.answer.status[:1] == "4"):
            return ""  # Nobody could log in.
        for _ in range(_TURNS):  # what differs by itself is the same once
            answer = self._through(asked, more=(route,))[1]
            if answer and not fails(answer) and base.difference(answer, asked) is None:
                return f"; or hide it from the app: {written(route)}, which was tried"
        return ""

    def _names(self, asked: Asked, key: str, answer: Recorded, routes: tuple[Route, ...]) -> bool:
        """Whether Vary names the field under *key* in what is stored of *answer*."""
        shelf = Shelf()
        Trial(asked, answer, self._policy, routes, self._clock).walk(shelf)
        entries = [entry for entry in shelf.entries.values() if entry is not None]
        return any(key in entry.nominated for entry in entries)

    def _finding(
        self, one: Input, severity: str, values: tuple[str, ...], evidence: str, line: str
    ) -> Finding:
        places = self._reads.places.get(one.noted) or (
            self._reads.copied if one.noted == one.key else self._reads.parsed
        )
        own = [os.path.relpath(place) for place in places or () if os.path.isabs(place)]
        # A library is named only where no line of the app is known.
        read_at = tuple(own or places or ())
        return Finding(self._url, one.name, severity, values, evidence, read_at, line)
