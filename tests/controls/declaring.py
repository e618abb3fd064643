"""A stage for what is said of responses: routes before the cache, and a view behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.scene import Environ, Lint, Reply, Scene
from wsgicache import CacheMiddleware, Route

StartResponse = Callable[..., Any]
View = Callable[[Environ, StartResponse], Iterable[bytes]]

NEVER = {
    "Cache-Control": "no-store, no-cache, must-revalidate, max-age=0",
    "Pragma": "no-cache",
    "Expires": "0",
}


def with_routes(scene: Scene, *routes: Route) -> Scene:
    """*scene* with these routes."""
    scene.cache = CacheMiddleware(
        scene.cache.app,
        store=scene.cache.store,
        policy=scene.policy,
        clock=scene.clock,
        routes=routes,
    )
    scene.front = Lint(scene.cache) if scene.lint else scene.cache
    return scene


def view(reply: Reply | None = None, *controls: Any) -> View:
    """A WSGI view that answers *reply*, decorated: the first of *controls* is the outermost."""
    answer = reply or Reply(200, "page")

    def page(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response(answer.status, list(answer.fields))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else list(answer.chunks)

    decorated: View = page
    for control in reversed(controls):
        decorated = control(decorated)
    return decorated
