"""How does what others say of a response become its fields?

They speak in the terms of Cache-Control (§5.2), targeted fields (RFC 9213), Vary (RFC 9110 §12.5.5)
and Cache-Groups (RFC 9875). Everything that reads the response afterwards, including the rules of
this cache, reads fields and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from wsgicache.rules.credentials import INHERITED
from wsgicache.rules.fields import (
    NO_DIRECTIVES,
    Directives,
    delta_seconds,
    dictionary,
    is_structured_list,
    parse_targeted,
    string,
    written,
)
from wsgicache.rules.model import FieldLines, StoredResponse
from wsgicache.rules.response import Response
from wsgicache.rules.said import (
    ALL_CACHES,
    NO_STORE,
    PRIVATE,
    Said,
    forbids_here,
    severity,
    together,
    without_lifetime,
)

__all__ = ["Declared", "Sources", "declared", "without_lifetimes"]

_ALL_SHARED = Said({"private": None})


class Sources(NamedTuple):
    """What others said of a response, in order of precedence."""

    view: Sequence[Said] = ()
    """From decorators, and from the view while it ran."""
    overriding: Sequence[Sequence[Said]] = ()
    """From routes with ``override``, each with its controls."""
    routes: Sequence[Sequence[Said]] = ()
    """From the other routes, which come after the response's own fields."""
    default: Sequence[Said] = ()
    """From the policy's default, for responses of which nobody else spoke."""


def without_lifetimes(said: Sources) -> Sources:
    """Return *said* without lifetimes, for a response without an end, such as an event stream.

    A browser that keeps an event stream shows events of the past, and loses the last.
    """
    view, overriding, routes, default = said
    return Sources(
        list(map(without_lifetime, view)),
        [list(map(without_lifetime, one)) for one in overriding],
        [list(map(without_lifetime, one)) for one in routes],
        list(map(without_lifetime, default)),
    )


class Declared(Response):
    """A response whose fields include what was said of it."""

    inherited: bool
    """Whether its lifetime comes from neither the response nor its view."""
    refused: bool
    """Whether somebody forbade this cache to store it."""


def declared(
    response: Response,
    said: Sources,
    targets: Sequence[str],
    *,
    https: bool = False,
    about: StoredResponse | None = None,
) -> Response:
    """Return *response* with what others *said* of it in its fields.

    A prohibition (no-store, private) counts whoever says it. Otherwise only one source counts: the
    view, else an overriding route, else the response itself, else a route, else the default.
    *targets* are the targeted fields that this cache reads, its own first. *https* says that the
    client came by TLS. *about* is the stored response that the request was about. A 304 changes
    nothing that was said of that, unless the app or its view says something new.
    """
    own = _own(response, targets)
    overriding = _first(said.overriding)
    chosen = together(said.view) or overriding or own
    declaring = [*said.view, *chain(*said.overriding), *chain(*said.routes)]
    inherited = chosen is overriding
    if chosen is None:
        if about is None or response.code != 304:
            chosen = _first(said.routes)
            if chosen is None:
                declaring += said.default
                chosen = together(said.default)
        inherited = chosen is not None
    chosen = _keeping_lists(chosen, own)
    refused = any(map(forbids_here, declaring))
    if refused and not targets:
        declaring.append(_ALL_SHARED)  # No field could address this cache alone.
    general = _general(chosen, own, declaring)
    gone, lines = _vary_and_groups(response, declaring)
    if general is not own and general is not None:
        kept = chosen is own and severity(general) == PRIVATE
        gone |= {"cache-control"} if kept else _LIFETIME
        lines += _control_fields(response, general, https)
        gone |= _VALIDATORS if general.never else set()
    if refused:
        gone |= {name for name in response.values if _is_targeted(name)}
        gone |= {name.lower() for name in targets}
    if targets and chosen is not own:
        gone.add(targets[0].lower())
        refused = refused or (own is not None and forbids_here(own))
    here: str | None = None
    if refused:
        here = None if general is not None and severity(general) else "no-store"
    elif chosen is not None and chosen is not own:
        here = dictionary(_here(chosen)) or _instead(chosen, response, targets[1:], about)
    if targets and here is not None:
        lines.append((targets[0], here))
    if not lines and gone.isdisjoint(response.values):
        return response
    spoken = Declared(
        response.status,
        [line for line in response.fields if line[0].lower() not in gone] + lines,
        response.body,
        response.requested_at,
        response.received_at,
        response.wall,
    )
    spoken.inherited, spoken.refused = inherited, refused
    spoken.searched = "no-vary-search" not in response.values
    return spoken


def _own(response: Response, targets: Sequence[str]) -> Said | None:
    """Return what the response says itself, or None if it says nothing about caching."""
    here: Directives | None = None
    for name in targets:
        if (value := response.field(name.lower())) is not None:
            here = parse_targeted(value)
            if here is not None:
                break
    pragma = (response.field("pragma") or "").lower()
    if here is None and "no-cache" not in pragma and _SPEAKING.isdisjoint(response.values):
        return None
    return Said(response.directives, here or NO_DIRECTIVES)


def _first(routes: Iterable[Iterable[Said]]) -> Said | None:
    return next((one for one in map(together, routes) if one is not None), None)


def _general(chosen: Said | None, own: Said | None, declaring: Sequence[Said]) -> Said | None:
    """Return what all caches get: what is *chosen*, or less than that."""
    worst = max(declaring, key=severity, default=None)
    level = 0 if worst is None else severity(worst)
    own_level = 0 if own is None else severity(own)
    if level >= ALL_CACHES and level > own_level:
        return worst
    if own_level == ALL_CACHES:
        return own
    if max(level, own_level) == PRIVATE and not (chosen is own and own_level):
        directives = {} if chosen is None else dict(chosen.directives)
        directives = {n: a for n, a in directives.items() if n not in _SHARED}
        return (chosen or NO_STORE)._replace(directives={"private": None, **directives})
    return chosen


def _keeping_lists(chosen: Said | None, own: Said | None) -> Said | None:
    """Return *chosen* with the field lists of the response's own directives (§5.2.2.4, §5.2.2.7).

    They forbid something, so they count even where another source comes first.
    """
    if chosen is None or own is None or chosen is own:
        return chosen
    lists = {
        name: argument
        for name in ("private", "no-cache")
        if (argument := own.directives.get(name)) is not None
    }
    if not lists:
        return chosen
    here = {**lists, **chosen.here} if chosen.here else chosen.here
    return chosen._replace(directives={**lists, **chosen.directives}, here=here)


def _here(chosen: Said) -> Directives:
    """Return what of *chosen* goes into this cache's own field.

    That is what addresses this cache alone, and what says who vouched for sharing where
    Cache-Control does not say it.
    """
    if not chosen.everywhere:
        return chosen.here or (chosen.directives if "public" in chosen.directives else {})
    if chosen.here or not _RELEASING.isdisjoint(chosen.directives):
        return {**(chosen.here or chosen.directives), INHERITED: None}
    return {}


_RELEASING = frozenset({"public", "s-maxage", "must-revalidate"})


def _instead(
    chosen: Said, response: Response, others: Sequence[str], about: StoredResponse | None
) -> str | None:
    """Return the value of this cache's own field where it replaces another field's."""
    held = {line[0].lower() for line in about.fields} if about is not None else set()
    if any(name.lower() in response.values or name.lower() in held for name in others):
        return dictionary(chosen.directives)
    return "" if about is not None and about.withheld else None


_SHARED = frozenset({"public", "s-maxage", "private"})
_SPEAKING = frozenset({"cache-control", "expires"})
_LIFETIME = frozenset({"cache-control", "expires", "pragma"})
_VALIDATORS = frozenset({"age", "etag", "last-modified"})
_LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"


def _is_targeted(name: str) -> bool:
    """Return whether *name* is a targeted field."""
    return name.endswith("-cache-control") or name in ("surrogate-control", "x-accel-expires")


def _control_fields(response: Response, said: Said, https: bool) -> FieldLines:
    disposition = (response.field("content-disposition") or "").strip(" \t").lower()
    if said.never and https and disposition.startswith("attachment"):
        # Internet Explorer 8 and older save a download before they open it. Over TLS, no-store,
        # no-cache and Pragma keep them from that.
        said = Said({"private": None, "max-age": "0", "must-revalidate": None})
        return [("Cache-Control", written(said.directives)), ("Expires", _LONG_AGO)]
    lines = [("Cache-Control", written(said.directives))]
    if said.never:
        lines += [("Pragma", "no-cache"), ("Expires", "0")]
    elif said.expires and said.directives.keys().isdisjoint(("no-store", "no-cache")):
        from email.utils import formatdate

        seconds = delta_seconds(said.directives.get("max-age"))
        if seconds is not None:
            lines.append(("Expires", formatdate(response.wall + seconds, usegmt=True)))
    return lines


def _vary_and_groups(response: Response, said: Sequence[Said]) -> tuple[set[str], FieldLines]:
    """Return what becomes of Vary and Cache-Groups: names of fields that go, lines that come."""
    gone: set[str] = set()
    lines: FieldLines = []
    for name, words in (
        ("Vary", [word for one in said for word in one.vary]),
        ("Cache-Groups", [string(group) for one in said for group in one.groups]),
    ):
        if not words:
            continue
        values = [value for value in response.lines(name.lower()) if value.strip(" \t")]
        if name == "Cache-Groups":
            values = values if is_structured_list(", ".join(values)) else []
        else:
            known = {word.strip(" \t").lower() for v in values for word in v.split(",")}
            words = [word for word in words if not known & {word.lower(), "*"}]
            words = list({word.lower(): word for word in words}.values())
        if words:
            gone.add(name.lower())
            lines.append((name, ", ".join([*values, *dict.fromkeys(words)])))
    search = next((one.search for one in said if one.search), "")
    if search and "no-vary-search" not in response.values:
        lines.append(("No-Vary-Search", search))
    return gone, lines
