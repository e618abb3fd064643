"""Clients for Redis with a time limit for each answer.

redis-py has a timeout for each packet, and retries for seconds; here a client waits for a page.
`stores.urls` imports this module when it is used.
"""

from __future__ import annotations

import socket
from time import monotonic
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from wsgicache.stores.net.addresses import Socket, connected

__all__ = ["client"]


class _Socket(Socket):
    """A socket that receives nothing after its time limit."""

    ends = float("inf")

    def recv(self, *arguments: Any) -> bytes:
        self._in_time()
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        self._in_time()
        return super().recv_into(*arguments)

    def _in_time(self) -> None:
        if monotonic() > self.ends:
            raise TimeoutError("timed out")


class _Named(Connection):
    """A connection with a time limit for the look-up of the name."""

    def _connect(self) -> socket.socket:
        return connected(self.host, self.port, float(self.socket_timeout or 0))


class _Secured(SSLConnection, _Named):
    """The same over TLS."""


def _in_time(kind: type[Any]) -> type[Any]:
    """Return a *kind* of connection with a time limit for each answer as a whole."""

    class InTime(kind):  # type: ignore[misc]
        def _connect(self) -> socket.socket:
            connected = super()._connect()
            timeout = connected.gettimeout()
            made = _Socket(fileno=connected.detach())
            made.settimeout(timeout)
            return made

        def send_packed_command(self, *arguments: Any, **more: Any) -> None:
            if isinstance(self._sock, _Socket) and self.socket_timeout:
                self._sock.ends = monotonic() + self.socket_timeout
            super().send_packed_command(*arguments, **more)

    return InTime


def _counted(kind: type[Any]) -> type[Any]:
    """Return a *kind* of connection that counts how often one was made."""

    class Counted(kind):  # type: ignore[misc]
        connects = 0

        def _connect(self) -> socket.socket:
            made: socket.socket = super()._connect()
            Counted.connects += 1
            return made

    return Counted


_CONNECTIONS = 2**31
"""More connections than a process has threads: none of them finds the pool empty."""

_KINDS = {
    "redis": _in_time(_Named),
    "rediss": _Secured,
    "unix": _in_time(UnixDomainSocketConnection),
}


def client(scheme: str, url: str, timeout: float) -> Any:
    """Return a client for *url* that waits *timeout* seconds at most for an answer.

    With TLS it waits that long for each packet. Raises ValueError for a wrong URL.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "connection_class": _counted(_KINDS[scheme]),
        "max_connections": _CONNECTIONS,
    }
    return Redis.from_url(url, **options)
