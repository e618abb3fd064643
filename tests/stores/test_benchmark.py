"""The benchmark of stores measures what it is named for; what comes of that is asserted nowhere."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from benchmarks import stores
from benchmarks.__main__ import main
from benchmarks.calls import spread
from tests.running import binary
from wsgicache import MemoryStore

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True)
def servers() -> None:
    binary("memcached")
    binary("redis-server")


def test_scenarios_are_what_they_say() -> None:
    with ExitStack() as stack:
        cases = stores.scenarios(stack)
        assert [case.name for case in cases if case.limit] == ["memcached", "Redis", "near cache"]
        for case in cases:
            for run in (case.run, case.bare):
                got: Any = run()
                assert got == stores.PAGE or got == ("200 OK", len(stores.PAGE))
        figures = stores.measure(cases, rounds=2, calls=2)
        assert figures.keys() == {case.name for case in cases}


def test_a_store_that_keeps_nothing_is_no_scenario() -> None:
    with pytest.raises(click.ClickException, match="is no hit"):
        stores.hit(MemoryStore(max_bytes=10))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "measure", _instant)
    output = tmp_path / "figures.json"
    done = CliRunner().invoke(main, ["stores", "--quick", "--json", str(output)])
    assert done.exit_code == 0, done.output
    assert "pymemcache get, at most 1.35 times" in done.output
    data = json.loads(output.read_text())
    assert data["scenarios"]["near cache"]["limit"] == 1.5
    done = CliRunner().invoke(main, ["stores", "--quick", "--check"])
    assert done.exit_code == 1
    assert "above the limit: memcached, Redis, near cache" in done.output


def _instant(cases: Any, rounds: int, calls: int) -> Any:
    one, two = spread([1.0, 1.0]), spread([2.0, 2.0])
    return {case.name: stores.Figures(two, one, two) for case in cases}
