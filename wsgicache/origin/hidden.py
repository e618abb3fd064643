"""Handle cookies that are hidden from the app although it sets them.

Such an answer is for one client alone, and the app has to see all of that client's cookies to
answer correctly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wsgicache.observe.stats import Told
from wsgicache.origin.bypass import Bypass
from wsgicache.origin.exchange import Origin
from wsgicache.origin.trip import Trip
from wsgicache.rules.hidden_cookies import set_unseen
from wsgicache.rules.keys import url_of
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response

__all__ = ["hidden_cookies"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

DETAIL = "hidden-cookie"
"""The detail of such an answer in Cache-Status."""


class Hidden:
    """The cookies of *request* that are hidden from the app of *origin*.

    *given* is the environ that has them all.
    """

    def __init__(self, origin: Origin, request: Request, given: WSGIEnvironment) -> None:
        self._origin = origin
        self._request = request
        self._given = given
        self._presented: str = given.get("HTTP_COOKIE", "")
        self._shown: str | None = request.environ.get("HTTP_COOKIE")
        self._page = hash((request.key, DETAIL))

    def set_by(self, response: Response) -> str | None:
        """Return the hidden cookie that *response* sets or removes, or None.

        Returns None, too, where the app has read the content of the request: it cannot be asked
        again.
        """
        if self._request.content_was_read:
            return None
        return set_unseen(self._presented, self._shown, response)

    def are_known_to_be_set(self) -> bool:
        """Return whether the page set a cookie that was hidden from it, not long ago."""
        now = self._origin.clock.now()
        return self._origin.flights.refused(self._page, now) is not None

    def note(self, name: str) -> None:
        """Remember for a while, and log, that the page sets the cookie *name*."""
        self._origin.flights.land_alone(self._page, "refused", DETAIL)
        where, url = self._hiding(), url_of(self._request.target or self._request.key)
        self._origin.report(
            f"hidden by {where}",
            f"{url!r} sets the cookie {name!r}, which {where} hides from the app: "
            "the app was asked again with all cookies, and nothing is stored. Hide only other "
            "cookies there, or hide this one on other pages only",
        )

    def _hiding(self) -> str:
        """Return the option that hides cookies of this request, as its author wrote it."""
        for route, only_forbids in self._origin.routes.matching(self._given).routes:
            if route.cookies is not None and not only_forbids:
                return f"Route({route.path!r}, cookies={route.cookies!r})"
        only = self._origin.policy.only_cookies is not None
        return "Policy(only_cookies=…)" if only else "Policy(ignore_cookies=…)"

    def ask_openly(
        self, trip: Trip, start_response: StartResponse, cache_status: str
    ) -> Iterable[bytes]:
        """Ask the app with all cookies.

        The answer is for the client of this *trip* alone, and says nothing of what is stored.
        Raises what the app raises.
        """
        trip.land("refused", DETAIL)
        cache_status = f"{cache_status}; detail={DETAIL}"
        origin, given = self._origin, self._given

        def tell(told: Told) -> None:
            trip.tell(told._replace(key=trip.request.key))

        return Bypass(origin, given, start_response, cache_status, tell=tell).ask()


def hidden_cookies(origin: Origin, request: Request) -> Hidden | None:
    """Return the cookies in *request* that are hidden from the app of *origin*, if any."""
    given = request.given
    if given is None or given.get("HTTP_COOKIE") == request.environ.get("HTTP_COOKIE"):
        return None
    return Hidden(origin, request, given)
