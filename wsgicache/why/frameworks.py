"""Which settings of Flask, Django and their extensions work against a cache?"""

from __future__ import annotations

import ast
import inspect
import os
import textwrap
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from wsgicache.controls.control import Control
from wsgicache.rules.credentials import EVERYBODY
from wsgicache.why.declared import vouchers
from wsgicache.why.layers import is_a, name_of
from wsgicache.why.routing import route_at
from wsgicache.why.setup import Finding, Setup, found
from wsgicache.why.sitemap import WHITENOISE, sends_files_for

__all__ = ["FRAMEWORKS"]

_SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
_USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
_LOCALE = "django.middleware.locale.LocaleMiddleware"
_TOOLBAR = "debug_toolbar.middleware.DebugToolbarMiddleware"
_CACHES = (
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
    "django.middleware.cache.CacheMiddleware",
)


# ── sessions ───────────────────────────────────────────────────────────────────────────────────


def _sessions_of_django(setup: Setup) -> Iterator[Finding]:
    if setup.middleware(_SESSIONS) and setup.django.SESSION_SAVE_EVERY_REQUEST:
        what = "SESSION_SAVE_EVERY_REQUEST is on"
        yield found("session-each-request", what, "SESSION_SAVE_EVERY_REQUEST = False")


def _sessions_of_flask(setup: Setup) -> Iterator[Finding]:
    for flask in setup.flasks:
        kept = flask.session_interface
        refreshes = flask.config["SESSION_REFRESH_EACH_REQUEST"]
        if (
            is_a(kept, "flask_session.base", "ServerSideSessionInterface")
            and kept.permanent
            and refreshes
        ):
            yield found(
                "session-each-request",
                "Flask-Session's sessions are permanent, and SESSION_REFRESH_EACH_REQUEST is on",
                'app.config["SESSION_REFRESH_EACH_REQUEST"] = False',
            )
        for function in flask.before_request_funcs.get(None, ()):
            if place := _makes_permanent(function):
                yield found(
                    "session-permanent",
                    f"{name_of(function)} says session.permanent = True before each request",
                    f"leave it out there ({place}), and say it once, where somebody logs in",
                )
        if _has_flask_login(flask) and flask.config.get("REMEMBER_COOKIE_REFRESH_EACH_REQUEST"):
            yield found(
                "remember-refresh",
                "Flask-Login's REMEMBER_COOKIE_REFRESH_EACH_REQUEST is on",
                'app.config["REMEMBER_COOKIE_REFRESH_EACH_REQUEST"] = False',
            )


def _makes_permanent(function: Any) -> str:
    """Return where *function* says ``session.permanent = True`` on every path through it, if so."""
    if not isinstance(function, FunctionType):
        return ""
    code = function.__code__
    try:
        lines, first = inspect.getsourcelines(code)
        (node,) = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, SyntaxError, ValueError):
        return ""
    for statement in getattr(node, "body", ()):
        if isinstance(statement, ast.Assign) and ast.unparse(statement.value) == "True":
            for target in statement.targets:
                written = ast.unparse(target)
                if written in ("session.permanent", "flask.session.permanent"):
                    return f"{os.path.basename(code.co_filename)}:{first + statement.lineno - 1}"
        elif not isinstance(statement, ast.Expr | ast.Assign):
            break  # what follows may not be reached
    return ""


def _has_flask_login(flask: Any) -> bool:
    manager = getattr(flask, "login_manager", None)
    return is_a(manager, "flask_login.login_manager", "LoginManager")


def _hidden_sessions(setup: Setup) -> Iterator[Finding]:
    hides = setup.policy.hides_cookie
    if hides is None:
        return
    names = [f.config["SESSION_COOKIE_NAME"] for f in setup.flasks if _has_flask_login(f)]
    names += [setup.django.SESSION_COOKIE_NAME] if setup.middleware(_USERS) else []
    for name in names:
        if hides(name) and not any(name in (route.cookies or ()) for route in setup.routes):
            what = f"the policy hides the session cookie {name!r}, and visitors can log in"
            yield found("session-hidden", what, f"Policy(only_cookies=[…, {name!r}])")


def _vary_of_flask_login(setup: Setup) -> Iterator[Finding]:
    for flask in filter(_varies, setup.flasks):
        for page, controls in setup.viewed:
            given = vouchers(setup, page, controls)
            if any(route.cookies is not None for route in route_at(setup, page.glob)):
                continue
            if given and not any(given.values()) and page.view in flask.view_functions.values():
                written = next(iter(given))
                yield found(
                    "login-vary",
                    f"Flask-Login says Vary: Cookie of every page, {name_of(page.view)} too, "
                    f"which has {written}",
                    f"{written[:-1]}, everybody=True)",
                )


def _varies(flask: Any) -> bool:
    """Return whether Flask-Login looks into the session for each answer, and Flask sees that."""
    after = flask.after_request_funcs.get(None, ())
    looks = any(getattr(one, "__name__", "") == "_update_remember_cookie" for one in after)
    # From Flask 3.1.3 on a look for a key counts, too.
    session = getattr(flask.session_interface, "session_class", None)
    return looks and session is not None and _notices_looks(flask)


def _notices_looks(flask: Any) -> bool:
    from importlib.metadata import version

    numbers = version("flask").split(".")[:3]
    return tuple(int(one) if one.isdecimal() else 0 for one in numbers) >= (3, 1, 3)


# ── static files ───────────────────────────────────────────────────────────────────────────────


def _static_of_flask(setup: Setup) -> Iterator[Finding]:
    for flask in setup.flasks:
        folder = flask.static_folder
        if not folder or not os.path.isdir(folder) or not os.listdir(folder):
            continue
        path = f"{flask.static_url_path}/*"
        if not any(page.glob == path for page in setup.pages.all):
            continue
        at = list(route_at(setup, path))
        if sends_files_for(flask) == 0 and not any(route.override for route in at):
            yield found(
                "static-no-cache",
                f"Flask says no-cache of its static files, {path}",
                f"routes=[StaticVersions({_here(folder)!r}, "
                f"prefix={path[:-1]!r}).route], and its url() in templates",
            )
        blind = [route for route in at if route.cookies is not None or _is_for_everybody(route)]
        if _varies(flask) and not blind:
            yield found(
                "static-vary",
                f"Flask-Login says Vary: Cookie of static files, {path}, too",
                f"Route({path!r}, cookies=())",
            )


def _here(folder: str) -> str:
    """Return the path of *folder*, from the present one if it is in that."""
    path = os.path.relpath(folder)
    return folder if path.startswith("..") else path


def _is_for_everybody(route: Any) -> bool:
    controls: tuple[Control, ...] = route.controls
    return any(EVERYBODY in control._said.here for control in controls)


def _static_of_whitenoise(setup: Setup) -> Iterator[Finding]:
    if not setup.middleware(WHITENOISE):
        return
    (place, *_) = setup.middleware(WHITENOISE)
    before = [at for at in setup.middleware(_LOCALE) if at < place]
    if setup.django.SESSION_SAVE_EVERY_REQUEST:
        before += [at for at in setup.middleware(_SESSIONS) if at < place]
    for at in before:
        name = setup.django.MIDDLEWARE[at].rpartition(".")[2]
        yield found(
            "whitenoise-order",
            f"{name} comes before WhiteNoiseMiddleware in MIDDLEWARE",
            "put WhiteNoiseMiddleware first, or directly after SecurityMiddleware",
        )
    if getattr(setup.django, "WHITENOISE_MAX_AGE", None) == 0:
        what = "WHITENOISE_MAX_AGE is 0"
        yield found("static-no-cache", what, "WHITENOISE_MAX_AGE = 3600")


# ── development ────────────────────────────────────────────────────────────────────────────────


def _debug(setup: Setup) -> Iterator[Finding]:
    if setup.cache is None or setup.policy.debug:
        return
    if any(flask.debug for flask in setup.flasks):
        yield found("debug", "app.debug is on", "Policy(debug=app.debug)")
    if setup.django is not None and setup.django.DEBUG:
        yield found("debug", "settings.DEBUG is on", "Policy(debug=settings.DEBUG)")


def _toolbars(setup: Setup) -> Iterator[Finding]:
    if setup.cache is None:
        return
    for flask in setup.flasks:
        if "debugtoolbar" in flask.extensions and flask.config.get("DEBUG_TB_ENABLED"):
            yield found("debug-toolbar", "Flask-DebugToolbar is on", "WSGICACHE=off")
    if setup.middleware(_TOOLBAR) and setup.django.DEBUG:
        yield found("debug-toolbar", "Django Debug Toolbar is on", "WSGICACHE=off")


def _cache_of_django(setup: Setup) -> Iterator[Finding]:
    if setup.cache is None:
        return
    for place in setup.middleware(*_CACHES)[:1]:
        name = setup.django.MIDDLEWARE[place].rpartition(".")[2]
        yield found("framework-cache", f"Django's {name} caches, too", "leave it out of MIDDLEWARE")


FRAMEWORKS = (
    *(_sessions_of_django, _sessions_of_flask, _hidden_sessions, _vary_of_flask_login),
    *(_static_of_flask, _static_of_whitenoise, _debug, _toolbars, _cache_of_django),
)
