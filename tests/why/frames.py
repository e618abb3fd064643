"""What the audited applications share: a frame for each framework, and the table of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import bottle
import falcon
import flask
from django.core import signing
from django.urls import path

from tests.why import sites
from wsgicache import CacheMiddleware, Route, cached
from wsgicache.why.audit import Audit, audit

URL = "http://example.org/p"
RELEASED: dict[str, Any] = {"routes": [Route("/p", cached(server=60), override=True)]}
"""A route that gives a page to everybody, whatever cookies they have."""

View = Callable[..., Any]
Frame = Callable[[View], Any]


def plain(view: View) -> Any:
    """*view* takes an environ; it returns content, and a status and fields if it wants."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        answer = view(environ)
        content, status, fields = answer if isinstance(answer, tuple) else (answer, 200, {})
        start_response(f"{status} Status", [("Content-Type", "text/html"), *fields.items()])
        return [content.encode()] if isinstance(content, str) else content

    return app


def in_flask(view: View) -> Any:
    app = flask.Flask(__name__, template_folder="templates")
    app.secret_key = "for tests"
    app.add_url_rule("/p", view_func=view)
    return app


def flask_login(**said: str) -> str:
    """The Cookie field of somebody whose session says so."""
    site = in_flask(lambda: "")
    signing = site.session_interface.get_signing_serializer(site)
    return f"session={signing.dumps(said)}"


def in_bottle(view: View) -> Any:
    app = bottle.Bottle()
    app.get("/p", callback=view)
    return app


def in_falcon(view: View) -> Any:
    class Page:
        def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
            resp.content_type = "text/html"
            view(req, resp)

    app = falcon.App()
    app.add_route("/p", Page())
    return app


def django_login(**said: str) -> str:
    """The Cookie field of somebody whose signed session says so, once there are settings."""
    kind = "django.contrib.sessions.backends.signed_cookies"
    signed = signing.dumps(said, key="for tests", salt=kind)
    return f"sessionid={signed}"


def without_vary(frame: Frame) -> Frame:
    """The same, but nothing of it says Vary."""

    def framed(view: View) -> Any:
        app = frame(view)

        def wrapped(environ: Any, start_response: Any) -> Iterable[bytes]:
            def start(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
                return start_response(status, [line for line in fields if line[0] != "Vary"])

            found: Iterable[bytes] = app(environ, start)
            return found

        return wrapped

    return framed


def in_django(view: View, **options: Any) -> Any:
    sites.urlpatterns[:] = [path("p", view)]
    return sites.django_handler(**options)


def fresh(app: Any) -> Any:
    """The same, but each response that says nothing of it is fresh for a minute."""

    def wrapped(environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
            names = {name.lower() for name, _ in fields}
            more = [] if "cache-control" in names else [("Cache-Control", "max-age=60")]
            return start_response(status, [*fields, *more])

        found: Iterable[bytes] = app(environ, start)
        return found

    return wrapped


class Row(NamedTuple):
    """An application, the cache in front of it, and what an audit finds, such as ``wrong header
    DNT``, or nothing."""

    view: View
    frame: Frame
    options: dict[str, Any]
    login: str | Callable[[], str]
    found: str

    def audited(self) -> Audit:
        cache = CacheMiddleware(fresh(self.frame(self.view)), **self.options)
        login = self.login if isinstance(self.login, str) else self.login()
        return audit(cache, [URL], login=login)

    def marked(self) -> set[int]:
        """The lines of the view that read, which are marked so."""
        lines, first = inspect.getsourcelines(self.view)
        return {first + n for n, line in enumerate(lines) if line.rstrip().endswith("# read")}


ROWS: list[Row] = []


def app(
    frame: Frame, found: str = "", login: str | Callable[[], str] = "", **options: Any
) -> Callable[[View], View]:
    """Put an application with this view into the table."""

    def add(view: View) -> View:
        ROWS.append(Row(view, frame, options, login, found))
        return view

    return add
