"""Is each route about some page, and does what it says count?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from wsgicache.controls.control import Control
from wsgicache.controls.routes import Pattern, Route
from wsgicache.rules.fields import Directives
from wsgicache.why.globs import covers, meets
from wsgicache.why.setup import Finding, Setup, found
from wsgicache.why.sitemap import Page

__all__ = ["ROUTING", "forbids_all", "gives_lifetime", "is_plain", "lasts", "route_at", "shown"]


def is_plain(control: Control) -> bool:
    """Return whether *control* says the same of all responses."""
    return type(control).about is Control.about


def gives_lifetime(control: Control) -> bool:
    """Return whether *control* gives a response a lifetime in this cache, or may give one."""
    said = control._said
    return not is_plain(control) or any(map(lasts, (said.directives, said.here)))


def lasts(directives: Directives) -> bool:
    """Return whether *directives* give a lifetime."""
    return any((directives.get(name) or "0") != "0" for name in ("max-age", "s-maxage"))


def forbids_all(control: Control) -> bool:
    """Return whether *control* forbids everything, whatever the response is."""
    said = control._said
    return control.forbids_always and (said.never or "no-store" in said.directives)


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
            what = f"route {number}, {shown(route)}, matches no rule of the application"
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


def shown(route: Route) -> str:
    """Return *route* as it is written, without its options."""
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
        speaking = [one for one in later.controls if gives_lifetime(one)]
        for number, first in enumerate(setup.routes[:place]):
            if speaking and _wins(first, later) and _said(first) != _said(later):
                yield found(
                    "route-shadowed",
                    f"route {place + 1}, {shown(later)}, comes after route {number + 1}, "
                    f"{shown(first)}, which matches all that it does",
                    f"put {shown(later)} first",
                )
                break


def _wins(first: Route, later: Route) -> bool:
    """Return whether *first* always speaks where *later* would."""
    return (
        covers(first.path, later.path)
        and first.override >= later.override
        and all(map(is_plain, (*first.controls, *later.controls)))
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


ROUTING = (_unmatched, _shadowed)
