"""memcached and redis-server on free ports, started, stopped, killed and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from benchmarks.servers import free_port
from tests.running import DEADLINE, binary

PLENTY = 10.0 * DEADLINE
"""The timeout of a store where time is not what is tested. Threads that wait for memcached together
have a small part of it."""


class Server:
    """One server process; `port` stays the same whenever it is started again."""

    def __init__(self, name: str, *options: str, folder: Path | None = None) -> None:
        self.port = free_port()
        port = str(self.port)
        if name == "memcached":
            user = ["-u", "root"] if os.getuid() == 0 else []
            self._line = ["-l", "127.0.0.1", "-p", port, "-U", "0", "-m", "512", *user, *options]
        else:
            self._line = ["--port", port, "--bind", "127.0.0.1", "--save", "", *options]
            self._line += ["--appendonly", "no", "--dir", str(folder or "/tmp")]
        self._line.insert(0, binary(name))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        nothing = subprocess.DEVNULL
        self.process = subprocess.Popen(self._line, stdin=nothing, stdout=nothing, stderr=nothing)
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"{self._line} ended at once"
            with contextlib.suppress(OSError), self.connection():  # it does not listen yet
                return
            time.sleep(0.01)
        raise AssertionError(f"{self._line} does not listen")

    def connection(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 1)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def hang(self) -> None:
        """It accepts connections and says nothing, from when this returns."""
        self.signal(signal.SIGSTOP)
        assert self.process is not None
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as power failures do."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE)
            self.process = None
