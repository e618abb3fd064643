"""The URLs of the page about the cache, for ``include("wsgicache.django.urls")``."""

from __future__ import annotations

from django.urls import re_path

from wsgicache.django.dashboard import dashboard

__all__ = ["urlpatterns"]

urlpatterns = [re_path("^(?P<place>.*)$", dashboard)]
