from flask import Flask, jsonify, request

from wsgicache import CacheMiddleware, cache_for, cached

app = Flask(__name__)
app.wsgi_app = CacheMiddleware(app.wsgi_app)


@app.get("/me")
@cache_for(minutes=1)
def me():
    return jsonify(key=request.headers.get("X-API-Key"))


@app.get("/prices")
@cached(client=60, server=60)
def prices():
    return jsonify(apple=1, banana=2)
