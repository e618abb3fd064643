"""Test an application through the cache: clients, a clock, and assertions that explain themselves.

The fixtures of the pytest plugin return what is here; `unittest` may use it, too.
"""

from __future__ import annotations

from wsgicache.testing.asserts import (
    assert_differs_for,
    assert_hit,
    assert_not_stored,
    assert_purged,
    assert_same_for,
    assert_stored,
)
from wsgicache.testing.clocks import CacheClock
from wsgicache.testing.sites import CachedApp, CachedClient

__all__ = [
    "CacheClock",
    "CachedApp",
    "CachedClient",
    "assert_differs_for",
    "assert_hit",
    "assert_not_stored",
    "assert_purged",
    "assert_same_for",
    "assert_stored",
]
