"""TCP connections within a time limit, the look-up of the name included.

The system may take many seconds to look up a name if its name servers do not answer. Here a thread
waits for that, and a request no longer than its timeout.
"""

from __future__ import annotations

import re
import socket
import threading
from time import monotonic
from typing import Any

from wsgicache import forks
from wsgicache.rules.checks import number

__all__ = [
    "LONGEST_WAIT", "SERVERS", "Socket", "checked_timeout", "connected", "is_port",
    "names_a_server", "shown",
]  # fmt: skip

LONGEST_WAIT = 24 * 3600
"""Most seconds that an operation may take."""
SERVERS = "host, host:port or [IPv6]:port, with a port of 1 to 65535"

_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[\w.-]+)(?::([0-9]{1,5}))?", re.ASCII)

Address = tuple[Any, Any, int, str, Any]
"""A result of `socket.getaddrinfo`."""


def is_port(number: int) -> bool:
    """Return whether a server can have that port."""
    return 1 <= number <= 65_535


def names_a_server(text: str) -> bool:
    """Return whether *text* is a host, or a host and a port, as in `SERVERS`."""
    found = _SERVER.fullmatch(text)
    # A number is not a host: somebody forgot the host before the port.
    return found is not None and not found[1].isdigit() and is_port(int(found[2] or 1))


def shown(url: object) -> str:
    """Return *url* for people, without a possible password."""
    text = str(url)
    before, at, after = text.rpartition("@")
    return f"{before.partition('://')[0]}://…@{after}" if at else text


def checked_timeout(subject: str, timeout: object) -> float:
    """Return *timeout* in seconds. Raises TypeError or ValueError, which call it *subject*."""
    return float(number(subject, timeout, LONGEST_WAIT, above_0=True))


class Socket(socket.socket):
    """A socket that closes when its last reference goes, since no store is closed explicitly."""

    def __del__(self) -> None:
        self.close()


def connected(host: str, port: int, timeout: float) -> Socket:
    """Connect to *host* within *timeout* seconds, which is also the limit for reading data.

    Raises OSError.
    """
    ends = monotonic() + timeout
    failure: OSError | None = None
    for family, kind, protocol, _, address in _addresses(host, port, timeout):
        connection = Socket(family, kind, protocol)
        try:
            # If the first address does not answer, the second still gets some time.
            connection.settimeout(max(ends - monotonic(), timeout / 10))
            connection.connect(address)
            connection.settimeout(timeout)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            failure = error
            connection.close()
        if monotonic() > ends:
            break
    raise failure or OSError(f"{host} has no address")


def _addresses(host: str, port: int, timeout: float) -> list[Address]:
    """Return the addresses of *host*. Raises OSError, and TimeoutError after *timeout* seconds."""
    try:
        numeric = socket.AI_NUMERICHOST
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=numeric)
    except socket.gaierror:
        pass  # *host* is a name
    except UnicodeError as error:
        raise OSError(f"{host!r} is no name: {error}") from None
    lookup = _under_way.get((host, port))
    if lookup is None:
        lookup = _LookUp(host, port)
        lookup.start()
        _under_way[host, port] = lookup
    if not lookup.ended.wait(timeout):
        # Later callers find its result, and start no other look-up.
        raise TimeoutError(f"{host} was not looked up in time")
    _under_way.pop((host, port), None)
    if isinstance(lookup.found, OSError):
        raise lookup.found
    return lookup.found


class _LookUp(threading.Thread):
    """Look up the addresses of a name."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(name="wsgicache-look-up", daemon=True)
        self._asked = host, port
        self.ended = threading.Event()
        self.found: list[Address] | OSError = OSError("it was not looked up")

    def run(self) -> None:
        host, port = self._asked
        try:
            self.found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            self.found = error
        finally:
            self.ended.set()


_under_way: dict[tuple[str, int], _LookUp] = {}

# The threads of the parent process do not run in the child.
forks.in_child(_under_way.clear)
