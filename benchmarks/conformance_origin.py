"""The origin of the conformance suite, as a WSGI application.

A client PUTs the script of a test to ``/config/U``, asks ``/test/U`` as often as the script has
requests, and reads at ``/state/U`` what reached the origin. U is an identifier of its choice.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from benchmarks.servers import Disconnected

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

DATES = frozenset({"date", "expires", "last-modified", "if-modified-since", "if-unmodified-since"})
LOCATIONS = frozenset({"location", "content-location"})


def http_date(moment: float, obsolete: bool = False) -> str:
    """The HTTP date of *moment*, or its obsolete RFC 850 form (RFC 9110 §5.6.7)."""
    if obsolete:
        return time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(moment))
    return formatdate(moment, usegmt=True)


def located(value: str, target: str) -> str:
    """A Location relative to the request *target* (path and query) that is being answered."""
    return f"{target}/{value}" if value else target


class Script:
    """One test at the origin: how to answer each request, and what was asked."""

    def __init__(self, requests: list[dict[str, Any]]) -> None:
        self.requests = requests
        self.seen: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def stamp(self, number: int, now: float) -> list[list[Any]]:
        """The fields of answer *number*; dates given as numbers are fixed at their first use."""
        request = self.requests[number - 1]
        fields: list[list[Any]] = request.get("response_headers", [])
        for field in fields:
            name = field[0].lower()
            if name in DATES and isinstance(field[1], int):
                field[1] = http_date(now + field[1], name in request.get("rfc850date", ()))
        return fields

    def unchanged(self, number: int, environ: WSGIEnvironment, now: float) -> bool:
        """Whether the request is conditional on a validator of the answer before."""
        if number < 2:
            return False
        validators = {field[0].lower(): field[1] for field in self.stamp(number - 1, now)}
        return any(
            name in validators and environ.get(key) == validators[name]
            for name, key in (
                ("etag", "HTTP_IF_NONE_MATCH"),
                ("last-modified", "HTTP_IF_MODIFIED_SINCE"),
            )
        )


class Origin:
    """The origin server of the suite: answers as the scripts that it was given say.

    It takes its time from *wall*, and pauses by *sleep*.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.scripts: dict[str, Script] = {}
        self.wall, self.sleep = wall, sleep

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        content = read_content(environ)
        room, unique = (*environ["PATH_INFO"].split("/")[1:3], "", "")[:2]
        if room == "config" and environ["REQUEST_METHOD"] == "PUT":
            self.scripts[unique] = Script(json.loads(content))
            return reply(start_response, "201 Created", "text/plain", b"")
        script = self.scripts.get(unique)
        if script is None:
            return reply(start_response, "404 Not Found", "text/plain", b"no such test")
        if room == "state":
            seen = json.dumps(script.seen).encode()
            return reply(start_response, "200 OK", "application/json", seen)
        return self.answer(script, unique, environ, start_response)

    def answer(
        self,
        script: Script,
        unique: str,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        number = int(environ["HTTP_REQ_NUM"])
        request = script.requests[number - 1]
        self.sleep(request.get("response_pause", 0))
        now = self.wall()
        query = environ.get("QUERY_STRING")
        target = environ["PATH_INFO"] + (f"?{query}" if query else "")
        kept: list[tuple[str, str]] = []
        fields: list[tuple[str, str]] = []
        for name, value, *rest in script.stamp(number, now):
            if request.get("magic_locations") and name.lower() in LOCATIONS:
                value = located(value, target)
            fields.append((name, value))
            if rest in ([], [True]):
                kept.append((name, value))
        record = {
            "request_num": number,
            "method": environ["REQUEST_METHOD"],
            "headers": dict(request_fields(environ)),
            "response_headers": kept,
            "target": target,
        }
        with script.lock:
            script.seen.append(record)
            numbers = [seen["request_num"] for seen in script.seen]
        if request.get("disconnect"):
            record["status"] = "(disconnected)"
            raise Disconnected
        status = "{} {}".format(*request.get("response_status", (200, "OK")))
        if request.get("expected_type", "").endswith("validated"):
            unchanged = script.unchanged(number, environ, now)
            status = "304 Not Modified" if unchanged else "999 304 Not Generated"
        fields += [
            ("Server-Base-Url", target),
            ("Server-Request-Count", str(len(numbers))),
            ("Client-Request-Count", str(number)),
            ("Server-Now", str(int(now * 1000))),
            ("Request-Numbers", " ".join(map(str, numbers))),
        ]
        names = {name.lower(): value for name, value in fields}
        if "content-type" not in names:
            fields.append(("Content-Type", "text/plain"))
        record |= {"status": status, "sent": fields}
        if "wsgi.early_hints" in environ:
            for code, hints in request.get("interim_responses", ()):
                if code == 103:  # WSGI has no door for any other
                    environ["wsgi.early_hints"]([(name, value) for name, value in hints])
        start_response(status, fields)
        if environ["REQUEST_METHOD"] == "HEAD" or status[:3] in ("204", "304"):
            return []
        body = request.get("response_body")
        content = (unique if body is None else body).encode()
        return [content[: int(names.get("content-length", len(content)))]]


def reply(
    start_response: StartResponse, status: str, media_type: str, content: bytes
) -> Iterable[bytes]:
    """An answer of the origin's own, which no cache may keep."""
    fields = [("Content-Type", media_type), ("Content-Length", str(len(content)))]
    start_response(status, [*fields, ("Cache-Control", "no-store")])
    return [content]


def read_content(environ: WSGIEnvironment) -> bytes:
    """The whole content of a request, chunked or not."""
    if environ.get("CONTENT_LENGTH"):
        return bytes(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    return bytes(environ["wsgi.input"].read()) if "HTTP_TRANSFER_ENCODING" in environ else b""


def request_fields(environ: WSGIEnvironment) -> Iterator[tuple[str, str]]:
    """The header fields of a request, names in lower case."""
    for key, value in environ.items():
        if key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            yield key.removeprefix("HTTP_").replace("_", "-").lower(), value


def rfc() -> WSGIApplication:
    """A fresh origin behind wsgicache with ``Policy.rfc()``."""
    from wsgicache import CacheMiddleware, Policy  # imported here: other caches do without it

    return CacheMiddleware(Origin(), policy=Policy.rfc())


def safe() -> WSGIApplication:
    """A fresh origin behind wsgicache with ``Policy()``."""
    from wsgicache import CacheMiddleware, Policy

    return CacheMiddleware(Origin(), policy=Policy())


def bare() -> WSGIApplication:
    """A fresh origin without a cache."""
    return Origin()
