"""``python -m benchmarks charts``: results as bars, an SVG file for every scenario.

The same results make the same bytes with the same matplotlib, which is imported only here.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.results import number

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = Path(__file__).parent / "results"
WIDTH = 7.2  # inches, here and below
BAR = 0.22
TITLE = 0.35
MARGIN = 0.1  # above and below the bars of a group, in bars
STYLE: Any = {
    "svg.hashsalt": "wsgicache",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],  # the first is what places are measured with
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.bottom": False,
}
COLOURS = {"wsgicache": "#2a6f97", "other": "#a9b4bd", "spread": "#1b1b1b"}

Row = dict[str, Any]  # a figure as a file of results has it


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE.json ...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    help="Directory of the SVG files; by default benchmarks/results.",
)
def charts(files: Sequence[Path], into: Path) -> None:
    """Draw the results in FILE.json as bars with their spread."""
    for file in files:
        for scenario, rows in read(file).items():
            click.echo(draw(scenario, rows, into))


def read(file: Path) -> dict[str, list[Row]]:
    """The figures of every scenario in *file* that has some. Raises ClickException."""
    try:
        return figures_of(json.loads(file.read_text("utf-8")))
    except (ValueError, AttributeError) as error:
        raise click.ClickException(f"{file} has no results: {error!r}") from error


def figures_of(results: dict[str, Any]) -> dict[str, list[Row]]:
    """The figures of every scenario that has some."""
    parts = {name: part for name, part in results.items() if isinstance(part, dict)}
    return {name: part["figures"] for name, part in parts.items() if part.get("figures")}


def draw(scenario: str, rows: Sequence[Row], into: Path) -> Path:
    """Write the chart of *scenario*: groups below each other, the median of each row in words.

    Raises ClickException without matplotlib.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise click.ClickException("charts need matplotlib: pip install matplotlib") from None
    groups = [
        (key, list(found))
        for key, found in groupby(rows, key=lambda row: (row["group"], row["unit"]))
    ]
    heights = [len(found) + 2 * MARGIN for _, found in groups]
    height = BAR * sum(heights) + TITLE * len(groups)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
        every = figure.subplots(len(groups), squeeze=False, height_ratios=heights)[:, 0]
        for axes, ((group, unit), found) in zip(every, groups, strict=True):
            bars(axes, found)
            axes.set_title(f"{group}, {unit}", loc="left", fontsize=9.5)
        into.mkdir(parents=True, exist_ok=True)
        path = into / f"{scenario}.svg"
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    return path


def bars(axes: Any, rows: Sequence[Row]) -> None:
    """The rows of one group: a bar from 0 to the median, and a line between the quartiles."""
    medians = [row["median"] for row in rows]
    spread = [
        [row["median"] - row["low"] for row in rows],
        [row["high"] - row["median"] for row in rows],
    ]
    colours = [COLOURS["wsgicache" if is_ours(row) else "other"] for row in rows]
    places = range(len(rows))
    axes.barh(places, medians, xerr=spread, color=colours, ecolor=COLOURS["spread"], capsize=2.5)
    end = max(row["high"] for row in rows)
    for place, row in zip(places, rows, strict=True):
        axes.text(row["high"] + end * 0.015, place, number(row["median"]), va="center")
    axes.set_yticks(places, [row["name"] for row in rows])
    axes.set_ylim(len(rows) - 0.5 + MARGIN, -0.5 - MARGIN)  # the first row on top
    axes.set_xlim(0, end * 1.12 or 1)
    axes.tick_params(axis="y", length=0)
    axes.get_xaxis().set_visible(False)


def is_ours(row: Row) -> bool:
    """Whether *row* is about wsgicache, by its name or that of its group."""
    return "wsgicache" in row["name"] or (
        "wsgicache" in row["group"] and "constant app" not in row["name"]
    )
