"""Which cookies does the app not see, and does it set one of those?

Route(cookies=…) and Policy.ignore_cookies hide cookies, so that these tell no requests apart. But
an app that sets a cookie which it did not see begins anew what the client has: so a session ends.
"""

from __future__ import annotations

from wsgicache.rules.names import SET_COOKIE
from wsgicache.rules.response import Response

__all__ = ["set_unseen"]


def set_unseen(presented: str, shown: str | None, response: Response) -> str | None:
    """Return the first cookie that *response* sets or removes although the app did not see it.

    Returns None if there is none. *presented* and *shown* are values of Cookie.
    """
    if SET_COOKIE.isdisjoint(response.values):
        return None
    unseen = _names(presented) - _names(shown or "")
    for field in SET_COOKIE:
        for line in response.lines(field):
            name = _name(line.partition(";")[0])
            if name in unseen:
                return name
    return None


def _names(cookies: str) -> set[str]:
    return set(map(_name, cookies.split(";"))) - {""}


def _name(pair: str) -> str:
    """The name in ``name=value``, or all of a pair that has no ``=`` (RFC 6265 §5.2)."""
    return pair.partition("=")[0].strip(" \t")
