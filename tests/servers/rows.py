"""The servers of the matrix: a new server is one row here, a new app one in `APPS`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ENTRY = "tests.servers.entry:application"
APPS = ("plain", "flask_site", "django_site", "bottle_site")


class Server(NamedTuple):
    name: str
    command: Callable[[int, Path], list[str]]
    """The command line for a port and a directory to write in; one process, more threads."""
    needs: str
    """The module or the program without which it cannot run."""
    optional: bool = False
    """It may be absent even where WSGICACHE_REQUIRE_SERVERS=1."""
    noise: str = r"(?!)"
    """A regular expression for the alarming lines of its log that it writes for any app."""

    invites: bool = True
    """It answers ``Expect: 100-continue`` with 100."""
    replaces: bool = True
    """Its start_response takes exc_info."""
    pipelines: bool = True
    """It answers requests that were sent together; some may close after the first."""
    closes: bool = True
    """It closes every body, also one whose reader left or that it sent to a HEAD."""
    writes: bool = True
    """Its start_response returns the write() of PEP 3333."""

    def absent(self) -> str | None:
        """Why it cannot run here, or None."""
        if importlib.util.find_spec(self.needs) or program(self.needs):
            return None
        return f"{self.needs} is not installed"


def program(name: str) -> str | None:
    """Where a program is: beside this Python, or on the path."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def gunicorn(*arguments: str) -> Callable[[int, Path], list[str]]:
    return lambda port, directory: python(
        *("gunicorn", "--bind", f"127.0.0.1:{port}", "--access-logfile", "-"),
        *("--worker-tmp-dir", str(directory), *arguments, ENTRY),
    )


def as_nobody() -> list[str]:
    """What to put before a command that root must not run: root's rights under another name, since
    a real nobody may be unable to read this Python."""
    if os.getuid() != 0:
        return []
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534"]


def mod_wsgi(port: int, directory: Path) -> list[str]:
    return [
        *as_nobody(),
        *(program("mod_wsgi-express") or "mod_wsgi-express", "start-server"),
        *("--port", str(port), "--threads", "4", "--chunked-request", "--locale", "C.UTF-8"),
        *("--server-root", str(directory / "httpd"), "--python-path", str(ROOT)),
        *("--log-to-terminal", "--application-type", "module", ENTRY.partition(":")[0]),
    ]


SOCKET_LEFT = r"ResourceWarning: unclosed <socket\.socket"
# From Python 3.13 on cheroot's file of a client that left complains when it is collected.
FILE_LEFT = (
    r"Exception ignored in: <function IOBase.__del__(?:(?!Exception).)*?\[Errno 9\] Bad file"
)

SERVERS = (
    Server(
        "werkzeug",
        lambda port, _: python("tests.servers.development", str(port)),
        needs="werkzeug",
        closes=False,
    ),
    Server("gunicorn-sync", gunicorn(), "gunicorn", noise=SOCKET_LEFT),
    Server(
        "gunicorn-gthread",
        gunicorn("-k", "gthread", "--threads", "4"),
        "gunicorn",
        noise=SOCKET_LEFT,
    ),
    Server("gunicorn-gevent", gunicorn("-k", "gevent"), "gevent", noise=SOCKET_LEFT),
    Server(
        "waitress",
        lambda port, _: python("waitress", f"--listen=127.0.0.1:{port}", ENTRY),
        needs="waitress",
        noise="Task queue depth",  # all its threads are busy at once
    ),
    Server(
        "cheroot",
        lambda port, _: python("cheroot", "--bind", f"127.0.0.1:{port}", "--threads", "4", ENTRY),
        needs="cheroot",
        noise=FILE_LEFT,
    ),
    Server(
        "granian",
        lambda port, _: python(
            *("granian", "--interface", "wsgi", "--port", str(port), "--access-log"),
            *("--blocking-threads", "4", ENTRY),
        ),
        needs="granian",
        noise="Configuration allows spawning",  # more threads than cores
        writes=False,
    ),
    Server(
        "uwsgi",
        lambda port, _: [
            *(program("uwsgi") or "uwsgi", "--http", f"127.0.0.1:{port}", "--http-keepalive"),
            *("--http-auto-chunked", "--master", "--need-app", "--die-on-term", "--enable-threads"),
            *("--threads", "4", "--wsgi", ENTRY),
        ],
        needs="uwsgi",
        # It complains of its user, and of clients that leave.
        noise="WARNING: you are running uWSGI as root|OSError: write error",
        invites=False,
        replaces=False,
        pipelines=False,
        optional=True,
    ),
    Server(
        "mod_wsgi",
        mod_wsgi,
        needs="mod_wsgi-express",
        optional=True,
        noise="Error Log File|DeprecationWarning: 'locale.getdefaultlocale'",
    ),
)
