"""Small charts, as SVG without a style of its own: the style sheet gives the colours."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

__all__ = ["bar", "key"]


def bar(parts: Sequence[tuple[str, float]], text: str = "") -> Markup:
    """Return a bar of *parts*: the class and the share, from 0 to 1, of each.

    *text* says the same to who does not see it; without one, the text beside the bar does.
    """
    drawn: list[Markup] = []
    at = 0.0
    for name, share in parts:
        width = min(max(share, 0.0), 1.0 - at)
        if width > 0:
            drawn.append(
                Markup('<rect class="{}" x="{:.2f}%" width="{:.2f}%" height="100%"/>').format(
                    name, at * 100, width * 100
                )
            )
            at += width
    said = Markup(' role="img" aria-label="{}"').format(text) if text else ' aria-hidden="true"'
    return Markup('<svg class="bar"{}>{}</svg>').format(Markup(said), Markup("").join(drawn))


def key(name: str) -> Markup:
    """Return the sign for the parts with the class *name*, to stand before their name."""
    return Markup(
        '<svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect class="{}" width="1" '
        'height="1"/></svg>'
    ).format(name)
