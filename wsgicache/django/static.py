"""The versions of the files that ``collectstatic`` has put into STATIC_ROOT."""

from __future__ import annotations

import os

from django.conf import settings

from wsgicache.controls.routes import Route
from wsgicache.controls.static import StaticVersions

__all__ = ["static_routes", "versions"]

_WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
_known: dict[tuple[str, str], StaticVersions] = {}
"""The versions of each directory and prefix, of which the settings have one."""


def versions() -> StaticVersions | None:
    """Return the versions of the files in STATIC_ROOT, if they are served at a path of this site.

    Under DEBUG there are none, as runserver serves the files from elsewhere.
    """
    root, url = settings.STATIC_ROOT, settings.STATIC_URL
    is_path = isinstance(url, str) and url[:1] == "/" != url[1:2] and "*" not in url
    if settings.DEBUG or not is_path or not root or not os.path.isdir(root):
        return None
    return _made(os.fspath(root), url)


def static_routes() -> tuple[Route, ...]:
    """Return the route that makes files with versions immutable, if Django serves them."""
    known = versions() if _WHITENOISE in settings.MIDDLEWARE else None
    return () if known is None else (known.route,)


def _made(root: str, prefix: str) -> StaticVersions:
    if (root, prefix) not in _known:
        _known[root, prefix] = StaticVersions(root, prefix)
    return _known[root, prefix]
