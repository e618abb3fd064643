from flask import Flask, request

from wsgicache import cache_for, easy_setup

app = Flask(__name__)
easy_setup(app)


@app.get("/news")
@cache_for(minutes=1)
def news() -> str:
    if "HX-Request" in request.headers:
        return "<li>Only the list</li>"
    return "<html>The whole page</html>"
