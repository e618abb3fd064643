"""URLs of Flask's static files that name the version of their content."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from wsgicache.controls.routes import Route
from wsgicache.controls.static import StaticVersions
from wsgicache.rules.checks import must_be

__all__ = ["put_versions"]

if TYPE_CHECKING:
    from flask import Flask

_KIND = "False for an application without a static folder that has a path of its own"


def put_versions(app: Flask) -> Route:
    """Put the versions of the static files of *app* into their URLs, and return their route.

    ``url_for("static", …)`` names them, and ``static("app.js")`` of templates is the same in short.
    Raises ValueError where there is no static folder.
    """
    folder, path = app.static_folder, (app.static_url_path or "").rstrip("/")
    if not path or folder is None or not os.path.isdir(folder):
        raise ValueError(must_be("static_versions", _KIND, True))
    mount = str(app.config["APPLICATION_ROOT"]).rstrip("/")
    versions = StaticVersions(folder, f"{mount}{path}/")

    def with_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values:
            values.setdefault("v", versions.version(values["filename"]))

    def static(name: str) -> str:
        """Return the URL of a static file, with its version."""
        return app.url_for("static", filename=name)

    app.url_defaults(with_version)
    app.add_template_global(static)
    return versions.route
