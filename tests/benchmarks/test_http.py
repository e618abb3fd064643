"""The benchmark over HTTP: who takes part, processor time, and what decides."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import contenders, over_http
from benchmarks.__main__ import main
from benchmarks.contenders import Contender, bare, cached, check
from benchmarks.over_http import CONSTANT, OURS, cpu_seconds, judged
from benchmarks.results import Figure
from benchmarks.servers import cheroot, free_port
from tests.running import binary

BURNING = """
import subprocess, sys, time
child = None
if len(sys.argv) > 1:
    child = subprocess.Popen([sys.executable, *sys.argv[:1]], stdout=subprocess.PIPE)
    child.stdout.readline()
while time.process_time() < 0.2:
    pass
print(flush=True)
sys.stdin.read()
if child is not None:
    child.wait()
"""


def missing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"no"]


@pytest.mark.network
@pytest.mark.parametrize(
    ("app", "caches", "wrong"),
    [
        (bare(), False, ("", "")),
        (bare(), True, ("answers with Cache-Status: (none)",) * 2),
        (cached(), True, ("answers with Cache-Status: wsgicache; fwd=uri-miss; stored", "")),
        (missing, False, ("answers 404 with 2 bytes",) * 2),
    ],
    ids=["constant", "no cache", "cache", "another page"],
)
def test_check(app: Any, caches: bool, wrong: tuple[str, str]) -> None:
    with cheroot(app) as port:
        contender = Contender("it", 0, port, caches)
        assert (check(contender), check(contender)) == wrong


def test_check_of_nothing() -> None:
    port = free_port()
    assert "ConnectionRefusedError" in check(Contender("it", 0, port, False))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_cpu_seconds_are_those_of_the_whole_tree(tmp_path: Path) -> None:
    script = tmp_path / "burning (1) 2.py"
    script.write_text(BURNING)
    pipe = subprocess.PIPE
    line = [sys.executable, str(script)]
    with (
        subprocess.Popen(line, stdin=pipe, stdout=pipe) as alone,
        subprocess.Popen([*line, "child"], stdin=pipe, stdout=pipe) as both,
    ):
        for process in (alone, both):
            assert process.stdout is not None
            process.stdout.readline()
        one, two = cpu_seconds(alone.pid), cpu_seconds(both.pid)
        assert one >= 0.17  # clock ticks are cut off
        assert two >= 0.34
        assert cpu_seconds(os.getpid()) >= one + two


def figures(unit: str, **values: tuple[float, ...]) -> dict[str, Figure]:
    names = {"constant": CONSTANT, "ours": OURS, "varnish": "Varnish"}
    return {names[name]: Figure("", names[name], found, unit) for name, found in values.items()}


@pytest.mark.parametrize(
    ("constant", "measured"),
    [((100.0, 105.0, 95.0), [0.9, 1.8]), ((100.0, 120.0, 80.0), [0.8, 0.4])],
    ids=["throughput", "processor time"],
)
def test_what_decides(constant: tuple[float, ...], measured: list[float]) -> None:
    throughput = figures("requests/s", constant=constant, ours=(90.0,), varnish=(50.0,))
    cpu = figures("µs", constant=(20.0,), ours=(25.0,), varnish=(10.0,))
    claims, others = judged(throughput, cpu)
    assert [claim.measured for claim in claims] == measured
    assert [(claim.bound, claim.at_most) for claim in claims] == [(0.85, False), (0.8, False)]
    undecided = [0.8, 0.4] if measured[0] == 0.9 else [0.9, 1.8]
    for line, value in zip(others, undecided, strict=True):
        assert line.endswith(f": {value:.3f}, does not decide".replace("1.800", "1.80"))


def test_nothing_is_claimed_of_who_is_missing() -> None:
    throughput, cpu = figures("requests/s", ours=(90.0,)), figures("µs", ours=(25.0,))
    assert judged(throughput, cpu) == ([], [])


def test_without_wrk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = CliRunner().invoke(main, ["http", "--quick"])
    assert result.exit_code == 1
    assert "http needs wrk (on Debian: apt install wrk), and Linux" in result.output


def test_who_fails_is_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(server: Contender, seconds: int, script: Path) -> over_http.Run:
        asked.append(server.name)
        if server.name == "bad" and len(asked) > 4:
            raise over_http.Failed("1 of 9 requests failed")
        return over_http.Run(float(len(asked)), 0.1)

    monkeypatch.setattr(over_http, "load", load)
    monkeypatch.setattr(over_http, "check", lambda server: "is gone" * (server.name == "late"))
    servers = [Contender(name, 0, 0, False) for name in ("good", "bad", "late")]
    runs, failed = over_http.measure(servers, 3, 2)
    warming = ["good", "bad", "late"]
    assert asked == [*warming, "good", "bad", "late", "late", "good", "good", "late"]
    assert [run.per_second for run in runs.pop("good")] == [4, 8, 9]
    assert runs == {}
    assert failed == {"bad": "1 of 9 requests failed", "late": "is gone"}


@pytest.mark.network
def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caches that are installed take part; the others are named."""
    binary("wrk")
    monkeypatch.setattr(contenders, "PYTHON_SERVERS", ("waitress", "no_such_server"))
    output = tmp_path / "http.json"
    result = CliRunner().invoke(main, ["http", "--quick", "--json", str(output)])
    assert result.exit_code == 0, result.output
    assert "not measured: constant app on no_such_server: pip install no_such_server" in (
        result.output
    )
    absent = [name for name, (program, _) in contenders.CACHES.items() if not shutil.which(program)]
    for name in absent:
        assert f"not measured: {name}: apt install" in result.output
    four = "wsgicache on granian, 4 workers"
    expected = ["constant app on waitress", "wsgicache on waitress", four, "nginx", "Varnish"]
    rows = json.loads(output.read_text("utf-8"))["http"]["figures"]
    assert [row["name"] for row in rows] == [n for n in expected if n not in absent] * 2
    assert {row["unit"] for row in rows} == {"requests/s", "µs"}
    # Processor time is counted in ticks, of which a machine that does much else may give none.
    assert all(row["median"] > 0 for row in rows if row["unit"] == "requests/s")
