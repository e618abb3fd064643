"""A GET by HTTP/2: neither Content-Length nor Transfer-Encoding announces its content."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from benchmarks.servers import free_port
from tests.running import DEADLINE, binary, eventually, module
from tests.servers.process import running

pytestmark = pytest.mark.network


SERVERS = {
    "granian": "--interface wsgi --http 2 --port {port}",
    "gunicorn": "-b 127.0.0.1:{port} -k gthread --threads 4 --http-protocols h2,h1 "
    "--http2-cleartext prior-knowledge",
}


RESET = (52, 92)
"""What curl ends with where the server resets the stream, as one may that needs no content: granian
does so before or after it has answered. Before it, curl has got nothing."""


@pytest.fixture(scope="module", params=SERVERS)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    server: str = request.param
    found = module(server)
    if server == "gunicorn" and (found.version_info < (26, 2) or find_spec("h2") is None):
        pytest.skip("gunicorn speaks HTTP/2 without TLS from 26.2 on, and with h2")
    free, log = free_port(), tmp_path_factory.mktemp("http2") / "log"
    options = SERVERS[server].format(port=free).split()
    command = [sys.executable, "-m", server, *options, "tests.servers.entry:application"]
    with running(command, free, log, {"WSGICACHE_SITE_APP": "echo"}) as process:
        yield process.port


def got(port: int, path: str, content: bytes | None = None) -> str:
    """What a GET of *path* is answered, sent with *content* if there is any."""
    sent = [] if content is None else ["--request", "GET", "--upload-file", "-"]
    url = f"http://127.0.0.1:{port}{path}"
    curl = [binary("curl"), "--silent", "--include", "--http2-prior-knowledge", *sent, url]
    done = subprocess.run(curl, input=content, capture_output=True, timeout=DEADLINE)
    assert done.returncode in (0, *RESET)
    return done.stdout.decode()


def test_what_was_made_of_the_content_is_not_stored(port: int) -> None:
    first = got(port, "/", b"content")
    assert first.startswith("HTTP/2 200")
    assert first.endswith("content")
    assert "detail=body" in first
    assert got(port, "/").endswith("nothing")
    assert "; hit" in got(port, "/")


def test_content_that_is_not_read_changes_nothing(port: int) -> None:
    eventually(lambda: got(port, "/unread", b"content"), "an answer before the stream is reset")
    assert "; hit" in got(port, "/unread")
