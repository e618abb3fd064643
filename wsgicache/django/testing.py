"""A test client that goes through the cache, as visitors do.

Django's own calls the views without ``wsgi.py``, and never meets the cache. Here as there, a test
case uses it as ``client_class``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.servers.basehttp import get_internal_wsgi_application
from django.test import Client as DjangoClient

from wsgicache.django.door import get_wsgi_application
from wsgicache.rules.checks import must_be
from wsgicache.testing.clocks import CacheClock
from wsgicache.testing.sites import CachedApp, DjangoHandler
from wsgicache.why.layers import own_cache

__all__ = ["Client"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


class Client(DjangoClient):
    """Django's test client, through the cache of the project, which begins empty with each.

    With *beside*, a client like this, it is one more visitor of the same cache, with cookies of its
    own. The other options are those of Django's. Raises TypeError.
    """

    cache_clock: CacheClock
    """The clock of the cache, which ``advance(minutes=5)`` moves."""
    cached_app: CachedApp
    """The application with the cache in front."""
    handler: Any

    def __init__(self, *, beside: Client | None = None, **options: Any) -> None:
        super().__init__(**options)
        _check(beside)
        if beside is None:
            self.cache_clock = CacheClock()
            self.cached_app = CachedApp(_application(), self.cache_clock)
        else:
            self.cache_clock, self.cached_app = beside.cache_clock, beside.cached_app
        self.handler = DjangoHandler(self.cached_app, self.handler.enforce_csrf_checks)


def _check(beside: object) -> None:
    if beside is not None and not isinstance(beside, Client):
        kind = "a Client of wsgicache.django.testing"
        raise TypeError(must_be("beside of Client()", kind, beside))


def _application() -> WSGIApplication:
    """Return what ``WSGI_APPLICATION`` names; where that has no cache, the one of the settings."""
    app: WSGIApplication = get_internal_wsgi_application()
    if own_cache(app) is None and hasattr(settings, "WSGICACHE"):
        return get_wsgi_application()
    return app
