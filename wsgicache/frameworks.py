"""What loaded frameworks say of themselves; none is imported for that."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from wsgicache.rules.cookies import DJANGO_COOKIES, FLASK_COOKIES
from wsgicache.rules.policy import Policy

__all__ = ["application_name", "route_behind", "route_matched", "with_their_names"]

_INSIDE = ("application", "app", "wsgi_app", "wsgi")
"""Attributes in which a wrapper usually keeps its application."""
_DEEPEST = 16


def _wrapped(app: object) -> Iterator[object]:
    """Yield *app*, what it wraps, and so on; a bound method stands for its object."""
    for _ in range(_DEEPEST):
        app = getattr(app, "__self__", app) or app
        yield app
        inside = [one for name in _INSIDE if callable(one := getattr(app, name, None))]
        if not inside:
            return
        app = inside[0]


def application_name(app: object) -> str:
    """Return a name for *app* that all its processes share and most other applications do not.

    It is made of its module and its name there, or of what its framework has for that.
    """
    inner = app
    for inner in _wrapped(app):
        if isinstance(name := getattr(inner, "import_name", None), str):  # Flask, Quart
            return name
        if type(inner).__module__.startswith("django."):
            return os.environ.get("DJANGO_SETTINGS_MODULE", "django")
        module, own = getattr(inner, "__module__", ""), getattr(inner, "__qualname__", None)
        if isinstance(own, str):  # a function or a class
            return f"{module}:{own}"
    return f"{type(inner).__module__}:{type(inner).__qualname__}"


_USUAL = "django_language"


def with_their_names(policy: Policy, app: object = None) -> Policy:
    """Return *policy* with the cookie names that the framework is configured with.

    Django's settings count, and the configuration of the Flask application in *app*. They only add
    to an option that has the framework's usual names.
    """
    settings = _django_settings()
    language = getattr(settings, "LANGUAGE_COOKIE_NAME", _USUAL)
    if _USUAL in policy.language_cookies:
        named = _with(policy.language_cookies, [language])
        if named != policy.language_cookies:
            policy = replace(policy, language_cookies=named)
    only = policy.only_cookies
    if only is None:
        return policy
    if not set(DJANGO_COOKIES).isdisjoint(only) and settings is not None:
        only = _with(only, [getattr(settings, key) for key in dir(settings) if _names_one(key)])
    if not set(FLASK_COOKIES).isdisjoint(only):
        for inner in _wrapped(app):
            if isinstance(config := getattr(inner, "config", None), dict):
                only = _with(only, [config[key] for key in config if _names_one(key)])
    return policy if only == policy.only_cookies else replace(policy, only_cookies=only)


def _django_settings() -> object:
    """Return Django's settings, if it is loaded and configured."""
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    return settings if getattr(settings, "configured", False) else None


def _names_one(key: object) -> bool:
    """Return whether a setting called *key* may have the name of a cookie."""
    return isinstance(key, str) and "COOKIE" in key and not key.endswith(_NOT_NAMING)


_NOT_NAMING = ("_PATH", "_DOMAIN", "_SAMESITE")


def _with(names: tuple[str, ...], more: Iterable[object]) -> tuple[str, ...]:
    """Return *names*, and of *more* each other name."""
    return tuple(dict.fromkeys((*names, *(one for one in more if isinstance(one, str) and one))))


def route_matched(environ: Mapping[str, Any]) -> str:
    """Return the pattern that a framework left in *environ*, or an empty string.

    Flask takes it back once it has answered, so start_response is the time to ask.
    """
    try:
        for key in _PATTERNS:
            if key in environ:
                found = environ[key]
                for name in _PATTERNS[key]:
                    found = getattr(found, name, None)
                if isinstance(found, str):
                    return found
    except Exception:  # any code may stand behind such an attribute
        return ""
    return ""


def route_behind(body: object) -> str:
    """Return the pattern that a response of Django answers for, or an empty string."""
    if type(body) is list:
        return ""
    try:
        for closer in getattr(body, "_resource_closers", ()):
            match = getattr(getattr(closer, "__self__", None), "resolver_match", None)
            if isinstance(pattern := getattr(match, "route", None), str):
                return pattern if pattern[:1] in ("/", "^") else f"/{pattern}"
    except Exception:  # any code may stand behind such an attribute
        return ""
    return ""


_PATTERNS = {
    "werkzeug.request": ("url_rule", "rule"),
    "bottle.route": ("rule",),
    "routes.route": ("routepath",),
    "pyramid.matched_route": ("pattern",),  # the include for Pyramid puts it there
}
"""Environ keys in which frameworks leave what matched, and attributes that lead to a pattern."""
