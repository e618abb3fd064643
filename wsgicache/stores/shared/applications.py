"""Which application does this process store for, and does another one use the same names?"""

from __future__ import annotations

from wsgicache.reporting import log

__all__ = ["LONGEST_NAME", "NAMESPACE", "Application"]

NAMESPACE = "wsgicache"
"""The default namespace: only there can two applications meet by mistake."""
LONGEST_NAME = 200


class Application:
    """The application of one store: its name, or an empty string if it is unknown."""

    def __init__(self) -> None:
        self.name = ""
        self._warned = False

    def serve(self, name: str) -> None:
        """Take *name*, unless there is one: a store may serve several applications on purpose."""
        self.name = self.name or name[:LONGEST_NAME]

    def meet(self, other: str) -> None:
        """Log it, once, if *other* is another application."""
        if self._warned or not self.name or not other or self.name == other:
            return
        self._warned = True
        log.warning(
            "the applications %r and %r store under the same names, and each may answer with pages "
            "of the other: give each a namespace of its own, as memcached://host:port/NAMESPACE "
            "or redis://host:port/0?namespace=NAMESPACE (if one was renamed, purge everything)",
            self.name,
            other,
        )
