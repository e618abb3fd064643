from flask import Flask
from flask_compress import Compress

from wsgicache import cache_for, easy_setup

app = Flask(__name__)
Compress(app)
easy_setup(app)


@app.get("/")
@cache_for(minutes=1)
def page() -> str:
    return "<p>Compressed once, sent many times.</p>" * 100
