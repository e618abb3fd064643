"""``{% load wsgicache %}``: the URLs of static files, with versions."""

from __future__ import annotations

from django.template import Library
from django.templatetags.static import static
from django.utils.encoding import filepath_to_uri

from wsgicache.django.static import versions

__all__ = ["register", "version"]

register = Library()


def version(name: str) -> str:
    """Return the URL of the static file *name*, with its version where that is not in its name."""
    url: str = static(name)
    known = versions()
    if known is None or url != f"{known.prefix}{filepath_to_uri(name)}":
        return url
    found = known.version(name)
    return f"{url}?v={found}" if found else url


register.simple_tag(version)
