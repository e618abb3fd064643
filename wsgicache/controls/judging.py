"""May a response in a shared store still be used, by the present policy and routes?

A response may outlive the process that stored it. Another release, with other routes or another
policy, might not have stored it. So the same rules judge it once more when it enters this process.
A hit costs nothing more.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from wsgicache.clock import Clock
from wsgicache.controls.control import Controls
from wsgicache.controls.matching import Routes
from wsgicache.reporting import Reporter
from wsgicache.rules.bounds import Remembered
from wsgicache.rules.credentials import CREDENTIAL_FIELDS, WSGI_CREDENTIALS
from wsgicache.rules.declaring import Declared
from wsgicache.rules.entries import Entries
from wsgicache.rules.freshness import terms
from wsgicache.rules.keys import Key
from wsgicache.rules.model import CacheEntry, StoredResponse
from wsgicache.rules.names import environ_keys
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request, read
from wsgicache.rules.response import Response
from wsgicache.rules.selecting import SELECTING_FIELDS
from wsgicache.rules.storing import is_for_cookies, is_for_credentials, refusal

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

__all__ = ["Judge", "Unforbidden"]

_USUAL = WSGI_CREDENTIALS.union(
    environ_keys(CREDENTIAL_FIELDS), environ_keys(SELECTING_FIELDS), ("HTTP_COOKIE", "CONTENT_TYPE")
)
"""Environ keys of what may distinguish requests in the safe policy."""
_SOMEBODY = "+"
_LONGEST, _MOST = 1024, 2048
"""Most characters of a remembered path, and most remembered paths."""


class Judge:
    """The *policy* and *routes* of one cache, applied to what others may have stored."""

    def __init__(self, policy: Policy, routes: Routes, clock: Clock, report: Reporter) -> None:
        self._policy = policy
        self._routes = routes
        self._clock = clock
        self._report = report
        self._name = _name(policy)
        self._knows_all = _USUAL.issuperset((*policy.credential_keys, *policy.selecting_keys))
        self._remembered = Remembered(self._forbids, _MOST, _LONGEST)

    def asked_by(self, request: Request) -> str:
        """Return the name of the policy that answers *request*, since others may judge differently.

        A mark is added if the request says anything about who asks, or for what.
        """
        nobody = (
            not request.identified
            and request.forwarded is None
            and _USUAL.isdisjoint(request.environ)
        )
        return self._name if nobody else self._name + _SOMEBODY

    # ── before the look-up ─────────────────────────────────────────────────────────────────────

    @property
    def may_forbid(self) -> bool:
        """Whether routes forbid storing something, whatever the response says."""
        return self._routes.may_forbid

    def forbids(self, key: Key) -> bool:
        """Return whether a route forbids storing under *key*, whatever the response says.

        If so, there is nothing to look up.
        """
        scheme, host, path, _ = key
        return self._remembered[scheme, host, path]

    def _forbids(self, target: tuple[str, str, str]) -> bool:
        return self._routes.forbids(_environ(*target, ""))

    # ── when it enters this process ────────────────────────────────────────────────────────────

    def left_of(self, key: Key, entry: CacheEntry) -> CacheEntry:
        """Return *entry* without the responses that could no longer be stored under *key*.

        Returns *entry* itself if all of them stay. Raises nothing: a response that cannot be judged
        is left out.
        """
        environ = _environ(*key)
        left = {s: one for s, one in entry.responses.items() if self._passes(environ, one)}
        if len(left) == len(entry.responses):
            return entry
        return CacheEntry(left, entry.emptied_at, entry.salt)

    def _passes(self, environ: WSGIEnvironment, stored: StoredResponse) -> bool:
        try:
            return self._is_ours(stored.asked_by) and self._would_store(environ, stored)
        except Exception:
            self._report("judging", "a stored response could not be judged, and is not used")
            return False

    def _is_ours(self, asked_by: str) -> bool:
        """Return whether its request says no more to this policy than to the one that stored it."""
        if asked_by.removesuffix(_SOMEBODY) == self._name:
            return True
        return not asked_by.endswith(_SOMEBODY) and self._knows_all

    def _would_store(self, environ: WSGIEnvironment, stored: StoredResponse) -> bool:
        policy, names = self._policy, self._policy.names
        request = read(environ, "GET", policy)
        if isinstance(request, str):
            return False
        said = {name.lower() for name, _ in stored.fields}
        if not names.never_stored.isdisjoint(said) or names.beginning_so(said):
            return False
        now, wall = self._clock.now(), self._clock.wall()
        at = stored.generated_at
        fields = [*stored.fields, *stored.withheld]
        response = Response(stored.status, fields, (), at, at, wall - (now - at))
        if self._is_forbidden(environ, response) or refusal(request, response, policy) is not None:
            return False
        known = terms(response, policy)
        longest: float = known.lifetime
        if not known.explicit and known.lifetime:
            longest = policy.heuristic_limit  # the fields of the heuristic are not known any more
        if (
            stored.freshness_lifetime > longest + 1
            or stored.stale_while_revalidate > known.stale_while_revalidate
            or stored.stale_if_error > known.stale_if_error
        ):
            return False
        stored.shareable = is_for_credentials(response, policy)
        stored.for_cookies = is_for_cookies(response, policy)
        return True

    def _is_forbidden(self, environ: WSGIEnvironment, response: Response) -> bool:
        """Return whether a route, or the default, forbids this cache to store *response*."""
        matching = self._routes.matching(environ)
        if not matching.routes and self._policy.default is None:
            return False
        spoken = self._routes.spoken(response, Controls(), matching, environ)
        return isinstance(spoken, Declared) and spoken.refused


def _environ(scheme: str, host: str, path: str, query: str) -> WSGIEnvironment:
    """Return the environ of an anonymous GET of that target."""
    return {
        "REQUEST_METHOD": "GET",
        "wsgi.url_scheme": scheme,
        "HTTP_HOST": host,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
    }


def _told(policy: Policy) -> tuple[object, ...]:
    """Return what two policies share if the same request says the same to both."""
    return (
        *(policy.credentials, policy.public_releases, policy.private_cookies),
        *(
            policy.ignore_cookies,
            policy.only_cookies,
            policy.language_cookies,
            policy.read_your_writes,
        ),
        *(policy.selecting, policy.store_charset),
    )


_SAFE = _told(Policy())


def _name(policy: Policy) -> str:
    """Return the name of *policy* in records: empty for the safe one."""
    told = _told(policy)
    return "" if told == _SAFE else blake2b(repr(told).encode(), digest_size=6).hexdigest()


class Unforbidden:
    """The *entries* of a store without those under keys for which routes forbid storing."""

    def __init__(self, entries: Entries, judge: Judge) -> None:
        self._entries = entries
        self._judge = judge

    def get(self, key: Key) -> CacheEntry | None:
        """Return the entry under *key*, or None."""
        return None if self._judge.forbids(key) else self._entries.get(key)
