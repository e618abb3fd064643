"""What is built, what is in it, and what an import brings along."""

from __future__ import annotations

import configparser
import inspect
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from typing import ForwardRef

import pytest

import wsgicache
from tests.running import ROOT
from wsgicache import configuring
from wsgicache.configuring import CacheOptions

NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist of this tree and the wheel that is built from it."""
    source = tmp_path_factory.mktemp("source") / "wsgicache"
    shutil.copytree(ROOT, source, ignore=NOT_SOURCE)
    dist = tmp_path_factory.mktemp("dist")
    line = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(source)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return dist


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel."""
    (wheel,) = built.glob("wsgicache-*-py3-none-any.whl")
    return wheel


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"wsgicache"}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "wsgicache").rglob("*.py")}
    packed = {name for name in names if ".dist-info/" not in name}
    of_pages = (ROOT / "wsgicache").rglob("files/*")
    loaded = {str(path.relative_to(ROOT)) for path in of_pages}
    assert packed == modules | loaded | {"wsgicache/py.typed"}
    (points,) = (name for name in names if name.endswith("/entry_points.txt"))
    said = zipfile.ZipFile(wheel).read(points).decode()
    assert "[pytest11]\nwsgicache.pytest_plugin = wsgicache.pytest_plugin\n" in said
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_sdist_holds_what_testing_needs(built: Path) -> None:
    (sdist,) = built.glob("wsgicache-*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"README.rst", "CHANGES.rst", "LICENSE", "setup.cfg", "pyproject.toml"}
    assert wanted | {"wsgicache/py.typed", "tests/test_package.py"} <= names
    assert not any(name.endswith((".pyc", ".pyo")) for name in names)


def test_the_wheel_runs_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    line = [sys.executable, "-W", "error", "-m", "wsgicache", "--version"]
    done = subprocess.run(line, cwd=tmp_path, env=environ, capture_output=True, text=True)
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert done.stderr == ""
    said = re.fullmatch(r"python -m wsgicache, version (\S+)\n", done.stdout)
    assert said
    assert said[1] == setup["metadata"]["version"]


def test_the_public_names_are_flat() -> None:
    assert {
        "CacheMiddleware",
        "Clock",
        "MemoryStore",
        "Policy",
        "Store",
        "SystemClock",
    } <= set(wsgicache.__all__)
    for name in wsgicache.__all__:
        value = getattr(wsgicache, name)
        assert isinstance(value, tuple) or value.__module__.startswith("wsgicache.")


FRAMEWORKS = {"blinker", "bottle", "django", "falcon", "flask", "jinja2", "pyramid", "webob"}
DOORS = ("flask", "bottle", "pyramid")
"""The modules for frameworks that import none. That for Django needs its settings."""


@pytest.mark.parametrize("names", ["", *(f", wsgicache.{name}" for name in DOORS)])
def test_the_import_is_lean(names: str) -> None:
    """Stores, frameworks and the command line come when they are used."""
    line = [sys.executable, "-c", f"import sys, wsgicache{names}; print(*sys.modules)"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "wsgicache.middleware" in done.stdout.split()
    assert {"click", "pymemcache", "cachelib", "redis", *FRAMEWORKS} & {
        *done.stdout.split()
    } == set()


def test_stores_come_from_one_place_when_they_are_asked_for() -> None:
    script = (
        "import sys; from wsgicache import stores\n"
        "print(*{'pymemcache', 'cachelib', 'redis'} & sys.modules.keys())\n"
        "print(*sorted(getattr(stores, name).__name__ for name in stores.__all__))\n"
        "from wsgicache.stores import CachelibStore, MemcachedStore, TieredStore\n"
    )
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    imported, names, _ = done.stdout.split("\n")
    assert imported == ""
    assert {"CachelibStore", "MemcachedStore", "MemoryStore", "TieredStore"} <= set(names.split())


def test_the_version_is_that_of_the_package() -> None:
    assert wsgicache.__version__ == version("wsgicache")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        attrgetter("nothing")(wsgicache)


def test_signatures_show_what_may_be_given() -> None:
    """Each argument by its name, as help() and an IDE show it."""
    for function in (
        wsgicache.cached,
        wsgicache.cache_for,
        wsgicache.Route,
        wsgicache.CacheMiddleware,
    ):
        kinds = {one.kind for one in inspect.signature(function).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds, function


def test_what_passes_on_options_takes_those_of_the_cache() -> None:
    _, *options = inspect.signature(wsgicache.CacheMiddleware).parameters.values()
    given = {one.name: ForwardRef(one.annotation, module=configuring.__name__) for one in options}
    assert given == CacheOptions.__annotations__


def test_the_cache_shows_its_interface_and_nothing_else() -> None:
    cache = wsgicache.CacheMiddleware(lambda environ, start_response: [])
    assert [name for name in dir(cache) if not name.startswith("_")] == [
        "app",
        "clock",
        "enabled",
        "explain",
        "policy",
        "purge",
        "purge_all",
        "purge_groups",
        "purge_prefix",
        "refresh",
        "stats",
        "store",
        "warm",
    ]
