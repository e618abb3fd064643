"""Find inputs that change a page, and that neither the cache key nor Vary knows.

Each input is changed alone, and the app is asked. If it answers otherwise, and the cache would
serve what it stored for the request without the change, then visitors get each other's pages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from wsgicache.controls.routes import Route
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.cookies import cookie_name
from wsgicache.why.asked import Asked
from wsgicache.why.comparing import Template
from wsgicache.why.inputs import (
    COOKIE_VALUES,
    KNOWN_COOKIES,
    Input,
    cookie_inputs,
    environ_key,
    field_inputs,
    known_cookies,
)
from wsgicache.why.remedies import cure_of, hiding, written
from wsgicache.why.trying import (
    Outcome,
    Recorded,
    Recorder,
    Shelf,
    StandingClock,
    Trial,
)
from wsgicache.why.watching import Reads, WatchedEnviron

__all__ = ["Audit", "Finding", "audit"]

_CONTROLS = 3
"""How often the same is asked, to learn what differs by itself."""
_LINK = re.compile(rb"""(?:href|src)\s*=\s*["']?([^"'\s>#]+)""", re.IGNORECASE)


class Finding(NamedTuple):
    """One input that changes a page, unknown to the cache or to caches behind it."""

    url: str
    input: str
    """``header NAME``, ``cookie NAME`` or ``environ NAME``."""
    severity: str
    """``leak``: it says who asks, or from where. ``wrong``: another page is served. ``downstream``:
    this cache knows it, others do not, since Vary does not name it. ``waste``: Vary names it, and
    it changes nothing."""
    values: tuple[str, ...]
    evidence: str
    """In what the answers differ."""
    read_at: tuple[str, ...]
    """Where the app read it, as ``file:line``, from the present folder."""
    cure: str


@dataclass
class Audit:
    """What was found."""

    findings: list[Finding] = field(default_factory=list)
    inconclusive: list[tuple[str, str]] = field(default_factory=list)
    """URLs that could not be judged, and why."""
    clean: int = 0
    """URLs without findings."""

    def as_json(self) -> dict[str, Any]:
        """Return the audit as JSON has it."""
        return {
            "findings": [finding._asdict() for finding in self.findings],
            "inconclusive": [{"url": url, "why": why} for url, why in self.inconclusive],
            "clean": self.clean,
        }

    def is_bad(self, strict: bool = False) -> bool:
        """Whether there is a leak or a wrong page; with *strict*, whether there is anything."""
        return any(strict or one.severity in ("leak", "wrong") for one in self.findings)


def audit(
    cache: CacheMiddleware,
    urls: Iterable[str],
    *,
    login: str = "",
    crawl: bool = False,
    most: int = 1000,
    progress: Callable[[str], object] = lambda url: None,
) -> Audit:
    """Audit the absolute *urls* of the app behind *cache*, with its policy and routes.

    *login* is a Cookie field of somebody who is logged in. With *crawl*, links are followed within
    the same origin, to *most* URLs. The app is asked many times, by GET only; nothing is stored.
    *progress* is called with each URL.
    """
    done = Audit()
    queue = list(dict.fromkeys(urls))
    seen = set(queue)
    for url in queue:
        progress(url)
        page = _Page(cache, url, login)
        found = page.findings()
        done.findings += found
        if page.why_not:
            done.inconclusive.append((url, page.why_not))
        elif not found:
            done.clean += 1
        for link in page.links() if crawl else ():
            if link not in seen and len(seen) < most:
                seen.add(link)
                queue.append(link)
    return done


class _Page:
    """One URL, as a stranger asks for it and as somebody logged in does."""

    def __init__(self, cache: CacheMiddleware, url: str, login: str) -> None:
        self._cache = cache
        self._url = url
        self._clock = StandingClock(cache.clock.now(), cache.clock.wall())
        self._reads = Reads()
        self._app = Recorder(
            cache.app,
            cache.policy.max_content,
            lambda environ: WatchedEnviron(environ, self._reads),
        )
        self._cookies = dict(_pairs(login))
        self._answer: Recorded | None = None
        self._bases = [Asked(url)]
        if login:
            self._bases.append(Asked(url, [("Cookie", login)]))
        self.why_not = ""
        """Why nothing can be said of it, if so."""

    def _ask(self, asked: Asked) -> Recorded:
        """Ask the app itself, and note the cookies that it sets."""
        answer = self._app.asked(asked)
        for name, value in answer.fields:
            if name.lower() == "set-cookie":
                self._cookies.setdefault(cookie_name(value.partition(";")[0]), "")
        return answer

    def _through(
        self, asked: Asked, shelf: Shelf | None = None, more: tuple[Route, ...] = ()
    ) -> tuple[Outcome, Recorded | None]:
        """Send a request through the cache, with *more* routes.

        Return what that did, and what the app answered.
        """
        recorder = Recorder(self._cache.app, self._cache.policy.max_content)
        policy, routes = self._cache.policy, (*more, *self._cache._routes.all)
        outcome = Trial(asked, recorder, policy, routes, self._clock).walk(shelf)
        return outcome, recorder.recorded

    def findings(self) -> list[Finding]:
        """Return what was found, an input once."""
        found: dict[str, Finding] = {}
        for asked in self._bases:
            answers = [self._ask(asked) for _ in range(_CONTROLS)]
            self._answer = self._answer or answers[0]
            if any(answer.raised is not None for answer in answers):
                self.why_not = "the application raises"
                continue
            template = Template(answers)
            if not template.is_comparable:
                self.why_not = "the content is another one each time"
            shelf = Shelf()
            outcome = self._through(asked, shelf)[0]
            base = _Base(asked, template, answers[0], shelf, outcome)
            for one in self._inputs(base):
                if one.name not in found and (finding := self._tried(base, one)) is not None:
                    found[one.name] = finding
        return list(found.values())

    def _inputs(self, base: _Base) -> Iterator[Input]:
        """Yield the inputs that the app may have read, or that Vary names."""
        for one in field_inputs(self._reads.places):
            if self._reads.are_of(one.key) or base.names(one.key):
                yield one
        if not self._reads.are_of("HTTP_COOKIE"):
            return
        known = self._cookies
        if any(self._counts(base, value) for value in COOKIE_VALUES):
            known = {**known, **dict.fromkeys(KNOWN_COOKIES, ""), **known}
        yield from cookie_inputs(known)

    def _counts(self, base: _Base, value: str) -> bool:
        """Whether any of the cookies that are often read changes the page with this *value*."""
        mine = base.asked.value("Cookie")
        cookies = "; ".join(filter(None, [mine, known_cookies(value)]))
        return self._difference(base, base.asked.having("Cookie", cookies)) is not None

    def _difference(self, base: _Base, asked: Asked) -> str | None:
        """Return in what the app's answer differs because of the request, or None."""
        difference = base.template.difference(self._ask(asked))
        if difference is not None:
            # Something may differ by itself after a while.
            base.template.learn(self._ask(base.asked))
            difference = base.template.difference(self._ask(asked))
        return difference

    def _tried(self, base: _Base, one: Input) -> Finding | None:
        """Change *one* input alone, and compare."""
        same, named = True, base.names(one.key)
        for value in one.values:
            asked = one.asked(base.asked, value)
            difference = self._difference(base, asked)
            if difference is None:
                continue
            same = False
            severity = _severity(one, base, self._through(asked, base.shelf.copy())[0])
            if severity is not None and self._is_seen(base, asked):
                cure = cure_of(one, severity) + self._hiding(base, one, asked)
                return self._finding(one, severity, ("", value), difference, cure)
        if named and same and base.outcome.outcome == "stored" and one.name.startswith("header"):
            costs = "Vary names it, so each of its values has a copy of its own"
            said, cure = f"no difference: {costs}", cure_of(one, "waste")
            return self._finding(one, "waste", one.values, said, cure)
        return None

    def _is_seen(self, base: _Base, asked: Asked) -> bool:
        """Whether the app answers otherwise behind the cache, too, which may hide an input."""
        given = self._through(asked)[1]
        answers = [self._through(base.asked)[1] for _ in range(_CONTROLS)]
        template = Template([answer for answer in answers if answer is not None])
        return given is not None and given.raised is None and template.difference(given) is not None

    def _hiding(self, base: _Base, one: Input, asked: Asked) -> str:
        """Return the route that hides *one* input, if the page of *asked* is the same then."""
        route = hiding(self._url, one, base.named())
        if route is None:
            return ""
        answer = self._through(asked, more=(route,))[1]
        if answer is None or base.template.difference(answer) is not None:
            return ""
        return f"; or, if it should not count, {written(route)}, which was tried"

    def _finding(
        self, one: Input, severity: str, values: tuple[str, ...], evidence: str, cure: str
    ) -> Finding:
        places = tuple(map(os.path.relpath, self._reads.places.get(one.key, ())))
        return Finding(self._url, one.name, severity, values, evidence, places, cure)

    def links(self) -> list[str]:
        """Return the URLs of the same origin that the page links to."""
        if self._answer is None:
            return []
        origin = urlsplit(self._url)[:2]
        found = []
        for link in _LINK.findall(self._answer.content):
            url = urljoin(self._url, link.decode("latin-1"))
            if urlsplit(url)[:2] == origin:
                found.append(url.partition("#")[0])
        return list(dict.fromkeys(found))


@dataclass
class _Base:
    """A request to which others are compared."""

    asked: Asked
    template: Template
    answer: Recorded
    shelf: Shelf
    """What is stored of it."""
    outcome: Outcome

    def named(self) -> list[str]:
        """Return the fields that Vary names."""
        entries = [entry for entry in self.shelf.entries.values() if entry is not None]
        if entries:
            keys = dict.fromkeys(key for entry in entries for key in entry.nominated)
            return [key.removeprefix("HTTP_").replace("_", "-").title() for key in keys]
        return [name for name in re.split(r"[\s,]+", self.answer.value("Vary") or "") if name]

    def names(self, key: str) -> bool:
        """Whether Vary names the field that an environ has under *key*."""
        return key in map(environ_key, self.named())


def _severity(one: Input, base: _Base, outcome: Outcome) -> str | None:
    """Return how bad it is that *one* input changes the page, if it is."""
    if outcome.outcome == "hit":
        return "leak" if one.is_identity else "wrong"
    told_apart = base.outcome.outcome == "stored" and outcome.forward == "vary-miss"
    return "downstream" if told_apart and not base.names(one.key) else None


def _pairs(cookies: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values in a Cookie field."""
    for one in cookies.split(";"):
        if name := cookie_name(one):
            yield name, one.partition("=")[2].strip()
