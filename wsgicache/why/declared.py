"""Do decorators have an effect, and do they agree with each other and with the routes?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import wsgicache
from wsgicache.controls.control import Control
from wsgicache.controls.routes import Route
from wsgicache.rules.credentials import EVERYBODY
from wsgicache.why.globs import covers
from wsgicache.why.layers import name_of
from wsgicache.why.routing import forbids_all, gives_lifetime, is_plain, lasts, route_at, shown
from wsgicache.why.setup import Finding, Setup, found
from wsgicache.why.sitemap import Page, sends_files_for
from wsgicache.why.views import decorators_of, mentioned, written_above

__all__ = ["DECLARED", "may_show_tokens", "vouchers"]

_LOGINS = {
    "flask_login.utils:login_required": "@login_required",
    "flask_login.utils:fresh_login_required": "@fresh_login_required",
    "flask_security.decorators:auth_required": "@auth_required",
    "django.contrib.auth.decorators:user_passes_test": "@login_required or the like",
    "django.contrib.auth.decorators:login_required": "@login_required",
    "django.contrib.auth.decorators:permission_required": "@permission_required",
    "django.contrib.auth.mixins:LoginRequiredMixin": "LoginRequiredMixin",
    "django.contrib.auth.mixins:PermissionRequiredMixin": "PermissionRequiredMixin",
}
"""What asks visitors to log in, by where it comes from."""
_TOKENS = {
    "django.views.decorators.csrf:_EnsureCsrfCookie": "@ensure_csrf_cookie",
}
"""What always sets the cookie of a form token, by where it comes from."""
_MAY_SHOW_TOKENS = {"django.middleware.csrf:CsrfViewMiddleware": "@csrf_protect"}
_SPEAKING = re.compile(r"cach|max[-_]age|expires|^current$", re.IGNORECASE)
"""Words of code that may give a page a lifetime by itself."""
_OURS = {"wsgicache", *wsgicache.__all__} - {"current"}
"""Names of this package that give no lifetime where they only stand."""


# ── decorators ─────────────────────────────────────────────────────────────────────────────────


def _decorators_above(setup: Setup) -> Iterator[Finding]:
    most: dict[object, int] = {}
    written: dict[object, tuple[str, int, list[Any]]] = {}
    for page, controls in setup.viewed:
        read = written_above(page.view)
        if read is not None and read[1]:
            number, top, code = read
            most[code] = max(most.get(code, 0), len(controls))
            written[code] = f"{name_of(page.view)}", number, top
    for function, (name, number, top) in written.items():
        for one in top[: number - most[function]]:
            yield found(
                "decorator-above",
                f"@{one.text} of {name} is above the decorator that registers it (line {one.line})",
                f"move @{one.text} below that decorator, next to the function",
            )


# ── what cancels, what vouches for too much ────────────────────────────────────────────────────


def _cancelled(setup: Setup) -> Iterator[Finding]:
    for number, route in enumerate(setup.routes, 1):
        what = f"route {number}, {shown(route)},"
        yield from _within(what, route.controls)
        for exempt in setup.policy.exempt:
            if any(map(gives_lifetime, route.controls)) and covers(f"{exempt}*", route.path):
                by = f"and Policy(exempt=[{exempt!r}]) passes its pages by"
                yield found("cancelled", f"{what} gives a lifetime, {by}", "leave one of them out")
    for page, controls in setup.viewed:
        name = name_of(page.view)
        yield from _within(name, controls)
        lasting = [one for one in controls if is_plain(one) and gives_lifetime(one)]
        if lasting and page.answers_get and not any(map(forbids_all, controls)):
            same = [other for other, _ in setup.viewed if other.view is page.view]
            routes = [_forbidding_route(setup, other) for other in same]
            if all(routes) and routes[0] is not None:
                what = f"{name} has @{lasting[0]!r}, and {shown(routes[0])} is about it, too"
                line = f"leave @{lasting[0]!r} out, or give that route a narrower path"
                yield found("cancelled", what, line)


def _forbidding_route(setup: Setup, page: Page) -> Route | None:
    """Return the route that forbids to keep any answer to a GET of *page*, if one does."""
    for route in route_at(setup, page.glob):
        if route.forbids and any(map(forbids_all, route.controls)):
            return route
    return None


def _within(name: str, controls: Iterable[Control]) -> Iterator[Finding]:
    """Find what cancels each other among the *controls* of one place."""
    no = next(filter(forbids_all, controls), None)
    yes = next((one for one in controls if is_plain(one) and gives_lifetime(one)), None)
    if no is not None and yes is not None and no is not yes:
        yield found("cancelled", f"{name} has both {no!r} and {yes!r}", f"keep {yes!r} or {no!r}")


def vouchers(setup: Setup, page: Page, controls: Iterable[Control]) -> dict[str, bool]:
    """Return what vouches that *page* is for everybody, by ``server=``: as it is written.

    With each it says whether cookies change nothing, even where Vary names them.
    """
    own, routes = list(controls), list(route_at(setup, page.glob))
    if not page.answers_get or any(map(forbids_all, own)) or any(route.forbids for route in routes):
        return {}
    given = [(f"@{one!r}", one) for one in own]
    given += [(shown(r), one) for r in routes if r.statuses is None for one in r.controls]
    return {
        written: EVERYBODY in one._said.here
        for written, one in given
        if is_plain(one) and one.vouches() and lasts(one._said.here)
    }


def _vouched(setup: Setup) -> Iterator[Finding]:
    for page, controls in setup.viewed:
        given, name = vouchers(setup, page, controls), name_of(page.view)
        decorators = decorators_of(page.view) if given else set()
        # Else the login reads the session, so that Vary names Cookie.
        blind = [written for written, everybody in given.items() if everybody]
        if blind and (login := _first(_LOGINS, decorators)):
            what = f"{name} has {login}, and {blind[0]}"
            yield found("vouched-login", what, f"@never_cache instead of {blind[0]}")
        if given and (token := _first(_TOKENS, decorators)):
            what = f"{name} has {token}, and {next(iter(given))}"
            yield found("vouched-form", what, f"leave {next(iter(given))} out")


def may_show_tokens(setup: Setup) -> Iterator[str]:
    """Yield the pages that are vouched for, and may show the token of a form."""
    for page, controls in setup.viewed:
        if vouchers(setup, page, controls):
            decorators = decorators_of(page.view)
            if token := _first(_MAY_SHOW_TOKENS, decorators):
                yield f"{name_of(page.view)}, which has {token},"


def _first(names: dict[str, str], decorators: set[str]) -> str:
    return next((shown for origin, shown in names.items() if origin in decorators), "")


# ── lifetimes ──────────────────────────────────────────────────────────────────────────────────


def _no_lifetimes(setup: Setup) -> Iterator[Finding]:
    policy, pages = setup.policy, setup.pages
    if setup.cache is None or pages.unknown or policy.default or policy.heuristic_fraction:
        return
    if any(gives_lifetime(control) for route in setup.routes for control in route.controls):
        return
    if any(gives_lifetime(control) for _, controls in setup.viewed for control in controls):
        return
    hooks = [
        hook
        for flask in setup.flasks
        for functions in flask.after_request_funcs.values()
        for hook in functions
    ]
    if setup.middleware("django.middleware.cache.UpdateCacheMiddleware"):
        return
    if any(sends_files_for(flask) != 0 for flask in setup.flasks):
        return
    if any(type(flask).__module__ != "flask.app" for flask in setup.flasks):
        return
    if any(flask.response_class.__module__ != "flask.wrappers" for flask in setup.flasks):
        return
    views = [page.view for page, _ in setup.viewed]
    if any(map(written_above, views)):
        return  # perhaps in the wrong place
    words = {word for one in (*views, *hooks) for word in mentioned(one)} - _OURS
    if not any(map(_SPEAKING.search, words)):
        yield found(
            "no-lifetimes",
            "no decorator, route or default gives a page a lifetime, and no view mentions one",
            "@cache_for(minutes=5) on a view, or Route('/news/*', cache_for(minutes=5))",
        )


DECLARED = (_decorators_above, _cancelled, _vouched, _no_lifetimes)
