"""What the app makes of its environ is seen outside as it is without a cache; what the cache makes
of it is seen by the app alone."""

from __future__ import annotations

import io
import wsgiref.util
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.bodies import STREAM, WSGI, giving
from tests.conftest import MakeScene
from tests.controls.declaring import with_routes
from tests.scene import Environ, Scene, environ_for
from wsgicache import Policy, Route

ROUTES = [Route("/", query=("q",)), Route("/", cookies=("theme",))]
SEEN = ("HTTP_HOST", "QUERY_STRING", "HTTP_COOKIE", "HTTP_IF_NONE_MATCH")
"""What the cache makes of a request."""

CAPITALS = ("Host", "EXAMPLE.org:80")
COOKIES = ("Cookie", "sid=1; theme=dark; _ga=2")
TAG = ("If-None-Match", '"old"')
ASKED: dict[str, dict[str, Any]] = {
    "as it is": {},
    "by another spelling of its host": {"headers": [CAPITALS]},
    "with cookies that it shall not see": {"headers": [COOKIES]},
    "with cookies that the policy ignores": {"target": "/all", "headers": [COOKIES]},
    "with a query that it shall not see": {"target": "/?a=1&q=2"},
    "with all that": {"target": "/?a=1&q=2", "headers": [CAPITALS, COOKIES, TAG]},
    "to write": {"method": "POST", "target": "/?a=1", "headers": [CAPITALS, COOKIES]},
    "with a body, past the cache": {"body": b"x", "target": "/?a=1&q=2", "headers": [COOKIES]},
}


class Writer:
    """An app that writes into its environ at every occasion, and notes what it sees."""

    def __init__(self, kept: bool, lazy: bool) -> None:
        self.fields = [("Content-Type", "text/plain"), ("ETag", '"new"')]
        self.fields.append(("Cache-Control", "public, max-age=60" if kept else "no-store"))
        self.lazy = lazy
        self.seen: list[list[str | None]] = []

    def note(self, environ: Environ, occasion: str) -> None:
        self.seen.append([environ.get(key) for key in SEEN])
        environ[f"app.{occasion}"] = True

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if self.lazy:
            return self.stream(environ, start_response)
        self.start(environ, start_response)
        return [b"page"]

    def start(self, environ: Environ, start_response: Any) -> None:
        self.note(environ, "call")
        environ["REMOTE_USER"] = "alice"
        environ["HTTP_HOST"] = "of.the.app"
        environ["PATH_INFO"] = "/shifted"
        environ.pop("SERVER_SOFTWARE", None)
        start_response("200 OK", self.fields)

    def stream(self, environ: Environ, start_response: Any) -> Iterator[bytes]:
        self.start(environ, start_response)
        for chunk in (b"pa", b"ge"):
            yield chunk
            self.note(environ, f"after.{chunk.decode()}")


def seen_outside(app: WSGI, environ: Environ) -> list[Environ]:
    """What *environ* is after each step of a server."""
    steps = []
    body = app(environ, lambda *start: lambda data: None)
    steps.append(dict(environ))
    for _ in body:
        steps.append(dict(environ))
    getattr(body, "close", lambda: None)()
    steps.append(dict(environ))
    return steps


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("lazy", [True, False], ids=["lazy", "at once"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
def test_what_the_app_makes_of_its_environ_is_seen_outside(
    make_scene: MakeScene, kept: bool, lazy: bool, asked: str
) -> None:
    scene = make_scene(Policy(ignore_cookies=("_ga*",)), lint=False)
    app = Writer(kept, lazy)
    with_routes(scene, *ROUTES).wsgi(app)
    environ = environ_for(**ASKED[asked])
    bare = seen_outside(app, dict(environ))
    given = dict(environ)
    seen = seen_outside(scene.cache, given)
    # A lazy app is made to start at once.
    assert seen[-1] == bare[-1]
    assert seen[1:] == bare[1:]
    # On a hit there is nothing of it.
    if kept and environ["REQUEST_METHOD"] == "GET" and "CONTENT_LENGTH" not in environ:
        again = dict(environ)
        assert seen_outside(scene.cache, again)[-1] == environ
        assert scene.count == 1


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ("with all that", ["q=2", "theme=dark", None]),
        ("with a body, past the cache", ["q=2", COOKIES[1], None]),
    ],
)
def test_the_app_sees_the_same_from_its_call_to_its_end(
    make_scene: MakeScene, asked: str, seen: list[str | None], kept: bool
) -> None:
    scene = make_scene(Policy(ignore_cookies=("_ga*",)), lint=False)
    app = Writer(kept, lazy=True)
    with_routes(scene, *ROUTES).wsgi(app)
    environ = environ_for(**ASKED[asked])
    environ["wsgi.file_wrapper"] = wsgiref.util.FileWrapper  # which its body is not made with
    seen_outside(scene.cache, environ)
    assert [host for host, *_ in app.seen] == ["example.org", "of.the.app", "of.the.app"]
    assert [others for _, *others in app.seen] == [seen] * 3


def test_a_file_stays_the_servers_own(make_scene: MakeScene) -> None:
    scene = with_routes(make_scene(lint=False), *ROUTES)
    body = wsgiref.util.FileWrapper(io.BytesIO(b"file"))
    scene.wsgi(giving(body, STREAM))
    environ = environ_for(**ASKED["with all that"])
    environ["wsgi.file_wrapper"] = wsgiref.util.FileWrapper
    assert scene.cache(environ, lambda *start: lambda data: None) is body


@pytest.mark.parametrize(
    ("policy", "said", "stored"),
    [
        (Policy(), "no-cache", False),
        (Policy(), "max-age=0", False),
        (Policy(), "max-age=60", True),
        (Policy(), "stale-while-revalidate=60", True),
        (Policy(store_files=True), "no-cache", True),
        (Policy.rfc(), "no-cache", True),
    ],
)
def test_a_file_without_a_lifetime_is_not_taken_from_the_server(
    make_scene: MakeScene, policy: Policy, said: str, stored: bool
) -> None:
    scene = make_scene(policy, lint=False)
    body = wsgiref.util.FileWrapper(io.BytesIO(b"file"))
    fields = [("Content-Type", "text/plain"), ("ETag", '"1"'), ("Cache-Control", said)]
    scene.wsgi(giving(body, fields))
    environ = environ_for()
    environ["wsgi.file_wrapper"] = wsgiref.util.FileWrapper
    got = scene.cache(environ, lambda *start: lambda data: None)
    assert (got is not body) is stored
    assert b"".join(got) == b"file"
    if not stored:  # … while what the app makes itself is stored, to be validated
        scene.wsgi(giving([b"page"], fields))
        assert scene.get("/page").stored


def test_a_body_of_an_app_that_sees_all_stays_its_own(bare_scene: Scene) -> None:
    body = iter([b"page"])
    bare_scene.wsgi(giving(body, STREAM))
    assert bare_scene.cache(environ_for(), lambda *start: lambda data: None) is body


def test_the_app_sees_the_same_while_it_gives_the_rest_of_a_part(make_scene: MakeScene) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    said = [("ETag", '"v1"'), ("Cache-Control", "max-age=60"), ("Content-Type", "text/plain")]
    scene.app(206, "pa", *said, content_range="bytes 0-1/4")
    scene.get("/", range="bytes=0-1")
    seen: list[str | None] = []

    def rest(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("206 Partial Content", [*said, ("Content-Range", "bytes 2-3/4")])
        for chunk in (b"g", b"e"):
            seen.append(environ.get("HTTP_RANGE"))
            yield chunk

    scene.wsgi(rest)
    assert scene.get("/").text == "page"
    assert seen == ["bytes=2-"] * 2


@pytest.mark.parametrize("status", ["304 Not Modified", "200 OK", "500 Internal Server Error"])
@pytest.mark.parametrize("tag", ['"old"', '"other"'])
def test_what_an_app_writes_that_is_asked_to_validate(
    make_scene: MakeScene, status: str, tag: str
) -> None:
    """The second time, if it has to be asked again: as if that was the first."""
    scene = make_scene(lint=False)
    scene.app(200, "old", etag='"old"', cache_control="max-age=1, stale-if-error=60")
    scene.get("/")
    scene.after(5)
    asked: list[str | None] = []

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        asked.append(environ.get("HTTP_IF_NONE_MATCH"))
        environ["app.calls"] = environ.get("app.calls", 0) + 1
        environ[f"app.{len(asked)}"] = True
        first = len(asked) == 1
        start_response(status if first else "200 OK", [("ETag", tag), ("Content-Type", "a/b")])
        return []

    scene.wsgi(app)
    environ = environ_for(headers=[CAPITALS])
    outside = seen_outside(scene.cache, dict(environ))[-1]
    again = status.startswith("304") and tag != '"old"'
    assert asked == ['"old"', None][: 1 + again]
    assert outside == {**environ, "app.calls": 1, f"app.{len(asked)}": True}
