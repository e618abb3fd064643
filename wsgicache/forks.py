"""Renew locks and threads in the child of a fork.

The child has none of its parent's threads, and a lock that one of them held stays locked. So
everything with locks, or with work under way, begins anew there.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Protocol

__all__ = ["around", "in_child", "renew"]


class Renewed(Protocol):
    """An object that begins anew in the child."""

    def begin_in_child(self) -> None:
        """Make new locks, and forget all work under way."""


_all: weakref.WeakSet[Renewed] = weakref.WeakSet()


def renew(one: Renewed) -> None:
    """Let *one* begin anew in every child process, as long as it exists."""
    _all.add(one)


def in_child(do: Callable[[], object]) -> None:
    """Call *do* in every child process, before anything else there."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=do)


def around(before: Callable[[], object], after: Callable[[], object]) -> None:
    """Call *before* each fork, and *after* it in both processes."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)


def _begin() -> None:
    for one in list(_all):
        one.begin_in_child()


in_child(_begin)
