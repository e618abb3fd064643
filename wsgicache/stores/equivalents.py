"""Responses for equivalent URLs, by what the app says in No-Vary-Search.

A response that says so is filed under a key that stands for all the URLs equivalent to its own.
Nothing tells that key before the response is there. So a request that misses under its own key
looks under the one that the last response at its path suggests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from wsgicache.reporting import Reporter
from wsgicache.rules.entries import Entries, dropping
from wsgicache.rules.keys import Key
from wsgicache.rules.model import URI_MISS, CacheEntry, Decision, Fill
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.reuse import decide
from wsgicache.rules.searching import LONGEST_SEARCH, canonical, canonical_keys, variation
from wsgicache.rules.variants import fitting
from wsgicache.stores import Searching, SharedStore, Store

__all__ = ["NEW_SEARCH", "Equivalents", "equivalent_keys"]

NEW_SEARCH = "new-search"
"""Why a response is not stored whose No-Vary-Search the look-up did not expect; the next one is."""

_MOST, _LONGEST = 2048, 1024
"""Most paths of which the last value is remembered, and most characters of each."""


def equivalent_keys(store: Store, keys: Iterable[Key]) -> list[Key]:
    """Return under which other keys *store* may have what answers requests for *keys*.

    Raises what the store raises.
    """
    if not isinstance(store, Searching) or not (said := store.searches(now=True)):
        return []
    asked = dict.fromkeys(keys)
    others = dict.fromkeys(chain.from_iterable(canonical_keys(key, said) for key in asked))
    return [key for key in others if key not in asked]


def _nothing() -> tuple[str, ...]:
    return ()


class Equivalents:
    """The equivalent URLs of one cache's *store*, which is looked up in *entries*."""

    def __init__(self, store: Store, entries: Entries, policy: Policy, report: Reporter) -> None:
        self._store = store if isinstance(store, Searching) else None
        self.searches = _nothing if self._store is None else self._store.searches
        """Returns what responses in the store say in No-Vary-Search."""
        self._entries = entries
        self._moves = not isinstance(store, SharedStore)
        """Whether a fill of one key may go to another: generations and moments mean the same."""
        self._policy = policy
        self._report = report
        self._said: dict[tuple[str, str, str], str] = {}
        """What the last response at a path has said."""
        self._latest: str | None = None
        """What the last response at any path has said."""

    def over(self, store: Store) -> Equivalents:
        """Return the same for another *store*."""
        other = Equivalents(store, store, self._policy, self._report)
        other._said, other._latest = dict(self._said), self._latest
        return other

    def said_at(self, key: Key) -> str:
        """Return what the last response at the path of *key* has said, as far as is known."""
        return self._said.get(key[:3], "")

    # ── Looking up ─────────────────────────────────────────────────────────────────────────────

    def found(self, request: Request, entry: CacheEntry | None) -> CacheEntry | None:
        """Return what may answer *request* of *entry*, found under its key, or of an equivalent.

        The key of *request* becomes that of an equivalent URL where something is there, or where a
        response is expected to belong. Raises what the store raises.
        """
        if request.target is None:
            if entry is not None and entry.responses:
                return entry
            sure = self._seek(request)
            if sure is None:
                return entry
            there = self._entries.get(request.key)
            if not sure and (there is None or not there.responses):
                request.key, request.target = request.target or request.key, None
                return entry
            entry = there
        return None if entry is None else fitting(request, entry, self._policy)

    def decided(
        self, request: Request, entry: CacheEntry | None, now: float
    ) -> tuple[CacheEntry | None, Decision]:
        """Return what is `found` for *request*, a miss under its own key, and the decision."""
        try:
            entry = self.found(request, entry)
            if request.target is None:
                return entry, URI_MISS
            return entry, decide(request, entry, now, self._policy)
        except Exception:
            self._report("store", "looking up in the store failed: the app answers")
            return None, replace(URI_MISS, detail="store-error")

    def _seek(self, request: Request) -> bool | None:
        """Make the key of *request* that of an equivalent URL, if that is another key.

        Returns whether a response is expected to belong there, or None if it is the same key.
        """
        values = self.searches()
        if not values:
            return None
        key = request.key
        value = self._said.get(key[:3])
        sure = value is not None or bool(self._latest)
        value = values[-1] if value is None else value
        query = canonical(key[3], variation(value)) if value in values else key[3]
        if query == key[3]:
            return None
        request.key, request.target = (*key[:3], query), key
        return sure

    def beside(self, keys: list[Key]) -> list[Key]:
        """Return *keys*, and those under which responses for equivalent URLs may be."""
        if self._store is None:
            return keys
        try:
            return [*keys, *equivalent_keys(self._store, keys)]
        except Exception:
            self._report("store", "the store failed: responses for equivalent URLs may stay")
            return keys

    # ── Filing ─────────────────────────────────────────────────────────────────────────────────

    def place(self, request: Request, response: Response, fill: Fill) -> str | None:
        """Return why *response* must not be stored, or None if it may.

        The key of *request* changes to that under which the response belongs, if its *fill* may go
        there.
        """
        if not self._said and "no-vary-search" not in response.values:
            return None
        before, key = request.key, self._place(request, response, fill)
        if key is None or (key != before and not self._moves):
            return NEW_SEARCH
        if key != before and self._store is not None:
            try:
                self._store.update(before, dropping(request, self._policy))
            except Exception:
                self._report("store", "writing to the store failed")
                return NEW_SEARCH
            target = request.target or before
            request.key, request.target = key, None if key == target else target
        return None

    def refusal(self, request: Request, response: Response, fill: Fill) -> str | None:
        """Return why *response* must not be stored under the key of *request*, or None if it may.

        Its No-Vary-Search may have another.
        """
        return None if self._place(request, response, fill) == request.key else NEW_SEARCH

    def _place(self, request: Request, response: Response, fill: Fill) -> Key | None:
        """Return the key under which *response* belongs, or None if its *fill* must not be kept."""
        target = request.target or request.key
        value = self._heard(target, response)
        if not value:
            return target
        key = (*target[:3], canonical(target[3], variation(value)))
        if self._store is None or self._may_say(value, key, fill):
            return key
        # If the store has too many values, this one does not count.
        return None if value in self.searches() else target

    def _heard(self, target: Key, response: Response) -> str:
        """Return what *response* says, if that counts, and remember it for the path of *target*."""
        said = response.field("no-vary-search")
        value = "" if said is None or response.searched else str(variation(said))
        if self._store is None or not (value or self.searches()) or len(value) > LONGEST_SEARCH:
            return ""
        path = target[:3]
        if len(path[2]) <= _LONGEST and self._said.get(path) != value:
            if len(self._said) >= _MOST:
                self._said = {}
            self._said[path] = value
        self._latest = value
        return value

    def _may_say(self, value: str, key: Key, fill: Fill) -> bool:
        try:
            return self._store is not None and self._store.note_search(key, value, fill.began)
        except Exception:
            self._report("store", "the store does not note No-Vary-Search: nothing is kept for it")
            return False
