"""The names of records in a store that others use, too.

A name is the namespace, the version of the record format, the kind of thing and a digest:
``shop:3e:5f0c…``. The record holds what the digest is made of (its *echo*), and every read compares
it. So no collision, by accident or on purpose, answers for another URL.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

from wsgicache.rules.bounds import Remembered
from wsgicache.rules.checks import text
from wsgicache.rules.keys import Key

__all__ = ["FORMAT", "Name", "Names", "key_of_echo"]

FORMAT = "3"
"""The version of everything that is stored. Other versions have other names, so none reads,
replaces or removes what another has stored."""

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
KINDS = ("entry", "piece", "group", "state", "lease", "mark", "variant")


class Name(NamedTuple):
    """The name of a thing in a store."""

    text: str
    """At most 120 letters, digits and ``:_.-``."""
    echo: bytes
    """What the name is a digest of; the record holds it, too."""


class Names:
    """The names of records in one *namespace*: 1 to 64 letters, digits, ``_``, ``.`` and ``-``.

    Another *secret* makes other names, so a client without the secret cannot replace signed
    records. Raises TypeError or ValueError for a wrong argument.
    """

    def __init__(self, namespace: str, secret: bytes = b"") -> None:
        kind = "1 to 64 letters, digits, '_', '.' and '-', such as 'shop'"
        self.namespace = text("namespace", namespace, kind, _NAMESPACE)
        mark = blake2b(secret, digest_size=4, person=b"mark").hexdigest() if secret else ""
        self._kinds = {}
        for kind in KINDS:
            beginning = _joined(namespace, kind, mark)
            # The digest covers the kind, too: no URL can be chosen to collide with another kind.
            state = blake2b(beginning, digest_size=20, person=b"wsgicache")
            self._kinds[kind] = self.prefix(kind), beginning, state
        # PERF: a repeated name takes a tenth of the time.
        self._entries: Remembered[Key, Name] = Remembered(
            lambda key: self.of("entry", *key), 1024, 512
        )
        self.of_entry = self._entries.__getitem__
        """The name of the entry under a key."""

    def prefix(self, kind: str) -> str:
        """Return the beginning of all names of this *kind*."""
        return f"{self.namespace}:{FORMAT}{kind[0]}:"

    def of(self, kind: str, *parts: str) -> Name:
        """Return the name of the thing of this *kind* that *parts* identify."""
        prefix, beginning, state = self._kinds[kind]
        rest = _joined(*parts)
        state = state.copy()
        state.update(rest)
        return Name(prefix + state.hexdigest(), beginning + rest)


def _joined(*parts: str) -> bytes:
    """Return *parts*, each after its length, so that no other parts make the same bytes."""
    return "".join([f"{len(part)}:{part}" for part in parts]).encode("utf-8", "surrogatepass")


_PARTS = 7
"""Parts in the echo of an entry; a forged one may have any number."""


def key_of_echo(echo: bytes) -> Key | None:
    """Return the key of the entry with this *echo*, or None if it is invalid."""
    parts: list[str] = []
    try:
        text = echo.decode("utf-8", "surrogatepass")
        while text and len(parts) <= _PARTS:
            length, _, text = text.partition(":")
            parts.append(text[: int(length)])
            text = text[int(length) :]
        _, kind, _, scheme, host, path, query = parts
    except ValueError:
        return None
    return (scheme, host, path, query) if kind == "entry" else None
