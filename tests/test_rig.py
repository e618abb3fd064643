"""The proxy, the threads and the refusals of the rig do what they say, or the tests that use them
mean nothing."""

from __future__ import annotations

import re
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from benchmarks.servers import free_port
from tests import running
from tests.rig.gates import Gate, together
from tests.rig.proxy import Proxy
from tests.running import DEADLINE


class Echo(socketserver.BaseRequestHandler):
    """Says what it gets."""

    def handle(self) -> None:
        with suppress(OSError):  # from a client that has gone
            while data := self.request.recv(1000):
                self.request.sendall(data)


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """The port of an echo."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def echo(server: int) -> Iterator[Proxy]:
    with Proxy(server) as proxy:
        yield proxy


class Line:
    """A connection of questions and answers."""

    def __init__(self, proxy: Proxy, lines: ExitStack) -> None:
        self.socket = lines.enter_context(socket.socket())
        self.socket.settimeout(DEADLINE)
        with suppress(ConnectionError):  # the proxy may refuse
            self.socket.connect(("127.0.0.1", proxy.port))

    def ask(self, data: bytes, size: int | None = None) -> bytes:
        """The answer, *size* bytes of it (as many as were sent); less, where the connection
        ends."""
        answer = b""
        size = len(data) if size is None else size
        with suppress(OSError):
            self.socket.sendall(data)
            while len(answer) < size and (more := self.socket.recv(size - len(answer))):
                answer += more
        return answer


@pytest.fixture
def lines(echo: Proxy) -> Iterator[tuple[Line, Line]]:
    """Two connections that have worked."""
    with ExitStack() as stack:
        both = Line(echo, stack), Line(echo, stack)
        assert [line.ask(b"one") for line in both] == [b"one"] * 2
        yield both


def test_healthy(echo: Proxy, lines: tuple[Line, Line]) -> None:
    assert echo.connections == 2
    assert echo.requests == 2


@pytest.mark.parametrize("fault", ["delay", "drip"])
def test_slow(fault: str, echo: Proxy, lines: tuple[Line, Line]) -> None:
    setattr(echo, fault, 0.001)
    assert lines[0].ask(b"two") == b"two"


def test_double_and_reset_when_healed(echo: Proxy, lines: tuple[Line, Line]) -> None:
    echo.double = True
    assert lines[0].ask(b"three", 10) == b"threethree"
    echo.heal()
    assert lines[0].ask(b"x") == b"", "it is out of step"


def test_shift(echo: Proxy, lines: tuple[Line, Line]) -> None:
    echo.shift = b"END\r\n"
    answers = [lines[0].ask(b"a", 5), lines[0].ask(b"b"), lines[0].ask(b"c")]
    assert answers == [b"END\r\n", b"a", b"b"]


def test_swap(echo: Proxy, lines: tuple[Line, Line]) -> None:
    """What is late goes to whoever asks next."""
    echo.shift, echo.swap = b"END\r\n", True
    assert [lines[0].ask(b"a", 5), lines[1].ask(b"b")] == [b"END\r\n", b"a"]


def test_cut(echo: Proxy, lines: tuple[Line, Line]) -> None:
    echo.cut = 2
    assert lines[0].ask(b"four") == b"fo"


def test_refuse(echo: Proxy) -> None:
    echo.refuse = True
    with ExitStack() as stack:
        assert Line(echo, stack).ask(b"five") == b""


def test_hang(echo: Proxy, lines: tuple[Line, Line]) -> None:
    echo.hang()
    line = lines[0].socket
    line.sendall(b"six")
    line.settimeout(0.05)
    with pytest.raises(TimeoutError):
        line.recv(10)
    echo.heal()
    line.settimeout(DEADLINE)
    assert line.recv(10) == b"six"


def test_reset(echo: Proxy, lines: tuple[Line, Line]) -> None:
    echo.reset()
    assert lines[0].ask(b"seven") == b""


# ── threads together ─────────────────────────────────────────────────────────────────────────────


def test_who_raises_or_hangs_is_noticed() -> None:
    numbers: list[int] = []
    together(3, numbers.append)
    assert sorted(numbers) == [0, 1, 2]

    def odd(number: int) -> None:
        if number == 1:
            raise LookupError("told to")

    with pytest.raises(LookupError, match="told to"):
        together(3, odd)
    shut = Gate()
    try:
        with pytest.raises(AssertionError, match="hangs"):
            together(2, shut, longest=0)
    finally:
        shut.open()


# ── ports ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(sys.platform != "linux", reason="a port is held on Linux only")
def test_a_free_port_is_given_to_nobody_else() -> None:
    """But a server may listen there, end, and listen again."""
    port = free_port()
    for _ in range(2):
        with socket.socket() as other, pytest.raises(OSError, match="already in use"):
            other.bind(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)):
            socket.create_connection(("127.0.0.1", port), DEADLINE).close()


# ── what tests are called ────────────────────────────────────────────────────────────────────────


def test_a_test_is_called_by_words(request: pytest.FixtureRequest) -> None:
    """What it shows, and not by its number in some list."""
    numbered = re.compile(r"_[a-z][0-9]{1,2}[a-z]?(?=[_\[]|$)|\[[A-Z][0-9]{1,2}-(?!FIFO)")
    assert [item.nodeid for item in request.session.items if numbered.search(item.name)] == []


# ── what is absent ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("required", "optional", "outcome"),
    [
        (False, False, pytest.skip.Exception),
        (True, False, pytest.fail.Exception),
        (True, True, pytest.skip.Exception),
    ],
)
def test_what_is_absent_fails_where_it_is_required(
    monkeypatch: pytest.MonkeyPatch, required: bool, optional: bool, outcome: type[BaseException]
) -> None:
    monkeypatch.setattr(running, "REQUIRED", required)
    with pytest.raises(outcome, match="no such thing"):
        running.refuse("no such thing", optional)
    if not optional:
        with pytest.raises(outcome, match="no-such-program is not installed"):
            running.binary("no-such-program")
        with pytest.raises(outcome, match="no_such_module is not installed"):
            running.module("no_such_module")
