"""A site with Wagtail behind the cache.

Wagtail and what it needs take long to install, so they are not among the packages of the tests:
``python -m tests.long wagtail`` installs them into an environment of its own.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.django.wagtail_row import play


@pytest.mark.skipif(
    find_spec("wagtail") is None,
    reason="Wagtail takes long to install: python -m tests.long wagtail",
)
def test_what_editors_change_is_new_at_the_next_request(tmp_path: Path) -> None:
    assert play(Path(sys.executable), tmp_path) > 0


SETTINGS = """
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["wsgicache.django"],
    WSGICACHE={},
    WAGTAILFRONTENDCACHE={"default": {"BACKEND": "%s"}},
)
import django
django.setup()
"""


@pytest.mark.parametrize(
    ("backend", "is_loaded"),
    [("wsgicache.django.wagtail.Backend", True), ("some.other.Backend", False)],
)
def test_only_the_site_that_names_the_backend_needs_wagtail(backend: str, is_loaded: bool) -> None:
    line = [sys.executable, "-c", SETTINGS % backend]
    done = subprocess.run(line, capture_output=True, text=True)
    assert ("wagtail" in done.stderr) is (is_loaded and find_spec("wagtail") is None), done.stderr
