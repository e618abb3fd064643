from io import BytesIO

from flask import Flask, send_file

from wsgicache import CacheMiddleware, cached

app = Flask(__name__)
app.wsgi_app = CacheMiddleware(app.wsgi_app)


@app.get("/manual.txt")
@cached(client=60, server=3600)
def manual():
    return send_file(BytesIO(b"0123456789" * 1000), "text/plain")
