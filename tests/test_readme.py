"""The README says what is so: its recipes run, and so does all its code."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.running import ROOT, environment
from tests.scene import Scene

README = (ROOT / "README.rst").read_text("utf-8")
BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", re.MULTILINE)
RECIPES = {
    title: inspect.cleandoc(match[1])
    for title in ("Plain WSGI", "Flask", "Django", "Bottle")
    if (match := BLOCK.search(README, README.index(f"**{title}")))
}
SETTINGS = """
import sys
import types
import django
from django.conf import settings
settings.configure(ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x")
django.setup()
"""
URLS = """
from django.urls import path
sys.modules["urls"] = types.ModuleType("urls")
sys.modules["urls"].urlpatterns = [path("items", items)]
app = application
"""
ASKING = """
from werkzeug.test import Client
client = Client(app)
for _ in range(2):
    response = client.get("/items", buffered=True)
    print(response.status_code, response.headers["Cache-Status"])
"""


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_gives_a_hit(title: str, tmp_path: Path) -> None:
    before, after = (SETTINGS, URLS) if title == "Django" else ("", "")
    script = tmp_path / "recipe.py"
    script.write_text(before + RECIPES[title] + after + ASKING)
    line = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "200 wsgicache; fwd=uri-miss; stored"
    assert re.fullmatch(r"200 wsgicache; hit; ttl=\d+", second)


def block_after(heading: str) -> str:
    """The first code after *heading*."""
    found = BLOCK.search(README, README.index(heading))
    assert found is not None
    return inspect.cleandoc(found[1])


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 250


def test_one_line_cures_the_stale_dropdown() -> None:
    scene = Scene()
    scene.app(200, "[]", content_type="application/json")
    names: dict[str, Any] = {"app": scene.cache.app}
    exec(block_after("\nThe stale dropdown\n"), names)
    scene.cache = scene.front = names["app"]
    assert (scene.get("/").header("Cache-Control") or "").startswith("no-store")


def test_the_code_of_the_other_sections_runs(tmp_path: Path) -> None:
    """In their order, on one application."""
    names: dict[str, Any] = {"site": Scene().cache.app}
    store = block_after("\nChoosing a store\n")
    exec(store.replace("/var/cache/myapp", str(tmp_path / "cache")), names)
    names["app"] = names["application"]
    exec(block_after("\nPurging\n"), names)
    assert len(BLOCK.findall(README)) == 1 + len(RECIPES) + 3


def test_ci_runs_the_readmes_test_command() -> None:
    (test,) = re.findall(r'^    pip install "\.\[test\]" && (.+)$', README, re.MULTILINE)
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("a source distribution has no .ci")
    assert test in map(str.strip, script.read_text("utf-8").splitlines())
