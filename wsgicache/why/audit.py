"""Find inputs that change a page, and that neither the cache key nor Vary knows.

Each input is changed alone, and the app is asked. If it answers otherwise, and the cache would
serve what it stored for the request without the change, then visitors get each other's pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from wsgicache.middleware import CacheMiddleware
from wsgicache.purging import number_of
from wsgicache.why.logins import Logins
from wsgicache.why.pages import Finding, Page
from wsgicache.why.trying import Recorded

__all__ = ["Audit", "Finding", "audit"]


_MEANINGS = {
    "leak": "it says who asks, and others get the stored page",
    "wrong": "visitors who send another value get the stored page",
    "downstream": "this cache tells its values apart, caches in front of it do not",
    "waste": "the page does not depend on it",
}
_MOST_SHOWN = 5
_LONGEST = 60


@dataclass
class Audit:
    """What was found."""

    findings: list[Finding] = field(default_factory=list)
    inconclusive: list[tuple[str, str]] = field(default_factory=list)
    """URLs that could not be judged, and why."""
    clean: int = 0
    """URLs without findings."""
    unstored: int = 0
    """How many of these the cache does not store, so that they can have none."""

    def as_json(self) -> dict[str, Any]:
        """Return the audit as JSON has it."""
        return {
            "findings": [finding._asdict() for finding in self.findings],
            "inconclusive": [{"url": url, "why": why} for url, why in self.inconclusive],
            "clean": self.clean,
            "unstored": self.unstored,
        }

    def lines(self) -> Iterator[str]:
        """Yield the audit in sentences; what is wrong with several pages alike is said once."""
        alike: dict[tuple[object, ...], list[Finding]] = {}
        for one in self.findings:
            alike.setdefault((one.severity, one.input, one.read_at), []).append(one)
        for one, *others in alike.values():
            yield f"{one.severity}: {one.url}: {one.input}"
            yield f"  {_MEANINGS[one.severity]}"
            if one.severity != "waste":
                before, after = map(_quoted, one.values)
                yield f"  from {before} to {after}: {one.evidence}"
            else:
                yield f"  {one.evidence}"
            for place in one.read_at:
                yield f"  read at {place}"
            yield f"  cure: {one.cure}"
            for other in others[:_MOST_SHOWN]:
                yield f"  also: {other.url}"
            if len(others) > _MOST_SHOWN:
                yield f"  also: {len(others) - _MOST_SHOWN} more"
        for url, why in self.inconclusive:
            yield f"inconclusive: {url}: {why}"
        stored = f"; {self.unstored} of them not stored, so not judged" if self.unstored else ""
        yield f"{number_of('page', self.clean)} without findings{stored}"

    def is_bad(self, strict: bool = False) -> bool:
        """Whether there is a leak or a wrong page; with *strict*, whether there is anything."""
        return any(strict or one.severity in ("leak", "wrong") for one in self.findings)


def audit(
    cache: CacheMiddleware,
    urls: Iterable[str],
    *,
    login: str | Iterable[str] = (),
    crawl: bool = False,
    most: int = 1000,
    progress: Callable[[str], object] = lambda url: None,
) -> Audit:
    """Audit the absolute *urls* of the app behind *cache*, with its policy and routes.

    *login* has the fields of somebody who is logged in, such as ``"Authorization: Bearer …"``,
    each on a line of its own; or is a list of such texts, one for each visitor. With *crawl*, links
    are followed within the same origin, to *most* URLs, but none that looks as if it logged
    somebody out. The app is asked many times, by GET and HEAD; nothing is stored. *progress* is
    called with each URL. Raises TypeError.
    """
    logins = Logins(login)
    done = Audit()
    queue = list(dict.fromkeys(urls))
    seen = set(queue)
    for url in queue:
        progress(url)
        page = Page(cache, url, logins)
        found = page.findings()
        done.findings += found
        if page.why_not:
            done.inconclusive.append((url, page.why_not))
        elif not found:
            done.clean += 1
            done.unstored += not page.is_stored
        for link in (link for one in page.answers if crawl for link in _links(url, one)):
            if link not in seen and len(seen) < most:
                seen.add(link)
                queue.append(link)
    return done


def _quoted(value: str) -> str:
    if not value:
        return "none"
    return repr(value if len(value) <= _LONGEST else value[:_LONGEST] + "…")


_LINK = re.compile(rb"""(?:href|src)\s*=\s*["']?([^"'\s>#]+)""", re.IGNORECASE)
_LOGOUT = re.compile(r"(?:log|sign)[-_]?(?:out|off)", re.IGNORECASE)


def _links(page: str, answer: Recorded) -> list[str]:
    """Return the URLs of the same origin to which the *page* links, by its *answer*."""
    origin = urlsplit(page)[:2]
    location = answer.value("Location")
    links = [link.decode("latin-1") for link in _LINK.findall(answer.content)]
    found = []
    for link in [*links, *([location] if location else [])]:
        url = urljoin(page, link.replace("&amp;", "&"))
        if urlsplit(url)[:2] == origin and not _LOGOUT.search(url):
            found.append(url.partition("#")[0])
    return list(dict.fromkeys(found))
