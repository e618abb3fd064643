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
        limited = ["memcached", "near cache", "Redis", "near LMDB", "LMDB, request"]
        assert [case.name for case in cases if case.limit] == limited
        for case in cases:
            for run in (case.run, case.bare):
                got: Any = run()
                if case.name != "LMDB, stored":
                    assert got == stores.PAGE or got == ("200 OK", len(stores.PAGE))
        samples = stores.measure(cases, rounds=2, calls=2)
        assert samples.keys() == {case.name for case in cases}
        assert all(len(rounds) == 2 for sample in samples.values() for rounds in sample)


def test_a_store_that_keeps_nothing_is_no_scenario() -> None:
    with pytest.raises(click.ClickException, match="is no hit"):
        stores.hit(MemoryStore(max_bytes=10))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "measure", _instant)
    output = tmp_path / "figures.json"
    done = CliRunner().invoke(main, ["stores", "--quick", "--json", str(output)])
    assert done.exit_code == 0, done.output
    data = json.loads(output.read_text())["stores"]
    assert [(row["name"], row["median"]) for row in data["figures"][-3:]] == [
        ("LMDB", 2),
        ("LMDB, stored", 2),
        ("LMDB, stored", 101),
    ]
    assert [(claim["text"], claim["bound"], claim["holds"]) for claim in data["claims"]] == [
        ("memcached / pymemcache get", 1.35, False),
        ("near cache / memory hit", 1.5, False),
        ("Redis / redis-py get", 1.35, False),
        ("near LMDB / memory hit", 1.15, False),
        ("LMDB, request / the same in memcached", 0.25, False),
        ("LMDB, stored, µs of the processor", 100, False),
    ]


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "measure", _instant)
    monkeypatch.setenv("PATH", "")
    done = CliRunner().invoke(main, ["stores", "--quick"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(
        "not measured: memcached is not installed\nnot measured: redis-server is not installed\n"
    )
    assert "files, request" in done.output


def _instant(cases: Any, rounds: int, calls: int) -> Any:
    return {case.name: stores.Sample([2.0, 2.0], [1.0, 1.0], [101.0, 101.0]) for case in cases}
