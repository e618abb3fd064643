"""Who takes part in the measurement over HTTP: the constant app on three servers, wsgicache on each
of them, and nginx and Varnish as caches in front of the constant app; one worker each. And four
workers of wsgicache that share a machine's store.
"""

from __future__ import annotations

import getpass
import http.client
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.calls import PAGE, constant, environ
from benchmarks.servers import HOST, ServerFailed, free_port, line, running
from wsgicache import CacheMiddleware, store_from_url

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

PYTHON_SERVERS = ("granian", "gunicorn", "waitress")
FOLDER = "WSGICACHE_BENCHMARK_FOLDER"
"""The variable of the environment that names where the workers of one machine meet."""
MACHINE = "granian"
WORKERS = 4
TARGET = "/articles/42?page=2"
FIELDS = {
    name[5:].title().replace("_", "-"): value
    for name, value in environ().items()
    if name.startswith("HTTP_") and name != "HTTP_HOST"
}
# Both say in Cache-Status that they had it, as wsgicache does, and log nothing.
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
{user}
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=pages:8m max_size=64m inactive=1d;
    map $upstream_cache_status $told {{ HIT "nginx; hit"; default "nginx; fwd=miss"; }}
    server {{
        listen {host}:{port};
        location / {{
            proxy_pass http://{host}:{origin};
            proxy_cache pages;
            add_header Cache-Status $told always;
        }}
    }}
}}
"""
VARNISH = """
vcl 4.1;
backend app {{ .host = "{host}"; .port = "{origin}"; }}
sub vcl_deliver {{
    if (obj.hits > 0) {{ set resp.http.Cache-Status = "varnish; hit"; }}
    else {{ set resp.http.Cache-Status = "varnish; fwd=miss"; }}
}}
"""


def bare() -> WSGIApplication:
    """The constant app itself."""
    return constant


def cached() -> WSGIApplication:
    """The constant app behind wsgicache."""
    return CacheMiddleware(constant)


def machine() -> WSGIApplication:
    """The constant app behind wsgicache, with the store of all workers of the machine."""
    return CacheMiddleware(constant, store=store_from_url(f"lmdb://{os.environ[FOLDER]}/cache"))


class Contender(NamedTuple):
    """A server that runs: the id of its process, its port, and whether it is a cache."""

    name: str
    pid: int
    port: int
    caches: bool


class Missing(NamedTuple):
    """What takes no part, and why."""

    name: str
    reason: str


def contenders(stack: ExitStack, threads: int) -> Iterator[Contender | Missing]:
    """Start and check one after another; they run until *stack* ends.

    Servers in Python call the application in so many *threads*.
    """
    origin = 0
    for server in PYTHON_SERVERS:
        for what, factory in (("constant app", bare), ("wsgicache", cached)):
            port = free_port()
            name = f"{what} on {server}"
            if importlib.util.find_spec(server) is None:
                yield Missing(name, f"pip install {server}")
                continue
            made = f"{__name__}:{factory.__name__}"
            found = _started(
                stack, name, line(server, made, port, threads), port, factory is cached
            )
            yield found
            if isinstance(found, Contender) and not found.caches:
                origin = port
    name = f"wsgicache on {MACHINE}, {WORKERS} workers"
    if importlib.util.find_spec(MACHINE) is None or importlib.util.find_spec("lmdb") is None:
        yield Missing(name, f"pip install {MACHINE} lmdb")
    else:
        os.environ[FOLDER] = stack.enter_context(tempfile.TemporaryDirectory())
        port = free_port()
        command = line(MACHINE, f"{__name__}:{machine.__name__}", port, threads, WORKERS)
        yield _started(stack, name, command, port, True)
    for cache, (program, configured) in CACHES.items():
        if shutil.which(program) is None or not origin:
            yield Missing(cache, f"apt install {cache.lower()}" if origin else "has no origin")
            continue
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        yield _started(stack, cache, configured(folder, port, origin), port, True)


def nginx(folder: Path, port: int, origin: int) -> list[str]:
    """The command that runs nginx at *port*, with its configuration and cache in *folder*."""
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""  # else it may not read folder
    file = folder / "nginx.conf"
    text = NGINX.format(folder=folder, user=user, host=HOST, port=port, origin=origin)
    file.write_text(text, "utf-8")
    return ["nginx", "-c", str(file), "-p", str(folder), "-e", "stderr"]


def varnish(folder: Path, port: int, origin: int) -> list[str]:
    """The command that runs Varnish at *port*, with its configuration and files in *folder*."""
    file = folder / "default.vcl"
    file.write_text(VARNISH.format(host=HOST, origin=origin), "utf-8")
    options = f"-F -j none -T none -s malloc,64m -a {HOST}:{port} -n {folder / 'work'} -f {file}"
    return ["varnishd", *options.split()]


CACHES = {"nginx": ("nginx", nginx), "Varnish": ("varnishd", varnish)}


def _started(
    stack: ExitStack, name: str, command: Sequence[str], port: int, caches: bool
) -> Contender | Missing:
    try:
        process = stack.enter_context(running(name, command, port))
    except ServerFailed as error:
        return Missing(name, str(error))
    contender = Contender(name, process.pid, port, caches)
    # The first request of each worker may be a miss.
    wrong = all(check(contender) for _ in range(2)) and check(contender)
    return Missing(name, wrong) if wrong else contender


def check(contender: Contender) -> str:
    """What is wrong with the answer to one request, if anything."""
    connection = http.client.HTTPConnection(HOST, contender.port, timeout=10)
    try:
        connection.request("GET", TARGET, headers=FIELDS)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        return f"{error!r}"
    finally:
        connection.close()
    told = response.getheader("Cache-Status") or ""
    if response.status != 200 or content != PAGE:
        return f"answers {response.status} with {len(content)} bytes"
    if ("; hit" in told) != contender.caches:
        return f"answers with Cache-Status: {told or '(none)'}"
    return ""
