"""Django with its sessions, its CSRF protection, and static files through WhiteNoise."""

from __future__ import annotations

from collections.abc import Callable

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.urls import path as route

from tests.servers import views
from tests.servers.views import FRESH, VIEWS, Answer, RequestField, served

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for tests only",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    STATIC_ROOT=str(views.FILES),
    STATIC_URL="/static/",
    INSTALLED_APPS=["django.contrib.sessions", "django.contrib.staticfiles"],
    MIDDLEWARE=[
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
)


def response(answer: Answer) -> HttpResponseBase:
    make = HttpResponse if isinstance(answer.body, bytes) else StreamingHttpResponse
    made = make(answer.body, status=answer.status)
    for name, value in answer.fields:
        made.headers[name] = value
    return made


def endpoint(view: Callable[[RequestField], Answer]) -> Callable[[HttpRequest], HttpResponseBase]:
    return lambda request: response(view(lambda name: request.headers.get(name, "")))


def text(body: str) -> HttpResponseBase:
    return response(views.text(body.encode(), FRESH))


def login(request: HttpRequest) -> HttpResponseBase:
    request.session["name"] = request.POST["name"]
    made = response(views.text(b"welcome"))
    made.set_cookie("nick", request.session["name"])
    return made


def me(request: HttpRequest) -> HttpResponseBase:
    return text(f"hello {request.session.get('name', 'nobody')}")


def peek(request: HttpRequest) -> HttpResponseBase:
    return text(f"seen {request.COOKIES.get('nick', 'nobody')}")


def form(request: HttpRequest) -> HttpResponseBase:
    return text(f"a form with the token {get_token(request)}")


def counter(request: HttpRequest) -> HttpResponseBase:
    name = request.META["QUERY_STRING"]
    return response(views.raised(name) if request.method == "POST" else views.counted(name))


def upload(request: HttpRequest) -> HttpResponseBase:
    return response(views.received(request.body))


def download(request: HttpRequest) -> HttpResponseBase:
    made = FileResponse((views.FILES / "download.bin").open("rb"))
    control = "no-store" if request.META["QUERY_STRING"] == "no-store" else FRESH[1]
    made.headers["Cache-Control"] = control
    made.headers[served()[0]] = served()[1]
    return made


OWN = (login, me, peek, form, counter, upload, download)
urlpatterns = [route(view.__name__, view) for view in OWN]
urlpatterns += [route(path[1:], endpoint(view)) for path, view in VIEWS.items()]

django.setup()
app = get_wsgi_application()
