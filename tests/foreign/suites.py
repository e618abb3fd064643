"""Each suite runs bare and behind the cache, and the same tests must fail: rows of
``python -m tests.long``.

The source distributions come from PyPI into a directory that goes afterwards; nothing is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SEAM = "wsgicache_seam"
OURS = ("Werkzeug", "cachelib", "pymemcache", "http-sf", "click")
DEADLINE = 1200.0
"""Seconds for one run of a suite."""


class Suite(NamedTuple):
    """A project's own tests."""

    project: str
    tests: tuple[str, ...]
    """Paths in its source distribution; those that no application takes part in are left out."""
    seams: tuple[str, ...]
    """Where the cache goes, each alone: several between ``;`` go at once."""
    needs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """Of pytest, beside what the project sets itself."""
    differing: frozenset[str] = frozenset()
    """Tests whose outcome is another behind a cache, and rightly so."""


SUITES = {
    "pecan": Suite(
        "pecan",
        ("pecan/tests",),
        # around its error middleware, and within
        ("attribute webtest.app TestApp.app", "instances pecan.core Pecan"),
        ("WebTest", "setuptools", "Genshi", "Jinja2", "sqlalchemy", "virtualenv"),
    ),
    "cheroot": Suite(
        "cheroot",
        tuple(f"cheroot/test/test_{name}.py" for name in ("core", "conn", "wsgi", "dispatch")),
        ("attribute cheroot.wsgi Server.wsgi_app",),
        (
            "jaraco.context",
            "jaraco.text",
            "portend",
            "pytest-mock",
            "pytest-rerunfailures",
            "requests",
            "requests-toolbelt",
        ),
        ("-o", "addopts=", "-p", "cheroot.test._pytest_plugin"),
        # Its app takes the server's own request out of start_response.__self__.
        frozenset({"test_send_header_before_closing"}),
    ),
    "paste": Suite(
        "Paste",
        ("tests",),
        (
            "attribute paste.fixture TestApp.app;argument paste.wsgilib raw_interactive;"
            "argument paste.httpserver serve",
        ),
        ("setuptools",),
        # Paste's Last-Modified ends in -0000 where GMT is due: no HTTP-date, so that a condition
        # that repeats it does not count (RFC 9110 §13.1.3).
        differing=frozenset({"test_modified", "test_file_cache"}),
    ),
    "webtest": Suite(
        "WebTest",
        ("tests",),
        ("attribute webtest.app TestApp.app",),
        ("PasteDeploy", "pyquery", "WSGIProxy2", "setuptools"),
    ),
    "flask": Suite(
        "Flask",
        ("tests",),
        # around each application, in its wsgi_app, and as its extension
        ("instances flask Flask", "argument werkzeug.test run_wsgi_app", "extension flask Flask"),
        ("pytest < 9", "asgiref", "greenlet", "python-dotenv"),
        # A HEAD is asked as GET, and an app and its extension know each other.
        differing=frozenset(
            {
                *("test_explicit_head", "test_implicit_head", "test_app_freed_on_zero_refcount"),
            }
        ),
    ),
    "bottle": Suite(
        "bottle",
        ("test",),
        ("instances bottle Bottle", "argument wsgiref.validate validator"),
        ("mako", "jinja2"),
    ),
    "werkzeug": Suite(
        "Werkzeug",
        ("tests",),
        (
            "argument werkzeug.test run_wsgi_app",
            "instances werkzeug.wrappers Response",
        ),
        ("ephemeral-port-reserve", "watchdog", "cryptography", "pytest-xprocess"),
    ),
    "webob": Suite(
        "WebOb",
        ("tests",),
        (
            "argument webob.request BaseRequest.call_application",
            "instances webob.response Response",
        ),
        ("legacy-cgi; python_version >= '3.13'",),
        # A HEAD is asked as GET, and has no range (RFC 9110 §14.2); an entity tag has quotes
        # (§8.8.3); the app does not see the conditions of the client. An exc_info with the first
        # head goes no further: nothing was sent that it could explain (PEP 3333).
        differing=frozenset(
            {
                *("test_HTTPOk_head_of_proxied_head", "test_headers"),
                "test_HEAD_conditional_response_range_not_satisfiable_response",
                "test_conditional_response_if_none_match_true",
                "test_call_application_raises_exc_info",
                "test_call_application_returns_exc_info",
            }
        ),
    ),
    "pyramid": Suite(
        "pyramid",
        ("tests",),
        ("instances pyramid.router Router", "attribute webtest.app TestApp.app"),
        ("WebTest", "setuptools", "zope.component"),
        # They send an empty tuple as the fields, where PEP 3333 has a list.
        differing=frozenset(
            {
                "test_call_route_matches_and_has_factory",
                "test_call_route_matches_doesnt_overwrite_subscriber_iface",
                "test_call_view_registered_nonspecific_default_path",
                "test_call_view_registered_nonspecific_nondefault_path_and_subpath",
                "test_call_view_registered_specific_success",
            }
        ),
    ),
    "falcon": Suite(
        "falcon",
        ("tests",),
        ("instances falcon App",),
        (
            *("pytest-asyncio", "aiofiles", "httpx", "orjson", "msgpack", "mujson", "ujson"),
            *("pyyaml", "requests", "testtools", "websockets", "uvicorn", "jsonschema"),
        ),
        ("--ignore", "tests/asgi"),
        # Resources whose HEAD says something else than their GET: a HEAD is asked as GET.
        frozenset(
            {
                "test_wrapped_resource[wsgi-resource0]",
                "test_wrapped_resource[wsgi-resource1]",
                "test_response_complex_case[wsgi]",
                "test_declared_content_length_on_head[wsgi]",
                "test_response_set_and_get_header[wsgi]",
                "test_unicode_location_headers[wsgi]",
                "test_method_not_allowed_with_param[wsgi]",
                "test_misc[wsgi]",
                "test_redirect[wsgi-HEAD-308 Permanent Redirect-/perm/redirect]",
                "test_redirect_with_headers[wsgi-HEAD-308 Permanent Redirect-/perm/redirect]",
            }
        ),
    ),
}


def run(*line: str, cwd: Path, environ: dict[str, str] | None = None) -> str:
    """What a command says; its last lines are in the error where it fails."""
    done = subprocess.run(
        line,
        cwd=cwd,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    if done.returncode:
        raise AssertionError(f"{line}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    return done.stdout


def prepared(suite: Suite, place: Path) -> tuple[Path, Path]:
    """The sources of *suite* below *place*, and a Python that has what they need."""
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "-q")
    run(*pip, "install", "pytest", "pytest-timeout", *OURS, *suite.needs, cwd=place)
    run(
        *(*pip, "download", "--no-deps", "--no-binary", suite.project, suite.project),
        *("-d", str(place / "sdist")),
        cwd=place,
    )
    (archive,) = (place / "sdist").iterdir()
    run(*pip, "install", str(archive), cwd=place)
    with tarfile.open(archive) as packed:
        packed.extractall(place / "source", filter="data")
    (source,) = (place / "source").iterdir()
    plugins = place / "plugins"
    plugins.mkdir()
    shutil.copy(HERE / "seam.py", plugins / f"{SEAM}.py")
    (plugins / "wsgicache").symlink_to(ROOT / "wsgicache")
    return source, python


def outcomes(suite: Suite, source: Path, python: Path, seams: str) -> dict[str, str]:
    """How each test of *suite* ended, with the cache at *seams*."""
    report = source.parent / "report.xml"
    report.unlink(missing_ok=True)
    line = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", SEAM]
    line += ["--timeout", "120", f"--junitxml={report}", *suite.options, *suite.tests]
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST")},
        "PYTHONPATH": str(source.parent.parent / "plugins"),
        "WSGICACHE_SEAMS": seams,
    }
    done = subprocess.run(
        line, cwd=source, env=environ, capture_output=True, text=True, timeout=DEADLINE
    )
    assert report.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        found[f"{case.get('classname')}.{case.get('name')}"] = ",".join(sorted(kinds)) or "passed"
    return found


def compared(name: str) -> Callable[[int], str]:
    """The row of the suite *name*: how often it is run behind the cache is the count."""

    def row(count: int) -> str:
        suite = SUITES[name]
        with tempfile.TemporaryDirectory() as directory:
            source, python = prepared(suite, Path(directory))
            bare = outcomes(suite, source, python, "")
            assert "passed" in bare.values(), bare
            for _ in range(count):
                for seams in suite.seams:
                    cached = outcomes(suite, source, python, seams)
                    other = {
                        test: (bare.get(test), cached.get(test))
                        for test in sorted(bare.keys() | cached.keys())
                        if bare.get(test) != cached.get(test)
                        and test.rpartition(".")[2] not in suite.differing
                    }
                    assert other == {}, f"{seams}: {other}"
        failed = sum(outcome not in ("passed", "skipped") for outcome in bare.values())
        return f"{source.name}: {len(bare)} tests, {failed} of them fail, with the cache or without"

    return row


ROWS: dict[str, tuple[Callable[[int], str], int]] = (
    {f"foreign-{name}": (compared(name), 1) for name in SUITES} if sys.platform == "linux" else {}
)
