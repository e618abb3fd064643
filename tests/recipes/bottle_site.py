# python bottle_site.py
from bottle import Bottle, response, run

from wsgicache import CacheMiddleware

site = Bottle()


@site.get("/items")
def items():
    response.content_type = "text/plain"
    response.set_header("Cache-Control", "public, max-age=60")
    return "apple, banana\n"


if __name__ == "__main__":
    run(app=CacheMiddleware(site), server="waitress", host="127.0.0.1", port=8000)
