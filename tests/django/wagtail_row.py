"""Wagtail in an environment of its own: the row ``wagtail`` of ``python -m tests.long``."""

from __future__ import annotations

import subprocess
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

from tests.foreign.suites import OURS, ROOT, run


def play(python: Path, folder: Path) -> int:
    """Play all scenes in *folder*, and return how many there were."""
    line = [str(python), "-m", "tests.django.wagtail_site", str(folder)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return len(done.stdout.splitlines())


def wagtail(count: int) -> str:
    """A site that editors change while visitors ask for it."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(Path(place, "venv"), with_pip=True)
        python = Path(place, "venv", "bin", "python")
        pip = (str(python), "-m", "pip", "--disable-pip-version-check", "-q")
        run(*pip, "install", "wagtail", "lmdb", *OURS, cwd=Path(place))
        script = (
            "import django, wagtail; print(wagtail.__version__, 'on Django', django.__version__)"
        )
        version = run(str(python), "-c", script, cwd=Path(place)).strip()
        for _ in range(count):
            with tempfile.TemporaryDirectory() as folder:
                scenes = play(python, Path(folder))
    return f"Wagtail {version}: {scenes} scenes went well"


ROWS: dict[str, tuple[Callable[[int], str], int]] = {"wagtail": (wagtail, 1)}
