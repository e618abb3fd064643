from flask import Flask, Response, jsonify
from flask_cors import CORS

from wsgicache import cache_for, easy_setup

app = Flask(__name__)
CORS(app, origins=["https://shop.example", "https://blog.example"])
easy_setup(app)


@app.get("/prices")
@cache_for(minutes=1)
def prices() -> Response:
    return jsonify(apple=1, banana=2)
