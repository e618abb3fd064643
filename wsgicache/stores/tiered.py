"""A near store in front of a shared one: what this process read lately, it reads from memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import NamedTuple

from wsgicache.arguments import has_methods
from wsgicache.clock import SYSTEM_CLOCK, Clock
from wsgicache.observe.stats import Holding
from wsgicache.rules.checks import must_be, number
from wsgicache.rules.entries import Change
from wsgicache.rules.groups import names_of
from wsgicache.rules.keys import Key, Selector
from wsgicache.rules.model import CacheEntry, StoredResponse
from wsgicache.stores import (
    Browsing,
    Judging,
    Listing,
    Marking,
    Searching,
    Serving,
    SharedStore,
    StoreError,
)
from wsgicache.stores.folders import whole_path
from wsgicache.stores.marks import MOST
from wsgicache.stores.memory import MemoryStore
from wsgicache.stores.shared.apart import Apart, Variants
from wsgicache.stores.shared.store import PackedStore
from wsgicache.stores.stamps import PURGES, Stamps, Telling, of_cookies, of_groups, of_key
from wsgicache.stores.weights import entry_bytes

__all__ = ["TieredStore"]

_MOST_SEARCHES = 64
_SHARED = "a store that processes share, such as a MemcachedStore"


class _Near(CacheEntry):
    """An entry as it was read, and the words that show whether it is still valid."""

    __slots__ = ("groups", "place", "purges", "source", "until", "word", "words")

    def __init__(
        self, entry: CacheEntry, words: memoryview[int], purges: int, place: int, word: int
    ) -> None:
        super().__init__(entry.responses, entry.emptied_at, entry.salt)
        self.source = entry.responses
        """The responses as the shared store gave them."""
        self.words = words
        self.purges = purges
        """The word of purges; it is updated if a later purge did not end the entry."""
        self.place = place
        self.word = word
        """The word of the key, after its place."""
        self.groups: list[tuple[int, int]] = []
        """The places and words of its groups, and of everything."""
        self.until = 0.0
        """When to read it again, whatever the words say."""

    def holding(self, responses: dict[Selector, StoredResponse]) -> _Near:
        """Return the same entry with these *responses*."""
        other = copy(self)
        other.responses = responses
        return other


class _Mark(NamedTuple):
    """A mark of cookies as it was read, and the word that shows whether it is still valid."""

    mark: str
    words: memoryview[int]
    place: int
    word: int
    until: float


class TieredStore:
    """The store *near* in front of *shared*, which uses an entry for *seconds* without asking.

    So this process sees a purge or a write by another machine that much later. A purge of groups or
    of everything takes that much longer than in the shared store. The process sees at once what it
    does itself, and what its children or its siblings by a fork do. It sees at once what all
    processes of the machine do if they have one folder for *stamps*, or if the shared store is an
    `LMDBStore`. Raises TypeError or ValueError for a wrong argument.
    """

    def __init__(
        self,
        near: MemoryStore,
        shared: SharedStore,
        *,
        seconds: float = 1.0,
        stamps: str | os.PathLike[str] | Stamps | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not isinstance(near, MemoryStore):
            raise TypeError(must_be("TieredStore.near", "a MemoryStore", near))
        if not isinstance(shared, SharedStore):
            raise TypeError(must_be("TieredStore.shared", _SHARED, shared))
        number("TieredStore.seconds", seconds, most=3600, above_0=True)
        has_methods("TieredStore.clock", clock, "now", "wall")
        if not isinstance(stamps, Stamps):
            stamps = Stamps("" if stamps is None else whole_path("TieredStore.stamps", stamps))
        self.near = near
        self.shared = shared
        self.seconds = seconds
        self._now = (SYSTEM_CLOCK if clock is None else clock).now
        theirs: object = getattr(shared, "stamps", None)
        itself = isinstance(theirs, Stamps)
        self._stamps = theirs if isinstance(theirs, Stamps) else stamps
        self._telling = Telling(self._stamps, itself=itself)
        if self._stamps.are_shared and isinstance(shared, PackedStore):
            shared.read_generations()
        self.folder: object = getattr(shared, "folder", None)
        """Where the files of the shared store are, if it has a folder."""
        self.landings: object = getattr(shared, "landings", None)
        """What wakes those who wait for a lease, if the shared store has that."""
        self._marks: dict[int, _Mark] = {}
        self._searches: dict[str, None] = {}

    @property
    def max_bytes(self) -> int:
        """Most bytes that it takes in the memory of this process."""
        return self.near.max_bytes

    def get(self, key: Key) -> CacheEntry | None:
        """Return the entry under *key* as it is on this machine, or was `seconds` ago, or None."""
        entry, now, words = self.near.get(key), self._now(), self._stamps.words
        if (
            isinstance(entry, _Near)
            and now < entry.until
            and entry.words is words
            and words[entry.place] == entry.word
            and words[PURGES] == entry.purges
        ):
            return entry
        return self._read(key, entry, now)

    def _read(self, key: Key, entry: CacheEntry | None, now: float) -> CacheEntry | None:
        """Return *entry* if no purge has ended it, else what is under *key* in the shared store."""
        place = of_key(key)
        words, purges, word = self._stamps.noted(place)
        if (
            isinstance(entry, _Near)
            and now < entry.until
            and entry.words is words
            and entry.word == word
            and all(words[of] == known for of, known in entry.groups)
        ):
            entry.purges = purges
            return entry
        found = self.shared.get(key)
        if found is None or not found.responses:
            if entry is not None:
                self.near.update(key, lambda known: None)
            return found
        near = _Near(found, words, purges, place, word)
        names = [name for one in found.responses.values() for name in names_of(key, one.groups)]
        near.groups = [(of, words[of]) for of in of_groups(names)]
        near.until = now + self.seconds
        if isinstance(near.source, Variants):
            near.responses = self._variants(key, near.source, near.source)
        if self._stamps.still(words, purges):
            self.near.update(key, lambda known: near)
        return near

    def _variants(
        self, key: Key, source: Variants, responses: dict[Selector, StoredResponse]
    ) -> Variants:
        """Return *responses* of the entry under *key*; parts of *source* that are read stay near.

        They stay while the entry does, and as long as there is room for it.
        """

        def whole(selector: Selector, apart: Apart) -> StoredResponse | None:
            stored: StoredResponse | None = source.get(selector)

            def with_part(entry: CacheEntry | None) -> CacheEntry | None:
                if stored is None or not isinstance(entry, _Near) or entry.source is not source:
                    return entry
                held = {**entry.responses, selector: stored}
                fuller = entry.holding(self._variants(key, source, held))
                return fuller if entry_bytes(key, fuller) <= self.near.share else entry

            self.near.update(key, with_part)
            return stored

        return Variants(responses, whole)

    def content(self, stored: StoredResponse) -> Sequence[bytes] | None:
        """Return the content of *stored*."""
        if stored.content is not None:
            return (stored.content,)
        return self.shared.content(stored)

    def update(self, key: Key, change: Change) -> None:
        """Replace the shared entry under *key* by what *change* makes of it."""
        try:
            self._telling.update(self.shared.update, key, change)
        finally:
            self.near.update(key, lambda entry: None)

    def generation(self, key: Key) -> int:
        """Return the generation in which a request for *key* that begins now is born."""
        return self.shared.generation(key)

    def bump(self, groups: Sequence[str], moment: float, *, soft: bool = False) -> None:
        """Begin a generation of the shared store, to purge *groups* or everything."""
        self._telling.bump(lambda: self.shared.bump(groups, moment, soft=soft), groups)

    def serve(self, application: str) -> None:
        """Note the *application* whose responses the shared store keeps."""
        if isinstance(self.shared, Serving):
            self.shared.serve(application)

    def judge_by(self, judge: Callable[[Key, CacheEntry], CacheEntry]) -> None:
        """Let the shared store give out what *judge* leaves, and read everything again."""
        if isinstance(self.shared, Judging):
            self.shared.judge_by(judge)
            if len(self.near):
                self._stamps.tell_purge(())

    def refuse_fills(self) -> None:
        """Begin a generation of the shared store, and refuse fills that were born earlier."""
        self.shared.refuse_fills()

    def mark(self, cookies: str) -> str:
        """Return the mark of *cookies*, as it was at most `seconds` ago."""
        if not isinstance(self.shared, Marking):
            return self.near.mark(cookies)
        now, words, marks = self._now(), self._stamps.words, self._marks
        known = marks.get(hash(cookies))
        if (
            known is not None
            and now < known.until
            and known.words is words
            and words[known.place] == known.word
        ):
            return known.mark
        place = of_cookies(cookies)
        words, _, word = self._stamps.noted(place)
        mark = self.shared.mark(cookies)
        if len(marks) >= MOST:
            self._marks = marks = {}
        if mark:
            marks[hash(cookies)] = _Mark(mark, words, place, word, now + self.seconds)
        return mark

    def first_mark(self, cookies: str) -> str:
        """Return a mark for *cookies* without one; an empty string if they have one meanwhile."""
        if not isinstance(self.shared, Marking):
            return self.near.mark(cookies)
        return self.shared.first_mark(cookies)

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* a new mark in the shared store."""
        if not isinstance(self.shared, Marking):
            self.near.end_mark(cookies)
            return
        self._telling.end_mark(self.shared.end_mark, cookies)

    def searches(self, *, now: bool = False) -> tuple[str, ...]:
        """Return the values of No-Vary-Search that responses in the shared store have.

        *now* it also returns those that they had: the near store outlives what the other loses.
        """
        if not isinstance(self.shared, Searching):
            return ()
        found = self.shared.searches(now=now)
        if not self._searches.keys() >= set(found):
            known = [*self._searches, *found]
            self._searches = dict.fromkeys(known[-_MOST_SEARCHES:])
        return tuple(self._searches) if now else found

    def note_search(self, key: Key, value: str, began: float) -> bool:
        """Note *value* in the shared store; return whether a fill that *began* then is kept."""
        shared = self.shared
        return isinstance(shared, Searching) and shared.note_search(key, value, began)

    def lease(self, key: Key, token: str, seconds: float) -> bool:
        """Return whether *token* now holds the right to fill *key*, for at most *seconds*."""
        return self.shared.lease(key, token, seconds)

    def release(self, key: Key, token: str) -> None:
        """Give back the lease, if *token* still holds it."""
        self.shared.release(key, token)

    def keys(self, prefix: Key) -> list[Key]:
        """Return the keys in the shared store that begin with *prefix*.

        Raises StoreError if it cannot list them.
        """
        if not isinstance(self.shared, Listing):
            raise StoreError(f"{type(self.shared).__name__} cannot list what it holds")
        return self.shared.keys(prefix)

    def some_keys(self, place: str, most: int) -> tuple[list[tuple[Key, str]], str]:
        """Return some of the keys in the shared store. Raises StoreError if it cannot list them."""
        if not isinstance(self.shared, Browsing):
            raise StoreError(f"{type(self.shared).__name__} cannot list what it holds")
        return self.shared.some_keys(place, most)

    def holding(self) -> Holding:
        """Return what the shared store holds, as far as it can tell. Raises StoreError."""
        told: Holding = getattr(self.shared, "holding", partial(Holding, is_shared=True))()
        return told

    def stats(self) -> dict[str, dict[str, object]]:
        """What the shared store says of itself. Raises StoreError if it does not."""
        if not isinstance(self.shared, PackedStore):
            raise StoreError(f"{type(self.shared).__name__} says nothing of itself")
        return self.shared.stats()
