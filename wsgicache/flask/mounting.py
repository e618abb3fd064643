"""Mount the page about the cache in a Flask application, behind what guards it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from wsgicache.rules.checks import must_be, text
from wsgicache.rules.policy import Policy

__all__ = ["checked_place", "exempting", "mount_dashboard"]

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug import Response

    from wsgicache.middleware import CacheMiddleware

_PLACE = re.compile(r"(?:/[\w.~-]+)+/?", re.ASCII)
_GUARD = "a decorator of views that lets only operators pass, such as login_required"


def checked_place(app: Flask, place: object, guard: object) -> str:
    """Return the path *place* without a slash at its end. Raises TypeError or ValueError.

    A page that anybody may reach is refused, unless *app* is debugged.
    """
    path = text("dashboard", place, "a path, such as '/admin/cache'", _PLACE)
    if not callable(guard) and not (guard is None and app.debug):
        raise TypeError(must_be("dashboard_guard", f"{_GUARD}, where there is a dashboard", guard))
    return path.rstrip("/")


def exempting(policy: Policy, app: Flask, place: str) -> Policy:
    """Return *policy* for a cache that leaves the page at *place* alone."""
    root = str(app.config["APPLICATION_ROOT"]).rstrip("/")
    return replace(policy, exempt=(*policy.exempt, f"{root}{place}/"))


def mount_dashboard(
    app: Flask, cache: CacheMiddleware, place: str, guard: Callable[..., Any] | None
) -> None:
    """Mount the page about *cache* in *app* at *place*; *guard* decorates its view."""
    from flask import request

    from wsgicache.dashboard import Dashboard

    dashboard = Dashboard(cache, secret=app.secret_key or "")

    def wsgicache_dashboard(path: str = "") -> Response:
        """Answer a request below *place*."""
        given = request.environ
        inner = given["PATH_INFO"].removeprefix(place)
        environ = {**given, "SCRIPT_NAME": given["SCRIPT_NAME"] + place, "PATH_INFO": inner}
        if request.mimetype == "application/x-www-form-urlencoded":
            # Something in the application may have read it.
            content = urlencode(list(request.form.items(multi=True))).encode()
            environ |= {"wsgi.input": BytesIO(content), "CONTENT_LENGTH": str(len(content))}
        return app.response_class.from_app(dashboard, environ, buffered=True)

    view = wsgicache_dashboard if guard is None else guard(wsgicache_dashboard)
    for rule in (f"{place}/", f"{place}/<path:path>"):
        app.add_url_rule(rule, "wsgicache_dashboard", view, methods=["GET", "POST"])
