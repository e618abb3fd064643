"""The section about what is stored: a search, and what is stored for one URL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from wsgicache.dashboard.markup import Column, count, duration, link, shown, size, table
from wsgicache.dashboard.sections import Answer, Asked
from wsgicache.dashboard.stored import freshness, stored_for
from wsgicache.rules.keys import Key, url_of
from wsgicache.rules.model import CacheEntry, StoredResponse
from wsgicache.stores import Browsing, StoreError

__all__ = ["answer"]

_ROWS = 50
"""Rows of a page."""
_AT_ONCE = 1_000
"""Keys that a store lists at once."""
_MOST_LOOKED_AT = 20_000
"""Keys that are looked at for one page: a search goes on on the next one."""
_MOST_GROUPS = 5
_LONGEST_TEXT = 8_000
"""Most characters of what is searched."""
_LONGEST_URL = 160
"""Most characters of a URL in the list; the page about it has all."""


class Row(NamedTuple):
    """An entry in the list."""

    key: Key
    entry: CacheEntry


class Found(NamedTuple):
    """What a search has found."""

    rows: list[Row]
    place: str
    """Where it goes on; empty at the end."""
    looked_at: int
    """How many keys it looked at."""
    trouble: str = ""
    """Why the store did not list what it holds."""


def answer(asked: Asked) -> Answer:
    """Return what is stored: for one URL, or all that fits a search."""
    if url := asked.query.get("url", ""):
        return stored_for(asked, url)
    text, host = asked.query.get("q", "").strip(), asked.query.get("host", "").strip()
    found = _found(asked, text, host, asked.query.get("at", ""))
    return Answer(_form(text, host) + _listed(asked, found, text, host))


# ── searching ──────────────────────────────────────────────────────────────────────────────────


def _found(asked: Asked, text: str, host: str, place: str) -> Found:
    """Return what of the store fits *text* and *host*, from *place* on."""
    store = asked.cache.store
    rows = list(_exact(asked, text)) if not place else []
    known = {row.key for row in rows}
    if not isinstance(store, Browsing):
        return Found(rows, "", 0, f"{type(store).__name__} cannot list what it holds.")
    wanted, host = text.lower(), host.lower()
    looked_at = 0
    try:
        while looked_at < _MOST_LOOKED_AT:
            most = min(_AT_ONCE, _MOST_LOOKED_AT - looked_at)
            keys, following = store.some_keys(place, most)
            for key, after in keys:
                looked_at += 1
                if key in known or not _fits(key, wanted, host):
                    continue
                entry = store.get(key)
                if entry is None or not entry.responses:
                    continue
                known.add(key)
                rows.append(Row(key, entry))
                if len(rows) >= _ROWS:
                    return Found(rows, following if after == keys[-1][1] else after, looked_at)
            place = following
            if not place:
                break
    except StoreError as error:
        return Found(rows, "", looked_at, f"{error}.")
    except Exception as error:
        return Found(rows, "", looked_at, f"The store failed: {type(error).__name__}: {error}")
    return Found(rows, place, looked_at)


def _fits(key: Key, text: str, host: str) -> bool:
    """Return whether the URL of *key* has *text* in it, and *host* in its host."""
    if host and host not in key[1]:
        return False
    return not text or text in url_of(key).lower() or text in f"{key[2]}?{key[3]}".lower()


def _exact(asked: Asked, text: str) -> Iterator[Row]:
    """Yield what is stored for *text*, if that is a URL; every store finds that."""
    if not text.lower().startswith(("http://", "https://")):
        return
    try:
        for key in asked.cache._purging.keys_at(text):
            entry = asked.cache.store.get(key)
            if entry is not None and entry.responses:
                yield Row(key, entry)
    except Exception:  # no URL; or the store fails, and the list says so
        return


# ── showing ────────────────────────────────────────────────────────────────────────────────────


def _form(text: str, host: str) -> Markup:
    return Markup(
        '<form role="search" action="entries" method="get"><div class="fields">\n'
        '<label>URL, or a part of it <input type="search" name="q" value="{}"></label>\n'
        '<label>Host, or a part of it <input type="search" name="host" value="{}"></label>\n'
        '<button class="main">Search</button></div></form>\n'
    ).format(shown(text, _LONGEST_TEXT), shown(host, _LONGEST_TEXT))


def _listed(asked: Asked, found: Found, text: str, host: str) -> Markup:
    now = asked.cache.clock.now()
    columns = [
        Column("URL"),
        Column("variants", is_number=True),
        Column("status", is_number=True),
        Column("age", is_number=True),
        Column("bytes", is_number=True),
        Column("freshness"),
        Column("groups"),
    ]
    rows = [_row(row, now) for row in found.rows]
    parts = [_trouble(found), _summary(asked, found)]
    empty = "Nothing was found." if text or host else "Nothing is stored."
    if not found.trouble or rows:
        parts.append(table("What is stored", columns, rows, empty=empty, is_hidden=True))
    parts.append(_pager(asked, found, text, host))
    return Markup("").join(parts)


def _row(row: Row, now: float) -> Sequence[object]:
    stored = _newest(row.entry)
    url = url_of(row.key)
    # Every response weighs, and the newest one speaks for the others.
    total = sum(one.length for one in row.entry.responses.values())
    where = link("entries", shown(url, _LONGEST_URL), url=url)
    if stored is None:
        return where, count(len(row.entry.responses)), "–", "–", size(total), "–", ""
    groups = ", ".join(shown(group, 60) for group in stored.groups[:_MOST_GROUPS])
    more = len(stored.groups) - _MOST_GROUPS
    return (
        where,
        count(len(row.entry.responses)),
        shown(stored.status[:3]),
        duration(max(now - stored.generated_at, 0.0)),
        size(total),
        freshness(stored, now),
        f"{groups} and {more} more" if more > 0 else groups,
    )


def _newest(entry: CacheEntry) -> StoredResponse | None:
    """Return the newest response as a whole, or None if it is lost."""
    return entry.responses.get(next(reversed(entry.responses)))


def _trouble(found: Found) -> Markup:
    if not found.trouble:
        return Markup()
    return Markup(
        '<p class="alert">This store does not list what it holds. {} A whole URL finds what is '
        "stored for it.</p>\n"
    ).format(shown(found.trouble))


def _summary(asked: Asked, found: Found) -> Markup:
    held = asked.cache.stats().store.entries
    if found.trouble or not held:
        return Markup()
    # Entries that were emptied are there, too, and so are parts.
    of = f" of about {count(held)}" if held > found.looked_at else ""
    rows = "1 URL" if len(found.rows) == 1 else f"{count(len(found.rows))} URLs"
    if not found.place:
        return Markup('<p class="note">{}, up to the end of the list.</p>\n').format(rows)
    return Markup('<p class="note">{}; {}{} were looked at for this page.</p>\n').format(
        rows, count(found.looked_at), of
    )


def _pager(asked: Asked, found: Found, text: str, host: str) -> Markup:
    links = []
    if asked.query.get("at"):
        links.append(link("entries", "To the beginning", q=text, host=host))
    if found.place:
        what = "More" if len(found.rows) >= _ROWS else "Search on"
        links.append(link("entries", what, q=text, host=host, at=found.place))
    if not links:
        return Markup()
    return Markup('<nav class="pager" aria-label="Pages">{}</nav>\n').format(
        Markup("\n").join(links)
    )
