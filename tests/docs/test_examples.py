"""The examples of the documentation do what their transcripts say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.running import ROOT, environment

EXAMPLES = ROOT / "docs" / "examples"
TRANSCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.txt"))
LINE = re.compile(
    r"(?:(?P<who>\w+):\s+)?(?P<method>[A-Z]+) (?P<target>\S+)(?: (?P<form>\w+=\S+))?"
    r"(?: \[(?P<field>[^\]]+)\])?\s+-> (?P<status>\d+) (?P<outcome>.+)"
)
ASKING = """
import json, sys
from werkzeug.test import Client
clients = {}
for line in json.load(sys.stdin):
    known = clients.get(line["who"]) or Client(app, use_cookies=bool(line["who"]))
    clients[line["who"]] = known
    fields = [line["field"].split(": ", 1)] if line["field"] else []
    form = dict([line["form"].split("=")]) if line["form"] else None
    asked = {"method": line["method"], "headers": fields, "data": form, "buffered": True}
    response = known.open(line["target"], **asked)
    print(response.status_code, response.headers["Cache-Status"])
"""


def parsed(transcript: Path) -> list[dict[str, str | None]]:
    """The exchanges of a transcript, a line each."""
    found = []
    for line in transcript.read_text("utf-8").splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        found.append(match.groupdict())
    return found


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_an_example_does_what_its_transcript_says(name: str) -> None:
    lines = parsed(EXAMPLES / f"{name}.txt")
    done = subprocess.run(
        [sys.executable, "-c", f"from {name} import app\n{ASKING}"],
        cwd=EXAMPLES,
        env=environment(),
        input=json.dumps(lines),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = [f"{line['status']} {line['outcome']}" for line in lines]
    assert _without_seconds(done.stdout.splitlines()) == _without_seconds(expected)


def _without_seconds(lines: list[str]) -> list[str]:
    """A second may pass meanwhile."""
    return [re.sub(r"ttl=\d+", "ttl=…", line) for line in lines]


def test_mypy_leaves_out_nothing_of_the_examples() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]
    assert rules["strict"]
    assert "docs/examples" in rules["files"]
    assert "exclude" not in rules
    named = [name for one in rules["overrides"] for name in one["module"]]
    assert not [name for name in named if name.startswith("docs")]
    for path in EXAMPLES.rglob("*.py"):
        assert "type: ignore" not in path.read_text("utf-8")


def test_every_example_is_shown_with_its_transcript() -> None:
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.rst"))
    for name in TRANSCRIPTS:
        assert f"examples/{name}.py" in pages
        assert f"examples/{name}.txt" in pages
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(TRANSCRIPTS)
