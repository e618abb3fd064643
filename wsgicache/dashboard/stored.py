"""What is stored for one URL: its variants, what selects them, their fields, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from markupsafe import Markup

from wsgicache.dashboard.hiding import is_secret, shown_value
from wsgicache.dashboard.markup import Column, count, duration, link, shown, size, table
from wsgicache.dashboard.sections import Answer, Asked
from wsgicache.rules.keys import Key, Selector, url_of
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.stores.equivalents import equivalent_keys
from wsgicache.why.asked import cookie_names
from wsgicache.why.kept import why_kept

__all__ = ["freshness", "stored_for"]

_MOST_VARIANTS = 64
"""Most variants that a page shows; the policy keeps no more by default."""
_MOST_FIELDS = 50
"""Most field lines of each; an application may send hundreds."""
_LONGEST_VALUE = 80
"""Most characters of a value that selects: it tells variants apart."""
_BEFORE_VALUES = 5
"""What comes before the values in a selector: see `rules.keys.Values`."""
_IMPLIED = ("the request line", "the request line", "the mount point")


def freshness(stored: StoredResponse, now: float) -> Markup:
    """Return how much of its lifetime *stored* has left, as a bar and in words."""
    lifetime, left = stored.freshness_lifetime, stored.freshness_lifetime
    left -= now - stored.generated_at
    if lifetime <= 0:
        return Markup("validated before use")
    words = f"fresh for {duration(left)}" if left > 0 else f"stale for {duration(-left)}"
    share = min(max(left / lifetime, 0.0), 1.0)
    return Markup(
        '<span class="together"><meter min="0" max="1" value="{:.3f}" aria-hidden="true"></meter>'
        "{}</span>"
    ).format(share, words)


def stored_for(asked: Asked, url: str) -> Answer:
    """Return what is stored for *url*."""
    title = "Stored for a URL"
    named = Markup('<p class="code">{}</p>\n').format(shown(url, 2000))
    try:
        keys = asked.cache._purging.keys_at(url)
    except ValueError as error:
        said = Markup('<p class="alert" role="alert">{}</p>\n').format(shown(str(error)))
        return Answer(named + said, "400 Bad Request", title)
    try:
        keys += equivalent_keys(asked.cache.store, keys)
        entries = [(key, asked.cache.store.get(key)) for key in keys]
    except Exception as error:
        said = Markup('<p class="alert" role="alert">The store failed: {}</p>\n').format(
            shown(f"{type(error).__name__}: {error}")
        )
        return Answer(named + said, "502 Bad Gateway", title)
    parts = [
        _entry(asked, key, entry)
        for key, entry in entries
        if entry is not None and (entry.responses or entry.emptied_at != NEVER)
    ]
    if not parts:
        near = asked.cache._purging.nearby(keys)
        links = Markup(", ").join(link("entries", shown(one), url=one) for one in near)
        only = Markup(", only for {}").format(links) if near else ""
        parts = [Markup('<p class="empty">Nothing is stored there{}.</p>\n').format(only)]
    more = Markup("<p>{}, {}</p>\n").format(
        link("explain", "What a request for it gets, and why", url=url),
        link("url", "ask as a stranger, and what browsers do with it", url=url),
    )
    body = Markup("").join([named, more, _purge_buttons(asked, url), *parts])
    return Answer(body, title=title, has_form=True)


def _purge_buttons(asked: Asked, url: str) -> Markup:
    return Markup(
        '<form action="purge" method="post">{}<input type="hidden" name="kind" value="url">'
        '<input type="hidden" name="what" value="{}">\n'
        '<button class="danger">Purge this URL</button>\n'
        '<button name="soft" value="1">Make it stale</button></form>\n'
    ).format(asked.session.hidden, url)


# ── an entry ───────────────────────────────────────────────────────────────────────────────────


def _entry(asked: Asked, key: Key, entry: CacheEntry) -> Markup:
    now = asked.cache.clock.now()
    parts = [
        Markup('<h2>Filed under <span class="code">{}</span></h2>\n').format(shown(url_of(key)))
    ]
    if entry.emptied_at != NEVER:
        parts.append(
            Markup('<p class="note">Purged or invalidated {} ago.</p>\n').format(
                duration(max(now - entry.emptied_at, 0.0))
            )
        )
    selectors = list(entry.responses)
    total = len(selectors)
    if total > 1:
        parts.append(_overview(entry, selectors, asked.cache.policy, now))
    for number, selector in enumerate(reversed(selectors[-_MOST_VARIANTS:]), 1):
        stored = entry.responses.get(selector)
        if stored is None:  # a shared store has lost its part
            continue
        parts.append(_variant(asked, stored, selector, number, total))
    return Markup("").join(parts)


def _overview(entry: CacheEntry, selectors: list[Selector], policy: Policy, now: float) -> Markup:
    """Return the variants side by side, the newest first."""
    columns = [
        Column("variant"),
        Column("selected by"),
        Column("status", is_number=True),
        Column("age", is_number=True),
        Column("bytes", is_number=True),
        Column("freshness"),
    ]
    rows = []
    for number, selector in enumerate(reversed(selectors[-_MOST_VARIANTS:]), 1):
        if (stored := entry.responses.get(selector)) is None:
            continue
        by = _selecting(stored, selector, policy)
        selected = "; ".join(f"{name}: {value}" for name, value in by)
        rows.append(
            (
                Markup('<a href="#of-variant-{}">{}</a>').format(number, number),
                selected,
                shown(stored.status[:3]),
                duration(max(now - stored.generated_at, 0.0)),
                size(stored.length),
                freshness(stored, now),
            )
        )
    left_out = len(selectors) - _MOST_VARIANTS
    more = f", the newest {_MOST_VARIANTS}" if left_out > 0 else ""
    return table(f"{count(len(selectors))} variants{more}", columns, rows)


def _variant(
    asked: Asked, stored: StoredResponse, selector: Selector, number: int, total: int
) -> Markup:
    now, wall = asked.cache.clock.now(), asked.cache.clock.wall()
    selected = list(_selecting(stored, selector, asked.cache.policy))
    pairs = [
        ("Age", duration(max(now - stored.generated_at, 0.0))),
        ("Freshness", freshness(stored, now)),
        *((f"Selected by {name}", value) for name, value in selected),
        ("Groups", ", ".join(shown(group) for group in stored.groups)),
        ("Route", shown(stored.route)),
        ("Content", f"{size(stored.length)}{_where(stored)}"),
    ]
    why = Markup("").join(
        Markup("<li>{}</li>\n").format(shown(line, 500))
        for line in why_kept(stored, asked.cache.policy, now, wall)
    )
    policy = asked.cache.policy
    lines = [(name, shown(shown_value(name, value, policy))) for name, value in stored.fields]
    lines += [(f"{name}, for this cache", shown(value)) for name, value in stored.withheld]
    if (left_out := len(lines) - _MOST_FIELDS) > 0:
        lines[_MOST_FIELDS:] = [("and", f"{count(left_out)} more, which are not shown")]
    heading = f"Variant {number} of {total}" if total > 1 else "The stored response"
    tells = ": ".join(selected[0]) if total > 1 and selected else ""
    return Markup(
        '<details id="variant-{}"{}>\n<summary>{}: {} <span class="note">{}</span></summary>\n'
        '<div class="columns" id="of-variant-{}">\n<div>{}<h3>Why it is stored, and whom it '
        "answers</h3>\n<ul>\n{}</ul></div>\n<div><h3>Fields</h3>\n{}</div>\n</div></details>\n"
    ).format(
        number,
        Markup(" open") if number == 1 else "",
        heading,
        shown(stored.status),
        tells,
        number,
        _pairs(pairs),
        why,
        _pairs(lines),
    )


def _pairs(pairs: Iterable[tuple[str, object]]) -> Markup:
    """Return names and values, without those that are empty."""
    return Markup('<dl class="pairs">\n{}</dl>\n').format(
        Markup("").join(
            Markup("<dt>{}</dt><dd>{}</dd>\n").format(name, value) for name, value in pairs if value
        )
    )


def _where(stored: StoredResponse) -> str:
    return "" if stored.content is not None else ", kept apart from the entry"


def _selecting(
    stored: StoredResponse, selector: Selector, policy: Policy
) -> Iterator[tuple[str, str]]:
    """Yield the names and the values that select *stored*, shortened."""
    named, coding = stored.kind
    if isinstance(selector, str):
        if named:
            names = ", ".join(map(_field_name, named))
            yield names, f"a digest, since others can read the store: {selector[:16]}…"
        return
    forwarded, *implied = selector[: _BEFORE_VALUES - 1]
    if forwarded:
        yield "what a proxy forwarded", _value(forwarded)
    for name, value in zip(_IMPLIED, implied, strict=False):
        if value:
            yield name, _value(value)
    for key, value in zip(named, selector[_BEFORE_VALUES:], strict=False):
        if key == "HTTP_COOKIE" and isinstance(value, str):
            names = ", ".join(f"{name}=…" for name in cookie_names(value))
            yield "Cookie", shown(names, _LONGEST_VALUE)
        elif value is not None and is_secret(key, policy):
            yield _field_name(key), "(a secret)"
        else:
            yield _field_name(key), _value(value)
    if coding is not None:
        yield "its coding", shown(coding, _LONGEST_VALUE)


def _field_name(key: str) -> str:
    return shown(key.removeprefix("HTTP_").replace("_", "-").title(), _LONGEST_VALUE)


def _value(value: str | tuple[str, ...] | None) -> str:
    """Return a value that selects, shortened."""
    if value is None:
        return "(absent)"
    text = value if isinstance(value, str) else ", ".join(filter(None, value))
    return shown(text, _LONGEST_VALUE) or "(empty)"
