from flask import Flask, request

from wsgicache import CacheMiddleware, cache_for

app = Flask(__name__)
app.wsgi_app = CacheMiddleware(app.wsgi_app)


@app.get("/news")
@cache_for(minutes=1)
def news():
    if "HX-Request" in request.headers:
        return "<li>Only the list</li>"
    return "<html>The whole page</html>"
