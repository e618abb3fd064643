"""Companions: processes that live exactly as long as the server beside them.

A keeper starts them. It is a process of its own, which runs ``python -m wsgicache.cli.companions
CMD …`` and reads a pipe to its end. Only the server holds the other end. However the server ends,
even by a signal that nothing can catch, the keeper notices and ends the companions.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

__all__ = ["companions", "keep"]

GRACE = 3
"""Seconds that companions have to end after the server."""


@contextmanager
def companions(commands: Sequence[str]) -> Iterator[None]:
    """Start the shell commands, and end them with this process, however it ends.

    Raises OSError where there are no process groups or the keeper cannot start.
    """
    if not commands:
        yield
        return
    if not hasattr(os, "killpg"):
        raise OSError("companions need process groups, which this system does not have")
    line = [sys.executable, "-m", __name__, *commands]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, start_new_session=True) as keeper:
        assert keeper.stdout is not None
        if not keeper.stdout.readline():
            raise OSError("the companions could not be started")
        yield


def keep(commands: Sequence[str]) -> None:
    """Run the commands until stdin ends, then end them and all they have started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # only stdin counts; commands get the defaults
    ending = threading.Event()

    def report(command: str, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        if not ending.is_set():
            sys.stderr.write(f"The companion {command!r} ended early with exit code {code}.\n")

    started = [
        subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        for command in commands
    ]
    for pair in zip(commands, started, strict=True):
        threading.Thread(target=report, args=pair, daemon=True).start()
    with suppress(BrokenPipeError):  # the server may have ended already
        print("started", flush=True)
    sys.stdin.read()
    ending.set()
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    for process in started:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0, deadline - time.monotonic()))
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    keep(sys.argv[1:])
