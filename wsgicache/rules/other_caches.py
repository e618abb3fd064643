"""What do directives for other shared caches forbid here (RFC 9213 §2)?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from wsgicache.rules.fields import parse_cache_control, says

__all__ = ["ELSEWHERE_FIELDS", "forbidding_field"]

ELSEWHERE_FIELDS = (
    *("CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Vercel-CDN-Cache-Control"),
    *("Netlify-CDN-Cache-Control", "Akamai-Cache-Control", "Edge-Control", "Surrogate-Control"),
    *("X-LiteSpeed-Cache-Control", "X-Accel-Expires"),
)
"""Response fields for shared caches alone, as content delivery networks, nginx and others read
them."""

_LIFETIMES = ("s-maxage", "max-age", "cache-maxage")
"""The first one present counts."""
_NONE = re.compile(r" ?0+(?:[smhd]|\+.*)?")
"""A lifetime of zero, perhaps with a unit (Edge-Control) or a stale time (Surrogate-Control)."""
_NGINX_NONE = re.compile(r"@?0+")


def forbidding_field(values: Mapping[str, str], names: Iterable[str]) -> str | None:
    """Return the first of the fields *names* (lower case) that keeps a shared cache from storing.

    A field that demands validation before each use counts, too. *values* are the field values.
    Returns None if no field does.
    """
    return next((name for name in names if name in values and _forbids(name, values[name])), None)


def _forbids(name: str, value: str) -> bool:
    if name == "x-accel-expires":
        return _NGINX_NONE.fullmatch(value.strip(" \t")) is not None
    directives = parse_cache_control(value)
    if not directives.keys().isdisjoint(("no-store", "bypass-cache")):
        return True
    if says(directives, "private") or says(directives, "no-cache"):
        return True
    lifetime = next((directives[name] for name in _LIFETIMES if name in directives), None)
    return lifetime is not None and _NONE.fullmatch(lifetime) is not None
