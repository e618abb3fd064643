"""The page about the cache as a view of Django, for those whom ``DASHBOARD`` names.

By default they are superusers. ``path("admin/cache/", include("wsgicache.django.urls"))`` has it.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from werkzeug.test import run_wsgi_app

from wsgicache.controls.decorators import never_cache
from wsgicache.dashboard import Dashboard
from wsgicache.django.door import get_wsgi_application, given_options
from wsgicache.django.options import function_of

__all__ = ["dashboard"]

_made: list[Dashboard] = []


@never_cache
def dashboard(request: Any, place: str, **captured: object) -> HttpResponseBase:
    """Answer with the page at *place* below this one, or send strangers to the login.

    What the pattern above has *captured* does not matter here: ``may`` sees it in the request.
    """
    may = function_of("DASHBOARD", given_options().get("DASHBOARD")) or _is_superuser
    if not may(request):
        if getattr(getattr(request, "user", None), "is_anonymous", False):
            from django.contrib.auth.views import redirect_to_login  # not each site has users

            return redirect_to_login(request.get_full_path())
        raise PermissionDenied
    if not _made:
        _made.append(Dashboard(get_wsgi_application(), secret=settings.SECRET_KEY))
    environ = {
        **request.META,
        "SCRIPT_NAME": _of_wsgi(request.path[: len(request.path) - len(place) - 1]),
        "PATH_INFO": _of_wsgi(f"/{place}"),
        # Without TLS on the last way, a proxy may have said that there was some before.
        "wsgi.url_scheme": request.scheme,
        "HTTP_HOST": request.get_host(),
        "wsgi.input": BytesIO(request.body),
    }
    body, status, fields = run_wsgi_app(_made[0], environ, buffered=True)
    code, _, reason = status.partition(" ")
    response = HttpResponse(b"".join(body), status=int(code), reason=reason)
    for name, value in fields:
        response.headers[name] = value
    return response


dashboard = csrf_exempt(dashboard)  # Its forms have tokens of their own.


def _of_wsgi(path: str) -> str:
    """Return *path* as an environ has it: bytes as characters (PEP 3333)."""
    return path.encode("utf-8", "surrogatepass").decode("latin-1")


def _is_superuser(request: Any) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_active and user.is_superuser
