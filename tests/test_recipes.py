"""The recipes are files that run: each is started by the command of its first line."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.servers import free_port
from tests.running import refuse
from tests.servers.process import running
from tests.servers.rows import SERVERS, as_nobody, program
from tests.servers.wire import Reply, fetch

RECIPES = Path(__file__).with_name("recipes")
PAGE = (RECIPES.parents[1] / "docs" / "howto" / "servers.rst").read_text("utf-8")
WORKERS = (RECIPES.parents[1] / "docs" / "howto" / "workers.rst").read_text("utf-8")
README = (RECIPES.parents[1] / "README.rst").read_text("utf-8")
NOISE = "|".join((*(server.noise for server in SERVERS), "development server"))

pytestmark = pytest.mark.network


class Recipe(NamedTuple):
    """A file, the program that it names, and whether that may be absent everywhere."""

    file: str
    needs: str
    optional: bool = False


SERVER_RECIPES = (
    Recipe("gunicorn.sh", "gunicorn"),
    Recipe("gunicorn_gevent.sh", "gunicorn"),
    Recipe("uwsgi.ini", "uwsgi", optional=True),
    Recipe("waitress.sh", "waitress-serve"),
    Recipe("cheroot.sh", "cheroot"),
    Recipe("granian.sh", "granian"),
    Recipe("mod_wsgi.sh", "mod_wsgi-express", optional=True),
)
RECIPE_FILES = (
    *SERVER_RECIPES,
    Recipe("flask_site.py", "flask"),
    Recipe("django_site.py", "gunicorn"),
    Recipe("bottle_site.py", "waitress-serve"),
    Recipe("workers.py", "gunicorn"),
)


def test_every_recipe_is_run() -> None:
    files = {path.name for path in RECIPES.iterdir() if path.is_file()}
    assert files == {"myapp.py", *(recipe.file for recipe in RECIPE_FILES)}


def copied(directory: Path, port: int) -> Path:
    """The recipes in a directory of their own, with another port and another cache."""
    shutil.copytree(RECIPES, directory, ignore=shutil.ignore_patterns("__pycache__"))
    for path in directory.iterdir():
        text = path.read_text().replace("8000", str(port))
        path.write_text(text.replace("/var/cache/myapp", str(directory / "cache")))
    return directory


def command_of(path: Path) -> list[str]:
    """A shell recipe's only command, or the one in the first line of another's comment."""
    lines = path.read_text().splitlines()
    if path.suffix == ".sh":
        (line,) = (line for line in lines if not line.startswith("#"))
    else:
        line = lines[0].lstrip("#; ")
    name, *arguments = shlex.split(line)
    found = sys.executable if name == "python" else program(name)
    assert found, f"{name} is not installed"
    if name == "mod_wsgi-express":
        here = ("--server-root", str(path.parent / "httpd"), "--locale", "C.UTF-8")
        return [*as_nobody(), found, *arguments, *here]
    return [found, *arguments]


def ask_twice(port: int) -> list[Reply]:
    return [fetch(port, "GET", "/items", [("Host", f"127.0.0.1:{port}")]) for _ in range(2)]


@pytest.mark.parametrize("recipe", RECIPE_FILES, ids=lambda recipe: recipe.file)
def test_a_recipe_gives_a_hit(recipe: Recipe, tmp_path: Path) -> None:
    if program(recipe.needs) is None:
        refuse(f"{recipe.needs} is not installed", recipe.optional)
    port = free_port()
    directory = copied(tmp_path / "recipes", port)
    command = command_of(directory / recipe.file)
    with running(command, port, tmp_path / "log", directory=directory) as process:
        replies = ask_twice(port)
    assert [reply.status for reply in replies] == [200, 200]
    assert [reply.body for reply in replies] == [b"apple, banana\n"] * 2
    assert replies[0].cache_status == "wsgicache; fwd=uri-miss; stored"
    assert replies[1].cache_status.startswith("wsgicache; hit; ttl=")
    assert not process.alarms(NOISE)


def test_the_log_says_what_several_workers_mean(tmp_path: Path) -> None:
    port = free_port()
    command = command_of(copied(tmp_path / "recipes", port) / "gunicorn.sh")
    command[command.index("--workers") + 1] = "2"
    with running(command, port, tmp_path / "log", directory=tmp_path / "recipes") as process:
        ask_twice(port)
    said = process.log.read_text()
    assert said.count("several processes") == 1
    (line,) = re.findall(r"CacheMiddleware\(app, store=.*?\)\)", said)
    assert line.replace("(app,", "(site,") in (RECIPES / "workers.py").read_text()
    assert not process.alarms(NOISE)


@pytest.mark.parametrize("name", ["myapp.py", *(recipe.file for recipe in SERVER_RECIPES)])
def test_the_documentation_shows_the_recipe_as_it_is_run(name: str) -> None:
    assert f"literalinclude:: ../../tests/recipes/{name}\n" in PAGE


def test_the_documentation_shows_the_recipe_of_several_workers() -> None:
    shown = (RECIPES / "workers.py").read_text().partition("\n\n")[2]
    assert "literalinclude:: ../../tests/recipes/workers.py\n" in WORKERS
    assert textwrap.indent(shown, "    ").partition("application")[2] in README
