"""Flask with its sessions and its static files."""

from __future__ import annotations

from collections.abc import Callable

import flask
from flask import Flask, Response, request, session

from tests.servers import views
from tests.servers.views import FRESH, VIEWS, Answer, RequestField, served

flask_app = Flask(__name__, static_folder=str(views.FILES), static_url_path="/static")
flask_app.secret_key = "for tests only"


def response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.fields)


def endpoint(view: Callable[[RequestField], Answer]) -> Callable[[], Response]:
    return lambda: response(view(lambda name: request.headers.get(name, "")))


for path, view in VIEWS.items():
    flask_app.add_url_rule(path, path, endpoint(view))


def text(body: str) -> Response:
    return response(views.text(body.encode(), FRESH))


@flask_app.post("/login")
def login() -> Response:
    session["name"] = request.form["name"]
    made = response(views.text(b"welcome"))
    made.set_cookie("nick", session["name"])
    return made


@flask_app.get("/me")
def me() -> Response:
    return text(f"hello {session.get('name', 'nobody')}")


@flask_app.get("/peek")
def peek() -> Response:
    return text(f"seen {request.cookies.get('nick', 'nobody')}")


@flask_app.get("/form")
def form() -> Response:
    return text("a form without a token")


@flask_app.get("/counter")
def counter() -> Response:
    return response(views.counted(request.query_string.decode()))


@flask_app.post("/counter")
def raise_counter() -> Response:
    return response(views.raised(request.query_string.decode()))


@flask_app.post("/upload")
def upload() -> Response:
    return response(views.received(request.get_data()))


@flask_app.get("/download")
def download() -> Response:
    answer = flask.send_file(views.FILES / "download.bin", max_age=60)
    if request.query_string == b"no-store":
        answer.headers["Cache-Control"] = "no-store"
    answer.headers.extend([served()])
    return answer


app = flask_app.wsgi_app
