from flask import Blueprint, Flask, jsonify, request, url_for

from wsgicache import cache_for
from wsgicache.flask import WSGICache

pages = WSGICache()
shop = Blueprint("shop", __name__)
prices = {"apple": 2, "banana": 3}


@shop.get("/prices")
@cache_for(minutes=1)
def show():
    return jsonify(prices)


@shop.post("/prices/<name>")
def change(name):
    prices[name] = int(request.form["price"])
    pages.cache.purge(url_for(".show", _external=True))
    return jsonify(prices)


def create_app():
    app = Flask(__name__)
    app.config["WSGICACHE_POLICY"] = {"ignore_query": ["utm_*"], "sort_query": True}
    app.config.from_prefixed_env()
    app.register_blueprint(shop)
    pages.init_app(app)
    return app


app = create_app()
