"""Django's own tests run bare and behind the cache, and must end alike: the row ``django-suite``
of ``python -m tests.long``.

The source distribution on PyPI contains the tests; the version is that which pip chooses for this
Python, or that of ``WSGICACHE_DJANGO``, such as ``5.2.*``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.foreign.suites import HERE, OURS, ROOT, run

LABELS = """
    admin_changelist admin_custom_urls admin_docs admin_inlines admin_utils admin_views
    admin_widgets auth_tests builtin_server cache conditional_processing contenttypes_tests
    context_processors csrf_tests decorators file_storage file_uploads flatpages_tests
    generic_inline_admin generic_views handlers httpwrappers i18n logging_tests messages_tests
    middleware middleware_exceptions project_template redirects_tests requests_tests responses
    servers sessions_tests shortcuts sitemaps_tests staticfiles_tests syndication_tests
    template_tests test_client test_client_regress test_utils timezones urlpatterns
    urlpatterns_reverse view_tests wsgi
""".split()
"""The parts of Django's tests that speak HTTP."""

_HEAD = "the cache asks for GET in place of HEAD, and this field is for HEAD alone"
DIFFERING = {
    "admin_docs.test_middleware.XViewMiddlewareTest.test_callable_object_view": _HEAD,
    "admin_docs.test_middleware.XViewMiddlewareTest.test_xview_class": _HEAD,
    "admin_docs.test_middleware.XViewMiddlewareTest.test_xview_func": _HEAD,
    "conditional_processing.tests.ConditionalGet.test_all_if_none_match": (
        "'If-None-Match: *' of a GET names nothing that the client has, so it gets the page"
    ),
    "wsgi.tests.WSGITest.test_get_wsgi_application": "it takes the body for Django's response",
}
"""Tests whose outcome is another behind a cache, and rightly so: the reason."""


def prepared(place: Path) -> tuple[Path, Path]:
    """Django's tests below *place*, and a Python that has what they need."""
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "-q")
    version = os.environ.get("WSGICACHE_DJANGO")
    django = f"django=={version}" if version else "django"
    run(*pip, "install", django, "jinja2", "docutils", "tblib", "setuptools", *OURS, cwd=place)
    given = run(str(python), "-c", "import django; print(django.__version__)", cwd=place).strip()
    run(
        *(*pip, "download", "--no-deps", "--no-binary", "django", f"django=={given}"),
        *("-d", str(place / "sdist")),
        cwd=place,
    )
    (archive,) = (place / "sdist").iterdir()
    with tarfile.open(archive) as packed:
        packed.extractall(place / "source", filter="data")
    (source,) = (place / "source").iterdir()
    plugins = place / "plugins"
    plugins.mkdir()
    shutil.copy(HERE / "django_seam.py", plugins)
    (plugins / "wsgicache").symlink_to(ROOT / "wsgicache")
    return source, python


def outcomes(source: Path, python: Path, behind: bool) -> dict[str, Any]:
    """How each test ended, bare or *behind* the cache."""
    plugins = source.parent.parent / "plugins"
    report = source.parent / f"report{behind:d}.json"
    line = [str(python), "-W", "ignore", str(plugins / "django_seam.py")]
    done = subprocess.run(
        [*line, str(report), f"{behind:d}", *LABELS],
        cwd=source / "tests",
        env={**os.environ, "PYTHONPATH": str(plugins)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    said: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return said


def kind(outcome: str | None) -> str:
    """Whether a test passed, failed or was skipped, without what it said."""
    return (outcome or "not run").partition(":")[0]


def suite(count: int) -> str:
    """Each test bare, and behind the cache; the count is how often the latter."""
    with tempfile.TemporaryDirectory() as directory:
        source, python = prepared(Path(directory))
        bare = outcomes(source, python, behind=False)["found"]
        assert "passed" in bare.values(), bare
        for _ in range(count):
            said = outcomes(source, python, behind=True)
            cached = said["found"]
            differing = sorted(
                test
                for test in bare.keys() | cached.keys()
                if kind(bare.get(test)) != kind(cached.get(test))
            )
            for test in differing:
                reason = DIFFERING.get(test, cached.get(test, "not run"))
                print(f"{test}: {kind(bare.get(test))}, then {reason}", flush=True)
            for line in said["unlike"]:
                print(f"a hit differs: {line}", flush=True)
            unknown = [test for test in differing if test not in DIFFERING]
            assert unknown == []
            assert said["unlike"] == []
    failed = sum(kind(outcome) not in ("passed", "skipped") for outcome in bare.values())
    skipped = sum(kind(outcome) == "skipped" for outcome in bare.values())
    return (
        f"{source.name}: {len(bare)} tests, of which {failed} fail and {skipped} are skipped with "
        f"the cache or without, and {len(differing)} differ for known reasons; {said['counts']}"
    )


ROWS: dict[str, tuple[Callable[[int], str], int]] = {"django-suite": (suite, 1)}
