"""A page that is stored already, and an app that fails afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.scene import Environ, Reply, Scene

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}


def filled(scene: Scene, body: str = "old", **fields: Any) -> None:
    """The app's answer *body* is stored under "/"."""
    scene.app(200, body, **{**FRESH, **fields})
    got = scene.get("/")
    assert got.stored, got


def failing(raises: bool) -> Callable[[Environ], Reply]:
    """An app that has nothing to say any more: it *raises*, or answers 503."""

    def answer(environ: Environ) -> Reply:
        if raises:
            raise RuntimeError("no origin")
        return Reply(503, "broken")

    return answer
