"""The line to write against what an audit has found, and who wrote the one that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from wsgicache.controls.decorators import cache_control
from wsgicache.controls.routes import Route
from wsgicache.rules.fields import environ_key
from wsgicache.why.inputs import Input
from wsgicache.why.trying import Recorded

__all__ = ["cure_of", "hiding", "waste", "written"]

_OPTIONS = {
    "HTTP_ACCEPT_LANGUAGE": "languages",
    "HTTP_ACCEPT": "accept",
    "HTTP_ACCEPT_ENCODING": "encodings",
}
"""The options of a policy and of a route that negotiate a field."""

Names = Callable[[Recorded, tuple[Route, ...]], bool]
"""Whether Vary names the field in what is stored of this answer, with these routes."""


def cure_of(one: Input, severity: str, credentials: Iterable[str]) -> str:
    """Return the line to write so that *one* input is known to the caches.

    The policy knows that the fields *credentials* say who asks.
    """
    kind, _, name = one.name.partition(" ")
    if name == "REQUEST_METHOD":
        return "answer HEAD with the fields of GET (RFC 9110 §9.3.2)"
    if kind == "query":
        return f"let No-Vary-Search say that {name} counts"
    if kind == "cookie" and severity == "leak":
        return 'private on the view, or vary("Cookie") for a copy for each visitor'
    if kind == "cookie":
        return 'vary("Cookie") on the view'
    if kind == "environ":
        return "never_cache on the view: no request field has it, so Vary cannot name it"
    if one.key in map(environ_key, ("Authorization", *credentials)) and severity == "leak":
        return f"never_cache on the view, or vary({name!r}) for a copy for each visitor"
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


def waste(
    url: str, one: Input, answer: Recorded, routes: tuple[Route, ...], names: Names
) -> tuple[str, str]:
    """Return what it costs that Vary names *one* field that does not change *url*, and the cure."""
    name = one.name.partition(" ")[2]
    who, line, copies = _who_names(url, one, answer, routes, names)
    return f"{who} names {name} in Vary, so {copies}", line


def _who_names(
    url: str, one: Input, answer: Recorded, routes: tuple[Route, ...], names: Names
) -> tuple[str, str, str]:
    """Return who names *one* field in Vary, the cure, and how many copies there are therefore."""
    name = one.name.partition(" ")[2]
    each = "each of its values gets a copy of its own"
    # A page that says nothing is not stored, and has no Vary then.
    lasting = cache_control(public=True, max_age=60, status="any")
    silent = replace(answer.without("Vary"), said=(lasting,))
    if not names(silent, routes):
        said = replace(answer.without("Vary"), said=answer.said)
        if names(said, routes):
            return "a decorator", f"remove {name} from vary(…) on the view", each
        return "the application", f"do not name {name} in Vary for this page", each
    for place, route in enumerate(routes):
        if names(silent, (*routes[:place], *routes[place + 1 :])):
            continue
        where = f"Route({route.path!r})"
        for negotiated in route.negotiated:
            if negotiated.key == one.key:
                option = _OPTIONS.get(one.key, "select")
                copies = f"there is a copy for each of {', '.join(negotiated.offered)}"
                return f"{where} with {option}=", f"remove {option}= from {where}", copies
        if one.key in map(environ_key, route.fields or ()):
            return f"{where} with fields=", f"remove {name} from fields= of {where}", each
        return where, f"remove {name} from vary(…) in {where}", each
    option = _OPTIONS.get(one.key, "selecting")
    line = f"remove {option}= from the policy"
    if option != "selecting":
        path = unquote(urlsplit(url).path)
        line = f"Route({path!r}, {option}=[]) for this page alone; or {line}"
    return f"the policy with {option}=", line, each
