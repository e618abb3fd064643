"""A Flask site: server-side sessions, CSRF, flashes, languages, accounts, compression and CORS."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import flask_babel
import flask_login
import flask_wtf.csrf
from cachelib import FileSystemCache
from flask import (
    Flask,
    flash,
    get_flashed_messages,
    jsonify,
    make_response,
    redirect,
    request,
    send_file,
    session,
)
from flask_compress import Compress
from flask_cors import CORS
from flask_session import Session

from tests.apps import words


def said(made: Any, control: str) -> Any:
    """*made* as a response with that Cache-Control."""
    response = make_response(made)
    response.headers["Cache-Control"] = control
    return response


def personal(**more: Any) -> Any:
    """What a page says of who asks; as in many shops, the cart is on each."""
    user = flask_login.current_user
    who = user.get_id() if user.is_authenticated else "guest"
    return said(jsonify(who=who, cart=session.get("cart", []), **more), words.BRIEF)


def make(folder: Path, users: Iterable[str]) -> Any:
    """The site as a WSGI application; the passwords of *users* are their names."""
    known = set(users)
    site = Flask(__name__)
    site.config.update(
        SECRET_KEY="for tests",
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=FileSystemCache(str(folder), threshold=0),
        # Else every response sets the cookie, and none is stored.
        SESSION_REFRESH_EACH_REQUEST=False,
        BABEL_DEFAULT_LOCALE="en",
        COMPRESS_ALGORITHM=["gzip"],
    )
    Session(site)
    flask_wtf.csrf.CSRFProtect(site)
    CORS(site, resources={"/api": {"origins": list(words.ORIGINS)}})
    Compress(site)

    def locale() -> str | None:
        chosen = session.get("language")
        return chosen or request.accept_languages.best_match(words.LANGUAGES)

    flask_babel.Babel(site, locale_selector=locale)
    accounts = flask_login.LoginManager(site)

    @accounts.user_loader
    def user_of(name: str) -> Any:
        user = flask_login.UserMixin()
        user.id = name
        return user if name in known else None

    _public(site)
    _personal(site)
    _changing(site, user_of)
    return site.wsgi_app


def _public(site: Flask) -> None:
    @site.get("/items")
    def items() -> Any:
        return said(words.FRAGMENT if "HX-Request" in request.headers else words.PAGE, words.PUBLIC)

    @site.get("/news/<int:number>")
    def news(number: int) -> Any:
        return said(words.news(number), words.SHARED)

    @site.get("/static/app.js", endpoint="script")
    def script() -> Any:
        response = said(words.SCRIPT, words.PUBLIC)
        response.mimetype = "text/javascript"
        return response

    @site.get("/api")
    def api() -> Any:
        return said(jsonify(items=["apple", "banana"]), words.PUBLIC)

    @site.get("/language")
    def language() -> Any:
        response = said(f"language={flask_babel.get_locale()} {words.PADDING}", words.PUBLIC)
        response.vary.add("Accept-Language")  # Flask-Babel leaves that to the author
        return response


def _personal(site: Flask) -> None:
    @site.get("/greeting")
    def greeting() -> Any:
        return said(jsonify(who=request.cookies.get("nick", "guest")), words.BRIEF)

    @site.get("/profile")
    @flask_login.login_required
    def profile() -> Any:
        return personal()

    @site.get("/download")
    @flask_login.login_required
    def download() -> Any:
        content = BytesIO(f"file of {flask_login.current_user.get_id()}".encode())
        return send_file(content, as_attachment=True, download_name="file.txt", max_age=60)

    @site.get("/form")
    def form() -> Any:
        return personal(token=flask_wtf.csrf.generate_csrf())

    @site.get("/cart")
    def cart() -> Any:
        return personal()

    @site.get("/note")
    def note() -> Any:
        return personal(note=session.get("note", ""), flash=get_flashed_messages())


def _changing(site: Flask, user_of: Any) -> None:
    @site.post("/login")
    def log_in() -> Any:
        flask_login.login_user(user_of(request.form["name"]))
        response = redirect("/profile")
        response.set_cookie("nick", request.form["name"])
        return response

    @site.post("/logout")
    def log_out() -> Any:
        # The identifier of the session stays what it was.
        session.clear()
        response = redirect("/greeting")
        response.delete_cookie("nick")
        return response

    @site.post("/cart")
    def add() -> Any:
        session["cart"] = [*session.get("cart", []), request.form["item"]]
        return redirect("/cart")

    @site.post("/note")
    def save() -> Any:
        session["note"] = request.form["text"]
        flash("saved " + request.form["text"])
        return redirect("/note")

    @site.post("/i18n/setlang/")
    def set_language() -> Any:
        session["language"] = request.form["language"]
        return redirect("/language")
