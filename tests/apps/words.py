"""What both sites have in common: the pages' texts and lifetimes, and the origins they know."""

from __future__ import annotations

LANGUAGES = ("en", "de", "fr")
ORIGINS = ("https://shop.example", "https://partner.example")
FOREIGN = "https://foreign.example"
PADDING = "apple banana cherry " * 60
"""Enough for compression to begin."""

PUBLIC = "public, max-age=60"
SHARED = "s-maxage=60, max-age=0"
BRIEF = "max-age=60"
"""What authors write who mean "keep it for a minute", on personal pages too."""

SCRIPT = "console.log('" + PADDING + "');\n"
FRAGMENT = "<li>items</li>" + PADDING
PAGE = "<html><ul>" + FRAGMENT + "</ul></html>"


def news(number: int) -> str:
    """One article, the same for everybody."""
    return f"news {number} " + PADDING
