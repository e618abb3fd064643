"""What does a browser do with a response: how long does it keep it, and when does it ask again?

The rules are those of RFC 9111 for a private cache, and what browsers add to them. The
documentation has both as measured. Nothing here asks a browser.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from wsgicache.rules.dates import parse_date
from wsgicache.rules.fields import Directives, delta_seconds, parse_age, parse_vary
from wsgicache.rules.freshness import date_value
from wsgicache.rules.model import FieldLines
from wsgicache.rules.response import Response

__all__ = [
    "ASKS", "AS_IT_WAS", "BROWSERS", "CHECKS", "OWN_COPY", "Browser", "Copy", "Page", "Seen",
]  # fmt: skip

OWN_COPY = "own copy"
"""The browser shows what it has, and sends no request."""
CHECKS = "checks"
"""It asks whether what it has is still good: If-None-Match, If-Modified-Since."""
ASKS = "asks"
"""It asks for all of it."""
AS_IT_WAS = "as it was"
"""It shows the page as it was left, with its scripts and forms: no request, nothing is loaded."""

_HEURISTIC_FRACTION = 0.1
_GUESSED = (200, 203, 206)
"""Status codes whose lifetime browsers guess, and about which they ask with conditions."""
_GONE = 410
"""The status of what is fresh for ever if it does not say otherwise."""
_VALIDATORS = {"etag", "last-modified"}
_NO_UNLOAD = re.compile(r"\bunload=\(\)")


@dataclass(frozen=True)
class Browser:
    """What one kind of browser does otherwise than another."""

    name: str
    version: int
    """The one that was measured."""
    heuristic_most: float
    """Most seconds of freshness where the response gives none."""
    guesses_despite_must_revalidate: bool
    reuses_errors: bool
    """Whether a response with a status from 400 on, except 410, is used without validation."""
    restores_errors: bool
    """Whether Back may show such a page as it was."""
    restores_unstorable: bool
    """Whether Back may show a page with no-store as it was, while no cookie has changed."""
    heeds_permissions_policy: bool
    """Whether a Permissions-Policy can forbid handlers of ``unload``."""
    has_memory: bool
    """Whether it holds the parts of a page in memory, where must-revalidate and a Vary: Cookie do
    not matter."""


BROWSERS = (
    Browser(
        "Chromium",
        156,
        heuristic_most=float("inf"),
        guesses_despite_must_revalidate=False,
        reuses_errors=True,
        restores_errors=False,
        restores_unstorable=True,
        heeds_permissions_policy=True,
        has_memory=True,
    ),
    Browser(
        "Firefox",
        153,
        heuristic_most=604_800,
        guesses_despite_must_revalidate=True,
        reuses_errors=False,
        restores_errors=True,
        restores_unstorable=False,
        heeds_permissions_policy=False,
        has_memory=False,
    ),
)


class Copy(NamedTuple):
    """What a browser does with a response that it has got once, by what its user does."""

    seconds: float
    """For how long it answers from its own copy, since the response was made."""
    behind: float
    """For how many seconds more it answers so, and asks behind that."""
    link: str
    reload: str
    part: str
    """A picture or script, as the page around it is reloaded."""
    hard_reload: str
    back: str
    back_anew: str
    """Back, where the page was not kept as it was."""


@dataclass(frozen=True)
class Page:
    """What else is known of a page: it decides on what Back shows."""

    has_unload: bool = False
    """Whether it handles ``unload``."""
    changed: Collection[str] = ()
    """Request fields, in lower case, that have other values since."""
    cleared: bool = False
    """Whether Clear-Site-Data has emptied the browser's cache since."""


_PLAIN = Page()


class Seen:
    """A response as a *browser* sees it *now*, by the clock for dates."""

    def __init__(self, browser: Browser, status: str, fields: FieldLines, now: float) -> None:
        self._browser = browser
        self._response = Response(status, fields, (), now, now, now)
        self._directives: Directives = self._response.directives

    def copy(self, page: Page = _PLAIN) -> Copy:
        """Return what the browser does with it, which is that *page*, or a part of one."""
        is_selected = self._is_selected(page.changed)
        back_anew = self._again(page, float("inf"), is_selected)
        in_memory = self._browser.has_memory
        return Copy(
            self.lifetime if is_selected else 0.0,
            self.behind if is_selected else 0.0,
            self._again(page, self.lifetime, is_selected),
            self._validated(page),
            self._again(
                page,
                self._lifetime(guesses=True) if in_memory else self.lifetime,
                self._is_selected({*page.changed} - {"cookie"}) if in_memory else is_selected,
            ),
            ASKS,
            AS_IT_WAS if self._is_restored(page) else back_anew,
            back_anew,
        )

    @property
    def is_kept(self) -> bool:
        """Return whether the browser keeps a copy (§3)."""
        # * the no-store cache directive is not present in the response (§5.2.2.5);
        return "no-store" not in self._directives
        # Not applicable: private, s-maxage and Authorization concern shared caches.

    @property
    def age(self) -> float:
        """Return how many seconds old the response was as the browser got it (§4.2.3)."""
        response = self._response
        apparent_age = max(0.0, response.wall - date_value(response))
        return max(apparent_age, float(parse_age(response.field("age"))))

    @property
    def lifetime(self) -> float:
        """Return the seconds for which the copy is used without a question (§4.2.1)."""
        return self._lifetime(self._browser.guesses_despite_must_revalidate)

    def _lifetime(self, guesses: bool) -> float:
        if not self.is_kept or self._asks_always():
            return 0.0
        explicit = self._explicit_lifetime()
        # * Otherwise, no explicit expiration time is present in the response.
        if explicit is None:
            may_guess = guesses or "must-revalidate" not in self._directives
            return self._heuristic_lifetime() if may_guess else 0.0
        return explicit

    @property
    def is_heuristic(self) -> bool:
        """Return whether the browser guesses the lifetime (§4.2.2)."""
        return self._explicit_lifetime() is None

    def _explicit_lifetime(self) -> float | None:
        response = self._response
        # Not applicable: s-maxage is for shared caches.
        # * If the max-age response directive is present, use its value, or
        if "max-age" in self._directives:
            return float(delta_seconds(self._directives["max-age"]) or 0)
        # * If the Expires response header field is present, use its value minus the value of the
        #   Date response header field, or
        if (value := response.field("expires")) is not None:
            expires = parse_date(value, response.wall)
            return 0.0 if expires is None else max(0.0, expires - date_value(response))
        return None

    def _asks_always(self) -> bool:
        """Return whether the copy is never used without validation (§4, §5.2.2.4, §5.4)."""
        response, directives = self._response, self._directives
        if 400 <= response.code != _GONE and not self._browser.reuses_errors:
            return True
        pragma = response.values.get("pragma", "").lower()
        return "no-cache" in directives or (not directives and "no-cache" in pragma)

    def _heuristic_lifetime(self) -> float:
        """Return the seconds of freshness that the browser guesses (§4.2.2)."""
        response = self._response
        if response.code == _GONE:
            return float("inf")
        modified = parse_date(response.field("last-modified"), response.wall)
        if response.code not in _GUESSED or modified is None:
            return 0.0
        lifetime = (date_value(response) - modified) * _HEURISTIC_FRACTION
        return max(0.0, min(lifetime, self._browser.heuristic_most))

    @property
    def behind(self) -> float:
        """Return for how many seconds more it shows its copy and asks behind it (RFC 5861 §3)."""
        if not self.is_kept or self._asks_always():
            return 0.0
        return float(delta_seconds(self._directives.get("stale-while-revalidate")) or 0)

    def _is_selected(self, changed: Collection[str]) -> bool:
        """Return whether the copy is one for a request with other values of *changed* (§4.1)."""
        # A Vary with a member "*" always fails to match.
        nominated = parse_vary(self._response.values.get("vary", ""))
        return nominated is not None and not set(nominated) & set(changed)

    def _validated(self, page: Page) -> str:
        """Return how the browser asks about its copy (§4.3.1)."""
        response = self._response
        has_validator = response.code in _GUESSED and response.values.keys() & _VALIDATORS
        return CHECKS if has_validator and self.is_kept and not page.cleared else ASKS

    def _again(self, page: Page, lifetime: float, is_selected: bool) -> str:
        """Return how the browser comes to it again, if its copy is good for *lifetime*."""
        if self.is_kept and not page.cleared and is_selected and lifetime > self.age:
            return OWN_COPY
        return self._validated(page)

    def _is_restored(self, page: Page) -> bool:
        """Return whether Back shows the page as it was."""
        browser, policy = self._browser, self._response.values.get("permissions-policy", "")
        may_handle = not (browser.heeds_permissions_policy and _NO_UNLOAD.search(policy))
        if page.has_unload and may_handle:
            return False
        if self._response.code >= 400 and not browser.restores_errors:
            return False
        return self.is_kept or (browser.restores_unstorable and "cookie" not in page.changed)
