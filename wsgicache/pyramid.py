"""Put the cache around a Pyramid application: ``config.include("wsgicache.pyramid")``.

The settings that begin with ``wsgicache.`` are its options. It is no tween: it is around all of
them, so that a hit calls nothing of the application. This module imports Pyramid when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgicache.configuring import DOTTED, controls_of, naming, options_of
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.checks import must_be

__all__ = ["includeme"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_DOTTED_NAMES = ("clock", "observer", "policy", "routes", "runner")
"""Options that a file cannot write, only name."""


def includeme(config: Any) -> None:
    """Put the cache around the application that *config* makes.

    Requests get ``request.wsgicache``, which is the `CacheMiddleware`, and so does
    ``config.registry["wsgicache"]``. Views get the option ``cache=``, a control or a list of them.
    Raises ConfigurationError for wrong settings.
    """
    from pyramid.events import ApplicationCreated, ContextFound
    from pyramid.exceptions import ConfigurationError

    settings = dict(config.registry.settings)
    for name in _DOTTED_NAMES:
        given = settings.get(key := DOTTED.key(name))
        if not isinstance(given, str):
            continue
        try:
            settings[key] = config.maybe_dotted(given)
        except (ImportError, ValueError) as error:
            kind = "the dotted name of something, such as 'shop.caching.NAME'"
            raise ConfigurationError(f"{must_be(key, kind, given)}: {error}") from None
    try:
        options = options_of(settings)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(str(error)) from None

    def put_around(event: Any) -> None:
        router = event.app
        try:
            cache = CacheMiddleware(_Inside(router, router.execution_policy), **options)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(naming(str(error), settings, DOTTED)) from None
        router.execution_policy = _Around(cache)
        router.registry["wsgicache"] = cache

    config.add_subscriber(put_around, ApplicationCreated)
    config.add_subscriber(_note_route, ContextFound)
    config.add_view_deriver(_Saying(), name="wsgicache")
    config.add_request_method(_cache_of, "wsgicache", reify=True)


class _Around:
    """An execution policy that has *cache* answer all requests."""

    def __init__(self, cache: CacheMiddleware) -> None:
        self.cache = cache

    def __call__(self, environ: WSGIEnvironment, router: Any) -> WSGIApplication:
        return self.cache


class _Inside:
    """The WSGI application that *router* is with its own execution *policy*."""

    def __init__(
        self, router: Any, policy: Callable[[WSGIEnvironment, Any], WSGIApplication]
    ) -> None:
        self.app = router
        self._policy = policy

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._policy(environ, self.app)(environ, start_response)


def _note_route(event: Any) -> None:
    """Leave the route that matched a request where the cache looks for its pattern."""
    event.request.environ["pyramid.matched_route"] = event.request.matched_route


def _cache_of(request: Any) -> CacheMiddleware:
    found: CacheMiddleware = request.registry["wsgicache"]
    return found


class _Saying:
    """A view deriver: the option ``cache`` of a view is a control, or a list of them."""

    options = ("cache",)

    def __call__(self, view: Callable[..., Any], info: Any) -> Callable[..., Any]:
        given = info.options.get("cache")
        for control in () if given is None else reversed(controls_of("cache of a view", given)):
            view = control(view)
        return view
