"""Describe the cache that an app has already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from wsgicache import CacheMiddleware, Policy
from wsgicache.cli.terminal import visible
from wsgicache.frameworks import with_their_names

__all__ = ["PROFILES", "said_of"]

PROFILES: dict[str, Callable[[], Policy]] = {"safe": Policy, "rfc": Policy.rfc}
_LONGEST_SHOWN = 60


def said_of(cache: CacheMiddleware) -> str:
    """Describe the store and the policy of *cache* in a few words.

    The policy is the nearest profile, and the options that differ from it.
    """
    differing = {
        profile: _differing(cache.policy, with_their_names(make()))
        for profile, make in PROFILES.items()
    }
    profile = min(differing, key=lambda name: len(differing[name]))
    but = ", ".join(differing[profile])
    policy = f"{profile} policy" + (f" except for {but}" if but else "")
    return f"{type(cache.store).__name__}, {visible(policy)}"


def _differing(policy: Policy, profile: Policy) -> list[str]:
    options = [option.name for option in fields(Policy) if option.init and option.repr]
    pairs = [(name, getattr(policy, name)) for name in options]
    changed = [(name, repr(value)) for name, value in pairs if value != getattr(profile, name)]
    return [f"{n}={text if len(text) <= _LONGEST_SHOWN else '…'}" for n, text in changed]
