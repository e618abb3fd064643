"""Why was the app asked although something is stored?"""

from __future__ import annotations

from wsgicache.origin.advice import MANY, advise_on_variants
from wsgicache.origin.exchange import Origin
from wsgicache.origin.trip import Trip
from wsgicache.rules.differing import difference, wish

__all__ = ["why_asked"]


def why_asked(origin: Origin, trip: Trip) -> str:
    """Return the detail for Cache-Status: the field that differs, or the client's directive.

    The log says what splits a URL with many responses.
    """
    request, detail = trip.request, ""
    if trip.decision.forward == "request":
        detail = wish(request.directives)
    elif trip.decision.forward == "vary-miss" and trip.entry is not None:
        differs = difference(request, trip.entry, origin.policy)
        if differs is not None:
            detail = f"vary-{differs.field}" if differs.is_sure else ""
            if differs.variants >= MANY:
                advise_on_variants(origin.report, request, differs)
    return f"; detail={detail}" if detail else ""
