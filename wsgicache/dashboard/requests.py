"""The section of the last requests, as they come."""

from __future__ import annotations

import os
from collections.abc import Iterator
from time import gmtime, strftime

from markupsafe import Markup

from wsgicache.dashboard.charts import key
from wsgicache.dashboard.markup import count, duration, link, shown, token
from wsgicache.dashboard.recent import Recent, Row, recent_of
from wsgicache.dashboard.sections import Answer, Asked
from wsgicache.why.brief import brief

__all__ = ["PATH", "answer"]

PATH = "requests"
_FILTERS = {
    "": "all",
    "asked": "application asked",
    "unstored": "not stored",
}


def answer(asked: Asked) -> Answer:
    """Return the last requests; the parameter ``only`` names a filter."""
    recent = recent_of(asked.cache)
    recent.leave_out(asked.environ.get("SCRIPT_NAME", ""))
    recent.watch()
    only = asked.query.get("only", "")
    only = only if only in _FILTERS else ""
    body = Markup(
        '{}{}<section id="requests" aria-label="Requests" data-refresh>\n{}</section>\n'
    ).format(_introduction(asked, recent), _filters(only), _listed(asked, recent, only))
    return Answer(body, refreshes=True, seconds=1)


def _introduction(asked: Asked, recent: Recent) -> Markup:
    since = strftime("%H:%M:%S", gmtime(recent.since or 0))
    ends = "" if recent.is_kept else " It ends ten minutes after the last look at this page."
    return Markup(
        '<p class="note" id="recorded" data-refresh>Recorded since {} UTC, {}.{} Queries, cookies '
        "and addresses are not recorded. What a page fetched is below it, if the browser says what "
        "fetched it; so two visitors of one page may share a row.</p>\n"
    ).format(since, _by(asked), ends)


def _by(asked: Asked) -> Markup:
    """Return which process has recorded the requests, and that others have their own."""
    processes = asked.cache.stats().processes
    if processes < 2 and not asked.environ.get("wsgi.multiprocess"):
        return Markup("in the memory of this process")
    all_of = f"one of {count(processes)}" if processes > 1 else "one of several"
    return Markup(
        "<strong>by process {} alone, {}:</strong> each records its own requests, and the server "
        "chooses which one answers here"
    ).format(os.getpid(), all_of)


def _filters(only: str) -> Markup:
    items = Markup("").join(
        Markup("<li>{}</li>").format(
            Markup('<strong aria-current="true">{}</strong>').format(name)
            if one == only
            else link(PATH, name, **({"only": one} if one else {}))
        )
        for one, name in _FILTERS.items()
    )
    return Markup('<nav aria-label="Filter"><ul class="filter">{}</ul></nav>\n').format(items)


def _matches(row: Row, only: str) -> bool:
    what = row.what
    if only == "asked":
        return what.outcome != "hit"
    if only == "unstored":
        return what.outcome == "refused" or (what.outcome == "bypass" and what.forward != "method")
    return True


def _listed(asked: Asked, recent: Recent, only: str) -> Markup:
    items = []
    for row in recent.rows():
        parts = [part for part in recent.parts(row) if _matches(part, only)]
        if parts or _matches(row, only):
            below = _fetched(asked, row, parts, bool(only)) if parts else ""
            items.append(
                Markup('<li>{}<p class="facts">{}</p>{}</li>\n').format(
                    _request(asked, row), _space.join(_facts(asked, row)), below
                )
            )
    if not items:
        return Markup('<p class="empty">{}</p>\n').format(
            "No such request yet." if only else "No request yet."
        )
    return Markup('<ol class="requests" reversed>\n{}</ol>\n').format(Markup("").join(items))


def _request(asked: Asked, row: Row) -> Markup:
    what = row.what
    text = Markup("<code>{} {}{}</code>").format(
        shown(what.method),
        shown(what.url.removeprefix(asked.origin)),
        "?…" if what.has_query else "",
    )
    if _can_be_asked(asked, row):
        text = link("url", text, url=what.url)
    return Markup('<p class="request">{}{}</p>').format(text, _times(row))


def _can_be_asked(asked: Asked, row: Row) -> bool:
    """Return whether the sections that ask for a URL can ask for this one."""
    what = row.what
    return what.method == "GET" and not what.has_query and what.url.startswith(f"{asked.origin}/")


def _times(row: Row) -> Markup:
    if row.count == 1:
        return Markup()
    return Markup(' <b class="times">×{}</b>').format(count(row.count))


def _facts(asked: Asked, row: Row) -> Iterator[str]:
    """Yield what the last request of *row* came to, and why."""
    what = row.what
    said = brief(what.outcome, what.forward, what.detail, row.ttl)
    yield strftime("%H:%M:%S", gmtime(row.at))
    yield what.status
    yield key(what.outcome) + Markup("<b>{}</b>").format(said.label)
    if row.age is not None:
        yield f"age {duration(max(1, int(row.age)))}" if row.age >= 1 else "age 0 s"
    if what.outcome != "hit":
        yield f"application {duration(row.spent)}"
    if reason := what.detail or what.forward:
        word = token(reason)
        yield link("explain", word, url=what.url) if _can_be_asked(asked, row) else word
    yield said.reason
    if said.cure:
        yield Markup('<span class="note">{}</span>').format(said.cure)


def _fetched(asked: Asked, row: Row, parts: list[Row], is_open: bool) -> Markup:
    """Return what the page of *row* fetched."""
    items = Markup("").join(
        Markup('<li>{}<p class="facts">{}</p></li>\n').format(
            _request(asked, part), _space.join(_facts(asked, part))
        )
        for part in parts
    )
    return Markup(
        '<details id="fetched-{}"{}><summary>{} fetched</summary>\n<ol>\n{}</ol>\n{}</details>'
    ).format(
        row.number,
        Markup(" open") if is_open else "",
        count(sum(part.count for part in parts)),
        items,
        _left_out(row),
    )


def _left_out(row: Row) -> Markup:
    if not row.left_out:
        return Markup()
    return Markup('<p class="note">{} more had no room.</p>').format(count(row.left_out))


_space = Markup(" \N{MIDDLE DOT} ")
