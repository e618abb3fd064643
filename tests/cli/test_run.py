"""``wsgicache run``: what it refuses, what it logs, what it puts on the wire, how it ends."""

from __future__ import annotations

import http.client
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.running import DEADLINE, Running, environment, eventually, run_command
from wsgicache.cli.run import PARENT_VARIABLE, SOCKET_VARIABLE

pytestmark = pytest.mark.network

APPS = """
import os
import threading
from functools import partial
from wsgicache import CacheMiddleware, MemoryStore, Policy

together = threading.Barrier(50)

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise ValueError("bad \\x1b]0;title\\x07")
    if path == "/die":
        os._exit(4)
    if path == "/together":
        together.wait(30)
    fields = [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60"), ("ETag", '"1"')]
    if path == "/dated":
        fields.append(("Date", "Thu, 01 Jan 2026 00:00:00 GMT"))
    body = b"threads" if environ["wsgi.multithread"] else b"alone"
    if path == "/late":
        start_response("200 OK", fields)
        return late()
    if path == "/echo":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [*fields, ("Content-Length", str(len(body)))])
    return [body]

def late():
    yield b"12345"
    raise RuntimeError("late")

class Site:
    wsgi_app = staticmethod(app)

def factory():
    return app

class Outer:
    def __init__(self, inner):
        self.inner = inner

    def __call__(self, environ, start_response):
        return self.inner(environ, start_response)

class Framework:
    def __init__(self, own=None):
        self.wsgi_app = own or app

    def __call__(self, environ, start_response):
        return self.wsgi_app(environ, start_response)

secret = Policy(x_cache=True, explain_token="a secret of 24 letters")
cached = CacheMiddleware(app, store=MemoryStore(), policy=secret)
outside = Outer(partial(Outer(cached)))
framework = Framework(cached)
purging = Framework()
purging.cache = CacheMiddleware(purging)

def enclosing(inner):
    def application(environ, start_response):
        return inner(environ, start_response)
    return application

def broken():
    raise LookupError("no settings")

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with modules to run."""
    (tmp_path / "web.py").write_text(APPS)
    (tmp_path / "needy.py").write_text("x = 1\nimport surely_not_installed\n")
    (tmp_path / "wrong.py").write_text("def app(:\n")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Running]]:
    """Start servers in the directory; they are gone at the test's end."""
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(*arguments, cwd=folder))
        return started[-1]

    yield start
    for running in started:
        running.__exit__()


# ── what it refuses ──────────────────────────────────────────────────────────────────────────────

NOT_AN_APP = r"Error: web:\S+ is not a WSGI app: "
ARGUMENTS = NOT_AN_APP + r"its arguments are not \(environ, start_response\)"
REFUSALS = [
    ("no colon", ["web"], r"Error: 'web' is not MODULE:APP, as in wsgicache\.demo:app"),
    ("no module", [":app"], r"Error: ':app' is not MODULE:APP, as in wsgicache\.demo:app"),
    ("no name", ["web:"], r"Error: 'web:' is not MODULE:APP, as in wsgicache\.demo:app"),
    ("a path", ["./web.py:app"], r"Error: '\./web\.py:app' is not MODULE:APP, .*"),
    ("wrong module", ["nowhere:app"], r"Error: there is no module nowhere in .+ or among .*"),
    ("wrong submodule", ["web.x:app"], r"Error: there is no module web\.x in .+ or among .*"),
    ("missing attribute", ["web:nothing"], r"Error: web:nothing: there is no nothing in web"),
    ("not callable", ["web:number"], NOT_AN_APP + "'int' cannot be called"),
    ("a factory", ["web:factory"], ARGUMENTS + r"; if it makes one, write web:factory\(\)"),
    ("not a factory", ["web:app()"], r"Error: calling web:app\(\) raised TypeError:\n.*"),
    ("no such host", ["web:app", "--host", "nowhere.invalid"], r"Error: cannot listen on .*"),
    (
        "no such policy",
        ["web:app", "--policy", "loose"],
        r".*Error: Invalid value for '--policy'.*",
    ),
    ("no such port", ["web:app", "--port", "70000"], r".*Error: Invalid value for '--port'.*"),
]


def refused(folder: Path, *arguments: str) -> str:
    """What a start that must fail writes to stderr; it exits with 2 and says nothing else."""
    line = run_command("--port", "0", *arguments)
    done = subprocess.run(
        line, cwd=folder, env=environment(), capture_output=True, text=True, timeout=4 * DEADLINE
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_refuses_in_one_line(folder: Path, arguments: list[str], said: str) -> None:
    stderr = refused(folder, *arguments)
    assert re.fullmatch(said + r"\n", stderr, re.DOTALL), stderr
    if "raised" not in said and "Invalid" not in said:
        assert stderr.count("\n") == 1


def test_a_taken_port_is_refused_in_one_line(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        stderr = refused(folder, "web:app", "--port", port)
    assert stderr == f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use\n"


@pytest.mark.parametrize(
    ("target", "place", "reason"),
    [
        ("needy:app", 'needy.py", line 2, in <module>', "No module named 'surely_not_installed'"),
        ("wrong:app", 'wrong.py", line 1', "SyntaxError"),
        ("web:broken()", "in broken", "LookupError: no settings"),
    ],
)
def test_what_the_users_code_raises_is_shown_with_its_place_and_without_our_frames(
    folder: Path, target: str, place: str, reason: str
) -> None:
    stderr = refused(folder, target)
    assert place in stderr
    assert reason in stderr
    assert "cli.py" not in stderr
    assert "importlib" not in stderr


# ── what it runs ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("target", ["web:app", "web:Site.wsgi_app", "web:factory()"])
def test_runs_apps_attributes_and_factories_of_the_current_directory(
    start: Callable[..., Running], target: str
) -> None:
    running = start(target)
    assert running.get("/").content == b"threads"
    assert running.get("/")["Cache-Status"].startswith("wsgicache; hit; ttl=")
    assert "for development only" in running.log


@pytest.mark.parametrize("target", ["cached", "outside", "framework", "enclosing(cached)"])
def test_an_app_that_has_a_cache_is_served_as_it_is(
    start: Callable[..., Running], folder: Path, target: str
) -> None:
    (folder / "mine.py").write_text(f"from web import *\nit = {target}\n")
    running = start("mine:it")
    running.get("/")
    answer = running.get("/")
    assert re.fullmatch(r"wsgicache; hit; ttl=\d+", answer["Cache-Status"])
    assert answer["X-Cache"] == "HIT"
    running.says(r"with its own cache \(MemoryStore, safe policy except for x_cache=True\) until")
    stderr = refused(folder, "mine:it", "--policy", "rfc")
    assert stderr == "Error: --policy rfc: mine:it has a cache, and a policy, of its own\n"


def test_a_cache_that_an_app_only_purges_is_none_in_front_of_it(
    start: Callable[..., Running],
) -> None:
    running = start("web:purging")
    running.get("/")
    assert running.get("/")["Cache-Status"].startswith("wsgicache; hit; ttl=")
    running.says(r"with the cache in front \(safe policy\) until")


def test_policy_chooses_the_profile(start: Callable[..., Running]) -> None:
    cookie = {"Cookie": "a=1"}
    assert start("web:app").get("/", cookie)["Cache-Status"].endswith("detail=cookie")
    assert start("web:app", "--policy", "rfc").get("/", cookie)["Cache-Status"].endswith("stored")


def test_without_threads_it_says_so_to_the_app(start: Callable[..., Running]) -> None:
    assert start("web:app", "--no-threads").get("/").content == b"alone"


def test_fifty_requests_are_answered_side_by_side(start: Callable[..., Running]) -> None:
    """Each waits in the app until all fifty are there."""
    running = start("web:app")
    assert running.port
    with ThreadPoolExecutor(50) as pool:
        targets = [f"/together?{number}" for number in range(50)]
        assert [answer.status for answer in pool.map(running.get, targets)] == [200] * 50


def test_listens_on_ipv6(folder: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with Running("web:app", "--host", "::1", cwd=folder) as running:
        with socket.create_connection(("::1", running.port), DEADLINE) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert "http://[::1]:" in running.log


# ── what it logs ─────────────────────────────────────────────────────────────────────────────────


def logged_more_than(running: Running, lines: int) -> bool:
    """Is there another line? It is written when the last byte is out, so a client may be ahead."""
    return len(running.lines) > lines


def test_the_first_page_that_is_not_stored_has_its_explanation(
    start: Callable[..., Running],
) -> None:
    running = start("web:app")
    for _ in range(2):
        running.ask("GET", "/a?b=c", {"Cookie": "a=1"})
    running.says(r"why: (http://\S+)\n")
    (url,) = re.findall(r"why: http://[^/]+(\S+)\n", running.log)
    answer = running.ask("GET", url, {"Cookie": "a=1"})
    assert b"because of cookie" in answer.content


def test_every_request_has_one_line(start: Callable[..., Running]) -> None:
    running = start("web:app")
    assert running.port
    requests = [
        ("GET", "/a?b=c", {}),
        ("GET", "/a?b=c", {}),
        ("GET", "/a?b=c", {"If-None-Match": '"1"'}),
        ("HEAD", "/a?b=c", {}),
        ("POST", "/echo", {}),
        ("GET", "/late%0Apath", {}),
    ]
    for method, target, fields in requests:
        lines = len(running.lines)
        running.ask(method, target, fields, b"1234" if method == "POST" else b"")
        eventually(partial(logged_more_than, running, lines), running.log)
    spent = r"\d+\.\d ms"
    expected = [
        rf"GET /a\?b=c 200 7 B {spent} wsgicache; fwd=uri-miss; stored\n",
        rf"GET /a\?b=c 200 7 B {spent} wsgicache; hit; ttl=\d+\n",
        rf"GET /a\?b=c 304 0 B {spent} wsgicache; hit; ttl=\d+\n",
        rf"HEAD /a\?b=c 200 0 B {spent} wsgicache; hit; ttl=\d+\n",
        rf"POST /echo 200 4 B {spent} wsgicache; fwd=method\n",
        rf"GET /late%0Apath 200 7 B {spent} wsgicache; fwd=uri-miss; stored\n",
    ]
    assert len(running.lines) == 1 + len(expected), running.log
    for line, pattern in zip(running.lines[1:], expected, strict=True):
        assert re.fullmatch(pattern, line), line


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        (b"GET /\x1b]0;title\x07\x9b31m HTTP/1.0\r\n\r\n", r"\x1b]0;title\x07Â\x9b31m 200"),
        (b"\x1b[2JGET / HTTP/1.0\r\n\r\n", r"\x1b[2JGET / 200"),
        (b"GET /%1b%5b2J HTTP/1.0\r\n\r\n", "GET /%1b%5b2J 200"),
        (b"\x1b[2J\r\n\r\n", "code 400, message Bad request syntax ('\\x1b[2J')"),
        (b"GET /raise HTTP/1.0\r\n\r\n", r"ValueError: bad \x1b]0;title\x07"),
    ],
    ids=["path", "method", "percent", "malformed", "exception"],
)
def test_nothing_in_the_log_commands_a_terminal(
    start: Callable[..., Running], sent: bytes, logged: str
) -> None:
    running = start("web:app")
    running.send(sent)
    running.says(re.escape(logged))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", running.log), running.log


def test_an_app_that_raises_is_logged_as_what_was_sent(start: Callable[..., Running]) -> None:
    running = start("web:app")
    assert running.get("/raise").status == 500
    running.says(r"GET /raise 500 0 B ")
    with pytest.raises(http.client.IncompleteRead):
        running.get("/late")
    running.says(r"GET /late 200 5 B ")
    eventually(lambda: running.log.count("Traceback") == 2, running.log)


def test_colours_are_for_terminals(folder: Path) -> None:
    terminal, other_end = pty.openpty()
    with Running("web:app", cwd=folder, stderr=other_end):
        os.close(other_end)
        text = b""
        while b"only." not in text:
            text += os.read(terminal, 1000)
        found = re.search(rb":(\d+)/", text)
        assert found
        urllib.request.urlopen(f"http://127.0.0.1:{int(found[1])}/").close()
        while b"stored" not in text:
            text += os.read(terminal, 1000)
    os.close(terminal)
    assert b"\x1b[33mwsgicache; fwd=uri-miss; stored\x1b[0m" in text


# ── what it puts on the wire ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/dated", "/raise"])
def test_there_is_one_date_and_one_server_line(start: Callable[..., Running], path: str) -> None:
    running = start("web:app")
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for _ in range(2):  # forwarded, then reused
        head, _, _ = running.send(request).partition(b"\r\n\r\n")
        names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
        assert names.count(b"date") == names.count(b"server") == 1, head
        assert names.count(b"cache-status") == (path != "/raise"), head


def test_the_apps_date_is_kept(start: Callable[..., Running]) -> None:
    running = start("web:app")
    assert running.get("/dated")["Date"] == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_100_continue_is_sent_once(start: Callable[..., Running]) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
    answer = start("web:app").send(head + b"Expect: 100-continue\r\n\r\nok")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), answer
    assert answer.endswith(b"\r\n\r\nok")


# ── how it ends ──────────────────────────────────────────────────────────────────────────────────

needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"]
SLEEPERS = ["--with", "sleep 1001", "--with", "sleep 1002 & sleep 1003; true"]


@needs_proc
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("reload", [[], ["--reload"]], ids=["plain", "reload"])
def test_nothing_outlives_the_server(
    start: Callable[..., Running], reload: list[str], number: str
) -> None:
    running = start("web:app", *reload, *SLEEPERS)
    assert running.get("/").status == 200
    sleepers = {"sleep 1001", "sleep 1002", "sleep 1003"}
    eventually(lambda: sleepers <= set(running.alive()), running.alive)
    code = running.end(getattr(signal, number))
    assert code == (-signal.SIGKILL if number == "SIGKILL" else 0)
    running.is_gone()
    assert "Traceback" not in running.log


@needs_proc
@pytest.mark.parametrize("reload", [[], ["--reload"]], ids=["plain", "reload"])
def test_nothing_outlives_a_crash(start: Callable[..., Running], reload: list[str]) -> None:
    running = start("web:app", *reload, *SLEEPERS)
    with pytest.raises(http.client.RemoteDisconnected):
        running.get("/die")
    assert running.process.wait(DEADLINE) == 4
    running.is_gone()


def test_what_the_reloader_starts_ends_although_its_parent_was_never_there(folder: Path) -> None:
    """As when the parent is killed before its child has looked who that is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor, late = listener.fileno(), {"WERKZEUG_RUN_MAIN": "true", PARENT_VARIABLE: "-1"}
        child = subprocess.Popen(
            run_command("web:app", "--reload"),
            cwd=folder,
            env=environment(**late, **{SOCKET_VARIABLE: str(descriptor)}),
            stderr=subprocess.DEVNULL,
            pass_fds=[descriptor],
        )
        try:
            assert child.wait(DEADLINE) == 0
        finally:
            child.kill()
            child.wait()


@needs_proc
def test_companions_run_before_the_app_is_imported(
    start: Callable[..., Running], folder: Path
) -> None:
    (folder / "late.py").write_text(
        "from pathlib import Path\n"
        "from web import app\n"
        "lines = [p.read_bytes() for p in Path('/proc').glob('[0-9]*/cmdline')]\n"
        f"assert any({str(folder)!r}.encode() in line for line in lines)\n"
    )
    assert start("late:app", "--with", f"sleep 1001 # {folder}").port


def test_a_companion_that_ends_early_is_reported(start: Callable[..., Running]) -> None:
    running = start("web:app", "--with", "exit 3", "--with", "surely-no-command")
    running.says(r"The companion 'exit 3' ended early with exit code 3\.")
    running.says(r"The companion 'surely-no-command' ended early with exit code 127\.")
    assert running.get("/").status == 200


@needs_proc
def test_a_companion_that_will_not_end_is_killed(start: Callable[..., Running]) -> None:
    running = start("web:app", "--with", "trap '' TERM; echo deaf; while :; do sleep 1; done")
    running.says("deaf")
    assert running.port
    assert running.end() == 0
    running.is_gone()
    assert "ended early" not in running.log


def test_companions_end_with_a_server_that_ended_before_they_started() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    line = [sys.executable, "-m", "wsgicache.cli.companions", "sleep 1004"]
    with os.fdopen(write_end, "wb") as broken:
        keeper = subprocess.Popen(
            line, env=environment(), stdin=subprocess.DEVNULL, stdout=broken, start_new_session=True
        )
    assert keeper.wait(DEADLINE) == -signal.SIGKILL  # which its whole process group got


@needs_proc
def test_a_refused_start_leaves_no_companion(start: Callable[..., Running]) -> None:
    running = start("nowhere:app", *SLEEPERS)
    running.says("there is no module nowhere")
    assert running.process.wait(DEADLINE) == 2
    running.is_gone()


# ── how it reloads ───────────────────────────────────────────────────────────────────────────────


def test_reload_takes_the_new_code_and_an_empty_cache(
    start: Callable[..., Running], folder: Path
) -> None:
    later = iter(range(10, 100, 10))  # so that no file system is too coarse to notice

    def write(text: str) -> None:
        (folder / "page.new").write_text(text)
        moment = (folder / "web.py").stat().st_mtime + next(later)
        os.utime(folder / "page.new", (moment, moment))
        (folder / "page.new").replace(folder / "page.py")  # which changes once

    code = "from web import app as web\ndef app(e, s):\n    web(e, s)\n    return [b'%s']\n"
    write(code % ("1" * 7))
    running = start("page:app", "--reload")
    assert running.get("/").content == b"1111111"
    assert running.get("/")["Cache-Status"].startswith("wsgicache; hit")
    write(code % ("2" * 7))
    eventually(lambda: running.log.count("runs on") == 2, "it starts again")
    again = running.get("/")
    assert (again.content, again["Cache-Status"]) == (b"2222222", "wsgicache; fwd=uri-miss; stored")
    write("def app(:\n")
    running.says("SyntaxError")
    write(code % ("3" * 7))
    assert running.get("/").content == b"3333333"  # asked while nobody served
