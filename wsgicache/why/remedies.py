"""The line to write against what an audit has found."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from wsgicache.controls.routes import Route
from wsgicache.why.inputs import Input, environ_key

__all__ = ["cure_of", "hiding", "written"]


def cure_of(one: Input, severity: str) -> str:
    """Return what to write where *one* input counts, or costs hits for nothing."""
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


def hiding(url: str, one: Input, named: Iterable[str]) -> Route | None:
    """Return the route that hides *one* request field from the page at *url*, or None.

    The fields that Vary has *named* stay seen.
    """
    if not one.name.startswith("header"):
        return None
    seen = [name for name in named if environ_key(name) not in (one.key, "HTTP_COOKIE")]
    try:
        return Route(unquote(urlsplit(url).path), fields=seen)
    except ValueError:  # no pattern can have this path
        return None


def written(route: Route) -> str:
    """Return *route*, which hides fields, as its author writes it."""
    return f"Route({route.path!r}, fields={list(route.fields or ())!r})"
