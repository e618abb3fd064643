"""The app that Django finds in ``wsgicache.django``."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import register

from wsgicache.django.checks import check_for_deployment, check_settings

__all__ = ["WsgicacheConfig"]

_BACKEND = "wsgicache.django.wagtail.Backend"


class WsgicacheConfig(AppConfig):
    """The app, which brings its checks and its commands."""

    name = "wsgicache.django"
    label = "wsgicache"
    verbose_name = "wsgicache"

    def ready(self) -> None:
        """Register the checks, and what purges pages of Wagtail if it names our backend."""
        register(check_settings)
        register(check_for_deployment, deploy=True)
        backends = getattr(settings, "WAGTAILFRONTENDCACHE", None) or {}
        if any(one.get("BACKEND") == _BACKEND for one in backends.values()):
            from wsgicache.django.wagtail import connect

            connect()
