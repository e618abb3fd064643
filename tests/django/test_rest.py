"""Django REST framework behind the cache: each person, each type and each page gets its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.running import environment


def test_a_project_with_django_rest_framework(tmp_path: Path) -> None:
    line = [sys.executable, "-W", "error", "-m", "tests.django.rest_site", str(tmp_path)]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("an audit and a doctor find nothing\n")
