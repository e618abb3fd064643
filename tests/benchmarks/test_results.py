"""Figures, claims, the table and the file that a benchmark leaves; charts, and all of them."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from benchmarks.__main__ import main
from benchmarks.every import every
from benchmarks.results import Claim, Figure, number, show
from tests.running import module

FIGURES = [
    Figure("in memory", "hit", (1.0, 2.0, 3.0, 10.0, 4.0), "µs"),
    Figure("in memory", "304", (5.0,), "µs", "without content"),
    Figure("over HTTP", "hit", (12000.0, 14000.0), "requests/s"),
]
CLAIMS = [Claim("a hit", 2.5, 2.5), Claim("throughput", 0.8, 0.85, at_most=False)]


def test_quartiles() -> None:
    figure = FIGURES[0]
    assert (figure.low, figure.median, figure.high) == (2, 3, 4)
    single = FIGURES[1]
    assert (single.low, single.median, single.high) == (5, 5, 5)


@pytest.mark.parametrize(
    ("measured", "at_most", "holds"),
    [
        (1.0, True, True),
        (2.0, True, True),
        (2.01, True, False),
        (1.99, False, False),
        (2.0, False, True),
        (3.0, False, True),
        (math.nan, True, False),
        (math.nan, False, False),
    ],
)
def test_a_claim_holds(measured: float, at_most: bool, holds: bool) -> None:
    assert Claim("it", measured, 2.0, at_most).holds is holds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0001234, "0.000123"),
        (0.85, "0.850"),
        (-1.0, "-1.00"),
        (12.345, "12.3"),
        (123.45, "123"),
        (1234567.8, "1,234,568"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "results.json"
    show("sample", FIGURES, CLAIMS, output)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "in memory:",
        "hit 3.00 [2.00–4.00] µs",
        "304 5.00 [5.00–5.00] µs without content",
        "over HTTP:",
        "hit 13,000 [12,500–13,500] requests/s",
        "ok a hit: 2.50, at most 2.50",
        "NOT met throughput: 0.800, at least 0.850",
    ]
    data = json.loads(output.read_text("utf-8"))["sample"]
    first = data["figures"][0]
    assert (first["low"], first["median"], first["high"]) == (2, 3, 4)
    assert first["values"] == [1, 2, 3, 10, 4]
    assert [claim["holds"] for claim in data["claims"]] == [True, False]


def test_show_writes_nothing_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    show("sample", FIGURES, CLAIMS)
    assert list(tmp_path.iterdir()) == []


def results_file(folder: Path) -> Path:
    show("sample", FIGURES, CLAIMS, folder / "results.json")
    return folder / "results.json"


def test_charts_are_the_same_every_time(tmp_path: Path) -> None:
    module("matplotlib")
    file = results_file(tmp_path)
    drawn = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        result = CliRunner().invoke(main, ["charts", str(file), "--into", str(folder)])
        assert result.exit_code == 0, result.output
        assert result.output == f"{folder / 'sample.svg'}\n"
        drawn.append((folder / "sample.svg").read_bytes())
    assert drawn[0] == drawn[1]
    text = drawn[0].decode("utf-8")
    for shown in ("in memory, µs", "over HTTP, requests/s", ">hit<", ">304<", ">13,000<", ">3.00<"):
        assert shown in text
    assert "<dc:date>" not in text


def test_charts_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = CliRunner().invoke(main, ["charts", str(results_file(tmp_path))])
    assert result.exit_code == 1
    assert result.output.endswith("Error: charts need matplotlib: pip install matplotlib\n")


@pytest.mark.parametrize("content", ["", "[]", "nothing"])
def test_charts_of_something_else(content: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(content)
    result = CliRunner().invoke(main, ["charts", str(tmp_path / "other.json")])
    assert result.exit_code == 1
    assert "has no results" in result.output


SCENARIO = """#!{python} -IS
import json, sys
module, package, name, *options, flag, file = sys.argv[1:]
assert (module, package, flag) == ("-m", "benchmarks", "--json")
results = {{"figures": [], "claims": [{{"text": "fast", "holds": name != "slow"}}]}}
if name == "plain":
    results = {{"options": options}}
if name != "silent":
    with open(file, "w") as output:
        json.dump({{name: results}} if name != "plain" else results, output)
sys.exit(3 if name == "broken" else 0)
"""


def all_of(
    names: str, options: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Result, dict[str, Any]]:
    """What ``all`` says and writes where *names* are the scenarios."""
    program = folder / "python"
    program.write_text(SCENARIO.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    group = click.Group()
    group.add_command(every)
    for name in ("charts", "conformance", *names.split()):
        group.add_command(click.Command(name, params=[click.Option(["--quick"], is_flag=True)]))
    output = folder / "all.json"
    result = CliRunner().invoke(group, ["all", "--json", str(output), *options])
    return result, json.loads(output.read_text("utf-8"))


def test_all_that_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, data = all_of("plain good", ["--quick"], tmp_path, monkeypatch)
    assert result.exit_code == 0, result.output
    assert "── good, 1 of 2\n" in result.output
    assert data["plain"] == {"options": ["--quick"]}
    assert list(data) == ["good", "plain"]


def test_all_names_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = tmp_path / "suite.json"
    suite.write_text("[]")
    names = "broken good silent slow"
    result, data = all_of(names, ["--suite", str(suite)], tmp_path, monkeypatch)
    assert result.exit_code == 1
    said = ["broken: ended with 3", "silent: left no results", "slow: fast"]
    assert result.output.endswith("\n  ".join(["Error: not as it should be:", *said]) + "\n")
    assert list(data) == ["broken", "good", "slow", "conformance"]
