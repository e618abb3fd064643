"""Django sites inside of the test process: one configuration, overridden for each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings


@contextlib.contextmanager
def django_site(patterns: Sequence[Any], middleware: Sequence[str], **more: Any) -> Iterator[Any]:
    """The WSGI app of a site with these URL patterns, this middleware and *more* settings."""
    if not settings.configured:
        settings.configure(SECRET_KEY="for tests only")
        django.setup()
    more = {"ALLOWED_HOSTS": ["*"], **more}  # others may have configured it before
    with override_settings(ROOT_URLCONF=tuple(patterns), MIDDLEWARE=list(middleware), **more):
        yield WSGIHandler()
