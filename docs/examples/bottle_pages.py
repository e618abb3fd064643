from bottle import Bottle, request, response

from wsgicache import cached, never_cache
from wsgicache.bottle import WSGICache

app = Bottle()
app.config.load_dict({"wsgicache": {"policy": {"only_cookies": "name", "sort_query": True}}})
pages = WSGICache()
app.install(pages)

prices = {"apple": 2, "banana": 3}


@app.post("/login")
def log_in() -> str:
    response.set_cookie("name", request.forms["name"], secret="only for this example")
    return "welcome"


@app.get("/prices", cache=cached(client=0, server=60))
def show() -> dict[str, int]:
    return prices


@app.get("/account", cache=never_cache)
def account() -> str:
    name = request.get_cookie("name", secret="only for this example")
    return f"The account of {name}."


@app.post("/prices/<name>")
def change(name: str) -> dict[str, int]:
    prices[name] = int(request.forms["price"])
    pages.cache.purge(request.urlparts._replace(path="/prices", query="").geturl())
    return prices
