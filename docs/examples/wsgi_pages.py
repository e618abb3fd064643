from werkzeug import Request, Response

from wsgicache import CacheMiddleware, Policy

prices = {"apple": 2, "banana": 3}


@Request.application
def site(request: Request) -> Response:
    if request.path == "/login":
        response = Response("welcome")
        response.set_cookie("name", request.form["name"])
        return response
    if request.method == "POST":
        prices["apple"] = int(request.form["price"])
        app.purge(request.root_url + "prices")
        return Response("changed")
    if request.path == "/prices":
        return Response(f"{prices}", headers={"Cache-Control": "max-age=0, s-maxage=60"})
    hello = Response(f"Hello {request.cookies['name']}.")
    hello.headers.update({"Cache-Control": "max-age=60", "Vary": "Cookie"})
    return hello


app = CacheMiddleware(site, policy=Policy(only_cookies=["name"]))
