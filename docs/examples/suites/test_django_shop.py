import django
import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from wsgicache import CacheMiddleware, cache_for
from wsgicache.testing import CacheClock, assert_hit, assert_not_stored, assert_stored


@cache_for(minutes=5)
def bread(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<h1>Bread</h1>")


def greeting(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("<h1>Welcome</h1>")
    response.set_cookie("seen", "yes")
    return response


urlpatterns = [path("bread", bread), path("greeting", cache_for(minutes=5)(greeting))]

settings.configure(ALLOWED_HOSTS=["testserver"], ROOT_URLCONF=__name__, SECRET_KEY="for tests")
django.setup()
application = CacheMiddleware(get_wsgi_application())


@pytest.fixture
def app() -> CacheMiddleware:
    return application


def test_bread_is_cached_for_five_minutes(cached_client: Client, cache_clock: CacheClock) -> None:
    assert_stored(cached_client.get("/bread"))
    assert_hit(cached_client.get("/bread"))
    cache_clock.advance(minutes=5)
    assert_stored(cached_client.get("/bread"))


def test_a_cookie_is_for_one_visitor(cached_client: Client) -> None:
    assert_not_stored(cached_client.get("/greeting"), reason="set-cookie")
    assert cached_client.cookies["seen"].value == "yes"
