"""Serving a WSGI application on a loopback port by the servers people use."""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.server import HTTPServer
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"
THREADS = 64  # of each server: more than there are clients, since an application may pause
START_LIMIT = 20.0  # seconds a server may take until it answers


class Disconnected(Exception):
    """An application dies on purpose: nothing to log."""


class ServerFailed(Exception):
    """A server is not installed or did not start; the text is one sentence for people."""


@contextmanager
def cheroot(app: WSGIApplication, port: int = 0) -> Iterator[int]:
    """Serve *app* by cheroot in a thread, offering early hints, one response per connection."""
    from cheroot import wsgi
    from cheroot.server import HTTPConnection

    class Gateway(wsgi.Gateway_10):
        def get_environ(self) -> Any:
            return {**super().get_environ(), "wsgi.early_hints": self.early_hints}

        def early_hints(self, fields: list[tuple[str, str]]) -> None:
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
            self.req.conn.wfile.write(f"HTTP/1.1 103 Early Hints\r\n{lines}\r\n".encode("latin-1"))

        def respond(self) -> None:
            self.req.close_connection = True
            super().respond()

    class Connection(HTTPConnection):
        def close(self) -> None:
            super().close()
            with suppress(OSError):  # what a client that left did not take
                self.wfile.close()

    class Server(wsgi.Server):
        ConnectionClass = Connection

        def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
            if not isinstance(sys.exc_info()[1], Disconnected):
                super().error_log(msg, level, traceback)

    server = Server((HOST, port), app, numthreads=THREADS, request_queue_size=128)
    server.gateway = Gateway
    server.prepare()
    thread = threading.Thread(target=server.serve, name="cheroot")
    thread.start()
    try:
        yield server.bind_addr[1]
    finally:
        server.stop()
        thread.join()


@contextmanager
def served(server: HTTPServer) -> Iterator[int]:
    """Have *server* serve in a thread until the block ends; its port."""
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def werkzeug(app: WSGIApplication, port: int = 0) -> Iterator[int]:
    """Serve *app* by Werkzeug's development server in a thread, without a log of requests."""
    from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

    class Server(ThreadedWSGIServer):
        def log(self, type: str, message: str, *args: Any) -> None:
            if Disconnected.__name__ not in message % args:
                super().log(type, message, *args)

    class Handler(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    with served(Server(HOST, port, app, Handler)) as there:
        yield there


THREADED: dict[str, Callable[[WSGIApplication, int], AbstractContextManager[int]]] = {
    "cheroot": cheroot,
    "werkzeug": werkzeug,
}
COMMANDS = {
    "waitress": "--listen={host}:{port} --threads={threads} --call {factory}",
    "gunicorn": "--bind {host}:{port} --workers {workers} --worker-class gthread "
    "--threads {threads} --log-level critical {factory}()",
    "granian": "--interface wsgi --host {host} --port {port} --workers {workers} "
    "--blocking-threads {threads} --no-log --factory {factory}",
}
SERVERS = ("cheroot", *COMMANDS, "werkzeug")


_held: deque[int] = deque()
"""Sockets that are bound to the last free ports, as file descriptors."""
_MOST_HELD = 100


def free_port() -> int:
    """A loopback port that nobody listens at, and that no other process gets meanwhile.

    On Linux it stays bound, so the system gives it to nobody who asks for any port. A server binds
    it all the same: of sockets with these options only one may listen. The oldest are let go.
    """
    with socket.socket() as unused:
        if sys.platform == "linux":
            unused.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            unused.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        unused.bind((HOST, 0))
        port: int = unused.getsockname()[1]
        if sys.platform == "linux":
            _held.append(unused.detach())
    while len(_held) > _MOST_HELD:
        os.close(_held.popleft())
    return port


def line(
    server: str, factory: str, port: int, threads: int = THREADS, workers: int = 1
) -> list[str]:
    """The command that serves what *factory* makes, by so many processes of *server*'s."""
    how = {"threads": threads, "workers": workers, "factory": factory}
    options = COMMANDS[server].format(host=HOST, port=port, **how)
    return [sys.executable, "-m", server, *options.split()]


@contextmanager
def running(name: str, line: Sequence[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The server *name*, started by *line*, until the block ends; it answers at *port*.

    Raises ServerFailed if it does not, with the last line of what it said.
    """
    root = str(Path(__file__).resolve().parent.parent)
    environ = {**os.environ, "PYTHONPATH": root}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(line, cwd=root, env=environ, stdout=log, stderr=log)
        try:
            await_answers(process, port)
            yield process
        except TimeoutError:
            log.seek(0)
            last = (log.read().strip().splitlines() or ["it said nothing"])[-1]
            raise ServerFailed(f"{name} did not start on port {port}: {last}") from None
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def command(server: str, factory: str, port: int = 0) -> Iterator[int]:
    """Serve what *factory* makes by *server*, in a process of its own."""
    port = port or free_port()
    with running(server, line(server, factory, port), port):
        yield port


def await_answers(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when *port* answers requests; TimeoutError if it never does."""
    deadline = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((HOST, port), START_LIMIT) as connection:
                connection.sendall(f"HEAD / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
                if connection.recv(1):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError


def serving(server: str, factory: str, port: int = 0) -> AbstractContextManager[int]:
    """Serve the application that *factory*, ``MODULE:CALLABLE``, returns; yields the port.

    *port* 0 takes a free one. Raises ServerFailed if *server* is absent or does not start.
    """
    if importlib.util.find_spec(server) is None:
        raise ServerFailed(f"the server {server} is not installed: pip install {server}")
    if server in COMMANDS:
        return command(server, factory, port)
    module, _, name = factory.partition(":")
    return THREADED[server](getattr(importlib.import_module(module), name)(), port)
