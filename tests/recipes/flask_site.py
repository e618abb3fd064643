# flask --app flask_site run --port 8000
from flask import Flask, session

from wsgicache import CacheMiddleware

app = Flask(__name__)
app.secret_key = "change me"
app.wsgi_app = CacheMiddleware(app.wsgi_app)  # type: ignore[method-assign]


@app.get("/items")
def items():
    return "apple, banana\n", {"Cache-Control": "public, max-age=60"}


@app.get("/basket")
def basket():
    return f"your basket: {session.get('basket', 'empty')}\n", {"Cache-Control": "no-store"}
