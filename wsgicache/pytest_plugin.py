"""The pytest plugin of wsgicache: what its fixtures need is imported when one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

__all__ = [
    "assert_differs_for", "assert_hit", "assert_not_stored", "assert_purged", "assert_same_for",
    "assert_stored", "audit", "cache_clock", "cached_client", "make_cached_client",
    "pytest_addoption",
]  # fmt: skip

if TYPE_CHECKING:
    from wsgicache.testing import CacheClock, CachedApp
    from wsgicache.why.audit import Audit

_NO_APP = "wsgicache: there is no fixture called app; write one, or call make_cached_client(app)"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("wsgicache")
    group.addoption(
        "--wsgicache-audit",
        action="store_true",
        help="audit each URL that a test gets through the cache, at the end of that test",
    )


@pytest.fixture(scope="session")
def _wsgicache_audited() -> set[str]:
    """The URLs that were audited in this run."""
    return set()


@pytest.fixture
def cache_clock() -> CacheClock:
    """The clock of the cache in this test: ``cache_clock.advance(seconds=60)``."""
    from wsgicache.testing import CacheClock

    return CacheClock()


@pytest.fixture
def _wsgicache_app(
    request: pytest.FixtureRequest, cache_clock: CacheClock, _wsgicache_audited: set[str]
) -> Iterator[Callable[..., CachedApp]]:
    """Return the `CachedApp` of an application, by default of what the fixture ``app`` returns."""
    from wsgicache.testing import CachedApp

    made: dict[int, CachedApp] = {}

    def cached(app: Any = None) -> CachedApp:
        if app is None:
            try:
                app = request.getfixturevalue("app")
            except pytest.FixtureLookupError as error:
                if error.argname != "app":
                    raise
                pytest.fail(_NO_APP, pytrace=False)
        if id(app) not in made:
            made[id(app)] = CachedApp(app, cache_clock)
        return made[id(app)]

    yield cached
    said = []
    if request.config.getoption("--wsgicache-audit"):
        for site in made.values():
            said += [line for one in _audits(site, _wsgicache_audited) for line in one]
    for site in reversed(made.values()):
        site.close()
    if said:
        pytest.fail("\n".join(["wsgicache audit", *said]), pytrace=False)


def _audits(site: CachedApp, audited: set[str]) -> Iterator[list[str]]:
    """Yield in sentences what is wrong with each page of *site* that no test has got before."""
    from wsgicache.why.audit import audit

    for url, login in site.visited.items():
        if url not in audited:
            audited.add(url)
            found = audit(site.cache, [url], login=login)
            if found.is_bad():
                yield list(found.lines())


@pytest.fixture
def make_cached_client(_wsgicache_app: Callable[..., CachedApp]) -> Callable[..., Any]:
    """Make clients: ``make_cached_client(app)``, by default for what the fixture ``app`` returns.

    The clients of an application have one cache, which is empty when the test begins.
    """

    def make(app: Any = None, **options: Any) -> Any:
        return _wsgicache_app(app).client(**options)

    return make


@pytest.fixture
def cached_client(request: pytest.FixtureRequest, make_cached_client: Callable[..., Any]) -> Any:
    """A client, through an empty cache, of what the fixture ``app`` or a parameter is."""
    return make_cached_client(getattr(request, "param", None))


@pytest.fixture
def audit(_wsgicache_app: Callable[..., CachedApp]) -> Callable[..., Audit]:
    """Audit URLs, by default those that this test has got: ``audit("/items", "/me")``."""

    def audited(
        *urls: str,
        app: Any = None,
        login: str | Iterable[str] = (),
        crawl: bool = False,
        strict: bool = False,
    ) -> Audit:
        from wsgicache.why.audit import audit as audit_of

        __tracebackhide__ = True
        site = _wsgicache_app(app)
        asked = [site.origin + url if url[:1] == "/" else url for url in urls or site.visited]
        done = audit_of(site.cache, asked, login=login, crawl=crawl)
        if done.is_bad(strict):
            raise AssertionError("\n".join(["wsgicache audit", *done.lines()]))
        return done

    return audited


def _assertion(name: str) -> Any:
    """Return the fixture that is the assertion *name* of `wsgicache.testing`."""

    def assertion() -> Any:
        import wsgicache.testing

        return getattr(wsgicache.testing, name)

    assertion.__doc__ = f"Return ``wsgicache.testing.{name}``."
    return pytest.fixture(name=name)(assertion)


assert_hit = _assertion("assert_hit")
assert_stored = _assertion("assert_stored")
assert_not_stored = _assertion("assert_not_stored")
assert_same_for = _assertion("assert_same_for")
assert_differs_for = _assertion("assert_differs_for")
assert_purged = _assertion("assert_purged")
