"""Purge what shows an object when that object changes, after COMMIT and not before.

Before COMMIT another request still reads the old rows. Its page would be stored after the purge,
and stay for its whole lifetime.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.db.models.base import ModelState
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.db.transaction import on_commit
from django.utils.translation import override

from wsgicache.arguments import argument, flags
from wsgicache.django import door
from wsgicache.django.hosts import absolute
from wsgicache.rules.checks import must_be, several, text

__all__ = ["after_commit", "purge_on_save", "watched_paths"]

Names = Iterable[str] | Callable[[Any], Iterable[str]]
_FUNCTION = "purge_on_save"
_LOG = logging.getLogger("wsgicache")
_BEFORE = "_wsgicache_before"
"""The attribute of an object that is being changed: what showed it before, by watch."""
_by_path: list[Any] = []


def purge_on_save(
    model: Any, *, groups: Names = (), urls: Names | None = None, soft: bool = False
) -> None:
    """Purge after COMMIT when an object of *model* was saved or deleted, or its relations changed.

    *groups* are purged, and *urls*: paths, for all hosts of the site, or absolute URLs. Each may be
    a function of the object; what it returned before the change counts, too. If it reads more than
    the primary key, that is one query before each save. Without *urls* that is
    ``get_absolute_url()`` of the object, if it has one. With *soft* they become stale. What fails
    is logged. Models that inherit from *model* count. Raises TypeError or ValueError.
    """
    flags(_FUNCTION, soft=soft)
    if not isinstance(model, type) or not hasattr(model, "_meta"):
        raise TypeError(must_be(argument(_FUNCTION, "model"), "a model, a class", model))
    if urls is None and hasattr(model, "get_absolute_url"):
        urls = _own_urls
    if not groups and not urls:
        kind = "groups=… or urls=…, as the model has no get_absolute_url()"
        raise ValueError(must_be(f"the arguments of {_FUNCTION}()", kind, model))
    for name, given in (("groups", groups), ("urls", urls)):
        if not callable(given):
            _listed(name, given or ())
    if urls:
        _by_path.append(model)
    # Signals of a proxy come from the model that has the table.
    watch = _Watch(getattr(model._meta, "concrete_model", None) or model, groups, urls or (), soft)
    pre_save.connect(watch.before_save, weak=False)
    post_save.connect(watch.after_save, weak=False)
    pre_delete.connect(watch.before_delete, weak=False)
    post_delete.connect(watch.after_delete, weak=False)
    m2m_changed.connect(watch.related, weak=False)


def watched_paths() -> list[Any]:
    """Return the models whose paths are purged."""
    return _by_path


class _Shown(NamedTuple):
    """Where an object is shown."""

    groups: tuple[str, ...]
    urls: tuple[str, ...]


class _Watch:
    """What a change of an object of *model* purges."""

    def __init__(self, model: Any, groups: Names, urls: Names, soft: bool) -> None:
        self._model = model
        self._groups = groups
        self._urls = urls
        self._soft = soft

    def before_save(
        self, sender: Any, instance: Any, using: str, raw: bool = False, **kwargs: Any
    ) -> None:
        """Note where *instance* is shown as the database has it, if it is there."""
        if raw or not issubclass(sender, self._model) or not self._depends():
            return
        if instance.pk is None or (instance._state.adding and instance._meta.pk.has_default()):
            return
        self._note(instance, (_before(instance, using),))

    def after_save(
        self, sender: Any, instance: Any, using: str, raw: bool = False, **kwargs: Any
    ) -> None:
        """Purge after COMMIT what shows *instance*, which was saved."""
        if not issubclass(sender, self._model):
            return
        if raw:  # A fixture may be saved before the rows that it refers to.
            after_commit(using, lambda: self._purge([self._shown(instance)]))
        else:
            self._schedule(using, [*self._noted(instance)[1], self._shown(instance)])

    def before_delete(self, sender: Any, instance: Any, **kwargs: Any) -> None:
        """Note where *instance* is shown while its relations are there."""
        if issubclass(sender, self._model):
            self._note(instance, (instance,))

    def after_delete(self, sender: Any, instance: Any, using: str, **kwargs: Any) -> None:
        """Purge after COMMIT what showed *instance*, which was deleted."""
        if issubclass(sender, self._model):
            self._schedule(using, self._noted(instance)[1])

    def related(
        self,
        sender: Any,
        instance: Any,
        action: str,
        reverse: bool,
        model: Any,
        pk_set: Any,
        using: str,
        **kwargs: Any,
    ) -> None:
        """Purge after COMMIT what shows objects whose many-to-many relations change.

        *sender* is the table between *instance* and the others, which are of *model*.
        """
        if action.startswith("pre_"):
            changed = [instance] if isinstance(instance, self._model) else []
            if issubclass(model, self._model):
                manager = model._base_manager.using(using)
                if pk_set is None:  # all of them, by clear()
                    changed += _others(manager, sender, instance, reverse)
                else:
                    changed += manager.filter(pk__in=pk_set)
            self._note(instance, changed)
        else:
            changed, shown = self._noted(instance)
            self._schedule(using, [*shown, *map(self._shown, changed)])

    def _depends(self) -> bool:
        """Return whether what is purged depends on the object."""
        return callable(self._groups) or callable(self._urls)

    def _shown(self, instance: Any) -> _Shown:
        return _Shown(
            _found("groups", self._groups, instance), _found("urls", self._urls, instance)
        )

    def _note(self, instance: Any, changed: Iterable[Any]) -> None:
        """Note on *instance* which objects change with it, and where they are shown."""
        changed = list(changed)
        noted = vars(instance).setdefault(_BEFORE, {})
        noted[id(self)] = changed, list(map(self._shown, changed))

    def _noted(self, instance: Any) -> tuple[list[Any], list[_Shown]]:
        noted = vars(instance).get(_BEFORE, {})
        found: tuple[list[Any], list[_Shown]] = noted.pop(id(self), ([], []))
        if not noted:
            vars(instance).pop(_BEFORE, None)
        return found

    def _schedule(self, using: str, shown: list[_Shown]) -> None:
        if shown:
            after_commit(using, lambda: self._purge(shown))

    def _purge(self, shown: list[_Shown]) -> None:
        if groups := dict.fromkeys(name for one in shown for name in one.groups):
            _tried(partial(door.cache.purge_groups, *groups, soft=self._soft))
        for url in absolute(dict.fromkeys(url for one in shown for url in one.urls)):
            _tried(partial(door.cache.purge, url, soft=self._soft, both_schemes=True))


def _others(manager: Any, table: Any, instance: Any, reverse: bool) -> Iterator[Any]:
    """Yield those whom *table* relates to *instance*; with *reverse* their model has the field."""
    for field in (manager.model if reverse else type(instance))._meta.many_to_many:
        if field.remote_field.through is table:
            if reverse:
                yield from manager.filter(**{field.name: instance})
            else:
                known = getattr(instance, field.name).values_list("pk", flat=True)
                yield from manager.filter(pk__in=list(known))


class _NotThereError(Exception):
    """An object is not in the database yet."""


_READ = "refresh_from_db"
"""The method with which Django reads a field that an object lacks."""


def _before(instance: Any, using: str) -> Any:
    """Return the object that *instance* is in the database, which is read when a field is needed.

    Until then it has its primary key only, and nothing that an ``__init__`` sets.
    """
    model: Any = type(instance)
    was = model.__new__(model)
    was._state = ModelState()
    was._state.adding, was._state.db = False, using
    for field in model._meta.pk_fields:
        vars(was)[field.attname] = getattr(instance, field.attname)

    def gone(*args: Any, **kwargs: Any) -> None:
        raise _NotThereError

    def read(*args: Any, **kwargs: Any) -> None:
        found = model._base_manager.using(using).filter(pk=was.pk).first()
        if found is None:
            vars(was)[_READ] = gone
            gone()
        del vars(was)[_READ]
        vars(was).update(vars(found))

    vars(was)[_READ] = read
    return was


def after_commit(using: str, purging: Callable[[], object]) -> None:
    """Call *purging* after COMMIT. What it raises is logged, as the save is done."""
    on_commit(partial(_tried, purging), using=using)


def _tried(purging: Callable[[], object]) -> None:
    try:
        purging()
    except Exception:
        _LOG.exception("a purge after COMMIT failed: old pages may stay for their lifetime")


def _found(name: str, given: Names, instance: Any) -> tuple[str, ...]:
    """Return what is *given* for *instance*. What that raises is logged: the save goes on.

    Otherwise an object without a URL could not be mended or deleted.
    """
    try:
        try:
            return _listed(name, given, instance)
        except Exception:
            if _READ not in vars(instance):
                raise
            vars(instance)[_READ]()
            return _listed(name, given, instance)
    except _NotThereError:
        return ()
    except Exception:
        _LOG.exception("the %s of an object are not known: old pages may stay", name)
        return ()


def _own_urls(instance: Any) -> list[str]:
    """Return what ``get_absolute_url()`` says, in each language where URLs begin with one."""
    urls = getattr(settings, "ROOT_URLCONF", None)
    if not settings.USE_I18N or urls is None or not is_language_prefix_patterns_used(urls)[0]:
        return [str(url)] if (url := instance.get_absolute_url()) else []
    found = list[str]()
    for code, _ in settings.LANGUAGES:
        with override(code):
            found += [str(url)] if (url := instance.get_absolute_url()) else []
    return found


def _listed(name: str, given: Names, *instance: Any) -> tuple[str, ...]:
    names = given(*instance) if callable(given) else given
    return several(argument(_FUNCTION, name), names, text, "['news']")
