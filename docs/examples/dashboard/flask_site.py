from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Flask, abort, redirect, session
from flask.typing import ResponseReturnValue

from wsgicache import cache_for
from wsgicache.flask import WSGICache

P = ParamSpec("P")

app = Flask(__name__)
app.secret_key = "only for this example"


def for_operators(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Your own login, such as login_required of Flask-Login."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if not session.get("is_operator"):
            abort(403)
        return view(*args, **kwargs)

    return guarded


WSGICache(app, dashboard="/admin/cache", dashboard_guard=for_operators)


@app.post("/login")
def log_in() -> ResponseReturnValue:
    session["is_operator"] = True
    return redirect("/admin/cache/")


@app.get("/items")
@cache_for(minutes=1)
def items() -> ResponseReturnValue:
    return {"items": ["apple", "banana"]}
