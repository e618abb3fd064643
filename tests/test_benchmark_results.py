"""Figures, claims, the table and the file that a benchmark leaves."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks.results import Claim, Figure, number, show

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
