"""The benchmarks measure what they are named for. How long it takes is nobody's assertion here."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from werkzeug.middleware.lint import LintMiddleware

from benchmarks import hit
from benchmarks.__main__ import main
from wsgicache import CacheMiddleware


def test_environ_is_realistic() -> None:
    """25 keys, and what PEP 3333 requires of them."""
    base = hit.environ()
    assert len(base) == 25
    assert {"RAW_URI", "SCRIPT_NAME", "HTTP_HOST", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING"} <= set(
        base
    )
    assert hit.call(LintMiddleware(hit.constant), base) == ("200 OK", 2048)


def test_caller_leaves_the_base_alone_and_closes() -> None:
    closed = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["seen"] = True
        start_response("201 Created", [])(b"written")
        return Body([b"ab", b"c"])

    base = hit.environ()
    assert hit.call(app, base) == ("201 Created", 3)
    assert closed == [True]
    assert base.keys() == hit.environ().keys()


@pytest.mark.parametrize("scenario", hit.scenarios(), ids=lambda scenario: scenario.name)
def test_scenario_is_what_it_says(scenario: hit.Scenario) -> None:
    hit.verify(scenario)
    app, bases = scenario.prepare(3)
    assert [hit.call(app, base) for base in bases] == [(scenario.status, scenario.length)] * 3


@pytest.mark.parametrize(
    "change", [{"status": "404 Not Found"}, {"length": 1}, {"outcome": "stale"}], ids=str
)
def test_scenario_that_is_not(change: dict[str, Any]) -> None:
    scenario = next(case for case in hit.scenarios() if case.name == "hit")
    with pytest.raises(click.ClickException, match="scenario hit: 200 OK with 2048 bytes"):
        hit.verify(scenario._replace(**change))


def test_every_miss_is_one() -> None:
    scenario = next(case for case in hit.scenarios() if case.name == "miss, stored")
    asked = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        return hit.constant(environ, start_response)

    cache, bases = scenario.prepare(5)
    assert isinstance(cache, CacheMiddleware)
    cache.app = app
    for base in [*bases, *bases]:
        hit.call(cache, base)
    assert asked == [base["PATH_INFO"] for base in bases]


def test_measure_interleaves_and_restores_the_collector() -> None:
    order: list[str] = []
    collecting: list[bool] = []

    def scenario(name: str) -> hit.Scenario:
        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            order.append(name)
            collecting.append(gc.isenabled())
            return hit.constant(environ, start_response)

        return hit.Scenario(name, lambda calls: (app, [hit.environ()] * calls))

    rounds: list[int] = []
    figures = hit.measure([scenario("a"), scenario("b")], 2, 5, rounds.append)
    one_round = [*"a" * 6, *"a" * 5, *"a" * 6, *"b" * 5]  # a fifth to warm up, then the first
    assert order == one_round * 3  # one round to warm up
    assert not any(collecting)
    assert gc.isenabled()
    assert rounds == [0, 1, 2]
    for figure in figures["b"]:
        assert figure.low <= figure.median <= figure.high
    assert figures["b"].microseconds.low > 0


def test_spread() -> None:
    assert hit.spread([5, 1, 3, 2, 4]) == hit.Spread(2, 3, 4)


def test_command(tmp_path: Path) -> None:
    output = tmp_path / "hit.json"
    result = CliRunner().invoke(main, ["hit", "--quick", "--json", str(output)])
    assert result.exit_code == 0, result.output
    data = json.loads(output.read_text("utf-8"))
    names = [scenario.name for scenario in hit.scenarios()]
    assert list(data["scenarios"]) == names
    for name in names:
        assert f"\n{name} " in result.output
        for figure in ("microseconds", "own", "ratio"):
            assert set(data["scenarios"][name][figure]) == {"low", "median", "high"}


def test_commands_are_listed() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in ("hit", "conformance"):
        assert f"\n  {name} " in result.output
