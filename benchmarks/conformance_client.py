"""The client of the conformance suite: it speaks HTTP/1.1 over sockets and runs the tests.

It sees what libraries hide: interim responses, repeated field lines and the exact content.
"""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from benchmarks.conformance_checks import (
    Answer,
    Fields,
    Test,
    Unmet,
    check_answer,
    check_origin,
    combined,
    leading_integer,
    require,
    target_of,
)
from benchmarks.conformance_origin import http_date

SIDE_BY_SIDE = 25
PAUSE = 3.0  # seconds after a request with pause_after
TIME_LIMIT = 10.0  # seconds of silence after which an answer is given up


# ── one exchange ──────────────────────────────────────────────────────────────────────────────


class Base(NamedTuple):
    """Where the cache under test listens."""

    host: str
    port: int


class Exchange(NamedTuple):
    """A request as it was sent, and its answer."""

    sent: bytes
    answer: Answer


def exchange(
    base: Base, method: str, target: str, fields: Fields, content: bytes = b""
) -> Exchange:
    """Send one request on a connection of its own. Raises OSError, ValueError, EOFError."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {base.host}:{base.port}"]
    lines += [f"{name}: {value}" for name, value in fields]
    if content or method in ("PUT", "POST"):
        lines.append(f"Content-Length: {len(content)}")
    sent = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + content
    with socket.create_connection(base, TIME_LIMIT) as connection:
        connection.sendall(sent)
        with connection.makefile("rb") as stream:
            return Exchange(sent, read_answer(stream, method))


def read_answer(stream: BinaryIO, method: str) -> Answer:
    interim: list[tuple[int, Fields]] = []
    while True:
        status, reason, fields = read_head(stream)
        if status >= 200 or status == 101:
            break
        interim.append((status, fields))
    empty = method == "HEAD" or status in (204, 304)
    return Answer(status, reason, fields, b"" if empty else read_content(stream, fields), interim)


def read_head(stream: BinaryIO) -> tuple[int, str, Fields]:
    version, _, rest = read_line(stream).partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"not a status line: {version} {rest}")
    status, _, reason = rest.partition(" ")
    fields: Fields = []
    while line := read_line(stream):
        name, _, value = line.partition(":")
        fields.append((name, value.strip(" \t")))
    return int(status), reason, fields


def read_line(stream: BinaryIO) -> str:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the connection ended before the answer did")
    return line.rstrip(b"\r\n").decode("latin-1")


def read_content(stream: BinaryIO, fields: Fields) -> bytes:
    """The content by its framing (RFC 9112 §6.3)."""
    coding = combined(fields, "transfer-encoding")
    length = combined(fields, "content-length")
    if coding is not None and coding.lower().endswith("chunked"):
        chunks = []
        while size := int(read_line(stream).partition(";")[0], 16):
            chunks.append(read_exactly(stream, size))
            read_line(stream)
        while read_line(stream):  # trailers
            pass
        return b"".join(chunks)
    if coding is None and length is not None:
        return read_exactly(stream, int(length))
    return stream.read()


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError(f"the content ended after {len(content)} of {size} bytes")
    return content


# ── a test, and all of them ───────────────────────────────────────────────────────────────────


@dataclass
class Trial:
    """How one test went: *outcome* is pass, fail, setup or dependency."""

    test: Test
    outcome: str = "pass"
    reason: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """required, optimal or check."""
        return str(self.test.get("kind", "required"))


def fields_of(test: Test, number: int, unique: str, before: Answer | None) -> Fields:
    """The header fields of request *number*, those of the same name joined."""
    request = test["requests"][number - 1]
    joined: dict[str, tuple[str, str]] = {}
    always = [("Pragma", "foo"), ("Cache-Control", "nothing-to-see-here")]
    own = [("Test-Name", test["name"]), ("Test-ID", unique), ("Req-Num", str(number))]
    for name, value in [*always, *request.get("request_headers", ()), *own]:
        key = name.lower()
        if key == "if-modified-since" and isinstance(value, int) and request.get("magic_ims"):
            now = leading_integer(before.field("Server-Now") if before else None) or 0
            value = http_date(now / 1000 + value, key in request.get("rfc850date", ()))
        joined[key] = (name, f"{joined[key][1]}, {value}" if key in joined else str(value))
    return list(joined.values())


def attempt(test: Test, base: Base, sleep: Callable[[float], object] = time.sleep) -> Trial:
    """Run one test, without regard to those it depends on; *sleep* lets seconds pass."""
    trial, unique = Trial(test), str(uuid.uuid4())
    requests = test["requests"]
    try:
        script = json.dumps(requests).encode()
        media_type = [("Content-Type", "application/json")]
        status = exchange(base, "PUT", f"/config/{unique}", media_type, script).answer.status
        require(status == 201, f"the origin answered {status} to the script", setup=True)
        answer = None
        for number, request in enumerate(requests, 1):
            fields = fields_of(test, number, unique, answer)
            method, body = request.get("request_method", "GET"), request.get("request_body", "")
            target = target_of(request, unique)
            trial.exchanges.append(exchange(base, method, target, fields, body.encode()))
            answer = trial.exchanges[-1].answer
            check_answer(test, number, unique, answer)
            if request.get("pause_after"):
                sleep(PAUSE)
        trial.seen = state(base, unique)
        check_origin(test, [exchanged.answer for exchanged in trial.exchanges], trial.seen)
    except Unmet as unmet:
        trial.outcome, trial.reason = "setup" if unmet.setup else "fail", str(unmet)
        trial.seen = trial.seen or state(base, unique)
    except (OSError, EOFError, ValueError) as error:
        number = len(trial.exchanges) + 1
        trial.outcome, trial.reason = "fail", f"no whole answer {number}: {error or type(error)}"
    except (KeyError, TypeError, AttributeError) as error:
        trial.outcome, trial.reason = "setup", f"the test cannot be read: {error!r}"
    return trial


def state(base: Base, unique: str) -> list[dict[str, Any]]:
    """What reached the origin; nothing if it cannot tell."""
    try:
        return list(json.loads(exchange(base, "GET", f"/state/{unique}", []).answer.content))
    except (OSError, EOFError, ValueError):
        return []


def run(
    tests: list[Test],
    base: Base,
    progress: Callable[[int], None] = lambda done: None,
    sleep: Callable[[float], object] = time.sleep,
    side_by_side: int = SIDE_BY_SIDE,
) -> list[Trial]:
    """Run *tests*, some side by side; *progress* hears how many are done. In the order of *tests*.

    Where *sleep* moves a clock that they share, tests must run one by one.
    """
    slowest_first = sorted(tests, key=lambda test: -str(test["requests"]).count("pause"))
    pool = ThreadPoolExecutor(side_by_side)
    try:
        futures = {test["id"]: pool.submit(attempt, test, base, sleep) for test in slowest_first}
        for done, _ in enumerate(as_completed(futures.values()), 1):
            progress(done)
    finally:
        pool.shutdown(cancel_futures=True)
    return list(settled([futures[test["id"]].result() for test in tests]))


def settled(trials: list[Trial]) -> Iterator[Trial]:
    """The same trials, where those that stand on one that did not pass do not pass either."""
    by_id = {trial.test["id"]: trial for trial in trials}

    def broken(trial: Trial) -> str | None:
        for name in trial.test.get("depends_on", ()):
            if name in by_id and (by_id[name].outcome != "pass" or broken(by_id[name])):
                return str(name)
        return None

    for trial, name in [(trial, broken(trial)) for trial in trials]:
        if name is not None:
            reason = f"{name} does not pass" + (f"; {trial.reason}" if trial.reason else "")
            trial.outcome, trial.reason = "dependency", reason
        yield trial
