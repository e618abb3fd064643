"""Does the app set a cookie that is hidden from it?

Route(cookies=…), Policy.ignore_cookies and Policy.only_cookies hide cookies, so that requests with
different cookies share a response. But an app that sets a cookie which it did not see replaces what
the client has. That can end a session.
"""

from __future__ import annotations

from wsgicache.rules.cookies import cookie_name
from wsgicache.rules.names import SET_COOKIE
from wsgicache.rules.response import Response

__all__ = ["cookies_set", "set_unseen"]


def set_unseen(presented: str, shown: str | None, response: Response) -> str | None:
    """Return the first cookie that *response* sets or removes although the app did not see it.

    Returns None if there is none. *presented* and *shown* are values of Cookie.
    """
    if SET_COOKIE.isdisjoint(response.values):
        return None
    unseen = _names(presented) - _names(shown or "")
    return next((name for name in cookies_set(response) if name in unseen), None)


def cookies_set(response: Response) -> list[str]:
    """Return the names of the cookies that *response* sets or removes."""
    lines = (line for field in sorted(SET_COOKIE) for line in response.lines(field))
    return list(dict.fromkeys(cookie_name(line.partition(";")[0]) for line in lines))


def _names(cookies: str) -> set[str]:
    return set(map(cookie_name, cookies.split(";"))) - {""}
