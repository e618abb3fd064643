"""The way into the store and out of it.

Nothing here raises. If the store fails, that is a miss, or a response not kept, and a log line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from wsgicache.controls.judging import Judge, Unforbidden
from wsgicache.reporting import Reporter
from wsgicache.rules import entries, keeping, partial, storing, validation
from wsgicache.rules.declaring import Declared
from wsgicache.rules.groups import (
    destination_of,
    invalidated_collections,
    invalidated_groups,
    invalidated_keys,
    is_of_webdav,
    name_of,
    origin_of,
)
from wsgicache.rules.keys import Key
from wsgicache.rules.model import NEVER, CacheEntry, Fill, StoredResponse
from wsgicache.rules.names import SET_COOKIE
from wsgicache.rules.own_writes import written
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.variants import presented
from wsgicache.stores import Grouping, Judging, Listing, Marking, SharedStore, Store
from wsgicache.stores.equivalents import Equivalents
from wsgicache.stores.listing import keys_below
from wsgicache.stores.marks import Marks

__all__ = ["Keeper"]

_NO_MARK = "-"
"""The mark if the store cannot give one."""


class Keeper:
    """One cache's way to its *store*."""

    def __init__(
        self, store: Store, policy: Policy, report: Reporter, judge: Judge | None = None
    ) -> None:
        self.store = store
        self._policy = policy
        self._report = report
        self._grouping = store if isinstance(store, Grouping) else None
        self._marking: Marking | Marks = store if isinstance(store, Marking) else Marks()

        self._judge: Judge | None = None
        self.entries: entries.Entries = store
        """The store for look-ups."""
        if judge is not None and isinstance(store, Judging):
            self._judge = judge
            store.judge_by(judge.left_of)
            if judge.may_forbid:
                self.entries = Unforbidden(store, judge)
        self.equivalents = Equivalents(store, self.entries, policy, report)

    def entry(self, request: Request) -> CacheEntry | None:
        """Return the entry for *request*, or None if there is none or the store fails."""
        try:
            return self.equivalents.found(request, self.entries.get(request.key))
        except Exception:
            self._report("store", "looking up in the store failed: the app answers")
            return None

    def fill(self, request: Request, entry: CacheEntry | None, now: float) -> Fill:
        """Return the `Fill` for a response that *request* asks for at *now*.

        *entry* is what is there. With Policy.read_your_writes the mark of its cookies is noted,
        too.
        """
        if self._policy.read_your_writes and "HTTP_COOKIE" in request.environ:
            self.note_mark(request)
        emptied_at = NEVER if entry is None else entry.emptied_at
        began = max(now, emptied_at)
        if self._grouping is None:
            return Fill(began, emptied_at)
        try:
            return Fill(began, emptied_at, self._grouping.generation(request.key))
        except Exception:
            self._report("store", "the store gives no generation: nothing is kept")
            return Fill(began, emptied_at, -1)

    def note_mark(self, request: Request) -> None:
        """Note the mark of the cookies of *request*, or an unused one if the store fails."""
        try:
            request.mark = self._marking.mark(request.environ["HTTP_COOKIE"])
        except Exception:
            self._report("store", "the store gives no mark of cookies: nothing is kept for them")
            request.mark = _NO_MARK

    def _is_markable(self, request: Request, response: Response) -> bool:
        """Return whether *response* can end when the cookies that select it write."""
        named = entries.nominated_by(response, self._policy)
        if not entries.is_marked(request, named, self._policy):
            return True
        if not request.mark:
            try:
                request.mark = self._marking.first_mark(request.environ["HTTP_COOKIE"])
            except Exception:
                self._report("store", "the store accepts no mark of cookies: nothing is kept")
        return request.mark not in ("", _NO_MARK)

    def end_marks(self, cookies: Sequence[str], response: Response) -> None:
        """End what was stored for *cookies*, which have just written (Policy.read_your_writes).

        *response* is the answer to that successful unsafe request.
        """
        if not self._policy.read_your_writes:
            return
        for value in written(cookies, response):
            try:
                self._marking.end_mark(value)
            except Exception:
                self._report("store", "the store failed: pages for the cookies of a write stay")

    def emptied_since(self, request: Request, fill: Fill) -> bool:
        """Return whether anything that *request* may belong to was purged after *fill* began."""
        entry, born = self.entry(request), fill.born
        if self._grouping is not None:
            try:
                born = self._grouping.generation(request.key)
            except Exception:
                self._report("store", "the store gives no generation: nothing is kept")
                return True
        return born != fill.born or (entry is not None and entries.overtaken(fill, entry))

    def content(self, stored: StoredResponse) -> Sequence[bytes] | None:
        """Return the content of *stored* in pieces, or None if it is gone or the store fails."""
        if stored.content is not None:
            return (stored.content,)
        try:
            return self.store.content(stored)
        except Exception:
            self._report("store", "reading content from the store failed: the app answers")
            return None

    def keep(self, request: Request, response: Response, content: bytes, fill: Fill) -> bool:
        """Store *response* if its *content* is complete (§3.3); return whether it was stored."""
        if request.content_was_read or not keeping.is_complete(response, len(content)):
            return False
        if not content and isinstance(response, Declared) and response.inherited:
            return False  # An empty page is usually a mistake.
        if request.mark is not None and not self._is_markable(request, response):
            return False
        if self._judge is not None:
            fill = fill._replace(asked_by=self._judge.asked_by(request))
        try:
            if self._judge is not None:
                named = entries.nominated_by(response, self._policy)
                fill = fill._replace(presented=presented(request, named))
            if response.code == 206:
                change = partial.combining(request, response, content, self._policy, fill)
            else:
                stored = keeping.stored_response(response, content, self._policy, fill=fill)
                change = entries.adding(request, response, stored, self._policy, fill)
        except Exception:
            self._report("keep", "a response could not be stored")
            return False
        return self.update(request.key, change)

    def supersede(
        self,
        request: Request,
        stored: StoredResponse,
        response: Response,
        why_not: str | None,
        fill: Fill,
    ) -> None:
        """Drop or update what a full response, or one to HEAD, outdates (§4.3.3, §4.3.5)."""
        if isinstance(response, Declared) and response.refused and response.code < 500:
            self.drop(request)
            return
        if request.method == "HEAD" and response.code == 200:
            if validation.matches_head(stored, response):
                renewed = validation.updated(stored, response, self._policy)
                self.freshen(request, stored, renewed, response, fill)
                return
            why_not = storing.refusal(request, response, self._policy, method="GET") or "changed"
        if (
            why_not
            and response.code < 500
            and response.code not in storing.ABOUT_WHO_ASKS
            and response.code not in self._policy.unstored_statuses
            and why_not not in storing.ABOUT_THE_REQUEST
        ):
            self.drop(request)

    def freshen(
        self,
        request: Request,
        stored: StoredResponse,
        renewed: Response,
        response: Response,
        fill: Fill,
    ) -> tuple[StoredResponse, str | None]:
        """Store *renewed*, which *response* (a 304 or to HEAD) made of *stored* (§4.3.4, §4.3.5).

        Returns what to answer from, and why it is not kept, if it is not.
        """
        why_not = storing.refusal(request, renewed, self._policy, method="GET", renewed=True)
        personal = why_not in storing.ABOUT_THE_REQUEST
        if not self._policy.store_set_cookie and not SET_COOKIE.isdisjoint(response.values):
            # Its permissions may be for one client, too; its prohibitions count.
            why_not, personal = "set-cookie", why_not is None or personal
        why_not = why_not or self.equivalents.refusal(request, renewed, fill)
        if self._judge is not None:
            fill = fill._replace(asked_by=self._judge.asked_by(request))
        fresh = keeping.stored_response(renewed, stored.content, self._policy, stored.length, fill)
        fresh.kept = stored.kept
        fresh.route, fresh.fill_seconds = stored.route, stored.fill_seconds
        fresh.presented = stored.presented
        if stored.groups and not fresh.groups:
            fresh.groups, fresh.weight = stored.groups, 0  # from fields that stay here
        if why_not is None and not self._is_markable(request, renewed):
            self.drop(request)
        elif why_not is None:
            change = validation.freshening(request, stored, renewed, fresh, self._policy, fill)
            self.update(request.key, change)
        elif not personal:
            self.drop(request)
        return fresh, why_not

    def invalidate(
        self,
        key: Key,
        response: Response,
        now: float,
        method: str = "POST",
        destination: str | None = None,
        depth: str | None = None,
    ) -> entries.Emptying:
        """Empty *key*, and what Location and Content-Location name of its origin (§4.4), at *now*.

        A *method* that copies, moves or deletes also empties what is at its *destination*, and the
        members of collections, to that *depth*. Returns what was found, and the moment of emptying;
        only fills that began no earlier are kept.
        """
        moment = math.nextafter(now, math.inf)
        emptying, others = entries.Emptying(moment), entries.Emptying(moment)
        self.update(key, emptying)
        destination = destination_of(method, destination)
        for one in self.equivalents.beside(invalidated_keys(key, response, destination)):
            if one != key:
                self.update(one, others)
        if self._policy.collections:
            for collection in invalidated_collections(key, method, destination):
                self._empty_below(collection, moment, is_of_webdav(method, depth), others)
        self.invalidate_groups(key, response, moment)
        emptying.found = emptying.found or others.found
        return emptying

    def _empty_below(
        self, collection: Key, moment: float, surely: bool, emptying: entries.Change
    ) -> None:
        """Apply *emptying* to all that is filed below *collection*.

        A shared store would take long to find that, so it purges everything, if this is *surely* a
        collection.
        """
        store = self.store
        try:
            if isinstance(store, Listing) and not isinstance(store, SharedStore):
                for key in keys_below(store, collection):
                    self.update(key, emptying)
            elif surely and self._grouping is not None:
                self._grouping.bump([], moment)
            elif surely:
                raise TypeError(f"{type(store).__name__} neither lists nor counts generations")
        except Exception:
            self._report("collection", "what lies below a collection could not be invalidated")

    def invalidate_groups(self, key: Key, response: Response, moment: float) -> None:
        """Purge the groups of *key*'s origin that *response* invalidates (RFC 9875 §3)."""
        groups = invalidated_groups(response)
        if not groups:
            return
        origin = origin_of(key)
        try:
            if self._grouping is None:
                raise TypeError(f"{type(self.store).__name__} knows no groups")
            self._grouping.bump([name_of(origin, group) for group in groups], moment)
        except Exception:
            self._report("groups", "groups could not be invalidated")

    def release(self, key: Key, token: str) -> None:
        """Give back a lease on *key*; a lost one runs out by itself."""
        if isinstance(self.store, SharedStore):
            try:
                self.store.release(key, token)
            except Exception:
                self._report("lease", "a lease could not be given back")

    def drop(self, request: Request) -> None:
        """Remove what *request* selects."""
        self.update(request.key, entries.dropping(request, self._policy))

    def update(self, key: Key, change: entries.Change) -> bool:
        """Apply *change* in the store; return False if that failed."""
        try:
            self.store.update(key, change)
        except Exception:
            self._report("store", "writing to the store failed")
            return False
        return True
