"""The URLs in a sitemap, and in those that an index of sitemaps names (sitemaps.org).

A sitemap is text from elsewhere: it has no document type, and so no entities, and a size.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import NoReturn
from xml.parsers import expat

__all__ = ["SitemapError", "parsed", "urls_of"]

LARGEST = 50 * 1024 * 1024
"""Most bytes of a sitemap, uncompressed: as many as the protocol knows."""
MOST_URLS = 50_000
"""Most URLs of a sitemap."""
MOST_SITEMAPS = 1000
"""Most sitemaps of an index, and of those that it names."""
_GZIP = b"\x1f\x8b"
_SPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


class SitemapError(ValueError):
    """A sitemap that cannot be read."""


def urls_of(first: bytes, ask: Callable[[str], bytes]) -> Iterator[str]:
    """Yield the URLs in the sitemap *first*, and in each that it names, which *ask* returns.

    Raises SitemapError, and what *ask* raises.
    """
    known: set[str] = set()
    queue = [first]
    while queue:
        pages, sitemaps = parsed(queue.pop(0))
        yield from pages
        for url in sitemaps:
            if url not in known:
                known.add(url)
                if len(known) > MOST_SITEMAPS:
                    raise SitemapError(f"an index must name {MOST_SITEMAPS} sitemaps at most")
                queue.append(ask(url))


def parsed(text: bytes) -> tuple[list[str], list[str]]:
    """Return the URLs of the pages and of the sitemaps in a sitemap, which may be compressed.

    Raises SitemapError.
    """
    if text[:2] == _GZIP:
        text = _unpacked(text)
    if len(text) > LARGEST:
        raise SitemapError(f"a sitemap must have {LARGEST} bytes at most")
    found: dict[str, list[str]] = {"url": [], "sitemap": []}
    path: list[str] = []
    location: list[str] = []

    def begin(name: str, attributes: object) -> None:
        space, _, local = name.rpartition(" ")
        path.append(local if space in ("", _SPACE) else name)
        if len(path) == 1 and local not in ("urlset", "sitemapindex"):
            raise SitemapError(f"a sitemap must be a urlset or a sitemapindex, got {local!r}")
        if path[1:] in (["url", "loc"], ["sitemap", "loc"]):
            location.clear()

    def read(data: str) -> None:
        if path[-1:] == ["loc"]:
            location.append(data)

    def end(name: str) -> None:
        if path[2:] == ["loc"] and path[1] in found and (url := "".join(location).strip()):
            found[path[1]].append(url)
            if len(found[path[1]]) > MOST_URLS:
                raise SitemapError(f"a sitemap must have {MOST_URLS} URLs at most")
        path.pop()

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = begin
    parser.CharacterDataHandler = read
    parser.EndElementHandler = end
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise SitemapError(f"a sitemap must be XML: {error}") from None
    return found["url"], found["sitemap"]


def _refuse(*declared: object) -> NoReturn:
    raise SitemapError("a sitemap must have no DOCTYPE, which could define entities")


def _unpacked(text: bytes) -> bytes:
    """Return what a gzip file contains, but not much more than a sitemap may have."""
    unpacking = zlib.decompressobj(wbits=31)
    try:
        return unpacking.decompress(text, LARGEST + 1)
    except zlib.error as error:
        raise SitemapError(f"a sitemap that begins like gzip must be gzip: {error}") from None
