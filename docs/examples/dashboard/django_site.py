from io import BytesIO

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseForbidden, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from werkzeug.test import run_wsgi_app

from wsgicache import CacheMiddleware, cache_for
from wsgicache.dashboard import Dashboard

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for this example",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
django.setup()


@csrf_exempt  # the page has its own tokens
def cache_page(request: WSGIRequest, path: str = "") -> HttpResponse:
    if not request.session.get("is_operator"):  # your own login: @staff_member_required
        return HttpResponseForbidden()
    environ = {**request.environ, "wsgi.input": BytesIO(request.body)}
    chunks, status, headers = run_wsgi_app(dashboard, environ, buffered=True)
    return HttpResponse(b"".join(chunks), status=int(status[:3]), headers=dict(headers))


@csrf_exempt
def log_in(request: WSGIRequest) -> HttpResponse:
    request.session["is_operator"] = True
    return HttpResponseRedirect("/admin/cache/")


@cache_for(minutes=1)
def items(request: WSGIRequest) -> HttpResponse:
    return JsonResponse({"items": ["apple", "banana"]})


urlpatterns = [
    path("admin/cache/", cache_page),
    path("admin/cache/<path:path>", cache_page),
    path("login", log_in),
    path("items", items),
]

app = CacheMiddleware(get_wsgi_application())
dashboard = Dashboard(app, at="/admin/cache", secret=settings.SECRET_KEY)
