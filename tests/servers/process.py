"""A server as a subprocess: started on a free port, ended whatever happens, its log read."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.running import DEADLINE
from tests.servers.rows import ROOT
from tests.servers.views import ON_PURPOSE

# A planned exception's traceback, with the line that announces it.
PLANNED = re.compile(
    rf"(?:[^\n]*\n)?[^\n]*Traceback \(most recent(?:(?!Traceback).)*?{ON_PURPOSE}", re.DOTALL
)
ALARM = re.compile(r"\b(warn|\w*warning|\w*error|critical|fatal|traceback|exception)\b", re.I)
# Who raises on purpose says so once more, Django reports every error page, and a ResourceWarning
# has a second line.
QUIET = re.compile(rf"/raises|/breaks|{ON_PURPOSE}|django\.request:|Enable tracemalloc")


class Process(NamedTuple):
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def alarms(self, noise: str = r"(?!)") -> list[str]:
        """The log's lines that speak of trouble: not those of planned exceptions, not *noise*."""
        log = PLANNED.sub("", self.log.read_text(errors="replace"))
        log = re.sub(rf"[^\n]*(?:{noise})[^\n]*", "", log, flags=re.DOTALL)
        return [line for line in log.splitlines() if ALARM.search(line) and not QUIET.search(line)]


@contextlib.contextmanager
def running(
    command: list[str],
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path = ROOT,
) -> Iterator[Process]:
    """The server that *command* starts, from when *port* accepts until the end of the block."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    variables |= {"PYTHONWARNINGS": "default", **(environment or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    try:
        wait_until_ready(process, port, log)
        yield Process(port, log, process)
    finally:
        end(process)


def end_with_parent() -> None:
    """Where the kernel can (Linux): SIGTERM to this process if the tests are killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until the port accepts a connection; AssertionError with the log if it never does."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended at once:\n{log.read_text()}"
        # Until it listens.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on port {port}:\n{log.read_text()}")


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the server, SIGKILL to what is left of its session."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(DEADLINE)
    with contextlib.suppress(ProcessLookupError):  # nothing is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(DEADLINE)
