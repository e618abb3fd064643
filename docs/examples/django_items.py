import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from wsgicache import CacheMiddleware, cache_for, never_cache

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for this example",
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

app = CacheMiddleware(get_wsgi_application())
