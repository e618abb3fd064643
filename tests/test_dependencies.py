"""The private names of dependencies that the package uses. setup.cfg has an upper bound for each
package; where a row fails, a new version has moved what the row names."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest

PRIVATE = [
    ("werkzeug._reloader", "run_with_reloader", ["main_func", "extra_files", "exclude_patterns"]),
    ("pymemcache.client.base", "PooledClient._create_client", ["self"]),
    ("pymemcache.client.base", "Client._connect", ["self"]),
    ("cachelib.file", "FileSystemCache._safe_stream_open", ["self", "path", "mode"]),
    ("redis.connection", "Connection._connect", ["self"]),
]


@pytest.mark.parametrize(("module", "path", "first"), PRIVATE, ids=[row[1] for row in PRIVATE])
def test_a_private_name_is_still_there(module: str, path: str, first: list[str]) -> None:
    found: Any = import_module(module)
    for name in path.split("."):
        assert hasattr(found, name), f"{module} has no {path} any more"
        found = getattr(found, name)
    assert list(inspect.signature(found).parameters)[: len(first)] == first


def test_a_redis_cache_still_has_its_client() -> None:
    from cachelib import RedisCache
    from redis import Redis

    client = Redis()
    assert RedisCache(client)._write_client is client
