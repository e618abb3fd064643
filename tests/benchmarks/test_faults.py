"""What crowds and faults do, in the smallest size: only what are counts is asserted here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import collapse, faults, faults_bodies
from benchmarks.__main__ import main
from benchmarks.results import Claim
from tests.running import module

CLIENTS = collapse.QUICK.clients


def run(command: str, output: Path) -> tuple[str, dict[str, Any]]:
    """What the *command* prints and writes."""
    result = CliRunner().invoke(main, [command, "--quick", "--json", str(output)])
    assert result.exit_code == 0, result.output
    return result.output, json.loads(output.read_text("utf-8"))[command]


def test_collapse(tmp_path: Path) -> None:
    """How often a crowd's app is asked; and a table with everything."""
    output, data = run("collapse", tmp_path / "collapse.json")
    rows = {(row["group"], row["name"]): row["values"] for row in data["figures"]}
    assert all(f"\n{group}:\n" in f"\n{output}" for group in collapse.GROUPS)
    asked = {name: value for (group, name), [value] in rows.items() if "reach" in group}
    assert asked == {
        "no cache": CLIENTS,
        "cacheable": 1,
        "uncacheable, first burst": CLIENTS,
        "uncacheable, second burst": CLIENTS,
        "leader raises": 2,
        "leader exits": 2,
        "app raises on": CLIENTS,
        "leader hangs": CLIENTS,
    }


def counted(claims: list[Claim]) -> list[Claim]:
    """Those that are about no time: on a busy machine, one who reads seems to have stopped."""
    untimed = [claim for claim in claims if not claim.text.startswith("stalled: requests")]
    return [claim for claim in untimed if claim.bound in (0, 1, 2, 64)]


def test_faults(tmp_path: Path) -> None:
    """Every figure has its lines, and what is counted holds."""
    module("gunicorn")
    output, data = run("faults", tmp_path / "faults.json")
    claims = [
        Claim(said["text"], said["measured"], said["bound"], said["at_most"])
        for said in data["claims"]
    ]
    about = list(dict.fromkeys(claim.text.partition(": ")[0] for claim in claims))
    pages = "identities crowds failures conditions reloads flood streams bodies stalled processes"
    asked_for = "rooms fields variants trips large"
    assert about == f"{pages} {asked_for} clocks".split()
    assert all(f" {claim.text}: " in output for claim in claims)
    assert len(counted(claims)) == 20
    assert [claim for claim in counted(claims) if not claim.holds] == []
    assert claims[-1].holds, "it has a clock of its own"


def test_bodies_that_are_left_open_are_counted() -> None:
    site = faults_bodies.Site()
    with pytest.raises(AssertionError):
        site({"PATH_INFO": "/pieces/1"}, lambda *head: lambda data: None)
    assert site.counts == {"opened": 0, "closed": 0, "complaints": 1}
    body = site.app({"PATH_INFO": "/pieces/1"}, lambda *head: lambda data: None)
    assert list(body) == [b"pa", b"ge"]
    assert site.counts["opened"] == 1
    assert site.counts["closed"] == 0


def test_sizes() -> None:
    assert faults.FULL.servers == tuple(faults_bodies.SERVERS)
    assert len(faults.FULL.servers) == 8
    assert faults_bodies.is_installed("wsgiref")
