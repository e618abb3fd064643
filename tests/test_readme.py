"""The README says what is so: its recipes run, its tables are those of the code."""

from __future__ import annotations

import dataclasses
import inspect
import operator
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

import wsgicache
from benchmarks.__main__ import main as benchmarks
from tests.running import ROOT, environment
from tests.scene import Scene
from wsgicache import Policy, stores
from wsgicache.rules import request, storing

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


def test_what_is_static_is_stored_for_browsers_with_cookies() -> None:
    scene = Scene()
    names: dict[str, Any] = {"app": scene.cache.app, "device": str}
    exec(block_after("\nRoutes\n~~~"), names)
    scene.cache = scene.front = names["app"]
    scene.app(200, "code", content_type="text/javascript", cache_control="no-cache")
    assert scene.get("/static/app.js", cookie="session=1").stored
    assert scene.get("/static/app.js", cookie="session=2").hit


def test_who_previews_is_not_shown_the_stored_page() -> None:
    names: dict[str, Any] = {}
    exec(block_after("On a hit the view is not asked"), names)
    client, seen = Client(names["app"]), False
    for preview, page in ((None, "article"), ("1", "draft"), (None, "article"), ("1", "draft")):
        response = client.get("/articles/1", headers={"X-Preview": preview} if preview else {})
        assert response.text == page
        assert ("hit" in response.headers["Cache-Status"]) == (page == "article" and seen)
        seen = True


def test_every_policy_option_has_its_row_with_both_values() -> None:
    section = README.partition("\nPolicy\n")[2].partition("\nInvalidation\n")[0]
    rows = dict(re.findall(r"^``(\w+)``\s+(\S.*)$", section, re.MULTILINE))
    safe, rfc = Policy(), Policy.rfc()
    for option in filter(operator.attrgetter("init"), dataclasses.fields(Policy)):
        values = [getattr(safe, option.name), getattr(rfc, option.name)]
        if option.name == "targets":
            assert all(f"``{name}``" in README for name in values[1])
            continue
        if option.name in (
            "credentials",
            "selecting",
            "language_cookies",
            "unstored_statuses",
            "unstored_fields",
        ):
            assert rows[option.name].startswith("(a list)")
            continue
        said = rows[option.name].split()
        assert said[0] == (str(values[0]) or "(none)"), option.name
        if values[0] != values[1]:
            assert said[1] == str(values[1]), option.name


def test_the_api_is_what_the_two_public_modules_list() -> None:
    _, table, _ = README.partition("\nAPI\n---\n")[2].split("\n====", 2)
    named = re.findall(r"``(\w+)``", table)
    assert sorted(named) == sorted({*wsgicache.__all__, *stores.__all__})


@pytest.mark.parametrize(
    "rule",
    [
        storing.forbidden,
        storing.unusable,
        storing._unkeepable_content,
        request.read,
        request._passing,
    ],
)
def test_every_refusal_is_explained(rule: Callable[..., object]) -> None:
    tokens = re.findall(r'return "([a-z-]+)"', inspect.getsource(rule))
    assert tokens
    for token in tokens:
        assert re.search(rf"^``{token}``\s", README, re.MULTILINE), token


def test_every_deviation_is_confessed() -> None:
    _, section = README.split("\nDeviations\n", 1)
    section = section.partition("\nHow to contribute\n")[0]
    for module in (ROOT / "wsgicache").rglob("*.py"):
        marked = len(re.findall(r"\bDeviation: ", module.read_text("utf-8")))
        name = f"``{module.relative_to(ROOT / 'wsgicache')}``"
        assert section.count(name) >= marked, f"{name} has {marked} deviations"


def test_ci_runs_the_readmes_test_command() -> None:
    (test,) = re.findall(r'^    pip install "\.\[test\]" && (.+)$', README, re.MULTILINE)
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("a source distribution has no .ci")
    assert test in map(str.strip, script.read_text("utf-8").splitlines())


def test_every_benchmark_has_its_row() -> None:
    section = README.partition("\nBenchmarks\n")[2].partition("\nHow to contribute\n")[0]
    rows = re.findall(r"^``(\w+)``\s+\S", section, re.MULTILINE)
    assert set(rows) == set(benchmarks.commands) - {"all"}
    assert "    python -m benchmarks all" in section


def test_every_image_is_there_and_sized() -> None:
    images = re.findall(r"^\.\. image:: (\S+)$", README, re.MULTILINE)
    assert images
    for image in images:
        assert re.search(r"<svg [^>]*width=", (ROOT / image).read_text("utf-8")), image
