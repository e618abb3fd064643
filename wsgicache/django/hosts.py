"""The hosts under which visitors see the site, as far as the settings and the database say."""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.conf import settings

from wsgicache.django.door import cache, given_options
from wsgicache.django.options import hosts_of
from wsgicache.stores import Browsing, StoreError

__all__ = ["absolute", "origin_of_site", "unclear_hosts"]

_AT_HOME = ("localhost", "127.0.0.1", "[::1]")
"""The hosts that Django serves under DEBUG without ALLOWED_HOSTS."""
_MOST_READ = 100
"""How many keys of the store are read for their hosts."""


def absolute(urls: Iterable[str], asked: bool = True) -> list[str]:
    """Return *urls* with a scheme and a host: a path becomes one URL for each host.

    With *asked* the host of the first request of this process counts, too, and its port for each;
    for a process without requests, such as a command, the hosts of some pages in the store.
    """
    found: dict[str, None] = {}
    first = cache._purging.origin if asked else None
    more = _like(first[1]) if first else _stored() if asked else []
    for url in urls:
        url = url.partition("#")[0]
        if url.startswith("//"):
            found[f"http:{url}"] = None
        elif url.startswith("/"):
            found.update(dict.fromkeys(f"http://{host}{url}" for host in [*_hosts(), *more]))
        else:
            found[url] = None
    return list(found)


def _like(first: str) -> list[str]:
    """Return the host *first*, and its port at each other host: ALLOWED_HOSTS has none."""
    if not (port := _port(first)):
        return [first]
    return [first, *(f"{host}:{port}" for host in _hosts() if not _port(host))]


def _stored() -> list[str]:
    """Return the hosts of some pages in the store, with their ports."""
    store: object = cache.store
    try:
        keys = store.some_keys("", _MOST_READ)[0] if isinstance(store, Browsing) else []
    except StoreError:
        return []
    return list(dict.fromkeys(key[1] for key, _ in keys))


def _port(host: str) -> str:
    last = host.rpartition(":")[2]
    return last if last.isdecimal() else ""


def origin_of_site() -> str:
    """Return scheme and host of the site, for commands that ask it for a path."""
    scheme = "https" if settings.SECURE_SSL_REDIRECT else "http"
    return f"{scheme}://{next(iter(_hosts()), _AT_HOME[0])}"


def unclear_hosts() -> list[str]:
    """Return the ALLOWED_HOSTS that name no single host, if the hosts of the site are those."""
    if hosts_of(given_options().get("HOSTS", ())) or apps.is_installed("django.contrib.sites"):
        return []
    return [host for host in settings.ALLOWED_HOSTS if host[:1] in "*."]


def _hosts() -> list[str]:
    """Return those named in the settings, else all sites, else ALLOWED_HOSTS."""
    if named := hosts_of(given_options().get("HOSTS", ())):
        return list(named)
    if apps.is_installed("django.contrib.sites"):
        from django.contrib.sites.models import Site

        return list(Site.objects.order_by("pk").values_list("domain", flat=True))
    allowed = settings.ALLOWED_HOSTS or (_AT_HOME if settings.DEBUG else ())
    hosts = [host for host in allowed if host[:1] not in "*."]
    return [*hosts, *(host[1:] for host in allowed if host[:1] == ".")]
