"""The matrix's clients: http.client, and where bytes matter a socket with a strict reader."""

from __future__ import annotations

import http.client
import select
import socket
from collections.abc import Iterable
from io import BufferedReader
from typing import NamedTuple

from tests.running import DEADLINE

Field = tuple[str, str]


class Reply(NamedTuple):
    """A response as it came over the wire."""

    version: str
    status: int
    fields: list[Field]
    body: bytes
    complete: bool = True

    def all(self, name: str) -> list[str]:
        """The values of the field's lines."""
        return [value for line, value in self.fields if line.lower() == name.lower()]

    def field(self, name: str) -> str | None:
        """The field's value, None without a line; more than one line is an error of the test."""
        lines = self.all(name)
        assert len(lines) <= 1, f"{len(lines)} lines of {name}: {lines}"
        return lines[0] if lines else None

    @property
    def cookie(self) -> str:
        """What a browser would send back of the cookies set here."""
        return "; ".join(line.partition(";")[0] for line in self.all("Set-Cookie"))

    @property
    def cache_status(self) -> str:
        return self.field("Cache-Status") or ""

    @property
    def hit(self) -> bool:
        return "; hit" in self.cache_status

    @property
    def served(self) -> str | None:
        """The number of the app's call that made this response."""
        return self.field("X-Served")


def fetch(
    port: int, method: str, target: str, fields: Iterable[Field], body: bytes | None = None
) -> Reply:
    """One request on a connection of its own, by http.client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        complete = True
        try:
            content = response.read()
        except http.client.IncompleteRead as error:
            content, complete = error.partial, False
        except ConnectionError:
            content, complete = b"", False
        version = {10: "HTTP/1.0", 11: "HTTP/1.1"}[response.version]
        return Reply(version, response.status, response.getheaders(), content, complete)
    finally:
        connection.close()


class Wire:
    """A connection by hand: bytes out, and replies read without a byte too many."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self._file: BufferedReader = self._socket.makefile("rb")

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, *lines: str, body: bytes = b"") -> None:
        """A request's lines without their ends, and what follows the empty line."""
        self._socket.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode() + body)

    def send_bytes(self, data: bytes) -> None:
        self._socket.sendall(data)

    def line(self) -> str:
        line = self._file.readline(65536)
        assert line.endswith(b"\r\n"), f"not a line: {line!r}"
        return line[:-2].decode("latin-1")

    def head(self) -> Reply:
        """The status line and the fields; the body is not read."""
        version, status, *_ = self.line().split(" ", 2)
        assert version in ("HTTP/1.0", "HTTP/1.1"), version
        fields = []
        while line := self.line():
            name, colon, value = line.partition(":")
            assert colon
            assert name == name.strip(), line
            fields.append((name, value.strip(" \t")))
        return Reply(version, int(status), fields, b"")

    def reply(self, method: str = "GET") -> Reply:
        """The final response, whole; its body is framed as RFC 9112 §6.3 has it."""
        while (head := self.head()).status < 200:
            assert head.status == 100
            assert not head.fields
        length, coding = head.field("Content-Length"), head.field("Transfer-Encoding")
        if method == "HEAD" or head.status in (204, 304):
            body = b""
        elif coding is not None:
            assert length is None, "Content-Length beside Transfer-Encoding"
            assert coding.lower() == "chunked", coding
            body = b"".join(self.chunks())
        elif length is not None:
            body = self.read(int(length))
        else:
            body = self._file.read()
        return head._replace(body=body)

    def chunks(self) -> Iterable[bytes]:
        while size := int(self.line().partition(";")[0], 16):
            yield self.read(size)
            assert self.line() == ""
        assert self.line() == ""

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        assert len(data) == size, f"{len(data)} of {size} bytes"
        return data

    def read_until(self, end: bytes) -> bytes:
        """As much as has to come until *end* is in it."""
        data = b""
        while end not in data:
            piece = self._file.read1(65536)
            assert piece, f"the connection ended before {end!r}: {data!r}"
            data += piece
        return data

    def rest(self) -> bytes:
        """Everything until the server closes; the client has closed its half."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
            return self._file.read()
        except OSError:  # it is closed already
            return b""

    def ended(self) -> bool:
        """Whether the server closes before it sends another byte; waits for either."""
        try:
            return not self._file.peek(1)
        except ConnectionError:
            return True

    def wait(self, seconds: float) -> bool:
        """Whether something comes within so many seconds; nothing was read ahead."""
        return bool(select.select([self._socket], [], [], seconds)[0])
