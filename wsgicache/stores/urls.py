"""Stores by URL: for settings, environment variables and the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from wsgicache.stores import Store

OPTIONS: dict[str, Callable[[str], object]] = {
    "namespace": str,
    "generation_seconds": float,
    "timeout": float,
    "idle": int,
    "limit": int,
    "max_bytes": int,
    "threshold": int,
}
"""What may stand after the ``?``; each scheme takes those that its store has."""

_PACKED = {"namespace", "generation_seconds", "limit"}


def opened(url: str, options: dict[str, Any]) -> Store:
    """The store that *url* names. Raises ValueError for what is none."""
    try:
        parts = urlsplit(url)
        said = dict(parse_qsl(parts.query, True, bool(parts.query)))
        make, known = _SCHEMES[parts.scheme]
    except (ValueError, KeyError, AttributeError):
        raise ValueError(f"{shown(url)} names no store: {_ALLOWED} are allowed") from None
    for name, text in list(said.items()):
        if name in known:
            try:
                options = {name: OPTIONS[name](text), **options}
            except ValueError:
                raise ValueError(f"{shown(url)}: {name}={text!r} is no number") from None
            del said[name]
    if said:
        raise ValueError(
            f"{shown(url)}: there is no option {next(iter(said))!r}; "
            f"{', '.join(sorted(known)) or 'none'} are allowed"
        )
    return make(parts, options)


def shown(url: object) -> str:
    """*url* for people, without what may be a password."""
    text = str(url)
    before, at, after = text.rpartition("@")
    return f"{before.partition('://')[0]}://…@{after}" if at else text


def _memory(parts: SplitResult, options: dict[str, Any]) -> Store:
    from wsgicache.stores.memory import MemoryStore

    return MemoryStore(**options)


def _memcached(parts: SplitResult, options: dict[str, Any]) -> Store:
    from wsgicache.stores.memcached import MemcachedStore

    if parts.scheme == "memcacheds" and "tls" not in options:
        import ssl

        options = {"tls": ssl.create_default_context(), **options}
    if not parts.netloc and len(parts.path) < 2:
        raise ValueError(f"{shown(parts.geturl())}: memcached://host:port/namespace is allowed")
    if not parts.netloc:
        return MemcachedStore(unquote(parts.path), **options)
    namespace = unquote(parts.path.strip("/"))
    if namespace:
        options = {"namespace": namespace, **options}
    return MemcachedStore(parts.netloc.split(","), **options)


def _redis(parts: SplitResult, options: dict[str, Any]) -> Store:
    from wsgicache.stores.cachelib import CachelibStore

    try:
        from cachelib import RedisCache

        from wsgicache.stores.redis import client
    except ImportError:
        raise ValueError("for redis:// the package redis is needed: pip install redis") from None
    timeout = options.pop("timeout", 0.1)
    if not timeout > 0:
        raise ValueError(f"{shown(parts.geturl())}: timeout={timeout!r} is not above 0")
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    try:
        cache = RedisCache(client(parts.scheme, url, timeout))
    except ValueError as error:
        raise ValueError(f"{shown(url)}: {error}") from None
    return CachelibStore(cache, **options)


def _file(parts: SplitResult, options: dict[str, Any]) -> Store:
    from cachelib import FileSystemCache

    from wsgicache.stores.cachelib import CachelibStore

    if parts.netloc or not parts.path:
        raise ValueError(f"{shown(parts.geturl())}: file:///directory is allowed")
    threshold = options.pop("threshold", 10_000)
    return CachelibStore(FileSystemCache(unquote(parts.path), threshold=threshold), **options)


Make = Callable[[SplitResult, dict[str, Any]], Store]
_REDIS: tuple[Make, set[str]] = (_redis, _PACKED | {"timeout"})
_MEMCACHED: tuple[Make, set[str]] = (_memcached, _PACKED | {"timeout", "idle"})
_SCHEMES: dict[str, tuple[Make, set[str]]] = {
    "memory": (_memory, {"max_bytes"}),
    "memcached": _MEMCACHED,
    "memcacheds": _MEMCACHED,
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
    "file": (_file, _PACKED | {"threshold"}),
}
_ALLOWED = "memory://, memcached://host:port,…/namespace, redis://host:port/0 and file:///directory"
