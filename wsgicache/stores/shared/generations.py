"""How a node of a shared store counts generations, and what a process remembers of them.

A node keeps one small record, its *state*: the number of its generation and how far purges of
everything go. It also keeps one record for each group that was ever named on it. A purge of groups
writes their records first and the state last, so a process that sees the new number also finds the
new groups.

Each node counts for itself, so its data and the purges of that data are lost together, or out of
reach together. A state that was lost begins anew, after everything that was born before. So does a
state that is older than what this process knows, or from another life of the server, which may have
started from an old copy of its data. A group whose record was lost has no responses left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from wsgicache import forks
from wsgicache.rules.groups import Generation
from wsgicache.rules.searching import LONGEST_SEARCH
from wsgicache.stores import StoreError
from wsgicache.stores.searches import MOST_SEARCHES
from wsgicache.stores.shared.applications import LONGEST_NAME, Application
from wsgicache.stores.shared.names import Name, Names
from wsgicache.stores.shared.nodes import LONGEST, UNREAD, Node, PurgeStamps, State, Times
from wsgicache.stores.shared.records import seal, unseal

__all__ = ["Generations", "State"]

_RENEWED = 24 * 3600.0
"""Seconds after which a record in use is written again, so that it never expires."""
_ATTEMPTS = 32
_MOST_KNOWN = 10_000
_SHOWN = 1.0
"""Seconds for which stamps stand for the state; their file may be another one after that."""
_HIGHEST = 10**15
"""An upper bound for all numbers: the wall clock in milliseconds is far below."""


class _Last(NamedTuple):
    """The last record of a state, how far the wall clock was ahead of ours, and the state."""

    record: bytes
    skew: float
    state: State


class Generations:
    """The generations of one *node*, re-read every *seconds*.

    *odd* is called for a value that is no record of ours.
    """

    def __init__(
        self,
        node: Node,
        names: Names,
        times: Times,
        seconds: float,
        secret: bytes,
        odd: Callable[[str], None],
        application: Application,
    ) -> None:
        self.node = node
        self.state: State | None = None
        """The state as last read."""
        self.last: _Last | None = None
        """Its record, and what that says."""
        self._connects = -1
        self._name = names.of("state")
        self.name = self._name.text
        """The name of the state."""
        self._names = names
        self._times = times
        self.seconds = seconds
        self._secret = secret
        self._odd = odd
        self._application = application
        self._read_at = float("-inf")
        self.stamps: PurgeStamps | None = None
        """What shows purges by all processes, if the node has that."""
        self._noted: object = None
        """What the stamps said before the state was last read."""
        self._groups: dict[str, Generation] = {}
        self._lock = threading.Lock()
        forks.renew(self)

    # ── reading ────────────────────────────────────────────────────────────────────────────────

    def read(self, name: str, along: bool) -> tuple[bytes | None, object, State]:
        """Return the value under *name*, its version, and the state.

        The state is read in the same trip if it is due, or with *along*; only then is the version.
        """
        now, known, stamps = self._times.now(), self.state, self.stamps
        if known is not None and not along and self._is_current(now - self._read_at):
            value = self.node.read((name,))[0]
            if self.node.connects == self._connects:
                return value, UNREAD, known
        noted = None if stamps is None else stamps.noted_purges()
        (value, version), (record, _) = self.node.look((name, self.name))
        state = self._learned(record, known, now)
        self._noted = noted
        return value, version, state

    def _is_current(self, age: float) -> bool:
        """Return whether a state that was read *age* seconds ago counts as the current one."""
        stamps = self.stamps
        return age < self.seconds or (
            # PERF: to look at a word saves 2.5 of 6.3 µs in LMDB.
            stamps is not None and age < _SHOWN and stamps.none_since(self._noted)
        )

    def look(self, name: str, beside: str) -> tuple[bytes | None, object, bytes | None, State]:
        """Return the value and version of *name*, the value *beside* it, and the current state."""
        now, known = self._times.now(), self.state
        (value, version), (other, _), (record, _) = self.node.look((name, beside, self.name))
        return value, version, other, self._learned(record, known, now)

    def current(self) -> State:
        """Return the current state of the node."""
        now, known = self._times.now(), self.state
        return self._learned(self.node.read((self.name,))[0], known, now)

    def of(self, groups: Sequence[str]) -> list[Generation | None]:
        """Return how far purges of *groups* go, None for each that the node does not know."""
        # What is read now counts for the present generation, even if another begins meanwhile.
        if len(self._groups) > _MOST_KNOWN:
            self._groups = {}
        known = self._groups
        missing = [group for group in groups if group not in known]
        if missing:
            names = [self._names.of("group", group) for group in missing]
            values = self.node.read([name.text for name in names])
            for group, name, value in zip(missing, names, values, strict=True):
                if (state := self._state(value, name)) is not None:
                    known[group] = state.purged
        return [known.get(group) for group in groups]

    def name_groups(self, groups: Sequence[str], number: int, state: State) -> None:
        """Make *groups* known to the node.

        A group that it did not know counts as purged before generation *number*. If *state* lacks
        the number of a group, a purge broke off after it wrote the group: it is completed.
        """
        for group, purged in zip(groups, self.of(groups), strict=True):
            if purged is None:
                name = self._names.of("group", group)
                record = self._record(name, State(0, Generation(number), 0, 0.0))
                if not self.node.swap(name.text, record, None, LONGEST):
                    # Another process has added it, or something else is there.
                    self._change(name, lambda known: known, number)
            elif (begun := max(purged.hard, purged.soft)) > state.number:
                self._reach(begun)

    # ── purging ────────────────────────────────────────────────────────────────────────────────

    def bump(self, groups: Sequence[str], moment: float, soft: bool) -> None:
        """Begin a generation to purge *groups*, or everything: hard, or *soft*."""

        def begun(state: State) -> State:
            number = state.number + 1
            if not groups:
                purged = state.purged.begun(number, moment, soft)
                if not soft:  # no application has anything left there
                    state = state._replace(application=self._application.name, searches=())
                return state._replace(number=number, purged=purged)
            for group in groups:
                name = self._names.of("group", group)
                self._change(name, lambda known: known.begun(number, moment, soft), number)
            return state._replace(number=number)

        self._next(begun)

    def refuse_fills(self) -> None:
        """Begin a generation, and refuse fills that were born earlier."""
        self._next(lambda state: state._replace(number=state.number + 1, fills=state.number + 1))

    def note_search(self, value: str) -> bool:
        """Note *value* of No-Vary-Search, if there is room; return whether it was noted before.

        No fill that began before that is kept.
        """
        if self.state is not None and value in self.state.searches:
            return True

        def noted(state: State) -> State:
            number, searches = state.number + 1, (*state.searches, value)
            if value in state.searches or len(searches) > MOST_SEARCHES:
                return state
            return state._replace(number=number, fills=number, searches=searches)

        self._next(noted)
        return False

    def _reach(self, number: int) -> None:
        self._next(lambda state: state._replace(number=max(state.number, number)))

    def _next(self, begun: Callable[[State], State]) -> None:
        for _ in range(_ATTEMPTS):
            known = self.state
            ((value, version),) = self.node.look((self.name,))
            life = self.node.life()
            state = begun(self._current(value, known, life) or self._first())
            ours = state.application or self._application.name
            state = state._replace(life=life or state.life, application=ours)
            if self._kept(self._name, state, version):
                self._learn(state, self._times.now(), None)
                return
        raise StoreError(f"{self.node.name}: the generation changed too often to begin a new one")

    def _change(self, name: Name, change: Callable[[Generation], Generation], number: int) -> None:
        """Change how far purges of *name*, a group, go; if unknown, it was purged at *number*."""
        for _ in range(_ATTEMPTS):
            ((value, version),) = self.node.look((name.text,))
            state = self._state(value, name)
            purged = change(Generation(number) if state is None else state.purged)
            if self._kept(name, State(0, purged, 0, 0.0), version):
                return
        raise StoreError(f"{self.node.name}: a group changed too often to purge it")

    def _kept(self, name: Name, state: State, version: object) -> bool:
        return self.node.swap(name.text, self._record(name, state), version, LONGEST, full=True)

    # ── records ────────────────────────────────────────────────────────────────────────────────

    def _learned(self, value: bytes | None, known: State | None, now: float) -> State:
        """Return the state after *value* was read, at *now*, when the state was *known*.

        Where the node has no state, one begins.
        """
        connects, life = self.node.connects, self.node.life()
        state = self._current(value, known, life)
        if state is None:
            self._next(lambda first: first)
        elif (
            self._times.wall() - state.written > _RENEWED
            or (life and not state.life)
            or (self._application.name and not state.application)
        ):
            self._next(lambda same: same)
        else:
            self._learn(state, now, value)
        self._connects = connects
        assert self.state is not None
        self._application.meet(self.state.application)
        return self.state

    def _current(self, value: bytes | None, known: State | None, life: str) -> State | None:
        """Return the state in *value*, or None where there is none.

        A state of another *life* of the server does not count, nor one older than what was *known*.
        """
        last, skew = self.last, self._times.skew()
        if last is not None and value == last.record and skew == last.skew:
            state: State | None = last.state  # PERF: as it was the last time, 10 µs sooner
        else:
            state = self._state(value, self._name)
        if state is None or (known and state.number < known.number):
            return None
        return None if life and state.life and life != state.life else state

    def _first(self) -> State:
        """Return a state after all earlier ones: the wall clock counts faster than purges do."""
        known = 0 if self.state is None else self.state.number + 1
        number = max(int(self._times.wall() * 1000), known)
        return State(number, Generation(number), number, 0.0)

    def _learn(self, state: State, now: float, record: bytes | None) -> None:
        """Adopt *state*, unless another thread has a newer one meanwhile."""
        with self._lock:
            if self.state is None or state.number > self.state.number:
                self._groups = {}
            elif state.number < self.state.number:
                return
            self.state, self._read_at = state, now
            self.last = None if record is None else _Last(record, self._times.skew(), state)

    def _record(self, name: Name, state: State) -> bytes:
        """Return a record of *state*, with times by the wall clock."""
        hard, soft, moment = state.purged
        moment = moment + self._times.skew() if soft else 0.0
        numbers = [state.number, hard, soft, moment, state.fills, self._times.wall()]
        texts = [state.life, state.application, *state.searches]
        return seal(name.echo, [*numbers, *texts], (), self._secret)

    def _state(self, value: bytes | None, name: Name) -> State | None:
        """Return the state in the record of *name*, or None if it is not one of ours."""
        if value is None:
            return None
        opened = unseal(value, name.echo, self._secret)
        head: Any = None if opened is None else opened[0]
        if not _is_state(head):
            self._odd("state" if name == self._name else "group")
            return None
        number, hard, soft, moment, fills, written, *texts = head
        texts = (*texts[:2], tuple(texts[2:]))
        if not soft:
            return State(number, Generation(hard), fills, written, *texts)
        # If another clock was ahead of ours, the moment may seem to lie in the future.
        moment = min(moment - self._times.skew(), self._times.now())
        return State(number, Generation(hard, soft, moment), fills, written, *texts)

    def begin_in_child(self) -> None:
        """Begin with a new lock: nobody gives back one that another thread held at the fork."""
        self._lock = threading.Lock()


def _is_state(head: object) -> bool:
    """Return whether *head* is what `Generations` writes."""
    if type(head) is not list or not 8 <= len(head) <= 8 + MOST_SEARCHES:
        return False
    if not all(type(one) in (int, float) and abs(one) < _HIGHEST for one in head[:6]):
        return False
    for place, text in enumerate(head[6:]):
        if type(text) is not str or len(text) > (LONGEST_NAME if place < 2 else LONGEST_SEARCH):
            return False
    return all(type(head[place]) is int for place in (0, 1, 2, 4))
