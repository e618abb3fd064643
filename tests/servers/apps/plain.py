"""No framework: an app as PEP 3333 draws it, with the ways to answer that frameworks hide."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from werkzeug.wsgi import wrap_file

from tests.servers import views
from tests.servers.views import FRESH, LINES, VIEWS, Answer, served, text

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]


def read_body(environ: Environ) -> bytes:
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def query(environ: Environ) -> str:
    return environ.get("QUERY_STRING", "")


def login(environ: Environ) -> Answer:
    name = parse_qs(read_body(environ).decode())["name"][0]
    return text(b"welcome", *(("Set-Cookie", f"{key}={name}; Path=/") for key in ("name", "nick")))


def cookie(environ: Environ, key: str) -> bytes:
    cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
    return cookies[key].value.encode() if key in cookies else b"nobody"


def me(environ: Environ) -> Answer:
    return text(b"hello " + cookie(environ, "name"), FRESH, ("Vary", "Cookie"))


def peek(environ: Environ) -> Answer:
    return text(b"seen " + cookie(environ, "nick"), FRESH)


def form(environ: Environ) -> Answer:
    return text(b"a form without a token", FRESH)


def counter(environ: Environ) -> Answer:
    if environ["REQUEST_METHOD"] == "POST":
        return views.raised(query(environ))
    return views.counted(query(environ))


def upload(environ: Environ) -> Answer:
    return views.received(read_body(environ))


def download(environ: Environ) -> Answer:
    path = views.FILES / "download.bin"
    length = ("Content-Length", str(path.stat().st_size))
    control = ("Cache-Control", "no-store") if query(environ) == "no-store" else FRESH
    body = wrap_file(environ, path.open("rb"))
    return Answer(body, [("Content-Type", "application/octet-stream"), length, control, served()])


OWN: dict[str, Callable[[Environ], Answer]] = {
    "/login": login,
    "/me": me,
    "/peek": peek,
    "/form": form,
    "/counter": counter,
    "/upload": upload,
    "/download": download,
    "/static/download.bin": download,
}


def write(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    send = start_response("200 OK", [("Content-Type", "text/plain"), FRESH, served()])
    send(b"written, ")
    send(b"written again, ")
    return [b"returned"]


def lazy(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), FRESH, served()])
    yield b""
    yield from LINES


def replaced(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    fields = [("Content-Type", "text/plain"), FRESH, served()]
    start_response("200 OK", fields)
    try:
        raise LookupError("before the first byte")
    except LookupError:
        start_response("404 Not Found", fields, sys.exc_info())
    return [b"replaced"]


WHOLE = {"/write": write, "/lazy": lazy, "/replaced": replaced}


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if whole := WHOLE.get(path):
        return whole(environ, start_response)
    if own := OWN.get(path):
        answer = own(environ)
    elif view := VIEWS.get(path):
        answer = view(lambda name: environ.get("HTTP_" + name.upper().replace("-", "_"), ""))
    else:
        answer = text(b"no such page", status=404)
    body, fields, status = answer
    if isinstance(body, bytes):
        fields = [*fields, ("Content-Length", str(len(body)))]
        body = [body]
    start_response(f"{status} {HTTPStatus(status).phrase}", fields)
    if environ["REQUEST_METHOD"] == "HEAD":
        if hasattr(body, "close"):
            body.close()
        return ()
    return body
