"""A page that is stored already."""

from __future__ import annotations

from typing import Any

from tests.scene import Scene

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}


def filled(scene: Scene, body: str = "old", **fields: Any) -> None:
    """The app's answer *body* is stored under "/"."""
    scene.app(200, body, **{**FRESH, **fields})
    got = scene.get("/")
    assert got.stored, got
