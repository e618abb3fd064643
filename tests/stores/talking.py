"""Servers that say what a test has them say, and a proxy that changes what memcached says."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from tests.running import DEADLINE
from tests.stores.servers import PLENTY, Server


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that has *serve* talk to each connection, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        # A ValueError is that of a parser which meets the end of what comes.
        with contextlib.suppress(OSError, ValueError), connection:
            serve(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        thread.join(DEADLINE)


@contextlib.contextmanager
def proxied(
    server: Server,
    dress: Callable[[socket.socket], socket.socket] = lambda connection: connection,
    answer: Callable[[list[bytes], bytes, bytes], list[bytes]] | None = None,
) -> Iterator[int]:
    """A proxy of *server*. *answer* makes of the answers to come, what was asked in one piece and
    what the server has said to it, the answers that are given now."""

    def serve(connection: socket.socket) -> None:
        held: list[bytes] = []
        with server.connection() as behind, dress(connection) as front:
            behind.settimeout(PLENTY)
            while asked := whole(front, is_command):
                said = b""
                for command in each_command(asked):
                    behind.sendall(command)
                    if not command.endswith(b" noreply\r\n"):
                        said += whole(behind, is_answer)
                if not said:
                    continue
                for part in [said] if answer is None else answer(held, asked, said):
                    if part == b"CLOSE":
                        return
                    front.sendall(part)

    with listening(serve) as port:
        yield port


def whole(connection: socket.socket, is_whole: Callable[[bytes], bool]) -> bytes:
    data = b""
    while not is_whole(data):
        chunk = connection.recv(1 << 20)
        if not chunk:
            return b""
        data += chunk
    return data


def is_command(data: bytes) -> bool:
    """Whether *data* ends with a command, and is not empty."""
    commands = list(each_command(data))
    return bool(commands) and sum(map(len, commands)) == len(data)


def each_command(data: bytes) -> Iterator[bytes]:
    """The whole commands in *data*, one after the other."""
    while data:
        line, end, rest = data.partition(b"\r\n")
        words = line.split()
        length = int(words[4]) + 2 if words and words[0] in (b"set", b"add", b"cas") else 0
        if not end or len(rest) < length:
            return
        yield data[: len(line) + 2 + length]
        data = rest[length:]


def is_answer(data: bytes) -> bool:
    if data.startswith(b"VALUE"):
        line, _, rest = data.partition(b"\r\n")
        length = int(line.split()[3]) + 2
        return len(rest) > length and is_answer(rest[length:])
    return data.endswith(b"\r\n")
