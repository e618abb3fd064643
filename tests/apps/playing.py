"""Games of a crowd: ``python -m tests.apps.playing SITE [COUNT] [--bare]``.

It prints what was wrong as JSON. A game has a process of its own: Django has one configuration.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.apps.crowd import KINDS, SITES, THREADS, USERS, Crowd, Finding


def play(site: str, count: int, seed: int, bare: bool, threads: int) -> dict[str, Any]:
    """A game in this process: how much was asked, what came of it, and what was wrong."""
    with TemporaryDirectory() as folder:
        crowd = Crowd(site, Path(folder), seed, bare, threads)
        crowd.play(count)
    findings = sorted(crowd.findings, key=lambda finding: finding.number)
    return {
        "requests": crowd.count,
        "outcomes": dict(crowd.outcomes),
        "wrong": dict(Counter(finding.kind for finding in findings)),
        "first": {kind: asdict(one) for kind, one in first_of(findings)},
    }


def first_of(findings: list[Finding]) -> Iterator[tuple[str, Finding]]:
    """The first finding of each kind."""
    for kind in KINDS:
        yield from [(kind, one) for one in findings if one.kind == kind][:1]


def played(site: str, count: int, *options: str) -> dict[str, Any]:
    """As `play`, in a process of its own."""
    command = [sys.executable, "-m", "tests.apps.playing", site, str(count), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def long_crowd(site: str) -> Callable[[int], str]:
    """So many requests to *site* by all users and threads."""

    def run(count: int) -> str:
        result = played(site, count)
        assert not result["wrong"], json.dumps(result, indent=1)
        assert result["outcomes"]["hit"] > count / 10
        return (
            f"{result['requests']} by {USERS} users, {result['outcomes']['hit']} hits, none wrong"
        )

    return run


ROWS = {f"apps-{site}": (long_crowd(site), 10_000) for site in SITES}


def main() -> int:
    """Play one game, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.apps.playing", description=__doc__)
    parser.add_argument("site", choices=SITES)
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--bare", action="store_true", help="without the cache")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    result = play(chosen.site, chosen.count, chosen.seed, chosen.bare, chosen.threads)
    json.dump(result, sys.stdout, indent=1)
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
