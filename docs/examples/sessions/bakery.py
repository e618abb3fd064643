from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgicache import CacheMiddleware, Route, cache_for, never_cache

site = Flask(__name__)


@cache_for(minutes=5)
@site.get("/bread")
def bread() -> str:
    return "<h1>Bread</h1>"


@site.get("/orders/<int:number>")
def order(number: int) -> str:
    return f"<h1>Order {number}</h1>"


app = CacheMiddleware(ProxyFix(site, x_host=1), routes=[Route("/order/*", never_cache)])
