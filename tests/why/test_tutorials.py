"""An audit of the frameworks' tutorial applications finds what is explained here, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.why import tutorials
from tests.why.frames import without_vary
from wsgicache import CacheMiddleware, Policy, Route, cache_for, cached
from wsgicache.why.audit import Audit, audit

ORIGIN = "http://example.org"
Tutorial = Callable[[], tuple[Any, str]]
LOCALE = [*tutorials.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]


def polls_in_languages() -> tuple[Any, str]:
    return tutorials.djangos_polls(MIDDLEWARE=LOCALE)


def things_in_json() -> tuple[Any, str]:
    return tutorials.falcons_things(tutorials.RequireJSON())


def things_of_accounts() -> tuple[Any, str]:
    return tutorials.falcons_things(tutorials.RequireJSON(), tutorials.Authentication())


SITES: list[tuple[Tutorial, str, int, list[str]]] = [
    # The application, where the crawl begins, how many pages it finds, and what is found in them.
    (tutorials.flasks_blog, "/", 3, []),
    (tutorials.djangos_polls, "/", 3, []),
    # The page with the form says Vary: Cookie. On the others, LocaleMiddleware says Vary:
    # Accept-Language, and not that it reads a cookie before. This cache knows the cookie, others
    # do not.
    (polls_in_languages, "/", 3, ["downstream cookie django_language"] * 2),
    (tutorials.bottles_todo, "/", 3, []),
    (tutorials.falcons_images, "/images", 1, []),
    (tutorials.falcons_images, "/images/1.png", 1, []),
    (tutorials.falcons_things, "/7/things?limit=2", 1, []),
    # Who takes no JSON gets a 406, and Vary does not say so.
    (things_in_json, "/7/things", 1, ["wrong header Accept"]),
    # A stranger gets a 401, which is never stored.
    (things_of_accounts, "/7/things", 1, []),
]


def crawled(tutorial: Tutorial, path: str, **options: Any) -> Audit:
    app, login = tutorial()
    return audit(CacheMiddleware(app, **options), [ORIGIN + path], crawl=True, login=login)


@pytest.mark.parametrize(("tutorial", "path", "pages", "found"), SITES)
def test_nothing_is_found_that_is_not_explained(
    tutorial: Tutorial, path: str, pages: int, found: list[str]
) -> None:
    as_it_is = crawled(tutorial, path)
    assert (as_it_is.findings, as_it_is.inconclusive) == ([], [])
    assert as_it_is.clean == pages
    fresh = crawled(tutorial, path, policy=Policy(default=cache_for(minutes=5)))
    assert [f"{one.severity} {one.input}" for one in fresh.findings] == found
    assert (fresh.inconclusive, fresh.clean) == ([], pages - len(found))


def test_pages_that_are_released_although_they_show_a_name_are_found() -> None:
    def careless() -> tuple[Any, str]:
        app, login = tutorials.flasks_blog()
        return without_vary(lambda view: app)(str), login

    route = Route("/", cached(server=60), override=True)
    kept = crawled(tutorials.flasks_blog, "/", routes=[route])
    assert kept.findings == []  # Flask says Vary: Cookie where the session is used
    (finding,) = crawled(careless, "/", routes=[route]).findings
    assert (finding.url, finding.severity, finding.input) == (
        f"{ORIGIN}/", "leak", "cookie session"
    )  # fmt: skip
    assert finding.read_at == ("tests/why/tutorials.py:55",)
