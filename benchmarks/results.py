"""What a scenario measured: figures with their spread, what is claimed of them, a table and JSON.

A file of results is an object, scenario by scenario: ``{"http": {"figures": …, "claims": …}}``.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import click


class Figure(NamedTuple):
    """One row: what *name*, one of *group*, took or reached in every round, in *unit*.

    Rows of a group stand together and are drawn in one chart; they should share the unit.
    """

    group: str
    name: str
    values: tuple[float, ...]
    unit: str
    note: str = ""

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The lower quartile."""
        return self._quartiles()[0]

    @property
    def high(self) -> float:
        """The upper quartile."""
        return self._quartiles()[2]

    def _quartiles(self) -> list[float]:
        if len(self.values) == 1:
            return [*self.values] * 3
        return statistics.quantiles(self.values, n=4, method="inclusive")


class Claim(NamedTuple):
    """That *measured* is at most, or else at least, *bound*."""

    text: str
    measured: float
    bound: float
    at_most: bool = True

    @property
    def holds(self) -> bool:
        """Whether it is so; not for what is no number."""
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound


def show(
    scenario: str,
    figures: Sequence[Figure],
    claims: Sequence[Claim] = (),
    json_file: Path | None = None,
) -> None:
    """Print the table and the claims of *scenario*; write them to *json_file* if there is one."""
    click.echo("\n".join([*_table(figures), *map(_judged, claims)]))
    if json_file is not None:
        data = {scenario: as_data(figures, claims)}
        json_file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")


def as_data(figures: Sequence[Figure], claims: Sequence[Claim]) -> dict[str, Any]:
    """Both for JSON."""
    return {
        "figures": [
            {**figure._asdict(), "median": figure.median, "low": figure.low, "high": figure.high}
            for figure in figures
        ],
        "claims": [{**claim._asdict(), "holds": claim.holds} for claim in claims],
    }


def number(value: float) -> str:
    """*value* with three digits that count, or all before the point, and never an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(decimals, 0), 9)}f}"


def _table(figures: Sequence[Figure]) -> Iterator[str]:
    """Groups in their order; per row the median, the quartiles in brackets, unit and note."""
    width = max((len(figure.name) for figure in figures), default=0)
    for group, rows in groupby(figures, key=lambda figure: figure.group):
        yield f"{group}:"
        for row in rows:
            spread = f"[{number(row.low)}–{number(row.high)}]"
            line = f"  {row.name:{width}} {number(row.median):>10} {spread:20} {row.unit}"
            yield f"{line:{width + 44}}  {row.note}".rstrip()


def _judged(claim: Claim) -> str:
    """``ok`` or ``NOT met``, what is claimed, what was measured."""
    verdict, words = "ok" if claim.holds else "NOT met", "at most" if claim.at_most else "at least"
    measured, bound = number(claim.measured), number(claim.bound)
    return f"{verdict:8} {claim.text}: {measured}, {words} {bound}"
