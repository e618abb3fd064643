"""Find inputs that change a page, and that neither the cache key nor Vary knows.

Each input is changed alone. If the cache would serve what it stored for the request without it, and
the app answers otherwise, then visitors get each other's pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from wsgicache.middleware import CacheMiddleware
from wsgicache.why.comparing import Template
from wsgicache.why.inputs import Input, cookie_inputs, environ_key, field_inputs
from wsgicache.why.trying import (
    Asked,
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
    """Where the app read it, as ``file:line``."""
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
        self._cookies: dict[str, None] = {}
        self._answer: Recorded | None = None
        self._bases = [Asked(url)]
        if login:
            self._bases.append(Asked(url, [("Cookie", login)]))
            self._cookies |= dict.fromkeys(
                one.partition("=")[0].strip() for one in login.split(";") if one.strip()
            )
        self.why_not = ""
        """Why nothing can be said of it, if so."""

    def _ask(self, asked: Asked, shelf: Shelf | None = None) -> tuple[Outcome, Recorded | None]:
        """Send a request through the cache; return what that did, and what the app answered."""
        recorder = Recorder(
            self._cache.app,
            self._cache.policy.max_content,
            lambda environ: WatchedEnviron(environ, self._reads),
        )
        policy, routes = self._cache.policy, self._cache._routes.all
        outcome = Trial(asked, recorder, policy, routes, self._clock).walk(shelf)
        for name, value in recorder.recorded.fields if recorder.recorded else ():
            if name.lower() == "set-cookie":
                self._cookies[value.partition("=")[0].strip()] = None
        return outcome, recorder.recorded

    def findings(self) -> list[Finding]:
        """Return what was found, an input once."""
        found: dict[str, Finding] = {}
        for base in self._bases:
            shelf = Shelf()
            first, answer = self._ask(base, shelf)
            again = [self._ask(base)[1] for _ in range(_CONTROLS - 1)]
            if answer is None or answer.raised is not None:
                self.why_not = "the application raises" if answer else "the cache does not ask"
                continue
            self._answer = self._answer or answer
            template = Template([answer, *filter(None, again)])
            if not template.is_comparable:
                self.why_not = "the content is another one each time"
            inputs = [*field_inputs(self._reads.places), *cookie_inputs(self._cookies)]
            for one in inputs:
                if one.name in found or not self._reads.are_of(one.key):
                    continue
                if (finding := self._tried(base, one, template, answer, shelf, first)) is not None:
                    found[one.name] = finding
        return list(found.values())

    def _tried(
        self,
        base: Asked,
        one: Input,
        template: Template,
        answer: Recorded,
        shelf: Shelf,
        first: Outcome,
    ) -> Finding | None:
        """Change *one* input alone, and compare."""
        names = re.split(r"[\s,]+", (answer.value("Vary") or "").strip())
        named = one.key in map(environ_key, names)
        same = True
        for value in one.values:
            asked = one.asked(base, value)
            after = Shelf()
            after.entries |= shelf.entries
            outcome, given = self._ask(asked, after)
            hit = outcome.outcome == "hit"
            if hit or given is None:
                given = self._ask(asked)[1]
            if given is None or given.raised is not None:
                continue
            difference = template.difference(given)
            if difference is None:
                continue
            same = False
            severity = self._severity(one, hit, first, outcome, named)
            if severity is not None:
                return self._finding(one, severity, ("", value), difference)
        if named and same and first.outcome == "stored" and one.name.startswith("header"):
            costs = "Vary names it, so each of its values has a copy of its own"
            return self._finding(one, "waste", one.values, f"no difference: {costs}")
        return None

    def _severity(
        self, one: Input, hit: bool, first: Outcome, outcome: Outcome, named: bool
    ) -> str | None:
        if hit:
            return "leak" if one.is_identity else "wrong"
        told_apart = first.outcome == "stored" and outcome.forward == "vary-miss"
        return "downstream" if told_apart and not named else None

    def _finding(
        self, one: Input, severity: str, values: tuple[str, ...], evidence: str
    ) -> Finding:
        places = tuple(self._reads.places.get(one.key, ()))
        return Finding(
            self._url, one.name, severity, values, evidence, places, _cure(one, severity)
        )

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


def _cure(one: Input, severity: str) -> str:
    """Return the line to write."""
    kind, _, name = one.name.partition(" ")
    if severity == "waste":
        return f"do not name {name} in Vary for this page"
    if kind == "cookie":
        return 'vary("Cookie") on the view'
    if kind == "environ":
        return "never_cache on the view: no field tells caches who asks from where"
    if one.is_identity and severity == "leak":
        return f"Policy(credentials=[*CREDENTIAL_FIELDS, {name!r}])"
    return f"vary({name!r}) on the view"
