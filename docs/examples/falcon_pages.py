import falcon

from wsgicache import CacheMiddleware, Policy, cached, vary

prices = {"apple": 2, "banana": 3}


class Login:
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.set_cookie("name", req.get_media()["name"], secure=False)


class Prices:
    @cached(client=0, server=60)
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = prices


class Price:
    def on_post(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        prices[name] = int(req.get_media()["price"])
        app.purge(f"{req.prefix}/prices")
        resp.media = prices


class Greeting:
    @cached(client=60)
    @vary("Cookie")
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.text = f"Hello {req.cookies.get('name')}."


site = falcon.App()
site.add_route("/login", Login())
site.add_route("/prices", Prices())
site.add_route("/prices/{name}", Price())
site.add_route("/greeting", Greeting())

app = CacheMiddleware(site, policy=Policy(only_cookies=["name"]))
