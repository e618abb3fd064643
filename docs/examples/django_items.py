import django
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import path

from wsgicache import cache_for, never_cache
from wsgicache.django import get_wsgi_application

settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["wsgicache.django"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for this example",
    WSGICACHE={},
)
django.setup()

fruit = ["apple", "banana"]


@cache_for(minutes=1)
def items(request: HttpRequest) -> JsonResponse:
    if request.method == "POST":
        fruit.append(request.POST["name"])
    return JsonResponse({"items": fruit})


@never_cache
def now(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"items": len(fruit)})


urlpatterns = [path("items", items), path("now", now)]

app = get_wsgi_application()
