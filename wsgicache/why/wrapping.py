"""Is each middleware on its right side of the cache, and is there one cache?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from wsgicache.middleware import CacheMiddleware
from wsgicache.why.layers import is_a, name_of
from wsgicache.why.setup import Finding, Setup, found

__all__ = ["WRAPPING"]

_COMPRESSES = re.compile(
    r"(?:g?zip(?:per)?|compress(?:or|ion)?|brotli|deflate|zstd)(?:_?middleware)?", re.IGNORECASE
)
"""The whole name of a class or function that compresses."""


def _no_cache(setup: Setup) -> Iterator[Finding]:
    within = any(isinstance(layer, CacheMiddleware) for layer in setup.inside)
    if setup.cache is None and not within:
        yield found(
            "no-cache",
            "there is no cache around this application; what follows is for Policy()",
            "app = CacheMiddleware(app)",
        )


def _off(setup: Setup) -> Iterator[Finding]:
    if setup.cache is None:
        return
    switch = setup.cache._off_file
    if not setup.cache.enabled:
        what, line = "the cache is off", "unset WSGICACHE, or cache.enabled = True"
        yield found("off", what, line)
    elif switch is not None and switch.is_there():
        name = setup.policy.off_file
        yield found("off", f"the cache is off, since there is a file {name}", f"rm {name}")


def _two_caches(setup: Setup) -> Iterator[Finding]:
    for layer in setup.inside:
        if isinstance(layer, CacheMiddleware) and layer.policy.name == setup.policy.name:
            if setup.cache is None:
                return
            yield found(
                "two-caches",
                "the cache wraps another one of the same name",
                'leave one of them out; if both are meant, name one: Policy(name="near")',
            )


def _proxy_fix(setup: Setup) -> Iterator[Finding]:
    layer: Any
    for layer in _inside(setup):
        if is_a(layer, "werkzeug.middleware.proxy_fix", "ProxyFix"):
            named = ("x_proto", "x_host", "x_port", "x_prefix")
            options = {n: getattr(layer, n) for n in ("x_for", *named) if getattr(layer, n)}
            if any(name in options for name in named):
                given = ", ".join(f"{name}={value}" for name, value in options.items())
                yield found(
                    "proxy-fix-inside",
                    f"ProxyFix({given}) is inside of the cache",
                    f"application = ProxyFix(CacheMiddleware(application), {given})",
                )


def _sessions(setup: Setup) -> Iterator[Finding]:
    for layer in setup.path[:-1]:
        if type(layer).__name__ == "SessionMiddleware":
            yield found(
                "session-outside",
                f"{name_of(type(layer))} is outside of the cache",
                "application = CacheMiddleware(SessionMiddleware(application, …))",
            )


def _compression(setup: Setup) -> Iterator[Finding]:
    for layer in setup.path[:-1]:
        name = getattr(layer, "__name__", type(layer).__name__)
        gzipper = is_a(layer, "paste.gzipper", "middleware")
        if gzipper or _COMPRESSES.fullmatch(name):
            yield found(
                "compression-outside",
                f"{name_of(layer)} is outside of the cache",
                "application = CacheMiddleware(compressing(application)); it must send Vary",
            )


def _debugger(setup: Setup) -> Iterator[Finding]:
    for layer in _inside(setup):
        if is_a(layer, "werkzeug.debug", "DebuggedApplication"):
            yield found(
                "debugger-inside",
                "DebuggedApplication is inside of the cache",
                "DebuggedApplication(CacheMiddleware(app, policy=Policy(debug=True)))",
            )


def _whitenoise(setup: Setup) -> Iterator[Finding]:
    for layer in _inside(setup):
        if is_a(layer, "whitenoise.base", "WhiteNoise"):
            yield found(
                "whitenoise-inside",
                "WhiteNoise is inside of the cache",
                "application = WhiteNoise(CacheMiddleware(application), root=…)",
            )


def _inside(setup: Setup) -> list[object]:
    """Return what is inside of the cache; nothing without a cache."""
    return [] if setup.cache is None else setup.inside


WRAPPING = (
    *(_no_cache, _off, _two_caches, _proxy_fix, _sessions, _compression),
    *(_debugger, _whitenoise),
)
