"""Does what decorators, routes and the policy declare have an effect, and no other one?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from wsgicache.controls.control import Control
from wsgicache.controls.routes import Pattern, Route
from wsgicache.rules.credentials import EVERYBODY
from wsgicache.rules.fields import Directives
from wsgicache.why.globs import covers, meets
from wsgicache.why.layers import name_of
from wsgicache.why.setup import Finding, Setup, found
from wsgicache.why.sitemap import Page, sends_files_for
from wsgicache.why.views import decorators_of, mentioned, written_above

__all__ = ["DECLARED", "route_at", "vouchers"]

_LOGINS = {
    "flask_login.utils:login_required": "@login_required",
    "flask_login.utils:fresh_login_required": "@fresh_login_required",
    "flask_security.decorators:auth_required": "@auth_required",
    "django.contrib.auth.decorators:user_passes_test": "@login_required or the like",
    "django.contrib.auth.mixins:LoginRequiredMixin": "LoginRequiredMixin",
    "django.contrib.auth.mixins:PermissionRequiredMixin": "PermissionRequiredMixin",
}
"""What asks visitors to log in, by where it comes from."""
_TOKENS = {
    "django.views.decorators.csrf:_EnsureCsrfCookie": "@ensure_csrf_cookie",
    "django.middleware.csrf:CsrfViewMiddleware": "@csrf_protect",
}
"""What protects a form, by where it comes from."""
_SPEAKING = re.compile(r"cache[-_ ]?control|max[-_]age|expires|\bcurrent\b", re.IGNORECASE)
"""Words of code that may give a page a lifetime by itself."""


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


# ── routes ─────────────────────────────────────────────────────────────────────────────────────


def _unmatched(setup: Setup) -> Iterator[Finding]:
    if setup.pages.unknown:
        return
    given = [(route.path, route) for route in setup.routes if not _is_about_errors(route)]
    exempt = [(f"{prefix}*", prefix) for prefix in setup.policy.exempt]
    paths = [path for path, _ in (*given, *exempt) if path.strip("*/")]
    if _may_be_mounted(setup, paths):
        return
    for path, route in given:
        if not _is_a_page(setup, path):
            number = setup.routes.index(route) + 1
            what = f"route {number}, {_shown(route)}, matches no rule of the application"
            near = _nearest(setup, path)
            line = _written(near.glob, route.controls) if near else "leave it out, or mend its path"
            yield found("route-unmatched", what + _named(near), line)
    for path, prefix in exempt:
        if not _is_a_page(setup, path):
            what = f"Policy(exempt=[{prefix!r}]) matches no rule of the application"
            what += _named(_nearest(setup, path))
            yield found("exempt-unmatched", what, "leave it out, or mend its path")


def _is_about_errors(route: Route) -> bool:
    """Return whether a route may be about responses for paths that no rule matches."""
    return route.statuses is not None and any(code >= 300 for code in route.statuses)


def _is_a_page(setup: Setup, path: str) -> bool:
    return any(meets(path, page.glob) for page in setup.pages.all)


def _may_be_mounted(setup: Setup, paths: list[str]) -> bool:
    """Return whether all *paths* begin with a path at which a server may mount the application.

    That is so if no path is a page, and all are pages without their first segment.
    """
    if any(_is_a_page(setup, path) for path in paths):
        return False
    parts = [path[1:].partition("/") for path in paths if path.startswith("/")]
    mounts = {mount for mount, _, _ in parts}
    inner = [f"/{rest}" for _, _, rest in parts]
    return (
        len(parts) == len(paths)
        and len(mounts) == 1
        and "*" not in "".join(mounts)
        and all(path[1:2] not in ("", "*") and _is_a_page(setup, path) for path in inner)
    )


def _nearest(setup: Setup, path: str) -> Page | None:
    """Return the page whose rule is most like *path*, if one is."""
    pages = {page.glob: page for page in setup.pages.all}
    close = get_close_matches(path, pages, 1)
    return pages[close[0]] if close else None


def _named(page: Page | None) -> str:
    return "" if page is None else f"; {page.rule!r} is one"


def _written(path: str, controls: Iterable[Control]) -> str:
    return f"Route({', '.join((repr(path), *map(repr, controls)))})"


def _shown(route: Route) -> str:
    return _written(route.path, route.controls)


def route_at(setup: Setup, glob: str) -> Iterator[Route]:
    """Yield the routes for every GET of all paths of *glob*."""
    for route in setup.routes:
        if (
            covers(route.path, glob)
            and route._host is None
            and (route._methods is None or "GET" in route._methods)
        ):
            yield route


def _shadowed(setup: Setup) -> Iterator[Finding]:
    for place, later in enumerate(setup.routes):
        speaking = [one for one in later.controls if _gives_lifetime(one)]
        for number, first in enumerate(setup.routes[:place]):
            if speaking and _wins(first, later) and _said(first) != _said(later):
                yield found(
                    "route-shadowed",
                    f"route {place + 1}, {_shown(later)}, comes after route {number + 1}, "
                    f"{_shown(first)}, which matches all that it does",
                    f"put {_shown(later)} first",
                )
                break


def _wins(first: Route, later: Route) -> bool:
    """Return whether *first* always speaks where *later* would."""
    return (
        covers(first.path, later.path)
        and first.override >= later.override
        and all(map(_is_plain, (*first.controls, *later.controls)))
        and any(control._said.speaks for control in first.controls)
        and first._extension in (None, later._extension)
        and _alike(first._host, later._host)
        and _alike(first._kind, later._kind)
        and (first._methods is None or first._methods == later._methods)
        and first.statuses == later.statuses
        and {one.statuses for one in first.controls} == {one.statuses for one in later.controls}
    )


def _said(route: Route) -> list[Any]:
    return [control._said for control in route.controls]


def _alike(first: Pattern | None, later: Pattern | None) -> bool:
    return first is None or (later is not None and vars(first) == vars(later))


# ── what cancels, what vouches for too much ────────────────────────────────────────────────────


def _is_plain(control: Control) -> bool:
    """Return whether *control* says the same of all responses."""
    return type(control).about is Control.about


def _gives_lifetime(control: Control) -> bool:
    """Return whether *control* gives a response a lifetime in this cache, or may give one."""
    said = control._said
    return not _is_plain(control) or any(map(_lasts, (said.directives, said.here)))


def _lasts(directives: Directives) -> bool:
    return any((directives.get(name) or "0") != "0" for name in ("max-age", "s-maxage"))


def _forbids(control: Control) -> bool:
    """Return whether *control* forbids everything, whatever the response is."""
    said = control._said
    return control.forbids_always and (said.never or "no-store" in said.directives)


def _cancelled(setup: Setup) -> Iterator[Finding]:
    for number, route in enumerate(setup.routes, 1):
        what = f"route {number}, {_shown(route)},"
        yield from _within(what, route.controls)
        for exempt in setup.policy.exempt:
            if any(map(_gives_lifetime, route.controls)) and covers(f"{exempt}*", route.path):
                by = f"and Policy(exempt=[{exempt!r}]) passes its pages by"
                yield found("cancelled", f"{what} gives a lifetime, {by}", "leave one of them out")
    for page, controls in setup.viewed:
        name = name_of(page.view)
        yield from _within(name, controls)
        if page.answers_get and not any(map(_forbids, controls)):
            lasting = [one for one in controls if _is_plain(one) and _gives_lifetime(one)]
            for route in route_at(setup, page.glob) if lasting else ():
                if route.forbids and (no := next(filter(_forbids, route.controls), None)):
                    what = f"{name} has @{lasting[0]!r}, and {_shown(route)} is about it, too"
                    line = f"leave @{lasting[0]!r} out, or give {no!r} to a narrower path"
                    yield found("cancelled", what, line)


def _within(name: str, controls: Iterable[Control]) -> Iterator[Finding]:
    """Find what cancels each other among the *controls* of one place."""
    no = next(filter(_forbids, controls), None)
    yes = next((one for one in controls if _is_plain(one) and _gives_lifetime(one)), None)
    if no is not None and yes is not None and no is not yes:
        yield found("cancelled", f"{name} has both {no!r} and {yes!r}", f"leave {yes!r} or {no!r}")


def vouchers(setup: Setup, page: Page, controls: Iterable[Control]) -> dict[str, bool]:
    """Return what vouches that *page* is for everybody, by ``server=``: as it is written.

    With each it says whether cookies change nothing, even where Vary names them.
    """
    own, routes = list(controls), list(route_at(setup, page.glob))
    if not page.answers_get or any(map(_forbids, own)) or any(route.forbids for route in routes):
        return {}
    given = [(f"@{one!r}", one) for one in own]
    given += [(_shown(r), one) for r in routes if r.statuses is None for one in r.controls]
    return {
        written: EVERYBODY in one._said.here
        for written, one in given
        if _is_plain(one) and one.vouches() and _lasts(one._said.here)
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


def _first(names: dict[str, str], decorators: set[str]) -> str:
    return next((shown for origin, shown in names.items() if origin in decorators), "")


# ── lifetimes ──────────────────────────────────────────────────────────────────────────────────


def _no_lifetimes(setup: Setup) -> Iterator[Finding]:
    policy, pages = setup.policy, setup.pages
    if setup.cache is None or pages.unknown or policy.default or policy.heuristic_fraction:
        return
    if any(_gives_lifetime(control) for route in setup.routes for control in route.controls):
        return
    if any(_gives_lifetime(control) for _, controls in setup.viewed for control in controls):
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
    views = [page.view for page, _ in setup.viewed]
    if any(map(written_above, views)):
        return  # perhaps in the wrong place
    if not any(_SPEAKING.search(word) for one in (*views, *hooks) for word in mentioned(one)):
        yield found(
            "no-lifetimes",
            "no decorator, route or default gives a page a lifetime, and no view mentions one",
            "@cache_for(minutes=5) on a view, or Route('/news/*', cache_for(minutes=5))",
        )


DECLARED = (_decorators_above, _unmatched, _shadowed, _cancelled, _vouched, _no_lifetimes)
