"""The plugin for Bottle: around the application, what routes say, and its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bottle import Bottle, Response
from werkzeug.test import Client

from wsgicache import Policy, Route, cache_for, cache_groups, cached, never_cache
from wsgicache.bottle import WSGICache
from wsgicache.stores import TieredStore
from wsgicache.why.doctor import doctor
from wsgicache.why.layers import own_cache


def site(plugin: WSGICache | None = None, **config: Any) -> Bottle:
    app = Bottle()
    app.config.load_dict(config)
    app.get("/plain", callback=lambda: "plain")
    app.get("/never", callback=lambda: "never", cache=never_cache)
    app.get("/news", callback=lambda: "news", cache=[cache_for(hours=1), cache_groups("news")])
    app.get("/own", callback=cache_for(minutes=5)(lambda: "own"), cache=cache_for(hours=1))
    app.get("/skip", callback=lambda: "skip", skip=[WSGICache])
    app.post("/plain", callback=lambda: "changed")
    if plugin is not None:
        app.install(plugin)
    return app


def outcome(app: Bottle, target: str) -> str:
    return str(Client(app).get(target).headers.get("Cache-Status"))


def lifetime(app: Bottle, target: str) -> str:
    return str(Client(app).get(target).headers.get("Cache-Control", ""))


def test_the_plugin_is_around_the_application() -> None:
    pages = WSGICache(cache=cache_for(minutes=1))
    app = site(pages)
    assert own_cache(app) is pages.cache is app.wsgi
    assert "stored" in outcome(app, "/plain")
    assert "hit" in outcome(app, "/plain")
    assert "invalidated" in str(Client(app).post("/plain").headers["Cache-Status"])
    assert "stored" in outcome(app, "/plain")
    pages.cache.purge("http://localhost/plain")
    assert "stored" in outcome(app, "/plain")
    assert doctor(app).findings == ()


def test_routes_say_what_may_be_cached() -> None:
    app = site(WSGICache(cache=cache_for(minutes=1)))
    assert lifetime(app, "/plain") == "max-age=60"
    assert lifetime(app, "/never").startswith("no-store")
    assert lifetime(app, "/news") == "max-age=3600"
    assert lifetime(app, "/own") == "max-age=300"
    assert "freshness" in outcome(app, "/skip")
    assert "freshness" in outcome(site(WSGICache()), "/plain")
    app.wsgi.purge_groups("news")
    assert "stored" in outcome(app, "/news")


def test_a_route_says_something_wrong() -> None:
    app = site(WSGICache())
    app.get("/wrong", callback=lambda: "x", cache=60)
    app.catchall = False
    with pytest.raises(TypeError, match="cache of the route /wrong must be a list or another"):
        Client(app).get("/wrong")
    wrong: Any = "1 minute"
    with pytest.raises(TypeError, match=r"cache of WSGICache\(\) must be a list or another"):
        WSGICache(cache=wrong)


def test_an_application_that_is_closed_or_uninstalls_is_bare() -> None:
    app = site()
    app.install(pages := WSGICache())
    app.uninstall("wsgicache")
    assert outcome(app, "/plain") == "None"
    with pytest.raises(RuntimeError, match=r"installed: call app.install\(…\), got"):
        _ = pages.cache
    app.install(pages)
    assert "freshness" in outcome(app, "/plain")
    with pytest.raises(ValueError, match="a Bottle application without a cache"):
        app.install(WSGICache())
    with pytest.raises(ValueError, match="one for each application"):
        Bottle().install(pages)
    app.close()
    assert own_cache(app) is None
    with pytest.raises(TypeError, match="a Bottle application, got"):
        pages.setup(Response)


def test_a_file_configures_it(tmp_path: Path) -> None:
    (tmp_path / "site.ini").write_text(
        f"[wsgicache]\nstore = lmdb://{tmp_path}/store\npurge_token = 0123456789abcdef\n"
        "[wsgicache.policy]\nmax_variants = 7\nsort_query = yes\nonly_cookies = sid theme\n"
        'ignore_query = ["utm_*"]\nname = shop\n'
    )
    app = site()
    app.config.load_config(str(tmp_path / "site.ini"))
    app.config["wsgicache.routes"] = [Route("/plain", cached(client=60, server=60))]
    pages = WSGICache(policy=Policy.rfc(), purge_token="another" * 3)
    app.install(pages)
    policy = pages.cache.policy
    assert isinstance(pages.cache.store, TieredStore)
    assert (policy.max_variants, policy.sort_query, policy.name) == (7, True, "shop")
    assert (policy.only_cookies, policy.ignore_query) == (("sid", "theme"), ("utm_*",))
    assert policy.store_post is False
    token = {"Authorization": "Bearer 0123456789abcdef"}
    assert Client(app).open("/plain", method="PURGE", headers=token).status_code == 200
    assert "stored" in str(Client(app).get("/plain").headers["Cache-Status"])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"stoer": "x"}, "a key of the settings with wsgicache. must be one of wsgicache.clock, "),
    ({"stoer": "x"}, "got 'wsgicache.stoer': did you mean 'wsgicache.store'?"),
    ({"store": "disk:"}, "the URL in wsgicache.store must be memory://, lmdb://"),
    ({"policy": {"max_variants": "many"}}, "wsgicache.policy.max_variants must be a whole number"),
    ({"policy": {"max_variant": "5"}}, "got 'max_variant': did you mean 'max_variants'?"),
    ({"policy": {"sort_query": "5"}}, "wsgicache.policy.sort_query must be True or False, got '5'"),
    ({"policy.sort_query": "5", "policy": 5}, "must be a dict beside wsgicache.policy.sort_query"),
    ({"policy": 5}, "wsgicache.policy must be a Policy, or a dict of its options, got 5"),
    ({"purge_token": "short"}, "wsgicache.purge_token must be 16 or more printable"),
    ({"routes": "/page"}, "wsgicache.routes must be a list or another iterable"),
    ({"counters": 5}, "wsgicache.counters must be the path of a folder"),
]


@pytest.mark.parametrize(("settings", "said"), WRONG)
def test_a_wrong_setting_raises_and_names_its_key(settings: dict[str, Any], said: str) -> None:
    app = site()
    app.config.load_dict({"wsgicache": settings})
    with pytest.raises((TypeError, ValueError)) as raised:
        app.install(WSGICache())
    assert said in str(raised.value)
    assert own_cache(app) is None
