"""The first section: how the cache is doing, in the numbers that ``wsgicache top`` shows."""

from __future__ import annotations

import re

from markupsafe import Markup

from wsgicache.dashboard.charts import bar, key
from wsgicache.dashboard.markup import (
    Column,
    count,
    duration,
    link,
    ratio,
    shown,
    size,
    table,
    token,
)
from wsgicache.dashboard.sections import Answer, Asked
from wsgicache.dashboard.totals import totals
from wsgicache.observe.rows import OTHER
from wsgicache.observe.stats import Requests, Stats
from wsgicache.observe.table import RouteRow, routes
from wsgicache.why.causes import CAUSES, FORWARDS, cause_of

__all__ = ["answer"]

_OUTCOMES = {
    "hit": "The cache answered.",
    "validated": "The application confirmed what was stored.",
    "stored": "The application answered, and that was stored.",
    "refused": "The application answered, and that was not stored.",
    "bypass": "The request passed by the cache.",
}
_PARAMETER = re.compile(r"[<{:(*^$]")
"""Where the fixed beginning of a route ends, in any framework."""
_MOST_ROUTES = 100
"""Most rows of routes; `wsgicache top` shows all."""
_UNKNOWN = Markup(
    '<p class="note">This store does not tell the variants and evictions of a route.</p>\n'
)
_MOST_REASONS = 12
_MOST_ASKED = 20


def answer(asked: Asked) -> Answer:
    """Return how the cache is doing."""
    stats = asked.cache.stats()
    parts = {
        "totals": totals(asked, stats),
        "outcomes": _outcomes(stats),
        "routes": _routes(stats),
        "asked": _asked(stats),
        "purges": _purges(stats),
    }
    body = Markup("").join(
        Markup('<section id="{}" data-refresh>\n{}</section>\n').format(name, part)
        for name, part in parts.items()
    )
    return Answer(body, refreshes=True)


# ── what requests came to ──────────────────────────────────────────────────────────────────────


def _outcomes(stats: Stats) -> Markup:
    counts = dict.fromkeys(_OUTCOMES, 0)
    for row in stats.requests:
        counts[row.outcome] = counts.get(row.outcome, 0) + row.count
    total = stats.count or 1
    shares = [(name, number / total) for name, number in counts.items()]
    said = ", ".join(f"{name} {ratio(share)}" for name, share in shares if share)
    rows = [
        (
            key(name) + Markup("{}").format(name),
            count(counts[name]),
            ratio(counts[name] / total),
            sentence,
        )
        for name, sentence in _OUTCOMES.items()
    ]
    columns = [
        Column("outcome"),
        Column("requests", is_number=True),
        Column("share", is_number=True),
        Column("what that is"),
    ]
    chart = Markup('<div class="chart">{}</div>\n').format(bar(shares, said))
    return Markup(
        '<h2>What requests came to</h2>\n<div class="columns">\n<div>{}{}</div>\n'
        "<div>{}</div>\n</div>\n"
    ).format(
        chart if stats.count else "",
        table("What requests came to", columns, rows, is_hidden=True),
        _reasons(stats),
    )


def _reasons(stats: Stats) -> Markup:
    """Return why the cache did not answer, the commonest reasons first."""
    reasons: dict[str, int] = {}
    for row in stats.requests:
        if row.outcome != "hit" and (why := _why(row)):
            reasons[why] = reasons.get(why, 0) + row.count
    often = sorted(reasons.items(), key=lambda one: -one[1])[:_MOST_REASONS]
    rows = [(token(why), count(number), _sentence(why)) for why, number in often]
    columns = [Column("reason"), Column("requests", is_number=True), Column("which means")]
    return table("Why the cache did not answer", columns, rows, empty="The cache answered all.")


def _why(row: Requests) -> str | None:
    return row.detail or row.forward


def _sentence(why: str) -> str:
    if why in FORWARDS and why not in CAUSES:
        sentence = FORWARDS[why]
        return f"{sentence[:1].upper()}{sentence[1:]}."
    return cause_of(why).sentence


# ── routes ─────────────────────────────────────────────────────────────────────────────────────


def _routes(stats: Stats) -> Markup:
    columns = [
        Column("route"),
        Column("req/s", is_number=True),
        *(Column(f"hits {count(rate.seconds)} s", is_number=True) for rate in stats.rates),
        Column("all hits", is_number=True),
        Column("app time", is_number=True),
        Column("saved/min", is_number=True),
        Column("from store", is_number=True),
        Column("stale", is_number=True),
        Column("collapsed", is_number=True),
        Column("variants", is_number=True),
        Column("evicted", is_number=True),
        Column("requests", is_number=True),
        Column("mostly against"),
    ]
    found = routes(stats)
    more = len(found) - _MOST_ROUTES
    note = f" and {count(more)} more" if more > 0 else ""
    caption = f"By route, the most frequent first{note}"
    rows = [_route(row) for row in found[:_MOST_ROUTES]]
    unknown = "" if stats.store.routes or not rows else _UNKNOWN
    return Markup("<h2>Routes</h2>\n{}{}").format(
        table(caption, columns, rows, empty="No request yet."), unknown
    )


def _route(row: RouteRow) -> tuple[object, ...]:
    ratios = row.hit_ratios or (None, None, None)
    against = "–" if row.against is None else token(row.against, _sentence(row.against))
    return (
        _of_route(row.route),
        f"{row.requests:.1f}",
        *(ratio(one) for one in ratios),
        Markup('{}<span class="beside">{}</span>').format(
            bar([("hit", row.hit_ratio)]), ratio(row.hit_ratio)
        ),
        duration(row.call_seconds),
        duration(row.saved_a_minute) if row.saved_a_minute else "–",
        size(row.stored_bytes),
        count(row.stale),
        count(row.collapsed),
        count(row.variants),
        count(row.evicted),
        count(row.count),
        against,
    )


def _of_route(route: str) -> Markup:
    """Return a route, as a link to what is stored below its beginning."""
    beginning = _PARAMETER.split(route, maxsplit=1)[0]
    text = Markup("<code>{}</code>").format(shown(route))
    if route == OTHER or len(beginning) < 2:
        return text
    return link("entries", text, q=beginning)


# ── the rest ───────────────────────────────────────────────────────────────────────────────────


def _asked(stats: Stats) -> Markup:
    rows = [
        (
            link("entries", shown(one.url), url=one.url),
            count(one.count),
            one.outcome,
            _explained(one.url, one.detail or one.forward),
        )
        for one in stats.asked[:_MOST_ASKED]
    ]
    columns = [
        Column("URL"),
        Column("calls", is_number=True),
        Column("last outcome"),
        Column("reason"),
    ]
    return Markup("<h2>For what the application was asked most often</h2>\n{}").format(
        table("URLs for which the application was asked", columns, rows, is_hidden=True)
    )


def _explained(url: str, why: str | None) -> Markup:
    """Return a link from a reason to what explains it."""
    if why is None:
        return Markup("–")
    return link("explain", token(why), url=url)


def _purges(stats: Stats) -> Markup:
    kinds = {"url": "a URL", "groups": "groups", "prefix": "a prefix", "all": "everything"}
    rows = [
        (
            f"{kinds.get(kind.removeprefix('soft-'), kind)}"
            f"{', soft' if kind.startswith('soft-') else ''}",
            count(number),
        )
        for kind, number in sorted(stats.purges.items())
    ]
    columns = [Column("purged"), Column("times", is_number=True)]
    return Markup("<h2>Purges</h2>\n{}").format(
        table("Purges by kind", columns, rows, empty="No purge yet.", is_hidden=True)
    )
