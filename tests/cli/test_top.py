"""``wsgicache top`` over real counters."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from rich.console import Console

from tests.running import DEADLINE, ROOT, environment
from tests.scene import FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.cli import main
from wsgicache.cli.top import COLUMNS, drawn, fitting
from wsgicache.observe import files
from wsgicache.observe.table import routes
from wsgicache.origin.background import Job

SHOWN = ROOT / "docs" / "examples" / "metrics" / "top.txt"
HOSTILE = "\x1b]0;pwn\x07\x9b2J[bold]"
PAGES: dict[str, tuple[float, str]] = {
    "/menu": (0.08, "max-age=60, stale-while-revalidate=10"),
    "/basket": (0.03, "no-store"),
    "/images": (0.25, "max-age=3600"),
}
"""The first segment of a path: the seconds that the app takes for it, and its Cache-Control."""


NARROW = "evicted variants count collapsed stale bytes hits hits-1000 saved"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["top", *arguments])


class Shop:
    """A site by a clock of its own, whose process counts in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.jobs: list[Job] = []
        options: dict[str, Any] = {
            "clock": self.clock,
            "counters": folder,
            "runner": self.jobs.append,
        }
        self.cache = CacheMiddleware(self.app, store=MemoryStore(), **options)

    def app(self, environ: Any, start_response: Any) -> list[bytes]:
        head = "/" + environ["PATH_INFO"].split("/")[1]
        took, control = PAGES.get(head, (0.01, "no-cache"))
        self.clock.advance(took)
        start_response("200 OK", [("Cache-Control", control), ("Content-Length", "2000")])
        return [b"." * 2000]

    def ask(self, *targets: str) -> None:
        for target in targets:
            exchange(self.cache, environ_for(target=target))
            while self.jobs:
                self.jobs.pop()()

    def write(self) -> None:
        assert self.cache._files is not None
        self.cache._files.write()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Two minutes of it. Nothing is written but here."""
    monkeypatch.setattr(files, "_work", lambda ref: None)
    shop = Shop(tmp_path)
    for second in range(120):
        shop.ask("/menu", "/menu", f"/images/{second % 20}", f"/images/{second % 7}")
        if second % 5 == 0:
            shop.ask("/basket")
        shop.clock.advance(1)
    shop.write()
    return shop


@pytest.mark.usefixtures("shop")
def test_the_documentation_shows_what_it_prints(tmp_path: Path) -> None:
    done = run(str(tmp_path), "--once")
    assert (done.exit_code, done.stderr) == (0, "")
    command = "$ wsgicache top /var/lib/myapp/counters --once\n"
    assert SHOWN.read_text("utf-8") == command + done.stdout


@pytest.mark.usefixtures("shop")
def test_json(tmp_path: Path) -> None:
    done = run(str(tmp_path), "--once", "--json", "--sort", "count")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert [(row["route"], row["count"]) for row in found["routes"]] == [
        ("/images", 240),
        ("/menu", 240),
        ("/basket", 24),
    ]
    assert found["count"] == 504
    assert found["store"]["entries"] == 21
    assert found["routes"][2]["hit_ratios"] == [0, 0, 0]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("requests", "/images /menu /basket"),
        ("route", "/basket /images /menu"),
        ("hits-10", "/basket /images /menu"),
        ("hits", "/basket /images /menu"),
        ("app", "/images /menu /basket"),
        ("saved", "/images /menu /basket"),
        ("against", "/basket /images /menu"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_the_order_of_rows(tmp_path: Path, sort: str, order: str) -> None:
    _, _, *rows = run(str(tmp_path), "--once", "--sort", sort).stdout.splitlines()
    assert [row.split()[0] for row in rows] == order.split()


def test_routes_without_requests_come_last(shop: Shop, tmp_path: Path) -> None:
    shop.clock.advance(50)
    shop.ask("/menu")
    shop.write()
    _, _, *rows = run(str(tmp_path), "--once", "--sort", "hits-10").stdout.splitlines()
    shown = [" ".join(row.split()[:3]) for row in rows]
    assert shown == ["/menu 0.1 100%", "/images 0.0 -", "/basket 0.0 -"]


@pytest.mark.parametrize(
    ("sort", "width", "absent"),
    [
        ("route", 135, ""),
        ("route", 134, "evicted"),
        ("evicted", 134, "variants"),
        ("route", 80, "evicted variants count collapsed stale bytes"),
        ("route", 60, NARROW),
        ("route", 40, f"{NARROW} hits-100 against"),
        ("saved", 40, f"{NARROW.removesuffix(' saved')} hits-100 against app"),
    ],
)
def test_the_columns_that_fit(shop: Shop, sort: str, width: int, absent: str) -> None:
    """What is wider than the terminal loses columns, but never the one it is sorted by."""
    shown = fitting(routes(shop.cache.stats()), sort, width)
    assert list(shown) == [name for name in COLUMNS if name not in absent.split()]


NAMES = (HOSTILE, "a\r\nb", "日本語", "e\u0301\u0301", "\u200b\u202e", "\x01" * 300, "x" * 100_000)
"""First segments of a path that a client makes up."""


def asked_for_names(shop: Shop) -> None:
    for name in NAMES:
        exchange(
            shop.cache, environ_for(changes={"PATH_INFO": f"/{name}".encode().decode("latin-1")})
        )
    shop.write()


def test_a_hostile_route(shop: Shop, tmp_path: Path) -> None:
    """The numbers are below their headings, whatever stands before them."""
    asked_for_names(shop)
    done = run(str(tmp_path), "--once", "--sort", "route")
    assert "\\x1b]0;pwn\\x07" in done.stdout
    assert done.stdout.replace("\n", "").isprintable()
    _, heading, *rows = done.stdout.splitlines()
    assert max(map(cell_len, rows)) < 80 + heading.index("mostly") - heading.index("req/s") + 20
    for row in rows:
        number = re.search(r" \d+\.\d ", row)
        assert number is not None
        assert cell_len(row[: number.end() - 1]) == heading.index("req/s") + len("req/s"), row


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_a_hostile_route_in_a_narrow_terminal(shop: Shop, width: int) -> None:
    """No client hides the numbers, nor pushes anything over the edge."""
    asked_for_names(shop)
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as shown:
        console.print(drawn(shop.cache.stats(), "requests", width, 5))
    lines = shown.get().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    begin = next(place for place, line in enumerate(lines) if line.startswith("route"))
    rows = lines[begin + 1 :]
    assert len(rows) == 5
    assert all(re.search(r" \d\.\d ", row) for row in rows)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("command", ["top", "stats"])
def test_an_output_that_cannot_write_all(
    shop: Shop, tmp_path: Path, encoding: str, command: str
) -> None:
    asked_for_names(shop)
    line = [sys.executable, "-m", "wsgicache", command, "--once", str(tmp_path)]
    if command == "stats":
        line[-2] = "--counters"
    env = environment(PYTHONIOENCODING=encoding)
    done = subprocess.run(line, env=env, capture_output=True, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "/\\u65e5\\u672c" in done.stdout


@pytest.mark.usefixtures("shop")
def test_a_store_beside_which_processes_count(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    done = run(f"lmdb://{folder}", "--once")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: URL must be a directory that exists, got '/")
    folder.mkdir()
    done = run(f"lmdb://{folder}", "--once")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: lmdb://{folder} has no folder of counters beside it. ")
    (folder / "counters").symlink_to(tmp_path)
    assert " 0 entries" in run(f"lmdb://{folder}", "--once").stdout
    assert "504 requests" in run(str(folder), "--once").stdout, "the folder of the store, too"


def test_no_counters(tmp_path: Path) -> None:
    done = run(str(tmp_path / f"none{HOSTILE}"), "--once")
    assert done.exit_code == 1
    assert "\\x1b" in done.stderr
    assert "\x1b" not in done.stderr
    assert run().exit_code == 2
    nothing = run(str(tmp_path), "--once")
    assert (nothing.exit_code, nothing.stdout.splitlines()[0]) == (
        0,
        "no process has counted here yet",
    )


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("shop:app", "shop:app is an application, and its processes count in a folder. Name the "),
        ("my.shop:make()", "my.shop:make() is an application, and its processes count in a folder"),
        ("/none", "there is no folder /none. Name the folder that CacheMiddleware(app, counters="),
        ("memcached://127.0.0.1:1/x", "memcached://127.0.0.1:1/x has no folder of counters beside"),
    ],
)
def test_what_has_no_counters(place: str, why: str) -> None:
    """The message says what that is, and what to name; ``stats`` says the same."""
    assert run(place, "--once").stderr.startswith(f"Error: {why}")
    done = CliRunner().invoke(main, ["stats", "--counters", place])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: {why}")


def started(
    folder: Path, output: int, keys: int = subprocess.DEVNULL, TERM: str = "xterm"
) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "wsgicache", "top", str(folder), "--interval", "0.1"]
    env = environment(TERM=TERM, COLUMNS="160", LINES="30")
    return subprocess.Popen(line, env=env, stdin=keys, stdout=output)


def follow(shop: Shop, process: subprocess.Popen[bytes], output: int) -> bytes:
    """What *process* shows until it has seen the shop's next request and was interrupted."""
    shown = b""
    try:
        while b"504 requests" not in shown:
            shown += os.read(output, 65536)
        shop.ask(f"/{HOSTILE}")
        shop.write()
        while b"505 requests" not in shown or b"pwn" not in shown.partition(b"505 requests")[2]:
            shown += os.read(output, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
        return shown
    finally:
        process.kill()
        process.wait()


def test_into_a_pipe(shop: Shop, tmp_path: Path) -> None:
    """Plain lines, again and again."""
    output, end = os.pipe()
    process = started(tmp_path, end)
    os.close(end)
    assert b"\x1b" not in follow(shop, process, output)
    os.close(output)


def test_in_a_terminal(shop: Shop, tmp_path: Path) -> None:
    """On a screen of its own, which it leaves."""
    output, end = os.openpty()
    process = started(tmp_path, end)
    os.close(end)
    shown = follow(shop, process, output)
    os.close(output)
    assert shown.startswith(b"\x1b[?1049h"), "another screen"
    assert b"\x1b]0;" not in shown
    assert b"\\x1b]0;pwn\\x07\\x9b2J[bold]" in shown, "no markup"


def test_in_a_terminal_that_draws_nothing(shop: Shop, tmp_path: Path) -> None:
    """Plain lines."""
    output, end = os.openpty()
    process = started(tmp_path, end, TERM="dumb")
    os.close(end)
    assert b"\x1b" not in follow(shop, process, output)
    os.close(output)


def test_keys_in_a_terminal(shop: Shop, tmp_path: Path) -> None:
    """They sort, and end it; then the terminal is as it was."""
    output, end = os.openpty()
    before = termios.tcgetattr(end)
    process = started(tmp_path, end, keys=end)
    seen = b""

    def until(text: bytes) -> None:
        nonlocal seen
        while text not in seen:
            seen += os.read(output, 65536)

    try:
        until(b"sorted by requests")
        os.write(output, b">")
        until(b"sorted by hits-10:")
        os.write(output, b"\x1b[D")
        seen = b""
        until(b"sorted by requests")
        os.write(output, b"<")
        until(b"sorted by route")
        os.write(output, b"q")
        assert process.wait(DEADLINE) == 0
        assert termios.tcgetattr(end) == before
    finally:
        process.kill()
        process.wait()
        os.close(end)
        os.close(output)
