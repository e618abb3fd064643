"""Small charts, as SVG without a style of its own: the style sheet gives the colours."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

__all__ = ["bar", "curve", "key"]


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


def curve(name: str, values: Sequence[float | None], most: float, text: str) -> Markup:
    """Return a curve of *values* from 0 to *most*, with the class *name*; None has no place in it.

    *text* says what it shows to who does not see it. Fewer than two values make no curve.
    """
    last = len(values) - 1
    known = [(at, min(max(one, 0.0), most)) for at, one in enumerate(values) if one is not None]
    if len(known) < 2 or most <= 0:
        return Markup()
    points = [f"{100 * at / last:.1f},{100 - 100 * one / most:.1f}" for at, one in known]
    ends = [f"{point.partition(',')[0]},100" for point in (points[0], points[-1])]
    return Markup(
        '<svg class="curve" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><polygon class="{name}" points="{}"/><polyline class="{name}" '
        'points="{}"/></svg>'
    ).format(text, " ".join([ends[0], *points, ends[1]]), " ".join(points), name=name)


def key(name: str) -> Markup:
    """Return the sign for the parts with the class *name*, to stand before their name."""
    return Markup(
        '<svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect class="{}" width="1" '
        'height="1"/></svg>'
    ).format(name)
