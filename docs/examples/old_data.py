from flask import Flask, Response, jsonify

from wsgicache import Policy, easy_setup, json_never_stale

app = Flask(__name__)
easy_setup(app, policy=Policy(default=json_never_stale))
cities = ["Lima"]


@app.get("/cities.json")
def list_cities() -> Response:
    return jsonify(cities)


@app.post("/cities/<name>")
def add_city(name: str) -> str:
    cities.append(name)
    return "added"
