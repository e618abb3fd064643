from flask import Flask, jsonify

from wsgicache import CacheMiddleware, Policy, json_never_stale

app = Flask(__name__)
app.wsgi_app = CacheMiddleware(app.wsgi_app, policy=Policy(default=json_never_stale))
cities = ["Lima"]


@app.get("/cities.json")
def list_cities():
    return jsonify(cities)


@app.post("/cities/<name>")
def add_city(name):
    cities.append(name)
    return "added"
