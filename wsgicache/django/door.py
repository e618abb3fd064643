"""The cache of a process that runs a Django project: made once, by its settings."""

from __future__ import annotations

import logging
import threading
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application as django_application
from django.utils.functional import SimpleLazyObject

from wsgicache.django.options import (
    clock_of,
    function_of,
    options_of,
    policy_of,
    routes_of,
    store_of,
)
from wsgicache.django.static import static_routes
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.checks import must_be

__all__ = ["cache", "get_wsgi_application", "given_options"]

_LOG = logging.getLogger("django.wsgicache")
"""Below Django's own logger, which shows this on the console under DEBUG without any set-up."""
_lock = threading.RLock()
_made: list[CacheMiddleware] = []


def given_options() -> Any:
    """Return ``settings.WSGICACHE``. Raises ImproperlyConfigured where there is none."""
    try:
        return settings.WSGICACHE
    except AttributeError:
        kind = "a dict, which may be empty"
        message = must_be("settings.WSGICACHE", kind, None)
        raise ImproperlyConfigured(f"{message}: there is no cache without it") from None


def get_wsgi_application() -> CacheMiddleware:
    """Return Django's application with the cache of this process in front.

    It takes the place of Django's function in ``wsgi.py``. Under DEBUG the store is a new one in
    memory, so that each start and each reload begins with nothing; in tests, too. Each call returns
    the same cache. Raises ImproperlyConfigured for wrong settings.
    """
    with _lock:
        if not _made:
            _made.append(_make())
        return _made[0]


def _make() -> CacheMiddleware:
    app = django_application()
    given = given_options()
    in_tests = hasattr(mail, "outbox")  # which Django puts there for tests
    try:
        options = options_of(given)
        made = CacheMiddleware(
            app,
            store=store_of(options, settings.DEBUG or in_tests),
            policy=policy_of(options.get("POLICY", {}), settings.DEBUG),
            clock=clock_of(options.get("CLOCK")),
            runner=function_of("RUNNER", options.get("RUNNER")),
            routes=(*routes_of(options.get("ROUTES", ())), *static_routes()),
            purge_token=options.get("PURGE_TOKEN"),
            counters=None if in_tests else options.get("COUNTERS"),
            observer=function_of("OBSERVER", options.get("OBSERVER")),
        )
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(str(error)) from error
    if settings.DEBUG:
        _LOG.info("wsgicache: DEBUG is on, so this process has an empty cache of its own")
    return made


def _of_this_process() -> CacheMiddleware:
    apps.check_models_ready()  # Django cannot make an application while it loads the apps.
    return get_wsgi_application()


cache = cast(CacheMiddleware, SimpleLazyObject(_of_this_process))
"""The cache of this process, made at its first use. Any module may import it."""
