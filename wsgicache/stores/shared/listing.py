"""List the keys on the nodes of a shared store: all below a path, or some of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from wsgicache.rules.keys import Key
from wsgicache.stores.shared.names import Names, key_of_echo
from wsgicache.stores.shared.nodes import Node
from wsgicache.stores.shared.records import echo_of

__all__ = ["Begun", "all_below", "some_keys"]

LENGTH = 8 * 1024
"""The bytes of a record in which its key has to be: a longer URL is not listed."""


@runtime_checkable
class Begun(Protocol):
    """A node that can list what it keeps, a part at a time."""

    def begun(
        self, prefix: str, place: str, most: int, length: int
    ) -> tuple[list[tuple[bytes, str]], str]:
        """Return the first *length* bytes of values under names that begin with *prefix*.

        They are those from *place* on, *most* at most, each with the place after it. Returns also
        the place after all of them, which is empty at the end. The first place is empty.
        """


def all_below(nodes: Iterable[Node], names: Names, prefix: Key) -> list[Key]:
    """Return the keys with the scheme and host of *prefix* whose path begins with its path."""
    found: list[Key] = []
    for node in nodes:
        for name in node.listed(names.prefix("entry")):
            key = key_of_echo(echo_of(node.read((name,))[0]) or b"")
            if key and key[:2] == prefix[:2] and key[2].startswith(prefix[2]):
                found.append(key)
    return found


def some_keys(
    nodes: Sequence[Node], names: Names, place: str, most: int
) -> tuple[list[tuple[Key, str]], str]:
    """Return some of the keys, and the place of those after them (`stores.Browsing`).

    A key is what a record says; who reads the entry under it checks that. Raises StoreError.
    """
    number, _, within = place.partition("-")
    at = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 0
    if at >= len(nodes):
        return [], ""
    node, prefix = nodes[at], names.prefix("entry")
    if not isinstance(node, Begun):
        node.listed(prefix)
        raise AssertionError(f"{node.name} lists all it holds, or nothing")
    begun, following = node.begun(prefix, within, most, LENGTH)
    keys = [(key_of_echo(echo_of(record) or b""), after) for record, after in begun]
    found = [(key, f"{at}-{after}") for key, after in keys if key is not None]
    if following:
        return found, f"{at}-{following}"
    return found, f"{at + 1}-" if at + 1 < len(nodes) else ""
