from flask import Flask, Response, make_response, request

from wsgicache import easy_setup

app = Flask(__name__)
easy_setup(app)


@app.get("/list")
def items() -> Response:
    response = make_response(f"page {request.args.get('page')}")
    response.headers["Cache-Control"] = "max-age=60"
    response.headers["No-Vary-Search"] = 'key-order, params=("from")'
    return response
