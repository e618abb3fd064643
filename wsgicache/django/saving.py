"""Purge what shows an object when that object changes, after COMMIT and not before.

Before COMMIT another request still reads the old rows. Its page would be stored after the purge,
and stay for its whole lifetime.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.db.transaction import on_commit

from wsgicache.arguments import argument, flags
from wsgicache.django.door import cache, given_options
from wsgicache.django.options import hosts_of
from wsgicache.rules.checks import must_be, several, text

__all__ = ["purge_on_save", "unknown_hosts"]

Names = Iterable[str] | Callable[[Any], Iterable[str]]
_FUNCTION = "purge_on_save"
_LOG = logging.getLogger("wsgicache")
_AT_HOME = ("localhost", "127.0.0.1", "[::1]")
"""The hosts that Django serves under DEBUG without ALLOWED_HOSTS."""
_by_path: list[Any] = []
"""The models whose paths are purged."""


def purge_on_save(
    model: Any, *, groups: Names = (), urls: Names | None = None, soft: bool = False
) -> None:
    """Purge after COMMIT when an object of *model* was saved or deleted, or its relations changed.

    *groups* are purged, and *urls*: paths, for all hosts of the site, or absolute URLs. Each may be
    a function of the object. Without *urls* that is ``get_absolute_url()`` of the object, if it has
    one. With *soft* they become stale. What fails is logged. Raises TypeError or ValueError.
    """
    flags(_FUNCTION, soft=soft)
    if not isinstance(model, type) or not hasattr(model, "_meta"):
        raise TypeError(must_be(argument(_FUNCTION, "model"), "a model, a class", model))
    if urls is None and hasattr(model, "get_absolute_url"):
        urls = _own_url
    if not groups and not urls:
        kind = "groups=… or urls=…, as the model has no get_absolute_url()"
        raise ValueError(must_be(f"the arguments of {_FUNCTION}()", kind, model))
    for name, given in (("groups", groups), ("urls", urls)):
        if not callable(given):
            _listed(name, given or ())
    if urls:
        _by_path.append(model)
    watching = _Watching(model, groups, urls or (), soft)
    post_save.connect(watching.changed, sender=model, weak=False)
    post_delete.connect(watching.changed, sender=model, weak=False)
    m2m_changed.connect(watching.related, weak=False)


def unknown_hosts() -> list[str]:
    """Return the ALLOWED_HOSTS that name no single host, if a path has to be purged for them."""
    options = getattr(settings, "WSGICACHE", None)
    is_named = isinstance(options, Mapping) and "HOSTS" in options
    if not _by_path or is_named or apps.is_installed("django.contrib.sites"):
        return []
    return [host for host in settings.ALLOWED_HOSTS if host[:1] in "*."]


class _Watching:
    """What a change of an object of *model* purges."""

    def __init__(self, model: Any, groups: Names, urls: Names, soft: bool) -> None:
        self._model = model
        self._groups = groups
        self._urls = urls
        self._soft = soft

    def changed(self, instance: Any, using: str, raw: bool = False, **kwargs: Any) -> None:
        """Purge after COMMIT what shows *instance*, which was saved or deleted."""
        if raw:  # A fixture may be saved before the rows that it refers to.
            _after_commit(using, self._schedule, instance, using)
        else:
            self._schedule(instance, using)

    def related(
        self, instance: Any, action: str, model: Any, pk_set: Any, using: str, **kwargs: Any
    ) -> None:
        """Purge after COMMIT what shows objects whose many-to-many relations changed."""
        if not action.startswith("post_"):
            return
        if isinstance(instance, self._model):
            self._schedule(instance, using)
        if issubclass(model, self._model):
            for one in model._base_manager.using(using).filter(pk__in=pk_set or ()):
                self._schedule(one, using)

    def _schedule(self, instance: Any, using: str) -> None:
        """Find out now what to purge, as a deleted object has no key later; purge after COMMIT."""
        if names := _listed("groups", self._groups, instance):
            _after_commit(using, _purge_groups, names, self._soft)
        for url in _absolute(_listed("urls", self._urls, instance)):
            _after_commit(using, _purge, url, self._soft)


def _after_commit(using: str, do: Callable[..., None], *arguments: Any) -> None:
    """Call *do* after COMMIT. What it raises is logged, as the save is done."""

    def purging() -> None:
        try:
            do(*arguments)
        except Exception:
            _LOG.exception("a purge after COMMIT failed: old pages may stay for their lifetime")

    on_commit(purging, using=using)


def _purge_groups(names: tuple[str, ...], soft: bool) -> None:
    cache.purge_groups(*names, soft=soft)


def _purge(url: str, soft: bool) -> None:
    cache.purge(url, soft=soft, both_schemes=True)


def _own_url(instance: Any) -> list[str]:
    url = instance.get_absolute_url()
    return [str(url)] if url else []


def _listed(name: str, given: Names, *instance: Any) -> tuple[str, ...]:
    names = given(*instance) if callable(given) else given
    return several(argument(_FUNCTION, name), names, text, "['news']")


def _absolute(urls: Iterable[str]) -> list[str]:
    """Return *urls* with a scheme and a host: a path becomes one URL for each host."""
    found: dict[str, None] = {}
    for url in urls:
        url = url.partition("#")[0]
        if url.startswith("//"):
            found[f"http:{url}"] = None
        elif url.startswith("/"):
            found.update(dict.fromkeys(f"http://{host}{url}" for host in _hosts()))
        else:
            found[url] = None
    return list(found)


def _hosts() -> list[str]:
    """Return the hosts of the site, and that of the first request of this process."""
    hosts = list(hosts_of(given_options().get("HOSTS", ())))
    if not hosts and apps.is_installed("django.contrib.sites"):
        from django.contrib.sites.models import Site

        hosts = list(Site.objects.values_list("domain", flat=True))
    elif not hosts:
        allowed = settings.ALLOWED_HOSTS or (_AT_HOME if settings.DEBUG else ())
        hosts = [host for host in allowed if host[:1] not in "*."]
        hosts += [host[1:] for host in allowed if host[:1] == "."]
    origin = cache._purging.origin  # With the port, which ALLOWED_HOSTS does not have.
    return list(dict.fromkeys([*hosts, *([origin[1]] if origin else [])]))
