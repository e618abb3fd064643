"""The documented recipe for RQ: the server serves what is stale, and RQ's worker asks the app."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.servers import free_port
from tests.processes.serving import Site
from tests.running import DEADLINE, ROOT, environment, module
from tests.servers.process import running
from tests.stores.servers import Server

APP = """
import os

def site(environ, start_response):
    language = environ.get("HTTP_ACCEPT_LANGUAGE", "none")
    fields = [("Content-Type", "text/plain"), ("Vary", "Accept-Language")]
    fields.append(("Cache-Control", "public, max-age=0, stale-while-revalidate=600"))
    target = environ["SCRIPT_NAME"] + environ["PATH_INFO"] + "?" + environ["QUERY_STRING"]
    body = f"{os.getpid()} {target} {language} for {environ.get('HTTP_COOKIE')}".encode()
    start_response("200 OK", [*fields, ("Content-Length", str(len(body)))])
    return [body]
"""


def recipe(port: int, namespace: str) -> str:
    """The block that begins with the name of its file, on this test's Redis."""
    page = (ROOT / "docs" / "explanation" / "under-load.rst").read_text("utf-8")
    block = re.search(r"^    # served\.py.*\n(?:    .*\n|\n)+", page, re.MULTILINE)
    assert block is not None
    return inspect.cleandoc(block[0]).replace("6379", str(port)).replace("=myapp", f"={namespace}")


def test_a_worker_of_rq_validates(redis_server: Server, namespace: str, tmp_path: Path) -> None:
    module("rq")
    (tmp_path / "myapp.py").write_text(APP)
    (tmp_path / "served.py").write_text(recipe(redis_server.port, namespace))
    port = free_port()
    line = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    line += ["--worker-tmp-dir", str(tmp_path), "--threads", "4", "served:application"]
    worker = [sys.executable, "-m", "rq.cli", "worker", "--burst", "--path", str(tmp_path)]
    worker += ["--url", f"redis://127.0.0.1:{redis_server.port}"]
    worker += ["--serializer", "rq.serializers.JSONSerializer"]
    target = "/caf%C3%A9/a%3Fb?c=d&e=%26"
    with running(line, port, tmp_path / "log", directory=tmp_path) as process:
        site = Site(process, tmp_path)
        pages = {
            language: site.ask(target, "GET", f"Accept-Language: {language}").text
            for language in ("fr", "de")
        }
        for language, page in pages.items():
            said = [f"Accept-Language: {language}", "Cookie: mine"]
            for _ in range(3):  # one job for all of them
                stale = site.ask(target, "GET", *said)
                assert (stale.hit, stale.text) == (True, page)
        done = subprocess.run(
            worker,
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=4 * DEADLINE,
        )
        assert done.returncode == 0, done.stderr
        for language, page in pages.items():
            new = site.ask(target, "GET", f"Accept-Language: {language}")
            assert new.hit
            assert new.text.split()[1:] == page.split()[1:], "of the same target, for nobody"
            assert new.made_by not in (int(page.split()[0]), process.process.pid)
        assert done.stdout.count("Job OK") == 2, done.stdout


def test_without_a_queue_the_client_waits(namespace: str, tmp_path: Path) -> None:
    """Nobody is left with a stale page that nobody validates."""
    module("rq")
    (tmp_path / "myapp.py").write_text(APP)
    text = recipe(free_port(), namespace).replace("store=store, ", "")
    (tmp_path / "served.py").write_text(text)
    port = free_port()
    line = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    line += ["--worker-tmp-dir", str(tmp_path), "--threads", "4", "served:application"]
    with running(line, port, tmp_path / "log", directory=tmp_path) as process:
        site = Site(process, tmp_path)
        assert not site.ask("/").hit
        again = site.ask("/")
        assert (again.status, again.hit) == (200, False)
        assert "fwd=stale" in again.fields["cache-status"]
