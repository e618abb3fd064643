from flask import Flask, Response, jsonify, request

from wsgicache import cache_for, cached, easy_setup

app = Flask(__name__)
easy_setup(app)


@app.get("/me")
@cache_for(minutes=1)
def me() -> Response:
    return jsonify(key=request.headers.get("X-API-Key"))


@app.get("/prices")
@cached(client=60, server=60)
def prices() -> Response:
    return jsonify(apple=1, banana=2)
