"""A Django site: sessions, CSRF, messages, languages, accounts, compression, CORS and htmx."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http import HttpResponseRedirect as Redirect
from django.urls import include, path

from tests.apps import words


def said(response: HttpResponseBase, control: str) -> HttpResponseBase:
    """*response* with that Cache-Control."""
    response["Cache-Control"] = control
    return response


def make(folder: Path, users: Iterable[str]) -> Any:
    """The site as a WSGI application; the passwords of *users* are their names."""
    middleware = """
        django.middleware.gzip.GZipMiddleware corsheaders.middleware.CorsMiddleware
        django.contrib.sessions.middleware.SessionMiddleware
        django.middleware.locale.LocaleMiddleware django.middleware.common.CommonMiddleware
        django.middleware.csrf.CsrfViewMiddleware
        django.contrib.auth.middleware.AuthenticationMiddleware
        django.contrib.messages.middleware.MessageMiddleware
        django_htmx.middleware.HtmxMiddleware
    """
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "site.db"),
        "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"},
    }
    settings.configure(
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "corsheaders",
            "django_htmx",
        ],
        MIDDLEWARE=middleware.split(),
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        LANGUAGES=[(code, code) for code in words.LANGUAGES],
        LANGUAGE_CODE="en",
        USE_I18N=True,
        USE_TZ=True,
        CORS_ALLOWED_ORIGINS=list(words.ORIGINS),
    )
    django.setup()
    urlpatterns.extend(_urls())
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User  # only after setup()

    for name in users:
        User.objects.create_user(name, password=name)
    return get_wsgi_application()


urlpatterns: list[Any] = []


def personal(request: HttpRequest, **more: Any) -> HttpResponseBase:
    """What a page says of who asks; as in many shops, the cart is on each."""
    user: Any = request.user
    who = user.username if user.is_authenticated else "guest"
    cart = request.session.get("cart", [])
    return said(JsonResponse({"who": who, "cart": cart, **more}), words.BRIEF)


def items(request: Any) -> HttpResponseBase:
    return said(HttpResponse(words.FRAGMENT if request.htmx else words.PAGE), words.PUBLIC)


def news(request: HttpRequest, number: int) -> HttpResponseBase:
    return said(HttpResponse(words.news(number)), words.SHARED)


def script(request: HttpRequest) -> HttpResponseBase:
    return said(HttpResponse(words.SCRIPT, content_type="text/javascript"), words.PUBLIC)


def api(request: HttpRequest) -> HttpResponseBase:
    return said(JsonResponse({"items": ["apple", "banana"]}), words.PUBLIC)


def language(request: HttpRequest) -> HttpResponseBase:
    from django.utils.translation import get_language

    return said(HttpResponse(f"language={get_language()} {words.PADDING}"), words.PUBLIC)


def greeting(request: HttpRequest) -> HttpResponseBase:
    return said(JsonResponse({"who": request.COOKIES.get("nick", "guest")}), words.BRIEF)


def profile(request: HttpRequest) -> HttpResponseBase:
    user: Any = request.user
    return personal(request) if user.is_authenticated else HttpResponse(status=401)


def download(request: HttpRequest) -> HttpResponseBase:
    from io import BytesIO

    user: Any = request.user
    if not user.is_authenticated:
        return HttpResponse(status=401)
    content = BytesIO(f"file of {user.username}".encode())
    return said(FileResponse(content, as_attachment=True, filename="file.txt"), words.BRIEF)


def form(request: HttpRequest) -> HttpResponseBase:
    from django.middleware.csrf import get_token

    return personal(request, token=get_token(request))


def log_in(request: HttpRequest) -> HttpResponseBase:
    from django.contrib import auth

    name = request.POST["name"]
    user = auth.authenticate(request, username=name, password=name)
    assert user is not None
    auth.login(request, user)
    response = Redirect("/profile")
    response.set_cookie("nick", name)
    return response


def log_out(request: HttpRequest) -> HttpResponseBase:
    from django.contrib import auth

    auth.logout(request)
    response = Redirect("/greeting")
    response.delete_cookie("nick")
    return response


def cart(request: HttpRequest) -> HttpResponseBase:
    if request.method == "POST":
        request.session["cart"] = [*request.session.get("cart", []), request.POST["item"]]
        return Redirect("/cart")
    return personal(request)


def note(request: HttpRequest) -> HttpResponseBase:
    from django.contrib import messages

    if request.method == "POST":
        request.session["note"] = request.POST["text"]
        messages.success(request, "saved " + request.POST["text"])
        return Redirect("/note")
    told = [str(one) for one in messages.get_messages(request)]
    return personal(request, note=request.session.get("note", ""), flash=told)


def _urls() -> list[Any]:
    views: dict[str, Callable[..., HttpResponseBase]] = {
        "items": items,
        "news/<int:number>": news,
        "static/app.js": script,
        "api": api,
        "language": language,
        "greeting": greeting,
        "profile": profile,
        "download": download,
        "form": form,
        "login": log_in,
        "logout": log_out,
        "cart": cart,
        "note": note,
    }
    return [
        *(path(place, view) for place, view in views.items()),
        path("i18n/", include("django.conf.urls.i18n")),
    ]
