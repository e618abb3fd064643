"""What a page loads: its style, its script and its icon, under names that change with them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from importlib.resources import files
from typing import NamedTuple

__all__ = ["ASSETS", "CACHED", "Asset", "loaded", "path_of"]

CACHED = ("Cache-Control", "private, max-age=31536000, immutable")
"""The name changes with the content. No shared cache has to keep it."""

_KINDS = {
    "style.css": "text/css; charset=utf-8",
    "script.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """The type and the content of a file."""

    kind: str
    content: bytes


def loaded(
    package: str, kinds: Mapping[str, str], place: str
) -> tuple[dict[str, str], dict[str, Asset]]:
    """Return the paths below *place* by names, and the files of *package* by paths.

    *kinds* are their types by names.
    """
    paths: dict[str, str] = {}
    found: dict[str, Asset] = {}
    for name, kind in kinds.items():
        content = files(package).joinpath("files", name).read_bytes()
        stem, _, suffix = name.partition(".")
        digest = blake2b(content, digest_size=6).hexdigest()
        paths[name] = f"{place}{stem}-{digest}.{suffix}"
        found[paths[name]] = Asset(kind, content)
    return paths, found


_PATHS, ASSETS = loaded("wsgicache.dashboard", _KINDS, "assets/")


def path_of(name: str) -> str:
    """Return the path of the file *name* below the page."""
    return _PATHS[name]
