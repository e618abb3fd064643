"""What pages does an application have, by the rules of Flask, Django or Bottle?"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from wsgicache.middleware import CacheMiddleware
from wsgicache.why.globs import glob_of_regex
from wsgicache.why.layers import inward, is_a

__all__ = [
    "WHITENOISE",
    "Page",
    "Pages",
    "django_settings",
    "is_django",
    "is_flask",
    "pages_of",
    "sends_files_for",
]


class Page(NamedTuple):
    """The pages of one rule."""

    glob: str
    """A pattern that matches all their paths, and perhaps more."""
    rule: str
    """The rule, as its framework has it."""
    view: Any = None
    methods: frozenset[str] | None = None
    """The methods that the rule takes, if it says so."""

    @property
    def answers_get(self) -> bool:
        """Whether it answers GET."""
        return self.methods is None or "GET" in self.methods


class Pages(NamedTuple):
    """The pages of an application."""

    all: tuple[Page, ...]
    unknown: str = ""
    """What may answer other paths, if anything may."""


_CONVERTER = re.compile(r"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_OLD_BOTTLE = re.compile(r":[A-Za-z_]\w*(?:#[^#]*#)?")
_ONLY_PASSING = (
    ("werkzeug.middleware.proxy_fix", "ProxyFix"),
    ("werkzeug.middleware.profiler", "ProfilerMiddleware"),
    ("werkzeug.middleware.lint", "LintMiddleware"),
    ("werkzeug.middleware.dispatcher", "DispatcherMiddleware"),
    ("werkzeug.exceptions", "HTTPException"),
    ("werkzeug.debug", "DebuggedApplication"),
    ("beaker.middleware", "SessionMiddleware"),
    ("paste.gzipper", "middleware"),
)
"""Middleware that answers no path by itself."""
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
_ONLY_ADDING = ("django.", "debug_toolbar.", "corsheaders.", WHITENOISE, "django_htmx.", "allauth.")
"""Packages whose Django middleware answers no path by itself."""
_FALLBACKS = ("FlatpageFallbackMiddleware", "RedirectFallbackMiddleware")


def is_flask(one: object) -> bool:
    """Return whether *one* is a Flask application."""
    return is_a(one, "flask.app", "Flask")


def is_django(one: object) -> bool:
    """Return whether *one* is the application that Django makes."""
    return is_a(one, "django.core.handlers.wsgi", "WSGIHandler")


def _is_bottle(one: object) -> bool:
    """Return whether *one* is a Bottle application."""
    return is_a(one, "bottle", "Bottle")


def django_settings() -> Any:
    """Return Django's settings."""
    return sys.modules["django.conf"].settings


def pages_of(layers: Iterable[object]) -> Pages:
    """Return the pages of *layers*: of an application, and of what is around it."""
    found, unknown = list[Page](), ""
    layers = list(layers)
    dispatchers: list[Any] = list(filter(_dispatches, layers))
    mounted = {id(one) for each in dispatchers for m in each.mounts.values() for one in inward(m)}
    for layer in layers:
        if id(layer) in mounted:
            continue
        if is_flask(layer):
            found += _of_flask(layer)
            unknown = unknown or _fallback_of_flask(layer)
        elif _is_bottle(layer):
            found += _of_bottle(layer)
        elif is_django(layer):
            found += [*_of_django("/", _resolver()), *_of_whitenoise()]
            unknown = unknown or _fallback_of_django()
        elif is_a(layer, "werkzeug.middleware.shared_data", "SharedDataMiddleware"):
            exports: Any = layer
            found += [Page(f"{prefix}*", prefix) for prefix, _ in exports.exports]
        elif not (
            isinstance(layer, CacheMiddleware)
            or any(is_a(layer, module, name) for module, name in _ONLY_PASSING)
        ):
            unknown = unknown or type(layer).__qualname__
    for each in dispatchers:
        found += _mounted(each.mounts)
    return Pages(tuple(found), unknown if found else "the application")


def _dispatches(layer: object) -> bool:
    return is_a(layer, "werkzeug.middleware.dispatcher", "DispatcherMiddleware")


def _mounted(mounts: dict[str, Any]) -> Iterator[Page]:
    """Yield the pages of *mounts*, below their paths."""
    for prefix, app in mounts.items():
        inner = pages_of(inward(app))
        if inner.unknown:
            yield Page(f"{prefix}/*", f"{prefix}/")
        for page in inner.all:
            yield page._replace(glob=prefix + page.glob, rule=prefix + page.rule)


def _of_flask(app: Any) -> Iterator[Page]:
    for rule in app.url_map.iter_rules():
        methods = None if rule.methods is None else frozenset(rule.methods)
        view = app.view_functions.get(rule.endpoint)
        yield Page(_CONVERTER.sub("*", rule.rule), rule.rule, view, methods)


def sends_files_for(app: Any) -> int | None:
    """Return for how many seconds a Flask application or blueprint says that its files are good.

    0 if it says ``no-cache``. None if its own code decides.
    """
    if not type(app).get_send_file_max_age.__module__.startswith("flask."):
        return None
    seconds = app.config["SEND_FILE_MAX_AGE_DEFAULT"]
    return int(getattr(seconds, "total_seconds", lambda: seconds or 0)())


def _fallback_of_flask(app: Any) -> str:
    """Return what may answer paths that no rule of *app* matches, if anything does."""
    if app.config.get("APPLICATION_ROOT", "/") != "/":
        return "APPLICATION_ROOT"
    for blueprint, by_code in app.error_handler_spec.items():
        if blueprint is None and any(
            code in by_code and any(k.__name__ in _NOT_FOUND for k in by_code[code])
            for code in (404, None)
        ):
            return "an error handler"
    return ""


_NOT_FOUND = ("NotFound", "HTTPException", "Exception")


def _of_bottle(app: Any) -> Iterator[Page]:
    for route in app.routes:
        glob = _OLD_BOTTLE.sub("*", _CONVERTER.sub("*", route.rule))
        yield Page(glob, route.rule, route.callback, frozenset([route.method]))


def _resolver() -> Any:
    return sys.modules["django.urls"].get_resolver()


def _of_django(prefix: str, resolver: Any) -> Iterator[Page]:
    for one in resolver.url_patterns:
        pattern = one.pattern
        if is_a(pattern, "django.urls.resolvers", "RegexPattern"):
            glob = prefix + glob_of_regex(pattern._regex)
        elif is_a(pattern, "django.urls.resolvers", "RoutePattern"):
            glob = prefix + _CONVERTER.sub("*", str(pattern._route))
        else:
            glob = f"{prefix}*"  # a language, say
        if hasattr(one, "url_patterns"):
            yield from _of_django(glob, one)
        else:
            yield Page(glob, glob, one.callback)


def _of_whitenoise() -> Iterator[Page]:
    settings = django_settings()
    if WHITENOISE in settings.MIDDLEWARE and settings.STATIC_URL:
        yield Page(f"{urlsplit(settings.STATIC_URL).path}*", "the static files")


def _fallback_of_django() -> str:
    """Return what may answer paths that no pattern matches, if anything does."""
    settings = django_settings()
    for name in ("FORCE_SCRIPT_NAME", "WHITENOISE_ROOT"):
        if getattr(settings, name, None):
            return name
    for name in settings.MIDDLEWARE:
        if name.endswith(_FALLBACKS) or not name.startswith(_ONLY_ADDING):
            return str(name)
    return ""
