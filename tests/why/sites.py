"""The same site in Flask, Django and Bottle: each page answers as a table says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import bottle
import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import clear_url_caches, re_path
from flask import Flask, Response

Line = tuple[str, str]
Page = tuple[int, list[Line], bytes]
Site = Callable[[dict[str, Page]], Any]

overriding = ExitStack()
"""What ends with the test: the settings of Django sites, connections."""
urlpatterns: list[Any] = []
"""Django's, for the site that was made last."""


def flask_site(pages: dict[str, Page]) -> Any:
    """A Flask application with *pages*."""
    app = Flask(__name__)

    def view(path: str = "") -> Response:
        status, lines, content = pages[f"/{path}"]
        return Response(content, status, lines)

    app.add_url_rule("/<path:path>", view_func=view)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app


def bottle_site(pages: dict[str, Page]) -> Any:
    """A Bottle application with *pages*."""
    app = bottle.Bottle()
    app.config["catchall"] = False

    @app.route("/<path:path>")
    def view(path: str) -> Any:
        status, lines, content = pages[f"/{path}"]
        response = bottle.HTTPResponse(content, status)
        for name, value in lines:
            response.add_header(name, value)
        return response

    return app


def django_site(pages: dict[str, Page]) -> Any:
    """A Django application with *pages*."""

    def view(request: HttpRequest) -> HttpResponse:
        status, lines, content = pages[request.path]
        response = HttpResponse(content, status=status)
        for name, value in lines:
            response[name] = value
        return response

    urlpatterns[:] = [re_path("", view)]
    return django_handler()


def django_handler(**options: Any) -> Any:
    """A handler for `urlpatterns` with *options* among the settings, until the test ends."""
    if not settings.configured:
        settings.configure(SECRET_KEY="for tests")
    django.setup(set_prefix=False)
    options = {
        "SECRET_KEY": "for tests",
        "ROOT_URLCONF": sys.modules[__name__],
        "ALLOWED_HOSTS": ["*"],
        "MIDDLEWARE": [],
        "INSTALLED_APPS": [],
        "DEBUG_PROPAGATE_EXCEPTIONS": True,
        **options,
    }
    clear_url_caches()
    overriding.enter_context(override_settings(**options))
    return WSGIHandler()


SITES: list[Site] = [flask_site, bottle_site, django_site]
