"""What happened to one request, and what to do about it, in a sentence each.

Nothing is tried here: `explain` tries cures, and names the line to write.
"""

from __future__ import annotations

from typing import NamedTuple

from wsgicache.why.causes import CAUSES, FORWARDS, cause_of

__all__ = ["CURES", "LABELS", "Brief", "brief"]

LABELS = {
    "hit": "HIT",
    "validated": "STORED",
    "stored": "STORED",
    "refused": "NOT STORED",
    "bypass": "PASSED",
}
"""The word for each outcome."""

CURES = {
    "freshness": "Write @cache_for(minutes=5) on the view, or a Route.",
    "cookie": "Write @cached(server=…) if the page is the same for everybody, or else "
    "@vary('Cookie'); Policy.django() and Policy.flask() have only the cookies of the framework "
    "count.",
    "authorization": "Write @cached(server=…) if the page is the same for everybody.",
    "set-cookie": "Do not touch the session in this view.",
    "hidden-cookie": "Hide that cookie from other pages only; the log names it.",
    "cdn-cache-control": "Send Wsgicache-Cache-Control, too, or write "
    "Policy(forbidding_fields=()).",
    "partial": "Write Policy(whole_for_range=…) with more bytes than the whole page has.",
    "range": "Write Policy(whole_for_range=…) with more bytes than the whole page has.",
    "too-large": "Write Policy(max_content=…) with more bytes.",
    "collecting": "Write Policy(max_collecting=…) with more bytes, or wait: the next request "
    "stores it.",
    "charset": "Send Vary: Content-Type.",
    "content-type": "Write content_type=… on the route.",
    "exempt": "Change Policy(exempt=…) or Route(exempt=True).",
}
"""What to do about a reason, by its token. About all others, `CAUSES` say that nothing is."""

_VARY = "If the values do not matter, have the page name the field in Vary no longer."
_FORWARDED = {
    "uri-miss": "Nothing was stored for this URL.",
    "vary-miss": "Something was stored, but not for these values of the fields that select.",
    "stale": "What was stored was not fresh, or said no-cache.",
    "request": "The request did not take what was stored.",
    "partial": "Only a part of what was asked for was stored.",
}


class Brief(NamedTuple):
    """What happened to a request."""

    label: str
    reason: str
    cure: str
    """Empty where there is nothing to do."""


def brief(outcome: str, forward: str | None, detail: str | None, ttl: float | None) -> Brief:
    """Return what happened to a request with this *outcome*.

    *forward*, *detail* and *ttl* are those of Cache-Status.
    """
    label = LABELS[outcome]
    if outcome == "hit":
        if forward is not None:
            return Brief(label, "Another request for the same was on its way: its answer.", "")
        is_stale = ttl is not None and ttl < 0
        return Brief(label, f"The cache answered{', with a stale page' * is_stale}.", "")
    if outcome == "validated":
        return Brief(label, "The application said that what was stored is still good.", "")
    if outcome == "stored":
        reason = _FORWARDED.get(forward or "", f"{FORWARDS.get(forward or '', '')}.")
        if detail is None:
            return Brief(label, reason, "")
        return Brief(label, f"{reason} {cause_of(detail).sentence}", _cure(detail))
    if detail is not None:
        return Brief(label, cause_of(detail).sentence, _cure(detail))
    said = FORWARDS.get(forward or "", "the application answered")
    return Brief(label, f"{said[:1].upper()}{said[1:]}.", "")


def _cure(detail: str) -> str:
    if detail not in CAUSES:
        return _VARY if detail.startswith("vary-") else CURES["cdn-cache-control"]
    no_cure = CAUSES[detail].no_cure
    return CURES.get(detail) or f"{no_cure[:1].upper()}{no_cure[1:]}."
