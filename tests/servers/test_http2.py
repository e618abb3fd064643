"""A GET by HTTP/2: neither Content-Length nor Transfer-Encoding announces its content."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.running import binary, module
from tests.servers.process import free_port, running

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    module("granian")
    free, log = free_port(), tmp_path_factory.mktemp("http2") / "log"
    options = ("--interface", "wsgi", "--http", "2", "--port", str(free))
    command = [sys.executable, "-m", "granian", *options, "tests.servers.entry:application"]
    with running(command, free, log, {"WSGICACHE_SITE_APP": "echo"}) as process:
        yield process.port


def got(port: int, path: str, content: bytes | None = None) -> str:
    """What a GET of *path* is answered, sent with *content* if there is any."""
    sent = [] if content is None else ["--request", "GET", "--upload-file", "-"]
    url = f"http://127.0.0.1:{port}{path}"
    curl = [binary("curl"), "--silent", "--include", "--http2-prior-knowledge", *sent, url]
    return subprocess.run(
        curl, input=content, capture_output=True, timeout=30, check=True
    ).stdout.decode()


def test_what_was_made_of_the_content_is_not_stored(port: int) -> None:
    first = got(port, "/", b"content")
    assert first.startswith("HTTP/2 200")
    assert first.endswith("content")
    assert "detail=body" in first
    assert got(port, "/").endswith("nothing")
    assert "; hit" in got(port, "/")


def test_content_that_is_not_read_changes_nothing(port: int) -> None:
    assert "stored" in got(port, "/unread", b"content")
    assert "; hit" in got(port, "/unread")
