"""The marks of cookies in a shared store, one small record each (see `stores.marks`).

A mark is a random word that never occurs twice. If one is lost, what was stored with it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from uuid import uuid4

from wsgicache.stores import StoreError
from wsgicache.stores.shared.names import Name, Names
from wsgicache.stores.shared.nodes import LONGEST, Node
from wsgicache.stores.shared.records import seal, unseal

__all__ = ["SharedMarks"]


class SharedMarks:
    """The marks on the nodes that *route* returns.

    *odd* is called for a value that is no record of ours.
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

    def mark(self, cookies: str) -> str:
        """Return the mark of *cookies*, or an empty string if they have none."""
        name = self._name(cookies)
        node = self._route(name.text)
        record = node.read((name.text,))[0]
        if record is None:
            # If a node cannot add a mark atomically, the mark begins before the app is asked.
            return "" if node.atomic else self.first_mark(cookies)
        opened = unseal(record, name.echo, self._secret)
        if opened is None or type(opened[0]) is not str:
            self._odd("mark")
            return ""
        return opened[0]

    def first_mark(self, cookies: str) -> str:
        """Return a mark for *cookies* without one; an empty string if they have one meanwhile."""
        name, mark = self._name(cookies), uuid4().hex
        record = seal(name.echo, mark, (), self._secret)
        return mark if self._route(name.text).swap(name.text, record, None, LONGEST) else ""

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* a new mark. Raises if their node cannot be reached."""
        name = self._name(cookies)
        record = seal(name.echo, uuid4().hex, (), self._secret)
        node = self._route(name.text)
        try:
            node.write(name.text, record, LONGEST)
        except StoreError:  # perhaps it has no room; a mark that is gone has ended, too
            node.remove(name.text)

    def _name(self, cookies: str) -> Name:
        """Return a name for *cookies*, which are secrets and are written nowhere."""
        presented = cookies.encode("utf-8", "surrogatepass")
        digest = blake2b(presented, key=self._secret, digest_size=20, person=b"cookies")
        return self._names.of("mark", digest.hexdigest())
