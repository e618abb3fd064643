from bottle import Bottle, HTTPResponse, abort, redirect, request, response
from werkzeug.test import run_wsgi_app

from wsgicache import CacheMiddleware, cache_for
from wsgicache.dashboard import Dashboard

SECRET = "only for this example"
site = Bottle()


@site.route("/admin/cache/", method=["GET", "HEAD", "POST"])
@site.route("/admin/cache/<path:path>", method=["GET", "HEAD", "POST"])
def cache_page(path: str = "") -> HTTPResponse:
    if request.get_cookie("is_operator", secret=SECRET) != "yes":  # your own login
        abort(403)
    chunks, status, headers = run_wsgi_app(dashboard, request.environ, buffered=True)
    return HTTPResponse(b"".join(chunks), status, list(headers))


@site.post("/login")
def log_in() -> None:
    response.set_cookie("is_operator", "yes", secret=SECRET, httponly=True, samesite="Lax")
    redirect("/admin/cache/", 302)


@site.get("/items")
@cache_for(minutes=1)
def items() -> dict[str, list[str]]:
    return {"items": ["apple", "banana"]}


app = CacheMiddleware(site)
dashboard = Dashboard(app, at="/admin/cache", secret=SECRET)
