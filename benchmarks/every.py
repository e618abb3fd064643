"""``python -m benchmarks all``: every scenario, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.charts import RESULTS, draw, figures_of

NOT_SCENARIOS = ("all", "charts", "conformance")  # the last one needs a file


def commands(group: click.Group, suite: Path | None, quick: bool) -> dict[str, list[str]]:
    """The arguments of every scenario of *group*, by its name."""
    found = {name: [name] for name in sorted(group.commands) if name not in NOT_SCENARIOS}
    if suite is not None:
        found["conformance"] = ["conformance", str(suite)]
    for name, arguments in found.items():
        if quick and any(option.name == "quick" for option in group.commands[name].params):
            arguments.append("--quick")
    return found


def run(name: str, arguments: Sequence[str], folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What one scenario measured, and in what it failed."""
    file = folder / f"{name}.json"
    line = [sys.executable, "-m", "benchmarks", *arguments, "--json", str(file)]
    ended = subprocess.run(line, cwd=Path(__file__).parent.parent).returncode
    failed = [f"{name}: ended with {ended}"] if ended else []
    try:
        data = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}, failed or [f"{name}: left no results"]
    found = data if name in data else {name: data}
    claims = found[name].get("claims", ())
    return found, failed + [f"{name}: {said['text']}" for said in claims if not said["holds"]]


@click.command("all")
@click.option("--quick", is_flag=True, help="A first impression of everything.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--charts", "drawn", is_flag=True, help="Draw benchmarks/results/*.svg as well.")
@click.option(
    "--suite",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The suite that conformance runs; without it that is left out.",
)
@click.pass_context
def every(
    context: click.Context, quick: bool, output: Path | None, drawn: bool, suite: Path | None
) -> None:
    """Run all scenarios, one after another; exit with 1 if one failed or a claim is not met."""
    group = context.find_root().command
    assert isinstance(group, click.Group)
    results: dict[str, Any] = {}
    failures: list[str] = []
    todo = commands(group, suite, quick)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, arguments) in enumerate(todo.items(), 1):
            click.echo(f"\n── {name}, {number} of {len(todo)}")
            found, failed = run(name, arguments, Path(folder))
            results |= found
            failures += failed
    if output is not None:
        output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    click.echo()
    if drawn:
        for name, rows in figures_of(results).items():
            click.echo(draw(name, rows, RESULTS))
    if failures:
        raise click.ClickException("not as it should be:\n  " + "\n  ".join(failures))
    click.echo(f"All {len(todo)} scenarios ran, and what they claim holds.")
