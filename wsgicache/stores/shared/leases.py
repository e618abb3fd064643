"""The leases in a shared store: one small record for each key that is being filled.

A lease elects the one that asks the app, and limits how long the others wait for it. When it has
run out, another may take the lease, and the fill of the first one may still be kept: its token
stays in the record, unless a purge removes that. A fill whose token is gone is not kept, whatever
else the store has lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsgicache.rules.keys import Key
from wsgicache.stores.shared.names import Name, Names
from wsgicache.stores.shared.nodes import Node, Times
from wsgicache.stores.shared.records import AHEAD, seal, unseal

__all__ = ["KEPT_SECONDS", "Asked", "Leases"]

KEPT_SECONDS = 3600
"""How long a fill may take, and how long fills that began before a purge are refused."""
_MOST = 16
"""Most simultaneous fills of one key; the latest ones are kept."""
_MOST_HELD = 1024
"""Most leases that are remembered; the others cost their fills two trips more."""
_NONE = "", b""
_OVER = 0.0


class Asked:
    """Leases of an entry that were not read: it notes which one a change asks for."""

    def __init__(self) -> None:
        self.token: object = None

    def __contains__(self, token: object) -> bool:
        self.token = token
        return True


class Leases:
    """The leases of a store; *odd* is called for a value that is no record of ours."""

    def __init__(
        self, names: Names, times: Times, secret: bytes, odd: Callable[[str], None]
    ) -> None:
        self._names = names
        self._times = times
        self._secret = secret
        self._odd = odd
        self.is_lost: Callable[[str], bool] = lambda token: False
        """Whether nobody holds a lease any longer whose *token* is there."""
        self._held: dict[str, tuple[str, bytes]] = {}
        """The leases that this process holds alone: token and record, by the record's name."""
        self._given_back: set[str] = set()

    def name(self, key: Key) -> Name:
        """Return the name of the record for *key*."""
        return self._names.of("lease", *key)

    def tokens(self, record: bytes | None, name: Name) -> tuple[str, ...]:
        """Return the tokens of all fills of a key, from its *record*."""
        return self._opened(record, name)[1]

    def take(self, node: Node, key: Key, token: str, seconds: float) -> bool:
        """Return whether *token* now holds the right to fill *key*, for at most *seconds*."""
        name = self.name(key)
        alone = self._record(name, seconds, (token,))
        if node.swap(name.text, alone, None, KEPT_SECONDS):
            if len(self._held) >= _MOST_HELD:
                self._held.clear()
            self._held[name.text] = token, alone
            return True
        ((record, version),) = node.look((name.text,))
        until, tokens = self._opened(record, name)
        # A lease by a clock far ahead of ours does not count: it would last too long.
        held = 0 < until - self._times.wall() <= seconds + AHEAD
        if token in tokens or (held and not self.is_lost(tokens[-1])):
            return False
        tokens = (*tokens, token)[-_MOST:]
        return node.swap(name.text, self._record(name, seconds, tokens), version, KEPT_SECONDS)

    def release(self, node: Node, key: Key, token: str) -> None:
        """Give back the lease, if *token* still holds it."""
        name = self.name(key)
        if token in self._given_back:
            self._given_back.discard(token)
            return
        if self._held.get(name.text, _NONE)[0] == token:
            self._held.pop(name.text, None)
        ((record, version),) = node.look((name.text,))
        until, tokens = self._opened(record, name)
        if token not in tokens:
            return
        left = tuple(one for one in tokens if one != token)
        record = None
        if left:
            seconds = 0 if token == tokens[-1] else until - self._times.wall()
            record = self._record(name, seconds, left)
        node.swap(name.text, record, version, KEPT_SECONDS)

    def held(self, name: Name) -> tuple[str, bytes] | None:
        """Return the token and the record of the lease *name*, if this process holds it alone."""
        return self._held.get(name.text)

    def note_given_back(self, name: Name, token: str) -> None:
        """Note that the lease *name* was given back with what it was for (`Node.settle`)."""
        self._held.pop(name.text, None)
        if len(self._given_back) >= _MOST_HELD:
            self._given_back.clear()
        self._given_back.add(token)

    def _record(self, name: Name, seconds: float, tokens: tuple[str, ...]) -> bytes:
        until = self._times.wall() + seconds
        return seal(name.echo, [until, *tokens], (), self._secret)

    def _opened(self, record: bytes | None, name: Name) -> tuple[float, tuple[str, ...]]:
        """Return until when a lease is held, and the tokens of fills: none if invalid."""
        if record is None:
            return _OVER, ()
        opened = unseal(record, name.echo, self._secret)
        head: Any = None if opened is None else opened[0]
        if (
            type(head) is not list
            or len(head) < 2
            or type(head[0]) not in (int, float)
            or not all(type(token) is str for token in head[1:])
        ):
            self._odd("lease")
            return _OVER, ()
        return head[0], tuple(head[1:])
