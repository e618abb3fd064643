from flask import Flask, request

from wsgicache import CacheMiddleware, cache_for

site = Flask(__name__)


@site.get("/news")
def news() -> str:
    return "<h1>News</h1>"


@site.get("/prices")
@cache_for(minutes=5)
def prices() -> str:
    currency = request.headers.get("X-Currency", "EUR")
    return f"<p>9.99 {currency}</p>"


app = CacheMiddleware(site)
