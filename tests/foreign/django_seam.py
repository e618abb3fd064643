"""Run Django's own tests with each of their clients and servers behind a cache.

It is copied to a place of its own, and run there by the Python of Django's tests:
``python django_seam.py REPORT 0|1 LABEL…``, where 1 puts the caches in.
"""

from __future__ import annotations

import json
import runpy
import sys
import traceback
import unittest
from collections import Counter
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

from wsgicache import CacheMiddleware, MemoryStore, Policy
from wsgicache.rules.keys import target_key

BOX = "wsgicache_tests.box"
"""The environ key under which a client finds the responses that Django made for it."""
counts: Counter[str] = Counter()
unlike: list[str] = []
"""Hits that are not like the answer that was stored."""


def cached(app: Any) -> CacheMiddleware:
    """*app* behind a cache of its own, which tells nothing to clients."""
    return CacheMiddleware(app, store=MemoryStore(), policy=Policy.django(cache_status=False))


class Handled:
    """The handler of one of Django's test clients, as an application."""

    def __init__(self, handle: Callable[[Any], Any]) -> None:
        self._handle = handle

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        box = environ[BOX]
        if box is None:
            start_response("599 Not Stored", [])
            return []
        counts["asked"] += 1
        response = self._handle(environ)
        box.append(response)
        fields = list(response.items())
        fields += [("Set-Cookie", one.OutputString()) for one in response.cookies.values()]
        start_response(f"{response.status_code} {response.reason_phrase}", fields)
        if response.streaming:
            return [] if response.is_async else response.streaming_content
        return [response.content]


def asked(cache: CacheMiddleware, environ: Any) -> tuple[str, list[tuple[str, str]], Any]:
    """What *cache* answers; the body is not read."""
    head: list[Any] = []

    def start_response(status: str, fields: Any, exc_info: Any = None) -> Callable[[bytes], None]:
        head[:] = [status, fields]
        return lambda data: None

    body = cache(environ, start_response)
    return head[0], head[1], body


def read(body: Any) -> bytes:
    """The whole of *body*, which is closed."""
    try:
        return b"".join(body)
    finally:
        getattr(body, "close", int)()


def through(handler: Any, environ: Any, handle: Callable[..., Any]) -> Any:
    """The response that a test client gets through the cache of its *handler*."""
    if not environ.get("HTTP_COOKIE"):  # no browser sends an empty one
        environ.pop("HTTP_COOKIE", None)
    held = vars(handler)
    if "cache_of_tests" not in held:
        held["cache_of_tests"] = cached(Handled(lambda environ: handle(handler, environ)))
    cache = held["cache_of_tests"]
    box: list[Any] = []
    counts["requests"] += 1
    environ = {**environ, BOX: box, "wsgi.multiprocess": False}
    again = {**environ, BOX: None, "wsgi.input": BytesIO()}
    status, fields, body = asked(cache, environ)
    if box and box[-1].streaming and status[:3] == str(box[-1].status_code):
        if not box[-1].is_async:
            put_into(box[-1], status, fields)
            box[-1].streaming_content = body
        return box[-1]
    content = read(body)
    if not box:
        counts["hits"] += 1
        return answered_by_the_cache(environ, status, fields, content)
    response = box[-1]
    if status[:3] == str(response.status_code):
        put_into(response, status, fields)
        if content != response.content:
            response.content = content
    else:
        response = answered_by_the_cache(environ, status, fields, content)
    ask_again(cache, again, (status, fields, content))
    return response


def put_into(response: Any, status: str, fields: list[tuple[str, str]]) -> None:
    """Change *response*, which Django made, into what the cache says."""
    code, _, reason = status.partition(" ")
    response.status_code, response.reason_phrase = int(code), reason
    given = {name.lower(): (name, value) for name, value in fields}
    for name in [name for name in response.headers if name.lower() not in given]:
        del response[name]
    for name, value in given.values():
        if name.lower() != "set-cookie" and response.get(name) != value:
            response[name] = value
    lines = {value for name, value in fields if name.lower() == "set-cookie"}
    for key in [key for key, one in response.cookies.items() if one.OutputString() not in lines]:
        del response.cookies[key]


def answered_by_the_cache(environ: Any, status: str, fields: Any, content: bytes) -> Any:
    """A response of the cache as one of Django's."""
    from django.core.handlers.wsgi import WSGIRequest
    from django.http import HttpResponse, HttpResponseNotModified

    response: Any = HttpResponseNotModified() if status[:3] == "304" else HttpResponse(content)
    for name in list(response.headers):
        del response[name]
    put_into(response, status, [])
    for name, value in fields:
        if name.lower() == "set-cookie":
            response.cookies.load(value)
        else:
            response[name] = value
    response.wsgi_request = WSGIRequest(environ)
    return response


def ask_again(cache: CacheMiddleware, environ: Any, first: tuple[str, Any, bytes]) -> None:
    """If the answer was stored, compare the hit with it."""
    key = target_key(environ)
    entry = None if key is None or environ["REQUEST_METHOD"] != "GET" else cache.store.get(key)
    if entry is None or not entry.responses:
        return
    status, fields, body = asked(cache, environ)
    content = read(body)
    if status.startswith("599"):
        return
    counts["stored"] += 1
    own = {"age", "date", "etag", "last-modified"}
    both = first[1], fields
    one, other = (sorted(f for f in given if f[0].lower() not in own) for given in both)
    if (status, content, other) != (first[0], first[2], one):
        unlike.append(f"{environ['PATH_INFO']}: {first[0]} {one}, then {status} {other}")


def put_caches() -> None:
    """Put a cache into each test client, each server, and each application of ``wsgi.py``."""
    from wsgiref.simple_server import WSGIServer as Server

    from django.core import wsgi
    from django.core.servers.basehttp import WSGIServer
    from django.test.client import ClientHandler

    handlers: Any = ClientHandler
    making: Any = wsgi
    servers: Any = WSGIServer
    handle, make = handlers.__call__, making.get_wsgi_application
    handlers.__call__ = lambda handler, environ: through(handler, environ, handle)
    making.get_wsgi_application = lambda: cached(make())
    servers.set_app = lambda server, app: Server.set_app(server, cached(app))


def said(error: tuple[Any, BaseException, Any]) -> str:
    """The end of a traceback."""
    return "".join(traceback.format_exception(error[1]))[-1000:]


def recording(found: dict[str, str]) -> type[unittest.TextTestResult]:
    """The class of results that notes in *found* how each test ended."""

    class Recording(unittest.TextTestResult):
        def startTest(self, test: Any) -> None:
            found[test.id()] = "passed"
            super().startTest(test)

        def addSkip(self, test: Any, reason: str) -> None:
            found[test.id()] = "skipped"
            super().addSkip(test, reason)

        def addError(self, test: Any, err: Any) -> None:
            found[test.id()] = f"error: {said(err)}"
            super().addError(test, err)

        def addFailure(self, test: Any, err: Any) -> None:
            found[test.id()] = f"failure: {said(err)}"
            super().addFailure(test, err)

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
            if err is not None:
                found[test.id()] = f"failure: {said(err)}"
            super().addSubTest(test, subtest, err)

    return Recording


def main(report: str, behind: str, *labels: str) -> None:
    """Run the tests of *labels*, and write into *report* how they ended."""
    from django.test.runner import DiscoverRunner

    found: dict[str, str] = {}
    result_class = recording(found)
    runners: Any = DiscoverRunner
    runners.get_resultclass = lambda runner: result_class
    if behind == "1":
        put_caches()
    sys.argv = ["runtests.py", "--parallel", "1", "--noinput", *labels]
    sys.path.insert(0, str(Path.cwd()))
    try:
        runpy.run_path("runtests.py", run_name="__main__")
    finally:
        result = {"found": found, "counts": counts, "unlike": unlike}
        Path(report).write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
