"""The development server: ``wsgicache run MODULE:APP``.

It is Werkzeug's server with the cache in front, and a log line that says what the cache did. It has
a reloader, and companions: processes that live exactly as long as the server.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from werkzeug._reloader import run_with_reloader  # run_simple would bind the port itself
from werkzeug.serving import LISTEN_QUEUE, WSGIRequestHandler, is_running_from_reloader, make_server

from wsgicache import CacheMiddleware
from wsgicache.cli.companions import companions
from wsgicache.cli.folding import Folding
from wsgicache.cli.loading import Refusal, load
from wsgicache.cli.pages import MOUNT, Once, with_pages
from wsgicache.cli.strip import with_strip
from wsgicache.cli.terminal import TerminalSafe, visible
from wsgicache.cli.wrapped import PROFILES, said_of
from wsgicache.dashboard.recent import recent_of
from wsgicache.why.layers import own_cache

__all__ = ["run"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SOCKET_VARIABLE = "WSGICACHE_RUN_SOCKET"
"""The environment variable by which the reloader's parent passes the socket to its child."""
PARENT_VARIABLE = "WSGICACHE_RUN_PARENT"
"""The environment variable by which it tells its process ID."""


@click.command()
@click.argument("target", metavar="MODULE:APP")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--policy",
    show_default="safe",
    type=click.Choice(list(PROFILES)),
    help="Store with care, or all that RFC 9111 allows.",
)
@click.option(
    "--threads/--no-threads",
    default=True,
    show_default=True,
    help="A thread per request, or one request after the other.",
)
@click.option(
    "--reload", is_flag=True, help="Restart, with an empty cache, when a Python file changes."
)
@click.option(
    "--with",
    "commands",
    metavar="CMD",
    multiple=True,
    help="A shell command that runs as long as the server; may be repeated.",
)
@click.option(
    "--strip", is_flag=True, help="Say at the foot of each page what the cache did, and why."
)
def run(
    target: str,
    host: str,
    port: int,
    policy: str | None,
    threads: bool,
    reload: bool,
    strip: bool,
    commands: tuple[str, ...],
) -> None:
    """Serve a WSGI app with the cache in front, for development.

    The app is written MODULE:APP, as in wsgicache.demo:app, or MODULE:FACTORY() where a call makes
    it. MODULE may lie in the current directory. An app that has a cache already is served as it is.
    """
    sys.path.insert(0, os.getcwd())

    def serve(listener: int) -> None:
        app = load(target)
        with_cache = f"with the cache in front ({policy or 'safe'} policy)"
        if (own := own_cache(app)) is not None:
            if policy is not None:
                raise Refusal(f"--policy {policy}: {target} has a cache, and a policy, of its own")
            with_cache = f"with its own cache ({said_of(own)})"
        else:
            app = own = CacheMiddleware(app, policy=PROFILES[policy or "safe"]())
        handler = logging.StreamHandler()
        handler.setFormatter(TerminalSafe())
        logging.basicConfig(handlers=[handler])  # if the app has not configured logging
        recent_of(own).watch(forever=True)
        paged = with_pages(app, own, host)
        logged = access_log(with_strip(paged, own) if strip else paged)
        server = make_server(host, port, logged, threads, request_handler=Handler, fd=listener)
        address = f"[{host}]" if ":" in host else host
        place = f"http://{address}:{server.port}"
        click.echo(
            f"{target} runs on {place}/ {with_cache} until Ctrl+C. {place}{MOUNT}/ shows what the "
            "cache does. This server is for development only.",
            err=True,
        )
        server.serve_forever()

    def serve_reloaded() -> None:
        threading.Thread(target=end_with_parent, daemon=True).start()
        try:
            serve(int(os.environ[SOCKET_VARIABLE]))
        except Refusal as refusal:  # the next change may fix it
            refusal.show()

    if is_running_from_reloader():
        run_with_reloader(serve_reloaded)
        return
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        end_in_order(name)
    with listening(host, port) as listener, companions(commands):
        if reload:
            listener.set_inheritable(True)
            os.environ[SOCKET_VARIABLE] = str(listener.fileno())
            os.environ[PARENT_VARIABLE] = str(os.getpid())
            run_with_reloader(serve_reloaded)
        else:
            serve(listener.fileno())


def access_log(app: WSGIApplication) -> WSGIApplication:
    """Write a line to stderr for every response, after its last byte; those that repeat are folded.

    The first with a reason not to store it is followed by the URL that explains it.
    """
    where = Once()
    write = Folding(partial(click.echo, err=True))

    def logged(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        began = time.perf_counter()
        status, size, outcome = "500", 0, ""
        body: Iterable[bytes] = ()

        def start(
            line: str,
            fields: list[tuple[str, str]],
            exc_info: Any = None,
        ) -> Callable[[bytes], object]:
            nonlocal status, outcome
            write = start_response(line, fields, exc_info)
            status = line[:3]
            outcome = ", ".join(value for name, value in fields if name.lower() == "cache-status")

            def counting(data: bytes) -> None:
                nonlocal size
                size += len(data)
                write(data)

            return counting

        try:
            body = app(environ, start)
            for chunk in body:
                size += len(chunk)
                yield chunk
        except Exception:
            if not size:
                status = "500"  # the server's own answer
            raise
        finally:
            if hasattr(body, "close"):
                body.close()
            spent = (time.perf_counter() - began) * 1000
            asked = visible(f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']}")
            colour = "green" if "; hit" in outcome else "red" if status[0] == "5" else "yellow"
            shown = click.style(visible(outcome) or "-", fg=colour)
            write(f"{asked} {status} {size} B {spent:.1f} ms {shown}", asked, status, outcome)
            if why := where(environ, outcome):
                click.echo(f"  {visible(why)}", err=True)

    return logged


class Handler(WSGIRequestHandler):
    """Werkzeug's request handler without its log line, and with one Date (RFC 9110 §6.6.1)."""

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin a response; the server's own fields wait for those of the app."""
        self.names: set[str] = set()
        self.send_response_only(code, message)

    def send_header(self, keyword: str, value: str) -> None:
        """Send a field, and remember its name."""
        self.names.add(keyword.lower())
        super().send_header(keyword, value)

    def end_headers(self) -> None:
        """Send the server's own fields that the app did not send."""
        if "server" not in self.names:
            super().send_header("Server", self.version_string())
        if "date" not in self.names:
            super().send_header("Date", self.date_time_string())
        super().end_headers()

    def handle_expect_100(self) -> bool:
        """Do nothing: run_wsgi sends the interim response."""
        return True

    def log_error(self, format: str, *args: object) -> None:
        """Write a line about a malformed request."""
        click.echo(visible(format % args), err=True)


def listening(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises Refusal if there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=LISTEN_QUEUE)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise Refusal(f"cannot listen on {host} port {port}: {reason}") from None


def end_in_order(name: str) -> None:
    """Let the signal *name* end this process in order, unless it is ignored."""
    number = getattr(signal, name, None)  # Windows has no SIGHUP
    if number and signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, lambda *_: sys.exit(0))


def end_with_parent() -> None:
    """End this process when the reloader's parent has ended, in any way and however early."""
    parent = int(os.environ[PARENT_VARIABLE])
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)
