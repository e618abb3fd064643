"""The terminal sessions of the documentation show what the commands print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT, environment

SESSIONS = ROOT / "docs" / "examples" / "sessions"
NAMES = sorted(path.name for path in SESSIONS.glob("*.txt"))


FOLDER = "/var/cache/shop"
"""The folder of a store in the sessions, for which an empty one stands in."""


def printed(command: str, folder: Path) -> str:
    """What *command* prints, with its exit code if that is not 0."""
    line = [sys.executable, "-m", *shlex.split(command.replace(FOLDER, str(folder)))]
    done = subprocess.run(line, cwd=SESSIONS, env=environment(), capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.replace(str(folder), FOLDER) + (
        f"(exit code {done.returncode})\n" if done.returncode else ""
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_session_shows_what_the_commands_print(name: str, tmp_path: Path) -> None:
    text = (SESSIONS / name).read_text("utf-8")
    commands = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    assert text == "".join(f"$ {command}\n{printed(command, tmp_path)}" for command in commands)


def test_every_session_is_shown_with_its_site() -> None:
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.rst"))
    for path in (*SESSIONS.glob("*.txt"), *SESSIONS.glob("*.py")):
        assert f"examples/sessions/{path.name}" in pages
