from flask import Flask, jsonify, request

from wsgicache import CacheMiddleware, cache_for, never_cache

app = Flask(__name__)
app.wsgi_app = CacheMiddleware(app.wsgi_app)

fruit = ["apple", "banana"]


@app.get("/items")
@cache_for(minutes=1)
def items():
    return jsonify(fruit)


@app.post("/items")
def add():
    fruit.append(request.form["name"])
    return jsonify(fruit), 201


@app.get("/now")
@never_cache
def now():
    return jsonify(len(fruit))
