"""A store on one memcached server or many, with the clients of pymemcache.

Each server is a node of its own. If one does not answer, only what it holds is missing. No other
takes its place: that would bring back old copies when it returns (fail in place).
"""

from __future__ import annotations

import copy
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.client.rendezvous import RendezvousHash
from pymemcache.client.retrying import RetryingClient
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError
from pymemcache.serde import LegacyWrappingSerde

from wsgicache.clock import Clock
from wsgicache.rules.checks import must_be, several, whole
from wsgicache.stores import StoreError
from wsgicache.stores.net.addresses import SERVERS, checked_timeout, is_port, names_a_server, shown
from wsgicache.stores.net.breaker import FAILURES, Breaker
from wsgicache.stores.net.memcached import Connections, Hung, NotWaited
from wsgicache.stores.shared.applications import NAMESPACE
from wsgicache.stores.shared.nodes import Found, take_back
from wsgicache.stores.shared.store import PackedStore

__all__ = ["MemcachedStore"]

T = TypeVar("T")

Server = str | tuple[str, int]

_SERVER = "'host:port', (host, port) or the path of a socket"
SHARE = 4 * 1024 * 1024
"""Most bytes of contents in one entry: a sixteenth of what memcached takes by default."""
LIMIT = 1_000_000
"""Most bytes of a value: by default memcached takes 1 MiB for the item as a whole."""


class MemcachedStore(PackedStore):
    """Entries in memcached.

    *servers* is one server, or several: ``"host:port"``, ``(host, port)`` or the path of a UNIX
    socket. Or it is a client of pymemcache (Client, PooledClient, HashClient): the store takes from
    it the servers and how to connect to them, and nothing else.

    An operation takes *timeout* seconds at most. Raise it if a server usually takes more than a
    twentieth of that: then one thread waits for the server, and the others proceed without it. Up
    to *idle* connections to each server stay open. *tls* is an `ssl.SSLContext` for them. *limit*
    is the most bytes of a value (memcached's ``-I``, less a little). The other options are those of
    `PackedStore`. Raises TypeError or ValueError for a wrong argument, but not if a server cannot
    be reached.
    """

    def __init__(
        self,
        servers: Server | Iterable[Server] | Any,
        *,
        namespace: str = NAMESPACE,
        secret: str | bytes = b"",
        generation_seconds: float = 1.0,
        timeout: float = 0.1,
        idle: int = 64,
        tls: ssl.SSLContext | None = None,
        limit: int = LIMIT,
        clock: Clock | None = None,
    ) -> None:
        timeout = checked_timeout("MemcachedStore.timeout", timeout)
        if tls is not None and not isinstance(tls, ssl.SSLContext):
            raise TypeError(must_be("MemcachedStore.tls", "an ssl.SSLContext or None", tls))
        whole("MemcachedStore.idle", idle, 1)
        whole("MemcachedStore.limit", limit, 16_384)
        nodes = {}
        for template in _templates(servers, tls):
            node = _Node(template, timeout, idle, limit)
            nodes[node.name] = node
        super().__init__(
            list(nodes.values()),
            _route(nodes),
            namespace=namespace,
            secret=secret,
            generation_seconds=generation_seconds,
            clock=clock,
        )


def _route(nodes: Mapping[str, _Node]) -> Callable[[str], _Node]:
    """Return the function that chooses a node for a name; if one goes, others keep their names."""
    if len(nodes) == 1:
        (only,) = nodes.values()
        return lambda name: only
    chosen = RendezvousHash(sorted(nodes), hash_function=_score).get_node
    return lambda name: nodes[chosen(name)]


def _score(text: str, seed: int) -> int:
    # PERF: pymemcache's own score, in Python, takes twenty times as long.
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _templates(servers: object, tls: ssl.SSLContext | None) -> list[Client]:
    """Return a client for each of *servers*, as a template. Raises TypeError or ValueError."""
    if isinstance(servers, RetryingClient):
        servers = servers._client
    if isinstance(servers, HashClient):
        found = [one for client in servers.clients.values() for one in _templates(client, tls)]
    elif isinstance(servers, PooledClient):
        found = [servers._create_client()]
    elif isinstance(servers, Client):
        found = [copy.copy(servers)]
    elif isinstance(servers, str) or _is_address(servers):
        found = [_client("MemcachedStore.servers", servers)]
    elif isinstance(servers, Iterable) and not isinstance(servers, bytes):
        found = [*several("MemcachedStore.servers", servers, _client, "['host:port']")]
    else:
        found = []
    if not found:
        kind = f"{_SERVER}, several of these, or a client of pymemcache's"
        raise TypeError(must_be("MemcachedStore.servers", kind, servers))
    for template in found:
        template.sock = None
        template.serde = LegacyWrappingSerde(None, None)  # bytes, whatever the flags say
        template.ignore_exc = False
        template.default_noreply = False
        if tls is not None:
            template.tls_context = tls
    return found


def _is_address(server: object) -> bool:
    return isinstance(server, tuple) and [type(part) for part in server] == [str, int]


def _client(subject: str, server: Any) -> Client:
    if not (isinstance(server, str) and server) and not _is_address(server):
        raise TypeError(must_be(subject, _SERVER, server))
    if isinstance(server, str) and "://" in server:
        message = must_be(subject, _SERVER, shown(server))
        raise ValueError(f"{message}: for a URL there is store_from_url")
    if isinstance(server, tuple):
        is_server = is_port(server[1]) and bool(server[0]) and server[0].isprintable()
    else:
        is_server = server.startswith(("/", "unix:")) or names_a_server(server)
    if not is_server:
        message = must_be(subject, SERVERS, server)
        raise ValueError(f"{message}: give several in a list")
    return Client(server)


def _weight(error: BaseException) -> int | None:
    """Return how many failures *error* counts for: none, if it is the server's answer."""
    if isinstance(error, NotWaited):
        return None
    if isinstance(error, Hung):
        return FAILURES
    return int(not isinstance(error, MemcacheServerError | MemcacheClientError | StoreError))


class _Node:
    """One memcached server."""

    atomic = True
    connects = 0

    def __init__(self, template: Client, timeout: float, idle: int, limit: int) -> None:
        server = template.server
        self.name = server if isinstance(server, str) else f"{server[0]}:{server[1]}"
        self.limit = self.piece = limit
        self.share = SHARE
        self._prefix: bytes = template.key_prefix
        self._breaker = Breaker(self.name)
        self._connections = Connections(template, timeout, idle)

    def _ask(self, do: Callable[[Client], T]) -> T:
        answer: T = self._breaker.call(_weight, self._connections.ask, do)
        return answer

    def read(self, names: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept under *names*, in one round trip."""
        wanted = [self._prefix + name.encode("ascii") for name in names]
        found = self._ask(lambda client: client.sock.fetch(wanted))
        return [found.get(name) for name in wanted]

    def look(self, names: Sequence[str]) -> Sequence[tuple[bytes | None, object]]:
        """Return what is kept under *names*, each with its version, in one round trip."""
        wanted = [self._prefix + name.encode("ascii") for name in names]
        found = self._ask(lambda client: client.sock.look(wanted))
        return [found.get(name, (None, None)) for name in wanted]

    def swap(
        self, name: str, value: bytes | None, version: object, seconds: int, full: bool = False
    ) -> bool:
        """Keep *value* (None: nothing), if what is kept is still *version*."""
        if version is None:
            if value is None:
                return True
            return bool(self._ask(lambda client: client.add(name, value, seconds)))
        # A value that has ended counts as none; memcached has no other way to remove just that
        # version.
        given, ends = (b"", -1) if value is None else (value, seconds)
        return bool(self._ask(lambda client: client.cas(name, given, version, ends)))

    def settle(
        self,
        name: str,
        value: bytes,
        found: Found,
        seconds: int,
        guards: Mapping[str, bytes],
        gone: str,
    ) -> bool:
        """Swap, if what is under each of *guards* is the same after that, and remove *gone*.

        A swap that should not have been is taken back: memcached cannot do both at once.
        """
        record, version = found
        key = self._prefix + name.encode("ascii")
        how = b"add %b 0 %d %d" if version is None else b"cas %b 0 %d %d %b"
        sizes = key, seconds, len(value)
        head = how % (sizes if version is None else (*sizes, version))
        wanted = {self._prefix + one.encode("ascii"): value for one, value in guards.items()}
        ended = b"delete %b noreply\r\n" % (self._prefix + gone.encode("ascii"))

        def do(client: Client) -> tuple[bool, bool]:
            stored, there = client.sock.settle(b"%b\r\n%b\r\n" % (head, value), list(wanted))
            good = {one: value for one, (value, _) in there.items()} == wanted
            if stored and good:
                client.sock.tell(ended)
            return stored, good

        stored, good = self._ask(do)
        if stored and not good:
            take_back(self, name, value, record, seconds)
        return stored and good

    def write(self, name: str, value: bytes, seconds: int) -> None:
        """Keep *value* for at most *seconds*. Raises StoreError where the server does not."""
        if len(value) > self.limit:
            raise StoreError(f"{self.name} takes at most {self.limit} bytes, got {len(value)}")
        if not self._ask(lambda client: client.set(name, value, seconds)):
            raise StoreError(f"{self.name} did not keep a value")

    def make_room(self, length: int) -> None:
        """Do nothing: the server makes room."""

    def remove(self, name: str) -> None:
        """Remove what is under *name*."""
        self._ask(lambda client: client.delete(name))

    def listed(self, prefix: str) -> list[str]:
        """Raise StoreError: memcached cannot list its keys."""
        raise StoreError(f"{self.name}: memcached cannot list what it holds: clients ask by name")

    def life(self) -> str:
        """Return an empty string: a server that starts is empty."""
        return ""

    def stats(self) -> dict[str, object]:
        """Return what the server says of its memory and its items."""
        answers = self._ask(lambda client: client.stats())
        names = "version uptime curr_items bytes limit_maxbytes evictions get_hits get_misses"
        found = {name: answers.get(name.encode()) for name in names.split()}
        return {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in found.items()
            if value is not None
        }
