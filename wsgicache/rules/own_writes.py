"""Whose pages does a write end?

A client sees nothing that was stored for its cookies before its own last write
(Policy.read_your_writes).
"""

from __future__ import annotations

from collections.abc import Iterable

from wsgicache.rules.dates import parse_date
from wsgicache.rules.fields import delta_seconds
from wsgicache.rules.response import Response

__all__ = ["written"]

_MOST = 64
"""The number of Set-Cookie lines that are read."""


def written(cookies: Iterable[str], response: Response) -> list[str]:
    """Return the Cookie values whose pages end with the success of an unsafe request.

    They are the values it presented, in *cookies*, and those values changed by the Set-Cookie
    fields of its *response*.
    """
    values = list(dict.fromkeys(cookies))
    lines = response.lines("set-cookie")[:_MOST]
    if lines:
        values += [_renewed(value, lines, response.wall) for value in values or [""]]
    return list(dict.fromkeys(filter(None, values)))


def _renewed(cookies: str, lines: Iterable[str], now: float) -> str:
    """Return *cookies* as a client presents them after Set-Cookie *lines* (RFC 6265 §5.3, §5.4).

    Each keeps its place, and new ones come last. Domain and Path are ignored.
    """
    pairs = [pair.strip(" \t") for pair in cookies.split(";")]
    held = {pair.partition("=")[0].strip(" \t"): pair for pair in pairs if pair}
    for line in lines:
        pair, *attributes = line.split(";")
        name, _, value = pair.partition("=")
        name = name.strip(" \t")
        if _is_over(attributes, now):
            held.pop(name, None)
        else:
            held[name] = "=".join([name, value.strip(" \t")])
    return "; ".join(held.values())


def _is_over(attributes: Iterable[str], now: float) -> bool:
    """Return whether *attributes* remove the cookie: Max-Age precedes Expires (RFC 6265 §5.3)."""
    said = {}
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        said[name.strip(" \t").lower()] = value.strip(" \t")
    if (seconds := said.get("max-age")) is not None:
        return seconds.startswith("-") or delta_seconds(seconds) == 0
    until = said.get("expires")
    moment = None if until is None else parse_date(until, now)
    return moment is not None and moment <= now
