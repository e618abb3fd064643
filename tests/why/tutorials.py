"""The applications of the frameworks' tutorials, in a few lines each; they read what those do."""

from __future__ import annotations

import sqlite3
from typing import Any

import bottle
import falcon
import flask
import jinja2
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.urls import path, reverse
from werkzeug.security import check_password_hash, generate_password_hash

from tests.why import sites

BLOG_PAGES = {
    "base.html": """<nav>
        {% if g.user %}<span>{{ g.user.name }}</span> <a href="{{ url_for('logout') }}">Leave</a>
        {% else %}<a href="{{ url_for('login') }}">Enter</a>{% endif %}</nav>
        {% for one in get_flashed_messages() %}<p>{{ one }}</p>{% endfor %}
        {% block content %}{% endblock %}""",
    "index.html": """{% extends "base.html" %}{% block content %}
        {% for post in posts %}<article><h1>{{ post.title }}</h1> by {{ post.name }}
        {% if g.user and g.user.id == post.author %}
        <a href="{{ url_for('update', number=post.id) }}">Edit</a>{% endif %}
        </article>{% endfor %}{% endblock %}""",
    "form.html": """{% extends "base.html" %}{% block content %}
        <form method=post><input name=title value="{{ request.form.title or title }}">
        <input type=submit></form>{% endblock %}""",
}


def flasks_blog() -> tuple[Any, str]:
    """Users log in, write posts and change their own; and the Cookie field of one of them."""
    app = flask.Flask(__name__)
    app.secret_key = "dev"
    app.jinja_loader = jinja2.DictLoader(BLOG_PAGES)
    database = sqlite3.connect(":memory:", check_same_thread=False)
    sites.overriding.callback(database.close)
    database.row_factory = sqlite3.Row
    database.executescript(
        """CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT);
        CREATE TABLE post (id INTEGER PRIMARY KEY, author INTEGER, title TEXT);
        INSERT INTO post VALUES (1, 1, 'First'), (2, 2, 'Second')"""
    )
    password = generate_password_hash("secret", "pbkdf2:sha256:1")
    for name in ("alice", "bob"):
        database.execute("INSERT INTO user (name, password) VALUES (?, ?)", (name, password))

    @app.before_request
    def load_user() -> None:
        number = flask.session.get("user_id")
        users = database.execute("SELECT * FROM user WHERE id = ?", (number,))
        flask.g.user = users.fetchone()

    @app.get("/")
    def index() -> str:
        posts = database.execute(
            "SELECT post.id, author, title, name FROM post JOIN user ON author = user.id"
        )
        return flask.render_template("index.html", posts=posts.fetchall())

    @app.route("/auth/login", methods=["GET", "POST"])
    def login() -> Any:
        if flask.request.method == "POST":
            form = flask.request.form
            users = database.execute("SELECT * FROM user WHERE name = ?", (form["name"],))
            user = users.fetchone()
            if user and check_password_hash(user["password"], form["password"]):
                flask.session.clear()
                flask.session["user_id"] = user["id"]
                return flask.redirect(flask.url_for("index"))
            flask.flash("That is not right.")
        return flask.render_template("form.html", title="")

    @app.get("/auth/logout")
    def logout() -> Any:
        flask.session.clear()
        return flask.redirect(flask.url_for("index"))

    @app.route("/<int:number>/update", methods=["GET", "POST"])
    def update(number: int) -> Any:
        if flask.g.user is None:
            return flask.redirect(flask.url_for("login"))
        posts = database.execute("SELECT * FROM post WHERE id = ?", (number,))
        post = posts.fetchone() or flask.abort(404)
        if post["author"] != flask.g.user["id"]:
            flask.abort(403)
        return flask.render_template("form.html", title=post["title"])

    client = app.test_client()
    client.post("/auth/login", data={"name": "alice", "password": "secret"})
    cookie = client.get_cookie("session")
    assert cookie is not None
    return app, f"session={cookie.value}"


MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
"""What startproject writes, without the one that needs a database."""


def djangos_polls(**options: Any) -> tuple[Any, str]:
    """Questions, their choices, and how many votes each has."""
    questions = {1: ("What's up?", {"Not much": 0, "The sky": 3})}

    def question(number: int) -> tuple[str, dict[str, int]]:
        if number not in questions:
            raise Http404("no such question")
        return questions[number]

    def index(request: HttpRequest) -> HttpResponse:
        rows = (
            f'<li><a href="{reverse("detail", args=[number])}">{text}</a>'
            for number, (text, _) in questions.items()
        )
        return HttpResponse(f"<ul>{''.join(rows)}</ul>")

    def detail(request: HttpRequest, number: int) -> HttpResponse:
        text, choices = question(number)
        inputs = "".join(f"<input type=radio name=choice value='{one}'>" for one in choices)
        token = f"<input type=hidden name=csrfmiddlewaretoken value={get_token(request)}>"
        more = f'<a href="{reverse("results", args=[number])}">results</a>'
        return HttpResponse(f"<form method=post><h1>{text}</h1>{token}{inputs}</form>{more}")

    def results(request: HttpRequest, number: int) -> HttpResponse:
        text, choices = question(number)
        return HttpResponse(f"<h1>{text}</h1>" + "".join(f"<p>{k}: {choices[k]}" for k in choices))

    def vote(request: HttpRequest, number: int) -> HttpResponse:
        question(number)[1][request.POST["choice"]] += 1
        return HttpResponseRedirect(reverse("results", args=[number]))

    sites.urlpatterns[:] = [
        path("", index, name="index"),
        path("<int:number>/", detail, name="detail"),
        path("<int:number>/results/", results, name="results"),
        path("<int:number>/vote/", vote, name="vote"),
    ]
    settings = {
        "MIDDLEWARE": MIDDLEWARE,
        "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
        "MESSAGE_STORAGE": "django.contrib.messages.storage.cookie.CookieStorage",
        **options,
    }
    return sites.django_handler(**settings), "csrftoken=" + "a" * 32


def bottles_todo() -> tuple[Any, str]:
    """A list of tasks: what is open, what is new, and what is changed, by query."""
    app = bottle.Bottle()
    tasks = {1: ["Learn", True], 2: ["Write", False]}

    @app.get("/")
    @app.get("/todo")
    def index() -> Any:
        rows = "".join(
            f"<tr><td><a href=/edit/{number}>{text}</a>"
            for number, (text, is_open) in tasks.items()
            if is_open
        )
        return bottle.template("<table>{{!rows}}</table><a href=/new>New</a>", rows=rows)

    @app.get("/new")
    def new() -> Any:
        if bottle.request.GET.save:
            tasks[len(tasks) + 1] = [bottle.request.GET.task.strip(), True]
            return "added"
        return "<form><input name=task><input type=submit name=save value=save></form>"

    @app.get("/edit/<number:int>")
    def edit(number: int) -> Any:
        if number not in tasks:
            bottle.abort(404)
        return bottle.template("<form><input value='{{task}}'></form>", task=tasks[number][0])

    return app, ""


class RequireJSON:
    """Falcon's example of a component: clients must take JSON."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        if not req.client_accepts_json:
            raise falcon.HTTPNotAcceptable(description="Responses are in JSON.")
        if req.method in ("POST", "PUT") and "application/json" not in (req.content_type or ""):
            raise falcon.HTTPUnsupportedMediaType(description="Requests are in JSON.")


class Authentication:
    """Falcon's example of another one: each request has a token and names an account."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        token, account = req.get_header("Authorization"), req.get_header("Account-ID")
        if token is None or account is None:
            raise falcon.HTTPUnauthorized(challenges=['Token type="Fernet"'])


def falcons_images() -> tuple[Any, str]:
    """A collection of images, and each of them."""

    class Images:
        def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
            resp.media = {"images": [{"href": "/images/1.png"}]}

        def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
            resp.status, resp.location = falcon.HTTP_201, "/images/2.png"

    class Image:
        def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
            if name != "1.png":
                raise falcon.HTTPNotFound
            resp.content_type, resp.data = falcon.MEDIA_PNG, b"\x89PNG"

    app = falcon.App()
    app.add_route("/images", Images())
    app.add_route("/images/{name}", Image())
    return app, ""


def falcons_things(*components: Any) -> tuple[Any, str]:
    """The things of a user, with *components* before them."""

    class Things:
        def on_get(self, req: falcon.Request, resp: falcon.Response, user: str) -> None:
            limit = req.get_param_as_int("limit") or 50
            resp.media = [{"thing": number, "of": user} for number in range(min(limit, 3))]
            resp.set_header("Powered-By", "Falcon")

    app = falcon.App(middleware=list(components))
    app.add_route("/{user}/things", Things())
    return app, ""
