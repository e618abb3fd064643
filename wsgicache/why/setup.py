"""What a doctor looks at, and what it can find."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from wsgicache.controls.control import Control
from wsgicache.controls.routes import Route
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.policy import Policy
from wsgicache.stores import Store
from wsgicache.why.layers import inward, path_to_cache
from wsgicache.why.sitemap import Page, Pages, django_settings, is_django, is_flask, pages_of
from wsgicache.why.views import controls_of

__all__ = ["KINDS", "Finding", "Kind", "Setup", "found"]


class Finding(NamedTuple):
    """One thing in the set-up that should be otherwise."""

    id: str
    """Its kind; the how-to page has a table of them."""
    severity: str
    """``wrong``: visitors get wrong or old pages, or something written has no effect. ``waste``:
    the cache stores or answers less than it could. ``advice``: worth knowing."""
    what: str
    why: str
    """Why it matters."""
    line: str
    """The line to write."""


class Kind(NamedTuple):
    """A kind of findings."""

    severity: str
    why: str


KINDS: dict[str, Kind] = {
    # The cache and what is around it.
    "no-cache": Kind("advice", "every request reaches the application"),
    "off": Kind("advice", "every request reaches the application"),
    "two-caches": Kind("wrong", "each page is kept twice, and a purge of one leaves the other"),
    "framework-cache": Kind(
        "advice", "each page is kept twice, and a purge or a POST leaves the framework's copy"
    ),
    "proxy-fix-inside": Kind(
        "wrong", "the cache does not know the public URL, so a purge by that URL finds nothing"
    ),
    "session-outside": Kind(
        "wrong", "the cache does not see that a page sets a session cookie, and stores the page"
    ),
    "compression-outside": Kind("waste", "each hit is compressed again"),
    "debugger-inside": Kind(
        "advice", "it shows no error of the cache, and a stale page may hide one of the application"
    ),
    "whitenoise-inside": Kind("waste", "static files fill the store, and WhiteNoise is faster"),
    "whitenoise-order": Kind(
        "waste", "static files pass through that middleware, which adds to their Vary or cookies"
    ),
    "debug-toolbar": Kind("advice", "a stored page shows the toolbar of the request that made it"),
    "debug": Kind("advice", "a stale page may hide an error, and pages of old code stay a while"),
    # The store.
    "memory-workers": Kind(
        "wrong",
        "a POST or a purge reaches one worker, and the others serve their old pages; each worker "
        "makes each page",
    ),
    "lost-updates": Kind("wrong", "of two changes at once one may be lost, such as a purge"),
    "max-content": Kind("waste", "a response between the two is never kept"),
    "purge-token": Kind("wrong", "whoever finds it out can empty the cache as often as they like"),
    # What is declared.
    "decorator-above": Kind("wrong", "no request passes through it, so it does nothing"),
    "route-unmatched": Kind("wrong", "what it says is about no page"),
    "exempt-unmatched": Kind("wrong", "it exempts no page"),
    "route-shadowed": Kind("wrong", "of routes that match, the first that says something counts"),
    "cancelled": Kind("wrong", "a prohibition counts, whoever says it, so the lifetime never does"),
    "vouched-login": Kind("wrong", "a hit asks nobody who they are: strangers get the page, too"),
    "vouched-form": Kind("waste", "each answer sets the token's cookie, so it is never stored"),
    "no-lifetimes": Kind("advice", "the cache answers by itself only pages that have a lifetime"),
    # Cookies, sessions, static files.
    "session-hidden": Kind("wrong", "on a GET, every visitor looks logged out to the application"),
    "session-each-request": Kind(
        "waste", "each answer to a visitor with a session sets a cookie, so it is not stored"
    ),
    "session-permanent": Kind(
        "waste", "it changes the session each time, so each answer sets a cookie and is not stored"
    ),
    "remember-refresh": Kind(
        "waste", "it changes the session each time, so each answer sets a cookie and is not stored"
    ),
    "login-vary": Kind("waste", "each value of Cookie gets a copy of its own"),
    "static-no-cache": Kind("waste", "the application is asked each time whether the file is good"),
    "static-vary": Kind("waste", "each value of Cookie gets a copy of each file"),
}
"""All kinds, by their ids."""


def found(kind: str, what: str, line: str) -> Finding:
    """Return a finding of a *kind*."""
    return Finding(kind, KINDS[kind].severity, what, KINDS[kind].why, line)


@dataclass(frozen=True)
class Setup:
    """An application, and the cache that it has."""

    app: object
    given: Store | None = None
    """The store to look at instead of the cache's."""

    @cached_property
    def path(self) -> list[object]:
        """What a request passes up to the cache, that last; empty without a cache."""
        return path_to_cache(self.app)

    @cached_property
    def cache(self) -> CacheMiddleware | None:
        """The cache."""
        last = self.path[-1] if self.path else None
        return last if isinstance(last, CacheMiddleware) else None

    @cached_property
    def inside(self) -> list[object]:
        """What the cache wraps; without a cache, the application and what that wraps."""
        return inward(self.app if self.cache is None else self.cache.app, self.path)

    @cached_property
    def layers(self) -> list[object]:
        """The cache, what it wraps, and the application that has it."""
        # The path leads through the frameworks that call the cache, and ask it for themselves.
        callers = [one for one in self.path if is_flask(one)]
        return [*self.path[-1:], *self.inside, *callers]

    @property
    def store(self) -> Store | None:
        """The store, if there is one."""
        if self.given is not None:
            return self.given
        return None if self.cache is None else self.cache.store

    @property
    def store_is_for_debugging(self) -> bool:
        """Whether `easy_setup` put a store of its own in place of the given one."""
        return self.given is None and any(
            flask.debug and flask.extensions.get("wsgicache") is self.cache for flask in self.flasks
        )

    @cached_property
    def policy(self) -> Policy:
        """The cache's policy, or the default one."""
        return Policy() if self.cache is None else self.cache.policy

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """The cache's routes."""
        return () if self.cache is None else tuple(self.cache._routes.all)

    @cached_property
    def flasks(self) -> list[Any]:
        """The Flask applications."""
        return [layer for layer in self.layers if is_flask(layer)]

    @cached_property
    def django(self) -> Any:
        """Django's settings, where there is a Django application; else None."""
        return django_settings() if any(map(is_django, self.inside)) else None

    @cached_property
    def pages(self) -> Pages:
        """The pages of the application."""
        return pages_of(self.layers)

    @cached_property
    def viewed(self) -> list[tuple[Page, list[Control]]]:
        """Each page that has a view, with the controls that decorate that."""
        return [(page, controls_of(page.view)) for page in self.pages.all if page.view is not None]

    def middleware(self, *names: str) -> list[int]:
        """Return the places of Django's middleware of these *names*."""
        given: Iterable[str] = () if self.django is None else self.django.MIDDLEWARE
        return [place for place, name in enumerate(given) if name in names]
