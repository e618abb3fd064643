"""Connections to one memcached server: a pool of pymemcache clients with time limits.

pymemcache waits for ever, or anew for each packet. Here an operation as a whole has a timeout. When
one thread has waited for a while, the others do not wait as long. So a server that hangs costs one
thread its timeout, and not all of them.
"""

from __future__ import annotations

import copy
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheServerError, MemcacheUnexpectedCloseError

from wsgicache.stores.net.addresses import connected

__all__ = ["Connections", "Hung", "NotWaited"]

T = TypeVar("T")

PATIENCE = 0.06
"""The part of the timeout that all threads wait for an answer; after it only one waits, and after
twice that time new operations fail at once."""
_WAITED = "it is slow, and another thread waits for it (a longer timeout lets all wait longer)"
_RECEIVED = 65_536
_LARGE = 16_384


_ANSWERS = (b"STORED", b"NOT_STORED", b"EXISTS", b"NOT_FOUND")
"""What memcached says of a value that it was to keep."""
_Values = dict[bytes, tuple[bytes, bytes]]
"""Values and their versions, by their names."""


class NotWaited(TimeoutError):
    """Another thread waits for the server; the outcome of this operation is unknown."""


class Hung(TimeoutError):
    """The server has not answered one thread in time, nor any other meanwhile."""


class Connections:
    """A pool of copies of *template*, whose operations take *timeout* seconds at most.

    One that goes out in parts may take a little longer. Up to *idle* connections stay open.
    """

    def __init__(self, template: Client, timeout: float, idle: int) -> None:
        self._template = template
        self._idle: deque[Client] = deque()
        self._most = idle
        self._process = os.getpid()
        self._timeout = timeout
        self._turn = _Turn(timeout * PATIENCE)

    def ask(self, do: Callable[[Client], T]) -> T:
        """Return what *do* returns for a client of the pool.

        If *do* raises, the connection is closed, and the exception is raised.
        """
        if self._process != os.getpid():
            # After a fork: the parent still uses the inherited connections. Its threads, one of
            # which may have had the turn, are not in the child.
            self._process = os.getpid()
            self._turn = _Turn(self._turn.patience)
            self.close()
        if self._turn.waiting is not None:
            self._turn.join()
        try:
            client = self._idle.pop()
        except IndexError:
            return self._try(self._connected(), do)
        try:
            return self._try(client, do)
        except TimeoutError:
            raise
        except (OSError, MemcacheUnexpectedCloseError):
            # The connection was open for too long, or the server has restarted meanwhile.
            self.close()
            return self._try(self._connected(), do)

    def _try(self, client: Client, do: Callable[[Client], T]) -> T:
        turn, patient = self._turn, client.sock
        try:
            patient.begin(self._timeout)
            result = do(client)
        except BaseException:
            patient.close()
            raise
        finally:
            if turn.waiting is patient:
                turn.waiting = None
        if len(self._idle) < self._most:
            self._idle.append(client)
        else:
            patient.close()
        return result

    def _connected(self) -> Client:
        client = copy.copy(self._template)
        client.sock = None
        client.sock = _Patient(_connection(client, self._timeout), self._turn)
        return client

    def close(self) -> None:
        """Close the idle connections."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def __del__(self) -> None:
        self.close()


def _connection(client: Client, timeout: float) -> Any:
    """Return a socket to *client*'s server. Raises OSError."""
    if type(client)._connect is not Client._connect:
        client._connect()  # the user's own class knows how
        return client.sock
    sockets = client.socket_module
    if not isinstance(client.server, tuple):
        connection = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(client.server)
        except BaseException:
            connection.close()
            raise
        return connection
    host, port = client.server
    if sockets is socket:
        connection = connected(host, port, timeout)
    else:
        connection = sockets.create_connection(client.server, timeout)  # the user's own
    if client.tls_context is None:
        return connection
    try:
        return client.tls_context.wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise


class _Turn:
    """The turn of one thread to wait for longer than *patience*.

    It needs no lock: at worst two threads wait.
    """

    __slots__ = ("_others", "_since", "patience", "waiting")

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.waiting: object = None
        """The connection whose turn it is."""
        self._since = 0.0
        self._others = 0

    def join(self) -> None:
        """Begin an operation. Raises NotWaited if another one has taken too long already."""
        if monotonic() - self._since > self.patience:
            self._others += 1
            raise NotWaited(_WAITED)

    def wait(self, connection: object, ends: float) -> None:
        """Wait longer. Raises NotWaited or, after *ends*, TimeoutError."""
        now = monotonic()
        if self.waiting is None:
            self._since, self._others = now, 0
            self.waiting = connection
        if self.waiting is not connection:
            self._others += 1
            raise NotWaited(_WAITED)
        if now > ends:
            raise Hung("timed out") if self._others else TimeoutError("timed out")


class _Patient:
    """A socket that knows when its operation must end, and whose *turn* it is to wait."""

    __slots__ = ("_connection", "_ends", "_first", "_timeout", "_turn", "_waits")

    def __init__(self, connection: Any, turn: _Turn) -> None:
        self._connection = connection
        self._turn = turn
        self._timeout = self._ends = self._waits = 0.0
        self._first = True

    def _wait(self, seconds: float) -> None:
        """Set the socket's timeout to *seconds* from now."""
        self._waits = seconds
        self._connection.settimeout(seconds)

    def begin(self, timeout: float) -> None:
        """Begin an operation of *timeout* seconds at most."""
        self._timeout = timeout
        self._ends = monotonic() + timeout
        self._first = True
        if self._waits != self._turn.patience:
            self._wait(self._turn.patience)

    def sendall(self, data: bytes) -> None:
        """Send *data*. Little data is sent at once."""
        if len(data) <= _LARGE:
            self._connection.sendall(data)
            return
        self._wait(self._timeout)
        self._connection.sendall(data)
        self._wait(self._turn.patience)

    def recv(self, size: int = _RECEIVED) -> bytes:
        """Return what has come, however much pymemcache expects."""
        if not self._first:
            late = monotonic() - self._ends
            if late > self._timeout:
                raise TimeoutError("the server takes too long")
            if late > 0:
                # A server that sends byte by byte is too slow. But if this thread had to wait for
                # others, everything may have come meanwhile.
                self._wait(0.001)
        self._first = False
        while True:
            try:
                data: bytes = self._connection.recv(_RECEIVED)
                return data
            except TimeoutError:
                self._turn.wait(self, self._ends)

    def fetch(self, names: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values of *names*; any other answer of the server is an error.

        PERF: as pymemcache's ``get_many``, in half of its time, which is as long as the round trip.
        """
        self._connection.sendall(b"get %b\r\n" % b" ".join(names))
        found = self._last(*self._values(names, self.recv()))
        return {name: value for name, (value, _) in found.items()} if found else {}

    def look(self, names: Sequence[bytes]) -> _Values:
        """Return the values of *names*, each with its version."""
        self._connection.sendall(b"gets %b\r\n" % b" ".join(names))
        return self._last(*self._values(names, self.recv()))

    def settle(self, command: bytes, guards: Sequence[bytes]) -> tuple[bool, _Values]:
        """Return whether *command* stored something, and what is under *guards* after it."""
        self.sendall(b"%bgets %b\r\n" % (command, b" ".join(guards)))
        line, data = self._line(self.recv())
        if line not in _ANSWERS:
            raise _refused(line)
        return line == b"STORED", self._last(*self._values(guards, data))

    def tell(self, command: bytes) -> None:
        """Send a *command* that has no answer."""
        self._connection.sendall(command)

    def _last(self, values: _Values, data: bytes) -> _Values:
        if data:
            raise ConnectionError("the server sent more than it was asked for")
        return values

    def _line(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the first line of *data* and what comes, and the rest."""
        while (end := data.find(b"\r\n")) < 0:
            data += self._more()
        return data[:end], data[end + 2 :]

    def _values(self, names: Sequence[bytes], data: bytes) -> tuple[_Values, bytes]:
        """Return the values in *data* and what comes, which are of *names*, and the rest."""
        values: _Values = {}
        while True:
            while (end := data.find(b"\r\n")) < 0:
                data += self._more()
            line, begin = data[:end], end + 2
            if line == b"END":
                return values, data[begin:]
            if not line.startswith(b"VALUE "):
                raise _refused(line)
            _, name, _, length, *version = line.split(b" ")
            end = begin + int(length)
            if len(data) < end + 2:
                parts, have = [data], len(data)
                while have < end + 2:
                    parts.append(self._more())
                    have += len(parts[-1])
                data = b"".join(parts)
            if name not in names or data[end : end + 2] != b"\r\n":
                raise ConnectionError("the server sent something else than it was asked for")
            values[name] = data[begin:end], version[0] if version else b""
            data = data[end + 2 :]

    def _more(self) -> bytes:
        data = self.recv()
        if not data:
            raise ConnectionResetError("the server closed the connection")
        return data

    def close(self) -> None:
        """Close the socket."""
        self._connection.close()


def _refused(line: bytes) -> BaseException:
    """Return the error that a line without a value means."""
    if line.startswith(b"SERVER_ERROR"):
        error: BaseException = MemcacheServerError(line[13:].decode("ascii", "replace"))
        return error
    return ConnectionError("the server does not speak the memcached protocol")
