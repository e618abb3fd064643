"""The app that Django finds in ``wsgicache.django``."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register

from wsgicache.django.checks import check_for_deployment, check_settings

__all__ = ["WsgicacheConfig"]


class WsgicacheConfig(AppConfig):
    """The app, which brings its checks and its commands."""

    name = "wsgicache.django"
    label = "wsgicache"
    verbose_name = "wsgicache"

    def ready(self) -> None:
        """Register the checks."""
        register(check_settings)
        register(check_for_deployment, deploy=True)
