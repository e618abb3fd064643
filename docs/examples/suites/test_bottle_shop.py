from collections.abc import Callable

import pytest
from bottle import Bottle

from wsgicache import CacheMiddleware, cache_control
from wsgicache.testing import CachedClient, assert_hit, assert_same_for, assert_stored


@cache_control(max_age=300, public=True)
def bread() -> str:
    return "<h1>Bread</h1>"


site = Bottle()
site.route("/bread", callback=bread)
application = CacheMiddleware(site)


@pytest.fixture
def app() -> CacheMiddleware:
    return application


def test_bread_is_for_everybody(make_cached_client: Callable[[], CachedClient]) -> None:
    ann, bob = make_cached_client(), make_cached_client()
    ann.set_cookie("name", "Ann")
    bob.set_cookie("name", "Bob")
    first, second = ann.get("/bread"), bob.get("/bread")
    assert_stored(first)
    assert_hit(second)
    assert_same_for(first, second)
