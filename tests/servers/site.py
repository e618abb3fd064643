"""One app on one server, asked bare and through the cache, and what must hold of every reply."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.servers import free_port
from tests.servers.process import Process, running
from tests.servers.rows import Server
from tests.servers.wire import Reply, Wire, fetch
from wsgicache.rules.fields import is_entity_tag

Field = tuple[str, str]

HOST = ("Host", "site.test")
BARE = ("X-Bare", "yes")
HOST_LINE = "Host: site.test"
ASKED = {"bare": (HOST_LINE, "X-Bare: yes"), "cached": (HOST_LINE,)}
"""The same for a request by hand."""
DOWNLOAD = bytes(n * 7 % 256 for n in range(200_000))
HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate te trailer transfer-encoding upgrade".split()
)
# What may differ between the bare app's response and the cache's; all else must be alike.
OWN_FIELDS = frozenset(
    "age cache-status connection content-length date etag keep-alive server set-cookie "
    "transfer-encoding x-served".split()
)


class Site:
    """One port: `bare` asks the app itself, `cached` the app in its cache."""

    def __init__(self, server: Server, app: str, process: Process, directory: Path) -> None:
        self.server = server
        self.app = app
        self.port = process.port
        self.process = process
        self.directory = directory
        self._dates: dict[str, int] = {}

    def bare(
        self, target: str, *fields: Field, method: str = "GET", body: bytes | None = None
    ) -> Reply:
        """The server's own answer."""
        reply = fetch(self.port, method, target, (HOST, BARE, *fields), body)
        self._dates[path_of(target)] = len(reply.all("Date"))
        return reply

    def cached(
        self, target: str, *fields: Field, method: str = "GET", body: bytes | None = None
    ) -> Reply:
        """The cache's answer, checked."""
        reply = fetch(self.port, method, target, (HOST, *fields), body)
        self.check(reply, method, self._dates.get(path_of(target)))
        return reply

    def both(self, target: str, *fields: Field) -> tuple[Reply, Reply]:
        """The bare answer to a GET and the cache's, which must be alike."""
        bare, cached = self.bare(target, *fields), self.cached(target, *fields)
        self.alike(bare, cached)
        return bare, cached

    def miss_and_hit(self, target: str, *fields: Field) -> tuple[Reply, Reply]:
        """A target nobody asked for before: it is stored, and then served."""
        bare, miss = self.both(target, *fields)
        assert miss.cache_status == "wsgicache; fwd=uri-miss; stored", miss.fields
        assert miss.served != bare.served
        hit = self.cached(target, *fields)
        assert hit.cache_status.startswith("wsgicache; hit; ttl="), hit.fields
        assert hit.served == miss.served
        self.alike(bare, hit)
        return miss, hit

    def wire(self) -> Wire:
        return Wire(self.port)

    @functools.cached_property
    def dates(self) -> int:
        """How many Date lines this server sends for an app that sends none."""
        return len(self.bare("/page").all("Date"))

    @functools.cached_property
    def connection_fields(self) -> frozenset[str]:
        """The hop-by-hop fields that this server sends of itself."""
        return hop_by_hop(self.bare("/page")) | hop_by_hop(self.bare("/stream"))

    def check(self, reply: Reply, method: str = "GET", dates: int | None = None) -> None:
        """What must hold of every response of the cache, on every server."""
        assert len(reply.all("Cache-Status")) == 1, reply.fields
        assert len(reply.all("Age")) == (1 if reply.hit else len(reply.all("Age")[:1]))
        assert len(reply.all("Date")) <= (self.dates if dates is None else dates), reply.fields
        assert len(reply.all("Content-Length")) <= 1
        assert not (reply.all("Content-Length") and reply.all("Transfer-Encoding"))
        assert hop_by_hop(reply) <= self.connection_fields, reply.fields
        if method != "HEAD" and reply.status != 304 and reply.complete:
            length = reply.field("Content-Length")
            assert length in (None, str(len(reply.body)))

    def alike(self, bare: Reply, cached: Reply) -> None:
        """The cache changes nothing of the app's response but what is its own."""
        assert cached.status == bare.status
        assert cached.body == bare.body
        assert not bare.all("Cache-Status")
        assert end_to_end(cached) == end_to_end(bare)
        if (tag := bare.field("ETag")) is not None:
            # Bottle gives files a tag without quotes, which is none: it may get one of ours.
            assert cached.all("ETag") == bare.all("ETag") or not is_entity_tag(tag)
        if not cached.hit:
            assert cached.all("Content-Length") == bare.all("Content-Length")
            assert cached.all("Transfer-Encoding") == bare.all("Transfer-Encoding")


def path_of(target: str) -> str:
    return target.partition("?")[0]


def hop_by_hop(reply: Reply) -> frozenset[str]:
    """The hop-by-hop fields of a reply, but for what any server says of its connection."""
    plain = (("connection", "close"), ("connection", "keep-alive"))
    lines = ((name.lower(), value.lower()) for name, value in reply.fields)
    return HOP_BY_HOP.intersection(line[0] for line in lines if line not in plain)


def end_to_end(reply: Reply) -> list[Field]:
    """The fields to compare; an Expires is made from the moment, so only that it is there."""
    lines = ((name.lower(), value) for name, value in reply.fields)
    return sorted((n, "" if n == "expires" else v) for n, v in lines if n not in OWN_FIELDS)


@contextlib.contextmanager
def serving(server: Server, app: str) -> Iterator[Site]:
    """The app on the server; at its end the server stops and its log must be free of alarms."""
    directory = Path(tempfile.mkdtemp(prefix="wsgicache-site-"))
    try:
        directory.chmod(0o755)  # some servers change to another user
        (directory / "files").mkdir()
        (directory / "files" / "download.bin").write_bytes(DOWNLOAD)
        environment = {"WSGICACHE_SITE": str(directory), "WSGICACHE_SITE_APP": app}
        port = free_port()
        command = server.command(port, directory)
        with running(command, port, directory / "log", environment) as process:
            yield Site(server, app, process, directory)
        alarms = process.alarms(server.noise)
        assert not alarms, "\n".join(["the server's log has:", *alarms])
    finally:
        shutil.rmtree(directory)


def names(fields: Iterable[Field]) -> set[str]:
    return {name.lower() for name, _ in fields}
