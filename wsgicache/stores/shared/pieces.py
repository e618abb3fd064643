"""What an entry has beside its record: pieces of large contents, and parts of many responses.

They are records of their own, under names that are never used again, and are written before the
entry that names them. All pieces are verified before the first byte is used. If one is lost,
replaced or changed, the content is missing, never shorter.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from wsgicache.rules.keys import Selector
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse
from wsgicache.stores import StoreError
from wsgicache.stores.shared.apart import Apart, apart, parts_in
from wsgicache.stores.shared.names import Name, Names
from wsgicache.stores.shared.nodes import Node
from wsgicache.stores.shared.records import pack, seal, unseal

__all__ = ["Contents", "Packing"]

INLINE = 64 * 1024
"""Most bytes of a content inside its entry's record."""
SEVERAL = 8 * 1024
"""Most bytes of several responses in one record, the newest first."""
_MOST_REMOVED = 10_000
"""Most pieces that are removed; no cache of ours writes more."""
_BESIDE = 1024
"""A generous bound for the bytes of a piece's record without its content."""

Kept = tuple[str, int, int]
"""The place of a content: its name, the bytes of a piece, and its length."""


class Contents:
    """The contents that a store keeps beside its entries.

    *route* returns the node for a name; *odd* is called for a value that is no record of ours.
    """

    def __init__(
        self,
        route: Callable[[str], Node],
        names: Names,
        secret: bytes,
        odd: Callable[[str], None],
    ) -> None:
        self._route = route
        self._names = names
        self._secret = secret
        self._odd = odd

    def read(self, kept: Kept) -> Sequence[bytes] | None:
        """Return the pieces of a content, or None if one is not as it was written."""
        pieces: list[bytes] = []
        for name, length in self._pieces(kept):
            record = self._route(name.text).read((name.text,))[0]
            if record is None:
                return None
            opened = unseal(record, name.echo, self._secret)
            if opened is None or len(record) - opened[1] != length:
                self._odd("piece")
                return None
            pieces.append(record[opened[1] :])
        return pieces

    def write(self, content: bytes, limit: int, seconds: int) -> Kept:
        """Keep *content* for at most *seconds*, in pieces with records of *limit* bytes."""
        kept = uuid.uuid4().hex, limit - _BESIDE, len(content)
        place, whole = 0, memoryview(content)
        try:
            for name, length in self._pieces(kept):
                record = seal(name.echo, None, [whole[place : place + length]], self._secret)
                self._route(name.text).write(name.text, record, seconds)
                place += length
        except BaseException:
            self.remove([kept])
            raise
        return kept

    def remove(self, contents: Iterable[Kept]) -> None:
        """Remove *contents*. After a failure, the rest expires by itself."""
        with suppress(StoreError):
            for kept in contents:
                for name, _ in islice(self._pieces(kept), _MOST_REMOVED):
                    self._route(name.text).remove(name.text)

    def _pieces(self, kept: Kept) -> Iterator[tuple[Name, int]]:
        """Yield the name and the length of each piece."""
        name, size, length = kept
        for number, place in enumerate(range(0, length, size)):
            piece = self._names.of("piece", name, str(number), str(length))
            yield piece, min(size, length - place)


class Packing:
    """One entry on its way into a record of *node*.

    Contents too large for the record are written beside it, once, however often the entry is
    packed.
    """

    def __init__(
        self, contents: Contents, names: Names, node: Node, echo: bytes, secret: bytes
    ) -> None:
        self._contents = contents
        self._names = names
        self._node = node
        self._echo = echo
        self._secret = secret
        self._written: dict[int, tuple[bytes, Kept]] = {}
        self._parts: dict[int, tuple[StoredResponse, Apart]] = {}

    def packed(self, entry: CacheEntry, seconds: int, skew: float) -> tuple[CacheEntry, bytes]:
        """Return *entry* as it is kept, and its record.

        The oldest responses are left out where the record would be too large, or all contents
        together. Raises StoreError if one response alone is too large.
        """
        limit, riding, share = self._node.limit, SEVERAL, self._node.share
        responses: dict[Selector, StoredResponse] = {}
        for selector, stored in reversed(entry.responses.items()):
            share -= stored.length
            if responses and share < 0:
                break
            content = stored.content
            if content is not None and len(content) > min(INLINE, limit // 4):
                name, size, _ = self._beside(content, seconds)
                stored = replace(stored, content=None, kept=(name, size))
            riding -= stored.weight or stored.weigh()
            if responses and riding < 0 and not isinstance(stored, Apart):
                stored = self._apart(entry, selector, stored, seconds, skew)
            responses[selector] = stored
        while True:
            newest_last = dict(reversed(responses.items()))
            made = CacheEntry(newest_last, entry.emptied_at, entry.salt)
            record = pack(made, self._echo, skew, self._secret)
            if len(record) <= limit:
                return made, record
            if len(responses) < 2:
                raise StoreError(
                    f"{self._node.name} takes {limit} bytes, and a response needs {len(record)}"
                )
            responses.popitem()

    def keep(self, before: CacheEntry, entry: CacheEntry | None) -> None:
        """Remove what *before* had beside its record and *entry*, which replaced it, has not."""
        after = {} if entry is None else entry.responses
        kept, parts = kept_in(after), parts_in(after)
        self._written = {k: one for k, one in self._written.items() if one[1] not in kept}
        self._parts = {k: one for k, one in self._parts.items() if one[1].part not in parts}
        self._contents.remove(kept_in(before.responses) - kept)
        self._remove(parts_in(before.responses) - parts)

    def tidy(self) -> None:
        """Remove what was written but not kept."""
        self._contents.remove({kept for _, kept in self._written.values()})
        self._remove({apart.part for _, apart in self._parts.values()})

    def _remove(self, parts: Iterable[str]) -> None:
        with suppress(StoreError):
            for part in parts:
                self._node.remove(self._names.of("variant", part).text)

    def _apart(
        self,
        entry: CacheEntry,
        selector: Selector,
        stored: StoredResponse,
        seconds: int,
        skew: float,
    ) -> Apart:
        """Write *stored* as a part, once, and return what stands for it."""
        # The response is remembered, too, so that the id of its fields stays their own.
        written = self._parts.get(id(stored.fields))
        if written is not None:
            return written[1]
        made = apart(
            uuid.uuid4().hex,
            generated_at=stored.generated_at,
            born=stored.born,
            freshness_lifetime=stored.freshness_lifetime,
            stale_while_revalidate=stored.stale_while_revalidate,
            stale_if_error=stored.stale_if_error,
            length=stored.length,
            kept=None if stored.content is not None else stored.kept,
            groups=stored.groups,
            kind=stored.kind,
            validated=bool(stored.validators),
        )
        made.softened_at = stored.softened_at
        self._parts[id(stored.fields)] = stored, made
        name = self._names.of("variant", made.part)
        alone = CacheEntry({selector: stored}, NEVER, entry.salt)
        record = pack(alone, name.echo, skew, self._secret)
        self._node.write(name.text, record, seconds)
        return made

    def _beside(self, content: bytes, seconds: int) -> Kept:
        # The content is remembered, too, so that its id stays its own.
        written = self._written.get(id(content))
        if written is None:
            self._node.make_room(len(content))
            kept = self._contents.write(content, self._node.piece, seconds)
            written = self._written[id(content)] = content, kept
        return written[1]


def kept_in(responses: dict[Selector, StoredResponse]) -> set[Kept]:
    """Return the separate contents of *responses*."""
    return {
        (*stored.kept, stored.length)
        for stored in responses.values()
        if stored.content is None and stored.kept is not None
    }
