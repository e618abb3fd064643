from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgicache import CacheMiddleware, Route, cache_for, never_cache

app = Flask(__name__)


@cache_for(minutes=5)
@app.get("/bread")
def bread():
    return "<h1>Bread</h1>"


@app.get("/orders/<int:number>")
def order(number):
    return f"<h1>Order {number}</h1>"


app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)
app.wsgi_app = CacheMiddleware(app.wsgi_app, routes=[Route("/order/*", never_cache)])
