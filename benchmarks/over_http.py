"""What wrk gets over HTTP from the constant app, wsgicache, and other caches in front of the app.

All servers run at once and wrk asks one after the other, on the same cores. Linux only: processor
time is read from /proc.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import click

from benchmarks.calls import progress
from benchmarks.contenders import FIELDS, TARGET, Contender, Missing, check, contenders
from benchmarks.results import Claim, Figure, number, show
from benchmarks.servers import HOST

CONNECTIONS = 16
WARMING = 1  # seconds of load before the first round, unless its runs are as short
STEADY = 0.1  # share of the constant app's median that its quartiles may lie apart
CONSTANT = "constant app on granian"
BOUNDS = {CONSTANT: 0.85, "Varnish": 0.8}  # of their throughput, at least
OURS = "wsgicache on granian"
SCRIPT = """
done = function(summary, latency, requests)
    local failed = 0
    for _, number in pairs(summary.errors) do failed = failed + number end
    io.stderr:write(string.format("%d %d %d", summary.requests, summary.duration, failed))
end
"""


class Failed(Exception):
    """A server did not answer every request; the text says how."""


class Run(NamedTuple):
    """What one run of wrk found."""

    per_second: float  # requests
    cpu: float  # seconds of the server, per request


def cpu_seconds(root: int) -> float:
    """Processor time that the process *root* and its descendants have had. Linux only."""
    parents, times = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The command, in parentheses, may contain anything.
            values = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        parents[int(folder.name)] = int(values[1])
        times[int(folder.name)] = int(values[11]) + int(values[12])
    family = [root]
    for parent in family:  # grows while it is read
        family += [child for child, its_parent in parents.items() if its_parent == parent]
    return sum(times.get(pid, 0) for pid in family) / os.sysconf("SC_CLK_TCK")


def load(contender: Contender, seconds: int, script: Path) -> Run:
    """Let wrk ask *contender* for *seconds*. Raises Failed for any failed request."""
    fields = [part for item in FIELDS.items() for part in ("-H", ": ".join(item))]
    options = f"-t 1 -c {CONNECTIONS} -d {seconds}s --timeout 10s -s {script}".split()
    url = f"http://{HOST}:{contender.port}{TARGET}"
    before = cpu_seconds(contender.pid)
    done = subprocess.run(["wrk", *options, *fields, url], capture_output=True, text=True)
    cpu = cpu_seconds(contender.pid) - before
    try:
        requests, microseconds, failed = map(int, done.stderr.split())
    except ValueError:
        raise Failed(done.stderr or done.stdout) from None
    if failed or not requests:
        raise Failed(f"{failed} of {requests} requests failed")
    return Run(requests / microseconds * 1e6, cpu / requests)


def measure(
    servers: Sequence[Contender], rounds: int, seconds: int
) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """Load one after the other, *rounds* times, there and back in turn.

    What was found, and why whoever failed did; those are asked no more.
    """
    runs: dict[str, list[Run]] = {server.name: [] for server in servers}
    failed: dict[str, str] = {}

    def ask(server: Contender, seconds: int) -> None:
        if server.name not in failed:
            try:
                runs[server.name].append(load(server, seconds, script))
            except Failed as error:
                failed[server.name] = str(error)

    with tempfile.TemporaryDirectory() as folder, progress(rounds * len(servers), "wrk") as step:
        script = Path(folder, "done.lua")
        script.write_text(SCRIPT, "utf-8")
        if seconds > WARMING:
            for server in servers:
                ask(server, WARMING)
                runs[server.name].clear()
        for number in range(rounds):
            for server in servers[:: (-1) ** number]:
                ask(server, seconds)
                step()
    failed |= {server.name: wrong for server in servers if (wrong := check(server))}
    return {name: found for name, found in runs.items() if name not in failed}, failed


def judged(throughput: dict[str, Figure], cpu: dict[str, Figure]) -> tuple[list[Claim], list[str]]:
    """What decides, throughput or, where that is not steady, processor time; the other in words."""
    claims: list[Claim] = []
    others: list[str] = []
    for name, bound in BOUNDS.items():
        if OURS not in throughput or name not in throughput:
            continue
        reached = throughput[OURS].median / throughput[name].median
        used = cpu[name].median / cpu[OURS].median
        by_requests = Claim(f"{OURS}, requests/s over {name}'s", reached, bound, at_most=False)
        by_cpu = Claim(f"{OURS}, requests per CPU second over {name}'s", used, bound, at_most=False)
        decides, does_not = (by_requests, by_cpu) if steady(throughput) else (by_cpu, by_requests)
        claims.append(decides)
        others.append(f"         {does_not.text}: {number(does_not.measured)}, does not decide")
    return claims, others


def steady(throughput: dict[str, Figure]) -> bool:
    """Whether the constant app's quartiles lie as near as they must for throughput to decide."""
    figure = throughput.get(CONSTANT)
    return figure is not None and figure.high - figure.low <= STEADY * figure.median


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=11, show_default=True)
@click.option("--seconds", type=click.IntRange(1), default=10, show_default=True, help="Of a run.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Of servers in Python; more of them contend for the GIL, as nobody waits here.",
)
@click.option("--quick", is_flag=True, help="One round of a second: a first impression.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def http(rounds: int, seconds: int, threads: int, quick: bool, output: Path | None) -> None:
    """Load servers with wrk: the constant app, wsgicache, nginx, Varnish."""
    if quick:
        rounds, seconds = 1, 1
    if shutil.which("wrk") is None or not Path("/proc/self/stat").exists():
        raise click.ClickException("http needs wrk (on Debian: apt install wrk), and Linux")
    with ExitStack() as stack:
        found = list(contenders(stack, threads))
        servers = [item for item in found if isinstance(item, Contender)]
        for item in found:
            if isinstance(item, Missing):
                click.echo(f"not measured: {item.name}: {item.reason}")
        runs, failed = measure(servers, rounds, seconds)
    throughput, cpu = {}, {}
    for name, found_here in runs.items():
        values = tuple(run.per_second for run in found_here)
        throughput[name] = Figure("throughput", name, values, "requests/s")
        values = tuple(run.cpu * 1e6 for run in found_here)
        cpu[name] = Figure("CPU time per request", name, values, "µs")
    claims, others = judged(throughput, cpu)
    show("http", [*throughput.values(), *cpu.values()], claims, output)
    if others:
        click.echo("\n".join(others))
    click.echo(
        f"Medians and quartiles of {rounds} interleaved runs of {seconds} s: wrk with 1 thread and "
        f"{CONNECTIONS} connections, on the same {os.cpu_count()} cores; one worker each, or four, "
        f"in Python with threads that call the app: {threads}."
    )
    if failed:
        raise click.ClickException("; ".join(f"{name}: {why}" for name, why in failed.items()))
