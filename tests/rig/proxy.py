"""A TCP proxy on the loopback that does to a store's replies what networks do, and worse."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType

from tests.running import DEADLINE

_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Passes bytes to and from *target*, a port of this machine, healthy until told otherwise.

    The faults are attributes, to be changed at any time; one piece is what came at once, which on
    the loopback is one reply of a protocol of questions and answers.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._healed = threading.Event()
        self._healed.set()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._common: deque[bytes] = deque()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        """How many were accepted."""
        self.requests = 0
        """How many pieces clients have sent."""
        self.delay = 0.0
        """Seconds before each piece of a reply goes on."""
        self.drip = 0.0
        """Seconds between the single bytes of a reply."""
        self.cut: int | None = None
        """Bytes of a reply after which its connection is reset."""
        self.shift: bytes | None = None
        """What is put before the first reply: every later one then comes one too late."""
        self.swap = False
        """Whether replies that are late go to whatever connection is next."""
        self.double = False
        """Whether every reply comes twice."""
        self.refuse = False
        """Whether connections are reset as soon as they are made."""
        self._start(self._accept)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._healed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "the proxy hangs"

    def hang(self) -> None:
        """No reply goes on until `heal`."""
        self._healed.clear()

    def heal(self) -> None:
        """No faults from now on; connections that are out of step are reset."""
        broken = self.shift is not None or self.swap or self.double
        self.delay = self.drip = 0.0
        self.cut = self.shift = None
        self.swap = self.double = self.refuse = False
        self._common.clear()
        self._healed.set()
        if broken:
            self.reset()

    def reset(self) -> None:
        """Reset every connection."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.shutdown(socket.SHUT_RDWR)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                if self.refuse:
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                client.close()
                continue
            for connection in (client, server):
                connection.settimeout(None)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, server}
            self._start(self._ask, client, server)
            self._start(self._reply, server, client)

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what the client says, until either side has gone or was reset."""
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                self.requests += 1
                server.sendall(piece)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _reply(self, server: socket.socket, client: socket.socket) -> None:
        """Pass on what the server replies, or what the faults make of it, for as long."""
        late: deque[bytes] | None = None
        with contextlib.suppress(OSError):
            while piece := server.recv(65536):
                self._healed.wait()
                if self.delay:
                    self._ended.wait(self.delay)
                if self.double:
                    piece += piece
                if self.shift is not None:
                    if late is None:
                        late = self._common if self.swap else deque()
                        late.append(self.shift)
                    late.append(piece)
                    piece = late.popleft()
                if self.cut is not None:
                    client.sendall(piece[: self.cut])
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    break
                if self.drip:
                    for place in range(len(piece)):
                        client.sendall(piece[place : place + 1])
                        if self._ended.wait(self.drip):
                            break
                else:
                    client.sendall(piece)
        for connection in (client, server):
            with self._lock:
                self._open.discard(connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
