from flask import Flask
from flask_compress import Compress

from wsgicache import CacheMiddleware, cache_for

app = Flask(__name__)
Compress(app)
app.wsgi_app = CacheMiddleware(app.wsgi_app)


@app.get("/")
@cache_for(minutes=1)
def page():
    return "<p>Compressed once, sent many times.</p>" * 100
