from io import BytesIO

from flask import Flask, Response, send_file

from wsgicache import cached, easy_setup

app = Flask(__name__)
easy_setup(app)


@app.get("/manual.txt")
@cached(client=60, server=3600)
def manual() -> Response:
    return send_file(BytesIO(b"0123456789" * 1000), "text/plain")
