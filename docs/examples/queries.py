from flask import Flask, make_response, request

from wsgicache import CacheMiddleware

app = Flask(__name__)
app.wsgi_app = CacheMiddleware(app.wsgi_app)


@app.get("/list")
def items():
    response = make_response(f"page {request.args.get('page')}")
    response.headers["Cache-Control"] = "max-age=60"
    response.headers["No-Vary-Search"] = 'key-order, params=("from")'
    return response
