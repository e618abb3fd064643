"""The parts of a page: the frame, tables, and how numbers and texts of strangers are written.

What comes from outside goes through `shown`, and into HTML through MarkupSafe alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from unicodedata import category
from urllib.parse import urlencode

from markupsafe import Markup

__all__ = [
    "LONGEST", "Column", "count", "duration", "link", "page", "ratio", "shown", "size", "table",
    "token",
]  # fmt: skip

LONGEST = 300
"""Most characters of one text of strangers."""
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Categories of characters that cannot be seen, or that reverse what is beside them."""


class Column(NamedTuple):
    """A column of a table: its heading, and whether it has numbers."""

    heading: str
    is_number: bool = False


def shown(text: str, most: int = LONGEST) -> str:
    """Return *text* with its invisible characters made visible, and its middle left out if long."""
    if len(text) > most:
        head, tail = most * 2 // 3, most // 3
        text = f"{text[:head]} … {text[-tail:]} ({len(text):,} characters)"
    if text.isascii() and text.isprintable():
        return text
    return "".join([_visible(one) if category(one) in _UNSEEN else one for one in text])


def _visible(one: str) -> str:
    code = ord(one)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


# ── numbers ────────────────────────────────────────────────────────────────────────────────────


def count(number: int | None) -> str:
    """Return a whole *number* in groups of three digits."""
    return "–" if number is None else f"{number:,}"


def size(number: float) -> str:
    """Return a *number* of bytes."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return _with(f"{number:.0f}" if unit == "B" else f"{number:.1f}", unit)
        number /= 1024
    return _with(f"{number:.1f}", "TiB")


def ratio(number: float | None) -> str:
    """Return a part of a whole in percent, without 100 % for what is a little less."""
    if number is None:
        return "–"
    percent = f"{100 * min(number, 0.999) if number < 1 else 100:.1f}".removesuffix(".0")
    return _with(percent, "%")


def duration(seconds: float | None) -> str:
    """Return *seconds* in the unit that suits, and the next smaller one."""
    if seconds is None:
        return "–"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 1:
        return _with(f"{seconds * 1000:.{1 if seconds < 0.01 else 0}f}", "ms")
    if seconds < 60:
        return _with(f"{seconds:.1f}".removesuffix(".0"), "s")
    whole = int(seconds)
    for unit, smaller, length, part in _UNITS:
        if whole >= length:
            rest = whole % length // part
            first = _with(count(whole // length), unit)
            return f"{first} {_with(str(rest), smaller)}" if rest else first
    raise AssertionError(seconds)


_UNITS = (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1))


def _with(number: str, unit: str) -> str:
    """Return *number* and *unit*, never apart."""
    return f"{number}\N{NO-BREAK SPACE}{unit}"


# ── HTML ───────────────────────────────────────────────────────────────────────────────────────


def link(path: str, text: str | Markup, **query: str) -> Markup:
    """Return a link to a section of the page, or to another *path* below it."""
    where = f"{path}?{urlencode(query, errors='surrogatepass')}" if query else path
    return Markup('<a href="{}">{}</a>').format(where, text)


def token(text: str, meaning: str = "") -> Markup:
    """Return a word of Cache-Status; who points at it sees its *meaning*."""
    title = Markup(' title="{}"').format(meaning) if meaning else ""
    return Markup('<code class="token"{}>{}</code>').format(title, shown(text))


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    *,
    empty: str = "Nothing yet.",
    is_hidden: bool = False,
) -> Markup:
    """Return a table, whose rows begin with what they are about.

    On a narrow screen each row becomes a list of its cells, each with the heading of its column; so
    the roles are written down. *empty* stands in for a table without rows. The caption of a table
    under a heading that says the same *is_hidden*, except from screen readers.
    """
    heads = Markup("").join(
        Markup('<th role="columnheader" scope="col"{}>{}</th>').format(_kind(one), one.heading)
        for one in columns
    )
    lines = [
        Markup("").join(
            Markup(_CELL if place else _HEAD).format(_kind(one), one.heading, cell)
            for place, (one, cell) in enumerate(zip(columns, row, strict=True))
        )
        for row in rows
    ]
    if not lines:
        return Markup('<p class="empty">{}</p>').format(empty)
    body = Markup("").join(Markup('<tr role="row">{}</tr>\n').format(line) for line in lines)
    hidden = Markup(' class="unseen"') if is_hidden else ""
    return Markup(
        '<table role="table"><caption{}>{}</caption>'
        '<thead role="rowgroup"><tr role="row">{}</tr></thead>'
        '<tbody role="rowgroup">\n{}</tbody></table>\n'
    ).format(hidden, caption, heads, body)


_HEAD = '<th role="rowheader" scope="row"{} data-label="{}">{}</th>'
_CELL = '<td role="cell"{} data-label="{}">{}</td>'


def _kind(column: Column) -> Markup:
    return Markup(' class="number"' if column.is_number else "")


def page(
    title: str,
    body: Markup,
    sections: Iterable[tuple[str, str, bool]],
    *,
    style: str,
    script: str,
    icon: str,
    refreshes: int = 0,
) -> Markup:
    """Return the page with this *title* and *body*.

    *sections* are paths and titles, and whether the page is that section. *style*, *script* and
    *icon* are the paths of those. If the page *refreshes*, after so many seconds, the script brings
    up to date what is marked with ``data-refresh`` and has an id.
    """
    items = Markup("").join(
        Markup('<li><a href="{}"{}>{}</a></li>').format(
            path, Markup(' aria-current="page"') if is_here else "", name
        )
        for path, name, is_here in sections
    )
    return Markup(_PAGE).format(
        title=title,
        body=body,
        items=items,
        style=style,
        script=script,
        icon=icon,
        refreshes=Markup(' data-refreshes="{}"').format(refreshes) if refreshes else "",
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · wsgicache</title>
<link rel="icon" href="{icon}" type="image/svg+xml">
<link rel="stylesheet" href="{style}">
<script src="{script}" defer></script>
</head>
<body{refreshes}>
<a class="skip" href="#main">Skip to the content</a>
<header>
<p class="name">wsgicache</p>
<nav aria-label="Sections"><ul>{items}</ul></nav>
<p id="refreshing" role="status"></p>
</header>
<main id="main" tabindex="-1">
<h1>{title}</h1>
{body}</main>
</body>
</html>
"""
