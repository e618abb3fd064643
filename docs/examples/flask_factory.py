from flask import Blueprint, Flask, jsonify, request, session, url_for
from flask.typing import ResponseReturnValue

from wsgicache import cached, never_cache
from wsgicache.flask import WSGICache, for_blueprint

pages = WSGICache()
prices = {"apple": 2, "banana": 3}

shop = Blueprint("shop", __name__)
for_blueprint(shop, cached(client=0, server=60, everybody=True))


@shop.get("/prices")
def show() -> ResponseReturnValue:
    return jsonify(prices)


@shop.post("/prices/<name>")
def change(name: str) -> ResponseReturnValue:
    prices[name] = int(request.form["price"])
    pages.cache.purge(url_for(".show", _external=True))
    return jsonify(prices)


members = Blueprint("members", __name__)
for_blueprint(members, never_cache)


@members.post("/login")
def log_in() -> ResponseReturnValue:
    session["name"] = request.form["name"]
    return "", 204


@members.get("/account")
def account() -> ResponseReturnValue:
    return f"The account of {session.get('name')}."


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = "only for this example"
    app.config["WSGICACHE_POLICY"] = {"ignore_query": ["utm_*"], "sort_query": True}
    app.config.from_prefixed_env()
    pages.init_app(app)
    app.register_blueprint(shop)
    app.register_blueprint(members)
    return app


app = create_app()
