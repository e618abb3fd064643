from flask import Flask, request

from wsgicache import CacheMiddleware, cache_for

app = Flask(__name__)


@app.get("/news")
def news():
    return "<h1>News</h1>"


@app.get("/prices")
@cache_for(minutes=5)
def prices():
    currency = request.headers.get("X-Currency", "EUR")
    return f"<p>9.99 {currency}</p>"


app.wsgi_app = CacheMiddleware(app.wsgi_app)
