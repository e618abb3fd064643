from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid.router import Router
from pyramid.session import SignedCookieSessionFactory
from pyramid.view import view_config

from wsgicache import CacheMiddleware, cached, never_cache

prices = {"apple": 2, "banana": 3}


@view_config(route_name="login", request_method="POST")
def log_in(request: Request) -> Response:
    request.session["name"] = request.POST["name"]
    return Response(status=204)


@view_config(route_name="prices", renderer="json", cache=cached(client=0, server=60))
def show(request: Request) -> dict[str, int]:
    return prices


@view_config(route_name="account", renderer="string")
@never_cache
def account(request: Request) -> str:
    return f"The account of {request.session.get('name')}."


@view_config(route_name="price", request_method="POST", renderer="json")
def change(request: Request) -> dict[str, int]:
    prices[request.matchdict["name"]] = int(request.POST["price"])
    cache: CacheMiddleware = request.wsgicache
    cache.purge(request.route_url("prices"))
    return prices


def main(global_config: dict[str, str], **settings: str) -> Router:
    config = Configurator(settings=settings)
    config.include("wsgicache.pyramid")
    config.set_session_factory(SignedCookieSessionFactory("only for this example"))
    for name in ("login", "prices", "account"):
        config.add_route(name, f"/{name}")
    config.add_route("price", "/prices/{name}")
    config.scan(__name__)
    return config.make_wsgi_app()


app = main({}, **{"wsgicache.policy.only_cookies": "session", "wsgicache.store": "memory://"})
