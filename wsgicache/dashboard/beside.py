"""What is stored for a URL, side by side."""

from __future__ import annotations

from markupsafe import Markup

from wsgicache.dashboard.hiding import is_secret, shown_value
from wsgicache.dashboard.markup import Column, count, duration, shown, size, table, token
from wsgicache.rules.keys import Selector
from wsgicache.rules.model import CacheEntry, StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.rules.variants import FIRST_NAMED

__all__ = ["beside", "code"]

_MOST_BESIDE = 6
"""Most variants side by side."""


def beside(
    entry: CacheEntry,
    variants: list[tuple[Selector, StoredResponse]],
    now: float,
    chosen: Selector | None,
    policy: Policy,
) -> Markup:
    """Return what is stored side by side; what differs is marked."""
    some = variants[:_MOST_BESIDE]
    heads = ["for a stranger" if selector == chosen else "" for selector, _ in some]
    columns = [Column("variant"), *(Column(f"{n} {head}") for n, head in enumerate(heads, 1))]
    rows: list[tuple[object, ...]] = []

    def row(name: str, cells: list[str]) -> None:
        differ = len(set(cells)) > 1
        mark = Markup(' <strong class="differs">differs</strong>') if differ else ""
        rows.append((token(name) + mark, *map(code, cells)))

    for name in entry.nominated:
        row(f"request: {_field_of(name)}", [_selecting(one, name, policy) for one in some])
    row("status", [stored.status for _, stored in some])
    row("age", [duration(int(now - stored.generated_at)) for _, stored in some])
    row("lifetime", [duration(stored.freshness_lifetime) for _, stored in some])
    row("content", [size(stored.length) for _, stored in some])
    names = {name.lower(): name for _, stored in some for name, _ in stored.fields}
    for lower, name in sorted(names.items()):
        values = [
            ", ".join(
                shown_value(one, value, policy)
                for one, value in stored.fields
                if one.lower() == lower
            )
            for _, stored in some
        ]
        row(shown(name), values)
    more = len(variants) - len(some)
    caption = (
        f"Stored responses side by side{f', {count(more)} more are not shown' if more else ''}"
    )
    return table(caption, columns, rows)


def _field_of(key: str) -> str:
    return key.removeprefix("HTTP_").replace("_", "-").title()


def _selecting(variant: tuple[Selector, StoredResponse], key: str, policy: Policy) -> str:
    """Return the value of a request field that selects *variant*, as far as it may be shown."""
    selector, stored = variant
    named = stored.kind[0]
    if key not in named:
        return "(any)"
    if not isinstance(selector, tuple):
        return "(a digest)"
    value = selector[FIRST_NAMED + named.index(key)]
    if value is None:
        return "(absent)"
    if key == "HTTP_COOKIE" or is_secret(key, policy):
        return shown_value(_field_of(key), value, policy) if isinstance(value, str) else "…"
    return value if isinstance(value, str) else ", ".join(value)


def code(text: str) -> object:
    """Return *text* as a cell of a table, in the type of code."""
    return Markup("<code>{}</code>").format(shown(text)) if text else "–"
