from flask import Flask, Response, jsonify, request

from wsgicache import cache_for, easy_setup, never_cache

app = Flask(__name__)
easy_setup(app)

fruit = ["apple", "banana"]


@app.get("/items")
@cache_for(minutes=1)
def items() -> Response:
    return jsonify(fruit)


@app.post("/items")
def add() -> tuple[Response, int]:
    fruit.append(request.form["name"])
    return jsonify(fruit), 201


@app.get("/now")
@never_cache
def now() -> Response:
    return jsonify(len(fruit))
