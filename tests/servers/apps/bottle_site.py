"""Bottle with its signed cookies and its static files."""

from __future__ import annotations

from collections.abc import Callable

import bottle
from bottle import Bottle, HTTPResponse, request

from tests.servers import views
from tests.servers.views import FRESH, VIEWS, Answer, RequestField, served

app = Bottle()
SECRET = "for tests only"


def response(answer: Answer) -> HTTPResponse:
    made = HTTPResponse(answer.body, answer.status)
    for name, value in answer.fields:
        made.add_header(name, value)
    return made


def endpoint(view: Callable[[RequestField], Answer]) -> Callable[[], HTTPResponse]:
    return lambda: response(view(lambda name: request.get_header(name, "")))


for path, view in VIEWS.items():
    app.route(path, callback=endpoint(view))


def text(body: str) -> HTTPResponse:
    return response(views.text(body.encode(), FRESH))


@app.post("/login")
def login() -> HTTPResponse:
    made = response(views.text(b"welcome"))
    made.set_cookie("name", request.forms.get("name"), secret=SECRET, path="/")
    made.set_cookie("nick", request.forms.get("name"), path="/")
    return made


@app.get("/me")
def me() -> HTTPResponse:
    made = text(f"hello {request.get_cookie('name', 'nobody', secret=SECRET)}")
    made.set_header("Vary", "Cookie")
    return made


@app.get("/peek")
def peek() -> HTTPResponse:
    return text(f"seen {request.get_cookie('nick', 'nobody')}")


@app.get("/form")
def form() -> HTTPResponse:
    return text("a form without a token")


@app.get("/counter")
def counter() -> HTTPResponse:
    return response(views.counted(request.query_string))


@app.post("/counter")
def raise_counter() -> HTTPResponse:
    return response(views.raised(request.query_string))


@app.post("/upload")
def upload() -> HTTPResponse:
    return response(views.received(request.body.read()))


@app.get("/download")
def download() -> HTTPResponse:
    made = bottle.static_file("download.bin", root=str(views.FILES))
    made.set_header("Cache-Control", "no-store" if request.query_string == "no-store" else FRESH[1])
    made.set_header(*served())
    return made


@app.get("/static/<name>")
def static(name: str) -> HTTPResponse:
    return bottle.static_file(name, root=str(views.FILES))
