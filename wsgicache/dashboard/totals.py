"""The figures of the first section, with the curves of what came lately."""

from __future__ import annotations

from collections.abc import Iterator
from time import gmtime, strftime

from markupsafe import Markup

from wsgicache.dashboard.charts import bar, curve
from wsgicache.dashboard.markup import count, duration, ratio, size
from wsgicache.dashboard.sections import Asked
from wsgicache.observe.stats import Stats
from wsgicache.purging import number_of

__all__ = ["totals"]


def totals(asked: Asked, stats: Stats) -> Markup:
    """Return the figures of *stats*."""
    since = strftime("%Y-%m-%d %H:%M:%S", gmtime(stats.since)) if stats.count else ""
    passed = max(asked.cache.clock.wall() - stats.since, 0.0)
    when = f"Counted since {since} UTC, for {duration(passed)}" if since else "Nothing counted yet"
    processes = number_of("process", stats.processes)
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
    yield "Hit ratio", ratio(stats.hit_ratio if stats.count else None), _shares(stats), False
    yield "Requests", count(stats.count), _frequency(stats), False
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
    ratios = [one.hits / one.requests if one.requests else None for one in stats.history]
    known = [one for one in ratios if one is not None]
    text = f"from {ratio(known[0])} to {ratio(known[-1])}" if known else ""
    drawn = curve("hit", ratios, 1.0, f"Hit ratio, {_lately(stats)}: {text}")
    return (drawn or bar(parts)) + Markup('<span class="note">{}</span>').format(
        rates or "No request lately."
    )


def _frequency(stats: Stats) -> Markup:
    often = [one.requests / one.seconds for one in stats.history]
    most = max(often, default=0.0)
    text = f"Requests a second, {_lately(stats)}: {most:.1f} at most"
    drawn = curve("held", often, most, text)
    said = f"{stats.rates[0].requests:.1f} a second now"
    if drawn:
        said += f", at most {most:.1f} {_lately(stats)}"
    return drawn + Markup("{}").format(said)


def _lately(stats: Stats) -> str:
    """Return which time the history covers."""
    return f"in the last {duration(sum(one.seconds for one in stats.history))}"


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
