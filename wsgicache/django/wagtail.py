"""Wagtail's front-end cache: what editors change purges the cache of this site, without a network.

``WAGTAILFRONTENDCACHE`` names the `Backend`. Then each page also belongs to groups, by which a
change purges it under every URL: with a query, below a page that moves, or with an image of its.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import router
from django.db.models.signals import post_delete, post_save, pre_delete
from wagtail import hooks
from wagtail.contrib.frontend_cache.backends import BaseBackend
from wagtail.models import Page, PageViewRestriction, ReferenceIndex, Site
from wagtail.signals import page_published, page_slug_changed, page_unpublished, post_page_move

from wsgicache.controls.control import current
from wsgicache.controls.decorators import cache_groups, never_cache
from wsgicache.django.door import cache as own_cache
from wsgicache.django.hosts import absolute
from wsgicache.django.saving import after_commit

__all__ = ["ALL_PAGES", "Backend", "connect", "group_of"]

ALL_PAGES = "wagtail-pages"
"""The group of all pages of Wagtail."""


def group_of(page: Any) -> str:
    """Return the group of a *page*, which may be its primary key."""
    return f"wagtail-page-{getattr(page, 'pk', page)}"


class Backend(BaseBackend):
    """A front-end cache for ``WAGTAILFRONTENDCACHE``: the cache of this site.

    A URL is purged after COMMIT for http and https, and its path for each host of the site, too.
    What fails is logged.
    """

    def purge(self, url: str) -> None:
        """Purge *url* after COMMIT."""
        self.purge_batch([url])

    def purge_batch(self, urls: Iterable[str]) -> None:
        """Purge *urls* after COMMIT."""
        urls = list(urls)
        for url in absolute([*urls, *map(_path_of, urls)]):
            _after_commit(partial(own_cache.purge, url, both_schemes=True))


def connect() -> None:
    """Put pages into groups when they are served, and purge these when editors change something."""
    hooks.register("on_serve_page", _serving, order=-1)
    for signal in (page_published, page_unpublished):
        signal.connect(_page_changed)
    for signal in (post_page_move, page_slug_changed):
        signal.connect(_page_moved)
    for signal in (post_save, post_delete):
        signal.connect(_restricted, sender=PageViewRestriction)
        signal.connect(_site_changed, sender=Site)
    # A deleted object is no longer known where it was shown.
    for signal in (post_save, pre_delete):
        signal.connect(_object_changed)


def _path_of(url: str) -> str:
    _, _, path, query, _ = urlsplit(url)
    return f"{path or '/'}{'?' if query else ''}{query}"


def _serving(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Return the view of a page in front of *callback*: its response belongs to groups."""

    def serve(page: Any, request: Any, args: Any, kwargs: Any) -> Any:
        current().say(cache_groups(group_of(page), ALL_PAGES))
        response = callback(page, request, args, kwargs)
        if hasattr(response, "add_post_render_callback"):
            response.add_post_render_callback(lambda response: _forbid_for_editors(request))
        else:
            _forbid_for_editors(request)
        return response

    return serve


def _forbid_for_editors(request: Any) -> None:
    """Forbid to store what an editor sees, with the userbar.

    Who asks is looked up only where the page itself did, as the page varies by the cookies then.
    """
    session = getattr(request, "session", None)
    if session is None or not session.accessed:
        return
    if request.user.has_perm("wagtailadmin.access_admin"):
        current().say(never_cache)


def _page_changed(instance: Any, **kwargs: Any) -> None:
    _purge_pages([instance], [instance.get_parent()])


def _page_moved(
    instance: Any, parent_page_before: Any = None, parent_page_after: Any = None, **kwargs: Any
) -> None:
    parents = [parent_page_before or instance.get_parent(), parent_page_after]
    _purge_pages(instance.get_descendants(inclusive=True), parents)


def _restricted(instance: Any, **kwargs: Any) -> None:
    """Purge what was for all, and is now for some."""
    _purge_pages(instance.page.get_descendants(inclusive=True), [instance.page.get_parent()])


def _site_changed(**kwargs: Any) -> None:
    _after_commit(partial(own_cache.purge_groups, ALL_PAGES))


def _object_changed(sender: Any, instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Purge the pages that show an image, a document or a snippet."""
    if not raw and sender in _shown_on_pages():
        _purge_pages([instance])


def _shown_on_pages() -> list[Any]:
    """Return the models of what editors put on pages."""
    found: list[Any] = []
    if apps.is_installed("wagtail.images"):
        from wagtail.images import get_image_model

        found.append(get_image_model())
    if apps.is_installed("wagtail.documents"):
        from wagtail.documents import get_document_model

        found.append(get_document_model())
    if apps.is_installed("wagtail.snippets"):
        from wagtail.snippets.models import get_snippet_models

        found += get_snippet_models()
    return found


def _purge_pages(changed: Iterable[Any], besides: Iterable[Any] = ()) -> None:
    """Purge after COMMIT what *changed*, the pages that refer to it, and those *besides*."""
    changed = list(changed)
    pages = _referring(changed)
    pages |= {page.pk for page in (*changed, *besides) if isinstance(page, Page)}
    if groups := [group_of(page) for page in sorted(pages)]:
        _after_commit(partial(own_cache.purge_groups, *groups))


def _referring(objects: Iterable[Any]) -> set[Any]:
    """Return the keys of the pages that refer to *objects*, themselves or by other objects."""
    pages: set[Any] = set()
    queue, seen = list(objects), set()
    while queue:
        for reference in ReferenceIndex.get_references_to(queue.pop()):
            kind = ContentType.objects.get_for_id(reference.base_content_type_id)
            model, key = kind.model_class(), (kind.pk, reference.object_id)
            if model is None or key in seen:
                continue
            seen.add(key)
            one = model(pk=model._meta.pk.to_python(reference.object_id))
            if isinstance(one, Page):
                pages.add(one.pk)
            else:
                queue.append(one)
    return pages


def _after_commit(purging: Callable[[], object]) -> None:
    after_commit(router.db_for_write(Page), purging)
