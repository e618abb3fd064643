"""Run the public HTTP cache suite (http-tests/cache-tests) against wsgicache or another cache.

``python benchmarks/conformance.py SUITE.json``, or ``python -m benchmarks conformance SUITE.json``,
where SUITE.json is what ``npm run export`` writes in a checkout of the suite.
"""

from __future__ import annotations

import sys

if not __package__:  # run as a file: make the package importable, and its modules not top-level
    sys.path[0] = __file__.rsplit("benchmarks", 1)[0]

import json
import logging
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from benchmarks.conformance_checks import Test
from benchmarks.conformance_client import Base, Exchange, Trial, run
from benchmarks.servers import HOST, SERVERS, ServerFailed, serving

KINDS = ("required", "optimal", "check")
OUTCOMES = {
    "pass": "passed",
    "fail": "failed",
    "setup": "failed while setting up",
    "dependency": "stand on a test that does not pass",
}


def load(suite: Path) -> list[Test]:
    """The tests of an exported suite, in its order. Raises ClickException if it is none."""
    try:
        groups = json.loads(suite.read_text("utf-8"))
        return [test for group in groups for test in group["tests"]]
    except (ValueError, TypeError, KeyError) as error:
        raise click.ClickException(f"{suite} is not an exported suite: {error!r}") from error


def with_dependencies(tests: list[Test], name: str) -> list[Test]:
    """The test of that id and all it stands on. Raises ClickException if there is none."""
    by_id = {test["id"]: test for test in tests}
    if name not in by_id:
        raise click.ClickException(f"--id {name}: the suite has no such test")
    wanted = [name]
    for other in wanted:  # grows while it is read
        wanted += [id for id in by_id[other].get("depends_on", ()) if id not in wanted]
    return [by_id[id] for id in wanted if id in by_id]


def tally(trials: list[Trial]) -> dict[str, dict[str, int]]:
    """For each kind how many tests there are, and how many went which way."""
    table = {}
    for kind in KINDS:
        outcomes = Counter(trial.outcome for trial in trials if trial.kind == kind)
        table[kind] = {"tests": outcomes.total(), **{name: outcomes[name] for name in OUTCOMES}}
    return table


def scores(trials: list[Trial], name: str, peers: dict[str, list[str]]) -> list[str]:
    """One line per cache: how many tests of each kind it passes."""
    ours = [trial.test["id"] for trial in trials if trial.outcome == "pass"]
    rows = [("", *(f"{kind} of {table['tests']}" for kind, table in tally(trials).items()))]
    for cache, passed in {name: ours, **peers}.items():
        counts = Counter(trial.kind for trial in trials if trial.test["id"] in set(passed))
        rows.append((cache, *(str(counts[kind]) for kind in KINDS)))
    width = max(len(row[0]) for row in rows)
    return [f"{row[0]:{width}}" + "".join(f"{cell:>18}" for cell in row[1:]) for row in rows]


def failures(trials: list[Trial]) -> list[str]:
    """Every required and optimal test that did not pass, by outcome, with its reason."""
    lines = []
    for kind in KINDS[:2]:
        for outcome, words in list(OUTCOMES.items())[1:]:
            found = [trial for trial in trials if (trial.kind, trial.outcome) == (kind, outcome)]
            if found:
                lines += ["", f"{kind}, {words}: {len(found)}"]
                lines += [f"  {trial.test['id']}: {trial.reason}" for trial in found]
    return lines


def transcript(trial: Trial) -> list[str]:
    """One test in full: what the client sent and got, and what the origin saw and sent."""
    test = trial.test
    lines = [f"{test['id']} ({trial.kind}): {test['name']}"]
    lines.append(f"{OUTCOMES[trial.outcome]}{trial.reason and ': '}{trial.reason}")
    for number, exchanged in enumerate(trial.exchanges, 1):
        lines += ["", f"── client, request {number}", *conversation(exchanged)]
    for seen in trial.seen:
        lines += ["", f"── origin, request {seen['request_num']}"]
        lines.append(f"> {seen['method']} {seen['target']}")
        lines += [f"> {name}: {value}" for name, value in seen["headers"].items()]
        lines.append(f"< {seen.get('status', '(no answer)')}")
        lines += [f"< {name}: {value}" for name, value in seen.get("sent", ())]
    return lines


def conversation(exchanged: Exchange) -> list[str]:
    sent, answer = exchanged
    lines = [f"> {line}" for line in sent.decode("latin-1").rstrip("\r\n").split("\r\n")]
    for status, fields in [*answer.interim, (answer.status, answer.fields)]:
        final = status == answer.status
        lines.append(f"< {status} {answer.reason if final else '(interim)'}".rstrip())
        lines += [f"< {name}: {value}" for name, value in fields]
    return [*lines, f"< {answer.content!r}"]


def report(trials: list[Trial], about: dict[str, str]) -> dict[str, Any]:
    """The results as data."""
    return {
        **about,
        "score": tally(trials),
        "tests": {
            trial.test["id"]: {
                "kind": trial.kind,
                "outcome": trial.outcome,
                **({"reason": trial.reason} if trial.reason else {}),
            }
            for trial in trials
        },
    }


def progress_line(total: int) -> Callable[[int], None]:
    """Count on standard error, where that is a terminal."""

    def show(done: int) -> None:
        if sys.stderr.isatty():
            end = "\r\033[K" if done == total else ""
            click.echo(f"\r{done} of {total} tests{end}", nl=False, err=True)

    return show


def address(base: str) -> Base:
    """Host and port of a URL like http://127.0.0.1:8080. Raises UsageError for another."""
    try:
        parts = urlsplit(base)
        if parts.scheme == "http" and parts.hostname and parts.path in ("", "/"):
            return Base(parts.hostname, parts.port or 80)
    except ValueError:
        pass
    raise click.UsageError(f"--base {base}: not a URL like http://127.0.0.1:8080")


def read_peers(path: Path | None) -> dict[str, list[str]]:
    """Of each published cache the tests that it passes. Raises ClickException."""
    try:
        return dict(json.loads(path.read_text("utf-8"))) if path else {}
    except (ValueError, TypeError) as error:
        raise click.ClickException(f"--peers {path}: not an object of lists: {error}") from error


EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("suite", type=EXISTING)
@click.option("--server", type=click.Choice(SERVERS), default="cheroot", show_default=True)
@click.option("--policy", type=click.Choice(["rfc", "safe"]), default="rfc", show_default=True)
@click.option("--id", "only", metavar="ID", help="Run one test and show it in full.")
@click.option("--base", metavar="URL", help="Test the cache at URL instead of wsgicache.")
@click.option("--origin", metavar="PORT", type=int, help="Where that cache finds the origin.")
@click.option("--peers", type=EXISTING, help="JSON: the tests that other caches pass.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def conformance(
    suite: Path,
    server: str,
    policy: str,
    only: str | None,
    base: str | None,
    origin: int | None,
    peers: Path | None,
    output: Path | None,
) -> None:
    """Run the public HTTP cache suite; exit with 1 if a required test does not pass."""
    if (base is None) != (origin is None):
        raise click.UsageError("--base URL and --origin PORT go together")
    tests, others = load(suite), read_peers(peers)
    if only is not None:
        tests = with_dependencies(tests, only)
    name = base if base else f"wsgicache, {policy}, {server}"
    profile = "bare" if base else policy
    logging.getLogger("wsgicache").addHandler(logging.NullHandler())  # origins die on purpose
    try:
        with ExitStack() as stack:
            factory = f"benchmarks.conformance_origin:{profile}"
            port = stack.enter_context(serving(server, factory, origin or 0))
            at = address(base) if base else Base(HOST, port)
            try:
                socket.create_connection(at, 5).close()
            except OSError as error:
                raise click.ClickException(f"nothing answers at {base}: {error}") from error
            trials = run(tests, at, progress_line(len(tests)))
    except (ServerFailed, OSError) as error:
        raise click.ClickException(str(error)) from error
    if only is not None:
        click.echo("\n".join(transcript(trials[0])))
    else:
        click.echo("\n".join([*scores(trials, name, others), *failures(trials)]))
    if output is not None:
        data = report(trials, {"cache": base or "wsgicache", "server": server, "policy": profile})
        output.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    required = [trial for trial in trials if trial.kind == "required"]
    sys.exit(any(trial.outcome != "pass" for trial in required))


if __name__ == "__main__":
    conformance()
