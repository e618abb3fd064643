"""What browsers do with a response, as a table: a column for each browser that was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf

from markupsafe import Markup

from wsgicache.dashboard.markup import Column, duration, table
from wsgicache.rules.model import FieldLines
from wsgicache.why.browsers import AS_IT_WAS, ASKS, BROWSERS, CHECKS, OWN_COPY, Copy, Page, Seen

__all__ = ["column"]

_WORDS = {
    OWN_COPY: "its own copy, no request",
    CHECKS: "asks whether its copy is still good",
    ASKS: "asks for all of it",
    AS_IT_WAS: "the page as it was left, no request",
}
_UNLOAD = re.compile(rb"\bonunload\b|addEventListener\(\s*[\"'`]unload[\"'`]")
_LOGGED_OUT = ("cookie",)


def column(status: str, fields: FieldLines, now: float, content: bytes = b"") -> Markup:
    """Return what browsers do with a response that they get *now*; *content* may be a part of it.

    Where all browsers do the same, they share a column.
    """
    kind = next((value for name, value in fields if name.lower() == "content-type"), "")
    is_page = "html" in kind.lower()
    page = Page(has_unload=bool(_UNLOAD.search(content)))
    answers = {
        f"{browser.name} {browser.version}": list(
            _answers(Seen(browser, status, fields, now), page, is_page)
        )
        for browser in BROWSERS
    }
    names, columns = list(answers), list(answers.values())
    if all(one == columns[0] for one in columns):
        names, columns = [" and ".join(names)], columns[:1]
    heads = [Column("what the visitor does"), *map(Column, names)]
    rows = [(cells[0][0], *(cell[1] for cell in cells)) for cells in zip(*columns, strict=True)]
    return table("What browsers do with it, as measured in these versions", heads, rows)


def _answers(seen: Seen, page: Page, is_page: bool) -> Iterator[tuple[str, str]]:
    """Yield what the visitor does, and what the browser does then."""
    copy = seen.copy(page)
    yield "keeps the browser open", _kept(seen, copy)
    yield "follows a link to it", _WORDS[copy.link]
    if not is_page:
        yield "reloads a page that shows it", _WORDS[copy.part]
        return
    yield "reloads", _WORDS[copy.reload]
    yield "reloads with the Shift key", _WORDS[copy.hard_reload]
    yield "goes Back", _WORDS[copy.back]
    yield "goes Back, the page has been dropped", _WORDS[copy.back_anew]
    left = seen.copy(Page(page.has_unload, _LOGGED_OUT))
    cleared = seen.copy(Page(page.has_unload, _LOGGED_OUT, cleared=True))
    yield "logs out and goes Back", _left(left.back, left.back_anew)
    yield "logs out with Clear-Site-Data, goes Back", _left(cleared.back, cleared.back_anew)
    yield "logs out and follows a link to it", _left(left.link)


def _kept(seen: Seen, copy: Copy) -> str:
    if not seen.is_kept:
        return "keeps nothing"
    if not copy.seconds:
        return "keeps it, and asks each time"
    if copy.seconds == inf:
        return "answers from it for ever"
    guessed = " (guessed from Last-Modified)" if seen.is_heuristic else ""
    behind = f", then asks behind it for {duration(copy.behind)}" if copy.behind else ""
    left = copy.seconds - seen.age
    rest = f"; {duration(max(left, 0))} of that are left" if seen.age >= 1 else ""
    return f"answers from it for {duration(copy.seconds)}{guessed}{behind}{rest}"


def _left(*ways: str) -> str:
    """Return whether the page is still there after a logout; *ways* are those to come to it."""
    shown = [way in (AS_IT_WAS, OWN_COPY) for way in ways]
    if not any(shown):
        return "asks: it is gone"
    return "still shows it" if shown[0] else "shows it if the page has been dropped"
