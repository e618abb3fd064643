import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators import cache as of_django
from django.views.decorators.vary import vary_on_cookie, vary_on_headers

from wsgicache import cache_for, cached
from wsgicache.django import cache, get_wsgi_application

settings.configure(
    ALLOWED_HOSTS=["localhost", "b.example"],
    INSTALLED_APPS=["wsgicache.django"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for this example",
    WSGICACHE={"POLICY": {"default": cache_for(minutes=10)}},  # CACHE_MIDDLEWARE_SECONDS = 600
)
django.setup()


def plain(request: HttpRequest) -> HttpResponse:  # for UpdateCacheMiddleware
    return HttpResponse("the same for everybody")


@cached(client=60, server=60)  # for @cache_page(60)
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the same for everybody")


@of_django.cache_page(60)  # left as it was
def left(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the same for everybody")


@of_django.never_cache
def never(request: HttpRequest) -> HttpResponse:
    return HttpResponse("stays")


@of_django.cache_control(max_age=60, public=True)
def control(request: HttpRequest) -> HttpResponse:
    return HttpResponse("stays")


@cache_for(minutes=1)
@vary_on_headers("X-Region")
def region(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.headers.get("X-Region", "everywhere"))


@cache_for(minutes=1)
@vary_on_cookie
def account(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.COOKIES.get("sessionid", "stranger"))


def clear(request: HttpRequest) -> HttpResponse:
    cache.purge_all()  # for django.core.cache.cache.clear()
    return HttpResponse("done")


views = (plain, page, left, never, control, region, account, clear)
urlpatterns = [path(view.__name__, view) for view in views]
app = get_wsgi_application()
