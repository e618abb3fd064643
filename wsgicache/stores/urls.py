"""Stores by URL: for settings, environment variables and the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from wsgicache.stores import Store
from wsgicache.stores.net.addresses import SERVERS, checked_timeout, names_a_server, shown

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

_DATABASE = re.compile(r"/?|/[0-9]{1,9}")
_PACKED = {"namespace", "generation_seconds", "limit"}


def opened(url: str, options: dict[str, Any]) -> Store:
    """The store that *url* names. Raises ValueError for what is none."""
    try:
        parts = urlsplit(url)
        make, known = _SCHEMES[parts.scheme]
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ValueError(f"{shown(url)} names no store: {_ALLOWED} are allowed") from None
    _check(url, parts)
    for name, text in _said(url, parts).items():
        if name not in known:
            raise ValueError(
                f"{shown(url)}: there is no option {name!r}; "
                f"{', '.join(sorted(known)) or 'none'} are allowed"
            )
        try:
            options = {name: OPTIONS[name](text), **options}
        except ValueError:
            raise ValueError(f"{shown(url)}: {name}={text!r} is no number") from None
    return make(parts, options)


def _check(url: str, parts: SplitResult) -> None:
    """Raise ValueError for what no store's URL has."""
    if any(char < " " or char == "\x7f" for char in url):
        raise ValueError(f"{shown(url)!r}: a URL without control characters is allowed")
    # urlsplit has ended the host at the first of these characters.
    if parts.netloc and "@" in url.partition("://")[2][len(parts.netloc) :]:
        raise ValueError(
            f"{shown(url)}: in a password /, ? and # are written %2F, %3F and %23, and @ is "
            "allowed before the host only"
        )
    if "#" in url:
        raise ValueError(f"{shown(url)}: a URL without a fragment (#…) is allowed; %23 is a #")


def _said(url: str, parts: SplitResult) -> dict[str, str]:
    """The options in *url*. Raises ValueError for what says none, or one twice."""
    try:
        pairs = parse_qsl(parts.query, True, bool(parts.query))
    except ValueError:
        raise ValueError(f"{shown(url)}: after the ? option=value&… is allowed") from None
    said = dict(pairs)
    if len(said) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(url)}: {twice} is allowed once")
    return said


def _memory(parts: SplitResult, options: dict[str, Any]) -> Store:
    from wsgicache.stores.memory import MemoryStore

    if parts.netloc or parts.path:
        raise ValueError(f"{shown(parts.geturl())}: memory://, without host and path, is allowed")
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
    servers = parts.netloc.split(",")
    if "@" in parts.netloc or not all(map(names_a_server, servers)):
        raise ValueError(
            f"{shown(parts.geturl())}: {SERVERS} are allowed, with commas between several, and "
            "no user and password"
        )
    namespace = unquote(parts.path.strip("/"))
    if namespace:
        if "namespace" in dict(parse_qsl(parts.query)):
            raise ValueError(f"{shown(parts.geturl())}: one namespace is allowed, and not two")
        options = {"namespace": namespace, **options}
    return MemcachedStore(servers, **options)


def _redis(parts: SplitResult, options: dict[str, Any]) -> Store:
    from wsgicache.stores.cachelib import CachelibStore

    try:
        from cachelib import RedisCache

        from wsgicache.stores.net.redis import client
    except ImportError:
        raise ValueError("for redis:// the package redis is needed: pip install redis") from None
    where = shown(parts.geturl())
    timeout = checked_timeout("store_from_url", options.pop("timeout", 0.1))
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "unix":
        if host or len(parts.path) < 2:
            raise ValueError(f"{where}: unix:///path is allowed")
    elif host and not names_a_server(host):
        raise ValueError(f"{where}: one server is allowed; {SERVERS} name it")
    elif _DATABASE.fullmatch(parts.path) is None:
        raise ValueError(
            f"{where}: after the host the number of a database is allowed, as /0, and nothing "
            "else; for a namespace there is ?namespace=…"
        )
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
    if isinstance(threshold, bool) or not isinstance(threshold, int):
        raise TypeError(f"store_from_url(threshold={threshold!r}): a number of files is allowed")
    if threshold < 0:
        raise ValueError(f"store_from_url(threshold={threshold!r}): 0 or more files are allowed")
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
