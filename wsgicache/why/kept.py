"""Why a response is stored, and whom it answers, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator

from wsgicache.rules.freshness import binding, terms
from wsgicache.rules.model import NEVER, StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.rules.response import Binding, Response

__all__ = ["why_kept"]

_ERROR = 400


def why_kept(stored: StoredResponse, policy: Policy, now: float, wall: float) -> Iterator[str]:
    """Yield why *stored* is kept under *policy*, and whom it answers.

    *now* and *wall* are the times of the two clocks.
    """
    response = Response(
        stored.status,
        [*stored.fields, *stored.withheld],
        (),
        stored.generated_at,
        stored.generated_at,
        wall - now + stored.generated_at,
    )
    said = binding(response, policy)
    yield f"Its lifetime is {stored.freshness_lifetime:.0f} s: {_lifetime(response, said, policy)}."
    yield from _validation(stored)
    yield _to_whom(stored, said)
    if stored.softened_at != NEVER:
        yield f"A soft purge made it stale {now - stored.softened_at:.0f} s ago."
    if stored.mark:
        yield "It answers one client alone, the one with the cookies that it was made for."
    if stored.span is not None:
        first, last, _ = stored.span
        yield f"It is a part: bytes {first} to {last}."
    if stored.fill_seconds:
        yield f"The application took {max(1000 * stored.fill_seconds, 1):.0f} ms for it."


def _lifetime(response: Response, said: Binding, policy: Policy) -> str:
    """Return what gives the lifetime."""
    if response.code >= _ERROR and policy.error_lifetime is not None:
        most = f", and an error is fresh for {policy.error_lifetime:g} s at most"
    else:
        most = ""
    name = _speaker(response, said, policy)
    for directive in ("s-maxage", "max-age"):
        if directive in said.directives:
            return f"{name} says {directive}={said.directives[directive]}{most}"
    known = terms(response, policy)
    if known.explicit:
        return f"Expires says {response.field('expires')}{most}"
    if known.lifetime:
        return f"a part of the time since Last-Modified, {response.field('last-modified')} (§4.2.2)"
    return "nothing gives one"


def _speaker(response: Response, said: Binding, policy: Policy) -> str:
    """Return the name of the field whose directives count."""
    if not said.targeted:
        return "Cache-Control"
    names = {name.lower(): name for name, _ in response.fields}
    return next((names[one] for one in policy.names.targets if one in names), "Cache-Control")


def _validation(stored: StoredResponse) -> Iterator[str]:
    """Yield what comes when it is stale, and whether it is validated."""
    if stored.no_cache:
        yield "It says no-cache: the application is asked before each use."
    if stored.must_revalidate:
        yield "It is never served stale (must-revalidate, proxy-revalidate or s-maxage)."
    elif stored.stale_if_error:
        yield f"It may stand in for errors for {stored.stale_if_error:.0f} s more."
    if stored.stale_while_revalidate:
        yield (
            f"For {stored.stale_while_revalidate:.0f} s more it is served stale while the "
            "application is asked in the background."
        )
    if stored.validators:
        yield "The application can confirm it: it gave a validator."


def _to_whom(stored: StoredResponse, said: Binding) -> str:
    """Return whom it answers."""
    if "HTTP_COOKIE" in stored.kind[0]:
        return "It answers requests with the same cookies alone, since Vary names Cookie."
    words = [one for one in ("public", "s-maxage") if one in said.directives]
    by = " and ".join(words) or ("the cache's own field" if said.own else "the policy")
    if stored.shareable and stored.for_cookies:
        return f"It answers everybody, with cookies and credentials, too: {by} says so."
    if stored.for_cookies:
        return f"It answers requests with cookies, too ({by} says so), but none with credentials."
    return "It answers requests without cookies and credentials alone."
