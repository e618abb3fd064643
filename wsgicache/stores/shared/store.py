"""The store that processes share, whatever keeps its bytes: entries as records on nodes.

A record is one entry, with the small contents of its responses inside. So a hit is one round trip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import chain

from wsgicache.arguments import has_methods
from wsgicache.clock import SYSTEM_CLOCK, Clock
from wsgicache.observe.stats import Holding
from wsgicache.reporting import Reporter
from wsgicache.rules.checks import number
from wsgicache.rules.entries import Change
from wsgicache.rules.keys import Key
from wsgicache.rules.model import CacheEntry, StoredResponse
from wsgicache.stores import StoreError
from wsgicache.stores.shared.applications import NAMESPACE, Application
from wsgicache.stores.shared.generations import Generations
from wsgicache.stores.shared.leases import Leases
from wsgicache.stores.shared.listing import all_below, some_keys
from wsgicache.stores.shared.marks import SharedMarks
from wsgicache.stores.shared.names import Names
from wsgicache.stores.shared.nodes import Node, Times
from wsgicache.stores.shared.pieces import Contents
from wsgicache.stores.shared.reading import Judge, Reading
from wsgicache.stores.shared.writing import Writing

__all__ = ["PackedStore"]


class PackedStore:
    """Entries on *nodes*; *route* returns the node for a name. A `SharedStore`.

    *namespace* separates caches that share a server. With *secret* every record is signed: a client
    of the server without the secret cannot make one. Purges of groups and of everything by other
    processes take effect after *generation_seconds* at the latest.
    """

    folder = ""
    """Where its files are, if it has a folder of its own."""

    def __init__(
        self,
        nodes: Sequence[Node],
        route: Callable[[str], Node],
        *,
        namespace: str = NAMESPACE,
        secret: str | bytes = b"",
        generation_seconds: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        name = type(self).__name__
        self._secret = _digested(secret)
        self._names = Names(namespace, self._secret)
        number(f"{name}.generation_seconds", generation_seconds, most=3600)
        has_methods(f"{name}.clock", clock, "now", "wall")
        clock = SYSTEM_CLOCK if clock is None else clock
        self._times = Times(clock)
        self._odd = _Odd(clock)
        self._route = route
        self._application = Application()
        how = self._names, self._times, generation_seconds, self._secret, self._odd
        self._nodes = {node.name: Generations(node, *how, self._application) for node in nodes}
        self._contents = Contents(route, self._names, self._secret, self._odd)
        self._leases = Leases(self._names, self._times, self._secret, self._odd)
        self._marks = SharedMarks(route, self._names, self._secret, self._odd)
        self._reading = Reading(self._names, self._times, self._secret, self._odd)
        self._writing = Writing(
            self._nodes,
            route,
            self._contents,
            self._leases,
            self._reading,
            self._names,
            self._times,
            self._secret,
        )

    def judge_by(self, judge: Judge) -> None:
        """Give out only what *judge*, a method, leaves of each entry."""
        self._reading.judge_by(judge)

    def read_generations(self) -> None:
        """From now on read the generation with each entry, and so see purges at once."""
        for generations in self._nodes.values():
            generations.seconds = 0.0

    @property
    def namespace(self) -> str:
        """Return what separates its records from those of others on the same nodes."""
        return self._names.namespace

    @property
    def is_atomic(self) -> bool:
        """Whether none of two changes at once can be lost."""
        return all(generations.node.atomic for generations in self._nodes.values())

    @property
    def corrupt(self) -> int:
        """Return the number of invalid records, which counted as missing."""
        return self._odd.count

    # ── entries ────────────────────────────────────────────────────────────────────────────────

    def get(self, key: Key) -> CacheEntry | None:
        """Return the entry under *key*, or None. Raises if its node cannot be reached."""
        name = self._names.of_entry(key)
        generations = self._nodes[self._route(name.text).name]
        # PERF: what is known to be there is most likely a hit, for which no more has to be read.
        along = not self._reading.knows(name)
        record, version, state = generations.read(name.text, along)
        if along or record is None:
            self._reading.note(name, record, version, state)
        return self._reading.opened(key, name, record, generations, state)

    def content(self, stored: StoredResponse) -> Sequence[bytes] | None:
        """Return the content of *stored* in pieces, or None if it is not complete."""
        if stored.content is not None:
            return (stored.content,)
        return None if stored.kept is None else self._contents.read((*stored.kept, stored.length))

    def update(self, key: Key, change: Change) -> None:
        """Replace the entry under *key* by what *change* makes of it.

        It tries again if somebody else changes the entry meanwhile. Raises where the node cannot be
        reached, or does not keep the entry.
        """
        self._writing.update(key, change)

    def ended(self, key: Key) -> list[tuple[StoredResponse, list[str]]]:
        """Return what is still there under *key* although purges have ended it.

        Each response comes with the groups of those purges; without one it was everything.
        """
        name = self._names.of_entry(key)
        generations = self._nodes[self._route(name.text).name]
        record, _, _ = generations.read(name.text, False)
        return [] if record is None else self._reading.ended(key, name, record, generations)

    # ── purging ────────────────────────────────────────────────────────────────────────────────

    def generation(self, key: Key) -> int:
        """Return the generation in which a request for *key* that begins now is born."""
        name = self._names.of_entry(key)
        born = self._reading.born(name)
        return self._nodes[self._route(name.text).name].current().number if born is None else born

    def bump(self, groups: Sequence[str], moment: float, *, soft: bool = False) -> None:
        """Begin a generation on every node, to purge *groups*, or everything.

        What was born earlier is gone, or stale if *soft*. Raises StoreError that names the nodes
        which could not be reached.
        """
        self._everywhere(lambda generations: generations.bump(groups, moment, soft))

    def refuse_fills(self) -> None:
        """Begin a generation on every node, and refuse fills born earlier. Raises StoreError."""
        self._everywhere(Generations.refuse_fills)

    def _everywhere(self, do: Callable[[Generations], object]) -> None:
        failed: list[str] = []
        for generations in self._nodes.values():
            try:
                do(generations)
            except StoreError as error:
                failed.append(str(error))
        if failed:
            raise StoreError(f"not reached: {'; '.join(failed)}")

    def serve(self, application: str) -> None:
        """Note that it keeps the responses of *application*; log it if another does, too."""
        if self._names.namespace == NAMESPACE:
            self._application.serve(application)

    # ── No-Vary-Search ─────────────────────────────────────────────────────────────────────────

    def searches(self, *, now: bool = False) -> tuple[str, ...]:
        """Return the values of No-Vary-Search that responses on any node have.

        Raises StoreError that names the nodes which cannot be reached *now*, and never were.
        """
        if now:
            self._everywhere(_known_by_now)
        found = [node.state.searches for node in self._nodes.values() if node.state is not None]
        return tuple(dict.fromkeys(chain.from_iterable(found)))

    def note_search(self, key: Key, value: str, began: float) -> bool:
        """Note *value* on the node of *key*; return whether it was noted before.

        If not, the node refuses all fills that have begun by now.
        """
        return self._nodes[self._node_of(key).name].note_search(value)

    # ── marks of cookies ───────────────────────────────────────────────────────────────────────

    def mark(self, cookies: str) -> str:
        """Return the mark of *cookies*, or an empty string if they have none."""
        return self._marks.mark(cookies)

    def first_mark(self, cookies: str) -> str:
        """Return a mark for *cookies* without one; an empty string if they have one meanwhile."""
        return self._marks.first_mark(cookies)

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* a new mark. Raises if their node cannot be reached."""
        self._marks.end_mark(cookies)

    # ── leases ─────────────────────────────────────────────────────────────────────────────────

    def lease(self, key: Key, token: str, seconds: float) -> bool:
        """Return whether *token* now holds the right to fill *key*, for at most *seconds*."""
        return self._leases.take(self._node_of(key), key, token, seconds)

    def release(self, key: Key, token: str) -> None:
        """Give back the lease, if *token* still holds it."""
        self._leases.release(self._node_of(key), key, token)

    def _node_of(self, key: Key) -> Node:
        """Return the node of *key*, and of everything that has to be lost together with it."""
        return self._route(self._names.of_entry(key).text)

    # ── looking at it ──────────────────────────────────────────────────────────────────────────

    def keys(self, prefix: Key) -> list[Key]:
        """Return the keys with the scheme and host of *prefix* whose path begins with its path.

        Raises StoreError where a node cannot be reached, or cannot list what it holds.
        """
        return all_below(self._listed_nodes(), self._names, prefix)

    def some_keys(self, place: str, most: int) -> tuple[list[tuple[Key, str]], str]:
        """Return the keys from *place* on, *most* at most, and the place of those after them.

        Raises StoreError where a node cannot be reached, or cannot list what it holds.
        """
        return some_keys(self._listed_nodes(), self._names, place, most)

    def _listed_nodes(self) -> list[Node]:
        return [generations.node for generations in self._nodes.values()]

    def holding(self) -> Holding:
        """Return whether a node is left alone; servers hold what others keep there, too."""
        told = [one.node for one in self._nodes.values()]
        is_open = any(getattr(getattr(node, "_breaker", None), "is_open", False) for node in told)
        return Holding(is_shared=True, is_open=is_open)

    def stats(self) -> dict[str, dict[str, object]]:
        """Return the figures of each node, or what it raises under ``error``."""
        answers: dict[str, dict[str, object]] = {}
        for name, generations in self._nodes.items():
            try:
                answers[name] = generations.node.stats()
                answers[name]["generation"] = generations.current().number
            except StoreError as error:
                answers[name] = {"error": str(error)}
        return answers


def _known_by_now(generations: Generations) -> None:
    """Read the state of a node, or leave what it was before the node went out of reach.

    What is purged on that node raises anyway. Purges on others go on.
    """
    try:
        generations.current()
    except StoreError:
        if generations.state is None:
            raise


class _Odd:
    """A counter of invalid records, which logs them once a minute for each kind."""

    def __init__(self, clock: Clock) -> None:
        self.count = 0
        self._report = Reporter(clock)

    def __call__(self, kind: str) -> None:
        self.count += 1
        self._report(kind, f"a record of the kind '{kind}' is not ours: it counts as missing")

    def note_clock(self, ahead: float) -> None:
        """Log once that a clock of another machine is *ahead* by so many seconds."""
        self._report.once(
            "clock",
            f"a machine that shares the store has a clock {ahead:.0f} s ahead of this one: what it "
            "stores does not count here, and the machines replace each other's responses. Have all "
            "of them follow one time service (NTP)",
        )


def _digested(secret: str | bytes) -> bytes:
    """Return a key for BLAKE2b made of *secret*; empty if that is empty."""
    if not isinstance(secret, str | bytes):
        raise TypeError(f"secret must be a str or bytes, got {type(secret).__name__}")
    if isinstance(secret, str):
        secret = secret.encode("utf-8", "surrogatepass")
    if 0 < len(secret) < 16:
        raise ValueError("secret must be 16 bytes or more, or none, got fewer")
    return blake2b(secret, digest_size=32).digest() if secret else b""
