"""The first section: how the cache is doing, in the numbers that ``wsgicache top`` shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import gmtime, strftime

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
_MOST_REASONS = 12
_MOST_ASKED = 20


def answer(asked: Asked) -> Answer:
    """Return how the cache is doing."""
    stats = asked.cache.stats()
    parts = {
        "totals": _totals(asked, stats),
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


# ── totals ─────────────────────────────────────────────────────────────────────────────────────


def _totals(asked: Asked, stats: Stats) -> Markup:
    since = strftime("%Y-%m-%d %H:%M:%S", gmtime(stats.since)) if stats.count else ""
    passed = max(asked.cache.clock.wall() - stats.since, 0.0)
    when = f"Counted since {since} UTC, for {duration(passed)}" if since else "Nothing counted yet"
    processes = "1 process" if stats.processes == 1 else f"{stats.processes} processes"
    figures = Markup("").join(
        Markup('<div><dt>{}</dt><dd class="figure{}">{}</dd><dd>{}</dd></div>\n').format(
            name, Markup(" wrong") if is_wrong else "", figure, more
        )
        for name, figure, more, is_wrong in _figures(asked, stats)
    )
    return Markup('<p class="note">{}, in {}.</p>\n<dl class="figures">\n{}</dl>\n').format(
        when, processes, figures
    )


def _figures(asked: Asked, stats: Stats) -> Iterator[tuple[str, object, object, bool]]:
    """Yield name, figure, what there is to say of it, and whether something is wrong."""
    now = stats.rates[0]
    yield "Hit ratio", ratio(stats.hit_ratio if stats.count else None), _shares(stats), False
    yield "Requests", count(stats.count), f"{now.requests:.1f} a second now", False
    yield (
        "Time saved",
        duration(stats.saved_seconds),
        f"The application took {duration(stats.spent_seconds)}.",
        False,
    )
    yield "Sent from the store", size(stats.stored_bytes), _from_app(stats), False
    yield from _holding(stats)
    is_on = asked.cache.enabled
    yield "Cache", "on" if is_on else "off", "" if is_on else "Every request passes by.", not is_on
    failed = f"{count(stats.validation_failures)} failed" if stats.validation_failures else ""
    yield "Background validations", count(stats.validations), failed, bool(failed)
    stale = f"{count(stats.collapsed)} answered together with another"
    yield "Served stale", count(stats.stale), stale, False


def _shares(stats: Stats) -> Markup:
    parts = [("hit", stats.hit_ratio)]
    rates = ", ".join(
        f"{ratio(rate.hit_ratio)} in {count(rate.seconds)}\N{NO-BREAK SPACE}s"
        for rate in stats.rates
        if rate.requests
    )
    return bar(parts) + Markup('<span class="note">{}</span>').format(rates or "No request lately.")


def _from_app(stats: Stats) -> str:
    return f"{size(stats.application_bytes)} came from the application."


def _holding(stats: Stats) -> Iterator[tuple[str, object, object, bool]]:
    held = stats.store
    if held.bytes is not None:
        more: object = ""
        if held.budget:
            share = held.bytes / held.budget
            more = bar([("held", share)]) + Markup("{} of {}").format(
                ratio(share), size(held.budget)
            )
        yield "Store", size(held.bytes), more, False
    if held.entries is not None:
        widest = f"At most {count(held.widest)} variants each." if held.widest else ""
        evicted = f"{count(held.evictions)} evicted. " if held.evictions else ""
        yield "Entries", count(held.entries), f"{evicted}{widest}", False
    elif held.bytes is None:
        yield "Store", "–", "This store does not tell how much it holds.", False
    breaker = "open" if held.is_open else "closed"
    left = " The store, or one of its servers, is left alone." if held.is_open else ""
    yield (
        "Store errors",
        count(stats.store_errors),
        f"The breaker is {breaker}.{left}",
        bool(stats.store_errors) or held.is_open,
    )


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
        Column("requests", is_number=True),
        Column("mostly against"),
    ]
    found = routes(stats)
    more = len(found) - _MOST_ROUTES
    note = f" and {count(more)} more" if more > 0 else ""
    caption = f"By route, the most frequent first{note}"
    rows = [_route(row) for row in found[:_MOST_ROUTES]]
    return Markup("<h2>Routes</h2>\n{}").format(
        table(caption, columns, rows, empty="No request yet.")
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
