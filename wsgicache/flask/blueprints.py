"""What may be cached of all views of a blueprint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wsgicache.controls.control import KEY, Control, Controls
from wsgicache.controls.routes import Route
from wsgicache.flask.putting import add_routes
from wsgicache.rules.checks import must_be

__all__ = ["for_blueprint"]

if TYPE_CHECKING:
    from flask import Blueprint

_CONVERTER = re.compile("<[^>]*>")
_KIND = "controls or Routes, such as never_cache or Route('/search', query=['q'])"


def for_blueprint(blueprint: Blueprint, *said: Control | Route) -> None:
    """Say what may be cached of *blueprint*: controls for its views, Routes for paths below it.

    A control applies to all views of the blueprint and of those nested in it, but not to their
    static files. What a view, or a nested blueprint, says itself comes after that. The path of a
    Route goes on from the url_prefix under which the blueprint is registered. Call it before that.
    Raises TypeError or ValueError.
    """
    if not callable(getattr(blueprint, "before_request", None)) or not hasattr(blueprint, "record"):
        raise TypeError(must_be("blueprint", "a Blueprint of Flask", blueprint))
    for one in said:
        if not isinstance(one, Control | Route):
            raise TypeError(must_be("each argument of for_blueprint()", _KIND, one))
    if not said:
        raise ValueError(must_be("what for_blueprint() says", f"one or more {_KIND}", said))
    controls = tuple(one for one in said if isinstance(one, Control))
    routes = tuple(one for one in said if isinstance(one, Route))
    if controls:
        _say_first(blueprint, _Saying(controls))
    if routes:

        def registered(state: Any) -> None:
            mount = str(state.app.config["APPLICATION_ROOT"]).rstrip("/")
            prefix = mount + _CONVERTER.sub("*", state.url_prefix or "").rstrip("/")
            add_routes(state.app, [one.below(prefix) for one in routes])

        blueprint.record(registered)


class _Saying:
    """Says *controls* of the request that is being answered."""

    def __init__(self, controls: tuple[Control, ...]) -> None:
        self._controls = controls

    def __call__(self) -> None:
        from flask import current_app, request

        view = current_app.view_functions.get(request.endpoint or "")
        if getattr(view, "__name__", "") == "send_static_file":
            return
        own = request.environ.get(KEY)
        if isinstance(own, Controls):
            own.say(*self._controls)


def _say_first(blueprint: Blueprint, saying: _Saying) -> None:
    """Let *saying* come before what else may answer the requests of *blueprint*.

    A login that is asked for there would hide what forbids storing.
    """
    blueprint.before_request(saying)
    functions: list[Any] = blueprint.before_request_funcs[None]
    ours = sum(isinstance(one, _Saying) for one in functions[:-1])
    functions.insert(ours, functions.pop())
