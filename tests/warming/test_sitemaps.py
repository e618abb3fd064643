"""Sitemaps: what is read from them, and what is refused."""

from __future__ import annotations

import gzip
import zlib

import pytest

from wsgicache.warming import sitemaps
from wsgicache.warming.sitemaps import SitemapError, parsed, urls_of

SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*urls: str, space: str = SPACE) -> bytes:
    rows = "".join(f"<url><loc> {url} </loc><lastmod>2026-01-01</lastmod></url>" for url in urls)
    return f"<?xml version='1.0'?><urlset {space}>{rows}</urlset>".encode()


def index(*urls: str) -> bytes:
    rows = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f"<sitemapindex {SPACE}>{rows}</sitemapindex>".encode()


@pytest.mark.parametrize(
    ("text", "pages", "maps"),
    [
        (urlset("http://a/?x=1&amp;y=2", "http://a/b"), ["http://a/?x=1&y=2", "http://a/b"], []),
        (urlset("http://a/", space=""), ["http://a/"], []),
        (gzip.compress(urlset("http://a/")), ["http://a/"], []),
        (index("http://a/1.xml", "http://a/2.xml"), [], ["http://a/1.xml", "http://a/2.xml"]),
        (urlset(), [], []),
        # Another vocabulary has a loc as well.
        (
            f'<urlset {SPACE} xmlns:i="http://www.google.com/schemas/sitemap-image/1.1">'
            "<url><i:image><i:loc>http://a/i.png</i:loc></i:image><loc>http://a/</loc>"
            "<i:loc>http://a/j.png</i:loc></url></urlset>".encode(),
            ["http://a/"],
            [],
        ),
        (urlset("http://a/").decode().encode("utf-16"), ["http://a/"], []),
    ],
)
def test_what_is_in_a_sitemap(text: bytes, pages: list[str], maps: list[str]) -> None:
    assert parsed(text) == (pages, maps)


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    b"<urlset><url><loc>&b;</loc></url></urlset>"
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "no DOCTYPE"),
        (BOMB.decode().encode("utf-16"), "no DOCTYPE"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><urlset/>', "no DOCTYPE"),
        (b"<html></html>", "urlset or a sitemapindex"),
        (b"<urlset>", "must be XML"),
        (b"", "must be XML"),
        (b"\x1f\x8bno", "must be gzip"),
        (zlib.compress(b"x" * 2000, wbits=31), "1000 bytes at most"),
        (b" " * 1001, "1000 bytes at most"),
        (urlset(*["http://a/"] * 6), "5 URLs at most"),
    ],
)
def test_what_is_refused(text: bytes, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemaps, "LARGEST", 1000)
    monkeypatch.setattr(sitemaps, "MOST_URLS", 5)
    with pytest.raises(SitemapError, match=why):
        parsed(text)


def test_an_index_that_names_itself_ends_and_one_without_end_is_refused() -> None:
    maps = {"1": index("1", "2"), "2": urlset("http://a/")}
    assert list(urls_of(index("1"), maps.__getitem__)) == ["http://a/"]
    with pytest.raises(SitemapError, match="1000 sitemaps at most"):
        list(urls_of(index("0"), lambda url: index(f"{url}0")))
