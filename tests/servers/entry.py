"""What the servers load: one app twice, bare and in a cache.

A request with X-Bare asks the app itself and any other the cache, so every server shows in one
process what it does with either.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from typing import Any

from wsgicache import CacheMiddleware, Policy

Environ = dict[str, Any]

bare = importlib.import_module(f"tests.servers.apps.{os.environ['WSGICACHE_SITE_APP']}").app
cached = CacheMiddleware(bare, policy=Policy(max_content=8 << 20))


def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    chosen = bare if "HTTP_X_BARE" in environ else cached
    return chosen(environ, start_response)
