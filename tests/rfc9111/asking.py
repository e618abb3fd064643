"""Asking twice: what most rules are about."""

from __future__ import annotations

from typing import Any

from tests.scene import Exchange, Field, Scene

ODD = {204: b"", 205: b"", 304: b""}


def twice(
    scene: Scene,
    *fields: Field,
    status: int = 200,
    after: float = 3.0,
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
    **named: Any,
) -> Exchange:
    """The answer to a second request, *after* some seconds: the app says the same both times."""
    scene.app(status, ODD.get(status, b"page"), *fields, **named)
    scene.get("/", **(first or {}))
    scene.after(after)
    return scene.get("/", **(second or {}))
