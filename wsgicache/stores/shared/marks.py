"""The marks of cookies in a shared store, one small record each (see `stores.marks`).

A mark is a random word, and no word comes twice: one that is lost ends what was stored with it.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from uuid import uuid4

from wsgicache.stores.shared.names import Name, Names
from wsgicache.stores.shared.nodes import LONGEST, Node
from wsgicache.stores.shared.records import seal, unseal

__all__ = ["SharedMarks"]


class SharedMarks:
    """The marks on the nodes that *route* tells; *odd* gets what is there and is no record."""

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
        """The mark of *cookies*; nothing where they have none."""
        name = self._name(cookies)
        node = self._route(name.text)
        record = node.read((name.text,))[0]
        if record is None:
            # Where a mark cannot be added atomically it begins before the application is asked.
            return "" if node.atomic else self.first_mark(cookies)
        opened = unseal(record, name.echo, self._secret)
        if opened is None or type(opened[0]) is not str:
            self._odd("mark")
            return ""
        return opened[0]

    def first_mark(self, cookies: str) -> str:
        """A mark for *cookies* that have had none so far; nothing where they have one meanwhile."""
        name, mark = self._name(cookies), uuid4().hex
        record = seal(name.echo, mark, (), self._secret)
        return mark if self._route(name.text).swap(name.text, record, None, LONGEST) else ""

    def end_mark(self, cookies: str) -> None:
        """Give *cookies* another mark. Raises where their node cannot be asked."""
        name = self._name(cookies)
        record = seal(name.echo, uuid4().hex, (), self._secret)
        self._route(name.text).write(name.text, record, LONGEST)

    def _name(self, cookies: str) -> Name:
        """What stands for *cookies*, which are secrets and stand nowhere."""
        presented = cookies.encode("utf-8", "surrogatepass")
        digest = blake2b(presented, key=self._secret, digest_size=20, person=b"cookies")
        return self._names.of("mark", digest.hexdigest())
