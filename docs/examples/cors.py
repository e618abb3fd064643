from flask import Flask, jsonify
from flask_cors import CORS

from wsgicache import CacheMiddleware, cache_for

app = Flask(__name__)
CORS(app, origins=["https://shop.example", "https://blog.example"])
app.wsgi_app = CacheMiddleware(app.wsgi_app)


@app.get("/prices")
@cache_for(minutes=1)
def prices():
    return jsonify(apple=1, banana=2)
