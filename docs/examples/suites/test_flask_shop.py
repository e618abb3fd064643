import pytest
from flask import Flask, request

from wsgicache import cache_control, cache_for, easy_setup
from wsgicache.testing import (
    CacheClock,
    CachedClient,
    assert_differs_for,
    assert_hit,
    assert_not_stored,
    assert_purged,
    assert_stored,
)


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    cache = easy_setup(app)

    @app.get("/bread")
    @cache_for(minutes=5)
    def bread() -> str:
        return "<h1>Bread</h1>"

    @app.post("/bread")
    def bake() -> str:
        cache.purge("http://localhost/bread")
        return "baked"

    @app.get("/basket")
    @cache_control(private=True)
    def basket() -> str:
        return f"<h1>Basket of {request.cookies['name']}</h1>"

    return app


def test_bread_is_cached_for_five_minutes(
    cached_client: CachedClient, cache_clock: CacheClock
) -> None:
    assert_stored(cached_client.get("/bread"))
    assert_hit(cached_client.get("/bread"))
    cache_clock.advance(minutes=5)
    assert_stored(cached_client.get("/bread"))


def test_baking_purges(cached_client: CachedClient) -> None:
    assert_stored(cached_client.get("/bread"))
    cached_client.post("/bread")
    assert_purged(cached_client, "/bread")


def test_a_basket_is_private(cached_client: CachedClient) -> None:
    cached_client.set_cookie("name", "Ann")
    ann = cached_client.get("/basket")
    assert_not_stored(ann, reason="private")
    cached_client.set_cookie("name", "Bob")
    assert_differs_for(ann, cached_client.get("/basket"))
