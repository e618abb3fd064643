"""What wsgicache takes of the machine: memory per entry and as a whole, and time to be imported."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import click

from benchmarks.calls import progress
from benchmarks.filling import ROOT, STATUS, Shape, filled
from benchmarks.results import Claim, Figure, show

KIB, MIB = 1024, 1024 * 1024
SHAPES = {
    "1 B": Shape(1),
    "200 B": Shape(200),
    "2 KiB": Shape(2 * KIB),
    "1 B, fields of 2 KiB": Shape(1, 2 * KIB),
    "64 KiB": Shape(64 * KIB),
}
FLOODS = (
    (Shape(2 * KIB), "2 KiB", 64 * MIB),
    (Shape(1, 2 * KIB), "1 B, fields of 2 KiB", 64 * MIB),
    (Shape(200), "200 B", 256 * MIB),
)
WERKZEUG, OURS = "werkzeug.http, werkzeug.datastructures", "wsgicache"
PER_ENTRY, IN_ALL = "wsgicache, memory per entry", "wsgicache, memory of the process"
IMPORTED = "import"

# ── memory ────────────────────────────────────────────────────────────────────────────────────


def per_entry(urls: int, rounds: int) -> tuple[list[Figure], list[Claim]]:
    """What an entry takes beside the bytes that make it up."""
    figures, claims = [], []
    with progress(len(SHAPES) * rounds, PER_ENTRY) as step:
        for name, shape in SHAPES.items():
            runs = []
            for _ in range(rounds):
                runs.append(filled(min(urls, 512 * MIB // (shape.content + 4 * KIB)), shape, 2**40))
                step()
            own, counted = runs[0].own, runs[0].counted / runs[0].entries
            values = tuple(run.overhead for run in runs)
            note = f"over {own:,} of fields and content; the store counts {counted - own:,.0f}"
            figures.append(Figure(PER_ENTRY, name, values, "B", note))
            text = f"bytes per entry of {name} over fields and content"
            claims.append(Claim(text, statistics.median(values), 2 * KIB))
    return figures, claims


def in_all(urls: int, part: int) -> tuple[list[Figure], list[Claim]]:
    """What the process takes when it was asked for more than there is room for; budgets divided by
    *part*."""
    figures, claims = [], []
    with progress(len(FLOODS), IN_ALL) as step:
        for shape, name, room in FLOODS:
            budget = room // part
            run = filled(urls, shape, budget)
            step()
            most, asked = run.most / MIB, f"{urls:,} URLs of {name}"
            note = f"budget {budget / MIB:g} MiB, {run.entries:,} entries stay"
            figures.append(Figure(IN_ALL, asked, (most,), "MiB", note))
            text = f"MiB at most after {asked}: 1.25 × budget + 64"
            claims.append(Claim(text, most, 1.25 * budget / MIB + 64))
    return figures, claims


# ── import ────────────────────────────────────────────────────────────────────────────────────


def import_time(modules: str) -> float:
    """Milliseconds of processor time that importing them takes a new process."""
    code = f"from time import *; began = process_time(); import {modules}"
    code += "; print(process_time() - began)"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout) * 1e3


def imports(rounds: int) -> tuple[list[Figure], list[Claim]]:
    """Both in turn; the first round compiles."""
    times: dict[str, list[float]] = {WERKZEUG: [], OURS: []}
    with progress(rounds + 1, IMPORTED) as step:
        for number in range(rounds + 1):
            for modules, sample in times.items():
                milliseconds = import_time(modules)
                if number:
                    sample.append(milliseconds)
            step()
    figures = [Figure(IMPORTED, name, tuple(sample), "ms") for name, sample in times.items()]
    ratios = [ours / theirs for ours, theirs in zip(times[OURS], times[WERKZEUG], strict=True)]
    text = "import of wsgicache / of Werkzeug's http and datastructures"
    return figures, [Claim(text, statistics.median(ratios), 1.5)]


@click.command()
@click.option("--quick", is_flag=True, help="Fewer URLs and rounds: a first impression.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def memory(quick: bool, output: Path | None) -> None:
    """Weigh entries and processes that are full of them, and time the import."""
    parts = [imports(2 if quick else 101)]
    if STATUS.exists():
        parts.append(per_entry(500, 1) if quick else per_entry(20_000, 3))
        parts.append(in_all(1_000, 64) if quick else in_all(1_000_000, 1))
    else:
        click.echo(f"Without memory: there is no {STATUS} here", err=True)
    figures = [figure for found, _ in parts for figure in found]
    show("memory", figures, [claim for _, found in parts for claim in found], output)
