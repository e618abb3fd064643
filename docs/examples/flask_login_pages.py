from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user

from wsgicache import cache_for, cached, easy_setup, never_cache

app = Flask(__name__)
app.secret_key = "only for this example"
easy_setup(app)
login = LoginManager(app)


@login.user_loader
def user(name: str) -> UserMixin:
    found = UserMixin()
    found.id = name
    return found


@app.post("/login")
def log_in() -> ResponseReturnValue:
    login_user(user(request.form["name"]))
    return redirect("/")


@app.get("/about")
@cached(client=60, server=3600, everybody=True)
def about() -> str:
    return "The same for everybody."


@app.get("/")
@cache_for(minutes=1)
def home() -> str:
    if current_user.is_authenticated:
        return f"Hello {current_user.id}."
    return "Hello."


@app.get("/account")
@login_required
@never_cache
def account() -> str:
    return f"The account of {current_user.id}."
