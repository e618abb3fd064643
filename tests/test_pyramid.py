"""The include for Pyramid: around the application, what views say, and its settings."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from wsgicache import CacheMiddleware, Route, cache_for, cache_groups, cached, never_cache
from wsgicache.stores import TieredStore
from wsgicache.why.audit import audit
from wsgicache.why.doctor import doctor
from wsgicache.why.layers import own_cache

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports is deprecated
    from pyramid.config import Configurator
    from pyramid.exceptions import ConfigurationError
    from pyramid.response import Response

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning:webob")

NEVER = [Route("/plain", never_cache)]
"""What a setting names."""
COLOUR = "colour"
"""The name of a cookie, which does not stand in the function that reads it."""


def site(policy: Any = None, **settings: Any) -> Any:
    """An application by these settings of the cache; *policy* is an execution policy."""
    config = Configurator(settings={f"wsgicache.{key}": one for key, one in settings.items()})
    config.include("wsgicache.pyramid")
    if policy is not None:
        config.set_execution_policy(policy)
    hour = [cache_for(hours=1), cache_groups("news")]
    says = {"plain": None, "never": never_cache, "news": hour, "own": cache_for(hours=1)}
    for name, said in says.items():
        config.add_route(name, f"/{name}")
        view = cache_for(minutes=5)(page) if name == "own" else page
        config.add_view(view, route_name=name, request_method="GET", cache=said)
    config.add_view(purge, route_name="plain", request_method="POST")
    config.add_view(page, name="minute", http_cache=60)
    config.add_route("item", "/items/{number}")
    config.add_view(page, route_name="item")
    return config.make_wsgi_app()


def page(request: Any) -> Any:
    return Response("page")


def purge(request: Any) -> Any:
    done = request.wsgicache.purge(request.route_url("news"))
    return Response(str(done.responses))


def said(app: Any, target: str, field: str = "Cache-Status") -> str:
    return str(Client(app).get(target).headers.get(field, ""))


def test_the_cache_is_around_the_application() -> None:
    app = site()
    cache = app.registry["wsgicache"]
    assert isinstance(cache, CacheMiddleware)
    assert own_cache(app) is cache
    assert "stored" in said(app, "/news")
    assert "hit" in said(app, "/news")
    assert Client(app).post("/plain").text == "1"
    assert "stored" in said(app, "/news")
    cache.purge_groups("news")
    assert "stored" in said(app, "/news")
    assert doctor(app).findings == ()


def test_views_say_what_may_be_cached() -> None:
    app = site()
    assert "freshness" in said(app, "/plain")
    assert said(app, "/never", "Cache-Control").startswith("no-store")
    assert said(app, "/news", "Cache-Control") == "max-age=3600"
    assert said(app, "/own", "Cache-Control") == "max-age=300"
    assert "stored" in said(app, "/minute")
    assert "hit" in said(app, "/minute")


def test_another_execution_policy_stays_inside() -> None:
    asked = []

    def policy(environ: Any, router: Any) -> Any:
        asked.append(environ["PATH_INFO"])
        with router.request_context(environ) as request:
            return router.invoke_request(request)

    app = site(policy)
    for target in ("/news", "/news", "/plain"):
        said(app, target)
    assert asked == ["/news", "/plain"]


def test_requests_are_counted_by_route() -> None:
    app = site()
    for target in ("/items/1", "/items/2", "/minute"):
        said(app, target)
    rows = {row.route: row.count for row in app.registry["wsgicache"].stats().requests}
    assert rows == {"/items/{number}": 2, "/minute": 1}


def test_settings_of_a_file(tmp_path: Path) -> None:
    address = f"lmdb://{tmp_path}/store"
    options = {"policy.max_variants": "7", "policy.only_cookies": "sid\ntheme"}
    app = site(store=address, routes=f"{__name__}:NEVER", **options)
    cache: CacheMiddleware = app.registry["wsgicache"]
    assert isinstance(cache.store, TieredStore)
    assert (cache.policy.max_variants, cache.policy.only_cookies) == (7, ("sid", "theme"))
    assert "no-store" in said(app, "/plain")
    assert site(routes=[Route("/plain", cached(server=60))]).registry["wsgicache"]._routes.all


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"stoer": "x"}, "got 'wsgicache.stoer': did you mean 'wsgicache.store'?"),
    ({"store": "disk:"}, "the URL in wsgicache.store must be memory://, lmdb://"),
    ({"policy.max_variants": "many"}, "wsgicache.policy.max_variants must be a whole number"),
    ({"purge_token": "short"}, "wsgicache.purge_token must be 16 or more printable"),
    ({"routes": "no.such.module"}, "wsgicache.routes must be the dotted name of something"),
    ({"observer": f"{__name__}:NEVER"}, "wsgicache.observer must be a callable"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_a_wrong_setting_raises_and_names_its_key(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        site(**settings)
    assert message in str(raised.value)


def test_an_audit_sees_what_a_view_reads() -> None:
    """WebOb takes no environ but a plain one, and copies no cookies."""
    config = Configurator()
    config.include("wsgicache.pyramid")
    config.add_view(themed, name="themed", cache=cached(server=60))
    app = config.make_wsgi_app()
    found = audit(app.registry["wsgicache"], ["http://localhost/themed"]).findings
    wrong = {one.input: one.read_at for one in found if one.severity == "wrong"}
    assert wrong.keys() == {"cookie colour", "header X-Mine"}
    for (place,) in wrong.values():
        assert __file__.endswith(place.partition(":")[0])


def themed(request: Any) -> Any:
    said = request.cookies.get(COLOUR, "light"), request.headers.get("X-Mine", "none")
    return Response(" ".join(said))


def test_a_view_says_something_wrong() -> None:
    config = Configurator()
    config.include("wsgicache.pyramid")
    config.add_view(page, name="page", cache=60)
    with pytest.raises(Exception, match="cache of a view must be a list or another iterable"):
        config.commit()
