"""The versions of Django that are supported are those that CI tests and that the docs name."""

from __future__ import annotations

import configparser
import re

import django

from tests.running import ROOT


def test_ci_and_the_documentation_name_the_supported_versions() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = setup["options.extras_require"]
    found = re.fullmatch(r"django >= (\d+\.\d+), < (\d+)\.(\d+)", extras["django"].strip())
    assert found
    oldest, end = found[1], (int(found[2]), int(found[3]))
    for name in ("test", "docs"):
        assert found[0] in extras[name].splitlines()
    assert f"django_lts={oldest} " in (ROOT / ".ci/run").read_text("utf-8")
    page = (ROOT / "docs/howto/django.rst").read_text("utf-8")
    assert f"Django {oldest} (LTS) to {end[0]}.{end[1] - 1}" in page
    assert tuple(map(int, oldest.split("."))) <= django.VERSION[:2] < end
