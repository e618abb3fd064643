"""The site that browsers are measured with: each response says what its row says.

It counts what is asked of it, and answers conditions.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from werkzeug.http import http_date
from werkzeug.serving import WSGIRequestHandler, make_server

Fields = list[tuple[str, str]]
UNITS = {"s": 1, "h": 3600, "d": 86400}
TIME = re.compile(r"([+-]\d+)([shd])")
PAGE = """<!doctype html><title>{title}</title><link rel=icon href=data:,>
<p id=who>{who}</p> <a id=go href="{link}">go</a> {more}
<script>
addEventListener("pagehide", () => {{ delete window.shown; }});
addEventListener("pageshow", event => {{ window.shown = event.persisted ? "kept" : "made"; }});
</script>"""
HANDLERS = {
    "unload": "<script>addEventListener('unload', () => {});</script>",
    "beforeunload": "<script>addEventListener('beforeunload', () => {});</script>",
    "EventSource": "<script>window.source = new EventSource('stream');</script>",
    "part": "<script src=part></script>",
}


class Row:
    """What a response says, line by line, and what else happens."""

    def __init__(self, said: str) -> None:
        self.said = said
        said, _, self.event = said.partition("; meanwhile ")
        said, _, self.handler = said.partition("; with ")
        self.lines = [] if said == "nothing" else said.split(" | ")

    def status(self) -> str:
        """The status line."""
        first = self.lines[0] if self.lines else ""
        return first if first[:1].isdigit() else "200 OK"

    def fields(self, now: float, age: str = "") -> Fields:
        """The fields of the response, made *now*; those without a name are Cache-Control."""
        found = [("Date", http_date(now))]
        for line in self.lines:
            name, colon, value = line.partition(": ")
            if name[:1].isdigit():
                continue
            if not colon:
                name, value = "Cache-Control", line
            if match := TIME.fullmatch(value):
                value = http_date(now + int(match[1]) * UNITS[match[2]])
            found.append((name, value))
        if age:
            found = [("Age", age), *(line for line in found if line[0] != "Age")]
        return found


class Site:
    """Pages at ``/RUN/KIND``; *row* says what those of a run say."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.asked: dict[str, list[str]] = defaultdict(list)
        """How each path was asked for: ``checks`` with conditions, or ``asks``."""
        self._lock = threading.Lock()
        self._over = threading.Event()

    def close(self) -> None:
        """End what goes on."""
        self._over.set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        _, run, kind = path.split("/") if path.count("/") == 2 else ("", "", path)
        if run not in self.rows:  # such as /favicon.ico
            start_response("404 Not Found", [])
            return []
        conditions = "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"
        checks = any(name in environ for name in conditions)
        with self._lock:
            asked = self.asked[f"{path}?{query}" if query else path]
            if kind != "count":
                asked.append("checks" if checks else "asks")
        html, row = ("Content-Type", "text/html; charset=utf-8"), self.rows[run]
        if kind == "count":
            start_response("200 OK", [("Cache-Control", "no-store")])
            return [str(len(self.asked[f"/{run}/probe?{query}"])).encode()]
        if kind == "stream":
            start_response("200 OK", [("Content-Type", "text/event-stream")])
            return self._stream()
        if kind in ("home", "login", "logout", "changed"):
            start_response("200 OK", [html, ("Cache-Control", "no-store"), *self._about(kind, run)])
            page = PAGE.format(title="home", who="", link="doc", more="")
            return [page.encode()]
        age = parse_qs(query).get("age", [""])[0]
        fields = row.fields(time.time(), age)
        if checks and kind != "probe":
            start_response("304 Not Modified", fields)
            return []
        if kind == "probe":
            start_response(row.status(), fields)
            return [str(len(asked)).encode()]
        if kind == "part":
            start_response(row.status(), [("Content-Type", "text/javascript"), *fields])
            return [b""]
        start_response(row.status(), [html, *fields])
        who = "hers" if "who=alice" in environ.get("HTTP_COOKIE", "") else "nobody"
        handler = HANDLERS.get("part" if kind == "whole" else row.handler, "")
        return [PAGE.format(title="doc", who=who, link="home", more=handler).encode()]

    def _about(self, kind: str, run: str) -> Fields:
        event = self.rows[run].event
        if kind == "login":
            return [("Set-Cookie", "who=alice; Path=/; HttpOnly")]
        if kind == "changed":
            return [("Set-Cookie", f"n={time.time_ns()}; Path=/; HttpOnly")]
        if kind == "logout":
            clearing = re.search(r"Clear-Site-Data: (.*)", event)
            fields = [("Set-Cookie", "who=; Path=/; Max-Age=0; HttpOnly")]
            return [*fields, ("Clear-Site-Data", clearing[1])] if clearing else fields
        return []

    def _stream(self) -> Iterator[bytes]:
        while not self._over.wait(0.1):
            yield b": more\n\n"


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args: Any) -> None:
        """Nothing."""


@contextmanager
def served(site: Site) -> Iterator[str]:
    """The site on a server of its own; its URL."""
    server = make_server("127.0.0.1", 0, site, threaded=True, request_handler=Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        site.close()
        server.shutdown()
        thread.join()
        server.server_close()
